"""Loops over single elements: take the elements that stand alone out of a sum or a maximum.

``X[0] + X[1] + … + X[7]`` and ``sum[k](X[k])`` have different forms. Where a term reads elements at
indices that no family binds, the same points are taken out of every family over that axis:
sum over D of f = sum over D - {c} of f + f(c) where c lies in D, and likewise for a maximum and a
product. Both sides are then written over the same points, and what is equal cancels.
"""

from __future__ import annotations

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import is_bound
from stile_engine.index.predicate import compare
from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.term.atoms import Atom, MaxAtom, Poly, SumAtom
from stile_engine.term.elements import elements_of
from stile_engine.term.expression import Tensor
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.rewrite import map_mono, rebuild
from stile_engine.term.ring import multiply, scale, total_of
from stile_engine.term.sums import product_over, sum_over
from stile_engine.term.walk import inside

_MOST_POINTS = 256

Places = dict[tuple[Tensor, int], set[Affine]]


def peel(operand: Poly) -> Poly:
    """The same term with the elements that are read at free indices taken out of its families."""
    places = _places(operand)
    if not places or sum(len(p) for p in places.values()) > _MOST_POINTS:
        return operand
    return _Peeler(places).poly(operand)


def _places(operand: Poly) -> Places:
    """Where elements are read at indices that only free variables name; for each, none that no family
    runs along."""
    places: Places = {}
    along: set[tuple[Tensor, int]] = set()
    for read in operand.reads:
        for axis, index in enumerate(read.index):
            if not any(is_bound(v) or data.is_token(v) for v in index.variables):
                places.setdefault((read.tensor, axis), set()).add(index)
            else:
                along.add((read.tensor, axis))
    for element in elements_of(operand.variables):
        for axis, index in enumerate(element.arguments):
            if not element.inverse and not any(is_bound(v) or data.is_token(v) for v in index.variables):
                places.setdefault((element.tensor, axis), set()).add(index)
                along.add((element.tensor, axis))
    return {place: found for place, found in places.items() if place in along}


class _Peeler:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._done: dict[Poly, Poly] = {}

    def poly(self, operand: Poly) -> Poly:
        found = self._done.get(operand)
        if found is None:
            parts = [scale(map_mono(m, self._atom, self.poly), c) for m, c in operand.terms]
            found = self._done[operand] = total_of(parts) if parts else operand
        return found

    def _atom(self, atom: Atom) -> Poly | None:
        if isinstance(atom, SumAtom) and atom.operation == "sum":
            body = self.poly(atom.body)
            domains = self._domains(atom.bound, atom.domain, atom.body)
            if len(domains) > 1:
                return total_of([sum_over(atom.bound, domain, body) for domain in domains])
            return None if body is atom.body else sum_over(atom.bound, atom.domain, body)
        if isinstance(atom, SumAtom) and atom.operation == "prod" and len(atom.bound) == 1:
            rest, points = self._split(atom.bound[0], atom.domain, atom.body)
            if points:
                product = product_over(atom.bound, rest, atom.body, 1)
                for point in points:
                    product = multiply(product, product_over(atom.bound, point, atom.body, 1))
                return product
        if isinstance(atom, MaxAtom):
            families: list[Family] = []
            same = True
            for p in atom.pieces:
                body = self.poly(p.body)
                same = same and body is p.body
                domains = self._domains(p.bound, p.domain, p.body)
                same = same and len(domains) == 1
                families += [Family(p.bound, domain, body) for domain in domains]
            return None if same else greatest(families)
        inner = inside(atom)
        changed = [self.poly(p) for p in inner]
        if all(new is old for new, old in zip(changed, inner, strict=True)):
            return None
        return rebuild(atom, changed)

    def _domains(self, bound: tuple[str, ...], domain: IndexSet, body: Poly) -> list[IndexSet]:
        """The domain in parts that do not meet: one for each place that a variable is taken out at, and the rest."""
        parts = [domain]
        for name in bound:
            halves = [self._split(name, part, body) for part in parts]
            parts = [d for rest, points in halves for d in (rest, *points) if d is not EMPTY]
        return parts

    def _split(self, name: str, domain: IndexSet, body: Poly) -> tuple[IndexSet, list[IndexSet]]:
        """The domain without the constant places of the axis that the variable runs along, and those."""
        wanted: set[Affine] = set()
        variable = Affine.variable(name)
        for read in body.reads:
            for axis, index in enumerate(read.index):
                if index == variable:
                    wanted |= self._places.get((read.tensor, axis), set())
        for element in elements_of(body.variables | frozenset(domain.tokens)):
            for axis, index in enumerate(element.arguments):
                if index == variable and not element.inverse:
                    wanted |= self._places.get((element.tensor, axis), set())
        points: list[IndexSet] = []
        for place in sorted(wanted, key=str):
            here = IndexSet.where(compare(variable, "==", place))
            point = domain & here
            if point is not EMPTY:
                points.append(point)
                domain = domain - here  # two places may be one
        return domain, points
