"""What the tests of the laws share: a normal form held against the expression as written, at given inputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from zlib import crc32

from term_values import Bounded, PolyEvaluator

from stile_engine.index.affine import Affine, constant
from stile_engine.index.names import binder_number
from stile_engine.proof.evaluate import Evaluator, TooExpensive
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.numbers import HasNoValue, Undecided, is_infinite
from stile_engine.spec.lower import lower
from stile_engine.term.atoms import MaxAtom, Poly, SumAtom
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Guarded, Infinite, Missing, Unmodelled
from stile_engine.term.value import Value
from stile_engine.term.walk import all_atoms

KINDS = ("mixed", "small", "positive", "negative", "large")
_DIGITS = 40
_STEPS = 40_000


@dataclass(frozen=True)
class Numbers:
    """Input elements of one kind, the same ones every time."""

    kind: str
    seed: int = 1

    def __call__(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        draw = crc32(repr((self.seed, tensor.name, position)).encode())
        match self.kind:
            case "small":
                return Fraction(draw % 3 - 1)
            case "positive":
                return Fraction(draw % 15 + 1, 4)
            case "negative":
                return -Fraction(draw % 15 + 1, 4)
            case "large":
                return Fraction(draw % 2001 - 1000)
            case _:
                return Fraction(draw % 33 - 16, 4)


def value_of(text: str, sizes: Mapping[str, int]) -> Value:
    return lower(text, {d: constant(n) for d, n in sizes.items()}).value


def indices(value: Value) -> Iterator[dict[str, int]]:
    ranges = [range(d.low.constant, d.high.constant) for d in value.dims]
    for point in itertools.product(*ranges):
        yield dict(zip((d.name for d in value.dims), point, strict=True))


class NoValue:
    """What an expression without a value is compared as."""

    def __repr__(self) -> str:
        return "no value"


NO_VALUE = NoValue()


def written_value(evaluator: Evaluator, value: Value, at: Mapping[str, int]) -> Any:
    try:
        return evaluator(value.node, at)
    except HasNoValue:
        return NO_VALUE


def normal_form_agrees(value: Value, kinds: tuple[str, ...] = KINDS) -> int:
    """The number of points at which the normal form was held against the expression as written."""
    form = Normalizer()(value.node)
    for piece in form.pieces:
        if isinstance(piece.value, Poly):
            assert_well_bound(piece.value)
    compared = 0
    for kind in kinds:
        inputs = Numbers(kind)
        evaluator = Evaluator(Bounded(_DIGITS), inputs, {}, _STEPS)
        for at in itertools.islice(indices(value), 12):
            try:
                expected = written_value(evaluator, value, at)
                compared += _agrees_at(form, expected, at, PolyEvaluator(Bounded(_DIGITS), inputs), kind)
            except (Undecided, TooExpensive):
                continue
    return compared


def assert_well_bound(operand: Poly) -> None:
    """No name is bound twice on a way down: a domain would then speak of the wrong variable."""
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom) and atom.bound:
            assert binder_number(atom.bound) > atom.body.height, operand
        elif isinstance(atom, MaxAtom):
            assert all(binder_number(p.bound) > p.body.height for p in atom.pieces if p.bound), operand


def _agrees_at(form: Guarded, expected: Any, at: Mapping[str, int], evaluate: PolyEvaluator, kind: str) -> bool:
    here = {v: Affine((), x) for v, x in at.items()}
    pieces = [p for p in form.pieces if not p.guard.substitute(here).is_empty]
    assert len(pieces) == 1, f"{len(pieces)} pieces at {at}"
    found = pieces[0].value
    story = f"at {dict(at)} with {kind} inputs: written {expected}, normal form {form}"
    match found:
        case Unmodelled():
            return False
        case Missing():
            if not all(evaluate.holds(c, at) for c in form.conditions):
                return False
            assert expected is NO_VALUE, story
            return True
    if not all(evaluate.holds(c, at) for c in form.conditions):
        return False
    assert expected is not NO_VALUE, story
    match found:
        case Infinite(sign=sign):
            assert is_infinite(expected) and (expected > 0) == (sign > 0), story
        case Poly():
            assert not is_infinite(expected), story
            try:
                value = evaluate(found, at)
            except HasNoValue as error:
                raise AssertionError(f"{story}, which has no value: {error}") from None
            assert not disjoint(value, expected), f"{story} = {value}"
    return True
