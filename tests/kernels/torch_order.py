"""Plain PyTorch: sorting, the greatest few, routing to them."""

import torch
import torch.nn.functional as F

from stile_engine import dim, kernel

T, D, E = dim("T", 3), dim("D", 5), dim("E", 4)
GATE = "max[E](softmax[E]((x:T D, w:D E -> T E)))"


@kernel("min[D](x:T D)")
def least_of_sorted(x):  # proved
    return torch.sort(x, dim=1).values[:, 0]


@kernel("min[D](x:T D)")
def greatest_of_sorted(x):  # refuted
    return torch.sort(x, dim=1, descending=True)[0][:, 0]


@kernel(GATE)
def gate_of_the_first_expert(x, w):  # proved
    gates, _ = torch.topk(F.softmax(x @ w, dim=-1), 1, dim=-1)
    return gates.squeeze(-1)


@kernel(GATE)
def first_of_two_gates(x, w):  # proved
    gates, _ = (x @ w).softmax(-1).topk(2)
    return gates[:, 0]


@kernel(GATE)
def least_gates(x, w):  # refuted
    gates, _ = (x @ w).softmax(-1).topk(2, largest=False)
    return gates[:, 0]


@kernel("softmax[E]((x:T D, w:D E -> T E))")
def gates_of_two_of_four_experts(x, w):  # refuted
    logits, chosen = torch.topk(x @ w, 2, dim=-1)
    return torch.zeros(T, E).scatter(1, chosen, F.softmax(logits, dim=-1))


@kernel("2 * max[D](x:T D)")
def both_of_two(x):  # refuted
    _, places = torch.topk(x, 2)
    return x.gather(1, places).sum(1)


@kernel("max[D](x:T D)")
def fifth_of_five(x):  # proved
    return torch.kthvalue(x, 5, dim=1).values


@kernel("max[D](x:T D)")
def fourth_of_five(x):  # refuted
    return torch.kthvalue(x, 4, dim=1)[0]


@kernel("x:T D")
def distance_to_the_median(x):  # refuted
    return x - x.median(dim=1, keepdim=True).values


@kernel("x:T D")
def distance_to_the_median_of_all(x):  # refuted
    return x - torch.median(x)
