"""Expressions as hovers show them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stile_engine.index.affine import Affine, constant, variable
from stile_engine.index.predicate import NEVER, Predicate, compare, conjunction, disjunction, negate
from stile_engine.spec.lower import lower
from stile_engine.term.expression import Node, Read, Reindex, Tensor, add, apply, bounds, multiply, number, reduce
from stile_engine.term.expression_text import expression_text, predicate_text

EXTENTS = {"q": constant(8), "n": constant(8), "d": constant(4)}


@pytest.mark.parametrize(
    "text",
    [
        "X:q n",
        "X:q n[0:4]",
        "-X:q n + 2",
        "X:q n - (Y:q n - Z:q n)",
        "X:q n / (Y:q n * 3)",
        "(X:q n + 1) ** 2",
        "exp(X:q n - max[n](X:q n))",
        "maximum(X:q n, -inf)",
        "(Q:q d, K:n d -> q n)",
        "sum[n where n <= q](X:q n)",
        "(X:q n where n < q)",
        "where(n < q, X:q n, 1)",
        "X:q n / sqrt(2)",
        "pi * X:q n",
    ],
)
def test_specs_come_back_as_they_were_written(text: str) -> None:
    node = lower(text, EXTENTS).value.node
    assert expression_text(node, EXTENTS) == text


@pytest.mark.parametrize(
    ("predicate", "text"),
    [
        (compare(variable("n"), "<=", variable("q")), "n <= q"),
        (compare(variable("n"), "<", variable("q")), "n < q"),
        (compare(variable("n"), "!=", 3), "n != 3"),
        (negate(compare(variable("n"), "<=", variable("q"))), "q < n"),
        (conjunction(compare(0, "<=", variable("n")), compare(variable("n"), "<", 4)), "0 <= n and n <= 3"),
        (disjunction(compare(variable("n"), "==", 0), compare(variable("n"), "==", 2)), "n == 0 or n == 2"),
        (compare(variable("n") % 2, "==", 0), "n == 2 * ((n) // 2)"),
        (NEVER, "0 != 0"),
    ],
)
def test_predicates(predicate: Predicate, text: str) -> None:
    assert predicate_text(predicate) == text


def _read(*index: Affine) -> Node:
    tensor = Tensor("X", ("q", "d"), (constant(8), constant(4)))
    return Read(tensor, index, {"$0": bounds(0, 8), "$1": bounds(0, 4), "r1": bounds(0, 4)})


def test_indices_of_plain_arrays_are_put_in_place() -> None:
    squares = multiply(_read(variable("$0"), variable("r1")), _read(variable("$0"), variable("r1")))
    total = apply("sqrt", reduce("max", {"r1": bounds(0, 4)}, squares))
    moved = Reindex(total, {"$0": variable("q") - 2}, {"q": bounds(2, 6)})
    assert expression_text(moved) == "sqrt(max[d](X[q - 2, d] * X[q - 2, d]))"


def test_a_bound_variable_is_not_named_like_a_free_one() -> None:
    inside = add(_read(variable("$0"), variable("r1")), _read(variable("$0"), variable("$1")))
    node = Reindex(reduce("max", {"r1": bounds(0, 4)}, inside), {"$1": variable("d")}, {"d": bounds(0, 4)})
    assert expression_text(node) == "max[r1](X[$0, r1] + X[$0, d])"


def test_long_expressions_are_cut() -> None:
    node: Node = _read(variable("$0"), variable("$1"))
    for _ in range(60):
        node = add(node, node)
    text = expression_text(node)
    assert "…" in text
    assert len(text) < 4000


def test_fractions() -> None:
    assert (
        expression_text(multiply(number(Fraction(1, 3)), _read(variable("$0"), variable("$1")))) == "1 / 3 * X[$0, $1]"
    )


def test_remainders_read_as_remainders() -> None:
    k = Affine.variable("k")
    tensor = Tensor("X", ("M", "N"), (Affine((), 8), Affine((), 8)))
    ranges = {"k": bounds(0, 64)}
    assert expression_text(Read(tensor, (k // 8, k % 8), ranges)) == "X[(k) // 8, k % 8]"
    assert expression_text(Read(tensor, (k // 8, (k + 1) % 8), ranges)) == "X[(k) // 8, (k + 1) % 8]"
    assert expression_text(Read(tensor, (k // 8, 2 * (k % 4) + 1), ranges)) == "X[(k) // 8, 1 + 2 * (k % 4)]"
