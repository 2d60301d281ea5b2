"""Pallas: what the programs of a grid owe one another, prefetched scalars, memory that is handed on."""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from stile_engine import dim, kernel

M, N, T, D = dim("M", 8), dim("N", 12), dim("T", 8), dim("D", 4)
V, E, B, S, P, L = dim("V", 7), dim("E", 3), dim("B", 2), dim("S", 8), dim("P", 4), dim("L", 2)
j = dim("j", 8)


def shaped(x, *shape):
    return jax.ShapeDtypeStruct(shape or x.shape, x.dtype)


def doubled(x_ref, o_ref):
    o_ref[...] = x_ref[...] * 2


def summed(x_ref, o_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        o_ref[...] = jnp.zeros_like(o_ref)

    o_ref[...] += x_ref[...].sum(0)


def rows(block=4, index=lambda i: (i, 0)):
    return pl.BlockSpec((block, N), index)


def sum_of_rows(X, **options):
    return pl.pallas_call(  # error[race]
        summed, out_shape=shaped(X, N), grid=(4,), in_specs=[rows(2)], out_specs=pl.BlockSpec((N,), lambda i: (0,)),
        interpret=True, **options,
    )(X)  # fmt: skip


@kernel("sum[M](X:M N)")
def block_that_is_kept_along_the_grid(X):  # proved
    return sum_of_rows(X)


@kernel("sum[M](X:M N)")
def kept_along_an_axis_that_is_no_loop(X):  # refuted: is written by programs
    return sum_of_rows(X, compiler_params=pltpu.CompilerParams(dimension_semantics=("parallel",)))


@kernel("2 * X:M N")
def parallel_programs_with_blocks_of_their_own(X):  # proved
    parameters = pltpu.CompilerParams(dimension_semantics=("parallel",))
    return pl.pallas_call(
        doubled, out_shape=shaped(X), grid=(2,), in_specs=[rows()], out_specs=rows(), interpret=True,
        compiler_params=parameters,
    )(X)  # fmt: skip


@kernel("2 * X:M N")
def output_blocks_that_overlap(X):  # refuted: is written by programs
    spec = pl.BlockSpec((pl.Element(4), N), lambda i: (i * 2, 0))
    return pl.pallas_call(  # error[race]
        doubled, out_shape=shaped(X), grid=(3,), in_specs=[spec], out_specs=spec, interpret=True
    )(X)


@kernel("(sum[j where M <= j < M + 3](at[M := j](X:M N)) where M < 6) -> M N")
def input_blocks_that_overlap(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = jnp.where(pl.program_id(0) < 6, x_ref[...].sum(0, keepdims=True), 0)

    halo = pl.BlockSpec((pl.Element(3, (0, 0)), N), lambda i: (jnp.minimum(i, 5), 0))
    return pl.pallas_call(body, out_shape=shaped(X), grid=(8,), in_specs=[halo], out_specs=rows(1), interpret=True)(X)


@kernel("2 * X:M N")
def one_program_too_many(X):  # refuted: lies outside of it
    return pl.pallas_call(  # error[out-of-bounds]
        doubled, out_shape=shaped(X), grid=(3,), in_specs=[rows()], out_specs=rows(), interpret=True
    )(X)


@kernel("2 * X:M N")
def blocks_that_start_one_too_late(X):  # refuted
    late = rows(4, lambda i: (i + 1, 0))
    return pl.pallas_call(  # error[out-of-bounds] # error[out-of-bounds]
        doubled, out_shape=shaped(X), grid=(2,), in_specs=[late], out_specs=rows(), interpret=True
    )(X)


def returning(X, body):
    """The blocks 0 1 0 1 of the output: each is left and come back to."""
    turns = pl.BlockSpec((4, N), lambda i: (i % 2, 0))
    return pl.pallas_call(body, out_shape=shaped(X), grid=(4,), in_specs=[turns], out_specs=turns, interpret=True)(X)


@kernel("2 * X:M N")
def come_back_and_write_it_again(X):  # proved
    return returning(X, doubled)


@kernel("2 * X:M N")
def come_back_and_add_to_it(X):  # refuted: comes back to
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) < 2)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += x_ref[...]

    return returning(X, body)


def gathered(ids, W, index):
    def body(ids_ref, w_ref, o_ref):
        o_ref[...] = w_ref[...]

    return pl.pallas_call(
        body,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(T,),
            in_specs=[pl.BlockSpec((1, D), index)],
            out_specs=pl.BlockSpec((1, D), lambda i, ids_ref: (i, 0)),
        ),
        out_shape=shaped(W, T, D),
        interpret=True,
    )(ids, W)


@kernel("gather[V](W:V D, ids:T)", assume="ids in V")
def rows_by_prefetched_ids(ids, W):  # proved
    return gathered(ids, W, lambda i, ids_ref: (ids_ref[i], 0))


@kernel("gather[V](W:V D, ids:T)", assume="ids in V")
def rows_by_the_id_before(ids, W):  # refuted
    return gathered(ids, W, lambda i, ids_ref: (ids_ref[jnp.maximum(i - 1, 0)], 0))


@kernel("sum[E](where(e:T == E, (x:T D, W:E D N -> T E N), 0))", assume="e in E")
def tokens_sent_to_their_expert(e, x, W):  # proved
    def body(e_ref, x_ref, w_ref, o_ref):
        o_ref[...] = x_ref[...] @ w_ref[...]

    return pl.pallas_call(
        body,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(T,),
            in_specs=[
                pl.BlockSpec((1, D), lambda i, e_ref: (i, 0)),
                pl.BlockSpec((None, D, N), lambda i, e_ref: (e_ref[i], 0, 0)),
            ],
            out_specs=pl.BlockSpec((1, N), lambda i, e_ref: (i, 0)),
        ),
        out_shape=shaped(x, T, N),
        interpret=True,
    )(e, x, W)


def decoded(len, q, k, v, body):
    return pl.pallas_call(
        body,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(B,),
            in_specs=[
                pl.BlockSpec((1, D), lambda b, n: (b, 0)),
                pl.BlockSpec((None, S, D), lambda b, n: (b, 0, 0)),
                pl.BlockSpec((None, S, D), lambda b, n: (b, 0, 0)),
            ],
            out_specs=pl.BlockSpec((1, D), lambda b, n: (b, 0)),
        ),
        out_shape=shaped(q),
        interpret=True,
    )(len, q, k, v)


DECODE = "(softmax[S where S < len:B]((q:B D, k:B S D -> B S) / 2), v:B S D -> B D)"
LENGTHS = ["len:B >= 1", "len:B <= 8"]


def decode_body(len_ref, q_ref, k_ref, v_ref, o_ref, *, beyond=0):
    s = (q_ref[...] * k_ref[...]).sum(-1) * 0.5
    s = jnp.where(jnp.arange(S) < len_ref[pl.program_id(0)] + beyond, s, -jnp.inf)
    p = jnp.exp(s - s.max())
    o_ref[...] = ((p[:, None] * v_ref[...]).sum(0) / p.sum())[None]


@kernel(DECODE, assume=LENGTHS)
def decoding_of_ragged_lengths(len, q, k, v):  # proved
    return decoded(len, q, k, v, decode_body)


@kernel(DECODE, assume=LENGTHS)
def decoding_one_token_too_far(len, q, k, v):  # refuted
    return decoded(len, q, k, v, functools.partial(decode_body, beyond=1))


def paged(bt, q, kp, start):
    def body(bt_ref, q_ref, k_ref, o_ref):
        @pl.when(pl.program_id(1) == start)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += (k_ref[...] * q_ref[...]).sum(0, keepdims=True)

    return pl.pallas_call(
        body,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(B, P),
            in_specs=[
                pl.BlockSpec((1, D), lambda b, p, bt: (b, 0)),
                pl.BlockSpec((None, L, D), lambda b, p, bt: (bt[b, p], 0, 0)),
            ],
            out_specs=pl.BlockSpec((1, D), lambda b, p, bt: (b, 0)),
        ),
        out_shape=shaped(q),
        interpret=True,
    )(bt, q, kp)


PAGES = "sum[P](sum[L](gather[V](kp:V L D, bt:B P) * q:B D)) -> B D"


@kernel(PAGES, assume="bt in V")
def pages_of_a_cache(bt, q, kp):  # proved
    return paged(bt, q, kp, 0)


@kernel(PAGES, assume="bt in V")
def first_page_of_a_cache_forgotten(bt, q, kp):  # refuted
    return paged(bt, q, kp, 1)


def scanned(x, first):
    def body(x_ref, o_ref, carry_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            carry_ref[...] = jnp.zeros_like(carry_ref)

        y = jnp.cumsum(x_ref[...], axis=0) + carry_ref[...]
        o_ref[...] = y
        carry_ref[...] = y[first : first + 1]

    return pl.pallas_call(
        body, out_shape=shaped(x), grid=(4,), in_specs=[rows(2)], out_specs=rows(2), interpret=True,
        scratch_shapes=[pltpu.VMEM((1, N), x.dtype)],
    )(x)  # fmt: skip


@kernel("sum[j where j <= M](at[M := j](x:M N)) -> M N")
def running_sum_handed_on(x):  # proved
    return scanned(x, 1)


@kernel("sum[j where j <= M](at[M := j](x:M N)) -> M N")
def running_sum_of_the_first_row(x):  # refuted
    return scanned(x, 0)


@kernel("max[N](x:M N) - sum[N](x:M N) / 12")
def several_outputs(x):  # proved
    def body(x_ref, high_ref, total_ref):
        high_ref[...] = x_ref[...].max(1)
        total_ref[...] = x_ref[...].sum(1)

    part = pl.BlockSpec((4,), lambda i: (i,))
    high, total = pl.pallas_call(
        body, out_shape=(shaped(x, M), shaped(x, M)), grid=(2,), in_specs=[rows()], out_specs=(part, part),
        interpret=True,
    )(x)  # fmt: skip
    return high - total / N


@kernel("where(M % 2 == 0, x:M N, 0 - x:M N)")
def branches_by_program(x):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = lax.cond(pl.program_id(0) % 2 == 0, lambda a: a, lambda a: -a, x_ref[...])

    return pl.pallas_call(body, out_shape=shaped(x), grid=(8,), in_specs=[rows(1)], out_specs=rows(1), interpret=True)(
        x
    )


@kernel("where(T < 4, x:T D, 2 * x:T D)")
def half_of_an_array_changed_in_its_memory(x):  # proved
    half = pl.BlockSpec((4, D), lambda i: (1, 0))
    return pl.pallas_call(
        doubled, out_shape=shaped(x), grid=(1,), in_specs=[half], out_specs=half, interpret=True,
        input_output_aliases={0: 0},
    )(x)  # fmt: skip


@kernel("where(T < 4, x:T D, 2 * x:T D)")
def half_of_an_array_that_shares_no_memory(x):  # refuted: never written
    half = pl.BlockSpec((4, D), lambda i: (1, 0))
    return pl.pallas_call(  # error[coverage-gap]
        doubled, out_shape=shaped(x), grid=(1,), in_specs=[half], out_specs=half, interpret=True
    )(x)


def with_first_row(x, later):
    """The first row is kept once; the other programs, and only they, add to what is put out in the end."""

    def body(x_ref, o_ref, first_ref, total_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            first_ref[...] = x_ref[...]
            total_ref[...] = jnp.zeros_like(total_ref)

        later(x_ref, first_ref, total_ref)
        o_ref[...] = first_ref[...] * 10 + total_ref[...]

    row = pl.BlockSpec((1, N), lambda i: (i, 0))
    return pl.pallas_call(
        body, out_shape=shaped(x, 1, N), grid=(8,), in_specs=[row], out_specs=pl.BlockSpec((1, N), lambda i: (0, 0)),
        scratch_shapes=[pltpu.VMEM((1, N), x.dtype)] * 2, interpret=True,
    )(x)[0]  # fmt: skip


@kernel("10 * at[M := 0](x:M N) + sum[M where M > 0](x:M N)")
def others_change_less_than_the_first_program(x):  # proved
    def later(x_ref, first_ref, total_ref):
        @pl.when(pl.program_id(0) > 0)
        def _():
            total_ref[...] += x_ref[...]

    return with_first_row(x, later)


@kernel("10 * at[M := 0](x:M N) + sum[M where M > 0](x:M N)")
def others_change_what_the_first_program_kept(x):  # refuted
    def later(x_ref, first_ref, total_ref):
        @pl.when(pl.program_id(0) > 0)
        def _():
            total_ref[...] += x_ref[...]
            first_ref[...] = x_ref[...]

    return with_first_row(x, later)


def summed_after_the_first(x, start):
    """The first program writes nothing but its output block; the others add to scratch memory."""

    def body(x_ref, o_ref, total_ref):
        @pl.when(pl.program_id(0) == 1)
        def _():
            total_ref[...] = jnp.zeros_like(total_ref)

        @pl.when(pl.program_id(0) > start)
        def _():
            total_ref[...] += x_ref[...]

        o_ref[...] = x_ref[...] * 2

        @pl.when(pl.program_id(0) == 7)
        def _():
            o_ref[...] = total_ref[...]

    row = pl.BlockSpec((1, N), lambda i: (i, 0))
    return pl.pallas_call(
        body, out_shape=shaped(x, 1, N), grid=(8,), in_specs=[row], out_specs=pl.BlockSpec((1, N), lambda i: (0, 0)),
        scratch_shapes=[pltpu.VMEM((1, N), x.dtype)], interpret=True,
    )(x)[0]  # fmt: skip


@kernel("sum[M where M > 0](x:M N)")
def others_change_more_than_the_first_program(x):  # proved
    return summed_after_the_first(x, 0)


@kernel("sum[M where M > 0](x:M N)")
def others_change_more_from_the_third_on(x):  # refuted
    return summed_after_the_first(x, 1)
