"""PyTorch: writes to places that indices choose, distances, rounding, enlargement, lists of tensors, recurrent cells."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from stile_engine import dim, kernel

T, S, D, M, N, P = dim("T", 4), dim("S", 7), dim("D", 3), dim("M", 5), dim("N", 6), dim("P", 2)
B, C, h, w, h2, w2 = dim("B", 2), dim("C", 2), dim("h", 3), dim("w", 4), dim("h2", 6), dim("w2", 8)
G4, G3, I = dim("G4", 12), dim("G3", 9), dim("I", 5)
E = dim("E", 3)


@kernel("scatter[S](k:T D, slot:T, cache:S D)", assume=["slot unique", "slot in S"])
def cache_update(k, slot, cache):  # proved
    cache = cache.clone()
    cache[slot] = k
    return cache


@kernel("scatter[S](k:T D, slot:T, cache:S D)", assume=["slot unique", "slot in S"])
def cache_update_by_index_copy(k, slot, cache):  # proved
    return cache.index_copy(0, slot.long(), k)


@kernel("scatter[S](k:T D, slot:T, cache:S D)", assume=["slot unique", "slot in S"])
def cache_that_accumulates(k, slot, cache):  # refuted
    return cache.index_add(0, slot, k)


@kernel("scatter[S](k:T D, slot:T, cache:S D)", assume=["slot unique", "slot in S"])
def cache_written_at_the_next_slot(k, slot, cache):  # refuted
    cache = cache.clone()
    cache[(slot + 1) % cache.shape[0]] = k
    return cache


@kernel({"cache": "scatter[S](k:T D, slot:T, cache:S D)"}, assume=["slot unique", "slot in S"])
def cache_in_place(cache, k, slot):  # proved
    cache.index_copy_(0, slot.long(), k)


@kernel("where(y:M == N, 0.9 + 0.1 / 6, 0.1 / 6)", assume="y in N")
def smoothed_labels(y):  # proved
    hard = torch.zeros(y.shape[0], N).scatter_(1, y.unsqueeze(1).long(), 1.0)
    return hard * 0.9 + 0.1 / N


@kernel("where(y:M == N, 0.9 + 0.1 / 6, 0.1 / 6)", assume="y in N")
def smoothed_labels_that_do_not_sum_to_one(y):  # refuted
    hard = torch.zeros(y.shape[0], N).scatter_(1, y.unsqueeze(1).long(), 1.0)
    return hard * 0.9 + 0.1 / (N - 1)


@kernel("sum[T](where(e:T == E, 1, 0)) / 4", assume="e in E")
def share_of_each_expert(e):  # proved
    counts = torch.zeros(E).scatter_add_(0, e.long(), torch.ones(e.shape[0]))
    return counts / e.shape[0]


@kernel("max[T where e:T == E](x:T)", assume="e in E")
def greatest_of_each_expert(x, e):  # proved
    return torch.full((E,), -math.inf).scatter_reduce(0, e.long(), x, "amax")


@kernel("max[T where e:T == E](x:T)", assume="e in E")
def greatest_of_each_expert_or_zero(x, e):  # refuted
    return torch.zeros(E).scatter_reduce(0, e.long(), x, "amax")


@kernel("sqrt(sum[D]((x:M D - y:N D) ** 2))")
def distances(x, y):  # proved
    return torch.cdist(x, y)


@kernel("sqrt(sum[D]((x:M D - y:N D) ** 2))")
def distances_by_products(x, y):  # proved
    squares = x.pow(2).sum(1, keepdim=True) + y.pow(2).sum(1) - 2 * x @ y.T
    return squares.clamp(min=0).sqrt()


@kernel("sqrt(sum[D]((x:M D - y:N D) ** 2))")
def distances_with_one_product(x, y):  # refuted
    squares = x.pow(2).sum(1, keepdim=True) + y.pow(2).sum(1) - x @ y.T
    return squares.clamp(min=0).sqrt()


@kernel("exp(0 - sum[D]((x:M D - y:N D) ** 2) / 2)")
def gaussian_kernel(x, y):  # proved
    return torch.exp(-0.5 * torch.cdist(x, y) ** 2)


@kernel("exp(0 - sum[D]((x:M D - y:N D) ** 2) / 2)")
def gaussian_kernel_of_the_distance(x, y):  # refuted
    return torch.exp(-0.5 * torch.cdist(x, y))


@kernel("clamp(floor(x:M N / 0.05 + 0.5), -128, 127) * 0.05")
def fake_quantisation(x):  # proved
    q = torch.clamp(torch.floor(x / 0.05 + 0.5), -128, 127).to(torch.int8)
    return q.to(x.dtype) * 0.05


@kernel("clamp(floor(x:M N / 0.05 + 0.5), -128, 127) * 0.05")
def fake_quantisation_without_the_scale(x):  # refuted
    q = torch.clamp(torch.floor(x / 0.05 + 0.5), -128, 127).to(torch.int8)
    return q.to(x.dtype)


@kernel("at[w := w2 // 2](at[h := h2 // 2](x:B C h w))")
def enlarged(x):  # proved
    return F.interpolate(x, scale_factor=2, mode="nearest")


@kernel("at[w := w2 // 2](at[h := h2 // 2](x:B C h w))")
def enlarged_smoothly(x):  # refuted
    return F.interpolate(x, scale_factor=2, mode="bilinear")


@kernel("mean[B](x:B C h w) -> C h w")
def average_after_enlarging(x):  # proved
    """Enlarging by one changes nothing, and the mean passes through."""
    return F.interpolate(x, size=(h, w), mode="bilinear").mean(0)


@kernel("0.9 * p:M N + 0.1 * q:M N")
def moving_average(p, q):  # proved
    (found,) = torch._foreach_lerp([p], [q], 0.1)
    return found


@kernel("0.9 * p:M N + 0.1 * q:M N")
def moving_average_the_other_way(p, q):  # refuted
    (found,) = torch._foreach_lerp([q], [p], 0.1)
    return found


@kernel("(p:M N - 0.1 * (0.9 * m:M N + g:M N))")
def momentum_step(p, m, g):  # proved
    momenta, parameters = [m.clone()], [p.clone()]
    torch._foreach_mul_(momenta, 0.9)
    torch._foreach_add_(momenta, [g])
    torch._foreach_add_(parameters, momenta, alpha=-0.1)
    return parameters[0]


@kernel("(p:M N - 0.1 * (0.9 * m:M N + g:M N))")
def momentum_step_upwards(p, m, g):  # refuted
    momenta, parameters = [m.clone()], [p.clone()]
    torch._foreach_mul_(momenta, 0.9)
    torch._foreach_add_(momenta, [g])
    torch._foreach_add_(parameters, momenta, alpha=0.1)
    return parameters[0]


class Gates(nn.Module):
    """One step of a recurrent layer from an empty state."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer(I, D, batch_first=True, bias=False)

    def forward(self, x):
        out, _ = self.layer(x[:, None])
        return out[:, 0] + 0 * self.layer.weight_hh_l0.sum()


LSTM = (
    "let z = (x:B I, W:G4 I -> B G4) in let i = at[G4 := D](z) in let g = at[G4 := D + 6](z) in "
    "let o = at[G4 := D + 9](z) in sigmoid(o) * tanh(sigmoid(i) * tanh(g)) + 0 * sum[G4](sum[D](U:G4 D))"
)

lstm_from_an_empty_state = kernel(  # proved
    LSTM, inputs={"self.layer.weight_ih_l0": "W:G4 I", "self.layer.weight_hh_l0": "U:G4 D"}
)(Gates(nn.LSTM))

lstm_with_the_gates_of_another_library = kernel(  # refuted
    LSTM.replace("D + 6", "D + 3"),
    inputs={"self.layer.weight_ih_l0": "W:G4 I", "self.layer.weight_hh_l0": "U:G4 D"},
)(Gates(nn.LSTM))

gru_from_an_empty_state = kernel(  # proved
    "let a = (x:B I, W:G3 I -> B G3) in let z = sigmoid(at[G3 := D + 3](a)) in "
    "(1 - z) * tanh(at[G3 := D + 6](a)) + 0 * sum[G3](sum[D](U:G3 D))",
    inputs={"self.layer.weight_ih_l0": "W:G3 I", "self.layer.weight_hh_l0": "U:G3 D"},
)(Gates(nn.GRU))
