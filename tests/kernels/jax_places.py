"""Plain JAX: what stands where something else is greatest or least."""

import jax
import jax.numpy as jnp

from stile_engine import dim, kernel

T, V, N = dim("T", 3), dim("V", 5), dim("N", 4)


@kernel("max[V](x:T V)")
def element_at_the_greatest(x):  # proved
    place = jnp.argmax(x, axis=-1)
    return jnp.take_along_axis(x, place[:, None], axis=-1)[:, 0]


@kernel("max[V](x:T V)")
def element_at_the_least(x):  # refuted
    place = jnp.argmin(x, axis=-1)
    return jnp.take_along_axis(x, place[:, None], axis=-1)[:, 0]


@kernel("max[V](softmax[V](x:T V))")
def confidence_of_the_prediction(x):  # proved
    place = jnp.argmax(x, axis=-1)
    return jnp.take_along_axis(jax.nn.softmax(x), place[:, None], axis=-1)[:, 0]


@kernel("min[V](softmax[V](x:T V))")
def least_confidence(x):  # proved
    place = jnp.argmin(jax.nn.softmax(x), axis=-1)
    return jnp.take_along_axis(jax.nn.softmax(x), place[:, None], axis=-1)[:, 0]


@kernel("max[V](softmax[V](x:T V))")
def confidence_over_the_wrong_axis(x):  # refuted
    place = jnp.argmax(x, axis=-1)
    return jnp.take_along_axis(jax.nn.softmax(x, axis=0), place[:, None], axis=-1)[:, 0]


@kernel("max[V](x:T V)")
def one_hot_of_the_greatest(x):  # proved
    return jnp.sum(x * jax.nn.one_hot(jnp.argmax(x, axis=-1), V), axis=-1)


@kernel("max[V](x:T V) + 0 * max[V](y:T V)")
def one_array_where_the_other_is_greatest(x, y):  # refuted
    return jnp.take_along_axis(x, jnp.argmax(y, axis=-1)[:, None], axis=-1)[:, 0]


@kernel("max[V](x:T V)")
def next_to_the_greatest(x):  # refuted
    place = jnp.argmax(x[:, :-1], axis=-1)
    return jnp.take_along_axis(x, place[:, None] + 1, axis=-1)[:, 0]


@kernel("max[V where V >= 1](x:T V)")
def greatest_of_a_part(x):  # proved
    place = jnp.argmax(x[:, 1:], axis=-1)
    return jnp.take_along_axis(x, place[:, None] + 1, axis=-1)[:, 0]


@kernel("sum[T](max[V](x:T V) ** 2 - logsumexp[V](x:T V))")
def penalty_of_the_predictions(x):  # proved
    best = x[jnp.arange(T), jnp.argmax(x, axis=1)]
    return jnp.sum(best**2 - jax.nn.logsumexp(x, axis=1))


@kernel("abs(x:N)")
def larger_of_both_signs(x):  # unknown
    both = jnp.stack([x, -x], axis=1)
    return both[jnp.arange(N), jnp.argmax(both, axis=1)]  # warning[not-proved]


@kernel("max[V](x:T V) * (0 * max[V](y:T V) + 1)")
def greatest_where_another_is_positive(x, y):  # refuted
    at_best = (jnp.arange(V) == jnp.argmax(x, axis=-1)[:, None]) & (y > 0)
    return jnp.sum(jnp.where(at_best, x, 0.0), axis=-1)


@kernel("max[V](x:T V) + 0 * max[V](y:T V)")
def greatest_beside_another(x, y):  # proved
    best = jnp.argmax(x, axis=-1)[:, None]
    return jnp.sum(jnp.where((jnp.arange(V) == best), x, 0.0), axis=-1) + 0.0 * y.max(axis=-1)


@kernel("max[V](x:T V) * (0 * max[V](y:T V) + 1)")
def greatest_times_its_neighbour(x, y):  # refuted
    best = jnp.argmax(x, axis=-1)[:, None]
    return jnp.sum(jnp.where(jnp.arange(V) == best, x * y, 0.0), axis=-1)
