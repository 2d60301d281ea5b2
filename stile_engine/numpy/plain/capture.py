"""Functions that see the proxy where they would see NumPy.

The kernel's own function is run, with the names of its module that mean NumPy replaced. Other functions of
that module, and those in closures, get the same treatment when they are called from it.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from types import CellType, FunctionType, MethodType
from typing import Any

from stile_engine.index.sizes import SymbolicInteger
from stile_engine.numpy.plain.proxy import stand_in
from stile_engine.numpy.plain.sizes import plain_size
from stile_engine.trace.reflection import guarded_builtins


class Rebinding:
    """Copies of functions that see the proxy where the originals see NumPy."""

    def __init__(self) -> None:
        self._globals: dict[int, dict[str, Any]] = {}
        self._functions: dict[int, Any] = {}

    def function(self, function: Any) -> Any:
        """The copy of a Python function or method; any other callable is used as it is."""
        if isinstance(function, MethodType):
            return MethodType(self.function(function.__func__), function.__self__)
        if not isinstance(function, FunctionType):
            return function
        known = self._functions.get(id(function))
        if known is not None:
            return known
        copy = FunctionType(
            function.__code__,
            self._namespace(function.__globals__),
            function.__name__,
            function.__defaults__,
            None if function.__closure__ is None else tuple(CellType() for _ in function.__closure__),
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__dict__ = function.__dict__  # the same attributes: what a kernel sets in them its next call sees
        self._functions[id(function)] = copy
        for cell, original in zip(copy.__closure__ or (), function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self._value(original.cell_contents, function.__globals__)
            except ValueError:
                continue  # an empty cell stays one
        return copy

    def _namespace(self, original: dict[str, Any]) -> dict[str, Any]:
        known = self._globals.get(id(original))
        if known is not None:
            return known
        namespace = self._globals[id(original)] = dict(original)
        for name, value in original.items():
            namespace[name] = self._value(value, original)
        namespace["__builtins__"] = {**guarded_builtins(), "__import__": _import}
        return namespace

    def _value(self, value: Any, module: Mapping[str, Any]) -> Any:
        if isinstance(value, FunctionType) and value.__globals__ is module:
            return self.function(value)
        return plain_size(value) if isinstance(value, SymbolicInteger) else stand_in(value)


def _import(name: str, *arguments: Any, **options: Any) -> Any:
    """Imports inside of the kernel's functions."""
    found = builtins.__import__(name, *arguments, **options)
    return stand_in(found) if name.split(".")[0] in ("numpy", "scipy") else found
