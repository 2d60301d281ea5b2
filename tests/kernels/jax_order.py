"""Plain JAX: sorting, the greatest few, routing to them."""

import jax
import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

T, D, E = dim("T", 3), dim("D", 5), dim("E", 4)
GATE = "max[E](softmax[E]((x:T D, w:D E -> T E)))"


@kernel("max[D](x:T D)")
def last_of_sorted(x):  # proved
    return jnp.sort(x, axis=-1)[:, -1]


@kernel("max[D](x:T D)")
def last_of_sorted_in_reverse(x):  # refuted
    return jnp.sort(x, axis=-1, descending=True)[:, -1]


@kernel(GATE)
def gate_of_the_first_expert(x, w):  # proved
    gates, _ = lax.top_k(jax.nn.softmax(x @ w), 1)
    return gates[:, 0]


@kernel(GATE)
def first_of_two_gates(x, w):  # proved
    gates, _ = lax.top_k(jax.nn.softmax(x @ w), 2)
    return gates[:, 0]


@kernel(GATE)
def second_of_two_gates(x, w):  # refuted
    gates, _ = lax.top_k(jax.nn.softmax(x @ w), 2)
    return gates[:, 1]


@kernel("softmax[E]((x:T D, w:D E -> T E))")
def gates_of_two_of_four_experts(x, w):  # refuted
    gates = jax.nn.softmax(x @ w)
    _, chosen = lax.top_k(gates, 2)
    keep = jax.nn.one_hot(chosen, E).sum(axis=1)
    return gates * keep / (gates * keep).sum(axis=1, keepdims=True)


@kernel("2 * max[D](x:T D)")
def both_of_two(x):  # refuted
    _, places = lax.top_k(x, 2)
    return jnp.take_along_axis(x, places, axis=1).sum(axis=1)


@kernel("min[D](x:T D)")
def order_then_element(x):  # refuted
    order = jnp.argsort(x, axis=-1)
    return jnp.take_along_axis(x, order, axis=1)[:, 1]


@kernel("mean[D](x:T D)")
def median_for_mean(x):  # refuted
    return jnp.median(x, axis=1)
