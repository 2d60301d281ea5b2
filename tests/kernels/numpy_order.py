"""Plain NumPy: sorting, and what is read off the order of the elements."""

import numpy as np

from stile_engine import dim, kernel

T, D, N = dim("T", 3), dim("D", 5), dim("N", 4)


@kernel("min[D](x:T D)")
def least_of_sorted(x):  # proved
    return np.sort(x, axis=1)[:, 0]


@kernel("min[D](x:T D)")
def wrong_end_of_sorted(x):  # refuted
    return np.sort(x, axis=1)[:, -1]


@kernel("max[D](x:T D)")
def sorted_in_place(x):  # proved
    y = x.copy()
    y.sort(axis=1)
    return y[:, -1]


@kernel("max[D](x:T D)")
def sorted_in_place_along_the_other_axis(x):  # refuted
    y = x.copy()
    y.sort(axis=0)
    return y[:, -1]


@kernel("sum[D](x:T D)")
def sum_of_sorted(x):  # unknown
    return np.sort(x, axis=1).sum(axis=1)  # warning[not-proved]


@kernel("sum[D](x:T D)")
def sum_without_the_least(x):  # refuted
    return np.sort(x, axis=1)[:, 1:].sum(axis=1)


@kernel("min[N](x:N)")
def second_place(x):  # refuted
    return x[np.argsort(x)[1]]


@kernel("max[N](x:N)")
def order_of_the_negatives(x):  # unknown
    return x[np.argsort(-x)][0]  # warning[not-proved]


@kernel("mean[N](x:N)")
def median_for_mean(x):  # refuted
    return np.median(x)


@kernel("min[D](x:T D)")
def median_for_minimum(x):  # refuted
    return np.median(x, axis=1)


@kernel("x:N")
def middle_of_three_is_not_nothing(x):  # refuted
    return x - np.sort(x)[1]


@kernel("max[D](x:T D)")
def trimmed(x):  # refuted
    return np.sort(x, axis=1)[:, 1:-1].max(axis=1)
