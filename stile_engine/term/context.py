"""A term under a context: the same term, simplified for the indices of a given set."""

from __future__ import annotations

from collections.abc import Iterator

from stile_engine.index import data
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.term.atoms import (
    Atom,
    FunctionAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    ReadAtom,
    SumAtom,
    of_atom,
    of_mono,
    poly,
)
from stile_engine.term.divisions import exact_read
from stile_engine.term.extrema import Family, greatest, without_smaller
from stile_engine.term.functions import named
from stile_engine.term.known import fixed_by, over_segments
from stile_engine.term.rewrite import map_mono
from stile_engine.term.ring import multiply, scale, total_of
from stile_engine.term.sums import product_over, sum_over
from stile_engine.term.walk import all_atoms

_known: dict[tuple[Poly, IndexSet], Poly] = {}


def specialise(operand: Poly, context: IndexSet) -> Poly:
    """The term with all domains narrowed to the context's indices: two domains that agree there
    become one. The context names free variables only."""
    if context is EMPTY or not operand.terms:
        return operand
    if data.any_known():
        operand = fixed_by(operand, context)
    if context is UNIVERSE:
        return operand
    if not data.tokens_of(operand.variables):
        context = context.about(operand.variables)
        if context is UNIVERSE:
            return operand
    key = (operand, context)
    found = _known.get(key)
    if found is None:
        found = total_of([scale(_mono(m, context), c) for m, c in operand.terms])
        _known[key] = found
    return found


def _is_empty(atom: SumAtom, context: IndexSet) -> bool:
    if atom.domain.is_disjoint(context):
        return True
    # whether data let the domain have members may be one of the things that the context says
    return bool(atom.domain.tokens and context.tokens) and (atom.domain.project_out(atom.bound) & context) is EMPTY


def _mono(m: Mono, context: IndexSet) -> Poly:
    for atom, _ in m.factors:
        # a sum over nothing is 0, and what stands beside it need not have a value
        if isinstance(atom, SumAtom) and atom.operation == "sum" and _is_empty(atom, context):
            return poly({})
    if data.any_known():
        simpler = _under_indicators(m)
        if simpler is not None:
            return specialise(simpler, context)
    return map_mono(m, lambda atom: _atom(atom, context), lambda argument: specialise(argument, context))


def _under_indicators(m: Mono) -> Poly | None:
    """[I[k] == s] * f(I[k]) = [I[k] == s] * f(s); None where nothing changes."""
    from stile_engine.term.atoms import mono

    indicators = [a for a, _ in m.factors if isinstance(a, SumAtom) and not a.bound and a.domain.tokens]
    for indicator in indicators:
        rest = of_mono(mono(tuple(f for f in m.factors if f[0] is not indicator), m.exponential))
        simpler = fixed_by(rest, indicator.domain)
        if simpler is not rest:
            return multiply(of_atom(indicator), simpler)
    return None


def _atom(atom: Atom, context: IndexSet) -> Poly | None:
    match atom:
        case SumAtom():
            domain, inner = atom.domain & context, atom.body
            if domain.tokens:
                domain, inner = over_segments(atom.bound, domain, inner)
                narrow = domain.given(context)
            else:
                narrow = atom.domain.given(context)
            body = specialise(inner, domain)
            if narrow is atom.domain and body is atom.body:
                return None
            if atom.operation == "prod":
                return product_over(atom.bound, narrow, body, 1)
            return sum_over(atom.bound, narrow, body)
        case MaxAtom():
            families: list[Family] = []
            same = True
            for p in atom.pieces:
                domain, inner = p.domain & context, p.body
                if domain.tokens:
                    domain, inner = over_segments(p.bound, domain, inner)
                    narrow = domain.given(context)
                else:
                    narrow = p.domain.given(context)
                if p.domain.tokens and context.tokens and (p.domain.project_out(p.bound) & context) is EMPTY:
                    narrow = EMPTY
                if narrow is EMPTY:
                    same = False
                    continue
                body = specialise(inner, domain)
                same = same and narrow is p.domain and body is p.body
                families.append(Family(p.bound, narrow, body))
            kept = without_smaller(families, context)
            # without families: the term counts for nothing here
            return None if (same and len(kept) == len(families)) or not kept else greatest(kept)
        case PowerAtom():
            base = specialise(atom.base, context)
            return None if base is atom.base else base
        case FunctionAtom():
            argument = specialise(atom.argument, context)
            if argument is atom.argument:
                return None
            try:
                return named(atom.name, argument)
            except ValueError:
                return None  # no finite value at any of these indices: the term counts for nothing there
        case ReadAtom():
            exact = exact_read(atom, context)
            return None if exact is atom else of_atom(exact)
        case _:
            return None


def splits(operand: Poly) -> Iterator[IndexSet]:
    """Sets of free indices at which the term changes its form: indicators, and domains that are
    empty for some indices."""
    bound_inside: set[str] = set()
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom):
            bound_inside.update(atom.bound)
        elif isinstance(atom, MaxAtom):
            for p in atom.pieces:
                bound_inside.update(p.bound)
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom):
            rows = atom.domain.project_out(atom.bound)
            if rows is not UNIVERSE and not rows.variables & bound_inside:
                yield rows
        elif isinstance(atom, MaxAtom):
            for p in atom.pieces:
                rows = p.domain.project_out(p.bound)
                if rows is not UNIVERSE and not rows.variables & bound_inside:
                    yield rows
