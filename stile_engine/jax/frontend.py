"""Plain JAX kernels: traced by ``jax.make_jaxpr`` on shapes alone, then read equation by equation."""

from __future__ import annotations

import re
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
from stile_engine.array.sizes import ranges_of_unknowns, sized
from stile_engine.index.affine import Affine
from stile_engine.index.sizes import size_of
from stile_engine.jax import adapter
from stile_engine.jax.dimensions import Dimensions, shape_of, within
from stile_engine.jax.interpreter import Interpreter
from stile_engine.term.elements import element
from stile_engine.term.expression import Read
from stile_engine.trace.frontend import KernelResult, KernelTask, Parameter, PlainArray, TraceError
from stile_engine.trace.questions import Questions
from stile_engine.trace.recording import Recorder
from stile_engine.trace.standing import symbols_replaced

_SHAPE_MESSAGE = re.compile(r"shape|dimension|rank|broadcast|contracting", re.IGNORECASE)


class JaxFrontEnd:
    name = "jax"

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        """The results of the kernel in the order of its tree of results.

        Raises ``TraceError`` (unsupported, dim-mismatch) at the operation at fault; what the user's own
        code raises passes through.
        """
        adapter.require()
        if any(p.written for p in task.parameters):
            raise TraceError("a JAX kernel cannot write a parameter in place: return the result instead")
        names = [p.name for p in task.parameters]

        def call(*arrays: Any) -> Any:
            return task.function(**dict(zip(names, arrays, strict=True)), **constants)

        sizes = Dimensions(task.dims)
        constants = {name: sizes.of(value) for name, value in task.constants.items()}
        symbolic = any(d.concrete is None for p in task.parameters for d in p.dims)
        arguments = [(tuple(sizes.of(d) for d in p.dims), p.dtype) for p in task.parameters]
        questions = recorder.questions = Questions()
        with (
            adapter.noting_caught_errors() as caught,
            symbols_replaced(task.function, sizes.of),
            sizes.asked(questions),
        ):
            try:
                closed, results = adapter.trace(call, arguments)
            except Exception as error:
                raise _explained(error, symbolic) from error
        if questions.stops:
            raise questions.stops[0]
        if caught:
            # The kernel has handled an exception that a run with numbers does not raise.
            raise _explained(caught[0], symbolic) from caught[0]
        _require_arrays(results)
        task.items(results)
        with within(sizes), sized(ranges_of_unknowns(task.dims, [p.dims for p in task.parameters])):
            inputs = [_input(p) for p in task.parameters]
            found = Interpreter(task.path, task.dims, recorder).run(closed, inputs)
            # The shapes are JAX's own: those of unknown arrays are not always known to the interpreter.
            shapes = [tuple(map(Affine.of, shape_of(leaf.shape))) for leaf in adapter.leaves(results)]
        sites = adapter.result_sites(closed, task.path)
        return tuple(
            PlainArray(shape, as_node(array), site) for array, shape, site in zip(found, shapes, sites, strict=True)
        )


def _require_arrays(results: Any) -> None:
    """Specs come one by one: flattening anything but arrays and tuples would choose an order, or drop a part."""
    if isinstance(results, (tuple, list)):
        for part in results:
            _require_arrays(part)
    elif [id(leaf) for leaf in adapter.leaves(results)] != [id(results)]:
        raise TraceError(
            f"a result with a {type(results).__name__} in it is not modelled: expected an array or a tuple of arrays"
        )


def _input(parameter: Parameter) -> Array:
    shape = tuple(size_of(dim.extent) for dim in parameter.dims)
    if parameter.tensor is not None and parameter.tensor.integer:
        place = tuple(axis(a) for a in range(len(shape)))
        return integers(shape, element(parameter.tensor, place))
    if parameter.tensor is None or not is_float(parameter.dtype):
        return UnknownArray(shape, f"{parameter.name} holds {parameter.dtype} data", None)
    index = tuple(axis(a) for a in range(len(shape)))
    return RealArray(shape, Read(parameter.tensor, index, ranges_of(shape)))


def _explained(error: Exception, symbolic: bool) -> Exception:
    """The same exception, or what it means for a proof where JAX itself raised it.

    What JAX refuses of ``symbolic`` sizes it may take at each of them, so that alone refutes nothing.
    """
    if adapter.is_data_dependence(error):
        text = str(error).strip().split("\n")[0]
        return TraceError(f"Python code here looks at the numbers in an array, which a trace does not have: {text}")
    undecided = adapter.undecided_size(error)
    if undecided is not None:
        return TraceError(undecided)
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    module = innermost.tb_frame.f_globals.get("__name__", "") if innermost is not None else ""
    text = str(error).strip().split("\n")[0]
    of_jax = str(module).split(".")[0] == "jax"
    if symbolic and of_jax:
        return TraceError(f"JAX does not do this with a symbolic size: {text or type(error).__name__}")
    if isinstance(error, (TypeError, ValueError)) and of_jax and _SHAPE_MESSAGE.search(text):
        return TraceError(text, code="dim-mismatch")
    return error
