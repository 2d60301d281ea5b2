"""Traversals of canonical terms that only collect."""

from __future__ import annotations

from collections.abc import Iterator

from stile_engine.index.affine import Affine
from stile_engine.term.atoms import Atom, FunctionAtom, IndexAtom, MaxAtom, Poly, PowerAtom, SumAtom


def atoms_of(operand: Poly) -> Iterator[Atom]:
    """Atoms at the top of the polynomial's monomials (not inside other atoms), each once."""
    seen: set[Atom] = set()
    for m, _ in operand.terms:
        for atom, _exponent in m.factors:
            if atom not in seen:
                seen.add(atom)
                yield atom


def inside(atom: Atom) -> list[Poly]:
    """The polynomials directly inside an atom."""
    match atom:
        case SumAtom():
            return [atom.body]
        case MaxAtom():
            return [p.body for p in atom.pieces]
        case PowerAtom():
            return [atom.base]
        case FunctionAtom():
            return [atom.argument]
        case _:
            return []


def all_atoms(operand: Poly) -> Iterator[Atom]:
    """Atoms at any depth, each once."""
    seen: set[Atom] = set()
    done: set[Poly] = set()
    stack = [operand]
    while stack:
        current = stack.pop()
        if current in done:
            continue
        done.add(current)
        for m, _ in current.terms:
            if m.exponential is not None:
                stack.append(m.exponential)
            for atom, _exponent in m.factors:
                if atom not in seen:
                    seen.add(atom)
                    yield atom
                    stack.extend(inside(atom))


def index_numbers(operand: Poly) -> list[Affine]:
    """Index expressions that are used as numbers, at any depth."""
    return [a.index for a in all_atoms(operand) if isinstance(a, IndexAtom)]
