"""PyTorch as benchmarks and repositories have it: losses, norms, gates, scans, quantisation; half with real mistakes."""

import torch
import torch.nn.functional as F

from stile_engine import dim, kernel

B, T, S, D, H, E, V, M, N, K, C, G = (
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
    dim("G", 2),
)
h, w, O, P, Q, R = dim("h", 6), dim("w", 6), dim("O", 4), dim("P", 4), dim("Q", 4), dim("R", 3)
h2, w2 = dim("h2", 3), dim("w2", 3)
J = dim("J", 4)


@kernel("(where(M >= K, A:M K, 0), where(K >= N, B_:K N, 0) -> M N)")
def lower_triangular_product(A, B_):  # proved
    return torch.matmul(torch.tril(A), torch.tril(B_))


@kernel("(diag:M, X:M N -> M N)")
def diagonal_matmul(diag, X):  # proved
    return torch.diag(diag) @ X


@kernel("X:B T D / mean[D](abs(X:B T D))")
def l1_normalisation(X):  # proved
    return X / torch.mean(torch.abs(X), dim=-1, keepdim=True)


@kernel("let s = sum[B](sum[D](X:B D ** 2)) in X:B D / sqrt(s)")
def frobenius_norm(X):  # proved
    return X / torch.norm(X, p="fro")


@kernel("let s = sum[B](sum[D](X:B D ** 2)) in X:B D / sqrt(s)")
def frobenius_of_rows(X):  # refuted
    return X / torch.linalg.norm(X, dim=1, keepdim=True)


@kernel("X:M / (1 + abs(X:M))")
def softsign(X):  # proved
    return X / (1 + torch.abs(X))


@kernel("mean[M](minimum(abs(p:M - t:M), 1) * (abs(p:M - t:M) - 0.5 * minimum(abs(p:M - t:M), 1)))")
def huber(p, t):  # proved
    return F.smooth_l1_loss(p, t)


@kernel("mean[M](minimum(abs(p:M - t:M), 1) * (abs(p:M - t:M) - 0.5 * minimum(abs(p:M - t:M), 1)))")
def huber_without_the_half(p, t):  # refuted
    d = (p - t).abs()
    return torch.where(d < 1, 0.5 * d * d, d).mean()


@kernel("mean[B](maximum(0, 1 - p:B * y:B))")
def hinge(p, y):  # proved
    return torch.mean(torch.clamp(1 - p * y, min=0))


@kernel("sum[M](exp(t:M) * (t:M - p:M)) / 5")
def kl_of_logs(p, t):  # proved
    return F.kl_div(p, t, reduction="batchmean", log_target=True)


@kernel("let n = sqrt(sum[D](a:B D ** 2)) * sqrt(sum[D](b:B D ** 2)) in mean[B](1 - (a:B D, b:B D -> B) / n)")
def cosine_loss(a, b):  # proved
    return torch.mean(1 - F.cosine_similarity(a, b, dim=1, eps=0.0))


@kernel(
    "let d = a:B D - p:B D in let e = a:B D - n:B D in mean[B](relu(sqrt(sum[D](d**2)) - sqrt(sum[D](e**2)) + 1.0))"
)
def triplet(a, p, n):  # proved
    return torch.clamp((a - p).norm(dim=1) - (a - n).norm(dim=1) + 1.0, min=0).mean()


@kernel(
    "let d = a:B D - p:B D in let e = a:B D - n:B D in mean[B](relu(sqrt(sum[D](d**2)) - sqrt(sum[D](e**2)) + 1.0))"
)
def triplet_with_its_sides_swapped(a, p, n):  # refuted
    return torch.clamp((a - n).norm(dim=1) - (a - p).norm(dim=1) + 1.0, min=0).mean()


R1 = dim("R1", 6)


@kernel("sum[R1 where R1 >= N](at[N := R1](X:M N))")
def reverse_cumsum(X):  # proved
    return torch.cumsum(X.flip(1), dim=1).flip(1)


@kernel("sum[R1 where R1 < N](at[N := R1](X:M N))")
def exclusive_cumsum(X):  # proved
    c = torch.cumsum(X.narrow(1, 0, X.size(1) - 1), dim=1)
    return torch.cat((torch.zeros_like(X.select(1, 0).unsqueeze(1)), c), dim=1)


@kernel("sum[R1 where R1 < N](at[N := R1](X:M N))")
def exclusive_cumsum_that_is_inclusive(X):  # refuted
    c = torch.cumsum(X, dim=1)
    return torch.cat((torch.zeros_like(X[:, :1]), c[:, 1:]), dim=1)


@kernel("prod[R1 where R1 <= N](at[N := R1](X:M N))")
def cumulative_product(X):  # proved
    return torch.cumprod(X, dim=1)


@kernel("max[R1 where R1 <= N](at[N := R1](X:M N))")
def cumulative_maximum(X):  # proved
    return torch.cummax(X, dim=1).values


@kernel("max[R1 where R1 <= N](at[N := R1](X:M N))")
def cumulative_maximum_along_rows(X):  # refuted
    return torch.cummax(X, dim=0)[0]


# level 2: fused
@kernel("clamp(X:B C h w * 0.5 + b:C, 0, 1)")
def scale_bias_clamp(X, b):  # proved
    x = X * 0.5
    x = x + b[None, :, None, None]
    return torch.clamp(x, min=0.0, max=1.0)


@kernel("mean[h](mean[w](X:B C h w)) - logsumexp[C](mean[h](mean[w](X:B C h w)))")
def pooled_log_softmax(X):  # proved
    x = F.adaptive_avg_pool2d(X, (1, 1)).flatten(1)
    return F.log_softmax(x, dim=1)


@kernel("mean[h](mean[w](X:B C h w)) - logsumexp[C](mean[h](mean[w](X:B C h w)))")
def pooled_log_softmax_over_the_batch(X):  # refuted
    x = F.adaptive_avg_pool2d(X, (1, 1)).flatten(1)
    return F.log_softmax(x, dim=0)


@kernel("let y = (X:B D, W:E D -> B E) + b:E in let z = logsumexp[E](y) in z * tanh(softplus(z))")
def linear_logsumexp_mish(X, W, b):  # proved
    return F.mish(torch.logsumexp(F.linear(X, W, b), dim=1))


@kernel("let y = (X:B D, W:E D -> B E) in let z = max[E](y) in gelu(z - mean[B](z))")
def max_subtract_gelu(X, W):  # proved
    y = X @ W.t()
    z = torch.max(y, dim=1, keepdim=True).values
    return F.gelu(z - z.mean(dim=0, keepdim=True)).squeeze(1)


# level 3 / transformers
@kernel("(silu(x:T D, w1:E D -> T E) * (x:T D, w3:E D -> T E), w2:D E -> T D)")
def swiglu(x, w1, w2, w3):  # proved
    gate_up = F.linear(x, torch.cat([w1, w3], dim=0))
    gate, up = gate_up.chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, w2)


@kernel("(silu(x:T D, w1:E D -> T E) * (x:T D, w3:E D -> T E), w2:D E -> T D)")
def swiglu_with_gate_and_up_swapped(x, w1, w2, w3):  # refuted
    gate_up = F.linear(x, torch.cat([w1, w3], dim=0))
    up, gate = gate_up.chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, w2)


Hd = dim("Hd", 4)


def rotate_half(x):
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


@kernel(
    "where(D < 4, x:T D * c:T D - (at[D := (D + 4) % 8](x:T D)) * s:T D, x:T D * c:T D + (at[D := (D + 4) % 8](x:T D)) * s:T D)"
)
def rotary_interleaved_pairs(x, c, s):  # refuted
    x1, x2 = x[..., ::2], x[..., 1::2]
    return x * c + torch.stack((-x2, x1), dim=-1).flatten(-2) * s


@kernel("where(T - 3 < S <= T, (q:T D, k:S D -> T S), -inf)")
def sliding_window_scores(q, k):  # proved
    i = torch.arange(T)[:, None]
    j = torch.arange(S)[None, :]
    mask = (j <= i) & (i - j < 3)
    return (q @ k.mT).masked_fill(~mask, float("-inf"))


@kernel("where(T - 3 < S <= T, (q:T D, k:S D -> T S), -inf)")
def sliding_window_one_too_wide(q, k):  # refuted
    i = torch.arange(T)[:, None]
    j = torch.arange(S)[None, :]
    mask = (j <= i) & (i - j <= 3)
    return (q @ k.mT).masked_fill(~mask, float("-inf"))


@kernel("let g = softmax[E](x:T D, wg:D E -> T E) in (g, (x:T D, we:E D J -> T E J) -> T J)")
def dense_mixture_of_experts(x, wg, we):  # proved
    gates = torch.softmax(x @ wg, dim=-1)
    outs = torch.stack([x @ we[e] for e in range(we.shape[0])], dim=1)
    return (gates.unsqueeze(-1) * outs).sum(dim=1)


@kernel("let g = softmax[E](x:T D, wg:D E -> T E) in (g, (x:T D, we:E D J -> T E J) -> T J)")
def mixture_normalised_over_tokens(x, wg, we):  # refuted
    gates = torch.softmax(x @ wg, dim=0)
    outs = torch.einsum("td,edj->tej", x, we)
    return torch.einsum("te,tej->tj", gates, outs)


@kernel("let l = x:T D - max[D](x:T D) in max[D](exp(l)) / sum[D](exp(l))")
def router_top1(x):  # proved
    probs = torch.softmax(x, dim=-1)
    weight, _ = torch.topk(probs, k=1, dim=-1)
    return weight.squeeze(-1)


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(clamp(x:T D / s, -128, 127) + 0.5) * s")
def fake_quantisation_rounding_half_up(x):  # proved
    scale = x.abs().amax(dim=-1, keepdim=True) / 127
    q = torch.floor(torch.clamp(x / scale, -128, 127) + 0.5)
    return q * scale


@kernel("let s = max[D](abs(x:T D)) / 127 in floor(clamp(x:T D / s, -128, 127) + 0.5) * s")
def fake_quantisation_per_tensor(x):  # refuted
    scale = x.abs().max() / 127
    q = torch.floor(torch.clamp(x / scale, -128, 127) + 0.5)
    return q * scale


@kernel(
    "mean[T](logsumexp[V](z:T V) - gather[V](z:T V, y:T)) + 0.0001 * mean[T](logsumexp[V](z:T V) ** 2)", assume="y in V"
)
def cross_entropy_with_z_loss(z, y):  # proved
    lse = torch.logsumexp(z, -1)
    picked = z.gather(-1, y.long().unsqueeze(-1)).squeeze(-1)
    return (lse - picked).mean() + 1e-4 * lse.square().mean()


T1 = dim("T1", 6)


@kernel("sum[T1 where T1 <= T](exp(sum[S where T1 < S <= T](a:S)) * at[T := T1](x:T D))")
def segsum_scan(a, x):  # proved
    cs = torch.cumsum(a, dim=0)
    seg = cs[:, None] - cs[None, :]
    L_ = torch.tril(torch.exp(seg))
    return L_ @ x


@kernel("sum[T1 where T1 <= T](exp(sum[S where T1 < S <= T](a:S)) * at[T := T1](x:T D))")
def linear_recurrence(a, x):  # proved
    state = torch.zeros(x.shape[1])
    outs = []
    for t in range(x.shape[0]):
        state = torch.exp(a[t]) * state + x[t]
        outs.append(state)
    return torch.stack(outs)


@kernel("sum[T1 where T1 <= T](exp(sum[S where T1 < S <= T](a:S)) * at[T := T1](x:T D))")
def linear_recurrence_decaying_too_late(a, x):  # refuted
    state = torch.zeros(x.shape[1])
    outs = []
    for t in range(x.shape[0]):
        state = torch.exp(a[t]) * (state + x[t])
        outs.append(state)
    return torch.stack(outs)


@kernel("let m = mean[D](x:T D) in (x:T D - m) / sqrt(mean[D]((x:T D - m)**2) + 0.00001) * w:D + b:D")
def layer_norm_by_var_mean(x, w, b):  # proved
    var, mean = torch.var_mean(x, dim=-1, unbiased=False, keepdim=True)
    return (x - mean) * torch.rsqrt(var + 1e-5) * w + b


@kernel("let m = mean[D](x:T D) in (x:T D - m) / sqrt(mean[D]((x:T D - m)**2) + 0.00001) * w:D + b:D")
def layer_norm_unbiased(x, w, b):  # refuted
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5) * w + b


@kernel("(X:B M K, Y:B K N -> B M N)")
def batched_by_loop(X, Y):  # proved
    out = X.new_empty(X.shape[0], X.shape[1], Y.shape[2])
    for b in range(X.shape[0]):
        torch.mm(X[b], Y[b], out=out[b])
    return out


@kernel("maximum(x:M, y:M)")
def maximum_by_where(x, y):  # proved
    return torch.where(x > y, x, y)


@kernel("minimum(x:M, y:M)")
def minimum_by_where(x, y):  # proved
    return torch.where(x <= y, x, y)


@kernel("maximum(x:M, y:M)")
def maximum_by_the_wrong_where(x, y):  # refuted
    return torch.where(x < y, x, y)


@kernel("relu(x:M) ** 2")
def squared_relu(x):  # proved
    return torch.square(F.relu(x))


@kernel("relu(x:M) - 0.1 * relu(-x:M)")
def leaky_by_mask(x):  # proved
    return torch.where(x >= 0, x, 0.1 * x)


@kernel("(a:M, b:N -> M N)")
def outer_product(a, b):  # proved
    return torch.outer(a, b)


MM = dim("MM", 5)


@kernel("sum[M](at[MM := M](X:M MM))")
def trace_of_a_matrix(X):  # proved
    return torch.trace(X)


KL = "sum[D](softmax[D](t:T D) * ((t:T D - logsumexp[D](t:T D)) - (x:T D - logsumexp[D](x:T D))))"


@kernel(KL)
def divergence_from_a_teacher(x, t):  # proved
    return F.kl_div(x.log_softmax(-1), t.softmax(-1), reduction="none").sum(-1)


@kernel(KL)
def divergence_from_the_student(x, t):  # refuted
    return F.kl_div(t.log_softmax(-1), x.softmax(-1), reduction="none").sum(-1)


@kernel("sum[D](where(x:T D > 0, x:T D * log(x:T D), 0))")
def entropy_of_what_is_positive(x):  # proved
    return torch.xlogy(x.relu(), x.relu()).sum(-1)


@kernel("sum[D](where(x:T D > 0, x:T D * log(x:T D), 0))")
def entropy_of_magnitudes(x):  # refuted
    return torch.xlogy(x.abs(), x.abs()).sum(-1)
