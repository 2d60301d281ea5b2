"""Maxima in terms of simpler ones, against numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from law_checks import KINDS, Numbers, value_of
from term_values import Bounded, PolyEvaluator

from stile_engine.index.affine import Affine
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.simpler_maxima import with_simpler_maxima
from stile_engine.term.atoms import Poly
from stile_engine.term.ring import substitute

TEXTS = (
    "max[K](A:Q * X:Q K)",
    "max[K](-A:Q * X:Q K)",
    "min[K](A:Q * (X:Q K + Y:Q K) + B:Q)",
    "max[K where K <= Q]((A:Q - B:Q) * exp(X:Q K))",
    "max[K](X:Q K**2 + B:Q * X:Q K)",
    "max[K]((3 * X:Q K - A:Q)**2 / 5)",
    "max[K](X:Q K**2 * Y:Q K**2 * 4 - X:Q K * Y:Q K)",
    "exp(max[K](A:Q * X:Q K)) / (1 + max[K]((X:Q K - A:Q)**2))",
)
UNCHANGED = (
    "max[K](X:Q K)",
    "max[K](A:Q**2 * X:Q K)",
    "max[K](-X:Q K**2 + B:Q * X:Q K)",
    "max[K](A:Q * X:Q K + Y:Q K)",
)


def form_of(text: str) -> Poly:
    (piece,) = Normalizer()(value_of(f"({text} -> Q)", {"Q": 3, "K": 4}).node).pieces
    assert isinstance(piece.value, Poly)
    return piece.value


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_value_stays(text: str, kind: str) -> None:
    form = form_of(text)
    simpler = with_simpler_maxima(form)
    assert simpler is not form
    for seed in range(4):
        for q in range(3):
            evaluate = PolyEvaluator(Bounded(40), Numbers("small" if "exp" in text else kind, seed))
            values = [evaluate(substitute(f, {"Q": Affine((), q)}), {}) for f in (form, simpler)]
            assert not disjoint(*values), (q, values)
            assert all(not isinstance(v, Fraction) for v in values) or values[0] == values[1]


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_has_no_simpler_form_stays(text: str) -> None:
    form = form_of(text)
    assert with_simpler_maxima(form) is form
