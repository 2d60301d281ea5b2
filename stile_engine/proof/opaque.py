"""Maxima over bound variables as unknowns: what holds for any number holds for a maximum.

Families flatten: ``max(max_k x, 3)`` is one maximum over two families, and cases on whether ``max_k x``
exceeds 3 cannot be told apart in it. Here every family over bound variables is replaced by its own
maximum, and that by the element of an input that occurs nowhere else. Equal terms stay equal under any
such replacement read backwards, so a difference that is zero for all values of the unknowns is zero.
"""

from __future__ import annotations

from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import is_bound
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.atoms import Atom, MaxAtom, MaxPiece, Poly, of_atom, poly, ratio, read_atom
from stile_engine.term.expression import Tensor
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.powers import content
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import add, scale

_Unknown = tuple[tuple[str, ...], IndexSet, Poly]
"""The bound variables, domain and body of a maximum: terms are one object where they are equal."""


def name_maxima(operand: Poly, context: IndexSet) -> Poly:
    """The term with an unknown for each family over bound variables that has members at every index."""
    names: dict[_Unknown, str] = {}

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, MaxAtom) or not any(p.bound for p in atom.pieces):
            return None
        families = [_named(p, context, names) for p in atom.pieces]
        known = [f for f in families if f is not None]
        return greatest(known) if len(known) == len(families) else None

    return transform(operand, change)


def _named(piece: MaxPiece, context: IndexSet, known: dict[_Unknown, str]) -> Family | None:
    if not piece.bound:
        return Family((), piece.domain, piece.body)
    free = data.without(piece.body.variables | piece.domain.variables, piece.bound)
    if any(is_bound(v) or data.is_token(v) for v in free) or not context.issubset(
        piece.domain.project_out(piece.bound)
    ):
        return None
    names = frozenset(piece.bound)
    fixed = poly({m: c for m, c in piece.body.terms if not m.variables & names})
    moving = poly({m: c for m, c in piece.body.terms if m.variables & names})
    # max(a + c * f) = a + c * max(f) for c > 0
    factor = content(moving)
    moving = scale(moving, ratio(1 / Fraction(factor)))
    index = tuple(Affine.variable(v) for v in sorted(free))
    name = known.setdefault((piece.bound, piece.domain, moving), f"max {len(known)}")
    unknown = Tensor(name, tuple(sorted(free)), ())
    return Family((), UNIVERSE, add(fixed, scale(of_atom(read_atom(unknown, index)), factor)))
