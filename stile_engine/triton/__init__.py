"""Triton kernels: unmodified ``@triton.jit`` functions, read as the compiler's own first form of them (TTIR), and a
typed dialect that is lowered to them: ``import stile_engine.triton as ttl``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stile_engine.triton.dialect.kernel import TypedKernel as TypedKernel
    from stile_engine.triton.dialect.kernel import jit as jit
    from stile_engine.triton.dialect.words import full as full
    from stile_engine.triton.dialect.words import gather as gather
    from stile_engine.triton.dialect.words import load as load
    from stile_engine.triton.dialect.words import mask as mask
    from stile_engine.triton.dialect.words import range as range
    from stile_engine.triton.dialect.words import static_range as static_range
    from stile_engine.triton.dialect.words import store as store
    from stile_engine.triton.dialect.words import zeros as zeros

_KERNEL = "stile_engine.triton.dialect.kernel"
_WORDS = "stile_engine.triton.dialect.words"

# Imported when a name is first used: the engine reads plain Triton without the dialect.
_EXPORTS = {
    "TypedKernel": _KERNEL,
    "jit": _KERNEL,
    **dict.fromkeys(("full", "gather", "load", "mask", "range", "static_range", "store", "zeros"), _WORDS),
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
