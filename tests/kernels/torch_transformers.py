"""Parts of transformers as repositories write them in PyTorch; the wrong ones have mistakes that were really made."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from stile_engine import dim, kernel

B, H, G, T, S, D, E, C = (
    dim("B", 2), dim("H", 4), dim("G", 2), dim("T", 6), dim("S", 6), dim("D", 4), dim("E", 12), dim("C", 8)
)

CAUSAL = (
    "(softmax[S where S <= T]((q:B H T D, k:B H S D -> B H T S) / sqrt(size(D))), v:B H S D -> B H T D)"
)


@kernel(CAUSAL)
def scaled_dot_product(q, k, v):  # proved
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@kernel(CAUSAL)
def scaled_twice(q, k, v):  # refuted
    return F.scaled_dot_product_attention(q / math.sqrt(q.size(-1)), k, v, is_causal=True)


@kernel(CAUSAL)
def manual_causal_mask(q, k, v):  # proved
    n = q.size(-2)
    scores = torch.einsum("bhid,bhjd->bhij", q, k) * q.shape[-1] ** -0.5
    future = torch.triu(torch.ones((n, n), dtype=torch.bool, device=q.device), diagonal=1)
    probabilities = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
    return torch.einsum("bhij,bhjd->bhid", probabilities, v)


@kernel(CAUSAL)
def mask_without_its_own_position(q, k, v):  # refuted
    n = q.size(-2)
    scores = torch.einsum("bhid,bhjd->bhij", q, k) * q.shape[-1] ** -0.5
    hidden = torch.triu(torch.ones((n, n), dtype=torch.bool, device=q.device), diagonal=2)
    probabilities = torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1)
    return torch.einsum("bhij,bhjd->bhid", probabilities, v)


@kernel("(softmax[S](where(S <= T, (q:T D, k:S D -> T S) / sqrt(size(D)), -inf)), v:S D -> T D)")
def mask_after_the_softmax(q, k, v):  # refuted
    weights = F.softmax(q @ k.T / math.sqrt(D), dim=-1)
    return weights.tril() @ v


@kernel("(softmax[S]((q:B H T D, at[G := H // 2](k:B G S D) -> B H T S) / sqrt(size(D))), at[G := H // 2](v:B G S D) -> B H T D)")
def grouped_query(q, k, v):  # proved
    def repeat_kv(x, n):
        b, g, s, d = x.shape
        return x[:, :, None].expand(b, g, n, s, d).reshape(b, g * n, s, d)

    k, v = repeat_kv(k, H // G), repeat_kv(v, H // G)
    weights = F.softmax(q @ k.transpose(2, 3) / math.sqrt(D), dim=-1)
    return weights @ v


@kernel("(softmax[S]((q:B H T D, at[G := H // 2](k:B G S D) -> B H T S) / sqrt(size(D))), at[G := H // 2](v:B G S D) -> B H T D)")
def groups_in_the_wrong_order(q, k, v):  # refuted
    k, v = k.repeat(1, H // G, 1, 1), v.repeat(1, H // G, 1, 1)
    weights = F.softmax(q @ k.transpose(2, 3) / math.sqrt(D), dim=-1)
    return weights @ v


@kernel("(softmax[S]((q:T D, k:S D -> T S) / sqrt(size(D))), v:S D -> T D)")
def online_softmax(q, k, v):  # proved
    """Flash attention over tiles of keys, with everything updated in place."""
    out = torch.zeros_like(q)
    row_max = torch.full((T, 1), -math.inf)
    row_sum = torch.zeros((T, 1))
    for start in range(0, S, 2):
        tile = q @ k[start : start + 2].mT / math.sqrt(q.shape[-1])
        new_max = torch.maximum(row_max, tile.amax(dim=-1, keepdim=True))
        p = torch.exp(tile - new_max)
        correction = torch.exp(row_max - new_max)
        row_sum.mul_(correction).add_(p.sum(dim=-1, keepdim=True))
        out.mul_(correction).add_(p @ v[start : start + 2])
        row_max = new_max
    return out.div_(row_sum)


@kernel("(softmax[S]((q:T D, k:S D -> T S) / sqrt(size(D))), v:S D -> T D)")
def correction_forgotten_for_the_output(q, k, v):  # refuted
    out = torch.zeros_like(q)
    row_max = torch.full((T, 1), -math.inf)
    row_sum = torch.zeros((T, 1))
    for start in range(0, S, 2):
        tile = q @ k[start : start + 2].mT / math.sqrt(q.shape[-1])
        new_max = torch.maximum(row_max, tile.amax(dim=-1, keepdim=True))
        p = torch.exp(tile - new_max)
        row_sum.mul_(torch.exp(row_max - new_max)).add_(p.sum(dim=-1, keepdim=True))
        out.add_(p @ v[start : start + 2])
        row_max = new_max
    return out.div_(row_sum)


class RMSNorm(nn.Module):
    def __init__(self, dim: int = D, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    @kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 0.00001) * weight:D")
    def forward(self, x):  # proved
        output = self._norm(x.float()).type_as(x)
        return output * self.weight


class MeanOfWrongAxis(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    @kernel("x:T D * rsqrt(mean[D](x:T D ** 2) + 0.00001) * weight:D")
    def forward(self, x):  # refuted
        return x * torch.rsqrt(x.pow(2).mean(0, keepdim=True) + 1e-5) * self.weight


class SwiGLU(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


swiglu = kernel(  # proved
    "(silu(x:T D, W1:E D -> T E) * (x:T D, W3:E D -> T E), W2:D E -> T D)",
    inputs={"self.w1.weight": "W1:E D", "self.w2.weight": "W2:D E", "self.w3.weight": "W3:E D"},
)(SwiGLU(D, E))

gate_of_the_other_half = kernel(  # refuted
    "(silu(x:T D, W1:E D -> T E) * (x:T D, W3:E D -> T E), W2:D E -> T D)",
    inputs={"self.w3.weight": "W1:E D", "self.w2.weight": "W2:D E", "self.w1.weight": "W3:E D"},
)(SwiGLU(D, E))


ROTATED = "where(D < 2, x:T D * cos(f:T D) - at[D := D + 2](x:T D) * sin(f:T D), x:T D * cos(f:T D) + at[D := D - 2](x:T D) * sin(f:T D))"


def rotate_half(x):
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat((-x2, x1), dim=-1)


@kernel(ROTATED)
def rotary(x, f):  # proved
    return x * f.cos() + rotate_half(x) * f.sin()


@kernel(ROTATED)
def rotary_of_neighbours(x, f):  # refuted
    x1, x2 = x[..., ::2], x[..., 1::2]
    return x * f.cos() + torch.stack((-x2, x1), dim=-1).flatten(-2) * f.sin()


@kernel("where(S == 3, x:C, cache:S C) -> S C")
def cache_with_a_new_row(cache, x):  # proved
    cache = cache.clone()
    cache[3] = x
    return cache


@kernel("where(S >= 2 && S < 4, at[T := S - 2](x:T C), cache:S C)")
def cache_filled_one_row_late(cache, x):  # refuted
    out = cache.clone()
    out[3:5] = x[:2]
    return out


@kernel("(x:T D, W:E D -> T E) + 0.5 * ((x:T D, A:G D -> T G), B:E G -> T E)")
def low_rank_adapter(x, W, A, B):  # proved
    return F.linear(x, W) + 0.5 * (x @ A.t() @ B.t())


@kernel("(x:T D, W:E D -> T E) + 0.5 * ((x:T D, A:G D -> T G), B:E G -> T E)")
def low_rank_adapter_folded(x, W, A, B):  # proved
    return x @ torch.addmm(W, B, A, alpha=0.5).T


@kernel("(x:T D, W:E D -> T E) + 0.5 * ((x:T D, A:G D -> T G), B:E G -> T E)")
def adapter_scaled_twice(x, W, A, B):  # refuted
    return F.linear(x, W) + 0.5 * (x @ A.t() @ (0.5 * B).t())


@kernel("softmax[S where T - 3 < S <= T](x:T S)")
def sliding_window(x):  # proved
    i = torch.arange(x.size(0)).unsqueeze(1)
    j = torch.arange(x.size(1)).unsqueeze(0)
    allowed = (j <= i) & (i - j < 3)
    return x.masked_fill(~allowed, float("-inf")).softmax(-1)


@kernel("softmax[S where T - 3 < S <= T](x:T S)")
def window_one_too_wide(x):  # refuted
    i = torch.arange(x.size(0)).unsqueeze(1)
    j = torch.arange(x.size(1)).unsqueeze(0)
    allowed = (j <= i) & (i - j <= 3)
    return x.masked_fill(~allowed, float("-inf")).softmax(-1)


@kernel("(x:B T C -> B C) / 6")
def mean_pooling(x):  # proved
    return x.mean(dim=1)


@kernel("at[T := 5](x:B T C)")
def last_token(x):  # proved
    return x[:, -1, :]


@kernel("at[T := 5](x:B T C)")
def token_before_the_last(x):  # refuted
    return x[:, T - 2]


P = dim("P", 6)


@kernel("at[E := P](p:T E) * gelu(at[E := P + 6](p:T E))")
def geglu(p):  # proved
    hidden, gate = p.chunk(2, dim=-1)
    return hidden * F.gelu(gate)


@kernel("at[E := P](p:T E) * gelu(at[E := P + 6](p:T E))")
def geglu_by_its_approximation(p):  # refuted
    hidden, gate = p.chunk(2, dim=-1)
    return hidden * F.gelu(gate, approximate="tanh")


@kernel("(x:B T C, W:E C -> B T E)")
def flattened_batches(x, W):  # proved
    return (x.view(-1, C) @ W.t()).view(B, T, E)


@kernel("(x:B T C, W:E C -> B T E)")
def flattened_in_the_wrong_order(x, W):  # refuted
    return (x.transpose(0, 1).reshape(-1, C) @ W.t()).view(B, T, E)
