"""Every modelled operation of JAX against JAX itself, on random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pallas_cases
import pytest
from node_values import Unmodelled, table

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from stile_engine.array.operation import HANDLERS  # noqa: E402
from stile_engine.index.dims import Dim  # noqa: E402
from stile_engine.jax.adapter import TRIED_VERSIONS  # noqa: E402
from stile_engine.jax.frontend import JaxFrontEnd  # noqa: E402
from stile_engine.term.expression import Tensor  # noqa: E402
from stile_engine.trace.frontend import KernelTask, Parameter  # noqa: E402
from stile_engine.trace.recording import Recorder  # noqa: E402

A, B, C = (6,), (4, 6), (2, 3, 4)


def tri(x):
    return jnp.where(jnp.arange(6)[None, :] <= jnp.arange(4)[:, None], x, -jnp.inf)


@jax.custom_jvp
def doubled(x):
    return 2 * x


doubled.defjvp(lambda p, t: (2 * p[0], 2 * t[0]))


@jax.custom_vjp
def tripled(x):
    return 3 * x


tripled.defvjp(lambda x: (3 * x, None), lambda r, g: (3 * g,))


def grouped(x):
    return lax.conv_general_dilated(x, x[:, :, :2], (1,), "VALID", batch_group_count=2)


# (name, function, shapes of its inputs); inputs are in [0.5, 2) unless the name ends in "signed".
CASES = [
    ("add sub mul div", lambda x, y: (x + y) * (x - y) / y, [B, B]),
    ("scalar broadcast", lambda x: 2 * x + 1.5, [B]),
    ("neg", lambda x: -x, [A]),
    ("exp", jnp.exp, [A]),
    ("exp2", lax.exp2, [A]),
    ("expm1", jnp.expm1, [A]),
    ("log", jnp.log, [A]),
    ("log1p", jnp.log1p, [A]),
    ("sqrt", jnp.sqrt, [A]),
    ("rsqrt", lax.rsqrt, [A]),
    ("sin cos", lambda x: jnp.sin(x) * jnp.cos(x), [A]),
    ("tan", lax.tan, [A]),
    ("tanh", jnp.tanh, [A]),
    ("sinh cosh", lambda x: jnp.sinh(x) + jnp.cosh(x), [A]),
    ("logistic", jax.nn.sigmoid, [A]),
    ("erf", jax.scipy.special.erf, [A]),
    ("erfc", jax.scipy.special.erfc, [A]),
    ("abs signed", jnp.abs, [A]),
    ("floor ceil signed", lambda x: jnp.floor(x) + 2 * jnp.ceil(x), [A]),
    ("square", lambda x: lax.square(x), [A]),
    ("reciprocal", jnp.reciprocal, [A]),
    ("integer_pow", lambda x: x**3 + x**-2, [A]),
    ("pow", lambda x: x**0.5 + x**-0.5 + lax.pow(jnp.float32(3.0), x) + lax.pow(jnp.float32(2.0), x), [A]),
    ("pow whole", lambda x: lax.pow(x, jnp.float32(3.0)), [A]),
    ("max min signed", lambda x, y: jnp.maximum(x, y) - jnp.minimum(x, 0.1), [A, A]),
    ("clamp signed", lambda x: lax.clamp(-0.2, x, 0.3), [A]),
    (
        "relu silu gelu softplus signed",
        lambda x: jax.nn.relu(x) + jax.nn.silu(x) + jax.nn.gelu(x) + jax.nn.softplus(x),
        [A],
    ),
    ("gelu exact", lambda x: jax.nn.gelu(x, approximate=False), [A]),
    ("softmax", lambda x: jax.nn.softmax(x, axis=-1), [B]),
    ("log_softmax", lambda x: jax.nn.log_softmax(x, axis=0), [B]),
    ("logsumexp", lambda x: jax.nn.logsumexp(x, axis=1), [B]),
    ("mean var std", lambda x: x.mean(0) + x.var(0) + x.std(0), [B]),
    ("slice", lambda x: x[1:3, ::2], [B]),
    ("negative index", lambda x: x[-1] + x[0, -2], [B]),
    ("negative step", lambda x: x[::-1, 4:1:-2], [B]),
    ("new axis", lambda x: x[:, None] * x[None, :], [A]),
    ("dynamic_slice", lambda x: lax.dynamic_slice(x, (1, 2), (2, 3)), [B]),
    ("dynamic_slice clamps", lambda x: lax.dynamic_slice(x, (3, 5), (2, 3)), [B]),
    ("dynamic_update_slice", lambda x, y: lax.dynamic_update_slice(x, y[:2, :3], (1, 2)), [B, B]),
    ("dynamic_update_slice clamps", lambda x, y: lax.dynamic_update_slice(x, y[:2, :3], (3, 5)), [B, B]),
    ("broadcast_in_dim", lambda x: jnp.broadcast_to(x, (3, 6)) + jnp.broadcast_to(x[:1], (6,)), [A]),
    ("reshape merge", lambda x: x.reshape(6, 4), [C]),
    ("reshape split", lambda x: x.reshape(2, 2, 2, 3), [B]),
    ("reshape mixed", lambda x: x.reshape(3, 8).reshape(2, 1, 12), [B]),
    ("transpose", lambda x: x.transpose(2, 0, 1), [C]),
    ("swap then slice", lambda x: x.T[1:4].T[2:], [B]),
    ("squeeze expand", lambda x: jnp.squeeze(x[:1], 0) + lax.expand_dims(x[0], (0,))[0], [B]),
    ("concatenate", lambda x, y: jnp.concatenate([x, 2 * y, x[:, :2]], axis=1), [B, B]),
    ("stack split", lambda x: sum(jnp.split(jnp.stack([x, 3 * x, x * x, -x]), 2)), [A]),
    ("split uneven", lambda x: jnp.concatenate(lax.split(x, (1, 3, 2))[::-1]), [A]),
    ("pad", lambda x: lax.pad(x, 0.25, ((1, 2, 0), (0, -1, 1))), [B]),
    ("pad trims", lambda x: lax.pad(x, 0.0, ((-1, 0, 0), (2, 1, 2))), [B]),
    ("rev", lambda x: jnp.flip(x, 1), [B]),
    ("roll tile repeat", lambda x: jnp.roll(x, 2) + jnp.tile(x[:3], 2) + jnp.repeat(x[:2], 3), [A]),
    ("dot", lambda x, y: x @ y.T, [B, B]),
    ("dot vector", lambda x, y: x @ y, [B, A]),
    ("dot batch", lambda x, y: jnp.einsum("bik,bjk->bij", x, y), [C, C]),
    ("dot two", lambda x, y: jnp.einsum("abc,bcd->ad", x, y), [C, (3, 4, 5)]),
    ("outer", lambda x, y: jnp.outer(x, y), [A, A]),
    ("reduce", lambda x: x.sum(0) + x.max(0) + x.min(0) + x.prod(0), [B]),
    ("reduce two", lambda x: x.sum((0, 2)) + x.max((0, 2)), [C]),
    ("reduce all", lambda x: jnp.sum(x) - jnp.max(x), [B]),
    ("sum where", lambda x: jnp.sum(x, axis=1, where=jnp.arange(6) % 4 == 1), [B]),
    ("cumsum", lambda x: jnp.cumsum(x, axis=1) + lax.cumsum(x, axis=0, reverse=True), [B]),
    ("cummax", lambda x: lax.cummax(x, axis=1) - lax.cummin(x, axis=1) + lax.cumprod(x, axis=1), [B]),
    ("mask", lambda x: jnp.exp(tri(x)), [B]),
    ("tril", lambda x: jnp.tril(x, -1) + jnp.triu(x), [B]),
    (
        "mask logic",
        lambda x: jnp.where(~((jnp.arange(6) < 2) | (jnp.arange(6) == 4)) ^ (jnp.arange(6) > 3), x, 0.0),
        [A],
    ),
    ("equal masks", lambda x: jnp.where((jnp.arange(6) < 2) == (jnp.arange(6) % 2 == 0), x, 0.0), [A]),
    ("select_n of three", lambda x: lax.select_n(jnp.arange(6) % 3, x, 2 * x, 3 * x), [A]),
    (
        "nested mask",
        lambda x: jnp.where(jnp.where(jnp.arange(6) < 3, jnp.arange(6) > 0, jnp.arange(6) < 5), x, 1.0),
        [A],
    ),
    ("iota", lambda x: x * lax.broadcasted_iota(jnp.float32, (4, 6), 1), [B]),
    ("int to float", lambda x: x + jnp.arange(6) * 3 - 1, [A]),
    ("floor divide", lambda x: x * (jnp.arange(6) // 4) + (jnp.arange(6) - 3) // 2, [A]),
    ("remainder", lambda x: x * (jnp.arange(6) % 4) + (jnp.arange(6) - 3) % 3, [A]),
    ("truncated", lambda x: x + lax.div(jnp.arange(6) - 3, 2) + 10 * lax.rem(jnp.arange(6) - 3, -2), [A]),
    ("int min max", lambda x: x + jnp.minimum(jnp.arange(6), 3) * 2 + jnp.maximum(jnp.arange(6) - 2, 1), [A]),
    ("int clip", lambda x: x + jnp.clip(jnp.arange(6), 1, 4), [A]),
    (
        "int abs sign neg",
        lambda x: x + abs(jnp.arange(6) - 3) + 10 * jnp.sign(jnp.arange(6) - 2) - (-jnp.arange(6)),
        [A],
    ),
    ("int square", lambda x: x + (jnp.arange(6) * 0 + 5) ** 2 + lax.square(jnp.int32(3)), [A]),
    ("shifts", lambda x: x + (jnp.arange(6) >> 1) + (jnp.arange(6) << 2) + (jnp.arange(6) & 3), [A]),
    ("bool to float", lambda x: x * (jnp.arange(6) < 3), [A]),
    ("bool to int", lambda x: x + (jnp.arange(6) < 3).astype(jnp.int32) * 2, [A]),
    ("int to bool", lambda x: jnp.where((jnp.arange(6) - 2).astype(bool), x, 0.0), [A]),
    ("int choice", lambda x: x + jnp.where(jnp.arange(6) < 3, jnp.arange(6), 7 - jnp.arange(6)), [A]),
    ("float index compare", lambda x: jnp.where(jnp.arange(6.0) / 2 < 1.3, x, 0.0), [A]),
    ("casts", lambda x: x.astype(jnp.bfloat16).astype(jnp.float32) * 0 + lax.reduce_precision(x, 8, 23), [A]),
    ("stop_gradient", lambda x: lax.stop_gradient(x) + x, [A]),
    ("barrier", lambda x: lax.optimization_barrier((x, x))[0] + jnp.copy(x), [A]),
    ("gather rows", lambda x: x[jnp.array([0, 2])] + x[jnp.arange(2) + 1], [B]),
    ("gather columns", lambda x: x[:, jnp.arange(0, 6, 2)], [B]),
    ("gather diagonal", lambda x: x[jnp.arange(4), jnp.arange(4) + 1], [B]),
    ("gather grid", lambda x: x[jnp.arange(2)[:, None] + 1, jnp.arange(3)[None, :] * 2], [B]),
    ("gather repeats", lambda x: x[jnp.arange(8) // 2], [B]),
    ("gather backwards", lambda x: x[jnp.arange(4) - 4], [B]),
    ("take clip", lambda x: jnp.take(x, jnp.arange(8) - 1, mode="clip"), [A]),
    ("take along axis", lambda x: jnp.take_along_axis(x, jnp.arange(4)[:, None] + jnp.zeros((4, 1), int), 1), [B]),
    ("at set", lambda x, y: x.at[1:3].set(y[:2]), [B, B]),
    ("at set column", lambda x, y: x.at[:, 2].set(y[:, 0]), [B, B]),
    ("at set block", lambda x, y: x.at[1:3, 2:5].set(y[:2, :3]), [B, B]),
    ("at set one", lambda x: x.at[2, -1].set(9.0), [B]),
    ("at set strided", lambda x, y: x.at[::2].set(y[:2]), [B, B]),
    ("at set reversed", lambda x, y: x.at[jnp.arange(4)[::-1]].set(y), [B, B]),
    ("at set diagonal", lambda x, y: x.at[jnp.arange(4), jnp.arange(4)].set(y[:4]), [B, A]),
    ("at add", lambda x, y: x.at[1:3].add(y[:2]), [B, B]),
    ("at add strided", lambda x: x.at[jnp.arange(0, 6, 3)].add(1.0), [A]),
    ("at multiply min max", lambda x, y: x.at[:2].multiply(y[:2]).at[1:].min(y[1:]).at[2:].max(1.0), [B, B]),
    ("at subtract", lambda x, y: x.at[1].subtract(y[0]), [B, B]),
    ("jit", lambda x: jax.jit(lambda y: y * 2)(x) + 1, [A]),
    ("custom derivatives", lambda x: doubled(x) + tripled(x), [A]),
    ("checkpoint", lambda x: jax.checkpoint(lambda y: jnp.sin(y) * 2)(x), [A]),
    ("scan", lambda x: lax.scan(lambda c, r: (c + r, c * 2), jnp.zeros(6), x)[1], [B]),
    ("scan backwards", lambda x: lax.scan(lambda c, r: (c * 0.5 + r, c), jnp.zeros(6), x, reverse=True)[1], [B]),
    ("scan carry", lambda x: lax.scan(lambda c, r: (jnp.maximum(c, r), None), jnp.full(6, -jnp.inf), x)[0], [B]),
    (
        "fori",
        lambda x: lax.fori_loop(0, 4, lambda i, c: c + lax.dynamic_slice(x, (i, 0), (1, 6))[0] * i, jnp.zeros(6)),
        [B],
    ),
    (
        "while",
        lambda x: lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, s[1] + x[0] * s[0]), (1, x[1]))[1],
        [B],
    ),
    ("cond", lambda x: lax.cond(jnp.int32(3) > 2, lambda y: y * 2, lambda y: y, x), [A]),
    (
        "cond in loop",
        lambda x: lax.fori_loop(0, 3, lambda i, c: lax.cond(i == 1, lambda y: y * 2, lambda y: y + 1, c), x),
        [A],
    ),
    ("switch", lambda x: lax.switch(7, [lambda y: y, lambda y: 2 * y, lambda y: 3 * y], x), [A]),
    ("vmap", lambda x, y: jax.vmap(lambda r: jnp.dot(r, y))(x), [B, A]),
    ("vmap slices", lambda x: jax.vmap(lambda i: lax.dynamic_slice(x, (i,), (3,)))(jnp.arange(4)), [A]),
    ("windows", lambda x: x[jnp.arange(4)[:, None] + jnp.arange(3)[None, :]], [A]),
    ("captured array", lambda x: x + np.full(6, 0.1, np.float32) + np.arange(6, dtype=np.float32) * 2, [A]),
    ("captured table", lambda x: x * np.array([1, 2, 4, 8, 16, 3], np.float32), [A]),
    ("captured mask", lambda x: x * np.tril(np.ones((4, 6), np.float32), 1), [B]),
    ("sign signed", jnp.sign, [B]),
    ("rounding signed", lambda x: lax.round(4 * x) + 10 * lax.round(4 * x, lax.RoundingMethod.TO_NEAREST_EVEN), [B]),
    (
        "rounding of halves",
        lambda x: x + lax.round(jnp.arange(6.0) / 2) + 9 * jnp.round(jnp.arange(6.0) / 2 - 1.5),
        [A],
    ),
    ("remainder signed", lambda x: lax.rem(3 * x, 0.7) + jnp.fmod(x, -0.3) + x % 0.6, [B]),
    ("to integers signed", lambda x: (3 * x).astype(jnp.int32).astype(jnp.float32), [B]),
    (
        "quantised signed",
        lambda x: jnp.clip(jnp.round(100 * x), -128, 127).astype(jnp.int8).astype(jnp.float32) * 0.5,
        [B],
    ),
    (
        "whole numbers signed",
        lambda x: (
            (jnp.clip(jnp.floor(9 * x), -9, 9).astype(jnp.int32) * 3 - 2) // 4 + abs(-(x > 0).astype(jnp.int32) - 1)
        ).astype(jnp.float32),
        [B],
    ),
    (
        "whole remainder signed",
        lambda x: lax.rem(jnp.clip(jnp.floor(9 * x), -9, 9).astype(jnp.int32), 4).astype(jnp.float32),
        [B],
    ),
    ("index rounded", lambda x: x[jnp.floor((jnp.arange(12) + 0.5) * 0.5).astype(jnp.int32)], [A]),
    ("count signed", lambda x: (x > 0).sum(axis=1) + jnp.cumsum(x > 0.3, axis=1)[:, -1] + 0.0, [B]),
    ("any all signed", lambda x: jnp.any(x > 1.5, axis=1) + 2.0 * jnp.all(x > -0.9, axis=0)[:4], [B]),
    ("any everywhere", lambda x: x * jnp.any(jnp.arange(6) >= 0) + jnp.all(jnp.arange(6) > 2), [A]),
    ("finite signed", lambda x: jnp.where(jnp.isfinite(tri(x)), x, 7.0) + jnp.isinf(tri(x)), [B]),
    ("truth of numbers signed", lambda x: jnp.floor(x).astype(bool) * x, [B]),
    ("cumlogsumexp signed", lambda x: lax.cumlogsumexp(x, axis=1) - lax.cumlogsumexp(x, axis=0, reverse=True), [B]),
    ("conv", lambda x, y: lax.conv_general_dilated(x, y[:, :, :3], (1,), "SAME"), [C, (2, 3, 4)]),
    (
        "conv strided and dilated",
        lambda x, y: lax.conv_general_dilated(x, y, (2,), [(2, 1)], rhs_dilation=(2,)),
        [(2, 3, 9), (4, 3, 3)],
    ),
    (
        "conv transposed",
        lambda x, y: lax.conv_general_dilated(x, y, (1,), [(2, 2)], lhs_dilation=(3,)),
        [(2, 3, 4), (4, 3, 3)],
    ),
    (
        "conv depthwise in two dims",
        lambda x, y: lax.conv_general_dilated(
            x, y, (1, 2), [(1, 0), (0, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
        ),
        [(2, 4, 5, 2), (2, 3, 1, 4)],
    ),
    (
        "conv with cropping",
        lambda x, y: lax.conv_general_dilated(x, y, (1,), [(-1, -2)]),
        [(1, 2, 9), (2, 2, 3)],
    ),
    (
        "pooling signed",
        lambda x: (
            lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID")
            + lax.reduce_window(x, 0.0, lax.add, (1, 3), (1, 2), [(0, 0), (1, 1)])
            - lax.reduce_window(x, jnp.inf, lax.min, (1, 2), (1, 2), "VALID", window_dilation=(1, 1))
        ),
        [B],
    ),
    (
        "windows dilated signed",
        lambda x: lax.reduce_window(x, 0.0, lax.add, (2,), (2,), [(0, 3)], (2,), (3,)),
        [A],
    ),
    ("at add repeated", lambda x: x.at[jnp.arange(6) // 2].add(1.0).at[jnp.array([0, 0, 3])].max(x[:3]), [A]),
    ("power of positive", lambda x, y: jnp.exp(x) ** y + jax.nn.sigmoid(y) ** x, [A, A]),
    ("place of extremum signed", lambda x: jnp.argmax(x, axis=1)[:, None] + 0.5 * jnp.argmin(x, axis=0), [B]),
    ("place of the first", lambda x: jnp.argmax(jnp.round(x)) + jnp.argmin(jnp.floor(x * 0)) + 0.0 * x[0], [A]),
    ("place as an index", lambda x: x[jnp.argmax(x)] + x[jnp.argmin(x)], [A]),
    ("place along an axis", lambda x, y: jnp.take_along_axis(y, jnp.argmax(x, axis=1)[:, None], 1), [B, B]),
    ("rows at a place", lambda x, y: y[jnp.argmax(x, axis=0)], [B, B]),
    ("select of arrays signed", lambda x: jnp.select([x > 1, x > 0], [x, 2 * x], -1.0), [B]),
    (
        "piecewise signed",
        lambda x: jnp.piecewise(x, [x < -0.5, x > 0.5], [lambda v: -v, lambda v: v * v, lambda v: 0 * v + 1]),
        [B],
    ),
    ("bins counted", lambda x: jnp.searchsorted(jnp.array([0.6, 1.0]), x, method="compare_all") * 1.0, [A]),
    (
        "bins counted from the right",
        lambda x: jnp.searchsorted(jnp.array([0.6, 1.0]), x, side="right", method="compare_all") * 1.0,
        [A],
    ),
    ("bins", lambda x: jnp.interp(x, jnp.array([0.5, 1.0, 2.0]), jnp.array([0.0, 3.0, 4.0])), [A]),
    *pallas_cases.CASES,
    ("logarithm of a sum of a column", lambda x: jnp.logaddexp(x[:, :1], x) + jnp.logaddexp(x[0], x), [B]),
    ("remainder of the divisor's sign", lambda x: jnp.mod(x, -0.7) + jnp.remainder(-x[:, :1], x), [B]),
    ("in order", lambda x: jnp.sort(x) * 2 + jnp.sort(x, axis=0, descending=True) ** 2, [B]),
    ("places in order", lambda x: jnp.argsort(x) * 2.0 + jnp.argsort(x, axis=0, descending=True), [B]),
    ("moved along", lambda x: lax.sort((x, x**2, x[::-1]), dimension=1, num_keys=1)[2], [B]),
    ("read in order", lambda x: jnp.take_along_axis(x**2, jnp.argsort(x, axis=1), axis=1), [B]),
    ("first few", lambda x: lax.top_k(x, 2)[0] * 3 + lax.top_k(x, 2)[1], [B]),
    ("unused unmodelled", lambda x: (lax.erf_inv(x), x * 2)[1], [A]),
]
_SEEN: set[str] = set()


def task(function, shapes, dtypes=None):
    names = "xyz"[: len(shapes)]
    dims = {f"{n}{a}": Dim(f"{n}{a}", s) for n, shape in zip(names, shapes, strict=True) for a, s in enumerate(shape)}
    parameters = []
    for position, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        own = tuple(dims[f"{name}{a}"] for a in range(len(shape)))
        tensor = Tensor(name.upper(), tuple(d.name for d in own), tuple(d.extent for d in own))
        parameters.append(Parameter(name, tensor, own, (dtypes or {}).get(name, "float32")))
        assert position < 3
    source = {2: lambda x, y: function(x, y), 1: lambda x: function(x)}[len(shapes)]
    return KernelTask("kernel", source, tuple(parameters), dims, __file__)


def primitives(jaxpr):
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for parameter in equation.params.values():
            for inner in parameter if isinstance(parameter, (tuple, list)) else (parameter,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from primitives(inner)


@pytest.mark.parametrize("name, function, shapes", CASES, ids=[c[0] for c in CASES])
def test_agrees_with_jax(name, function, shapes):
    random = np.random.default_rng(7)
    low = -1.0 if name.endswith("signed") else 0.5
    numbers = [random.uniform(low, 2.0, shape).astype(np.float32) for shape in shapes]
    jaxpr = jax.make_jaxpr(function)(*numbers)
    _SEEN.update(primitives(jaxpr.jaxpr))
    expected = function(*(jnp.asarray(n) for n in numbers))
    (found,) = JaxFrontEnd().trace(task(function, shapes), Recorder())
    shape = tuple(s.constant for s in found.shape)
    assert shape == expected.shape
    inputs = {n: v.astype(np.float64) for n, v in zip("XYZ", numbers, strict=False)}
    np.testing.assert_allclose(table(found.node, shape, inputs), np.asarray(expected), rtol=2e-3, atol=2e-5)


# Names of other versions of JAX, or reached only through transformations.
_ELSEWHERE = {
    "pjit", "core_call", "call", "closed_call", "remat", "checkpoint", "custom_vjp_call_jaxpr", "add_any", "copy_p",
    "device_put", "pvary", "sharding_constraint", "scatter_add", "scatter_mul", "scatter_min", "scatter_max",
    "scatter_sub", "num_programs",
}  # fmt: skip


# Functions of an array of shape (n, 4) and one of shape (n,), where n is any multiple of 3.
SYMBOLIC = [
    ("mean", lambda x, y: jnp.mean(x, axis=0) + jnp.mean(x)),
    ("softmax", lambda x, y: jax.nn.softmax(x, axis=0) * y[:, None]),
    ("size as a number", lambda x, y: x / x.shape[0] + x.shape[0] // 3 + x.size % 5),
    ("arange", lambda x, y: x * jnp.arange(x.shape[0])[:, None] + y[:, None]),
    ("slices", lambda x, y: x[1:] - x[:-1] + y[2:, None].sum()),
    ("steps", lambda x, y: x[::3] + y[1::3, None]),
    ("backwards", lambda x, y: x[::-1] + y[::-1][:, None]),
    ("last", lambda x, y: x - x[-1] + y[-3]),
    ("split axis", lambda x, y: x.reshape(x.shape[0] // 3, 3, 4).sum(axis=1)),
    ("merged axes", lambda x, y: x.reshape(-1)[1:].sum() + y),
    ("concatenate", lambda x, y: jnp.concatenate([x, 2 * x, x[:1]])),
    ("pad", lambda x, y: jnp.pad(x, ((1, 2), (0, 0)), constant_values=3.0)),
    ("outer", lambda x, y: jnp.tril(y[:, None] * y[None, :])),
    ("matmul", lambda x, y: (x @ x.T) @ x),
    ("cumsum", lambda x, y: jnp.cumsum(x, axis=0)),
    ("set", lambda x, y: x.at[1:].set(x[:-1]).at[0].add(y[0])),
    ("gather", lambda x, y: x[jnp.arange(x.shape[0])[::-1]]),
    ("fori", lambda x, y: lax.fori_loop(0, x.shape[0], lambda i, c: c + x[i] * i, jnp.zeros(4))),
    ("while", lambda x, y: lax.while_loop(lambda c: c[0] < y.size, lambda c: (c[0] + 2, c[1] + 1.0), (0, 0.0))[1] + y),
    ("scan", lambda x, y: lax.scan(lambda c, r: (c + r, c), jnp.zeros(4), x)[1]),
    ("scan backwards", lambda x, y: lax.scan(lambda c, r: (c + r, c), jnp.zeros(4), x, reverse=True)[1]),
    ("vmap", lambda x, y: jax.vmap(lambda r, s: r.sum() * s)(x, y)),
]


@pytest.mark.parametrize("name, function", SYMBOLIC, ids=[c[0] for c in SYMBOLIC])
def test_agrees_with_jax_at_every_size(name, function):
    dims = {"n": Dim("n", multiple_of=3), "m": Dim("m", 4)}
    own = [(dims["n"], dims["m"]), (dims["n"],)]
    tensors = [Tensor(t, tuple(d.name for d in o), tuple(d.extent for d in o)) for t, o in zip("XY", own, strict=True)]
    parameters = tuple(Parameter(t.name.lower(), t, o) for t, o in zip(tensors, own, strict=True))
    source = KernelTask("kernel", lambda x, y: function(x, y), parameters, dims, __file__)
    (found,) = JaxFrontEnd().trace(source, Recorder())
    _SEEN.add("dim_as_value")
    for count in (1, 2, 5):
        sizes = {"#n": count}
        random = np.random.default_rng(count)
        numbers = [random.uniform(0.5, 2.0, [s.evaluate(sizes) for s in t.shape]).astype(np.float32) for t in tensors]
        expected = np.asarray(function(*(jnp.asarray(x) for x in numbers)))
        shape = tuple(s.evaluate(sizes) for s in found.shape)
        assert shape == expected.shape
        inputs = {t.name: x.astype(np.float64) for t, x in zip(tensors, numbers, strict=True)}
        np.testing.assert_allclose(table(found.node, shape, inputs, sizes), expected, rtol=2e-3, atol=2e-5)


def test_every_model_is_tested():
    if len(_SEEN) < 20:
        pytest.skip("needs the whole file to run")
    assert set(HANDLERS) - _SEEN - _ELSEWHERE == set()


UNMODELLED = [
    ("inverse error function", lambda x: lax.erf_inv(x), [A]),
    ("sort by two keys", lambda x: lax.sort((x, x[::-1]), num_keys=2)[0], [A]),
    ("values that may be missing", lambda x: jnp.where(jnp.isfinite(jnp.log(x)), x, 0.0), [A]),
    ("wide integers", lambda x: (x.astype(jnp.int32) * 3).astype(jnp.float32), [A]),
    ("place that may lie outside", lambda x: x[jnp.argmax(x) + 1], [A]),
    ("first of many conditions", lambda x: jnp.argmax(jnp.tile(x, 3) > 1) + x, [A]),
    ("loop that ends by data", lambda x: lax.while_loop(lambda c: c[0] < 9, lambda c: c * 2, x), [A]),
    ("convolution in groups of the batch", lambda x: grouped(x), [(4, 3, 5)]),
    ("out of range gather", lambda x: x[jnp.arange(8)], [A]),
    ("long loop", lambda x: lax.fori_loop(0, 5000, lambda i, c: c[::-1].at[i * i % 6].set(0.0), x), [A]),
    ("overflow", lambda x: x + jnp.arange(6) * 2**30, [A]),
    ("unsigned wraps", lambda x: x + (jnp.arange(6, dtype=jnp.uint32) - 3).astype(jnp.float32), [A]),
    ("update by a function", lambda x: x.at[2:4].apply(jnp.exp), [A]),
    ("power by data", lambda x: x**x, [A]),
    ("irregular constants", lambda x: x * (np.arange(600, dtype=np.float32) ** 2 % 37)[:, None], [A]),
]


@pytest.mark.parametrize("name, function, shapes", UNMODELLED, ids=[c[0] for c in UNMODELLED])
def test_what_is_not_modelled_is_never_read(name, function, shapes):
    (found,) = JaxFrontEnd().trace(task(function, shapes), Recorder())
    numbers = np.random.default_rng(7).uniform(0.5, 2.0, shapes[0])
    with pytest.raises(Unmodelled):
        table(found.node, tuple(s.constant for s in found.shape), {"X": numbers})


def test_the_version_is_one_that_was_tried():
    assert jax.__version__ in TRIED_VERSIONS


def test_integer_data_is_not_read():
    (found,) = JaxFrontEnd().trace(task(lambda x, y: x[y], [A, A], {"y": "int32"}), Recorder())
    with pytest.raises(Unmodelled, match="y holds int32 data"):
        table(found.node, (6,), {"X": np.ones(6), "Y": np.ones(6)})


def test_values_are_recorded_at_the_exact_expression():
    recorder = Recorder()
    JaxFrontEnd().trace(task(lambda x, y: (x @ y.T) * 2, [B, B]), recorder)
    lines = Path(__file__).read_text().split("\n")
    texts = {lines[s.lineno - 1][s.col : s.end_col]: v for s, v in recorder.values.items()}
    assert texts["x @ y.T"].value.shape_type == "x0 y0"
    assert texts["y.T"].value.shape_type == "y1 y0"


def test_slices_keep_the_coordinates_of_the_dim():
    recorder = Recorder()
    JaxFrontEnd().trace(task(lambda x: jnp.exp(x[2:5]), [A]), recorder)
    assert "x0[2:5]" in {v.value.shape_type for v in recorder.values.values()}
