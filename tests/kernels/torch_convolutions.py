"""Convolutions, pooling, norms and other layers of images as windows on their indices."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from stile_engine import dim, kernel

B, C, O, L, W, K = dim("B", 2), dim("C", 4), dim("O", 3), dim("L", 8), dim("W", 6), dim("K", 3)
Y, X, V, U, I, J = dim("Y", 6), dim("X", 6), dim("V", 4), dim("U", 4), dim("I", 3), dim("J", 3)
P, Q, G = dim("P", 3), dim("Q", 3), dim("G", 2)


@kernel("sum[C](sum[K](at[L := W + K](x:B C L) * w:O C K)) + b:O -> B O W")
def convolution(x, w, b):  # proved
    return F.conv1d(x, w, b)


@kernel("sum[C](sum[K](at[L := W + K](x:B C L) * w:O C K)) + b:O -> B O W")
def kernel_flipped(x, w, b):  # refuted
    return F.conv1d(x, w.flip(-1), b)


@kernel("sum[C](sum[K](at[L := W + K](x:B C L) * w:O C K)) + b:O -> B O W")
def unfolded_into_a_product(x, w, b):  # proved
    windows = x.unfold(2, K, 1)
    return torch.einsum("bcwk,ock->bow", windows, w) + b[:, None]


@kernel("sum[C](sum[I](sum[J](at[Y := V + I](at[X := U + J](x:B C Y X)) * w:O C I J))) -> B O V U")
def plane(x, w):  # proved
    return F.conv2d(x, w)


@kernel("sum[C](sum[I](sum[J](at[Y := V + I](at[X := U + J](x:B C Y X)) * w:O C I J))) -> B O V U")
def plane_by_hand(x, w):  # proved
    out = torch.zeros(B, O, V, U)
    for i in range(I):
        for j in range(J):
            patch = x[:, :, i : i + V, j : j + U]
            out += (w[:, :, i, j] @ patch.reshape(B, C, -1)).view(B, O, V, U)
    return out


@kernel("sum[C](sum[I](sum[J](at[Y := V + I](at[X := U + J](x:B C Y X)) * w:O C I J))) -> B O V U")
def plane_with_axes_swapped(x, w):  # refuted
    out = torch.zeros(B, O, V, U)
    for i in range(I):
        for j in range(J):
            patch = x[:, :, j : j + V, i : i + U]
            out += (w[:, :, i, j] @ patch.reshape(B, C, -1)).view(B, O, V, U)
    return out


@kernel("sum[I](sum[J](at[Y := V + I](at[X := U + J](x:B C Y X)) * w:C I J)) -> B C V U")
def depthwise(x, w):  # proved
    return F.conv2d(x, w.unsqueeze(1), groups=C)


@kernel("(x:B C Y X, w:O C -> B O Y X)")
def pointwise(x, w):  # proved
    return F.conv2d(x, w[:, :, None, None])


M = dim("M", 8)


@kernel("sum[C](sum[K](sum[L where L == M + K - 1](x:B C L * w:O C K))) -> B O M")
def padded(x, w):  # proved
    return F.conv1d(x, w, padding=1)


@kernel("sum[C](sum[K](sum[L where L == M + K - 1](x:B C L * w:O C K))) -> B O M")
def padded_with_the_edge(x, w):  # refuted
    return F.conv1d(F.pad(x, (1, 1), mode="replicate"), w)


@kernel("sum[C](sum[K](sum[L where L == 2 * V + K - 1](x:B C L * w:O C K))) -> B O V")
def strided(x, w):  # proved
    return F.conv1d(x, w, stride=2, padding=1)


H, Z = dim("H", 2), dim("Z", 2)


@kernel("max[H](max[Z](at[Y := 2 * P + H](at[X := 2 * Q + Z](x:B C Y X)))) -> B C P Q")
def max_pool(x):  # proved
    return F.max_pool2d(x, 2)


@kernel("max[H](max[Z](at[Y := 2 * P + H](at[X := 2 * Q + Z](x:B C Y X)))) -> B C P Q")
def max_pool_by_reshape(x):  # proved
    return x.view(B, C, P, 2, Q, 2).amax(dim=(3, 5))


@kernel("max[H](max[Z](at[Y := 2 * P + H](at[X := 2 * Q + Z](x:B C Y X)))) -> B C P Q")
def halves_instead_of_pairs(x):  # refuted
    return x.view(B, C, 2, P, 2, Q).amax(dim=(2, 4))


@kernel("sum[H](sum[Z](at[Y := 2 * P + H](at[X := 2 * Q + Z](x:B C Y X)))) / 4 -> B C P Q")
def average_pool(x):  # proved
    return F.avg_pool2d(x, 2)


@kernel("mean[Y](mean[X](x:B C Y X))")
def global_average(x):  # proved
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


@kernel("sum[Y](sum[X](x:B C Y X)) / 6")
def average_over_one_axis_too_few(x):  # refuted
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.reduce = nn.Linear(C, G)
        self.expand = nn.Linear(G, C)

    @kernel(
        "let s = mean[Y](mean[X](x:B C Y X)) in "
        "let h = relu((s, R:G C -> B G) + r:G) in "
        "x:B C Y X * sigmoid((h, E:C G -> B C) + e:C)",
        inputs={
            "self.reduce.weight": "R:G C",
            "self.reduce.bias": "r:G",
            "self.expand.weight": "E:C G",
            "self.expand.bias": "e:C",
        },
    )
    def forward(self, x):  # proved
        scale = x.mean((2, 3))
        scale = torch.sigmoid(self.expand(F.relu(self.reduce(scale))))
        return x * scale[:, :, None, None]


norm = nn.BatchNorm1d(C).eval()


@kernel(
    "(x:B C L - m:C) / sqrt(v:C + 0.00001) * g:C + b:C",
    inputs={"norm.running_mean": "m:C", "norm.running_var": "v:C", "norm.weight": "g:C", "norm.bias": "b:C"},
)
def batch_norm_in_eval(x):  # assumed: positive
    return norm(x)


@kernel("let c = x:B C L - mean[B](mean[L](x:B C L)) in c * rsqrt(mean[B](mean[L](c ** 2)) + 0.00001)")
def batch_norm_in_training(x):  # proved
    return F.batch_norm(x, None, None, training=True)


@kernel("let c = x:B C L - mean[B](mean[L](x:B C L)) in c * rsqrt(mean[B](mean[L](c ** 2)) + 0.00001)")
def instance_norm_instead(x):  # refuted
    return F.instance_norm(x)


@kernel("let c = x:B C L - mean[L](x:B C L) in c * rsqrt(mean[L](c ** 2) + 0.00001)")
def instance_norm(x):  # proved
    return F.group_norm(x, C)


@kernel("at[Y := (2 * V) // 4](at[X := U // 2](x:B C Y X))")
def enlarged(x):  # proved
    return F.interpolate(x[:, :, :2, :2], scale_factor=2)


@kernel("0.25 * at[L := W](s:L) + 0.5 * at[L := W + 1](s:L) + 0.25 * at[L := W + 2](s:L)")
def smoothing(s):  # proved
    weights = torch.tensor([0.25, 0.5, 0.25])
    return F.conv1d(s.view(1, 1, -1), weights.view(1, 1, -1)).view(-1)


@kernel("0.25 * at[L := W](s:L) + 0.5 * at[L := W + 1](s:L) + 0.25 * at[L := W + 2](s:L)")
def smoothing_of_the_wrong_window(s):  # refuted
    weights = torch.tensor([0.25, 0.5, 0.25])
    return F.conv1d(s.view(1, 1, -1), weights.view(1, 1, -1), dilation=1, padding=1).view(-1)[:6]
