"""Grids against the evaluator with exact arithmetic: an enclosure holds the value, and says when there is none."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from law_checks import NO_VALUE, indices, value_of, written_value
from mpmath import iv
from random_specs import DIMS, SIZES, Tree, spread, trees
from term_values import Bounded

from stile_engine.index import predicate
from stile_engine.index.affine import Affine, constant, variable
from stile_engine.index.predicate import Predicate
from stile_engine.proof.enclosures import Enclosures
from stile_engine.proof.evaluate import Evaluator, NotEvaluated, TooExpensive
from stile_engine.proof.grid import GridEvaluator
from stile_engine.proof.grid_floats import GridFloats
from stile_engine.proof.inputs import _KINDS, Profile
from stile_engine.proof.intervals import Exact
from stile_engine.proof.numbers import Undecided, is_infinite
from stile_engine.term.expression import (
    Carried,
    IndexNumber,
    Node,
    Read,
    Recurrence,
    Tensor,
    add,
    apply,
    bounds,
    divide,
    multiply,
    number,
    reduce,
)
from stile_engine.term.value import DimRange, Value

_EXAMPLES = settings.default.max_examples
_FUNCTIONS = tuple(
    "exp log sqrt abs relu sigmoid tanh neg rsqrt softplus sin cos exp2 silu gelu gelu_tanh erf log2 floor".split()
)
seen: Counter[str] = Counter()


def compare(value: Value, profile: Profile) -> None:
    coordinates = {d.name: list(range(d.low.constant, d.high.constant)) for d in value.dims}
    try:
        balls = GridEvaluator(Enclosures(), profile, coordinates)(value.node)
        floats = GridEvaluator(GridFloats(), profile, coordinates)(value.node)
    except NotEvaluated:
        seen["not for grids"] += 1
        return
    evaluator = Evaluator(Bounded(40), profile, {}, 40_000)
    names = list(coordinates)
    for at in indices(value):
        place = tuple(at[n] - coordinates[n][0] for n in reversed(names))
        middle, radius = float(balls.middle[place]), float(balls.radius[place])
        try:
            exact = written_value(evaluator, value, at)
        except (Undecided, TooExpensive):
            continue
        story = f"at {at} with {profile}: {middle} ± {radius}, exactly {exact}"
        if math.isinf(radius):
            seen["undecided"] += 1
        elif math.isnan(middle):
            seen["no value"] += 1
            assert exact is NO_VALUE, story
        elif math.isinf(middle):
            seen["infinite"] += 1
            assert radius == 0 and exact is not NO_VALUE and is_infinite(exact) and exact == middle, story
        else:
            seen["finite"] += 1
            assert exact is not NO_VALUE and inside(exact, middle, radius), story
            close = float(floats[place])
            assert abs(close - middle) <= radius + 1e-9 * max(1, abs(middle)), f"{story}, in floats {close}"


def inside(exact: Any, middle: float, radius: float) -> bool:
    if is_infinite(exact):
        return False
    low, high = Fraction(middle) - Fraction(radius), Fraction(middle) + Fraction(radius)
    if isinstance(exact, int | Fraction):
        return low <= exact <= high
    box = Exact(40).interval(exact)
    return bool(box.b >= iv.mpf(middle).a - iv.mpf(radius).b and box.a <= iv.mpf(middle).b + iv.mpf(radius).b)


@settings(max_examples=_EXAMPLES * 3, deadline=None, phases=(Phase.generate,))
@given(trees(4, _FUNCTIONS), SIZES, st.sampled_from(sorted(_KINDS)), st.integers(1, 5))
def test_enclosures_hold_the_value(tree: Tree, sizes: dict[str, int], kind: str, seed: int) -> None:
    compare(value_of(str(spread(tree, tree.dims | {"A"})), sizes), Profile(seed, kind))


WRITTEN = [
    "sum[A](X:A B * Y:B)",
    "(X:A B, Y:B C -> A C)",
    "(X:A B, Y:B C, Z:C A -> A)",
    "(softmax[B where B <= A]((X:A C, Y:B C -> A B) / sqrt(size(C))), Z:B C -> A C)",
    "(exp(X:A B) / 3, sqrt(Y:B C) where B != C -> A C)",
    "prod[B](X:A B + 1 / 3)",
    "max[A](X:A B / 7) - min[B where B > A](exp(X:A B))",
    "at[A := B // 2](X:A) * at[A := 3 - A](X:A)",
    "log(X:A * 0) + 1", "1 / (X:A - X:A)", "exp(-1000 + X:A) * 1e300", "exp(1000 + X:A) / exp(1000)",
    "(1e200 * X:A + 0.5) ** 2", "sqrt(X:A ** 2) * 1e-200 * 1e-200", "floor(X:A / 3)", "sum[A where A < 0](X:A)",
    "X:A * inf", "(X:A - X:A) * inf", "where(A < 2, -inf, X:A) + exp(where(A < 2, -inf, X:A))",
    "max[B](where(B < A, X:A B, -inf)) - max[B](where(B < A, X:A B, -inf))",
]  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_written_expressions(text: str, kind: str) -> None:
    compare(value_of(text, {"A": 4, "B": 3, "C": 5}), Profile(3, kind))


def test_indices_of_more_than_64_bits_are_not_for_grids() -> None:
    ranges = {"A": bounds(0, 4)}
    node = IndexNumber((variable("A") * 2**60) // 2**70, ranges)
    with pytest.raises(NotEvaluated):
        GridEvaluator(GridFloats(), Profile(1, "mixed"), {"A": [0, 1, 2, 3]})(node)


def test_a_contraction_is_not_written_out() -> None:
    value = value_of("(X:A B, Y:B C -> A C)", {"A": 64, "B": 512, "C": 64})
    evaluator = GridEvaluator(Enclosures(), Profile(1, "mixed"), {"A": list(range(64)), "C": list(range(64))})
    found = evaluator(value.node)
    assert evaluator.used < 64 * 512 * 64 / 4
    assert not found.radius.any()  # the inputs are small multiples of 1/8: nothing is rounded


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_inputs_on_grids_are_the_inputs_one_by_one(kind: str) -> None:
    tensor = Tensor("X", ("A", "B"), ())
    other = Tensor("Y", ("A", "B"), ())
    profile = Profile(7, kind, frozenset({(tensor, (2, 3)), (other, (1, 1))}))
    rows, columns = np.arange(5)[:, None], np.arange(4)
    found = profile.grid(tensor, (rows, columns))
    assert [[Fraction(float(x)) for x in row] for row in found] == [
        [profile(tensor, (i, j)) for j in range(4)] for i in range(5)
    ]


def test_the_dims_are_those_of_the_random_expressions() -> None:
    assert set(DIMS) == {"A", "B", "C"}


def test_the_random_expressions_reach_every_case() -> None:
    assert min(seen[c] for c in ("finite", "infinite", "no value", "undecided")) > 20, f"{dict(seen)}"
    assert seen["not for grids"] < 0.2 * _EXAMPLES * 3, f"{dict(seen)}"


def test_loops_are_run_round_by_round() -> None:
    """``c[i] = c[i] / 2 + X[t, i] * exp(c[3 - i])``, after each number of rounds."""
    own = {"i": bounds(0, 4)}
    rounds = {"t": bounds(0, 5)}
    tensor = Tensor("X", ("t", "i"), (constant(5), constant(4)))
    loop = Recurrence("t", constant(5), (own,), (IndexNumber(variable("i"), own),), {})

    def carry(index: Affine, round_: Affine) -> Node:
        return Carried(loop, 0, (index,), round_, {**own, **rounds})

    now = variable("t")
    read = Read(tensor, (now, variable("i")), {**own, **rounds})
    other = apply("exp", divide(carry(3 - variable("i"), now), number(8)))
    loop.step = (add(divide(carry(variable("i"), now), number(2)), multiply(read, other)),)
    for last in range(6):
        dims = (DimRange("i", constant(0), constant(4), constant(4)),)
        compare(Value(dims, carry(variable("i"), constant(last))), Profile(last, "mixed"))


@pytest.mark.parametrize("last", [1, 63, 64, 65, 130])
def test_many_rounds_at_once_are_those_rounds(last: int) -> None:
    """``c[i] = max(c[i], sum_j X[t, j] * [j < t]) / 2 + Y[t] * i``, beyond one stretch of rounds."""
    own, inner, rounds = {"i": bounds(0, 3)}, {"j": bounds(0, 4)}, {"t": bounds(0, 130)}
    first, second = Tensor("X", ("t", "j"), (constant(130), constant(4))), Tensor("Y", ("t",), (constant(129),))
    loop = Recurrence("t", constant(130), (own,), (IndexNumber(variable("i"), own),), {})
    now, everything = variable("t"), {**own, **inner, **rounds}
    row = reduce("sum", inner, Read(first, (now, variable("j")), everything), compare_indices("j", "t"), rounds)
    before = Carried(loop, 0, (variable("i"),), now, {**own, **rounds})
    # in the last round ``Y`` is read out of bounds, and there is no value
    added = multiply(Read(second, (now,), rounds), IndexNumber(variable("i"), own))
    loop.step = (add(divide(apply("maximum", before, row), number(2)), added),)
    dims = (DimRange("i", constant(0), constant(3), constant(3)),)
    compare(Value(dims, Carried(loop, 0, (variable("i"),), constant(last), own)), Profile(last, "mixed"))


def compare_indices(small: str, great: str) -> Predicate:
    return predicate.compare(variable(small), "<", variable(great))
