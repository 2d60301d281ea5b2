"""Plain PyTorch: dims of one size that meet, rightly and by mistake."""

import torch
import torch.nn.functional as F

from stile_engine import dim, kernel

M, K, N, E, T = dim("M", 8), dim("K", 8), dim("N", 6), dim("E", 16), dim("T", 12)
J = dim("J", 16)


@kernel("X:M K + B:K")
def bias_along_rows(X, B):  # refuted
    return X + B.unsqueeze(1)  # error[dim-mismatch]: X runs along M where B.unsqueeze(1) runs along K


@kernel("(X:M K, W:N K -> M N)")
def linear_of_the_rows(X, W):  # refuted
    return F.linear(X.T, W)  # error[dim-mismatch]: X.T runs along M and W runs along K, which are summed together


@kernel("(X:M K, W:K N -> M N) + B:N")
def fused_bias(X, W, B):  # proved
    return torch.addmm(B, X, W)


@kernel("softmax[K](X:M K)")
def normalised_over_queries(X):  # refuted
    weights = (X - X.amax(dim=1, keepdim=True)).exp()
    return weights.div(weights.sum(dim=1))  # error[dim-mismatch]: weights.sum(dim=1) runs along M


@kernel("X:M K")
def returned_transposed(X):  # refuted
    return X.t().contiguous()  # error[dim-mismatch]: K where the spec has M, M where the spec has K


@kernel("where(X:M K > 0, X:M K, 0)")
def filled_by_a_transposed_mask(X):  # refuted
    return X.masked_fill(X.T <= 0, 0.0)  # error[dim-mismatch]: these are different dims


@kernel("X:M K * S:M")
def scale_of_the_other_axis(X, S):  # refuted
    scaled = X.clone()
    scaled *= S  # error[dim-mismatch]: scaled runs along K where S runs along M
    return scaled


@kernel("(X:M K, Y:M K -> M)")
def letters_of_the_wrong_axis(X, Y):  # refuted
    return torch.einsum("ij,ji->i", X, Y)  # error[dim-mismatch]: X runs along M where Y runs along K


@kernel("X:M K + Y:M K")
def views_of_views(X, Y):  # proved
    return (X.view(64).view(8, 8).T + Y.T).T


@kernel("X:M K + Y:M K")
def a_view_of_the_transpose(X, Y):  # refuted
    other = Y.T.reshape(64)
    return (X.view(64) + other).view(8, 8)  # error[dim-mismatch]: X.view(64) runs along (M K) where other


@kernel("(Q:M E, P:K E -> M K) + B:M")
def one_bias_for_each_key(Q, P, B):  # refuted
    scores = torch.matmul(Q, P.transpose(-1, -2))
    return torch.add(scores, B)  # error[dim-mismatch]: scores runs along K where B runs along M


@kernel("(softmax[K]((Q:M E, P:K E -> M K) / 4), V:K N -> M N)")
def attention(Q, P, V):  # proved
    return F.scaled_dot_product_attention(Q[None], P[None], V[None])[0]


@kernel("(softmax[K]((Q:M E, P:K E -> M K) / 4), V:K N -> M N)")
def attention_to_itself(Q, P, V):  # refuted
    return F.scaled_dot_product_attention(P[None], Q[None], V[None])[0]  # error[dim-mismatch]: M


@kernel("let C = X:M K - mean[K](X:M K) in C * rsqrt(mean[K](C ** 2) + 0.00001) * W:K")
def layer_norm(X, W):  # proved
    return F.layer_norm(X, (8,), W)


@kernel("let C = X:M K - mean[K](X:M K) in C * rsqrt(mean[K](C ** 2) + 0.00001) * W:K")
def layer_norm_of_the_columns(X, W):  # refuted
    return F.layer_norm(X.T, (8,), W).T  # error[dim-mismatch]: K


@kernel("(X:T - at[T := T - 1](X:T) where T >= 1)")
def differences(X):  # proved
    return torch.cat([torch.zeros(1), X[1:] - X[:-1]])


@kernel("sum[T](X:T)")
def lanes(X):  # proved
    total = torch.zeros(4)
    for part in X.split(4):
        total += part
    return total.sum()


@kernel("sum[T](X:T)")
def both_halves(X):  # proved
    first, second = X.chunk(2)
    half = first + second  # hint[dim-mismatch]: first runs along T[0:6] where second runs along T[6:12]
    return half.sum()


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other(X, Y):  # proved
    return torch.cat([X, Y])


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other_transposed(X, Y):  # refuted
    return torch.cat([X, Y.t()])  # error[dim-mismatch]: these are different dims


@kernel({"out": "where(M < 4, Y:M K, out:M K)"})
def upper_half_replaced(out, Y):  # proved
    out[:4] = Y[:4]


@kernel({"out": "where(M < 4, Y:M K, out:M K)"})
def upper_half_replaced_by_columns(out, Y):  # refuted
    out[:4] = Y[:, :4].T  # error[dim-mismatch]: these are different dims


@kernel({"out": "where(M < 4, Y:M K, out:M K)"})
def upper_half_copied_from_columns(out, Y):  # refuted
    out[:4].copy_(Y[:, :4].T)  # error[dim-mismatch]: these are different dims
