"""Kernels that are methods, or objects that are called: the class they belong to, and an object to call them on."""

from __future__ import annotations

from functools import partial
from types import MethodType, ModuleType
from typing import Any

from stile_engine.checking.backend import undecorated
from stile_engine.errors import UnsupportedError


def called(target: Any) -> Any:
    """What runs when the object is called: the ``forward`` of a module of layers, else the object itself."""
    if callable(getattr(target, "named_parameters", None)) and not isinstance(target, type):
        return target.forward
    return target


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


def bound(target: Any, owner: type, module: ModuleType) -> Any:
    """The method of the class, of the object of that class in the module, or of one that is made without arguments.

    Raises ``UnsupportedError`` where no object can be made.
    """
    if isinstance(vars(owner).get(getattr(undecorated(target), "__name__", "")), classmethod):
        return partial(target, owner)
    there = [value for value in vars(module).values() if type(value) is owner]
    try:
        instance = there[0] if len(there) == 1 else owner()
    except Exception as error:
        raise UnsupportedError(
            f"the kernel is a method, and {owner.__name__}() needs more than no arguments ({error}): give them "
            f"defaults, or put one object of the class into the module"
        ) from error
    bind = getattr(target, "__get__", None)
    return partial(target, instance) if bind is None else bind(instance, owner)


def tensors_of(function: Any) -> tuple[str, ...]:
    """The names of the parameters and buffers of the module of layers that a bound method belongs to."""
    owner = function.__self__ if isinstance(function, MethodType) else None
    names: list[str] = []
    for listing in ("named_parameters", "named_buffers"):
        found = getattr(owner, listing, None)
        if callable(found):
            names += [str(name) for name, _ in found()]
    return tuple(names)
