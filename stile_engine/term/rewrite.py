"""Replace atoms of a term by other terms."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.term.atoms import (
    ZERO,
    Atom,
    FunctionAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    SumAtom,
    mono,
    of_atom,
    of_mono,
)
from stile_engine.term.ring import _as_poly, multiply, normalise, scale, total_of
from stile_engine.term.walk import all_atoms, atoms_of, inside


def replace_atom(operand: Poly, atom: Atom, replacement: Poly | None) -> Poly:
    """The polynomial with one atom of its monomials replaced (None: by zero)."""
    if replacement is None:
        replacement = ZERO
    return map_atoms(operand, lambda a: replacement if a is atom else None)


def replace_everywhere(operand: Poly, atom: Atom, replacement: Poly) -> Poly:
    """The term with an atom replaced at any depth."""
    if not any(a is atom for a in all_atoms(operand)):
        return operand

    def change(found: Atom) -> Poly | None:
        if found is atom:
            return replacement
        inner = inside(found)
        changed = [replace_everywhere(p, atom, replacement) for p in inner]
        if all(new is old for new, old in zip(changed, inner, strict=True)):
            return None
        return rebuild(found, changed)

    inside_exponentials = lambda e: replace_everywhere(e, atom, replacement)
    return total_of([scale(map_mono(m, change, inside_exponentials), c) for m, c in operand.terms])


def transform(operand: Poly, change: Callable[[Atom], Poly | None]) -> Poly:
    """The term with atoms replaced at any depth, innermost first. ``change`` is asked about every
    atom once, when all inside it has been replaced, and never about what it gave itself."""
    done: dict[Poly, Poly] = {}
    settled: set[Atom] = set()

    def ask(atom: Atom) -> Poly | None:
        new = change(atom)
        settled.update((atom,) if new is None else atoms_of(new))
        return new

    def atom_of(atom: Atom) -> Poly | None:
        inner = inside(atom)
        changed = [whole(p) for p in inner]
        if all(new is old for new, old in zip(changed, inner, strict=True)):
            return ask(atom)
        rebuilt = rebuild(atom, changed)
        if isinstance(atom, PowerAtom):
            return rebuilt  # the base itself: all of its atoms have been asked about
        # a law may have brought some of them to the top
        return map_atoms(rebuilt, lambda a: None if a in settled else ask(a))

    def whole(current: Poly) -> Poly:
        found = done.get(current)
        if found is None:
            parts = [scale(map_mono(m, atom_of, whole), c) for m, c in current.terms]
            found = done[current] = total_of(parts) if parts else current
        return found

    return whole(operand)


def rebuild(atom: Atom, inner: list[Poly]) -> Poly:
    """The atom with other terms inside, through the constructors (``walk.inside`` gives the order)."""
    from stile_engine.term.extrema import Family, greatest
    from stile_engine.term.functions import named
    from stile_engine.term.sums import product_over, sum_over

    match atom:
        case SumAtom(operation="sum"):
            return sum_over(atom.bound, atom.domain, inner[0])
        case SumAtom():
            return product_over(atom.bound, atom.domain, inner[0], 1)
        case MaxAtom():
            return greatest([Family(p.bound, p.domain, b) for p, b in zip(atom.pieces, inner, strict=True)])
        case PowerAtom():
            return inner[0]
        case FunctionAtom():
            return named(atom.name, inner[0])
    return of_atom(atom)


def map_atoms(operand: Poly, change: Callable[[Atom], Poly | None]) -> Poly:
    """Replace atoms at the top of monomials where ``change`` gives a term."""
    return total_of([scale(map_mono(m, change), c) for m, c in operand.terms]) if operand.terms else operand


def map_mono(
    m: Mono, change: Callable[[Atom], Poly | None], inside_exponential: Callable[[Poly], Poly] | None = None
) -> Poly:
    """The product with atoms replaced where ``change`` gives a term, and with another argument of its exponential."""
    from stile_engine.term.powers import raise_to

    kept: dict[Atom, Rational] = {}
    parts: list[Poly] = []
    for atom, exponent in m.factors:
        new = change(atom)
        if new is None:
            kept[atom] = exponent
        elif not new.terms and exponent < 0:
            kept[atom] = exponent  # zero to a negative power: not this atom's case
        else:
            parts.append(raise_to(new, exponent))
    argument = m.exponential
    if argument is not None and inside_exponential is not None:
        argument = inside_exponential(argument)
    same = argument is m.exponential
    if same and not parts:
        return of_mono(m)
    result = _as_poly(normalise(kept, argument if same else None))
    for part in parts:
        result = multiply(result, part)
    if same or argument is None:
        return result
    from stile_engine.term.functions import exponential

    return multiply(result, exponential(argument))


def clear_denominators(operand: Poly, passes: int = 8) -> Poly:
    """Times the greatest negative power of every base: a base with a reciprocal is not zero. What this
    brings to light may have denominators again: one pass multiplies by the visible ones alone."""
    for _ in range(passes):
        lowest: dict[Atom, Rational] = {}
        for m, _c in operand.terms:
            for atom, exponent in m.factors:
                if exponent < 0 and exponent < lowest.get(atom, 0):
                    lowest[atom] = exponent
        if not lowest:
            break
        for atom, exponent in sorted(lowest.items(), key=lambda item: item[0].digest):
            base = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
            operand = times_power(operand, atom, base, -exponent)
    return operand


def times_power(operand: Poly, atom: Atom, base: Poly, exponent: Rational) -> Poly:
    """``operand * base ** exponent``, where ``atom`` stands for the base in powers that have no law."""
    from stile_engine.term.powers import raise_to

    parts: list[Poly] = []
    for m, c in operand.terms:
        own: Rational = 0
        rest = []
        for factor, e in m.factors:
            if factor is atom:
                own = e
            else:
                rest.append((factor, e))
        kept = of_mono(mono(tuple(rest), m.exponential), c)
        total = own + exponent
        parts.append(multiply(kept, raise_to(base, total)) if total else kept)
    return total_of(parts)
