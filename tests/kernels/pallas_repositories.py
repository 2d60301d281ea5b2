"""Pallas as repositories have it: attention, norms, losses, experts, scans over blocks; half with real mistakes."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from stile_engine import dim, kernel

T, S, D, V, E, J, H, M, N, K = (
    dim("T", 16),
    dim("S", 12),
    dim("D", 8),
    dim("V", 20),
    dim("E", 4),
    dim("J", 6),
    dim("H", 2),
    dim("M", 16),
    dim("N", 12),
    dim("K", 8),
)
T1 = dim("T1", 16)
P = dim("P", 5)


def softmax_kernel(x_ref, o_ref):
    x = x_ref[...]
    x = x - jnp.max(x, axis=-1, keepdims=True)
    e = jnp.exp(x)
    o_ref[...] = e / jnp.sum(e, axis=-1, keepdims=True)


@kernel("softmax[V](x:T V)")
def row_softmax(x):  # proved
    return pl.pallas_call(
        softmax_kernel,
        grid=(T // 4,),
        in_specs=[pl.BlockSpec((4, V), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((4, V), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x)


@kernel("softmax[V](x:T V)")
def row_softmax_in_column_blocks(x):  # refuted
    return pl.pallas_call(
        softmax_kernel,
        grid=(T // 4, 2),
        in_specs=[pl.BlockSpec((4, V // 2), lambda i, j: (i, j))],
        out_specs=pl.BlockSpec((4, V // 2), lambda i, j: (i, j)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x)


def rms_kernel(x_ref, w_ref, o_ref, *, eps):
    x = x_ref[:]
    var = jnp.mean(lax.square(x), axis=-1, keepdims=True)
    o_ref[:] = (x * lax.rsqrt(var + eps) * w_ref[:][None, :]).astype(o_ref.dtype)


def rms(x, w, eps=1e-6):
    return pl.pallas_call(
        functools.partial(rms_kernel, eps=eps),
        grid=(pl.cdiv(x.shape[0], 8),),
        in_specs=[pl.BlockSpec((8, x.shape[1]), lambda i: (i, 0)), pl.BlockSpec((x.shape[1],), lambda i: (0,))],
        out_specs=pl.BlockSpec((8, x.shape[1]), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x, w)


@kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 0.000001) * w:D")
def rms_norm(x, w):  # proved
    return rms(x, w)


@kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 0.000001) * w:D")
def rms_norm_another_epsilon(x, w):  # refuted
    return rms(x, w, eps=1e-3)


def matmul_kernel(x_ref, y_ref, o_ref, acc_ref, *, nk, act):
    @pl.when(pl.program_id(2) == 0)
    def _():
        acc_ref[...] = jnp.zeros_like(acc_ref)

    acc_ref[...] += jnp.dot(x_ref[...], y_ref[...])

    @pl.when(pl.program_id(2) == nk - 1)
    def _():
        o_ref[...] = act(acc_ref[...]).astype(o_ref.dtype)


def matmul(x, y, act=lambda v: v, nk=2):
    m, k = x.shape
    n = y.shape[1]
    return pl.pallas_call(
        functools.partial(matmul_kernel, nk=nk, act=act),
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=0,
            grid=(m // 4, n // 4, k // 4),
            in_specs=[pl.BlockSpec((4, 4), lambda i, j, l: (i, l)), pl.BlockSpec((4, 4), lambda i, j, l: (l, j))],
            out_specs=pl.BlockSpec((4, 4), lambda i, j, l: (i, j)),
            scratch_shapes=[pltpu.VMEM((4, 4), x.dtype)],
        ),
        out_shape=jax.ShapeDtypeStruct((m, n), x.dtype),
        compiler_params=pltpu.CompilerParams(dimension_semantics=("parallel", "parallel", "arbitrary")),
        interpret=True,
    )(x, y)


@kernel("gelu_tanh(x:M K, y:K N -> M N)")
def fused_matmul_gelu(x, y):  # proved
    return matmul(x, y, jax.nn.gelu)


@kernel("gelu_tanh(x:M K, y:K N -> M N)")
def activation_applied_a_step_too_early(x, y):  # refuted
    return matmul(x, y, jax.nn.gelu, nk=1)


def flash_kernel(q_ref, k_ref, v_ref, o_ref, m_s, l_s, acc_s, *, bk, nk, causal, rescale=True):
    i, j = pl.program_id(1), pl.program_id(2)

    @pl.when(j == 0)
    def _init():
        m_s[...] = jnp.full_like(m_s, -jnp.inf)
        l_s[...] = jnp.zeros_like(l_s)
        acc_s[...] = jnp.zeros_like(acc_s)

    q, k, v = q_ref[0], k_ref[0], v_ref[0]
    s = q @ k.T / math.sqrt(q.shape[-1])
    m_prev, l_prev = m_s[...], l_s[...]
    m_next = jnp.maximum(m_prev, s.max(axis=1, keepdims=True))
    alpha = jnp.exp(m_prev - m_next)
    p = jnp.exp(s - m_next)
    l_s[...] = alpha * l_prev + p.sum(axis=1, keepdims=True)
    acc_s[...] = (alpha * acc_s[...] if rescale else acc_s[...]) + p @ v
    m_s[...] = m_next

    @pl.when(j == nk - 1)
    def _done():
        o_ref[0] = (acc_s[...] / l_s[...]).astype(o_ref.dtype)


def flash(q, k, v, **options):
    h, t, d = q.shape
    s = k.shape[1]
    return pl.pallas_call(
        functools.partial(flash_kernel, bk=4, nk=s // 4, causal=False, **options),
        grid=(h, t // 8, s // 4),
        in_specs=[
            pl.BlockSpec((1, 8, d), lambda b, i, j: (b, i, 0)),
            pl.BlockSpec((1, 4, d), lambda b, i, j: (b, j, 0)),
            pl.BlockSpec((1, 4, d), lambda b, i, j: (b, j, 0)),
        ],
        out_specs=pl.BlockSpec((1, 8, d), lambda b, i, j: (b, i, 0)),
        scratch_shapes=[pltpu.VMEM((8, 1), q.dtype), pltpu.VMEM((8, 1), q.dtype), pltpu.VMEM((8, d), q.dtype)],
        out_shape=jax.ShapeDtypeStruct(q.shape, q.dtype),
        interpret=True,
    )(q, k, v)


ATTENTION = "(softmax[S]((q:H T D, k:H S D -> H T S) / sqrt(size(D))), v:H S D -> H T D)"


@kernel(ATTENTION)
def flash_attention(q, k, v):  # proved
    return flash(q, k, v)


@kernel(ATTENTION)
def flash_attention_accumulator_not_rescaled(q, k, v):  # refuted
    return flash(q, k, v, rescale=False)


def causal_kernel(q_ref, k_ref, v_ref, o_ref, *, bq, bk, strict=False):
    i = pl.program_id(0)
    q = q_ref[...]

    def body(j, carry):
        m, l, acc = carry
        k = k_ref[pl.ds(j * bk, bk), :]
        v = v_ref[pl.ds(j * bk, bk), :]
        s = jnp.dot(q, k.T)
        rows = i * bq + lax.broadcasted_iota(jnp.int32, (bq, bk), 0)
        cols = j * bk + lax.broadcasted_iota(jnp.int32, (bq, bk), 1)
        s = jnp.where(rows > cols if strict else rows >= cols, s, -jnp.inf)
        m_new = jnp.maximum(m, s.max(1))
        a = jnp.exp(m - m_new)
        p = jnp.exp(s - m_new[:, None])
        return m_new, l * a + p.sum(1), acc * a[:, None] + p @ v

    m, l, acc = lax.fori_loop(
        0, (i + 1) * bq // bk, body, (jnp.full((bq,), -jnp.inf), jnp.zeros((bq,)), jnp.zeros(o_ref.shape))
    )
    o_ref[...] = acc / l[:, None]


def causal(q, k, v, **options):
    t, d = q.shape
    return pl.pallas_call(
        functools.partial(causal_kernel, bq=4, bk=2, **options),
        grid=(t // 4,),
        in_specs=[
            pl.BlockSpec((4, d), lambda i: (i, 0)),
            pl.BlockSpec((t, d), lambda i: (0, 0)),
            pl.BlockSpec((t, d), lambda i: (0, 0)),
        ],
        out_specs=pl.BlockSpec((4, d), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(q.shape, q.dtype),
        interpret=True,
    )(q, k, v)


CAUSAL = "(softmax[T1 where T1 <= T]((q:T D, k:T1 D -> T T1)), v:T1 D -> T D)"


@kernel(CAUSAL)
def causal_attention(q, k, v):  # proved
    return causal(q, k, v)


@kernel(CAUSAL)
def causal_attention_without_the_diagonal(q, k, v):  # refuted
    return causal(q, k, v, strict=True)


def xent_kernel(x_ref, y_ref, o_ref):
    x = x_ref[...]
    m = x.max(axis=-1)
    lse = m + jnp.log(jnp.sum(jnp.exp(x - m[:, None]), axis=-1))
    cols = lax.broadcasted_iota(jnp.int32, x.shape, 1)
    picked = jnp.sum(jnp.where(cols == y_ref[...][:, None], x, 0.0), axis=-1)  # error[dim-mismatch]: different parts of T
    o_ref[...] = lse - picked


@kernel("logsumexp[V](x:T V) - gather[V](x:T V, y:T)", assume="y in V")
def cross_entropy(x, y):  # proved
    return pl.pallas_call(
        xent_kernel,
        grid=(4,),
        in_specs=[pl.BlockSpec((4, V), lambda i: (i, 0)), pl.BlockSpec((4,), lambda i: (i,))],
        out_specs=pl.BlockSpec((4,), lambda i: (i,)),
        out_shape=jax.ShapeDtypeStruct((T,), x.dtype),
        interpret=True,
    )(x, y)


@kernel("logsumexp[V](x:T V) - gather[V](x:T V, y:T)", assume="y in V")
def cross_entropy_labels_of_the_first_block(x, y):  # refuted
    return pl.pallas_call(
        xent_kernel,
        grid=(4,),
        in_specs=[pl.BlockSpec((4, V), lambda i: (i, 0)), pl.BlockSpec((4,), lambda i: (0,))],
        out_specs=pl.BlockSpec((4,), lambda i: (i,)),
        out_shape=jax.ShapeDtypeStruct((T,), x.dtype),
        interpret=True,
    )(x, y)


def moe_kernel(ids_ref, x_ref, w_ref, o_ref):
    o_ref[...] = jnp.dot(x_ref[...], w_ref[0])


@kernel("(x:T D, gather[E](w:E D J, e:T) -> T J)", assume="e in E")
def expert_matmul_by_prefetch(e, x, w):  # proved
    return pl.pallas_call(
        moe_kernel,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(T,),
            in_specs=[
                pl.BlockSpec((1, D), lambda i, ids: (i, 0)),
                pl.BlockSpec((1, D, J), lambda i, ids: (ids[i], 0, 0)),
            ],
            out_specs=pl.BlockSpec((1, J), lambda i, ids: (i, 0)),
        ),
        out_shape=jax.ShapeDtypeStruct((T, J), x.dtype),
        interpret=True,
    )(e, x, w)


@kernel("(x:T D, gather[E](w:E D J, e:T) -> T J)", assume="e in E")
def expert_of_the_next_token(e, x, w):  # refuted
    return pl.pallas_call(
        moe_kernel,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(T,),
            in_specs=[
                pl.BlockSpec((1, D), lambda i, ids: (i, 0)),
                pl.BlockSpec((1, D, J), lambda i, ids: (ids[(i + 1) % T], 0, 0)),
            ],
            out_specs=pl.BlockSpec((1, J), lambda i, ids: (i, 0)),
        ),
        out_shape=jax.ShapeDtypeStruct((T, J), x.dtype),
        interpret=True,
    )(e, x, w)


def quantise_kernel(x_ref, o_ref):
    x = x_ref[...]
    scale = jnp.max(jnp.abs(x), axis=1, keepdims=True) / 127.0
    o_ref[...] = jnp.floor(x / scale + 0.5) * scale


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(x:T D / s + 0.5) * s")
def quantise_rows(x):  # proved
    return pl.pallas_call(
        quantise_kernel,
        grid=(2,),
        in_specs=[pl.BlockSpec((8, D), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((8, D), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x)


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(x:T D / s + 0.5) * s")
def quantise_half_rows(x):  # refuted
    return pl.pallas_call(
        quantise_kernel,
        grid=(4, 2),
        in_specs=[pl.BlockSpec((4, D // 2), lambda i, j: (i, j))],
        out_specs=pl.BlockSpec((4, D // 2), lambda i, j: (i, j)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x)


def scan_kernel(x_ref, o_ref, carry_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        carry_ref[...] = jnp.zeros_like(carry_ref)

    c = jnp.cumsum(x_ref[...], axis=0) + carry_ref[...]
    o_ref[...] = c
    carry_ref[...] = c[-1:, :]


@kernel("sum[T1 where T1 <= T](at[T := T1](x:T D)) -> T D")
def blocked_cumsum(x):  # proved
    return pl.pallas_call(
        scan_kernel,
        grid=(4,),
        in_specs=[pl.BlockSpec((4, D), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((4, D), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        scratch_shapes=[pltpu.VMEM((1, D), x.dtype)],
        interpret=True,
    )(x)


def scan_kernel_losing_the_carry(x_ref, o_ref, carry_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        carry_ref[...] = jnp.zeros_like(carry_ref)

    c = jnp.cumsum(x_ref[...], axis=0)
    o_ref[...] = c + carry_ref[...]
    carry_ref[...] = c[-1:, :]


@kernel("sum[T1 where T1 <= T](at[T := T1](x:T D)) -> T D")
def blocked_cumsum_of_two_blocks(x):  # refuted
    return pl.pallas_call(
        scan_kernel_losing_the_carry,
        grid=(4,),
        in_specs=[pl.BlockSpec((4, D), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((4, D), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        scratch_shapes=[pltpu.VMEM((1, D), x.dtype)],
        interpret=True,
    )(x)


def rope_kernel(x_ref, c_ref, s_ref, o_ref):
    x = x_ref[...]
    half = x.shape[-1] // 2
    rotated = jnp.concatenate([-x[:, half:], x[:, :half]], axis=-1)
    o_ref[...] = x * c_ref[...] + rotated * s_ref[...]


@kernel(
    "where(D < 4, x:T D * c:T D - at[D := (D + 4) % 8](x:T D) * s:T D, x:T D * c:T D + at[D := (D + 4) % 8](x:T D) * s:T D)"
)
def rotary(x, c, s):  # proved
    spec = pl.BlockSpec((4, D), lambda i: (i, 0))
    return pl.pallas_call(
        rope_kernel,
        grid=(4,),
        in_specs=[spec] * 3,
        out_specs=spec,
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x, c, s)


def rope_roll_kernel(x_ref, c_ref, s_ref, o_ref):
    x = x_ref[...]
    o_ref[...] = x * c_ref[...] + pltpu.roll(x, x.shape[-1] // 2, axis=1) * s_ref[...]


@kernel(
    "where(D < 4, x:T D * c:T D - at[D := (D + 4) % 8](x:T D) * s:T D, x:T D * c:T D + at[D := (D + 4) % 8](x:T D) * s:T D)"
)
def rotary_without_the_sign(x, c, s):  # refuted
    spec = pl.BlockSpec((4, D), lambda i: (i, 0))
    return pl.pallas_call(
        rope_roll_kernel,
        grid=(4,),
        in_specs=[spec] * 3,
        out_specs=spec,
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        interpret=True,
    )(x, c, s)


def argmax_kernel(x_ref, o_ref):
    x = x_ref[...]
    best = jnp.argmax(x, axis=-1)
    cols = lax.broadcasted_iota(jnp.int32, x.shape, 1)
    o_ref[...] = jnp.sum(jnp.where(cols == best[:, None], x, 0.0), axis=-1)


@kernel("max[V](x:T V)")
def value_at_argmax(x):  # proved
    return pl.pallas_call(
        argmax_kernel,
        grid=(4,),
        in_specs=[pl.BlockSpec((4, V), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((4,), lambda i: (i,)),
        out_shape=jax.ShapeDtypeStruct((T,), x.dtype),
        interpret=True,
    )(x)


def ssd_kernel(a_ref, x_ref, o_ref, h_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        h_ref[...] = jnp.zeros_like(h_ref)

    def body(t, h):
        h = jnp.exp(a_ref[t, :]) * h + x_ref[t, :]
        o_ref[t, :] = h
        return h

    h_ref[...] = lax.fori_loop(0, x_ref.shape[0], body, h_ref[...])


@kernel("sum[T1 where T1 <= T](exp(sum[M where T1 < M <= T](a:M D)) * at[T := T1](x:T D)) -> T D")
def recurrence_over_blocks(a, x):  # proved
    spec = pl.BlockSpec((4, D), lambda i: (i, 0))
    return pl.pallas_call(
        ssd_kernel,
        grid=(4,),
        in_specs=[spec, spec],
        out_specs=spec,
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        scratch_shapes=[pltpu.VMEM((D,), x.dtype)],
        interpret=True,
    )(a, x)


def layernorm_bwd_kernel(x_ref, dy_ref, dw_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        dw_ref[...] = jnp.zeros_like(dw_ref)

    x = x_ref[...]
    mean = x.mean(-1, keepdims=True)
    xc = x - mean
    rstd = lax.rsqrt((xc * xc).mean(-1, keepdims=True) + 1e-5)
    dw_ref[...] += (dy_ref[...] * xc * rstd).sum(0)


@kernel("let m = mean[D](x:T D) in sum[T](dy:T D * (x:T D - m) * rsqrt(mean[D]((x:T D - m) ** 2) + 0.00001))")
def layer_norm_weight_gradient(x, dy):  # proved
    spec = pl.BlockSpec((4, D), lambda i: (i, 0))
    return pl.pallas_call(
        layernorm_bwd_kernel,
        grid=(4,),
        in_specs=[spec, spec],
        out_specs=pl.BlockSpec((D,), lambda i: (0,)),
        out_shape=jax.ShapeDtypeStruct((D,), x.dtype),
        interpret=True,
    )(x, dy)


def layernorm_bwd_kernel_overwriting(x_ref, dy_ref, dw_ref):
    x = x_ref[...]
    xc = x - x.mean(-1, keepdims=True)
    rstd = lax.rsqrt((xc * xc).mean(-1, keepdims=True) + 1e-5)
    dw_ref[...] = (dy_ref[...] * xc * rstd).sum(0)


@kernel("let m = mean[D](x:T D) in sum[T](dy:T D * (x:T D - m) * rsqrt(mean[D]((x:T D - m) ** 2) + 0.00001))")
def layer_norm_weight_gradient_of_the_last_block(x, dy):  # refuted
    spec = pl.BlockSpec((4, D), lambda i: (i, 0))
    return pl.pallas_call(
        layernorm_bwd_kernel_overwriting,
        grid=(4,),
        in_specs=[spec, spec],
        out_specs=pl.BlockSpec((D,), lambda i: (0,)),
        out_shape=jax.ShapeDtypeStruct((D,), x.dtype),
        interpret=True,
    )(x, dy)
