"""Replacing atoms in canonical terms."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from law_checks import value_of

from stile_engine.proof.normalize import Normalizer
from stile_engine.term.atoms import Atom, Poly, ReadAtom, of_atom, read_atom
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import scale


def form_of(text: str) -> Poly:
    (piece,) = Normalizer()(value_of(text, {"Q": 4, "K": 8}).node).pieces
    assert isinstance(piece.value, Poly)
    return piece.value


TERMS = (
    "1 / (X:Q + 1)",
    "sqrt(X:Q + Y:Q)",
    "sum[K](X:Q * Z:K)",
    "exp(max[K](X:Q + Z:K))",
    "1 / (sum[K](Z:K) + X:Q)",
    "sin(X:Q + sum[K](Z:K * Y:Q)) / (X:Q + Y:Q)",
)


@pytest.mark.parametrize("text", TERMS)
def test_what_a_change_gave_is_not_changed_again(text: str) -> None:
    asked: list[Atom] = []

    def change(atom: Atom) -> Poly | None:
        asked.append(atom)
        if not isinstance(atom, ReadAtom):
            return None
        return scale(of_atom(read_atom(replace(atom.tensor, name=atom.tensor.name + "2"), atom.index)), 2)

    changed = transform(form_of(text), change)
    expected = re.sub(r"([XYZ]):([QK])", r"(2 * \g<1>2:\g<2>)", text)
    assert not any(isinstance(a, ReadAtom) and a.tensor.name.endswith("2") for a in asked)
    assert changed is form_of(expected)
