"""JAX: convolutions, pooling, rounding, conversions to integers, and what counts elements."""

import jax
import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

B, C, F, T, D, K = dim("B", 2), dim("C", 3), dim("F", 4), dim("T", 7), dim("D", 3), dim("K", 3)
h, w, y, z, r, s = dim("h", 6), dim("w", 5), dim("y", 4), dim("z", 3), dim("r", 3), dim("s", 3)
o, p, i, j = dim("o", 3), dim("p", 2), dim("i", 2), dim("j", 2)
M, N, u = dim("M", 5), dim("N", 6), dim("u", 12)

CONVOLUTION = "(at[w := z + s](at[h := y + r](x:B h w C)), W:r s C F -> B y z F)"


@kernel(CONVOLUTION)
def convolution(x, W):  # proved
    return lax.conv_general_dilated(x, W, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@kernel(CONVOLUTION)
def convolution_by_slices(x, W):  # proved
    total = jnp.zeros((B, y, z, F))
    for a in range(r):
        for b in range(s):
            total += jnp.einsum("byzc,cf->byzf", x[:, a : a + y, b : b + z], W[a, b])
    return total


@kernel(CONVOLUTION)
def convolution_with_a_turned_kernel(x, W):  # refuted
    return lax.conv_general_dilated(x, W[::-1, ::-1], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@kernel(CONVOLUTION)
def convolution_with_swapped_taps(x, W):  # refuted
    return lax.conv_general_dilated(x, W, (1, 1), "VALID", dimension_numbers=("NHWC", "WHIO", "NHWC"))


@kernel("sum[K where T + K >= 2](at[T := T + K - 2](x:T D) * W:K D) -> T D")
def causal_depthwise_convolution(x, W):  # proved
    return lax.conv_general_dilated(
        x[None], W[:, None], (1,), [(2, 0)], dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=D
    )[0]


@kernel("sum[K where T + K >= 2](at[T := T + K - 2](x:T D) * W:K D) -> T D")
def causal_convolution_that_sees_the_future(x, W):  # refuted
    return lax.conv_general_dilated(
        x[None], W[:, None], (1,), [(1, 1)], dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=D
    )[0]


@kernel("sum[K where T >= 2 * (2 - K)](at[T := T - 2 * (2 - K)](x:T D) * W:K D) -> T D")
def dilated_causal_convolution(x, W):  # proved
    return lax.conv_general_dilated(
        x[None], W[:, None], (1,), [(4, 0)], rhs_dilation=(2,), dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=D,
    )[0]  # fmt: skip


@kernel("max[i](max[j](at[w := 2*p + j](at[h := 2*o + i](x:B h w))))")
def max_pool(x):  # proved
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")


@kernel("max[i](max[j](at[w := 2*p + j](at[h := 2*o + i](x:B h w))))")
def max_pool_of_sizes(x):  # refuted
    return lax.reduce_window(jnp.abs(x), -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")


@kernel("sum[i](sum[j](at[w := 2*p + j](at[h := 2*o + i](x:B h w)))) / 4")
def average_pool(x):  # proved
    return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2), (1, 2, 2), "VALID") / 4


@kernel("sum[i](sum[j](at[w := 2*p + j](at[h := 2*o + i](x:B h w)))) / 4")
def average_pool_of_overlapping_windows(x):  # refuted
    return lax.reduce_window(x, 0.0, lax.add, (1, 3, 3), (1, 2, 2), ((0, 0), (0, 1), (0, 0)))[:, :, :2] / 9


@kernel("clamp(floor(x:M N / 0.1 + 0.5), -128, 127) * 0.1")
def quantised_and_back(x):  # proved
    q = jnp.clip(jnp.floor(x / 0.1 + 0.5), -128, 127).astype(jnp.int8)
    return q.astype(jnp.float32) * 0.1


@kernel("clamp(floor(x:M N / 0.1 + 0.5), -128, 127) * 0.1")
def quantised_with_fewer_bits(x):  # refuted
    q = jnp.clip(jnp.floor(x / 0.1 + 0.5), -8, 7).astype(jnp.int8)
    return q.astype(jnp.float32) * 0.1


@kernel("sum[N](where(x:M N > 0, x:M N, 0)) / (1 + sum[N](where(x:M N > 0, 1, 0)))")
def mean_of_positive_elements(x):  # proved
    positive = x > 0
    return jnp.sum(jnp.where(positive, x, 0), axis=1) / (1 + positive.sum(axis=1))


@kernel("sum[N](where(x:M N > 0, x:M N, 0)) / (1 + sum[N](where(x:M N > 0, 1, 0)))")
def mean_of_positive_elements_over_all(x):  # refuted
    return jnp.sum(jnp.where(x > 0, x, 0), axis=1) / (1 + x.shape[1])


@kernel("abs(x:M N)")
def size_by_sign(x):  # proved
    return jnp.sign(x) * x


@kernel("at[N := u // 2](x:M N)")
def enlarged(x):  # proved
    return jax.image.resize(x, (M, u), "nearest")


@kernel("at[N := u // 2](x:M N)")
def enlarged_by_tiles(x):  # refuted
    return jnp.tile(x, (1, 2))


@kernel("sum[N where N < 4](x:M N) + sum[N where N >= 4](2 * x:M N) -> M")
def weights_added_at_repeated_places(x):  # proved
    weights = jnp.zeros(N).at[jnp.array([0, 1, 2, 3, 4, 4, 5, 5])].add(1.0)
    return x @ weights


@kernel("sum[N where N < 4](x:M N) + sum[N where N >= 4](2 * x:M N) -> M")
def weights_set_at_repeated_places(x):  # refuted
    weights = jnp.zeros(N).at[jnp.array([0, 1, 2, 3, 4, 5])].set(1.0)
    return x @ weights
