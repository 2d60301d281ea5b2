"""Kernels that are methods: the class they belong to, and an object to call them on."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from stile_engine.checking.backend import undecorated
from stile_engine.errors import UnsupportedError


def owner_of(target: Any, module: ModuleType) -> type | None:
    """The class that the kernel is a method of, not a static one, where its qualified name leads there."""
    inner = undecorated(target)
    qualified = getattr(inner, "__qualname__", "").split(".")
    if len(qualified) < 2 or qualified[-2] == "<locals>":
        return None
    if isinstance(target, (staticmethod, classmethod)) or hasattr(inner, "__self__"):
        return None
    found: Any = module
    for part in qualified[:-1]:
        found = getattr(found, part, None)
    if not isinstance(found, type):
        return None
    own = found.__dict__.get(getattr(inner, "__name__", ""))
    return None if isinstance(own, staticmethod) else found


def bound(target: Any, owner: type) -> Any:
    """The method of the class, or of an object that is made without arguments.

    Raises ``UnsupportedError`` where no object can be made.
    """
    if isinstance(vars(owner).get(getattr(undecorated(target), "__name__", "")), classmethod):
        return partial(target, owner)
    try:
        instance = owner()
    except Exception as error:
        raise UnsupportedError(
            f"the kernel is a method, and {owner.__name__}() needs more than no arguments ({error})"
        ) from error
    bind = getattr(target, "__get__", None)
    return partial(target, instance) if bind is None else bind(instance, owner)
