"""The dims that a stretch of a program declared, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stile_engine.index.dims import Dim

registered: dict[str, Dim] = {}
"""Of two declarations of one name the later counts."""


class Scope:
    """A stretch of a program whose declarations belong together; other registries key on it."""


_scopes = [Scope()]


def current_scope() -> Scope:
    return _scopes[-1]


@contextmanager
def scope(clear: bool = False) -> Iterator[None]:
    """Declarations made inside end with it; with ``clear`` it also starts without any. Unnamed inputs count from 0."""
    saved = dict(registered)
    if clear:
        registered.clear()
    _scopes.append(Scope())
    try:
        yield
    finally:
        _scopes.pop()
        registered.clear()
        registered.update(saved)


def reset_stile() -> None:
    """Forget every declaration of the current scope; unnamed inputs count from 0 again."""
    registered.clear()
    _scopes[-1] = Scope()
