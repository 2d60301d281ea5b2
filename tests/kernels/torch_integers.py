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


# A number or a tensor without axes takes the type of the tensor that it meets, and results that are elements of
# operands wrap around where they are added up after all.


def full_bytes(value):
    return torch.full((6,), value, dtype=torch.int8)


@kernel("0 * x:M + 1")
def byte_is_compared_with_a_greater_number(x):  # unsupported
    return 0 * x + (full_bytes(44) != 300)  # warning[unsupported]


@kernel("0 * x:M + 1")
def byte_is_compared_with_a_greater_tensor(x):  # unsupported
    return 0 * x + (full_bytes(44) != torch.tensor(300))  # warning[unsupported]


@kernel("0 * x:M + 50")
def least_of_a_byte_and_a_greater_number(x):  # unsupported
    return 0 * x + torch.minimum(full_bytes(50), torch.tensor(300))  # warning[unsupported]


@kernel("0 * x:M")
def byte_is_divided_by_a_greater_number(x):  # unsupported
    return 0 * x + full_bytes(100) // 300  # warning[unsupported]


@kernel("0 * x:M + 5")
def byte_below_a_greater_number(x):  # unsupported
    return 0 * x + full_bytes(5).clamp(max=300)  # warning[unsupported]


@kernel("0 * x:M + 5")
def bytes_padded_with_a_greater_number(x):  # unsupported
    return 0 * x + torch.nn.functional.pad(full_bytes(5), (0, 1), value=300)[:6]  # warning[unsupported]


@kernel("0 * x:M + 5")
def byte_below_a_number(x):  # proved
    return 0 * x + full_bytes(50).clamp(max=5)


@kernel("0 * x:M + 200")
def scattered_bytes_are_added(x):  # refuted
    return 0 * x + full_bytes(100).scatter(0, torch.arange(6), full_bytes(100), reduce="add")


@kernel("0 * x:M + 100")
def small_scattered_bytes_are_added(x):  # proved
    return 0 * x + full_bytes(50).scatter(0, torch.arange(6), full_bytes(50), reduce="add")


@kernel("0 * x:M + 5 / 2")
def real_number_where_a_mask_says(x):  # unsupported
    return 0 * x + full_bytes(5).masked_fill(x < x + 1, 2.5)  # warning[unsupported]


@kernel("0 * x:M + 5 / 2")
def real_number_at_indices(x):  # unsupported
    return 0 * x + full_bytes(5).scatter(0, torch.arange(6), 2.5)  # warning[unsupported]


@kernel("0 * x:M + 5 / 2")
def bytes_padded_with_a_real_number(x):  # unsupported
    return 0 * x + torch.nn.functional.pad(full_bytes(5), (0, 6), value=2.5)[6:]  # warning[unsupported]


@kernel("0 * x:M + 2")
def truth_values_are_scattered_and_added(x):  # unsupported
    mask = torch.ones(6, dtype=torch.bool)
    return 0 * x + mask.scatter_add(0, torch.arange(6), mask)  # warning[unsupported]


@kernel("0 * x:M + 2")
def sum_of_truth_values_is_a_truth_value(x):  # unsupported
    return 0 * x + torch.ones(2, dtype=torch.bool).sum(dtype=torch.bool)  # warning[unsupported]


@kernel("0 * x:M + 2")
def truth_values_are_counted(x):  # proved
    return 0 * x + torch.ones(2, dtype=torch.bool).sum()
