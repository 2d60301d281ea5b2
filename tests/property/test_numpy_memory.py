"""Random programs of views and writes: the symbolic memory ends as NumPy's does."""

from __future__ import annotations

from typing import Any

import numpy as np
from grid_evaluation import grid
from hypothesis import given, settings
from hypothesis import strategies as st

from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.numpy.plain.frontend import PlainNumpyFrontEnd
from stile_engine.term.expression import Tensor
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import KernelTask, Parameter, PlainArray, TraceError
from stile_engine.trace.recording import Recorder

ROWS, COLUMNS = 4, 6

_bound = st.one_of(st.none(), st.integers(-7, 7))
_slice = st.builds(slice, _bound, _bound, st.sampled_from([None, 1, 2, -1, -2]))
_key = st.lists(st.one_of(_slice, st.integers(-2, 1), st.just(None), st.just(Ellipsis)), max_size=3).map(tuple)
_step = st.one_of(
    st.tuples(st.just("view"), st.integers(0, 5), _key),
    st.tuples(st.just("transpose"), st.integers(0, 5), st.none()),
    st.tuples(st.just("reshape"), st.integers(0, 5), st.sampled_from([(-1,), (2, -1), (3, -1), (2, 3, -1), (-1, 2)])),
    st.tuples(st.just("copy"), st.integers(0, 5), st.none()),
    st.tuples(st.just("scale"), st.integers(0, 5), st.integers(2, 5)),
    st.tuples(st.just("fill"), st.integers(0, 5), _key),
    st.tuples(st.just("assign"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("triangle"), st.integers(0, 5), st.integers(-2, 2)),
)


def run(arrays: list[Any], steps: list[tuple[str, int, Any]], xp: Any) -> list[Any]:
    """The same program for NumPy's arrays and for symbolic ones; steps that NumPy refuses are left out."""
    for number, (kind, which, argument) in enumerate(steps):
        x = arrays[which % len(arrays)]
        try:
            match kind:
                case "view":
                    arrays.append(x[argument])
                case "transpose":
                    arrays.append(x.T)
                case "reshape":
                    arrays.append(x.reshape(argument))
                case "copy":
                    arrays.append(x.copy())
                case "scale":
                    x *= argument
                case "fill":
                    x[argument] = number
                case "assign":
                    x[...] = arrays[argument % len(arrays)]
                case "triangle":
                    if x.ndim == 2:
                        x[xp.tri(*x.shape, argument, dtype=bool)] = number
        except (IndexError, TypeError, ValueError):
            arrays.append(arrays[0])
        if not hasattr(arrays[-1], "shape"):
            arrays.pop()
    return arrays


@settings(max_examples=150, deadline=None)
@given(st.lists(_step, max_size=9))
def test_memory_ends_as_numpy_s_does(steps: list[tuple[str, int, Any]]) -> None:
    start = np.arange(ROWS * COLUMNS, dtype=float).reshape(ROWS, COLUMNS) + 0.5
    expected = run([start.copy()], steps, np)

    def kernel(x):  # type: ignore[no-untyped-def]
        return run([x], steps, np)

    dims = {"r": Dim("r", ROWS), "c": Dim("c", COLUMNS)}
    tensor = Tensor("x", ("r", "c"), (Affine.of(ROWS), Affine.of(COLUMNS)))
    task = KernelTask("kernel", kernel, (Parameter("x", tensor, tuple(dims.values()), "float64"),), dims, "")
    try:
        results = PlainNumpyFrontEnd().trace(task, Recorder())
    except TraceError as stopped:
        assert "memory layout" in stopped.message
        return
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        assert isinstance(result, PlainArray)
        assert tuple(n.constant for n in result.shape) == np.shape(wanted)
        value = Value(tuple(DimRange(f"${a}", Affine(), n, n) for a, n in enumerate(result.shape)), result.node)
        assert np.array_equal(grid(value, {"x": start}), wanted)
