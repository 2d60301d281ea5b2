"""Why two terms differ, in the words of the user: sets visited or not, a factor, left-over terms."""

from __future__ import annotations

from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.index.sets import EMPTY, IndexSet, describe
from stile_engine.proof.equality import are_equal
from stile_engine.proof.refute import Spikes
from stile_engine.term.atoms import MaxAtom, Poly, SumAtom, ratio
from stile_engine.term.context import specialise
from stile_engine.term.guarded import Element
from stile_engine.term.printing import bind_names
from stile_engine.term.ring import scale, substitute
from stile_engine.term.walk import all_atoms

Family = tuple[tuple[str, ...], IndexSet, Poly]


def domain_difference(left: Element, right: Element, cell: IndexSet) -> tuple[str | None, Spikes]:
    """What one side visits and the other does not, and the inputs read there."""
    if not isinstance(left, Poly) or not isinstance(right, Poly):
        return None, frozenset()
    mine, theirs = _visited(specialise(left, cell)), _visited(specialise(right, cell))
    for (bound, body), domain in mine.items():
        other_domain = theirs.get((bound, body))
        if other_domain is None:
            continue
        names = bind_names(bound, body, {}, domain | other_domain)
        for missing, words in ((other_domain - domain, "never visits"), (domain - other_domain, "also visits")):
            missing = missing & cell
            if missing is not EMPTY:
                return f"kernel {words} {describe(missing.given(cell), names)}", _reads_at(body, missing)
    return None, frozenset()


def _visited(operand: Poly) -> dict[tuple[tuple[str, ...], Poly], IndexSet]:
    """For each body, all indices at which some sum or maximum takes it."""
    found: dict[tuple[tuple[str, ...], Poly], IndexSet] = {}
    for bound, domain, body in _families(operand):
        found[bound, body] = found.get((bound, body), EMPTY) | domain
    return found


def _families(operand: Poly) -> list[Family]:
    found: list[Family] = []
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom) and atom.bound:
            found.append((atom.bound, atom.domain, atom.body))
        elif isinstance(atom, MaxAtom):
            found += [(p.bound, p.domain, p.body) for p in atom.pieces if p.bound]
    return sorted(found, key=lambda f: (f[2].digest, f[1].digest))


def _reads_at(body: Poly, where: IndexSet) -> Spikes:
    point = where.sample()
    if point is None:
        return frozenset()
    at = substitute(body, {v: Affine((), x) for v, x in point.items()})
    reads = {(r.tensor, tuple(i.constant for i in r.index)) for r in at.reads if all(i.is_constant for i in r.index)}
    return frozenset(reads)


def factor_between(left: Element, right: Element, cell: IndexSet) -> Fraction | None:
    """The number c with left = c * right, other than 1."""
    if not isinstance(left, Poly) or not isinstance(right, Poly):
        return None
    left, right = specialise(left, cell), specialise(right, cell)
    if not left.terms or not right.terms or len(left.terms) != len(right.terms):
        return None
    factor = Fraction(left.terms[0][1]) / Fraction(right.terms[0][1])
    if factor != 1 and are_equal(left, scale(right, ratio(factor)), cell, thorough=False):
        return factor
    return None
