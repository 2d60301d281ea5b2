"""What is known of the sign of a term, from its form alone.

A set of possible signs is a bit mask. Answers are sound for every finite input; where nothing is
known all three signs are possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    Atom,
    ConstantAtom,
    FunctionAtom,
    IndexAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    ReadAtom,
    SumAtom,
    of_atom,
    of_mono,
)

NEGATIVE, ZERO_SIGN, POSITIVE = 1, 2, 4
ANY = NEGATIVE | ZERO_SIGN | POSITIVE
NONNEGATIVE = ZERO_SIGN | POSITIVE
NONPOSITIVE = ZERO_SIGN | NEGATIVE

Facts = Mapping[Poly, int]
_NO_FACTS: dict[Poly, int] = {}
_cache: dict[tuple[Poly, IndexSet], int] = {}
_MOST_CASES = 4


def sign(operand: Poly, facts: Facts | None = None, within: IndexSet = UNIVERSE) -> int:
    """Possible signs of the term at the indices ``within``, given signs of other terms as ``facts``."""
    if not facts:
        found = _cache.get((operand, within))
        if found is None:
            found = _cache[operand, within] = _sign(operand, _NO_FACTS, within, _MOST_CASES)
        return found
    return _sign(operand, facts, within, _MOST_CASES)


def is_positive(operand: Poly, facts: Facts | None = None, within: IndexSet = UNIVERSE) -> bool:
    return sign(operand, facts, within) == POSITIVE


def is_nonnegative(operand: Poly, facts: Facts | None = None, within: IndexSet = UNIVERSE) -> bool:
    return not sign(operand, facts, within) & NEGATIVE


def is_nonzero(operand: Poly, facts: Facts | None = None, within: IndexSet = UNIVERSE) -> bool:
    return not sign(operand, facts, within) & ZERO_SIGN


def _flip(mask: int) -> int:
    return (mask & ZERO_SIGN) | (POSITIVE if mask & NEGATIVE else 0) | (NEGATIVE if mask & POSITIVE else 0)


def _times(left: int, right: int) -> int:
    mask = ZERO_SIGN if (left | right) & ZERO_SIGN else 0
    if (left & POSITIVE and right & POSITIVE) or (left & NEGATIVE and right & NEGATIVE):
        mask |= POSITIVE
    if (left & POSITIVE and right & NEGATIVE) or (left & NEGATIVE and right & POSITIVE):
        mask |= NEGATIVE
    return mask


def _plus(left: int, right: int) -> int:
    mask = 0
    if (left | right) & POSITIVE:
        mask |= POSITIVE
    if (left | right) & NEGATIVE:
        mask |= NEGATIVE
    if (left & ZERO_SIGN and right & ZERO_SIGN) or (
        (left & POSITIVE and right & NEGATIVE) or (left & NEGATIVE and right & POSITIVE)
    ):
        mask |= ZERO_SIGN
    return mask


def _number(value: Rational) -> int:
    return POSITIVE if value > 0 else NEGATIVE if value < 0 else ZERO_SIGN


def _sign(operand: Poly, facts: Facts, within: IndexSet, cases: int) -> int:
    if not operand.terms:
        return ZERO_SIGN
    if within is not UNIVERSE:
        index = as_affine(operand)
        if index is not None:
            return _sign_of_index(index, within)
    mask = ZERO_SIGN
    for m, c in operand.terms:
        mask = _plus(mask, _times(_number(c), _sign_mono(m, facts, within)))
    known = facts.get(operand) if facts else None
    if known is not None:
        mask &= known
    elif facts and len(operand.terms) >= 1:
        mask &= _from_facts(operand, facts)
    if mask in (POSITIVE, NEGATIVE, ZERO_SIGN) or not cases:
        return mask
    if mask & NEGATIVE and len(operand.terms) > 2 and _is_square(operand):
        mask &= NONNEGATIVE
    mask &= _as_quadratic(operand, within)
    mask &= _of_roots(operand, facts, within, cases)
    mask &= _of_exponentials(operand, facts, within, cases)
    if mask in (POSITIVE, NEGATIVE, ZERO_SIGN):
        return mask
    mask &= _by_numerator(operand, facts, within, cases)
    return mask & _by_cases(operand, facts, within, cases)


def as_affine(operand: Poly) -> Affine | None:
    """A positive multiple of the term as an index expression, if it is one."""
    total = Affine()
    common = lcm(*(Fraction(c).denominator for _, c in operand.terms))
    for m, c in operand.terms:
        factor = int(Fraction(c) * common)
        if m is UNIT:
            total = total + factor
        elif isinstance(m.atom, IndexAtom):
            total = total + m.atom.index * factor
        else:
            return None
    return None if total.is_constant else total


def _sign_of_index(index: Affine, within: IndexSet) -> int:
    """Which signs the index expression takes on the set: decided exactly."""
    mask = 0
    for operator, bit in (("<", NEGATIVE), ("==", ZERO_SIGN), (">", POSITIVE)):
        if not within.is_disjoint(IndexSet.where(compare(index, operator, 0))):
            mask |= bit
    return mask


def _as_quadratic(operand: Poly, within: IndexSet) -> int:
    """A quadratic form without negative directions is not negative."""
    from stile_engine.term.quadratic import at_least_zero
    from stile_engine.term.ring import negate

    def by_form(m: Mono) -> int:
        return _sign(of_mono(m), _NO_FACTS, within, 0)

    for term, positive, other in ((operand, POSITIVE, NONNEGATIVE), (negate(operand), NEGATIVE, NONPOSITIVE)):
        found = at_least_zero(term, by_form)
        if found is not None:
            return positive if found else other
    return ANY


def _of_roots(operand: Poly, facts: Facts, within: IndexSet, cases: int) -> int:
    """a - b has the sign of a**2 - b**2 where a and b are not negative."""
    from stile_engine.term.ring import multiply, subtract

    if len(operand.terms) != 2 or not any(not isinstance(e, int) for m, _ in operand.terms for _, e in m.factors):
        return ANY
    above = [of_mono(m, c) for m, c in operand.terms if c > 0]
    below = [of_mono(m, -c) for m, c in operand.terms if c < 0]
    if len(above) != 1 or any(_sign(t, facts, within, 0) & NEGATIVE for t in (*above, *below)):
        return ANY
    squares = subtract(multiply(above[0], above[0]), multiply(below[0], below[0]))
    return _sign(squares, facts, within, cases - 1)


def _of_exponentials(operand: Poly, facts: Facts, within: IndexSet, cases: int) -> int:
    """f * exp(a) - f * exp(b) has the sign of a - b where f is positive."""
    from stile_engine.term.atoms import ZERO, mono
    from stile_engine.term.ring import subtract

    if len(operand.terms) != 2:
        return ANY
    (first, c), (second, d) = operand.terms
    if c != -d or first.factors != second.factors or first.exponential is second.exponential:
        return ANY
    if _sign_mono(mono(first.factors), facts, within) != POSITIVE:
        return ANY
    gap = subtract(first.exponential or ZERO, second.exponential or ZERO)
    mask = _sign(gap, facts, within, cases - 1)
    return mask if c > 0 else _flip(mask)


def _is_square(operand: Poly) -> bool:
    from stile_engine.term.powers import square_root

    return square_root(operand) is not None


def _from_facts(operand: Poly, facts: Facts) -> int:
    """A fact about a constant multiple of the term."""
    lead, coefficient = operand.terms[0]
    for other, known in facts.items():
        if len(other.terms) == len(operand.terms) and other.terms[0][0] is lead:
            factor = Fraction(coefficient) / Fraction(other.terms[0][1])
            if all(
                a is b and Fraction(x) == factor * y for (a, x), (b, y) in zip(operand.terms, other.terms, strict=True)
            ):
                return known if factor > 0 else _flip(known)
    return _from_sums(operand, facts)


def _from_sums(operand: Poly, facts: Facts) -> int:
    """a - c is not negative where a - b and b - c are not: facts oriented upwards and added, with
    something left over whose sign is known by itself."""
    from stile_engine.term.ring import negate, subtract

    upward = [f if not m & NEGATIVE else negate(f) for f, m in facts.items() if m in (NONNEGATIVE, NONPOSITIVE)]
    mask = ANY
    for goal, orient in ((operand, lambda m: m), (negate(operand), _flip)):
        for i, first in enumerate(upward):
            rest = subtract(goal, first)
            for left in (rest, *(subtract(rest, second) for second in upward[i + 1 :])):
                # goal = fact (+ fact) + left
                known = _sign(left, _NO_FACTS, UNIVERSE, 0)  # by its form alone: no case leads to further cases
                if not known & NEGATIVE:
                    mask &= orient(known if known == POSITIVE else NONNEGATIVE)
    return mask


def _by_numerator(operand: Poly, facts: Facts, within: IndexSet, cases: int) -> int:
    """N / P has the sign of N where P is positive."""
    from stile_engine.term.rewrite import clear_denominators

    below = [a for m, _ in operand.terms for a, e in m.factors if e < 0]
    if len(operand.terms) < 2 or not below or any(_sign_atom(a, facts, within) != POSITIVE for a in below):
        return ANY
    # one pass: the signs of denominators further inside are not known
    return _sign(clear_denominators(operand, passes=1), facts, within, cases - 1)


def _by_cases(operand: Poly, facts: Facts, within: IndexSet, cases: int) -> int:
    """Split on the first max(0, t): it is t where t >= 0 and 0 where t <= 0."""
    from stile_engine.term.rewrite import replace_atom
    from stile_engine.term.ring import is_relu, relu_argument
    from stile_engine.term.walk import atoms_of

    for atom in atoms_of(operand):
        if isinstance(atom, MaxAtom) and is_relu(atom):
            argument = relu_argument(atom)
            above = replace_atom(operand, atom, argument)
            below = replace_atom(operand, atom, None)
            upper = _sign(above, {**facts, argument: NONNEGATIVE & facts.get(argument, ANY)}, within, cases - 1)
            lower = _sign(below, {**facts, argument: NONPOSITIVE & facts.get(argument, ANY)}, within, cases - 1)
            return upper | lower
    return ANY


def _sign_mono(m: Mono, facts: Facts, within: IndexSet) -> int:
    mask = POSITIVE  # exp is positive
    for atom, exponent in m.factors:
        mask = _times(mask, _sign_power(atom, exponent, facts, within))
    return mask


def _sign_power(atom: Atom, exponent: Rational, facts: Facts, within: IndexSet) -> int:
    base = _sign_atom(atom, facts, within)
    if facts:
        base &= _from_facts(of_atom(atom), facts)
    if exponent < 0:
        base &= ~ZERO_SIGN  # a power that has a value has a base that is not zero
    if isinstance(exponent, int):
        if exponent % 2 == 0:
            return (ZERO_SIGN if base & ZERO_SIGN else 0) | (POSITIVE if base & ~ZERO_SIGN else 0)
        return base
    # a root that has a value is not negative
    return (base & ZERO_SIGN) | POSITIVE


def _sign_atom(atom: Atom, facts: Facts, within: IndexSet) -> int:
    match atom:
        case ConstantAtom():
            return POSITIVE
        case PowerAtom():
            return _sign(atom.base, facts, within, 1)
        case SumAtom(operation="sum"):
            if not atom.bound:
                return NONNEGATIVE
            body = _sign(atom.body, facts, within & atom.domain, 1)
            # a strict sign holds only where the domain is not empty
            if within.issubset(atom.domain.project_out(atom.bound)):
                return body if body in (POSITIVE, NEGATIVE, NONNEGATIVE, NONPOSITIVE, ZERO_SIGN) else ANY
            if not body & NEGATIVE:
                return NONNEGATIVE
            return NONPOSITIVE if not body & POSITIVE else ANY
        case SumAtom():
            body = _sign(atom.body, facts, within & atom.domain, 1)
            return body | POSITIVE if not body & NEGATIVE else ANY
        case MaxAtom():
            return _sign_max(atom, facts, within)
        case FunctionAtom():
            return _sign_function(atom, facts, within)
        case IndexAtom():
            return ANY
        case ReadAtom():
            declared = atom.tensor.signs
            return ANY if declared is None else declared
        case _:
            return ANY


def _sign_max(atom: MaxAtom, facts: Facts, within: IndexSet) -> int:
    masks = [(_sign(p.body, facts, within & p.domain, 1), p) for p in atom.pieces]
    if all(not mask & POSITIVE for mask, _ in masks):
        if any(not mask & NEGATIVE for mask, p in masks if within.issubset(p.domain.project_out(p.bound))):
            return ZERO_SIGN  # one of them is 0
        # the greatest of values that are at most 0
        return NEGATIVE if all(mask == NEGATIVE for mask, _ in masks) else NONPOSITIVE
    always = [mask for mask, p in masks if within.issubset(p.domain.project_out(p.bound))]
    if any(mask == POSITIVE for mask in always) or all(mask == POSITIVE for mask, _ in masks):
        return POSITIVE
    if any(not mask & NEGATIVE for mask in always) or all(not mask & NEGATIVE for mask, _ in masks):
        return NONNEGATIVE
    return NONNEGATIVE if _has_opposites(atom, within) else ANY


def _has_opposites(atom: MaxAtom, within: IndexSet) -> bool:
    """max(t, -t, …) is at least 0, where t has members."""
    from stile_engine.term.ring import add

    for i, p in enumerate(atom.pieces):
        for q in atom.pieces[i + 1 :]:
            same = p.bound == q.bound and p.domain is q.domain and add(p.body, q.body).is_zero
            if same and within.issubset(p.domain.project_out(p.bound)):
                return True
    return False


def _sign_function(atom: FunctionAtom, facts: Facts, within: IndexSet) -> int:
    from stile_engine.term.ring import subtract

    if atom.name == "log":
        # log(a) has the sign of a - 1
        return _sign(subtract(atom.argument, ONE), facts, within, 1)
    if atom.name == "erf":
        return _sign(atom.argument, facts, within, 1)
    return ANY
