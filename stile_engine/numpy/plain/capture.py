"""Run a plain NumPy kernel once on symbolic arrays.

The kernel's own function is run, with the names of its module that mean NumPy replaced by the proxy. Other
functions of that module, and those in closures, get the same treatment when they are called from it.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from types import CellType, FunctionType
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import Origin, SymbolicArray, as_array, fresh, plain_node
from stile_engine.numpy.plain.elements import Elements, Real, Shape, axis_index, ranges_of
from stile_engine.numpy.plain.proxy import stand_in
from stile_engine.term.expression import NoValue, Read
from stile_engine.trace.frontend import KernelResult, KernelTask, Parameter, PlainArray, TraceError
from stile_engine.trace.recording import Recorder


class PlainNumpyFrontEnd:
    """``trace.frontend.FrontEnd`` for functions that use NumPy as it is."""

    name = "numpy"

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        with context.tracing(recorder, task.dims) as trace:
            arguments = {p.name: parameter_array(p) for p in task.parameters}
            returned = Rebinding().function(task.function)(**arguments, **task.constants)
            written = [p.name for p in task.parameters if p.written]
            if written:
                return tuple(_result(arguments[name], trace, name) for name in written)
            if returned is None:
                raise TraceError(
                    "the kernel returns nothing; expected the array that the spec describes", code="spec-shape"
                )
            items = returned if isinstance(returned, (tuple, list)) else (returned,)
            return tuple(_result(item, trace, None) for item in items)


def parameter_array(parameter: Parameter) -> SymbolicArray:
    """The array that a parameter names at the launch. An output that is no input holds nothing yet."""
    sizes = [d.concrete for d in parameter.dims]
    if any(s is None for s in sizes):
        raise TraceError(
            f"the parameter {parameter.name} has a symbolic size, and a plain NumPy kernel is traced with "
            "concrete ones: declare the dim with a size"
        )
    shape: Shape = tuple(s for s in sizes if s is not None)
    dtype = np.dtype(np.float32 if parameter.dtype == "bfloat16" else parameter.dtype)
    elements: Elements = Real(NoValue("never written"))
    if parameter.tensor is not None:
        rank = len(shape)
        elements = Real(Read(parameter.tensor, tuple(axis_index(a, rank) for a in range(rank)), ranges_of(shape)))
    return fresh(elements, shape, dtype, tuple(Origin(d.name, 0) for d in parameter.dims))


def _result(item: Any, trace: context.Trace, name: str | None) -> PlainArray:
    array = as_array(item)
    return PlainArray(tuple(Affine.of(n) for n in array.shape), plain_node(array), trace.last_site, name)


class Rebinding:
    """Copies of functions that see the proxy where the originals see NumPy."""

    def __init__(self) -> None:
        self._globals: dict[int, dict[str, Any]] = {}
        self._functions: dict[int, Any] = {}

    def function(self, function: Any) -> Any:
        """The copy of a Python function; any other callable is used as it is."""
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
        namespace["__builtins__"] = {**vars(builtins), "__import__": _import}
        return namespace

    def _value(self, value: Any, module: Mapping[str, Any]) -> Any:
        if isinstance(value, FunctionType) and value.__globals__ is module:
            return self.function(value)
        return stand_in(value)


def _import(name: str, *arguments: Any, **options: Any) -> Any:
    """Imports inside of the kernel's functions."""
    found = builtins.__import__(name, *arguments, **options)
    return stand_in(found) if name.split(".")[0] == "numpy" else found
