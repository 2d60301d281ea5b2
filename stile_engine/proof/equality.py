"""Whether two canonical terms are equal at all indices of a context.

The difference is built and simplified under the context. If it is not literally zero, then in
turn: atoms that are equal for deeper reasons are identified, fractions get a common denominator,
the context is split where a term changes its form, maxima are split into cases, and, for small
concrete domains, sums are written out element by element. Each step is sound by itself; what none
of them decides is *not shown equal*, never *unequal*.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import is_finished
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.index.work import BudgetExceeded, budget, spend
from stile_engine.proof.logs_apart import zero_by_exponentiating
from stile_engine.proof.opaque import name_maxima
from stile_engine.proof.peeling import peel
from stile_engine.proof.roots import join_roots
from stile_engine.proof.simpler_maxima import with_simpler_maxima
from stile_engine.term import binding
from stile_engine.term.angles import expand_angles
from stile_engine.term.atoms import (
    UNIT,
    Atom,
    FunctionAtom,
    MaxAtom,
    MaxPiece,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    SumAtom,
    mono,
    of_atom,
    of_mono,
    poly,
)
from stile_engine.term.context import specialise, splits
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.functions import exponential
from stile_engine.term.order import sign_given, signs_within
from stile_engine.term.powers import raise_to
from stile_engine.term.rewrite import clear_denominators, map_atoms, replace_everywhere
from stile_engine.term.ring import (
    add,
    indicator_of,
    multiply,
    scale,
    substitute,
    subtract,
    total_of,
)
from stile_engine.term.signs import NONNEGATIVE, NONPOSITIVE, ZERO_SIGN, sign
from stile_engine.term.walk import all_atoms, atoms_of

_DEPTH = 6
_OPERATIONS = 400_000
_POINTWISE_OPERATIONS = 40_000
_MOST_SPLITS = 12
_MOST_CASES = 6
_MOST_NESTED = 4
"""Choices that a compared value depends on, by which a context is split."""
_MOST_POINTS = 64
_MOST_EXPANDED = 1500


def are_equal(
    left: Poly, right: Poly, context: IndexSet, thorough: bool = True, facts: Mapping[Poly, int] | None = None
) -> bool:
    """True only if the terms agree at every index of the context, for all finite inputs at which
    both have a value. ``thorough``: also write small domains out, which may take long. ``facts``
    are signs of terms that hold at every index of the context for the inputs in question."""
    if left is right or context is EMPTY:
        return True
    try:
        with budget(_OPERATIONS):
            difference = subtract(left, right)
            if _is_zero(difference, context, _DEPTH):
                return True
            if facts and sign(specialise(difference, context), facts) == ZERO_SIGN:
                return True
            if facts and _zero_by_cases(specialise(difference, context), context, _MOST_CASES, dict(facts)):
                return True
    except (BudgetExceeded, ValueError, ArithmeticError):
        # a law that met a logarithm of 0, say, at some index of a part: nothing is shown there
        return False
    if not thorough:
        return False
    try:
        with budget(_POINTWISE_OPERATIONS):
            return _equal_pointwise(left, right, context)
    except (BudgetExceeded, ValueError, ArithmeticError):
        # a law that met a logarithm of 0, say, at some index of a part: nothing is shown there
        return False


def _is_zero(difference: Poly, context: IndexSet, depth: int) -> bool:
    spend()
    difference = specialise(_eliminate(difference, context), context)
    if difference.is_zero:
        return True
    if depth == _DEPTH:
        difference = specialise(with_simpler_maxima(expand_angles(peel(difference))), context)
        if difference.is_zero:
            return True
    if depth <= 0 or difference.constant is not None:
        return False
    identified = _identify(difference, context, depth)
    if identified.is_zero:
        return True
    cleared = _cleared(identified, context)
    if cleared.is_zero:
        return True
    if cleared is not difference:
        cleared = _identify(cleared, context, depth)
        if cleared.is_zero:
            return True
    joined = join_roots(cleared)
    if joined is not cleared and (joined.is_zero or _cleared(joined, context).is_zero):
        return True
    if zero_by_exponentiating(difference, lambda power: _is_zero(power, context, depth - 1)):
        return True
    if _zero_by_splitting(cleared, context, depth) or _zero_by_joining(difference, context, depth):
        return True
    if _zero_by_cases(cleared, context, _MOST_CASES, {}):
        return True
    named = name_maxima(cleared, context)
    return named is not cleared and _zero_by_cases(named, context, _MOST_CASES, {})


def _cleared(operand: Poly, context: IndexSet) -> Poly:
    """Without denominators. ``sum over D of f / P`` divides only where D is not empty: elsewhere P may be
    zero, so nothing is multiplied by it unless D has members at every index of the context."""
    for m, _ in operand.terms:
        if all(exponent > 0 for _, exponent in m.factors):
            continue
        sums = [a for a, e in m.factors if isinstance(a, SumAtom) and e > 0 and a.operation == "sum"]
        if not all(context.issubset(a.domain.project_out(a.bound)) for a in sums):
            return operand
    return clear_denominators(operand)


def _eliminate(operand: Poly, context: IndexSet) -> Poly:
    """Without the variables that the context fixes: where T == 5, X[T] is X[5]."""
    gone: set[str] = set()
    for name in sorted(operand.variables & context.variables):
        if data.is_token(name):
            continue  # ``specialise`` looks at data
        value = context.solve(name)
        if value is not None and not value.variables & (gone | {name}) and not data.tokens_of(value.variables):
            operand = substitute(operand, {name: value})
            gone.add(name)
    return operand


# -- equal atoms -------------------------------------------------------------------------------


def _identify(operand: Poly, context: IndexSet, depth: int) -> Poly:
    """Replace atoms by one representative of those that are equal in the context."""
    atoms = sorted(atoms_of(operand), key=lambda a: a.digest)
    replacement: dict[Atom, Poly] = {}
    representatives: list[Atom] = []
    for atom in atoms:
        if not isinstance(atom, SumAtom | MaxAtom | PowerAtom | FunctionAtom):
            continue
        for other in representatives:
            factor = _same(atom, other, context, depth)
            if factor is not None:
                replacement[atom] = scale(of_atom(other), factor)
                break
        else:
            representatives.append(atom)
    if replacement:
        operand = map_atoms(operand, replacement.get)
    return _identify_exponentials(operand, context, depth)


def _identify_exponentials(operand: Poly, context: IndexSet, depth: int) -> Poly:
    exponents: dict[Poly, None] = {}
    for m, _ in operand.terms:
        if m.exponential is not None:
            exponents[m.exponential] = None
    if len(exponents) < 1 or all(not _is_deep(e) for e in exponents):
        return operand
    ordered = sorted(exponents, key=lambda e: e.digest)
    replacement: dict[Poly, Poly] = {}
    representatives: list[Poly] = []
    for exponent in ordered:
        if depth > 0 and _is_zero(exponent, context, depth - 1):
            replacement[exponent] = poly({})
            continue
        for other in representatives:
            if depth > 0 and _is_zero(subtract(exponent, other), context, depth - 1):
                replacement[exponent] = other
                break
        else:
            representatives.append(exponent)
    if not replacement:
        return operand
    parts: list[Poly] = []
    for m, c in operand.terms:
        if m.exponential in replacement:
            bare = of_mono(mono(m.factors), c)
            parts.append(multiply(bare, exponential(replacement[m.exponential])))
        else:
            parts.append(of_mono(m, c))
    return total_of(parts)


def _is_deep(operand: Poly) -> bool:
    return any(isinstance(a, SumAtom | MaxAtom | PowerAtom | FunctionAtom) for a in atoms_of(operand)) or any(
        m.exponential is not None for m, _ in operand.terms
    )


def _same(left: Atom, right: Atom, context: IndexSet, depth: int) -> Rational | None:
    """The number c with left = c * right in the context, if that can be shown."""
    match left, right:
        case SumAtom(), SumAtom():
            if (left.operation, len(left.bound)) != (right.operation, len(right.bound)):
                return None
            return _same_sum(left, right, context, depth)
        case MaxAtom(), MaxAtom():
            return 1 if _same_max(left, right, context, depth) else None
        case PowerAtom(), PowerAtom():
            return 1 if _is_zero(subtract(left.base, right.base), context, depth - 1) else None
        case FunctionAtom(), FunctionAtom():
            if left.name != right.name:
                return None
            if _is_zero(subtract(left.argument, right.argument), context, depth - 1):
                return 1
            if left.name in ("sin", "erf") and _is_zero(add(left.argument, right.argument), context, depth - 1):
                return -1
    return None


def _same_sum(left: SumAtom, right: SumAtom, context: IndexSet, depth: int) -> Rational | None:
    names = binding.fresh(len(left.bound))
    mine = {v: Affine.variable(n) for v, n in zip(left.bound, names, strict=True)}
    yours = {v: Affine.variable(n) for v, n in zip(right.bound, names, strict=True)}
    domain = left.domain.substitute(mine) & context
    if not domain.equals(right.domain.substitute(yours) & context):
        return None
    mine_body, your_body = substitute(left.body, mine), substitute(right.body, yours)
    return 1 if _is_zero(subtract(mine_body, your_body), domain, depth - 1) else None


def _same_max(left: MaxAtom, right: MaxAtom, context: IndexSet, depth: int) -> bool:
    if len(left.pieces) != len(right.pieces):
        return False
    remaining = list(right.pieces)
    for piece in left.pieces:
        for other in remaining:
            if len(piece.bound) != len(other.bound):
                continue
            names = binding.fresh(len(piece.bound))
            mine = {v: Affine.variable(n) for v, n in zip(piece.bound, names, strict=True)}
            yours = {v: Affine.variable(n) for v, n in zip(other.bound, names, strict=True)}
            domain = piece.domain.substitute(mine) & context
            if domain.equals(other.domain.substitute(yours) & context) and _is_zero(
                subtract(substitute(piece.body, mine), substitute(other.body, yours)), domain, depth - 1
            ):
                remaining.remove(other)
                break
        else:
            return False
    return True


# -- cases -------------------------------------------------------------------------------------


def _zero_by_splitting(operand: Poly, context: IndexSet, depth: int) -> bool:
    """Split the context where a sum becomes empty or an indicator changes, and look at each part."""
    cells = [context]
    count = 0
    for rows in splits(operand):
        following: list[IndexSet] = []
        for cell in cells:
            inside = cell & rows
            if inside is EMPTY or cell.issubset(rows):
                following.append(cell)
                continue
            following += [inside, cell - rows]
            count += 1
        cells = following
        if count > _MOST_SPLITS:
            return False
    if len(cells) < 2:
        return False
    return all(_zero_by_signs(operand, cell) or _is_zero(operand, cell, depth - 1) for cell in cells)


def _zero_by_signs(operand: Poly, context: IndexSet, splits_left: int = _MOST_NESTED) -> bool:
    """Zero by what the context says of signs: where it says that a - b is 0, say, or not negative."""
    facts: dict[Poly, int] = {}
    for term, mask in signs_within(context).items():
        own = specialise(term, context)  # a term with indicators is a simpler one here
        facts[own] = facts.get(own, mask) & mask
        if not sign(own) & facts[own]:
            return True  # there is no such index
    for term in facts:
        for rows in splits(term) if splits_left else ():
            inside, outside = context & rows, context - rows
            if inside is not EMPTY and outside is not EMPTY:
                return all(_zero_by_signs(operand, part, splits_left - 1) for part in (inside, outside))
    if not facts:
        return False
    operand = specialise(operand, context)
    return sign(operand, facts) == ZERO_SIGN or _zero_by_cases(operand, context, _MOST_CASES, facts)


def _zero_by_cases(operand: Poly, context: IndexSet, cases: int, facts: dict[Poly, int]) -> bool:
    """max(a, b, …) is without b where a >= b, and without a where a <= b; a term that vanishes in
    all cases that the signs allow is zero."""
    if operand.is_zero:
        return True
    if not cases:
        return False
    # without a choice of its own the term may still stand in a case that what is known rules out
    choice = _choice(operand) or next((c for t in facts if (c := _choice(t)) is not None), None)
    if choice is None:
        return False
    atom, first, second = choice
    gap = subtract(first.body, second.body)
    mask = sign_given(gap, facts)
    for possible, dropped in ((NONNEGATIVE, second), (NONPOSITIVE, first)):
        if not mask & possible & ~ZERO_SIGN and mask & ~possible:
            continue  # the signs known so far rule this case out
        left = greatest([Family(p.bound, p.domain, p.body) for p in atom.pieces if p is not dropped])
        known = _in_case({**facts, gap: mask & possible}, atom, left)
        if known is None:
            continue  # what is known cannot be in this case
        case = replace_everywhere(operand, atom, left)
        if not _zero_by_cases(_cleared(case, context), context, cases - 1, known):
            return False
    return True


def _in_case(facts: Mapping[Poly, int], atom: MaxAtom, value: Poly) -> dict[Poly, int] | None:
    """The same signs of terms where the maximum is one of its members; None where they contradict one another."""
    found: dict[Poly, int] = {}
    for term, mask in facts.items():
        own = replace_everywhere(term, atom, value)
        found[own] = found.get(own, mask) & mask
    for own, mask in found.items():
        if not sign_given(own, {t: m for t, m in found.items() if t is not own}) & mask:
            return None
    return found


def _choice(operand: Poly) -> tuple[MaxAtom, MaxPiece, MaxPiece] | None:
    """Two members of a maximum that names no bound variable, at any depth; the simplest first."""
    found: list[tuple[int, str, MaxAtom, MaxPiece, MaxPiece]] = []
    for atom in all_atoms(operand):
        if isinstance(atom, MaxAtom) and not any(is_finished(v) for v in atom.variables):
            plain = [p for p in atom.pieces if not p.bound and p.domain is UNIVERSE]
            if len(plain) >= 2:
                gap = subtract(plain[0].body, plain[1].body)
                nested = sum(isinstance(a, MaxAtom) for a in all_atoms(gap))
                # what is known of a - b decides exp(a) - exp(b), and not the other way round
                exponentials = sum(m.exponential is not None for m, _ in gap.terms)
                weight = 100 * nested + 10 * exponentials + sum(1 + len(m.factors) for m, _ in gap.terms)
                found.append((weight, atom.digest, atom, plain[0], plain[1]))
    return min(found, key=lambda f: f[:2])[2:] if found else None


def _zero_by_joining(operand: Poly, context: IndexSet, depth: int) -> bool:
    """``a * sum_D f + b * sum_E g = sum_{D or E} (a * [D] f + b * [E] g)``: zero if the body is zero at every index."""
    groups: dict[tuple[Mono, int], list[tuple[IndexSet, Poly]]] = {}
    names: dict[int, tuple[str, ...]] = {}
    rest = operand
    for m, c in operand.terms:
        sums = [a for a, e in m.factors if isinstance(a, SumAtom) and e == 1 and a.operation == "sum" and a.bound]
        if len(sums) != 1:
            continue
        (atom,) = sums
        count = len(atom.bound)
        common = names.setdefault(count, binding.fresh(count))
        renaming = {v: Affine.variable(n) for v, n in zip(atom.bound, common, strict=True)}
        factor = mono(tuple(f for f in m.factors if f[0] is not atom), m.exponential)
        own = atom.domain.substitute(renaming) & context, scale(substitute(atom.body, renaming), c)
        groups.setdefault((factor, count), []).append(own)
        rest = subtract(rest, of_mono(m, c))
    if len(groups) == len(operand.terms) or not groups:
        return False  # nothing to join
    spread = not rest.is_zero and not _is_zero(rest, context, depth - 1)
    for (factor, count), families in groups.items():
        domain = families[0][0]
        for part, _ in families[1:]:
            domain = domain | part
        if spread:
            # a number is the sum of its n-th parts over n indices, where all is under one sum
            number = domain.count(list(names[count])) if not domain.tokens else None
            if len(groups) > 1 or factor is not UNIT or rest.constant is None or not number:
                return False
            families.append((domain, scale(rest, Fraction(1, number))))
        # on the whole domain an indicator is 1
        body = total_of([multiply(indicator_of(part.given(domain)), term) for part, term in families])
        if not _is_zero(body, domain, depth - 1):
            return False
    return True


# -- small domains -----------------------------------------------------------------------------


def _equal_pointwise(left: Poly, right: Poly, context: IndexSet) -> bool:
    """For few indices and short sums: write everything out and compare at each index."""
    names = left.variables | right.variables
    if names - context.variables:
        return False
    points = context.project_out(context.variables - names).points(_MOST_POINTS)
    if not points:
        return False
    difference = subtract(left, right)
    for point in points:
        at = {v: Affine((), x) for v, x in point.items()}
        here = substitute(difference, at)
        if here.is_zero:
            continue
        size = _expanded_size(here)
        if size is None or size * len(points) > _MOST_EXPANDED:
            return False
        expanded = _expand(here)
        if not _is_zero(expanded, UNIVERSE, 3):
            return False
    return True


def _expanded_size(operand: Poly) -> int | None:
    total = 1
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom) and atom.bound:
            count = atom.domain.count(atom.bound)
            if count is None:
                return None
            total += count
        elif isinstance(atom, MaxAtom):
            for p in atom.pieces:
                count = p.domain.count(p.bound) if p.bound else 1
                if count is None:
                    return None
                total += count
    return total


def _expand(operand: Poly) -> Poly:
    """Every sum and maximum written out over its points."""
    spend(len(operand.terms))
    parts: list[Poly] = []
    for m, c in operand.terms:
        part = of_mono(_without_deep(m), c)
        for atom, exponent in m.factors:
            new = _expand_atom(atom)
            if new is not None:
                part = multiply(part, raise_to(new, exponent))
        if m.exponential is not None:
            part = multiply(part, exponential(_expand(m.exponential)))
        parts.append(part)
    return total_of(parts) if parts else operand


def _without_deep(m: Mono) -> Mono:
    return mono(tuple(f for f in m.factors if not isinstance(f[0], SumAtom | MaxAtom | PowerAtom | FunctionAtom)))


def _expand_atom(atom: Atom) -> Poly | None:
    from stile_engine.term.functions import named

    match atom:
        case SumAtom():
            points = atom.domain.points(_MOST_EXPANDED)
            if points is None:
                return of_atom(atom)
            values = [_expand(substitute(atom.body, {v: Affine((), x) for v, x in p.items()})) for p in points]
            if atom.operation == "sum":
                return total_of(values) if values else poly({})
            result = poly({mono(()): 1})
            for value in values:
                result = multiply(result, value)
            return result
        case MaxAtom():
            families: list[Family] = []
            for piece in atom.pieces:
                points = piece.domain.points(_MOST_EXPANDED) if piece.bound else [{}]
                if points is None:
                    return of_atom(atom)
                families += [
                    Family((), UNIVERSE, _expand(substitute(piece.body, {v: Affine((), x) for v, x in p.items()})))
                    for p in points
                ]
            return greatest(families)
        case PowerAtom():
            return _expand(atom.base)
        case FunctionAtom():
            return named(atom.name, _expand(atom.argument))
    return None
