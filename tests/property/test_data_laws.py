"""Normal forms of expressions over data, held against the expressions as written for random contents.

Every law and every declared fact that stands behind a normal form is in it: contents are drawn so that
they satisfy the facts, and the canonical term is evaluated by its meaning alone.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from law_checks import NO_VALUE, Numbers, indices, written_value
from term_values import Bounded, PolyEvaluator
from test_data import FALSE, SIZES, TRUE

from stile_engine.index import data
from stile_engine.index.affine import Affine, constant
from stile_engine.index.existence import Existence
from stile_engine.index.sets import IndexSet
from stile_engine.proof.contents import NoContents, integer
from stile_engine.proof.evaluate import Evaluator
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.numbers import HasNoValue, Undecided, is_infinite
from stile_engine.spec.lower import declared, lower
from stile_engine.term.atoms import MaxAtom, SumAtom
from stile_engine.term.elements import Element
from stile_engine.term.guarded import Condition, Guarded, Infinite, Missing, Unmodelled
from stile_engine.term.order import Sign
from stile_engine.term.value import Value

WINDOW = range(-1, 10)
DIGITS = 30


class Contents(dict[str, int]):
    """Index variables and, through them, what data variables hold."""

    def __init__(self, at: Mapping[str, int], evaluate: DataEvaluator) -> None:
        super().__init__(at)
        self.evaluate = evaluate

    def __missing__(self, token: str) -> int:
        match data.datum(token):
            case Element(tensor=tensor, arguments=(argument,), inverse=True):
                wanted = argument.evaluate(self)
                places = range(tensor.shape[0].constant)
                return next((p for p in places if self.evaluate.element(tensor, (p,)) == wanted), 0)
            case Element(tensor=tensor, arguments=arguments):
                return self.evaluate.element(tensor, tuple(a.evaluate(self) for a in arguments))
            case Sign(term=term):
                value = self.evaluate(term, self)
                return (value > 0) - (value < 0)
            case Existence(bound=bound, domain=domain):
                return int(bool(self.evaluate.members(domain, bound, self)))
        raise KeyError(token)


def _signed(value: Fraction, signs: int | None) -> Fraction:
    """As the evaluator of expressions as written makes inputs satisfy their declared signs."""
    if signs is None:
        return value
    value = Fraction(1, 4) if value == 0 and not signs & 2 else value
    return value if signs & 1 else abs(value)


class DataEvaluator(PolyEvaluator):
    """Canonical terms at one point, where data variables are looked up."""

    def __init__(self, inputs: Numbers) -> None:
        super().__init__(Bounded(DIGITS), lambda tensor, position: _signed(inputs(tensor, position), tensor.signs))
        self._seed = inputs.seed

    def element(self, tensor: Any, position: tuple[int, ...]) -> int:
        inside = all(0 <= p < s.constant for p, s in zip(position, tensor.shape, strict=True))
        return integer(tensor, position, self._seed, {}) if inside else 0

    def __call__(self, operand: Any, at: Mapping[str, int]) -> Any:
        return super().__call__(operand, at if isinstance(at, Contents) else Contents(at, self))

    def members(self, domain: IndexSet, bound: tuple[str, ...], at: Mapping[str, int]) -> list[dict[str, int]]:
        found = []
        for values in itertools.product(WINDOW, repeat=len(bound)):
            point = dict(zip(bound, values, strict=True))
            if self.lies_in(domain, {**at, **point}):
                found.append(point)
        return found

    def lies_in(self, domain: IndexSet, at: Mapping[str, int]) -> bool:
        here = Contents(at, self)
        return not domain.substitute({v: Affine((), here[v]) for v in domain.parameters}).is_empty

    def _mono(self, m: Any, at: Mapping[str, int]) -> Any:
        value: Any = 1
        for atom, exponent in m.factors:
            is_sum = isinstance(atom, SumAtom) and atom.operation == "sum" and exponent > 0
            if is_sum and not self.members(atom.domain, atom.bound, at):
                return 0
        for atom, exponent in m.factors:
            value = self._binary("mul", value, self._power(self._atom(atom, at), Fraction(exponent)))
        if m.exponential is not None:
            value = self._binary("mul", value, self._arithmetic.unary("exp", self(m.exponential, at)))
        return value

    def _atom(self, atom: Any, at: Mapping[str, int]) -> Any:
        match atom:
            case SumAtom():
                total: Any = 0 if atom.operation == "sum" else 1
                for point in self.members(atom.domain, atom.bound, at):
                    term = self(atom.body, Contents({**at, **point}, self))
                    total = self._binary("add" if atom.operation == "sum" else "mul", total, term)
                return total
            case MaxAtom():
                best: Any = None
                for piece in atom.pieces:
                    for point in self.members(piece.domain, piece.bound, at):
                        value = self(piece.body, Contents({**at, **point}, self))
                        best = value if best is None else self._binary("maximum", best, value)
                if best is None:
                    raise HasNoValue("the greatest of nothing is no finite term")
                return best
        return super()._atom(atom, at)

    def holds(self, condition: Condition, at: Mapping[str, int]) -> bool:
        points = self.members(condition.domain, condition.bound, at)
        if condition.kind in ("inside", "unique"):
            return not points
        for point in points:
            sign = self._arithmetic.sign(self(condition.body, {**at, **point}))
            if not {"nonzero": sign != 0, "nonnegative": sign >= 0}.get(condition.kind, sign > 0):
                return False
        return True


def value_of(text: str, facts: tuple[str, ...]) -> Value:
    extents = {d: constant(n) for d, n in SIZES.items()}
    return lower(text, extents, known=declared([text], extents, facts)).value


def agreements(value: Value, seeds: tuple[int, ...]) -> int:
    form = Normalizer()(value.node)
    compared = 0
    for seed in seeds:
        inputs = Numbers("mixed", seed)
        evaluator = Evaluator(Bounded(DIGITS), inputs, {}, 60_000)
        evaluate = DataEvaluator(inputs)
        for at in itertools.islice(indices(value), 4):
            try:
                compared += agrees(form, written_value(evaluator, value, at), at, evaluate)
            except (Undecided, NoContents):
                continue
    return compared


def agrees(form: Guarded, expected: Any, at: Mapping[str, int], evaluate: DataEvaluator) -> bool:
    pieces = [p for p in form.pieces if evaluate.lies_in(p.guard, at)]
    assert len(pieces) == 1, f"{len(pieces)} pieces at {at}"
    found = pieces[0].value
    story = f"at {dict(at)}: written {expected}, normal form {form}"
    if isinstance(found, Unmodelled):
        return False
    if not all(evaluate.holds(c, at) for c in form.conditions):
        assert expected is NO_VALUE, story
        return True
    if isinstance(found, Missing):
        assert expected is NO_VALUE, story
        return True
    assert expected is not NO_VALUE, story
    if isinstance(found, Infinite):
        assert is_infinite(expected) and (expected > 0) == (found.sign > 0), story
        return True
    value = evaluate(found, at)
    assert not disjoint(value, expected), f"{story} = {value}"
    return True


SIDES = [(side, case[2]) for case in (*TRUE.values(), *FALSE.values()) for side in case[:2]]


@pytest.mark.parametrize(("text", "facts"), SIDES, ids=lambda v: str(v)[:60])
def test_sides_of_the_equations(text: str, facts: tuple[str, ...]) -> None:
    missing = [f for f in facts if f.split()[0].split(":")[0] not in text]
    if missing or "len:B" in text:
        pytest.skip("a fact about the other side")
    agreements(value_of(text, facts), (1, 2, 3))


WRAPS = (
    "sum[K where K <= q]({})", "sum[K]({})", "where(I:K < q, {}, 0)",
    "where(Y:K > 0, {}, Z:K)", "sum[K where I:K == q]({})", "max[K where I:K <= q]({})", "2 * {} - Z:K",
    "gather[K]({}, I:K)", "scatter[K, sum]({}, I:K)", "scatter[K, max]({}, I:K, Z:K)", "where(I:K == J:K, {}, Y:K)",
    "exp({} / 8)", "relu({})", "softmax[K where K <= I:K]({})", "scatter[K]({}, J:K, Z:K)",
)  # fmt: skip
FACTS = ((), ("I in K",), ("I permutation of K",), ("I permutation of K", "J permutation of K"), ("I sorted", "I in K"))


@pytest.mark.parametrize("number", range(60))
def test_random_expressions(number: int) -> None:
    random = Random(number)
    text = random.choice(("X:K", "gather[K](X:K, I:K)", "Y:K * X:K"))
    for _ in range(random.randrange(1, 4)):
        wrap = random.choice([w for w in WRAPS if w.count("{}") == 1])
        if "[K" in wrap and wrap.startswith(("sum", "max")) and "K" not in text:
            continue
        text = wrap.format(text)
        if wrap.startswith(("sum[K", "max[K")):
            text = f"{text} + Z:K"
        text = f"({text} -> K)" if "q" not in text else text
    facts = tuple(f for f in random.choice(FACTS) if f"{f[0]}:K" in text)
    agreements(value_of(text, facts), (1, 2, 3, 4))
