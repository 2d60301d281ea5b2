"""JAX as repositories have it: attention, norms, experts, losses, scans, convolutions; half with real mistakes."""

import jax
import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

B, T, S, D, H, E, V, M, N, K, C = (
    dim("B", 2),
    dim("T", 6),
    dim("S", 6),
    dim("D", 8),
    dim("H", 2),
    dim("E", 4),
    dim("V", 10),
    dim("M", 5),
    dim("N", 6),
    dim("K", 7),
    dim("C", 4),
)
J, T1, R1, G = dim("J", 4), dim("T1", 6), dim("R1", 6), dim("G", 2)
L, Lo = dim("L", 9), dim("Lo", 7)


@kernel("let m = mean[D](x:T D) in (x:T D - m) * rsqrt(mean[D](x:T D ** 2) - m ** 2 + 0.00001) * w:D + b:D")
def layer_norm(x, w, b):  # proved
    mean = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w + b


@kernel("let m = mean[D](x:T D) in (x:T D - m) * rsqrt(mean[D](x:T D ** 2) - m ** 2 + 0.00001) * w:D + b:D")
def layer_norm_of_the_batch(x, w, b):  # refuted
    mean = jnp.mean(x, axis=0, keepdims=True)
    var = jnp.var(x, axis=0, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w + b


@kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 1e-6) * (1 + scale:D)")
def gemma_rms_norm(x, scale):  # proved
    x32 = x * 1.0
    normed = x32 * lax.rsqrt(jnp.mean(jnp.square(x32), -1, keepdims=True) + 1e-6)
    return normed * (1.0 + scale)


@kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 1e-6) * (1 + scale:D)")
def gemma_rms_norm_without_the_one(x, scale):  # refuted
    normed = x * lax.rsqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-6)
    return normed * scale


@kernel("(softmax[S where S <= T](30 * tanh((q:H T D, k:H S D -> H T S) / sqrt(size(D)) / 30)), v:H S D -> H T D)")
def soft_capped_attention(q, k, v):  # proved
    logits = jnp.einsum("htd,hsd->hts", q, k) / jnp.sqrt(q.shape[-1])
    logits = 30.0 * jnp.tanh(logits / 30.0)
    mask = jnp.tril(jnp.ones((T, S), dtype=bool))
    logits = jnp.where(mask[None], logits, -jnp.inf)
    return jnp.einsum("hts,hsd->htd", jax.nn.softmax(logits, axis=-1), v)


@kernel("(softmax[S]((q:T D, k:S D -> T S)), v:S D -> T D)")
def chunked_attention_by_scan(q, k, v):  # proved
    def step(carry, kv):
        m, l, o = carry
        kc, vc = kv
        s = q @ kc.T
        m_new = jnp.maximum(m, s.max(-1))
        alpha = jnp.exp(m - m_new)
        p = jnp.exp(s - m_new[:, None])
        return (m_new, l * alpha + p.sum(-1), o * alpha[:, None] + p @ vc), None

    init = (jnp.full(T, -jnp.inf), jnp.zeros(T), jnp.zeros((T, D)))
    (m, l, o), _ = lax.scan(step, init, (k.reshape(3, 2, D), v.reshape(3, 2, D)))
    return o / l[:, None]


@kernel("(softmax[S]((q:T D, k:S D -> T S)), v:S D -> T D)")
def chunked_attention_alpha_reversed(q, k, v):  # refuted
    def step(carry, kv):
        m, l, o = carry
        kc, vc = kv
        s = q @ kc.T
        m_new = jnp.maximum(m, s.max(-1))
        alpha = jnp.exp(m_new - m)
        p = jnp.exp(s - m_new[:, None])
        return (m_new, l * alpha + p.sum(-1), o * alpha[:, None] + p @ vc), None

    init = (q[:, 0], jnp.zeros(T), jnp.zeros((T, D)))
    (m, l, o), _ = lax.scan(step, init, (k.reshape(3, 2, D), v.reshape(3, 2, D)))
    return o / l[:, None]


@kernel(
    "where(D < 4, x:T D * cosv:T D - at[D := (D + 4) % 8](x:T D) * sinv:T D, x:T D * cosv:T D + at[D := (D + 4) % 8](x:T D) * sinv:T D)"
)
def rotary_by_roll(x, cosv, sinv):  # proved
    sign = jnp.where(jnp.arange(D) < D // 2, -1.0, 1.0)
    return x * cosv + jnp.roll(x, D // 2, axis=-1) * sign * sinv


@kernel(
    "where(D < 4, x:T D * cosv:T D - at[D := (D + 4) % 8](x:T D) * sinv:T D, x:T D * cosv:T D + at[D := (D + 4) % 8](x:T D) * sinv:T D)"
)
def rotary_with_the_sign_turned(x, cosv, sinv):  # refuted
    x1, x2 = jnp.split(x, 2, axis=-1)
    return x * cosv + jnp.concatenate([x2, -x1], axis=-1) * sinv


@kernel("let g = softmax[E](x:T D, wg:D E -> T E) in (g, (x:T D, we:E D J -> T E J) -> T J)")
def soft_moe(x, wg, we):  # proved
    gates = jax.nn.softmax(x @ wg)
    outs = jax.vmap(lambda w: x @ w, out_axes=1)(we)
    return jnp.sum(gates[..., None] * outs, axis=1)


@kernel("sum[V](softmax[V](z:T V) * (z:T V - logsumexp[V](z:T V)))")
def negative_entropy(z):  # proved
    logp = jax.nn.log_softmax(z, axis=-1)
    return jnp.sum(jnp.exp(logp) * logp, axis=-1)


@kernel("mean[T](logsumexp[V](z:T V) - gather[V](z:T V, y:T))", assume="y in V")
def cross_entropy_one_hot(z, y):  # proved
    logp = jax.nn.log_softmax(z)
    return -jnp.mean(jnp.sum(jax.nn.one_hot(y, V) * logp, axis=-1))


@kernel("mean[T](logsumexp[V](z:T V) - gather[V](z:T V, y:T))", assume="y in V")
def cross_entropy_mean_over_both(z, y):  # refuted
    logp = jax.nn.log_softmax(z)
    return -jnp.mean(jax.nn.one_hot(y, V) * logp)


@kernel("mean[T](maximum(z:T, 0) - z:T * y:T + log(1 + exp(-abs(z:T))))")
def sigmoid_bce(z, y):  # proved
    log_p = jax.nn.log_sigmoid(z)
    log_not_p = jax.nn.log_sigmoid(-z)
    return -jnp.mean(y * log_p + (1.0 - y) * log_not_p)


@kernel("mean[T](maximum(z:T, 0) - z:T * y:T + log(1 + exp(-abs(z:T))))")
def sigmoid_bce_one_sided(z, y):  # refuted
    return -jnp.mean(y * jax.nn.log_sigmoid(z))


@kernel("sum[T1 where T1 <= T](exp(sum[S where T1 < S <= T](a:S D)) * at[T := T1](x:T D)) -> T D")
def gated_linear_recurrence(a, x):  # proved
    def step(h, ax):
        at, xt = ax
        h = jnp.exp(at) * h + xt
        return h, h

    _, hs = lax.scan(step, jnp.zeros(D), (a, x))
    return hs


@kernel("sum[S where S <= T]((q:T D, k:S D -> T S) * v:S J)")
def linear_attention_chunked(q, k, v):  # proved
    def step(state, qkv):
        qc, kc, vc = qkv
        inter = qc @ state
        intra = jnp.tril(qc @ kc.T) @ vc
        return state + kc.T @ vc, inter + intra

    chunk = lambda a: a.reshape(3, 2, a.shape[-1])
    _, out = lax.scan(step, jnp.zeros((D, J)), (chunk(q), chunk(k), chunk(v)))
    return out.reshape(T, J)


@kernel("sum[S where S <= T]((q:T D, k:S D -> T S) * v:S J)")
def linear_attention_state_too_early(q, k, v):  # refuted
    def step(state, qkv):
        qc, kc, vc = qkv
        state = state + kc.T @ vc
        return state, qc @ state + jnp.tril(qc @ kc.T) @ vc

    chunk = lambda a: a.reshape(3, 2, a.shape[-1])
    _, out = lax.scan(step, jnp.zeros((D, J)), (chunk(q), chunk(k), chunk(v)))
    return out.reshape(T, J)


K3 = dim("K3", 3)


@kernel("sum[C](sum[K3](at[L := Lo + K3](x:B C L) * w:J C K3)) -> B J Lo")
def conv1d_valid(x, w):  # proved
    return lax.conv_general_dilated(x, w, (1,), "VALID", dimension_numbers=("NCH", "OIH", "NCH"))


@kernel("sum[C](sum[K3](at[L := Lo + K3](x:B C L) * w:J C K3)) -> B J Lo")
def conv1d_flipped(x, w):  # refuted
    return jax.vmap(
        lambda xb: jnp.stack([sum(jnp.convolve(xb[c], w[j, c], mode="valid") for c in range(4)) for j in range(4)])
    )(x)


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(x:T D / s + 0.5) * s")
def absmax_quantise(x):  # proved
    scale = jnp.max(jnp.abs(x), axis=-1, keepdims=True) / 127.0
    q = jnp.floor(x / scale + 0.5)
    return q * scale


@kernel("maximum(x:M, y:M)")
def maximum_by_where(x, y):  # proved
    return jnp.where(x > y, x, y)


@kernel("(silu(x:T D, w1:D E -> T E) * (x:T D, w3:D E -> T E), w2:E D -> T D)")
@jax.jit
def gated_mlp(x, w1, w3, w2):  # proved
    return jnp.dot(jax.nn.silu(jnp.dot(x, w1)) * jnp.dot(x, w3), w2)


@kernel("gelu_tanh(x:T D, w:D E -> T E)")
def default_gelu(x, w):  # proved
    return jax.nn.gelu(x @ w)


@kernel("gelu(x:T D, w:D E -> T E)")
def default_gelu_taken_for_the_exact_one(x, w):  # refuted
    return jax.nn.gelu(x @ w)


@kernel("sum[D]((q:T D - k:S D) ** 2)")
def pairwise_distances(q, k):  # proved
    return jnp.sum(q**2, 1)[:, None] + jnp.sum(k**2, 1)[None] - 2 * q @ k.T


@kernel("sum[D]((q:T D - k:S D) ** 2)")
def pairwise_distances_missing_two(q, k):  # refuted
    return jnp.sum(q**2, 1)[:, None] + jnp.sum(k**2, 1)[None] - q @ k.T


@kernel("sqrt(sum[D](x:T D ** 2))")
def row_norms(x):  # proved
    return jnp.linalg.norm(x, axis=-1)


@kernel("sum[M](sum[N](x:M N ** 2)) ** 1")
def frobenius(x):  # proved
    return jnp.linalg.norm(x) ** 2


@kernel("prod[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def cumulative_product(x):  # proved
    return jnp.cumprod(x, axis=0)


@kernel("max[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def cumulative_maximum(x):  # proved
    return lax.cummax(x, axis=0)
