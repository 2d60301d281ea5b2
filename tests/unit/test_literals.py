"""How floats are read as exact numbers."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction

import pytest
from node_values import value_at

from stile_engine.term.expression import Const
from stile_engine.trace.literals import read_as_one_of, read_literal


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1e-5, "1e-05"),
        (0.044715, "0.044715"),
        (0.3333, "0.3333"),
        (-1e9, "-1000000000.0"),
        (64.0, "64.0"),
        (1 / 3, "1 / 3"),
        (-1 / 7, "-1 / 7"),
        (math.pi, "pi"),
        (2 * math.pi, "2 * pi"),
        (math.e, "exp(1)"),
        (math.log(2), "log(2)"),
        (math.log2(math.e), "1 / log(2)"),
        (math.sqrt(2 / math.pi), "sqrt(2 / pi)"),
        (1 / math.sqrt(2 * math.pi), "1 / sqrt(2 * pi)"),
        (1 / math.sqrt(32), "1 / 8 * sqrt(2)"),
        (math.sqrt(80), "4 * sqrt(5)"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_readings_of_doubles(value: float, text: str) -> None:
    assert read_literal(value).text == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.44269504, "1 / log(2)"),
        (0.33333334, "1 / 3"),
        (0.17677669, "1 / 8 * sqrt(2)"),
        (1e-5, "1e-05"),
        (0.1, "0.1"),
        (0.70710678, "1 / 2 * sqrt(2)"),
    ],
)
def test_readings_of_single_precision(value: float, text: str) -> None:
    assert read_literal(_float32(value), 32).text == text


def test_a_double_is_not_read_with_the_precision_of_a_float() -> None:
    assert read_literal(1.44269504).text == "1.44269504"


def test_short_decimals_are_exact_and_need_no_listing() -> None:
    literal = read_literal(0.1)
    assert literal.exact
    assert isinstance(literal.node, Const) and literal.node.value == Fraction(1, 10)
    assert not read_literal(1 / 3).exact


def test_readings_round_to_the_float() -> None:
    generator = random.Random(0)
    for _ in range(200):
        root = math.sqrt(generator.randrange(2, 4096))
        value = generator.randrange(1, 50) / generator.randrange(1, 50) * generator.choice([1.0, root, math.pi])
        node = read_literal(value).node
        assert math.isclose(value_at(node, {}, {}), value, rel_tol=4e-16)


def test_a_float_is_the_number_that_is_rounded_to_it() -> None:
    named = frozenset({Fraction("0.7978845608"), Fraction("0.797"), Fraction(1, 3)})
    single = _float32(0.7978845608)
    found = read_as_one_of(single, 32, named)
    assert found is not None and found.number == Fraction("0.7978845608") and not found.exact
    found = read_as_one_of(-single, 32, named | {Fraction("0.7978846")})
    assert found is not None and found.number == -Fraction("0.7978846") and found.exact
    found = read_as_one_of(0.7978845608, 64, named)
    assert found is not None and (found.number, found.text, found.exact) == (
        Fraction("0.7978845608"),
        "0.7978845608",
        True,
    )
    assert read_as_one_of(single, 64, named) is None and read_as_one_of(0.5, 32, named) is None
    for value in (0.0, -0.0, math.inf, math.nan):
        assert read_as_one_of(value, 32, named | {Fraction(10**400)}) is None


def test_random_doubles_stay_decimals() -> None:
    generator = random.Random(1)
    readings = [read_literal(generator.uniform(0.1, 1)) for _ in range(100)]
    assert all(r.text.startswith("0.") for r in readings)


@pytest.mark.parametrize("text", ["1.00000001", "0.500000001", "16.0000001"])
def test_a_short_decimal_is_no_other_number_that_the_spec_names(text: str) -> None:
    value = struct.unpack("f", struct.pack("f", float(text)))[0]
    assert read_as_one_of(value, 32, frozenset({Fraction(text)})) is None
    assert read_as_one_of(value, 32, frozenset({Fraction(value)})) is not None
