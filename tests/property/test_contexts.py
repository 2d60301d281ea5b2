"""Maxima under a context: what leaves them, against numbers."""

from __future__ import annotations

import pytest
from law_checks import Numbers, value_of
from term_values import Bounded, PolyEvaluator

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import in_range
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.normalize import Normalizer
from stile_engine.term.atoms import MaxAtom, Poly, constant
from stile_engine.term.context import specialise
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.ring import negate, substitute
from stile_engine.term.walk import all_atoms

Q = Affine.variable("Q")


def element(text: str) -> Poly:
    (piece,) = Normalizer()(value_of(f"({text} -> Q K)", {"Q": 3, "K": 4}).node).pieces
    assert isinstance(piece.value, Poly)
    return piece.value


def families(text: str, least: int, both: bool) -> Poly:
    """The number beside all ``text`` (and their negatives) with K < Q."""
    domain = IndexSet.where(in_range(Affine.variable("K"), 0, Q))
    body = element(text)
    own = [Family(("K",), domain, body), *([Family(("K",), domain, negate(body))] if both else [])]
    return greatest([Family((), UNIVERSE, constant(least)), *own])


def singles(form: Poly) -> int:
    return sum(not p.bound for a in all_atoms(form) if isinstance(a, MaxAtom) for p in a.pieces)


@pytest.mark.parametrize(("text", "least", "both", "leaves"), [
    ("X:Q K", 0, True, True),
    ("exp(X:Q K)", 0, False, True),
    ("X:Q K ** 2 + 1", 1, False, True),
    ("X:Q K", -1, True, True),
    ("X:Q K", 0, False, False),
    ("X:Q K", 1, True, False),
    ("X:Q K ** 2", 1, False, False),
])  # fmt: skip
def test_a_single_value_that_is_reached_leaves_a_maximum(text: str, least: int, both: bool, leaves: bool) -> None:
    form = families(text, least, both)
    assert singles(form)
    some = specialise(form, IndexSet.where(in_range(Q, 1, 4)))
    none = specialise(form, IndexSet.where(in_range(Q, 0, 4)))
    assert (not singles(some)) == leaves and singles(none)
    for seed in range(4):
        for q in range(4):
            evaluate = PolyEvaluator(Bounded(40), Numbers("small", seed))
            terms = [form, none, *([some] if q else [])]
            values = [evaluate(substitute(t, {"Q": Affine((), q)}), {}) for t in terms]
            assert all(not disjoint(values[0], v) for v in values[1:]), (q, values)
