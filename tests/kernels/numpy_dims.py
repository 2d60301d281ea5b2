"""Plain NumPy: dims of one size that meet, rightly and by mistake."""

import numpy as np

from stile_engine import dim, kernel

M, K, N, E, T = dim("M", 8), dim("K", 8), dim("N", 6), dim("E", 16), dim("T", 12)
J = dim("J", 16)


@kernel("X:M K + B:K")
def bias_along_columns(X, B):  # proved
    return X + B


@kernel("X:M K + B:K")
def bias_along_rows(X, B):  # refuted
    return X + B[:, None]  # error[dim-mismatch]: X runs along M where B[:, None] runs along K


@kernel("X:M K - max[K](X:M K)")
def row_maximum_along_columns(X):  # refuted
    top = X.max(axis=1)
    return X - top  # error[dim-mismatch]: X runs along K where top runs along M


@kernel("(X:M K, W:K N -> M N)")
def contraction_of_the_rows(X, W):  # refuted
    return X.T @ W  # error[dim-mismatch]: X.T runs along M and W runs along K, which are summed together


@kernel("(X:M K, W:K N -> M N)")
def contraction_by_the_wrong_letter(X, W):  # refuted
    return np.einsum("km,kn->mn", X, W)  # error[dim-mismatch]: X runs along M and W runs along K


@kernel("(X:M K, W:K N -> M N)")
def contraction_by_letters(X, W):  # proved
    return np.einsum("mk,kn->mn", X, W)


@kernel("X:M K")
def returned_transposed(X):  # refuted
    return X.T  # error[dim-mismatch]: K where the spec has M, M where the spec has K


@kernel("2 * X:M K")
def made_symmetric(X):  # refuted
    return X + X.T  # error[dim-mismatch]: X runs along M where X.T runs along K


@kernel("where(X:M K > 0, X:M K, 0)")
def chosen_by_a_transposed_mask(X):  # refuted
    keep = X.T > 0
    return np.where(keep, X, 0.0)  # error[dim-mismatch]: these are different dims


@kernel("X:M K * S:M")
def scale_of_the_other_axis(X, S):  # refuted
    scaled = X.copy()
    scaled *= S  # error[dim-mismatch]: scaled runs along K where S runs along M
    return scaled


@kernel("(X:M K, Y:M K -> M)")
def flattened_in_another_order(X, Y):  # refuted
    product = X.reshape(-1) * Y.T.reshape(-1)  # error[dim-mismatch]: (M K) where
    return product.reshape(8, 8).sum(axis=1)


@kernel("X:M K + Y:M K")
def flattened_and_back(X, Y):  # proved
    return (X.reshape(-1) + Y.reshape(-1)).reshape(8, 8)


@kernel("sum[T](X:T)")
def both_halves(X):  # proved
    half = X[:6] + X[6:]  # hint[dim-mismatch]: these are different parts of T
    return half.sum()


@kernel("sum[T](X:T)")
def lanes(X):  # proved
    total = np.zeros(4, np.float32)
    for start in range(0, 12, 4):
        total = total + X[start : start + 4]
    return total.sum()


@kernel("sum[T](X:T * Y:T)")
def tiles_that_slip(X, Y):  # refuted
    total = np.float32(0)
    for start in range(0, 8, 4):
        total = total + (X[start : start + 4] * Y[start + 4 : start + 8]).sum()  # error[dim-mismatch]: T[4:8]
    return total


@kernel("(X:T - at[T := T - 1](X:T) where T >= 1)")
def differences(X):  # proved
    out = np.zeros_like(X)
    out[1:] = X[1:] - X[:-1]
    return out


@kernel("(softmax[K]((Q:M N, P:K N -> M K)), V:K E -> M E)")
def attention_of_as_many_keys_as_queries(Q, P, V):  # proved
    scores = Q @ P.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ V


@kernel("(softmax[K where K <= M]((Q:M N, P:K N -> M K)), V:K E -> M E)")
def causal_attention(Q, P, V):  # proved
    scores = Q @ P.T
    position = np.arange(8)
    scores = np.where(position[None, :] <= position[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ V


@kernel("(X:M E, at[M := K](X:M E) -> M K)")
def gram_matrix(X):  # proved
    return X @ X.T


@kernel("softmax[K](X:M K)")
def normalised_over_queries(X):  # refuted
    weights = np.exp(X)
    return weights / weights.sum(axis=1)  # error[dim-mismatch]: weights.sum(axis=1) runs along M


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other(X, Y):  # proved
    return np.concatenate([X, Y])


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other_transposed(X, Y):  # refuted
    return np.concatenate([X, Y.T])  # error[dim-mismatch]: these are different dims


@kernel({"out": "where(M < 4, Y:M K, out:M K)"})
def upper_half_replaced(out, Y):  # proved
    out[:4] = Y[:4]


@kernel({"out": "where(M < 4, Y:M K, out:M K)"})
def upper_half_replaced_by_columns(out, Y):  # refuted
    out[:4] = Y[:, :4].T  # error[dim-mismatch]: these are different dims
