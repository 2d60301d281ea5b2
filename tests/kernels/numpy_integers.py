"""Plain NumPy: whole numbers in the types that hold them, which wrap around beyond their range."""

import numpy as np

from stile_engine import dim, kernel

M, N, K, U = dim("M", 6), dim("N", 8), dim("K", 20), dim("U")
QUANTISED = "(floor(clamp(100 * x:M N, -127, 127)), floor(clamp(100 * w:N, -127, 127)) -> M)"


def quantised(x):
    return np.floor(np.clip(100 * x, -127, 127)).astype(np.int8)


@kernel(QUANTISED)
def product_of_bytes_in_more_bits(x, w):  # proved
    return (quantised(x).astype(np.int32) @ quantised(w).astype(np.int32)).astype(np.float32)


@kernel(QUANTISED)
def product_of_bytes_in_bytes(x, w):  # refuted
    return (quantised(x) @ quantised(w)).astype(np.float32)


@kernel("2 * floor(clamp(100 * x:M, -127, 127))")
def twice_a_byte_in_a_byte(x):  # refuted
    return (quantised(x) + quantised(x)).astype(np.float32)


@kernel("sum[N](floor(clamp(100 * x:M N, -127, 127)))")
def bytes_are_added_in_more_bits(x):  # proved
    return quantised(x).sum(axis=1) / 1


@kernel("sum[N](floor(clamp(100 * x:M N, -127, 127)))")
def bytes_are_added_in_bytes(x):  # refuted
    return quantised(x).sum(axis=1, dtype=np.int8) / 1


@kernel("sum[K](x:K where K == 3) * 9")
def square_of_an_index(x):  # proved
    return (x * np.arange(20) ** 2)[3]


@kernel("sum[K](x:K where K == 15) * 225")
def square_of_an_index_in_a_byte(x):  # refuted
    return (x * np.arange(20, dtype=np.int8) ** 2)[15]


@kernel("720 * x:M")
def factorial(x):  # proved
    return x * np.prod(np.arange(1, 7))


@kernel("8841761993739701954543616000000 * x:M")
def factorial_of_more_than_the_type_holds(x):  # refuted
    return x * np.prod(np.arange(1, 30))


@kernel("3 * sum[U](where(X:U > 0, 1, 0))")
def count(X):  # proved
    return 3 * (X > 0).sum()
