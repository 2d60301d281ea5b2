"""The one list of the codes that a diagnostic can have. Each has a page of its name under docs/codes/."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SEVERITIES: Mapping[str, str] = MappingProxyType(
    {
        "dim-mismatch": "error",
        "unreduced-dim": "error",
        "spec-syntax": "error",
        "spec-shape": "error",
        "not-equal": "error",
        "not-proved": "warning",
        "coverage-gap": "error",
        "coverage-overlap": "error",
        "out-of-bounds": "error",
        "undefined-value": "error",
        "race": "error",
        "index-overflow": "error",
        "invariant-base": "error",
        "invariant-step": "error",
        "dtype-mismatch": "error",
        "unsupported": "warning",
        "timeout": "error",
        "crashed": "error",
        "exception": "error",
        "python-syntax": "error",
        "import-error": "error",
        "internal-error": "error",
        "unused-ignore": "warning",
        "sandbox": "error",
        "assumption": "information",
    }
)
"""Code -> the severity that it has where nothing else is said: a hint may carry a code at a lower one."""
