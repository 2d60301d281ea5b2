"""What the form of an expression shows of its values, against the values themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from node_values import value_at

from stile_engine.array.facts import is_whole, range_of
from stile_engine.index.affine import Affine
from stile_engine.term.expression import (
    IndexNumber,
    Node,
    Power,
    Read,
    Tensor,
    add,
    apply,
    bounds,
    divide,
    multiply,
    number,
    reduce,
    subtract,
)
from stile_engine.term.rounding import as_integer, range_of_type, rounded, truncated, without_overflow

X = Tensor("X", ("a",), (Affine((), 6),))
AXES = {"$0": bounds(0, 6)}
ELEMENT = Read(X, (Affine.variable("$0"),), AXES)
PLACE = IndexNumber(Affine.variable("$0") - 2, AXES)
INNER = IndexNumber(Affine.variable("$r") * 2 - 5, {"$r": bounds(0, 4)})


def clamped(x: Node, low: int, high: int) -> Node:
    return apply("minimum", apply("maximum", x, number(low)), number(high))


def summed(reduction: str, body: Node) -> Node:
    return reduce(reduction, {"$r": bounds(0, 4)}, body)


def left_by_two(x: Node) -> Node:
    return subtract(x, multiply(number(2), apply("floor", divide(x, number(2)))))


CASES: list[tuple[str, Node, bool]] = [
    ("clamped", clamped(ELEMENT, -3, 2), False),
    ("rounded", rounded(clamped(ELEMENT, -3, 2)), True),
    ("truncated", truncated(clamped(ELEMENT, -3, 2)), True),
    ("what is left", subtract(PLACE, multiply(number(3), apply("floor", divide(PLACE, number(3))))), True),
    ("what is left of a number", left_by_two(ELEMENT), False),
    ("odd power", Power(PLACE, 3), True),
    ("even power", Power(PLACE, 4), True),
    ("product", summed("prod", INNER), True),
    ("sum", summed("sum", multiply(INNER, PLACE)), True),
    ("byte", as_integer(multiply(ELEMENT, number(40)), "int8"), True),
    ("sum of bytes", add(as_integer(multiply(ELEMENT, number(40)), "int8"), PLACE), True),
    ("sum in a byte", without_overflow(multiply(rounded(ELEMENT), number(50)), "int8"), True),
    ("unsigned byte", as_integer(multiply(ELEMENT, number(40)), "uint8"), True),
]  # fmt: skip


@pytest.mark.parametrize("name, node, whole", CASES, ids=[c[0] for c in CASES])
def test_values_lie_in_the_range(name: str, node: Node, whole: bool) -> None:
    low, high = range_of(node)
    assert is_whole(node) == whole and abs(low) < 1000 and abs(high) < 1000
    seen = 0
    for seed in range(20):
        numbers = np.random.default_rng(seed).normal(0, 3, 6)
        for place in range(6):
            try:
                value = value_at(node, {"$0": place}, {"X": numbers})
            except AssertionError as without:
                assert "no value" in str(without)
                continue
            seen += 1
            assert low <= value <= high and (not whole or value == round(value))
    assert seen > 20


def test_beyond_its_type_a_number_has_no_value() -> None:
    for made in (as_integer(multiply(ELEMENT, number(40)), "int8"), without_overflow(rounded(ELEMENT), "int8")):
        assert range_of_type(made) == (-128, 127)
        with pytest.raises(AssertionError, match="does not fit into int8"):
            value_at(made, {"$0": 0}, {"X": np.full(6, 1000.0)})


def _unlike(change: Callable[[Node], Node]) -> Node:
    return change(as_integer(ELEMENT, "int8"))


def test_only_what_is_guarded_has_the_range_of_a_type() -> None:
    assert range_of_type(truncated(ELEMENT)) is None
    assert range_of_type(_unlike(lambda n: add(n, number(1)))) is None
    wide, narrow = as_integer(ELEMENT, "int32"), as_integer(ELEMENT, "int8")
    mixed = type(narrow)(wide.predicate, narrow.chosen, narrow.other, narrow.ranges)  # type: ignore[attr-defined, call-arg]
    assert range_of_type(mixed) is None
