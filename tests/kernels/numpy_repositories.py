"""NumPy as people write it: layers and their gradients, distances, pooling, running values; half with real mistakes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import softmax

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
L, Lo, K3 = dim("L", 9), dim("Lo", 7), dim("K3", 3)
hh, ww, ho, wo, kh, kw, O = (
    dim("hh", 6),
    dim("ww", 7),
    dim("ho", 4),
    dim("wo", 5),
    dim("kh", 3),
    dim("kw", 3),
    dim("O", 2),
)
hp, wp, M2, MM = dim("hp", 3), dim("wp", 3), dim("M2", 10), dim("MM", 5)


@kernel("softmax[V](z:T V)")
def stable_softmax(z):  # proved
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@kernel("softmax[V](z:T V)")
def softmax_of_the_wrong_axis(z):  # refuted
    e = np.exp(z - np.max(z))
    return e / e.sum(axis=0)


@kernel("(softmax[S where S <= T]((q:H T D, k:H S D -> H T S) / sqrt(size(D))), v:H S D -> H T D)")
def per_head_loop(q, k, v):  # proved  # information[dim-mismatch]
    out = np.zeros_like(q)
    for h in range(q.shape[0]):
        s = q[h] @ k[h].T / np.sqrt(q.shape[2])
        s[np.triu_indices(T, 1)] = -np.inf
        p = np.exp(s - s.max(-1, keepdims=True))
        out[h] = (p / p.sum(-1, keepdims=True)) @ v[h]
    return out


@kernel("(softmax[S where S <= T]((q:H T D, k:H S D -> H T S) / sqrt(size(D))), v:H S D -> H T D)")
def per_head_loop_masked_at_zero(q, k, v):  # refuted
    out = np.zeros_like(q)
    for h in range(q.shape[0]):
        s = np.tril(q[h] @ k[h].T / np.sqrt(q.shape[2]))
        p = np.exp(s - s.max(-1, keepdims=True))
        out[h] = (p / p.sum(-1, keepdims=True)) @ v[h]
    return out


@kernel("sum[C](sum[kh](sum[kw](at[hh := ho + kh](at[ww := wo + kw](x:B C hh ww)) * w:O C kh kw))) + b:O -> B O ho wo")
def conv2d_by_loops(x, w, b):  # proved
    out = np.zeros((B, O, ho, wo))
    for i in range(ho):
        for j in range(wo):
            patch = x[:, :, i : i + 3, j : j + 3]
            out[:, :, i, j] = np.tensordot(patch, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out


@kernel("sum[C](sum[kh](sum[kw](at[hh := ho + kh](at[ww := wo + kw](x:B C hh ww)) * w:O C kh kw))) + b:O -> B O ho wo")
def conv2d_by_windows(x, w, b):  # proved
    windows = sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("bcijkl,ockl->boij", windows, w) + b[:, None, None]


@kernel("sum[C](sum[kh](sum[kw](at[hh := ho + kh](at[ww := wo + kw](x:B C hh ww)) * w:O C kh kw))) + b:O -> B O ho wo")
def conv2d_with_transposed_taps(x, w, b):  # refuted
    windows = sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("bcijkl,oclk->boij", windows, w) + b[:, None, None]


@kernel("max[kh where kh < 2](max[kw where kw < 2](at[hh := 2 * hp + kh](at[ww := 2 * wp + kw](x:C hh ww))))")
def max_pool(x):  # proved
    x = x[:, :, :6]
    return x.reshape(C, 3, 2, 3, 2).max(axis=(2, 4))


@kernel("max[kh where kh < 2](max[kw where kw < 2](at[hh := 2 * hp + kh](at[ww := 2 * wp + kw](x:C hh ww))))")
def max_pool_with_axes_mixed(x):  # refuted
    x = x[:, :, :6]
    return x.reshape(C, 2, 3, 2, 3).max(axis=(1, 3))


@kernel("let m = mean[D](x:T D) in (x:T D - m) / sqrt(mean[D]((x:T D - m) ** 2) + 0.00001) * g:D + b:D")
def layer_norm(x, g, b):  # proved
    mu = np.mean(x, axis=-1, keepdims=True)
    sigma = np.std(x, axis=-1, keepdims=True)
    return g * (x - mu) / np.sqrt(sigma**2 + 1e-5) + b


@kernel("let m = mean[D](x:T D) in (x:T D - m) / sqrt(mean[D]((x:T D - m) ** 2) + 0.00001) * g:D + b:D")
def layer_norm_eps_outside(x, g, b):  # refuted
    mu = np.mean(x, axis=-1, keepdims=True)
    sigma = np.std(x, axis=-1, keepdims=True)
    return g * (x - mu) / (sigma + 1e-5) + b


@kernel("gelu_tanh(x:T D)")
def gpt2_gelu(x):  # proved
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@kernel("gelu_tanh(x:T D)")
def gpt2_gelu_square(x):  # refuted
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**2)))


@kernel("-mean[T](y:T * log(sigmoid(z:T)) + (1 - y:T) * log(1 - sigmoid(z:T)))")
def binary_cross_entropy(z, y):  # proved
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


@kernel("mean[T](logsumexp[V](z:T V) - gather[V](z:T V, y:T))", assume="y in V")
def nll(z, y):  # proved
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -logp[np.arange(len(y)), y].mean()


@kernel("mean[T](logsumexp[V](z:T V) - gather[V](z:T V, y:T))", assume="y in V")
def nll_divided_by_the_classes(z, y):  # refuted
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -logp[np.arange(len(y)), y].sum() / z.shape[1]


@kernel("(softmax[V](z:T V) - where(y:T == V, 1, 0)) / 6", assume="y in V")
def softmax_gradient(z, y):  # proved
    p = softmax(z, axis=1)
    p[np.arange(T), y] -= 1
    return p / T


@kernel("(softmax[V](z:T V) - where(y:T == V, 1, 0)) / 6", assume="y in V")
def softmax_gradient_not_averaged(z, y):  # refuted
    p = softmax(z, axis=1)
    p[np.arange(T), y] -= 1
    return p


@kernel("sum[D]((q:T D - k:S D) ** 2)")
def squared_distances(q, k):  # proved
    return np.sum(q**2, axis=1)[:, None] - 2 * np.dot(q, k.T) + np.sum(k**2, axis=1)


@kernel("sum[D]((q:T D - k:S D) ** 2)")
def squared_distances_by_differences(q, k):  # proved
    diff = q[:, None, :] - k[None, :, :]
    return np.einsum("tsd,tsd->ts", diff, diff)


@kernel("exp(-0.5 * sum[D]((q:T D - k:S D) ** 2))")
def rbf_kernel_without_a_half(q, k):  # refuted
    diff = q[:, None, :] - k[None, :, :]
    return np.exp(-np.sum(diff**2, axis=-1))


@kernel("prod[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def cumulative_product(x):  # proved
    return np.cumprod(x, axis=0)


@kernel("max[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def running_maximum(x):  # proved
    return np.maximum.accumulate(x, axis=0)


@kernel("max[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def running_maximum_by_loop(x):  # proved
    out = x.copy()
    for t in range(1, len(x)):
        out[t] = np.maximum(out[t - 1], out[t])
    return out


@kernel("max[R1 where R1 <= T](at[T := R1](x:T D)) -> T D")
def running_maximum_by_loop_one_short(x):  # refuted
    out = x.copy()
    for t in range(1, len(x)):
        out[t] = np.maximum(x[t - 1], x[t])
    return out


@kernel("sum[M](at[MM := M](X:M MM))")
def trace(X):  # proved
    return np.trace(X)


@kernel("(a:M, b:N -> M N)")
def outer(a, b):  # proved
    return np.outer(a, b)


@kernel("sqrt(sum[D](x:T D ** 2))")
def norms(x):  # proved
    return np.linalg.norm(x, axis=1)


@kernel("x:T D / sqrt(sum[D](x:T D ** 2))")
def normalised(x):  # proved
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@kernel("x:T D / sqrt(sum[D](x:T D ** 2))")
def normalised_by_all(x):  # refuted
    return x / np.linalg.norm(x)


@kernel(
    "where(D < 4, x:T D * c:T D - at[D := (D + 4) % 8](x:T D) * s:T D, x:T D * c:T D + at[D := (D + 4) % 8](x:T D) * s:T D)"
)
def rotary(x, c, s):  # proved
    half = x.shape[-1] // 2
    rotated = np.concatenate([-x[:, half:], x[:, :half]], axis=-1)
    return x * c + rotated * s


@kernel("sum[T1 where T1 <= T](at[T := T1](x:T D)) -> T D")
def cumsum_by_addition(x):  # proved
    out = np.empty_like(x)
    total = np.zeros(x.shape[1])
    for t in range(x.shape[0]):
        total += x[t]
        out[t] = total
    return out


@kernel("sum[T1 where T1 <= T](at[T := T1](x:T D)) -> T D")
def cumsum_that_aliases(x):  # refuted
    total = np.zeros(x.shape[1])
    rows = []
    for t in range(x.shape[0]):
        total += x[t]
        rows.append(total)
    return np.stack(rows)


@kernel("maximum(x:M, y:M)")
def maximum_by_where(x, y):  # proved
    return np.where(x > y, x, y)


@kernel("abs(x:M)")
def abs_by_mask(x):  # proved
    y = x.copy()
    y[y < 0] *= -1
    return y


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(x:T D / s + 0.5) * s")
def quantise_dequantise(x):  # proved
    s = np.abs(x).max(axis=1, keepdims=True) / 127.0
    return np.floor(x / s + 0.5) * s


@kernel("let g = softmax[E](x:T D, wg:D E -> T E) in (g, (x:T D, we:E D J -> T E J) -> T J)")
def mixture(x, wg, we):  # proved
    g = softmax(x @ wg, axis=-1)
    out = np.zeros((len(x), we.shape[2]))
    for e, w in enumerate(we):
        out += g[:, e : e + 1] * (x @ w)
    return out


@kernel("sum[S](where(seg:S == E, x:S D, 0)) -> E D", assume="seg in E")
def segment_sum(x, seg):  # proved
    out = np.zeros((E, x.shape[1]))
    np.add.at(out, seg, x)
    return out


@kernel("sum[S](where(seg:S == E, x:S D, 0)) -> E D", assume="seg in E")
def segment_sum_lost_updates(x, seg):  # refuted
    out = np.zeros((E, x.shape[1]))
    out[seg] += x
    return out


@kernel("(x:M + y:M) / 2")
def interleaved_mean(x, y):  # proved
    z = np.stack([x, y], axis=1).ravel()
    return z.reshape(-1, 2).mean(axis=1)


@kernel("x:M * (1 + tanh(y:M)) + clamp(y:M, -1, 1)")
def clip_and_tanh(x, y):  # proved
    return x + x * np.tanh(y) + np.clip(y, -1, 1)
