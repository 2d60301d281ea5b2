"""Random chains of operations on small arrays: what is read must be what JAX computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402
from node_values import table  # noqa: E402

from stile_engine.index.dims import Dim  # noqa: E402
from stile_engine.jax.frontend import JaxFrontEnd  # noqa: E402
from stile_engine.term.expression import Tensor  # noqa: E402
from stile_engine.trace.frontend import KernelTask, Parameter  # noqa: E402
from stile_engine.trace.recording import Recorder  # noqa: E402

LARGEST = 48


def part(draw, size):
    """A slice of an axis with at least one element."""
    start = draw(st.integers(0, size - 1))
    stop = draw(st.integers(start + 1, size))
    return slice(start, stop, draw(st.integers(1, 3)))


@st.composite
def step(draw, shape):
    """One operation on an array of this shape."""
    kinds = ["transpose", "slice", "reverse", "pad", "reshape", "reduce", "mask", "cumsum", "scale", "set", "roll"]
    kinds += ["concatenate", "gather", "dot", "loop", "merge"]
    kind = draw(st.sampled_from(kinds))
    rank = len(shape)
    axis = draw(st.integers(0, rank - 1))
    size = shape[axis]
    match kind:
        case "transpose":
            order = draw(st.permutations(range(rank)))
            return lambda x: x.transpose(order)
        case "slice":
            index = tuple(part(draw, n) for n in shape)
            return lambda x: x[index]
        case "reverse":
            return lambda x: jnp.flip(x, axis)
        case "pad":
            # A negative width takes elements away, but never all of them.
            config = [
                (draw(st.integers(-1, 2)) if n > 2 else 0, draw(st.integers(0, 2)), draw(st.integers(0, 1)))
                for n in shape
            ]
            return lambda x: lax.pad(x, jnp.float32(0.5), config)
        case "reshape":
            total = int(np.prod(shape))
            factors = [n for n in range(1, total + 1) if total % n == 0]
            first = draw(st.sampled_from(factors))
            rest = draw(st.sampled_from([n for n in factors if (total // first) % n == 0]))
            return lambda x: x.reshape(first, rest, total // first // rest)
        case "reduce":
            function = draw(st.sampled_from([jnp.sum, jnp.max, jnp.min]))
            keep = draw(st.booleans()) or rank == 1
            return lambda x: function(x, axis=axis, keepdims=keep)
        case "mask":
            offset, stride = draw(st.integers(-2, 3)), draw(st.integers(1, 3))
            return lambda x: jnp.where(
                lax.broadcasted_iota(jnp.int32, x.shape, axis) // stride
                >= lax.broadcasted_iota(jnp.int32, x.shape, 0) % 3 + offset,
                x,
                0.25,
            )
        case "cumsum":
            return lambda x: lax.cumsum(x, axis=axis, reverse=bool(offset_is_odd(shape)))
        case "scale":
            return lambda x: x * 0.5 + lax.broadcasted_iota(jnp.float32, x.shape, axis)
        case "set":
            index = tuple(part(draw, n) for n in shape)
            add = draw(st.booleans())
            return lambda x: x.at[index].add(x[index]) if add else x.at[index].set(2.0)
        case "roll":
            shift = draw(st.integers(-3, 3))
            return lambda x: jnp.roll(x, shift, axis)
        case "concatenate":
            cut = draw(st.integers(1, size))
            return lambda x: jnp.concatenate([x, lax.slice_in_dim(x, 0, cut, axis=axis) * 2], axis)
        case "gather":
            step_size = draw(st.sampled_from([-1, 1]))
            low = draw(st.integers(0, size - 1))
            count = size - low if step_size == 1 else low + 1
            return lambda x: jnp.take(x, low + step_size * jnp.arange(count), axis=axis, mode="clip")
        case "dot":
            return lambda x: jnp.tensordot(x, x, axes=([axis], [axis])) if rank <= 2 else x
        case "loop":
            rounds = draw(st.integers(0, 3))
            return lambda x: lax.fori_loop(0, rounds, lambda i, c: c * 0.5 + i, x)
        case _:
            return lambda x: x.reshape(-1)


def offset_is_odd(shape):
    return sum(shape) % 2


@st.composite
def programs(draw):
    shape = draw(st.sampled_from([(5,), (3, 4), (2, 3, 2), (1, 6), (4, 4)]))
    steps = []
    current = jax.ShapeDtypeStruct(shape, jnp.float32)
    for _ in range(draw(st.integers(1, 5))):
        function = draw(step(current.shape))
        following = jax.eval_shape(function, current)
        if not following.shape or np.prod(following.shape) > LARGEST or len(following.shape) > 4:
            break
        steps.append(function)
        current = following

    def program(x):
        for function in steps:
            x = function(x)
        return x

    return shape, program


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(programs())
def test_programs_are_read_as_they_run(given_program):
    shape, program = given_program
    dims = tuple(Dim(f"d{a}", n) for a, n in enumerate(shape))
    tensor = Tensor("X", tuple(d.name for d in dims), tuple(d.extent for d in dims))
    parameter = Parameter("x", tensor, dims)
    task = KernelTask("k", lambda x: program(x), (parameter,), {d.name: d for d in dims}, __file__)
    (found,) = JaxFrontEnd().trace(task, Recorder())
    numbers = np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)
    expected = np.asarray(program(jnp.asarray(numbers)))
    result_shape = tuple(s.constant for s in found.shape)
    assert result_shape == expected.shape
    np.testing.assert_allclose(table(found.node, result_shape, {"X": numbers}), expected, rtol=1e-3, atol=1e-4)
