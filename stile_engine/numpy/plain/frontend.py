"""The front end of plain NumPy kernels: symbolic arrays in, the expressions of the results out."""

from __future__ import annotations

from typing import Any

import numpy as np

from stile_engine.array.sizes import ranges_of_unknowns, sized
from stile_engine.index.affine import Affine
from stile_engine.index.sizes import SymbolicInteger
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import SymbolicArray, as_array, fresh, plain_node
from stile_engine.numpy.plain.capture import Rebinding
from stile_engine.numpy.plain.elements import Elements, Integer, Real, Shape, axis_index, ranges_of
from stile_engine.numpy.plain.sizes import plain_size
from stile_engine.numpy.plain.storage import Buffer, root
from stile_engine.term.elements import element
from stile_engine.term.expression import NoValue, Read
from stile_engine.trace.frontend import KernelResult, KernelTask, Parameter, PlainArray, TraceError
from stile_engine.trace.recording import Recorder
from stile_engine.trace.reflection import StandIn, stands_in


def _is_instance(array: SymbolicArray, kinds: Any) -> bool:
    """As of the array or number that NumPy has there; the kernel's ``np.ndarray`` is the class of the symbolic ones."""
    if isinstance(kinds, tuple):
        return any(_is_instance(array, kind) for kind in kinds)
    real = array.dtype.type if array.scalar else np.ndarray
    return issubclass(real, np.ndarray if kinds is SymbolicArray else kinds)


def _has(array: SymbolicArray, name: str) -> bool:
    return hasattr(array.dtype.type if array.scalar else np.ndarray, name)


stands_in(SymbolicArray, StandIn(_is_instance, _has))


class PlainNumpyFrontEnd:
    """``trace.frontend.FrontEnd`` for functions that use NumPy as it is."""

    name = "numpy"

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        limits = ranges_of_unknowns(task.dims, [p.dims for p in task.parameters])
        with context.tracing(recorder, task.dims, task.path) as trace, sized(limits):
            arguments = {p.name: parameter_array(p) for p in task.parameters}
            constants = {n: plain_size(v) if isinstance(v, SymbolicInteger) else v for n, v in task.constants.items()}
            returned = Rebinding().function(task.function)(**arguments, **constants)
            if trace.stopped is not None:
                raise trace.stopped
            written = [p.name for p in task.parameters if p.written]
            if written:
                return tuple(_result(arguments[name], trace, name) for name in written)
            if returned is None:
                raise TraceError(
                    "the kernel returns nothing; expected the array that the spec describes", code="spec-shape"
                )
            return tuple(_result(item, trace, None) for item in task.items(returned))


def parameter_array(parameter: Parameter) -> SymbolicArray:
    """The array that a parameter names at the launch. An output that is no input holds nothing yet."""
    shape: Shape = tuple(plain_size(d.extent) for d in parameter.dims)
    dtype = np.dtype(np.float32 if parameter.dtype == "bfloat16" else parameter.dtype)
    elements: Elements = Real(NoValue("never written"))
    if parameter.tensor is not None:
        rank = len(shape)
        index = tuple(axis_index(a, rank) for a in range(rank))
        if parameter.tensor.integer:
            elements = Integer(element(parameter.tensor, index))
        else:
            elements = Real(Read(parameter.tensor, index, ranges_of(shape)))
    array = fresh(elements, shape, dtype, fits=True)
    array.scalar = not shape and not parameter.written
    return array


def _result(item: Any, trace: context.Trace, name: str | None) -> PlainArray:
    array = as_array(item)
    memory = root(array.store)
    written = memory.written if isinstance(memory, Buffer) else None
    site = written or array.site or trace.last_site
    return PlainArray(tuple(Affine.of(n) for n in array.shape), plain_node(array), site, name)
