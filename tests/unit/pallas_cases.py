"""Small Pallas kernels, each for a primitive that reads or writes references; run as well as read."""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jax.experimental.pallas import triton as plgpu

A = (6,)
B = (4, 6)


def called(kernel, shape=A, grid=(), **options):
    def function(*arrays):
        out = jax.ShapeDtypeStruct(shape, jnp.float32)
        return pl.pallas_call(kernel, out_shape=out, grid=grid, interpret=True, **options)(*arrays)

    return function


def ids(x_ref, o_ref):
    i = pl.program_id(0)
    o_ref[i] = x_ref[pl.num_programs(0) - 1 - i]


def masked(x_ref, o_ref):
    o_ref[...] = jnp.zeros(6, jnp.float32)
    here = pl.ds(pl.program_id(0) + 2, 6)
    mask = jnp.arange(6) + 2 < 6
    plgpu.store(o_ref.at[here], plgpu.load(x_ref.at[here], mask=mask, other=1.0), mask=mask)


def masked_everywhere(x_ref, o_ref):
    o_ref[...] = plgpu.load(x_ref, mask=jnp.arange(6) % 2 == 0, other=5.0)


def added_in_place(x_ref, o_ref):
    o_ref[...] = x_ref[...]
    jax.ref.addupdate(o_ref, (pl.ds(1, 3),), x_ref[pl.ds(0, 3)])


def swapped(x_ref, o_ref):
    o_ref[...] = x_ref[...] * 2
    before = jax.ref.swap(o_ref, (pl.ds(0, 2),), x_ref[pl.ds(3, 2)])
    o_ref[pl.ds(4, 2)] = before


def scoped(x_ref, o_ref):
    def inside(memory_ref):
        memory_ref[...] = x_ref[...]
        memory_ref[pl.ds(1, 2)] = x_ref[pl.ds(3, 2)]
        o_ref[...] = memory_ref[...]

    pl.run_scoped(inside, pltpu.VMEM((6,), jnp.float32))


def hints(x_ref, o_ref):
    start = pl.multiple_of(pl.program_id(0) * 3, 3)
    o_ref[pl.ds(start, 3)] = plgpu.max_contiguous(x_ref[pl.ds(start, 3)], 3)


def view_of_a_view(x_ref, o_ref):
    part = x_ref.at[pl.ds(1, 3)]
    o_ref[...] = part.at[:, pl.ds(2, 3)][1, :]


def integer_arrays(x_ref, o_ref):
    o_ref[...] = x_ref[jnp.arange(6) % 4, 5 - jnp.arange(6)]


def one_integer_array_between_slices(x_ref, o_ref):
    o_ref[...] = x_ref.at[1:3][:, pl.ds(1, 4)]


def written_backwards(x_ref, o_ref):
    def body(j, _):
        o_ref[5 - j] = x_ref[j]

    jax.lax.fori_loop(0, 6, body, None)


def while_with_a_reference(x_ref, o_ref):
    o_ref[...] = jnp.zeros(6, jnp.float32)

    def body(j, _):
        o_ref[...] += x_ref[j] * (j + 1)

    jax.lax.fori_loop(0, pl.program_id(0) + 5, body, None)


def branches(x_ref, o_ref):
    @pl.when(pl.program_id(0) == 1)
    def _():
        o_ref[pl.ds(3, 3)] = x_ref[pl.ds(0, 3)]

    @pl.when(pl.program_id(0) != 1)
    def _():
        o_ref[pl.ds(0, 3)] = x_ref[pl.ds(3, 3)]


def running_total(x_ref, o_ref, total_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        total_ref[...] = jnp.zeros((), jnp.float32)

    total_ref[...] += x_ref[0]
    o_ref[0] = total_ref[...]


def strided(x_ref, o_ref):
    o_ref[...] = x_ref[::2, ::3][1, :]


def rolled(x_ref, o_ref):
    o_ref[...] = pltpu.roll(x_ref[...], 2, axis=1) + 3 * pltpu.roll(x_ref[...], 1 + pl.program_id(0), axis=0)


_one = pl.BlockSpec((1,), lambda i: (i,))

CASES = [
    ("program ids", called(ids, grid=(6,)), [A]),
    ("masked load and store", called(masked, grid=(1,)), [A]),
    ("masked load with other", called(masked_everywhere), [A]),
    ("add in place", called(added_in_place), [A]),
    ("swap", called(swapped), [A]),
    ("memory of its own", called(scoped), [A]),
    ("hints", called(hints, grid=(2,)), [A]),
    ("view of a view", called(view_of_a_view, (3,)), [B]),
    ("integer arrays as indices", called(integer_arrays), [B]),
    ("slices of slices", called(one_integer_array_between_slices, (2, 4)), [B]),
    ("rolled", called(rolled, B, grid=(1,)), [B]),
    ("strided view", called(strided, (2,)), [B]),
    ("loop over references", called(written_backwards), [A]),
    ("while over references", called(while_with_a_reference, grid=(1,)), [A]),
    ("branches over references", called(branches, grid=(2,)), [A]),
    (
        "running total",
        called(
            running_total,
            grid=(6,),
            in_specs=[_one],
            out_specs=_one,
            scratch_shapes=[pltpu.VMEM((), jnp.float32)],
        ),
        [A],
    ),
    ("vmap over a call", jax.vmap(called(ids, grid=(6,))), [B]),
]
