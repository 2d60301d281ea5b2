"""Closed forms of recurrences: guesses, which ``induction.py`` checks.

One generic round turns the carry C into an expression over C and the round t. Its form says how the
state grows:

* ``max(C, g(t))``: the greatest of the initial value and all g(s), s < t;
* ``a(t) C + b(t)`` with ``a(t) = w(t) / w(t + 1)``: ``w(t) C`` grows by ``w(t + 1) b(t)``, so the state is
  ``(w(0) C_0 + sum of w(s + 1) b(s)) / w(t)``; the running maximum of online softmax, and the counts of a
  running mean, are such weights, and so is exp(m) of another carry m, whose closed form may have cases;
* ``log(a(t) exp(C) + b(t))``: the same for exp(C);
* ``a(t) C``: the product of all a(s);
* C itself at most indices and something without C at the others: what the last such round wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, in_range
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.proof.equality import are_equal
from stile_engine.term import binding
from stile_engine.term.atoms import (
    ONE,
    ZERO,
    Atom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    ReadAtom,
    constant,
    mono,
    of_atom,
    of_mono,
    poly,
    power_atom,
)
from stile_engine.term.context import specialise
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.functions import exponential, logarithm
from stile_engine.term.guarded import (
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    Element,
    Guarded,
    Infinite,
    Missing,
    Piece,
    gather,
)
from stile_engine.term.powers import primitive_part, raise_to, reciprocal
from stile_engine.term.rewrite import times_power
from stile_engine.term.ring import add, multiply, negate, scale, substitute, subtract, total_of
from stile_engine.term.signs import is_nonzero, is_positive
from stile_engine.term.sums import product_over, sum_over


@dataclass(frozen=True, slots=True)
class Problem:
    """One carry: its element before the round, the name of the round, its initial value, and the sets of
    all indices with rounds that are run (``each``) and with rounds before which it is asked for (``all``)."""

    carry: ReadAtom
    round: str
    initial: Guarded
    each: IndexSet
    all: IndexSet
    known: tuple[Guarded, ...] = ()
    """Closed forms of other carries that the round names, before round ``round``."""
    weights: dict[tuple[Poly, IndexSet], Poly] = field(default_factory=dict)
    """Those that were found for factors on sets, of all carries of the loop."""

    @property
    def started(self) -> IndexSet:
        return self.all & IndexSet.where(compare(Affine.variable(self.round), ">=", 1))


def closed_form(problem: Problem, generic: Guarded) -> Guarded | None:
    """The carry before every round, if its generic round has one of the forms above."""
    missing = [p for p in generic.pieces if isinstance(p.value, Missing)]
    rest = [p for p in generic.pieces if not isinstance(p.value, Missing)]
    lost = _lost(problem, missing)
    gone = EMPTY
    for at, _ in lost:
        gone = gone | at
    asked = [problem]
    if gone is not EMPTY:
        # what is asked of the elements that are left may not be true of all: the logarithm of nothing
        asked.append(replace(problem, each=problem.each - gone, all=problem.all - gone))
    for one in asked:
        for attempt in (_unchanged, _last_written, _extreme, _linear, _multiplied, _logarithmic):
            found = attempt(one, rest)
            if found is None:
                continue
            if not lost:
                return found
            pieces = lost + [((p.guard & problem.all) - gone, p.value) for p in found.pieces]
            return Guarded(gather(pieces, problem.all))
    return None


def _lost(problem: Problem, missing: list[Piece]) -> list[tuple[IndexSet, Element]]:
    """Once an element has no value it stays without."""
    pieces: list[tuple[IndexSet, Element]] = []
    gone = EMPTY
    for p in missing:
        earlier, (name,) = _earlier(problem, p.guard)
        at = earlier.project_out([name]) & problem.all
        pieces.append((at - gone, p.value))
        gone = gone | at
    return pieces


def _earlier(problem: Problem, guard: IndexSet) -> tuple[IndexSet, tuple[str]]:
    """The guard in an earlier round: ``guard(s)`` with ``0 <= s < t``, and the name of s."""
    (name,) = binding.fresh()
    own = Affine.variable(name)
    inside = (guard & problem.each).substitute({problem.round: own})
    return inside & IndexSet.where(in_range(own, 0, Affine.variable(problem.round))), (name,)


def _with_start(problem: Problem, later: list[tuple[IndexSet, Element]]) -> Guarded:
    """The initial value before round 0, and ``later`` from then on."""
    at_start = problem.all - problem.started
    pieces = [(p.guard & at_start, p.value) for p in problem.initial.pieces]
    pieces += [(guard & problem.started, value) for guard, value in later]
    return Guarded(gather(pieces, problem.all))


def _joined(problem: Problem, value: Poly) -> Guarded:
    """``value`` from round 1 on, and before it as well where it says the initial value there."""
    start = problem.all - problem.started
    at_start = [p for p in problem.initial.pieces if (p.guard & start) is not EMPTY]
    if len(at_start) == 1 and isinstance(at_start[0].value, Poly):
        for form in (specialise(value, problem.started), value):
            if substitute(specialise(form, start), {problem.round: Affine()}) is at_start[0].value:
                return Guarded((Piece(UNIVERSE, form),))
    return _with_start(problem, [(UNIVERSE, value)])


# -- forms -------------------------------------------------------------------------------------


def _unchanged(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    if all(p.value is of_atom(problem.carry) for p in pieces):
        return Guarded(problem.initial.pieces)
    return None


def _last_written(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    """Where some rounds write and the others leave the element alone: what the last of them wrote."""
    own = of_atom(problem.carry)
    written = [p for p in pieces if p.value is not own]
    if any(isinstance(p.value, Poly) and problem.carry in p.value.reads for p in written):
        return None
    where = EMPTY
    for p in written:
        where = where | p.guard
    earlier, (name,) = _earlier(problem, where)
    if earlier is EMPTY:
        return None
    cases = earlier.intervals(name)
    if cases is None:
        return None
    found: list[tuple[IndexSet, Element]] = []
    untouched = problem.all
    for condition, _, last in cases:
        untouched = untouched - condition
        for p in written:
            at = {problem.round: last}
            guard = condition & p.guard.substitute(at) & problem.all
            if guard is not EMPTY:
                found.append((guard, substitute(p.value, at) if isinstance(p.value, Poly) else p.value))
    found += [(p.guard & untouched, p.value) for p in problem.initial.pieces]
    return Guarded(gather(found, problem.all))


def _extreme(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    """max(C, g) in every round, or min(C, g) = -max(-C, -g)."""
    own = of_atom(problem.carry)
    for sign, carried in ((1, own), (-1, negate(own))):
        families: list[Family] = []
        fits = True
        for p in pieces:
            value = p.value
            if not isinstance(value, Poly):
                fits = False
                break
            if value is own:
                continue
            parts = _others(value if sign > 0 else negate(value), carried)
            if parts is None:
                fits = False
                break
            guard, (name,) = _earlier(problem, p.guard)
            at = {problem.round: Affine.variable(name)}
            for part in parts:
                domain = (guard & part.domain.substitute(at)).given(problem.all)
                families.append(Family((name, *part.bound), domain, substitute(part.body, at)))
        if fits and families:
            return _extreme_form(problem, families, sign)
    return None


def _others(value: Poly, carried: Poly) -> list[Family] | None:
    """The families beside the carry in ``max(C, …)``, which may stand as ``a + g max((C - a) / g, (… - a) / g)``."""
    for m, c in value.terms:
        for atom, exponent in m.factors:
            if exponent != 1 or m.exponential is not None or not isinstance(atom, MaxAtom):
                continue
            factor = scale(of_mono(mono(tuple(f for f in m.factors if f[0] is not atom))), c)
            # g max(f) = max(g f): g > 0, and it stands outside, so it names no bound variable
            if not is_positive(factor):
                continue
            base = subtract(value, multiply(factor, of_atom(atom)))
            families = [Family(p.bound, p.domain, add(multiply(factor, p.body), base)) for p in atom.pieces]
            rest = [f for f in families if f.body is not carried or f.bound or f.domain is not UNIVERSE]
            if len(rest) == len(families) - 1 and not any(_names(f.body, carried) for f in rest):
                return rest
    return None


def _names(value: Poly, carried: Poly) -> bool:
    return bool(value.reads & carried.reads)


def _extreme_form(problem: Problem, families: list[Family], sign: int) -> Guarded | None:
    lost = NEGATIVE_INFINITY if sign > 0 else POSITIVE_INFINITY
    some = EMPTY
    for family in families:
        some = some | family.domain.project_out(family.bound)
    some = some & problem.all
    found: list[tuple[IndexSet, Element]] = []
    for p in problem.initial.pieces:
        guard = p.guard & problem.all
        match p.value:
            case Poly():
                first = p.value if sign > 0 else negate(p.value)
                value = greatest([*families, Family((), UNIVERSE, first)])
                found.append((guard & some, value if sign > 0 else negate(value)))
                found.append((guard - some, p.value))
            case Infinite() if p.value == lost:
                value = greatest(families)
                found.append((guard & some, value if sign > 0 else negate(value)))
                found.append((guard - some, lost))
            case _:
                return None
    return Guarded(gather(found, problem.all))


def _linear(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    """a(t) C + b(t) with a(t) = w(t) / w(t + 1)."""
    split: list[tuple[IndexSet, Poly, Poly]] = []
    for p in pieces:
        if not isinstance(p.value, Poly):
            return None
        parts = _coefficients(p.value, problem.carry)
        if parts is None:
            return None
        split.append((p.guard, *parts))
    initial = [(p.guard, p.value) for p in problem.initial.pieces]
    total = _accumulated(problem, split, initial)
    return _rescaled(problem, split, initial) if total is None else _joined(problem, total)


def _rescaled(
    problem: Problem, split: list[tuple[IndexSet, Poly, Poly]], initial: list[tuple[IndexSet, Element]]
) -> Guarded | None:
    """a(t) C + b(t) where the weight is the exponential of another carry, case by case."""
    if _at_start(problem, ONE, initial, split) is not ZERO:
        return None
    for known in problem.known:
        for base in (ONE, logarithm(constant(2))):
            weights = _exponentials(known, base)
            if weights is None:
                continue
            following = _one_later(problem, weights)
            if all(_fits(problem, guard, a, weights, following) for guard, a, _ in split):
                later = _divided(problem, split, weights, following)
                later += [(p.guard & problem.started, p.value) for p in known.pieces if isinstance(p.value, Missing)]
                return _with_start(problem, later)
    return None


Weights = list[tuple[IndexSet, Poly]]


def _exponentials(carry: Guarded, base: Poly) -> Weights | None:
    """exp(base * carry), 0 where the carry is -inf, nothing where it has no value."""
    found: Weights = []
    for p in carry.pieces:
        if isinstance(p.value, Poly):
            found.append((p.guard, exponential(multiply(base, p.value))))
        elif p.value == NEGATIVE_INFINITY:
            found.append((p.guard, ZERO))
        elif not isinstance(p.value, Missing):
            return None
    return found


def _one_later(problem: Problem, weights: Weights) -> Weights:
    step = {problem.round: Affine.variable(problem.round) + 1}
    moved = [(guard.substitute(step), weight) for guard, weight in weights]
    return [(guard, substitute(weight, step)) for guard, weight in moved if not guard.is_disjoint(problem.each)]


def _fits(problem: Problem, guard: IndexSet, a: Poly, weights: Weights, following: Weights) -> bool:
    """Whether a(t) w(t + 1) = w(t) on the guard."""
    for here, weight in weights:
        for there, later in following:
            cell = guard & here & there & problem.each
            if cell is EMPTY:
                continue
            if a.is_zero or weight.is_zero:
                if a.is_zero and weight.is_zero:
                    continue
                return False
            if not are_equal(multiply(a, later), weight, cell, thorough=False):
                return False
    return True


def _divided(
    problem: Problem, split: list[tuple[IndexSet, Poly, Poly]], weights: Weights, following: Weights
) -> list[tuple[IndexSet, Element]]:
    """(sum of w(s + 1) b(s)) / w(t); nothing has been added up where w(t) is 0."""
    parts: Weights = []
    for guard, _, b in split:
        for there, later in following:
            cell = guard & there & problem.each
            if cell is not EMPTY and b.terms:
                parts.append((cell, _times(specialise(b, cell), specialise(later, cell))))
    total = ZERO
    for guard, term in _alike(problem, parts, ONE):
        earlier, (name,) = _earlier(problem, guard)
        domain = earlier.given(problem.started)
        total = add(total, sum_over((name,), domain, substitute(term, {problem.round: Affine.variable(name)})))
    later_on: list[tuple[IndexSet, Element]] = []
    for guard, weight in weights:
        cell = guard & problem.started
        if cell is not EMPTY:
            own = specialise(total, cell)
            later_on.append((guard, own if weight.is_zero else multiply(own, reciprocal(weight))))
    return later_on


def _accumulated(
    problem: Problem, split: list[tuple[IndexSet, Poly, Poly]], initial: list[tuple[IndexSet, Element]]
) -> Poly | None:
    weight = _weight(problem, [(guard, a) for guard, a, _ in split])
    if weight is None or not is_nonzero(weight, None, problem.started):
        return None
    following = substitute(weight, {problem.round: Affine.variable(problem.round) + 1})
    total = ZERO
    for guard, term in _alike(problem, [(guard, b) for guard, _, b in split if b.terms], following):
        earlier, (name,) = _earlier(problem, guard)
        domain = earlier.given(problem.started)
        total = add(total, sum_over((name,), domain, substitute(term, {problem.round: Affine.variable(name)})))
    start = _at_start(problem, weight, initial, split)
    if start is None:
        return None
    return multiply(add(total, start), reciprocal(weight))


def _alike(problem: Problem, parts: list[tuple[IndexSet, Poly]], following: Poly) -> list[tuple[IndexSet, Poly]]:
    """``w(t + 1) b(t)`` by rounds and indices; what one term says of several of them stands once."""
    found: list[tuple[IndexSet, Poly]] = []
    for guard, b in parts:
        inside = guard & problem.each
        term = _times(specialise(b, problem.each), specialise(following, problem.each))
        mine = _narrowed(b, inside, problem.round)
        mine = _times(mine, _narrowed(following, inside, problem.round))
        for k, (other, theirs) in enumerate(found):
            around = other & problem.each
            if _narrowed(theirs, inside, problem.round) is mine:
                found[k] = (other | guard, theirs)
                break
            if _narrowed(term, around, problem.round) is _narrowed(theirs, around, problem.round):
                found[k] = (other | guard, term)
                break
        else:
            found.append((guard, term if _narrowed(term, inside, problem.round) is mine else mine))
    return found


def _times(operand: Poly, factor: Poly) -> Poly:
    """The product; a factor that the operand divides by cancels as a whole."""
    if len(factor.terms) < 2:
        return multiply(operand, factor)
    coefficient, unit, rest = primitive_part(factor, signed=True, invertible=True)
    atom = power_atom(rest)
    if not any(a is atom and e < 0 for m, _ in operand.terms for a, e in m.factors):
        return multiply(operand, factor)
    return multiply(times_power(operand, atom, rest, 1), of_mono(unit, coefficient))


def _narrowed(value: Poly, inside: IndexSet, round_: str) -> Poly:
    """The term in a form that other terms on this set have as well."""
    fixed = inside.solve(round_)
    if fixed is not None and fixed.is_constant:
        value = substitute(value, {round_: fixed})
    return specialise(value, inside)


def _at_start(
    problem: Problem, weight: Poly, initial: list[tuple[IndexSet, Element]], split: list[tuple[IndexSet, Poly, Poly]]
) -> Poly | None:
    """w(0) C_0; nothing where round 0 drops what was there."""
    first = problem.all - problem.started
    if all(a.is_zero for guard, a, _ in split if (guard & first) is not EMPTY):
        return ZERO
    values = {value for guard, value in initial if (guard & first) is not EMPTY}
    if len(values) != 1:
        return None
    (value,) = values
    if not isinstance(value, Poly):
        return None
    if value.is_zero:
        return ZERO
    try:
        return multiply(value, substitute(weight, {problem.round: Affine()}))
    except (ValueError, ZeroDivisionError):
        return None


def _coefficients(value: Poly, carry: ReadAtom) -> tuple[Poly, Poly] | None:
    """(a, b) with value = a C + b, neither naming C."""
    factor: list[Poly] = []
    rest: list[Poly] = []
    for m, c in value.terms:
        if carry not in m.reads:
            rest.append(of_mono(m, c))
            continue
        exponents = dict(m.factors)
        if exponents.get(carry) != 1:
            return None
        without = mono(tuple(f for f in m.factors if f[0] is not carry), m.exponential)
        if carry in without.reads:
            return None
        factor.append(of_mono(without, c))
    return total_of(factor) if factor else ZERO, total_of(rest) if rest else ZERO


def _weight(problem: Problem, factors: list[tuple[IndexSet, Poly]]) -> Poly | None:
    """w with a(t) = w(t) / w(t + 1) in every round that keeps something of the carry."""
    kept = [(guard & problem.each, a) for guard, a in factors if not a.is_zero]
    if all(a is ONE for _, a in kept):
        return ONE
    step = {problem.round: Affine.variable(problem.round) + 1}
    for guard, a in kept:
        if a is ONE:
            continue
        # of axes that neither names nothing is asked, and carries over different axes have weights in common
        inside = guard.about(a.variables | {problem.round})
        found = problem.weights.get((a, inside))
        if found is None:
            for weight in _weights(a, step, inside):
                if are_equal(multiply(a, substitute(weight, step)), weight, inside, thorough=False):
                    found = problem.weights[a, inside] = weight
                    break
        return found
    return None


def _weights(a: Poly, step: dict[str, Affine], inside: IndexSet) -> Iterator[Poly]:
    """Candidates: what the denominator says of the round before; and what stands in the numerator, with
    each choice of the terms of its exponent."""
    backwards = {v: Affine.variable(v) * 2 - e for v, e in step.items()}
    below = _denominator(a)
    if below is not ONE:
        yield substitute(below, backwards)
    single = a.single
    if single is None or single[1] != 1:
        return
    m: Mono = single[0]
    numerator = ONE
    for atom, exponent in m.factors:
        if exponent > 0:
            numerator = multiply(numerator, raise_to(of_atom(atom), exponent))
    if m.exponential is None:
        yield numerator
        return
    terms = list(m.exponential.terms)
    paired: dict[Mono, object] = {}
    for term, c in terms:
        after = substitute(of_mono(term, c), step)
        others = [of_mono(other, d) for other, d in terms if other is not term]
        if any(negate(other) is after or are_equal(negate(other), after, inside, thorough=False) for other in others):
            paired[term] = c
    options = [
        {t: c for t, c in terms if t in paired},
        {t: c for t, c in terms if c > 0},
        {t: c for t, c in terms if c < 0},
    ]
    for chosen in options:
        if chosen:
            yield multiply(numerator, exponential(poly(chosen)))


def _denominator(operand: Poly) -> Poly:
    """The product of the greatest negative powers in the term."""
    lowest: dict[Atom, Rational] = {}
    for m, _ in operand.terms:
        for atom, exponent in m.factors:
            lowest[atom] = min(lowest.get(atom, 0), exponent)
    result = ONE
    for atom, exponent in lowest.items():
        if exponent < 0:
            base = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
            result = multiply(result, raise_to(base, -exponent))
    return result


def _multiplied(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    """a(t) C in every round: the product of all a(s), s < t."""
    total = ONE
    for p in pieces:
        parts = _coefficients(p.value, problem.carry) if isinstance(p.value, Poly) else None
        if parts is None or parts[1].terms:
            return None
        earlier, (name,) = _earlier(problem, p.guard)
        factor = substitute(parts[0], {problem.round: Affine.variable(name)})
        total = multiply(total, product_over((name,), earlier.given(problem.started), factor, 1))
    values = {p.value for p in problem.initial.pieces}
    (first,) = values if len(values) == 1 else (None,)
    return _joined(problem, multiply(total, first)) if isinstance(first, Poly) else None


def _logarithmic(problem: Problem, pieces: list[Piece]) -> Guarded | None:
    """log(a(t) exp(C) + b(t)): the recurrence of exp(C)."""
    split: list[tuple[IndexSet, Poly, Poly]] = []
    for p in pieces:
        if not isinstance(p.value, Poly):
            return None
        parts = _coefficients_of_exponential(exponential(p.value), problem.carry)
        if parts is None:
            return None
        split.append((p.guard, *parts))
    initial: list[tuple[IndexSet, Element]] = []
    for p in problem.initial.pieces:
        if isinstance(p.value, Poly):
            initial.append((p.guard, exponential(p.value)))
        elif p.value == NEGATIVE_INFINITY:
            initial.append((p.guard, ZERO))
        else:
            return None
    total = _accumulated(problem, split, initial)
    if total is None or not is_positive(total, None, problem.started):
        return None
    return _joined(problem, logarithm(total))


def _coefficients_of_exponential(value: Poly, carry: ReadAtom) -> tuple[Poly, Poly] | None:
    """(a, b) with value = a exp(C) + b, neither naming C."""
    factor: list[Poly] = []
    rest: list[Poly] = []
    whole = mono(((carry, 1),))
    for m, c in value.terms:
        if carry not in m.reads:
            rest.append(of_mono(m, c))
            continue
        if m.exponential is None or dict(m.exponential.terms).get(whole) != 1:
            return None
        left = subtract(m.exponential, of_atom(carry))
        bare = of_mono(mono(m.factors), c)
        if carry in left.reads or carry in bare.reads:
            return None
        factor.append(multiply(bare, exponential(left)))
    return (total_of(factor), total_of(rest) if rest else ZERO) if factor else None
