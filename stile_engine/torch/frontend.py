"""Plain PyTorch kernels: run once on tensors without numbers, every operation read as it is dispatched."""

from __future__ import annotations

import dis
import inspect
import re
from dataclasses import replace
from types import MethodType, TracebackType
from typing import Any

from stile_engine.array.arrays import (
    Array,
    RealArray,
    UnknownArray,
    as_node,
    axis,
    integers,
    ranges_of,
)
from stile_engine.array.elementwise import is_float
from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.term.elements import element
from stile_engine.term.expression import NoValue, Read
from stile_engine.torch import adapter
from stile_engine.torch.devices import refuse_device_questions
from stile_engine.torch.interpreter import Interpreter
from stile_engine.trace.frontend import KernelResult, KernelTask, Parameter, PlainArray, TraceError
from stile_engine.trace.recording import Recorder

_SHAPE_MESSAGE = re.compile(
    r"size|shape|dimension|broadcast|reduction dim|out of range|out of bounds|same number of|einsum", re.IGNORECASE
)


class TorchFrontEnd:
    """``trace.frontend.FrontEnd`` for functions and modules that use PyTorch as it is."""

    name = "torch"

    def __init__(self) -> None:
        """Raises ``UnsupportedError`` for a PyTorch that cannot be read."""
        adapter.require()

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        interpreter = Interpreter(task.path, task.dims, recorder)
        function = adapter.uncompiled(task.function)
        arguments = {p.name: _parameter(interpreter, p) for p in task.parameters if not p.outside}
        for parameter in task.parameters:
            if parameter.outside:
                _attribute(interpreter, parameter, function)
        for path, module in _modules(function):
            interpreter.name_parameters(path, module)
        refuse_device_questions(function)
        try:
            with interpreter.active():
                returned = function(**arguments, **task.constants)
        except TraceError as error:
            raise interpreter.stopped or error from None
        except Exception as error:
            raise interpreter.stopped or _explained(error, interpreter) from error
        if interpreter.stopped is not None:
            raise interpreter.stopped
        written = [p.name for p in task.parameters if p.written]
        if written:
            return tuple(_result(interpreter, arguments[name], name) for name in written)
        if returned is None:
            raise TraceError(
                "the kernel returns nothing; expected the tensor that the spec describes", code="spec-shape"
            )
        return tuple(_result(interpreter, item, None) for item in task.items(returned))


def _parameter(interpreter: Interpreter, parameter: Parameter) -> Any:
    shape: list[int] = []
    for dim in parameter.dims:
        if dim.concrete is None:
            raise UnsupportedError(
                f"the dim {dim.name} of parameter {parameter.name} has no fixed size, which a PyTorch kernel needs: "
                f"declare it as dim({dim.name!r}, SIZE)"
            )
        shape.append(dim.concrete)
    return interpreter.input(tuple(shape), parameter.dtype, _elements(parameter, tuple(shape)))


def _attribute(interpreter: Interpreter, parameter: Parameter, function: Any) -> None:
    """A tensor that the kernel reaches by itself is an input of the spec."""
    tensor = tensor_at(function, parameter.name)
    if not adapter.is_tensor(tensor):
        raise TraceError(f"there is no tensor {parameter.name} that the kernel could reach", code="spec-shape")
    shape = tuple(tensor.shape)
    if shape != tuple(d.concrete for d in parameter.dims):
        raise TraceError(
            f"{parameter.name} has the shape {shape}, and the spec has it over "
            f"{' '.join(d.name for d in parameter.dims) or 'no dims'}",
            code="spec-shape",
        )
    interpreter.adopt(
        tensor, _elements(replace(parameter, dtype=adapter.dtype_name(tensor.dtype)), shape), parameter.name
    )


def tensor_at(function: Any, path: str) -> Any:
    """What a path such as ``self.layer.weight`` means in the code of a function; None for nothing."""
    first, *rest = path.split(".")
    found = _names_of(function).get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found


def _names_of(function: Any) -> dict[str, Any]:
    """What the names in a function's code mean: its object, what it has captured, its globals."""
    own = {"self": function.__self__} if isinstance(function, MethodType) else {}
    inner = inspect.unwrap(function.__func__ if isinstance(function, MethodType) else function)
    return {**getattr(inner, "__globals__", {}), **inspect.getclosurevars(inner).nonlocals, **own}


def _modules(function: Any) -> list[tuple[str, Any]]:
    """The modules of layers that the kernel can reach by a name."""
    return [(name, value) for name, value in _names_of(function).items() if adapter.is_module(value)]


def _elements(parameter: Parameter, shape: tuple[int, ...]) -> Array:
    if parameter.tensor is not None and parameter.tensor.integer:
        place = tuple(axis(a) for a in range(len(shape)))
        return integers(shape, element(parameter.tensor, place))
    if not is_float(parameter.dtype):
        reason = f"{parameter.name} holds {parameter.dtype} data"
        return UnknownArray(shape, reason, parameter.site)
    if parameter.tensor is None:
        return RealArray(shape, NoValue("never written"))
    index = tuple(axis(a) for a in range(len(shape)))
    return RealArray(shape, Read(parameter.tensor, index, ranges_of(shape)))


def _result(interpreter: Interpreter, item: Any, name: str | None) -> PlainArray:
    if not adapter.is_tensor(item):
        raise TraceError(
            f"a result of type {type(item).__name__} is not modelled: expected a tensor or a tuple of tensors"
        )
    array = interpreter.result(item)
    shape = tuple(Affine.of(size) for size in array.shape)
    return PlainArray(shape, as_node(array), interpreter.site_of(item), name)


def _explained(error: Exception, interpreter: Interpreter) -> Exception:
    """The same exception, or what it means for a proof where PyTorch itself raised it about shapes."""
    text = str(error).strip().split("\n")[0]
    of_torch = any(error is known for known in interpreter.failures) or not _raised_by_python(error.__traceback__)
    if of_torch and isinstance(error, (RuntimeError, IndexError, ValueError)) and _SHAPE_MESSAGE.search(text):
        return TraceError(text, code="dim-mismatch")
    return error


def _raised_by_python(trace: TracebackType | None) -> bool:
    """Whether a ``raise`` in a file outside of PyTorch made the exception, and not compiled code under it."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    module = str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0]
    if module == "torch":
        return False
    at = trace.tb_lasti
    return any(
        i.offset == at and i.opname in ("RAISE_VARARGS", "RERAISE") for i in dis.get_instructions(trace.tb_frame.f_code)
    )
