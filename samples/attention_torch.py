"""Flash attention in plain PyTorch, and a layer of a transformer: the code does not know of the verifier."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from stile_engine import dim, kernel

q, n, d, h = dim("q", 64), dim("n", 64), dim("d", 16), dim("h", 24)
TILE = 16

CAUSAL = "(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(CAUSAL)
def library_attention(Q, K, V):  # proved
    return F.scaled_dot_product_attention(Q, K, V, is_causal=True)


@kernel(CAUSAL)
def tiled_attention(Q, K, V):  # proved
    """Every tile of rows is written into memory that was not initialised."""
    out = torch.empty_like(Q)
    for row in range(0, Q.shape[0], TILE):
        q_tile = Q[row : row + TILE]
        maximum = torch.full((TILE, 1), -math.inf, device=Q.device)
        total = torch.zeros_like(maximum)
        acc = torch.zeros_like(q_tile)
        for column in range(0, row + TILE, TILE):
            scores = q_tile @ K[column : column + TILE].T / math.sqrt(Q.shape[1])
            future = torch.arange(column, column + TILE)[None, :] > torch.arange(row, row + TILE)[:, None]
            scores = scores.masked_fill(future, -math.inf)
            new_maximum = torch.maximum(maximum, scores.amax(dim=1, keepdim=True))
            rescale = torch.exp(maximum - new_maximum)
            weights = torch.exp(scores - new_maximum)
            total = total * rescale + weights.sum(dim=1, keepdim=True)
            acc = acc * rescale + weights @ V[column : column + TILE]
            maximum = new_maximum
        out[row : row + TILE] = acc / total
    return out


@kernel(CAUSAL)
def rows_of_the_next_tile(Q, K, V):  # refuted: never written
    """The tiles are written one row too low, and the first row is never written."""
    out = torch.empty_like(Q)
    for row in range(0, Q.shape[0], TILE):
        rows = slice(row + 1, min(row + TILE + 1, Q.shape[0]))
        out[rows] = F.scaled_dot_product_attention(Q, K, V, is_causal=True)[rows]  # error[coverage-gap]
    return out


class FeedForward(nn.Module):
    def __init__(self, width: int = d, hidden: int = h):
        super().__init__()
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    @kernel(
        "let x = X:q d * rsqrt(mean[d](X:q d ** 2) + 0.00001) * N:d in "
        "X:q d + (silu(x, G:h d -> q h) * (x, U:h d -> q h), D:d h -> q d)",
        inputs={
            "self.norm.weight": "N:d",
            "self.gate.weight": "G:h d",
            "self.up.weight": "U:h d",
            "self.down.weight": "D:d h",
        },
    )
    def forward(self, X):  # proved
        x = self.norm(X)
        return X + self.down(F.silu(self.gate(x)) * self.up(x))
