"""Divisions in the indices of a term that have one result for all indices in range."""

from __future__ import annotations

from stile_engine.index.affine import Affine, FloorDiv, settled
from stile_engine.index.data_questions import range_within
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import Atom, IndexAtom, Poly, ReadAtom, of_atom, read_atom
from stile_engine.term.expression import Axes
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import of_affine
from stile_engine.term.walk import index_numbers


def settle(operand: Poly, ranges: Axes) -> Poly:
    """The term for free variables in these ranges: ``(4*v + u) // 4`` is ``v`` where ``0 <= u < 4``."""
    divided = [i for read in operand.reads for i in read.index if _divides(i)]
    divided += [i for i in index_numbers(operand) if _divides(i)]
    if all(settled(index, ranges) == index for index in divided):
        return operand

    def change(atom: Atom) -> Poly | None:
        match atom:
            case ReadAtom():
                index = tuple(settled(i, ranges) for i in atom.index)
                return None if index == atom.index else of_atom(read_atom(atom.tensor, index))
            case IndexAtom() if _divides(atom.index):
                found = settled(atom.index, ranges)
                return None if found == atom.index else of_affine(found)
        return None

    return transform(operand, change)


def exact_on(index: Affine, domain: IndexSet) -> Affine:
    """The index without divisions whose result is one number in the whole domain, and without multiples of those
    whose remainder is."""
    total = Affine((), index.constant)
    for atom, coefficient in index.terms:
        part = Affine(((atom, coefficient),))
        if isinstance(atom, FloorDiv) and (only := _only_value(Affine(((atom, 1),)), domain)) is not None:
            # a // d = q where it is q at every index of the domain
            part = Affine((), only * coefficient)
        elif isinstance(atom, FloorDiv) and coefficient % atom.divisor == 0:
            # d * (a // d) = a - r where a % d is r at every index of the domain
            remainder = _only_value(atom.numerator % atom.divisor, domain)
            if remainder is not None:
                part = (atom.numerator - remainder) * (coefficient // atom.divisor)
        total = total + part
    return total


def _only_value(expression: Affine, domain: IndexSet) -> int | None:
    least, greatest = range_within(expression, domain)
    return least if least == greatest else None


def exact_read(atom: ReadAtom, domain: IndexSet) -> ReadAtom:
    """The read at ``exact_on`` of its indices."""
    if not any(_divides(i) for i in atom.index):
        return atom
    index = tuple(exact_on(i, domain) for i in atom.index)
    return atom if index == atom.index else read_atom(atom.tensor, index)


def _divides(index: Affine) -> bool:
    return any(isinstance(atom, FloorDiv) for atom, _ in index.terms)
