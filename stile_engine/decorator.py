"""The ``kernel`` decorator: it gives the decorated object back, and nothing else happens in a normal run.

Only while ``check.py`` runs a module does the decorator write down what it decorates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from stile_engine.errors import UsageError
from stile_engine.index.dims import Dim, registered_dims
from stile_engine.trace.location import Site, user_site

Decorated = TypeVar("Decorated")

BACKENDS = ("numpy", "jax", "pallas", "torch", "triton", "typed")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One application of the decorator. ``site`` is the call ``kernel(...)`` in the user's text."""

    target: Any
    spec: Any
    options: Mapping[str, Any]
    site: Site | None
    dims: Mapping[str, Dim]


_declarations: ContextVar[list[Declaration] | None] = ContextVar("_declarations", default=None)


@contextmanager
def recording_declarations() -> Iterator[list[Declaration]]:
    """Kernels decorated inside are appended to the list."""
    found: list[Declaration] = []
    token = _declarations.set(found)
    try:
        yield found
    finally:
        _declarations.reset(token)


def kernel(
    spec: Any,
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | str | None = None,
    dtypes: Mapping[str, str] | None = None,
    scalars: Mapping[str, Any] | None = None,
    consts: Mapping[str, Any] | None = None,
    grid: tuple[Any, ...] | Callable[[Mapping[str, Any]], tuple[Any, ...]] | None = None,
    strides: Mapping[str, Sequence[Any]] | None = None,
    backend: str | None = None,
    assume: str | Sequence[str] | None = None,
    examples: Any = None,
    typed: bool | None = None,
) -> Callable[[Decorated], Decorated]:
    """Declare what a kernel computes. Returns a decorator that gives back the decorated object itself.

    ``spec`` is an expression of the spec language, a tuple of them for several results, or a dict from
    the names of outputs written in place to their specs. ``inputs`` pairs parameters with the spec's
    labels where their names differ: ``{"x_ptr": "X:N"}``. The other options are described in the
    reference of the decorator.
    """
    if backend is not None and backend not in BACKENDS:
        raise UsageError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
    if _declarations.get() is None:
        return _identity
    site = user_site()
    given = {
        "inputs": inputs,
        "outputs": outputs,
        "dtypes": dtypes,
        "scalars": scalars,
        "consts": consts,
        "grid": grid,
        "strides": strides,
        "backend": backend,
        "assume": assume,
        "examples": examples,
        "typed": typed,
    }

    def decorate(target: Decorated) -> Decorated:
        declare(target, spec, given, site)
        return target

    return decorate


def declare(target: Any, spec: Any, options: Mapping[str, Any], site: Site | None) -> None:
    """Note that ``target`` computes ``spec``, if a module is being checked; options that are None do not count."""
    declarations = _declarations.get()
    if declarations is not None:
        given = {name: value for name, value in options.items() if value is not None}
        declarations.append(Declaration(target, spec, given, site, registered_dims()))


def being_checked() -> bool:
    """Whether the code that runs is that of a module under check."""
    return _declarations.get() is not None


def _identity(target: Decorated) -> Decorated:
    return target
