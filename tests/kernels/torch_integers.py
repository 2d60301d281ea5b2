"""Plain PyTorch: whole numbers in the types that hold them, which wrap around beyond their range."""

import torch

from stile_engine import dim, kernel

M, N, K = dim("M", 6), dim("N", 8), dim("K", 20)
QUANTISED = "(floor(clamp(100 * x:M N, -127, 127)), floor(clamp(100 * w:N, -127, 127)) -> M)"


def quantised(x):
    return (100 * x).clamp(-127, 127).floor().to(torch.int8)


@kernel(QUANTISED)
def product_of_bytes_in_more_bits(x, w):  # proved
    return (quantised(x).to(torch.int32) @ quantised(w).to(torch.int32)).to(torch.float32)


@kernel(QUANTISED)
def product_of_bytes_in_bytes(x, w):  # refuted
    return (quantised(x) @ quantised(w)).to(torch.float32)


@kernel("2 * floor(clamp(100 * x:M, -127, 127))")
def twice_a_byte_in_a_byte(x):  # refuted
    return (quantised(x) + quantised(x)).to(torch.float32)


@kernel("sum[N](floor(clamp(100 * x:M N, -127, 127)))")
def bytes_are_added_in_more_bits(x):  # proved
    return quantised(x).sum(dim=1) / 1


@kernel("sum[N](floor(clamp(100 * x:M N, -127, 127)))")
def bytes_are_added_in_bytes(x):  # refuted
    return quantised(x).sum(dim=1, dtype=torch.int8) / 1


@kernel("sum[K](x:K where K == 2) * 9")
def square_of_a_number(x):  # proved
    return (x * torch.cumsum(2 * torch.arange(20) + 1, 0))[2]


@kernel("sum[K](x:K where K == 14) * 225")
def square_of_a_number_in_a_byte(x):  # refuted
    return (x * torch.cumsum(2 * torch.arange(20, dtype=torch.int8) + 1, 0, dtype=torch.int8))[14]


@kernel("720 * x:M")
def factorial(x):  # proved
    return x * torch.prod(torch.arange(1, 7))


@kernel("8841761993739701954543616000000 * x:M")
def factorial_of_more_than_the_type_holds(x):  # refuted
    return x * torch.prod(torch.arange(1, 30))
