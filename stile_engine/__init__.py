"""The verifier. Importing this package loads no framework and no set library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stile_engine.decorator import kernel as kernel
    from stile_engine.errors import DimError as DimError
    from stile_engine.errors import StileError as StileError
    from stile_engine.errors import UnsupportedError as UnsupportedError
    from stile_engine.index.dims import Dim as Dim
    from stile_engine.index.dims import dim as dim
    from stile_engine.index.registry import reset_stile as reset_stile
    from stile_engine.index.registry import scope as scope
    from stile_engine.index.sizes import cdiv as cdiv
    from stile_engine.pairs import prove as prove
    from stile_engine.proof.verdict import Status as Status
    from stile_engine.typed.verified import expr_simplifies as expr_simplifies
    from stile_engine.typed.verified import mask_expr as mask_expr
    from stile_engine.typed.verified import runtime_scalar as runtime_scalar
    from stile_engine.typed.verified import verified as verified

# Name -> module that defines it, imported when the name is first used: the server imports parts of this
# package in a process that must stay free of frameworks, and a kernel file must start fast.
_EXPORTS = {
    "Dim": "stile_engine.index.dims",
    "DimError": "stile_engine.errors",
    "Status": "stile_engine.proof.verdict",
    "StileError": "stile_engine.errors",
    "UnsupportedError": "stile_engine.errors",
    "cdiv": "stile_engine.index.sizes",
    "dim": "stile_engine.index.dims",
    "expr_simplifies": "stile_engine.typed.verified",
    "kernel": "stile_engine.decorator",
    "mask_expr": "stile_engine.typed.verified",
    "prove": "stile_engine.pairs",
    "reset_stile": "stile_engine.index.registry",
    "runtime_scalar": "stile_engine.typed.verified",
    "scope": "stile_engine.index.registry",
    "verified": "stile_engine.typed.verified",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
