"""Pallas: pointwise kernels, movement of blocks, masks, padding, views of references."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jax.experimental.pallas import triton as plgpu

from stile_engine import dim, kernel

M, N, K = dim("M", 8), dim("N", 12), dim("K", 10)
B, H, T, D, F = dim("B", 2), dim("H", 3), dim("T", 6), dim("D", 8), dim("F", 6)


def like(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def add_kernel(x_ref, y_ref, o_ref):
    o_ref[...] = x_ref[...] + y_ref[...]


@kernel("X:K + Y:K")
def vector_add(X, Y):  # proved
    return pl.pallas_call(add_kernel, out_shape=like(X), interpret=True)(X, Y)


@kernel("X:K + Y:K")
def vector_add_in_blocks_that_reach_beyond_the_array(X, Y):  # proved
    spec = pl.BlockSpec((4,), lambda i: (i,))
    return pl.pallas_call(
        add_kernel, out_shape=like(X), grid=(pl.cdiv(K, 4),), in_specs=[spec, spec], out_specs=spec, interpret=True
    )(X, Y)


@kernel("X:K + Y:K")
def last_block_forgotten(X, Y):  # refuted: never written
    spec = pl.BlockSpec((4,), lambda i: (i,))
    return pl.pallas_call(  # error[coverage-gap]
        add_kernel, out_shape=like(X), grid=(K // 4,), in_specs=[spec, spec], out_specs=spec, interpret=True
    )(X, Y)


def masked_add_kernel(x_ref, y_ref, o_ref, *, block, last=K):
    start = pl.program_id(0) * block
    here = pl.ds(start, block)
    mask = start + jnp.arange(block) < last
    x = plgpu.load(x_ref.at[here], mask=mask, other=0.0)
    y = plgpu.load(y_ref.at[here], mask=mask, other=0.0)
    plgpu.store(o_ref.at[here], x + y, mask=mask)


def masked_add_in_blocks(X, Y, **options):
    return pl.pallas_call(  # error[coverage-gap]
        functools.partial(masked_add_kernel, block=4, **options),
        out_shape=like(X),
        grid=(pl.cdiv(K, 4),),
        interpret=True,
    )(X, Y)


@kernel("X:K + Y:K")
def masked_add(X, Y):  # proved
    return masked_add_in_blocks(X, Y)


@kernel("X:K + Y:K")
def mask_that_forgets_the_last_element(X, Y):  # refuted: never written
    return masked_add_in_blocks(X, Y, last=K - 1)


@kernel("X:M N -> N M")
def transpose_by_blocks(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...].T

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((N, M), X.dtype),
        grid=(2, 3),
        in_specs=[pl.BlockSpec((4, 4), lambda i, j: (i, j))],
        out_specs=pl.BlockSpec((4, 4), lambda i, j: (j, i)),
        interpret=True,
    )(X)


@kernel("X:M N -> N M")
def blocks_moved_but_not_transposed(X):  # refuted
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((N, M), X.dtype),
        grid=(2, 3),
        in_specs=[pl.BlockSpec((4, 4), lambda i, j: (i, j))],
        out_specs=pl.BlockSpec((4, 4), lambda i, j: (j, i)),
        interpret=True,
    )(X)


def swiglu_kernel(x_ref, gate_ref, up_ref, o_ref):
    x = x_ref[...]
    gate = jnp.dot(x, gate_ref[...])
    o_ref[...] = gate * jax.nn.sigmoid(gate) * jnp.dot(x, up_ref[...])  # error[dim-mismatch]: parts of F


def swiglu(X, G, U, body=swiglu_kernel, gate_map=lambda i, j: (0, j)):
    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((T, F), X.dtype),
        grid_spec=pl.GridSpec(
            grid=(T // 2, F // 3),
            in_specs=[
                pl.BlockSpec((2, D), lambda i, j: (i, 0)),
                pl.BlockSpec((D, 3), gate_map),
                pl.BlockSpec((D, 3), lambda i, j: (0, j)),
            ],
            out_specs=pl.BlockSpec((2, 3), lambda i, j: (i, j)),
        ),
        interpret=True,
    )(X, G, U)


@kernel("silu(X:T D, G:D F -> T F) * (X:T D, U:D F -> T F)")
def swiglu_in_blocks(X, G, U):  # proved
    return swiglu(X, G, U)


@kernel("silu(X:T D, G:D F -> T F) * (X:T D, U:D F -> T F)")
def swiglu_with_one_block_of_the_gate(X, G, U):  # refuted
    return swiglu(X, G, U, gate_map=lambda i, j: (0, 0))


@kernel("silu(X:T D, G:D F -> T F) * (X:T D, U:D F -> T F)")
def swiglu_that_gates_the_gate(X, G, U):  # refuted
    def body(x_ref, gate_ref, up_ref, o_ref):
        gate = jnp.dot(x_ref[...], gate_ref[...])
        o_ref[...] = gate * jax.nn.sigmoid(gate) * gate + 0 * up_ref[0, 0]

    return swiglu(X, G, U, body)


def rope_kernel(x_ref, cos_ref, sin_ref, o_ref, *, sign=-1.0):
    half = x_ref.shape[-1] // 2
    first, second = x_ref[:, :half], x_ref[:, half:]
    cos, sin = cos_ref[...], sin_ref[...]
    o_ref[:, :half] = first * cos + sign * second * sin
    o_ref[:, half:] = second * cos + first * sin


def rope(X, C, S, **options):
    table = pl.BlockSpec((2, D // 2), lambda h, i: (i, 0))
    return pl.pallas_call(
        functools.partial(rope_kernel, **options),
        out_shape=like(X),
        grid=(H, T // 2),
        in_specs=[pl.BlockSpec((None, 2, D), lambda h, i: (h, i, 0)), table, table],
        out_specs=pl.BlockSpec((None, 2, D), lambda h, i: (h, i, 0)),
        interpret=True,
    )(X, C, S)


ROPE = """
where(D < 4,
    X:H T D * at[P := D](C:T P) - at[D := D + 4](X:H T D) * at[P := D](S:T P),
    X:H T D * at[P := D - 4](C:T P) + at[D := D - 4](X:H T D) * at[P := D - 4](S:T P))
"""
P = dim("P", 4)


@kernel(ROPE)
def rope_by_halves(X, C, S):  # proved
    return rope(X, C, S)


@kernel(ROPE)
def rope_turned_the_other_way(X, C, S):  # refuted
    return rope(X, C, S, sign=1.0)


@kernel("X:M N + 1")
def input_and_output_share_memory(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...] + 1.0

    spec = pl.BlockSpec((4, N), lambda i: (i, 0))
    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(2,),
        in_specs=[spec],
        out_specs=spec,
        input_output_aliases={0: 0},
        interpret=True,
    )(X)


@kernel("where(M < 4, X:M N + 1, X:M N)")
def only_the_first_block_of_shared_memory(X):  # proved
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = x_ref[...] + 1.0

    spec = pl.BlockSpec((4, N), lambda i: (i, 0))
    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(2,),
        in_specs=[spec],
        out_specs=spec,
        input_output_aliases={0: 0},
        interpret=True,
    )(X)


@kernel("where(M < 4, X:M N + 1, X:M N)")
def only_the_first_block_of_memory_of_its_own(X):  # refuted
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = x_ref[...] + 1.0

    spec = pl.BlockSpec((4, N), lambda i: (i, 0))
    return pl.pallas_call(  # error[coverage-gap]
        body, out_shape=like(X), grid=(2,), in_specs=[spec], out_specs=spec, interpret=True
    )(X)


def relu_with_optional_bias_kernel(x_ref, bias_ref, o_ref):
    x = x_ref[...]
    if bias_ref is not None:
        x = x + bias_ref[...][None, :]  # error[dim-mismatch]: parts of N
    o_ref[...] = jnp.maximum(x, 0)


def relu_with_optional_bias(X, bias=None, bias_map=lambda i, j: (j,)):
    spec = pl.BlockSpec((4, 4), lambda i, j: (i, j))
    bias_spec = None if bias is None else pl.BlockSpec((4,), bias_map)
    return pl.pallas_call(
        relu_with_optional_bias_kernel,
        out_shape=like(X),
        grid=(2, 3),
        in_specs=[spec, bias_spec],
        out_specs=spec,
        interpret=True,
    )(X, bias)


@kernel("relu(X:M N)")
def no_bias(X):  # proved
    return relu_with_optional_bias(X)


@kernel("relu(X:M N + Y:N)")
def with_a_bias(X, Y):  # proved
    return relu_with_optional_bias(X, Y)


@kernel("relu(X:M N + Y:N)")
def bias_of_the_wrong_block(X, Y):  # refuted
    return relu_with_optional_bias(X, Y, lambda i, j: (i,))


@kernel("exp(X:B M N)")
def vmap_over_a_call(X):  # proved
    def body(x_ref, o_ref):
        i = pl.program_id(0)
        rows = pl.ds(i * 4, 4)
        o_ref[rows, :] = jnp.exp(x_ref[rows, :])

    def one(x):
        return pl.pallas_call(body, out_shape=like(x), grid=(pl.cdiv(M, 4),), interpret=True)(x)

    return jax.vmap(one)(X)


@kernel("X:B M N + Y:M N")
def vmap_over_one_operand(X, Y):  # proved
    spec = pl.BlockSpec((4, 6), lambda i, j: (i, j))

    def one(x, y):
        call = pl.pallas_call(
            add_kernel, out_shape=like(x), grid=(2, 2), in_specs=[spec, spec], out_specs=spec, interpret=True
        )
        return call(x, y)

    return jax.vmap(one, in_axes=(0, None))(X, Y)


@kernel("X:M N")
def rows_copied_by_a_loop(X):  # proved
    def body(x_ref, o_ref):
        @pl.loop(0, M)
        def _(r):
            o_ref[r, :] = x_ref[r, :]

    return pl.pallas_call(body, out_shape=like(X), interpret=True)(X)


@kernel("X:M N")
def loop_that_starts_at_the_second_row(X):  # refuted: never written
    def body(x_ref, o_ref):
        @pl.loop(1, M)
        def _(r):
            o_ref[r, :] = x_ref[r, :]

    return pl.pallas_call(body, out_shape=like(X), interpret=True)(X)  # error[coverage-gap]


@kernel("at[N := 11 - N](X:M N)")
def columns_backwards(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...][:, ::-1]

    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(4, 3),
        in_specs=[pl.BlockSpec((2, 4), lambda i, j: (i, 2 - j))],
        out_specs=pl.BlockSpec((2, 4), lambda i, j: (i, j)),
        interpret=True,
    )(X)


@kernel("at[M := 4 * ((M // 4 + 1) % 2) + M % 4](X:M N)")
def flat_grid_with_quotient_and_remainder(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...]

    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(6,),
        in_specs=[pl.BlockSpec((4, 4), lambda p: ((p // 3 + 1) % 2, p % 3))],
        out_specs=pl.BlockSpec((4, 4), lambda p: (p // 3, p % 3)),
        interpret=True,
    )(X)


@kernel("X:M N")
def flat_grid_with_the_wrong_divisor(X):  # refuted
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...]

    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(6,),
        in_specs=[pl.BlockSpec((4, 4), lambda p: (p // 2 % 2, p % 3))],
        out_specs=pl.BlockSpec((4, 4), lambda p: (p // 3, p % 3)),
        interpret=True,
    )(X)


L, W = dim("L", 10), dim("W", 8)


@kernel("(at[L := W](X:L) + at[L := W + 1](X:L) + at[L := W + 2](X:L)) / 3 + 0 * Y:W")
def halo_of_two_elements(X, Y):  # proved
    def body(x_ref, y_ref, o_ref):
        o_ref[...] = (x_ref[0:4] + x_ref[1:5] + x_ref[2:6]) / 3

    block = pl.BlockSpec((4,), lambda i: (i,))
    return pl.pallas_call(
        body,
        out_shape=like(Y),
        grid=(2,),
        in_specs=[pl.BlockSpec((pl.Element(6),), lambda i: (i * 4,)), block],
        out_specs=block,
        interpret=True,
    )(X, Y)


@kernel("(at[L := W](X:L) + at[L := W + 1](X:L) + at[L := W + 2](X:L)) / 3 + 0 * Y:W")
def halo_in_steps_of_the_wide_block(X, Y):  # refuted
    def body(x_ref, y_ref, o_ref):
        o_ref[...] = (x_ref[0:4] + x_ref[1:5] + x_ref[2:6]) / 3

    block = pl.BlockSpec((4,), lambda i: (i,))
    return pl.pallas_call(  # error[out-of-bounds]
        body,
        out_shape=like(Y),
        grid=(2,),
        in_specs=[pl.BlockSpec((6,), lambda i: (i,)), block],
        out_specs=block,
        interpret=True,
    )(X, Y)


@kernel("X:M N + Y:M N")
def two_outputs_of_one_call(X, Y):  # proved
    def body(x_ref, y_ref, sum_ref, difference_ref):
        sum_ref[...] = x_ref[...] + y_ref[...]
        difference_ref[...] = x_ref[...] - y_ref[...]

    spec = pl.BlockSpec((2, N), lambda i: (i, 0))
    total, difference = pl.pallas_call(
        body,
        out_shape=(like(X), like(Y)),
        grid=(M // 2,),
        in_specs=[spec, spec],
        out_specs=(spec, spec),
        interpret=True,
    )(X, Y)
    return (total * 2 + difference - X + Y) / 2


@kernel("X:M N + Y:M N")
def reads_what_it_has_not_written(X, Y):  # refuted
    def body(x_ref, y_ref, o_ref):
        o_ref[...] += x_ref[...] + y_ref[...]

    spec = pl.BlockSpec((2, N), lambda i: (i, 0))
    return pl.pallas_call(  # error[coverage-gap]
        body, out_shape=like(X), grid=(M // 2,), in_specs=[spec, spec], out_specs=spec, interpret=True
    )(X, Y)


@kernel("relu(X:M N)")
def one_branch_for_all_elements(X):  # refuted
    def body(x_ref, o_ref):
        o_ref[...] = jnp.zeros_like(o_ref)

        @pl.when(x_ref[0, 0] > 0)
        def _():
            o_ref[...] = x_ref[...]

    return pl.pallas_call(body, out_shape=like(X), interpret=True)(X)


@kernel("X:M N * 2")
def scratch_of_its_own_for_a_part(X):  # proved
    def body(x_ref, o_ref):
        def doubled(twice_ref):
            twice_ref[...] = x_ref[...]
            twice_ref[...] += twice_ref[...]
            o_ref[...] = twice_ref[...]

        pl.run_scoped(doubled, pltpu.VMEM((M, N), X.dtype))

    return pl.pallas_call(body, out_shape=like(X), interpret=True)(X)


@kernel("X:M N")
def inverse_error_function(X):  # unsupported: erf_inv
    def body(x_ref, o_ref):
        o_ref[...] = jax.lax.erf_inv(x_ref[...])  # warning[unsupported]

    return pl.pallas_call(body, out_shape=like(X), interpret=True)(X)
