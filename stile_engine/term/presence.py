"""Whether a term certainly has a finite value, read off its form."""

from __future__ import annotations

from stile_engine.index.predicate import in_range
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.term.atoms import Factor, FunctionAtom, MaxAtom, Mono, Poly, PowerAtom, ReadAtom, SumAtom, of_atom
from stile_engine.term.signs import is_nonzero, is_positive


def has_value(m: Mono, context: IndexSet) -> bool:
    """Whether what stands in the product certainly has a finite value at every index of the context."""
    return all(_factor_has_value(f, context) for f in m.factors) and (
        m.exponential is None or _poly_has_value(m.exponential, context)
    )


def _poly_has_value(operand: Poly, context: IndexSet) -> bool:
    return all(has_value(m, context) for m, _ in operand.terms)


def _factor_has_value(factor: Factor, context: IndexSet) -> bool:
    atom, exponent = factor
    if exponent < 0 and not isinstance(atom, PowerAtom) and not is_nonzero(of_atom(atom), None, context):
        return False
    match atom:
        case ReadAtom():
            sizes = zip(atom.index, atom.tensor.shape, strict=True)
            return all(context.issubset(IndexSet.where(in_range(i, 0, size))) for i, size in sizes)
        case PowerAtom():
            return exponent > 0 and _poly_has_value(atom.base, context)
        case FunctionAtom(name="log", argument=argument):
            return is_positive(argument, None, context) and _poly_has_value(argument, context)
        case FunctionAtom():
            return _poly_has_value(atom.argument, context)
        case SumAtom():
            inside = context & atom.domain
            return inside is EMPTY or _poly_has_value(atom.body, inside)
        case MaxAtom():
            rows = UNIVERSE
            for p in atom.pieces:
                reached = p.domain.project_out(p.bound)
                rows = reached if rows is UNIVERSE else rows | reached
                inside = context & p.domain
                if inside is not EMPTY and not _poly_has_value(p.body, inside):
                    return False
            return context.issubset(rows)
        case _:
            return True
