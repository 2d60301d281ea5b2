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


# What is written into a type that holds less wraps around, also where the types of both are whole.


@kernel("0 * x:N + 200")
def wider_numbers_are_assigned_to_bytes(x):  # unsupported
    y = np.zeros(8, dtype=np.int8)
    y[:] = np.full(8, 200, dtype=np.int64)  # warning[unsupported]
    return 0 * x + y


@kernel("0 * x:N + 200")
def wider_numbers_are_added_to_bytes_in_place(x):  # unsupported
    y = np.full(8, 100, dtype=np.int8)
    y += np.full(8, 100, dtype=np.int64)  # warning[unsupported]
    return 0 * x + y


@kernel("0 * x:N + 200")
def wider_numbers_are_copied_to_bytes(x):  # unsupported
    y = np.zeros(8, dtype=np.int8)
    np.copyto(y, np.full(8, 200), casting="same_kind")  # warning[unsupported]
    return 0 * x + y


@kernel("0 * x:N + 200")
def sum_is_written_to_bytes(x):  # unsupported
    y = np.zeros(8, dtype=np.int8)
    np.add(np.full(8, 100), 100, out=y)  # warning[unsupported]
    return 0 * x + y


@kernel("0 * x:N + 2147483648")
def reduction_is_written_to_fewer_bits(x):  # refuted: does not fit into int32
    total = np.zeros((), dtype=np.int32)
    np.full(2, 1073741824, dtype=np.int32).sum(out=total)
    return 0 * x + total


@kernel("0 * x:N + 100")
def wider_numbers_that_fit_are_assigned_to_bytes(x):  # proved
    y = np.zeros(8, dtype=np.int8)
    y[:] = np.full(8, 100, dtype=np.int64)
    return 0 * x + y


# The greatest of truth values is one, and so is the sum of two.


@kernel("0 * x:N + 2")
def greatest_truth_values_are_added(x):  # unsupported
    return 0 * x + ((x < x + 1).max() + (x < x + 1).max())  # warning[unsupported]


@kernel("0 * x:N + 2")
def greater_truth_values_are_added(x):  # unsupported
    greater = np.maximum(x > 0, x <= 0)  # warning[unsupported]
    return 0 * x + (greater + greater)


@kernel("0 * x:N + 2")
def sum_of_truth_values_is_a_truth_value(x):  # unsupported
    return 0 * x + np.ones(2, dtype=bool).sum(dtype=bool)  # warning[unsupported]


@kernel("0 * x:N + 2")
def greatest_truth_values_are_counted(x):  # proved
    return 0 * x + 2 * (x < x + 1).max()
