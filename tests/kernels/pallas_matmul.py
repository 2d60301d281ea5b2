"""Pallas: matrix products with blocks that are visited again, epilogues, batches, groups."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from stile_engine import dim, kernel

M, N, K = dim("M", 8), dim("N", 12), dim("K", 30)
B, G = dim("B", 3), dim("G", 2)
PRODUCT = "(A:M K, W:K N -> M N)"
BM, BN, BK = 4, 6, 5


def call(body, A, *operands, bk=BK, in_specs=None, scratch=True, grid=None, **options):
    specs = [
        pl.BlockSpec((BM, bk), lambda i, j, k: (i, k)),
        pl.BlockSpec((bk, BN), lambda i, j, k: (k, j)),
    ]
    return pl.pallas_call(  # error[coverage-gap] # error[out-of-bounds] # error[race]
        body,
        out_shape=jax.ShapeDtypeStruct((M, N), A.dtype),
        grid=grid or (M // BM, N // BN, K // bk),
        in_specs=in_specs or specs,
        out_specs=pl.BlockSpec((BM, BN), lambda i, j, k: (i, j)),
        scratch_shapes=[pltpu.VMEM((BM, BN), A.dtype)] if scratch else [],
        interpret=True,
        **options,
    )(A, *operands)


def matmul_kernel(a_ref, w_ref, o_ref, acc_ref, *, steps):
    @pl.when(pl.program_id(2) == 0)
    def _():
        acc_ref[...] = jnp.zeros_like(acc_ref)

    acc_ref[...] += jnp.dot(a_ref[...], w_ref[...], preferred_element_type=acc_ref.dtype)

    @pl.when(pl.program_id(2) == steps - 1)
    def _():
        o_ref[...] = acc_ref[...].astype(o_ref.dtype)


@kernel(PRODUCT)
def scratch_accumulator(A, W):  # proved
    return call(functools.partial(matmul_kernel, steps=K // BK), A, W)


@kernel(PRODUCT)
def two_steps(A, W):  # proved
    return call(functools.partial(matmul_kernel, steps=2), A, W, bk=15)


@kernel(PRODUCT)
def declared_semantics(A, W):  # proved
    parameters = pltpu.CompilerParams(dimension_semantics=("parallel", "parallel", "arbitrary"))
    return call(functools.partial(matmul_kernel, steps=K // BK), A, W, compiler_params=parameters)


@kernel(PRODUCT)
def accumulated_along_a_parallel_axis(A, W):  # refuted: is written by programs
    parameters = pltpu.CompilerParams(dimension_semantics=("parallel", "parallel", "parallel"))
    body = functools.partial(matmul_kernel, steps=K // BK)
    return call(body, A, W, compiler_params=parameters)


@kernel(PRODUCT)
def stored_one_step_too_early(A, W):  # refuted
    return call(functools.partial(matmul_kernel, steps=K // BK - 1), A, W)


@kernel(PRODUCT)
def one_step_short(A, W):  # refuted
    steps = K // BK - 1
    return call(functools.partial(matmul_kernel, steps=steps), A, W, grid=(M // BM, N // BN, steps))


@kernel(PRODUCT)
def operand_blocks_swapped(A, W):  # refuted
    specs = [
        pl.BlockSpec((BM, BK), lambda i, j, k: (j, k)),
        pl.BlockSpec((BK, BN), lambda i, j, k: (k, i)),
    ]
    return call(functools.partial(matmul_kernel, steps=K // BK), A, W, in_specs=specs)


def output_kernel(a_ref, w_ref, o_ref, *, initialised=True):
    if initialised:

        @pl.when(pl.program_id(2) == 0)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

    o_ref[...] += a_ref[...] @ w_ref[...]


@kernel(PRODUCT)
def accumulated_in_the_output(A, W):  # proved
    return call(output_kernel, A, W, scratch=False)


@kernel(PRODUCT)
def output_never_set_to_zero(A, W):  # refuted: never written
    return call(functools.partial(output_kernel, initialised=False), A, W, scratch=False)


@kernel(PRODUCT)
def set_to_zero_in_every_step(A, W):  # refuted
    def body(a_ref, w_ref, o_ref):
        o_ref[...] = jnp.zeros_like(o_ref)
        o_ref[...] += a_ref[...] @ w_ref[...]

    return call(body, A, W, scratch=False)


@kernel(PRODUCT)
def set_to_zero_for_the_wrong_axis(A, W):  # refuted
    def body(a_ref, w_ref, o_ref, acc_ref):
        @pl.when(pl.program_id(1) == 0)
        def _():
            acc_ref[...] = jnp.zeros_like(acc_ref)

        acc_ref[...] += a_ref[...] @ w_ref[...]  # error[dim-mismatch]: different parts of N
        o_ref[...] = acc_ref[...]

    return call(body, A, W)


@kernel(PRODUCT)
def first_step_stores_and_the_others_add(A, W):  # proved
    def body(a_ref, w_ref, o_ref):
        product = a_ref[...] @ w_ref[...]
        first = pl.program_id(2) == 0
        o_ref[...] = jax.lax.cond(first, lambda: product, lambda: o_ref[...] + product)

    return call(body, A, W, scratch=False)


@kernel(PRODUCT)
def first_step_counts_twice(A, W):  # refuted
    def body(a_ref, w_ref, o_ref):
        product = a_ref[...] @ w_ref[...]

        @pl.when(pl.program_id(2) == 0)
        def _():
            o_ref[...] = product

        o_ref[...] += product

    return call(body, A, W, scratch=False)


@kernel("relu((A:M K, W:K N -> M N) + C:N)")
def bias_and_activation_at_the_end(A, W, C):  # proved
    def body(a_ref, w_ref, c_ref, o_ref, acc_ref):
        k = pl.program_id(2)

        @pl.when(k == 0)
        def _():
            acc_ref[...] = jnp.broadcast_to(c_ref[...], acc_ref.shape)

        acc_ref[...] += a_ref[...] @ w_ref[...]

        @pl.when(k == pl.num_programs(2) - 1)
        def _():
            o_ref[...] = jnp.maximum(acc_ref[...], 0)

    specs = [
        pl.BlockSpec((BM, BK), lambda i, j, k: (i, k)),
        pl.BlockSpec((BK, BN), lambda i, j, k: (k, j)),
        pl.BlockSpec((BN,), lambda i, j, k: (j,)),
    ]
    return call(body, A, W, C, in_specs=specs)


@kernel("relu((A:M K, W:K N -> M N) + C:N)")
def activation_in_every_step(A, W, C):  # refuted
    def body(a_ref, w_ref, c_ref, o_ref):
        @pl.when(pl.program_id(2) == 0)
        def _():
            o_ref[...] = jnp.broadcast_to(c_ref[...], o_ref.shape)

        o_ref[...] = jnp.maximum(o_ref[...] + a_ref[...] @ w_ref[...], 0)

    specs = [
        pl.BlockSpec((BM, BK), lambda i, j, k: (i, k)),
        pl.BlockSpec((BK, BN), lambda i, j, k: (k, j)),
        pl.BlockSpec((BN,), lambda i, j, k: (j,)),
    ]
    return call(body, A, W, C, in_specs=specs, scratch=False)


@kernel("gelu_tanh((A:M K, W:K N -> M N)) * Y:M N")
def gated_at_the_end(A, W, Y):  # proved
    def body(a_ref, w_ref, y_ref, o_ref, acc_ref):
        k = pl.program_id(2)

        @pl.when(k == 0)
        def _():
            acc_ref[...] = jnp.zeros_like(acc_ref)

        acc_ref[...] += a_ref[...] @ w_ref[...]

        @pl.when(k == K // BK - 1)
        def _():
            o_ref[...] = jax.nn.gelu(acc_ref[...], approximate=True) * y_ref[...]

    specs = [
        pl.BlockSpec((BM, BK), lambda i, j, k: (i, k)),
        pl.BlockSpec((BK, BN), lambda i, j, k: (k, j)),
        pl.BlockSpec((BM, BN), lambda i, j, k: (i, j)),
    ]
    return call(body, A, W, Y, in_specs=specs)


@kernel(PRODUCT)
def inner_loop_over_the_whole_rows(A, W):  # proved
    def body(a_ref, w_ref, o_ref):
        def step(k, acc):
            here = pl.ds(k * BK, BK)
            return acc + a_ref[:, here] @ w_ref[here, :]

        o_ref[...] = jax.lax.fori_loop(0, K // BK, step, jnp.zeros(o_ref.shape, o_ref.dtype))

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((M, N), A.dtype),
        grid=(M // BM, N // BN),
        in_specs=[pl.BlockSpec((BM, K), lambda i, j: (i, 0)), pl.BlockSpec((K, BN), lambda i, j: (0, j))],
        out_specs=pl.BlockSpec((BM, BN), lambda i, j: (i, j)),
        interpret=True,
    )(A, W)


@kernel(PRODUCT)
def inner_loop_with_overlapping_steps(A, W):  # refuted
    def body(a_ref, w_ref, o_ref):
        o_ref[...] = jnp.zeros_like(o_ref)

        @pl.loop(0, K // BK)
        def _(k):
            here = pl.ds(k * (BK - 1), BK)
            o_ref[...] += a_ref[:, here] @ w_ref[here, :]

    return pl.pallas_call(body, out_shape=jax.ShapeDtypeStruct((M, N), A.dtype), interpret=True)(A, W)


@kernel("(A:B M K, W:B K N -> B M N)")
def batch_by_vmap(A, W):  # proved
    return jax.vmap(lambda a, w: call(output_kernel, a, w, scratch=False))(A, W)


@kernel("(A:B M K, W:G K N -> B G M N)")
def batches_and_groups_along_one_axis(A, W):  # proved
    def body(a_ref, w_ref, o_ref):
        o_ref[...] = a_ref[...] @ w_ref[...]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((B, G, M, N), A.dtype),
        grid=(B * G, N // BN),
        in_specs=[
            pl.BlockSpec((None, M, K), lambda p, j: (p // G, 0, 0)),
            pl.BlockSpec((None, K, BN), lambda p, j: (p % G, 0, j)),
        ],
        out_specs=pl.BlockSpec((None, None, M, BN), lambda p, j: (p // G, p % G, 0, j)),
        interpret=True,
    )(A, W)


@kernel("(A:B M K, W:G K N -> B G M N)")
def groups_taken_for_batches(A, W):  # refuted
    def body(a_ref, w_ref, o_ref):
        o_ref[...] = a_ref[...] @ w_ref[...]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((B, G, M, N), A.dtype),
        grid=(B * G, N // BN),
        in_specs=[
            pl.BlockSpec((None, M, K), lambda p, j: (p // G, 0, 0)),
            pl.BlockSpec((None, K, BN), lambda p, j: (p // B, 0, j)),
        ],
        out_specs=pl.BlockSpec((None, None, M, BN), lambda p, j: (p // G, p % G, 0, j)),
        interpret=True,
    )(A, W)


@kernel("(A:M K, W:N K -> M N)")
def second_operand_transposed(A, W):  # proved
    def body(a_ref, w_ref, o_ref):
        contracted = (((1,), (1,)), ((), ()))
        product = jax.lax.dot_general(a_ref[...], w_ref[...], contracted)

        @pl.when(pl.program_id(2) == 0)
        def _():
            o_ref[...] = product

        @pl.when(pl.program_id(2) > 0)
        def _():
            o_ref[...] += product

    specs = [
        pl.BlockSpec((BM, BK), lambda i, j, k: (i, k)),
        pl.BlockSpec((BN, BK), lambda i, j, k: (j, k)),
    ]
    return call(body, A, W, in_specs=specs, scratch=False)


def tail_kernel(a_ref, w_ref, o_ref, *, masked):
    @pl.when(pl.program_id(2) == 0)
    def _():
        o_ref[...] = jnp.zeros_like(o_ref)

    a, w = a_ref[...], w_ref[...]
    if masked:
        inside = pl.program_id(2) * 8 + jnp.arange(8) < K
        a = jnp.where(inside[None, :], a, 0)
        w = jnp.where(inside[:, None], w, 0)
    o_ref[...] += a @ w


@kernel(PRODUCT)
def last_block_masked(A, W):  # proved
    specs = [pl.BlockSpec((BM, 8), lambda i, j, k: (i, k)), pl.BlockSpec((8, BN), lambda i, j, k: (k, j))]
    grid = (M // BM, N // BN, pl.cdiv(K, 8))
    return call(functools.partial(tail_kernel, masked=True), A, W, in_specs=specs, grid=grid, scratch=False)


@kernel(PRODUCT)
def padding_of_the_last_block_added(A, W):  # refuted: out of bounds
    specs = [pl.BlockSpec((BM, 8), lambda i, j, k: (i, k)), pl.BlockSpec((8, BN), lambda i, j, k: (k, j))]
    grid = (M // BM, N // BN, pl.cdiv(K, 8))
    return call(functools.partial(tail_kernel, masked=False), A, W, in_specs=specs, grid=grid, scratch=False)


@kernel("(A:B M K, W:B K N -> M N)")
def two_axes_are_summed(A, W):  # proved
    def body(a_ref, w_ref, o_ref):
        @pl.when((pl.program_id(1) == 0) & (pl.program_id(2) == 0))
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += a_ref[...] @ w_ref[...]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((M, N), A.dtype),
        grid=(N // BN, B, K // BK),
        in_specs=[
            pl.BlockSpec((None, M, BK), lambda j, b, k: (b, 0, k)),
            pl.BlockSpec((None, BK, BN), lambda j, b, k: (b, k, j)),
        ],
        out_specs=pl.BlockSpec((M, BN), lambda j, b, k: (0, j)),
        interpret=True,
    )(A, W)


@kernel(PRODUCT)
def comes_back_to_a_block(A, W):  # refuted: comes back to
    def body(a_ref, w_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += a_ref[...] @ w_ref[...]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((M, N), A.dtype),
        grid=(K // BK, N // BN),
        in_specs=[pl.BlockSpec((M, BK), lambda k, j: (0, k)), pl.BlockSpec((BK, BN), lambda k, j: (k, j))],
        out_specs=pl.BlockSpec((M, BN), lambda k, j: (0, j)),
        interpret=True,
    )(A, W)


@kernel("(A:M K, W:G K N -> G M N)")
def prefetched_order_of_groups(A, W):  # proved
    def body(order_ref, a_ref, w_ref, o_ref):
        o_ref[...] = a_ref[...] @ w_ref[...] + 0 * order_ref[0]

    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((G, M, N), A.dtype),
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(G,),
            in_specs=[
                pl.BlockSpec((M, K), lambda g, order: (0, 0)),
                pl.BlockSpec((None, K, N), lambda g, order: (order[g], 0, 0)),
            ],
            out_specs=pl.BlockSpec((None, M, N), lambda g, order: (order[g], 0, 0)),
        ),
        interpret=True,
    )(G - 1 - jnp.arange(G, dtype=jnp.int32), A, W)
