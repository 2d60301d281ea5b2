"""Replace atoms of a term by other terms."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.term.atoms import ZERO, Atom, Mono, Poly, Rational, poly
from stile_engine.term.ring import _as_poly, multiply, normalise, scale, total_of


def replace_atom(operand: Poly, atom: Atom, replacement: Poly | None) -> Poly:
    """The polynomial with one atom of its monomials replaced (None: by zero)."""
    if replacement is None:
        replacement = ZERO
    return map_atoms(operand, lambda a: replacement if a is atom else None)


def map_atoms(operand: Poly, change: Callable[[Atom], Poly | None]) -> Poly:
    """Replace atoms at the top of monomials where ``change`` gives a term."""
    return total_of([scale(_map_mono(m, change), c) for m, c in operand.terms]) if operand.terms else operand


def _map_mono(m: Mono, change: Callable[[Atom], Poly | None]) -> Poly:
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
    if not parts:
        return poly({m: 1})
    result = _as_poly(normalise(kept, m.exponential))
    for part in parts:
        result = multiply(result, part)
    return result
