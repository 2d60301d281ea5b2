"""Pallas: softmax, norms, running state, flash attention over loops and over the grid."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from stile_engine import dim, kernel

M, N = dim("M", 8), dim("N", 24)
Q, C, D = dim("Q", 24), dim("C", 24), dim("D", 3)
H, G = dim("H", 4), dim("G", 2)
T = 4
ATTENTION = "(softmax[C]((X:Q D, K:C D -> Q C)), V:C D -> Q D)"
CAUSAL = "(softmax[C where C <= Q]((X:Q D, K:C D -> Q C)), V:C D -> Q D)"


def like(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def by_rows(body, X, *weights, rows=2):
    spec = pl.BlockSpec((rows, N), lambda i: (i, 0))
    whole = [pl.BlockSpec((N,), lambda i: (0,)) for _ in weights]
    return pl.pallas_call(
        body, out_shape=like(X), grid=(M // rows,), in_specs=[spec, *whole], out_specs=spec, interpret=True
    )(X, *weights)


@kernel("softmax[N](X:M N)")
def softmax_by_rows(X):  # proved
    def body(x_ref, o_ref):
        x = x_ref[...]
        e = jnp.exp(x - jnp.max(x, axis=-1, keepdims=True))
        o_ref[...] = e / jnp.sum(e, axis=-1, keepdims=True)

    return by_rows(body, X)


@kernel("softmax[N](X:M N)")
def softmax_of_the_library(X):  # proved
    def body(x_ref, o_ref):
        o_ref[...] = jax.nn.softmax(x_ref[...], axis=-1)

    return by_rows(body, X)


@kernel("softmax[N](X:M N)")
def softmax_over_the_block(X):  # refuted
    def body(x_ref, o_ref):
        e = jnp.exp(x_ref[...])
        o_ref[...] = e / jnp.sum(e)

    return by_rows(body, X)


NORM = "let Z = X:M N - mean[N](X:M N) in Z * rsqrt(mean[N](Z ** 2) + 0.001) * W:N + U:N"


def layer_norm_kernel(x_ref, w_ref, u_ref, o_ref, *, ddof=0):
    x = x_ref[...]
    mean = jnp.mean(x, axis=1, keepdims=True)
    variance = jnp.sum((x - mean) ** 2, axis=1, keepdims=True) / (N - ddof)
    o_ref[...] = (x - mean) * jax.lax.rsqrt(variance + 0.001) * w_ref[...] + u_ref[...]


@kernel(NORM)
def layer_norm(X, W, U):  # proved
    return by_rows(layer_norm_kernel, X, W, U)


@kernel(NORM)
def layer_norm_with_the_unbiased_variance(X, W, U):  # refuted
    return by_rows(functools.partial(layer_norm_kernel, ddof=1), X, W, U)


@kernel(NORM)
def layer_norm_with_moments(X, W, U):  # proved
    def body(x_ref, w_ref, u_ref, o_ref):
        x = x_ref[...]
        mean = x.mean(1)
        variance = (x * x).mean(1) - mean * mean
        scale = 1 / jnp.sqrt(variance + 0.001)
        o_ref[...] = (x - mean[:, None]) * scale[:, None] * w_ref[...] + u_ref[...]

    return by_rows(body, X, W, U)


RMS = "X:M N * rsqrt(mean[N](X:M N ** 2) + 0.001) * W:N"


def rms_kernel(x_ref, w_ref, o_ref, square_ref, *, columns=N):
    square_ref[...] = jnp.zeros_like(square_ref)

    @pl.loop(0, columns, step=6)
    def _(j):
        part = x_ref[:, pl.ds(j, 6)]
        square_ref[...] += jnp.sum(part * part, axis=1)

    o_ref[...] = x_ref[...] * jax.lax.rsqrt(square_ref[...] / N + 0.001)[:, None] * w_ref[...]


def rms(X, W, **options):
    return pl.pallas_call(
        functools.partial(rms_kernel, **options),
        out_shape=like(X),
        grid=(M // 2,),
        in_specs=[pl.BlockSpec((2, N), lambda i: (i, 0)), pl.BlockSpec((N,), lambda i: (0,))],
        out_specs=pl.BlockSpec((2, N), lambda i: (i, 0)),
        scratch_shapes=[pltpu.VMEM((2,), X.dtype)],
        interpret=True,
    )(X, W)


@kernel(RMS)
def rms_norm_with_a_loop_over_columns(X, W):  # proved
    return rms(X, W)


@kernel(RMS)
def rms_norm_without_the_last_columns(X, W):  # refuted
    return rms(X, W, columns=N - 6)


# Reductions over the grid.


def column_sums(body, X, rows=1):
    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((N,), X.dtype),
        grid=(M // rows,),
        in_specs=[pl.BlockSpec((rows, N), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((N,), lambda i: (0,)),
        interpret=True,
    )(X)


@kernel("sum[M](X:M N)")
def sum_over_the_grid(X):  # proved
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += x_ref[...].sum(0)

    return column_sums(body, X)


@kernel("sum[M](X:M N)")
def only_the_last_program_counts(X):  # refuted
    def body(x_ref, o_ref):
        o_ref[...] = x_ref[...].sum(0)

    return column_sums(body, X)


@kernel("max[M](X:M N)")
def largest_over_the_grid(X):  # proved
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = jnp.full_like(o_ref, -jnp.inf)

        o_ref[...] = jnp.maximum(o_ref[...], x_ref[...].max(0))

    return column_sums(body, X)


@kernel("max[M](X:M N)")
def largest_from_zero_on(X):  # refuted
    def body(x_ref, o_ref):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref) + 1

        o_ref[...] = jnp.maximum(o_ref[...], x_ref[...].max(0))

    return column_sums(body, X)


J = dim("J", 8)


def prefix(X, body):
    row = pl.BlockSpec((1, N), lambda i: (i, 0))
    return pl.pallas_call(
        body,
        out_shape=like(X),
        grid=(M,),
        in_specs=[row],
        out_specs=row,
        scratch_shapes=[pltpu.VMEM((N,), X.dtype)],
        interpret=True,
    )(X)


def prefix_kernel(x_ref, o_ref, total_ref, *, exclusive=False):
    @pl.when(pl.program_id(0) == 0)
    def _():
        total_ref[...] = jnp.zeros_like(total_ref)

    if exclusive:
        o_ref[0, :] = total_ref[...]
    total_ref[...] += x_ref[0, :]
    if not exclusive:
        o_ref[0, :] = total_ref[...]


@kernel("sum[M where M <= J](X:M N) -> J N")
def running_sum_in_scratch(X):  # proved
    return prefix(X, prefix_kernel)


@kernel("sum[M where M <= J](X:M N) -> J N")
def running_sum_one_row_late(X):  # refuted
    return prefix(X, functools.partial(prefix_kernel, exclusive=True))


# Attention.


def empty(rows):
    return jnp.full((rows,), -jnp.inf), jnp.zeros((rows,)), jnp.zeros((rows, D))


def update(carry, s, v):
    m, l, acc = carry
    new = jnp.maximum(m, s.max(axis=1))
    scale = jnp.exp(m - new)
    p = jnp.exp(s - new[:, None])
    return new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v


def flash_kernel(q_ref, k_ref, v_ref, o_ref, *, rounds, causal=True, visible=lambda k, q: k <= q):
    i = pl.program_id(0)
    q = q_ref[...]

    def body(j, carry):
        here = pl.ds(j * T, T)
        s = q @ k_ref[here, :].T
        if causal:
            seen = visible(j * T + jnp.arange(T)[None, :], i * T + jnp.arange(T)[:, None])
            s = jnp.where(seen, s, -jnp.inf)
        return update(carry, s, v_ref[here, :])

    m, l, acc = jax.lax.fori_loop(0, rounds(i), body, empty(T))
    o_ref[...] = (acc / l[:, None]).astype(o_ref.dtype)


def flash(X, K, V, rounds, **options):
    block, whole = pl.BlockSpec((T, D), lambda i: (i, 0)), pl.BlockSpec((C, D), lambda i: (0, 0))
    return pl.pallas_call(
        functools.partial(flash_kernel, rounds=rounds, **options),
        out_shape=like(X),
        grid=(Q // T,),
        in_specs=[block, whole, whole],
        out_specs=block,
        interpret=True,
    )(X, K, V)


@kernel(ATTENTION)
def flash_attention(X, K, V):  # proved
    return flash(X, K, V, lambda i: C // T, causal=False)


@kernel(ATTENTION)
def last_block_of_keys_left_out(X, K, V):  # refuted
    return flash(X, K, V, lambda i: C // T - 1, causal=False)


@kernel(CAUSAL)
def causal_flash_attention(X, K, V):  # proved
    return flash(X, K, V, lambda i: i + 1)


@kernel(CAUSAL)
def causal_over_all_blocks(X, K, V):  # proved
    return flash(X, K, V, lambda i: C // T)


@kernel(CAUSAL)
def future_keys_of_the_own_block_seen(X, K, V):  # refuted
    return flash(X, K, V, lambda i: i + 1, causal=False)


@kernel(CAUSAL)
def strictly_earlier_keys_only(X, K, V):  # refuted
    return flash(X, K, V, lambda i: i + 1, visible=lambda k, q: (k < q) | (k == 0))


def grid_kernel(q_ref, k_ref, v_ref, o_ref, m_ref, l_ref, acc_ref, *, rescaled=True, steps=C // T):
    j = pl.program_id(1)

    @pl.when(j == 0)
    def _():
        m_ref[...] = jnp.full_like(m_ref, -jnp.inf)
        l_ref[...] = jnp.zeros_like(l_ref)
        acc_ref[...] = jnp.zeros_like(acc_ref)

    s = q_ref[...] @ k_ref[...].T
    before = m_ref[...]
    m_ref[...] = jnp.maximum(before, s.max(axis=1))
    p = jnp.exp(s - m_ref[...][:, None])
    scale = jnp.exp(before - m_ref[...])
    l_ref[...] = l_ref[...] * scale + p.sum(axis=1)
    acc_ref[...] = acc_ref[...] * (scale[:, None] if rescaled else 1.0) + p @ v_ref[...]

    @pl.when(j == steps - 1)
    def _():
        o_ref[...] = acc_ref[...] / l_ref[...][:, None]


def grid_flash(X, K, V, keys=lambda i, j: (j, 0), **options):
    rows, block = pl.BlockSpec((T, D), lambda i, j: (i, 0)), pl.BlockSpec((T, D), keys)
    scratch = [pltpu.VMEM((T,), X.dtype), pltpu.VMEM((T,), X.dtype), pltpu.VMEM((T, D), X.dtype)]
    return pl.pallas_call(
        functools.partial(grid_kernel, **options),
        out_shape=like(X),
        grid=(Q // T, C // T),
        in_specs=[rows, block, block],
        out_specs=rows,
        scratch_shapes=scratch,
        interpret=True,
    )(X, K, V)


@kernel(ATTENTION)
def state_in_scratch_along_the_grid(X, K, V):  # proved
    return grid_flash(X, K, V)


@kernel(ATTENTION)
def numerator_not_rescaled(X, K, V):  # refuted
    return grid_flash(X, K, V, rescaled=False)


@kernel(ATTENTION)
def keys_indexed_by_rows(X, K, V):  # refuted
    return grid_flash(X, K, V, keys=lambda i, j: (i, 0))


@kernel("(softmax[C]((X:H Q D, at[G := H // 2](K:G C D) -> H Q C)), at[G := H // 2](V:G C D) -> H Q D)")
def heads_share_keys(X, K, V):  # proved
    def body(q_ref, k_ref, v_ref, o_ref):
        w = jax.nn.softmax(q_ref[...] @ k_ref[...].T, axis=-1)
        o_ref[...] = w @ v_ref[...]

    rows, shared = (
        pl.BlockSpec((None, T, D), lambda h, i: (h, i, 0)),
        pl.BlockSpec((None, C, D), lambda h, i: (h // 2, 0, 0)),
    )
    return pl.pallas_call(
        body, out_shape=like(X), grid=(H, Q // T), in_specs=[rows, shared, shared], out_specs=rows, interpret=True
    )(X, K, V)


@kernel("(softmax[C]((X:H Q D, at[G := H // 2](K:G C D) -> H Q C)), at[G := H // 2](V:G C D) -> H Q D)")
def heads_share_the_keys_of_others(X, K, V):  # refuted
    def body(q_ref, k_ref, v_ref, o_ref):
        w = jax.nn.softmax(q_ref[...] @ k_ref[...].T, axis=-1)
        o_ref[...] = w @ v_ref[...]

    rows, shared = (
        pl.BlockSpec((None, T, D), lambda h, i: (h, i, 0)),
        pl.BlockSpec((None, C, D), lambda h, i: (h % 2, 0, 0)),
    )
    return pl.pallas_call(
        body, out_shape=like(X), grid=(H, Q // T), in_specs=[rows, shared, shared], out_specs=rows, interpret=True
    )(X, K, V)
