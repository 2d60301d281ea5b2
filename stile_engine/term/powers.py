"""Powers: reciprocals, roots, and the denominators of fractions.

Every law here holds wherever the power itself has a value (a base that is not zero under a
negative exponent, not negative under a root); that set is computed from the expression as written,
before any law is applied.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import gcd

from stile_engine.term.atoms import (
    MINUS_ONE,
    ONE,
    UNIT,
    ZERO,
    Atom,
    FunctionAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    constant,
    function_atom,
    mono,
    of_atom,
    of_mono,
    poly,
    power_atom,
    ratio,
)
from stile_engine.term.ring import add, multiply, negate, number_power, power, relu_argument, scale, subtract, total_of

_MOST_CANDIDATES = 8
_LARGEST_EXPANDED = 64


def raise_to(base: Poly, exponent: Rational) -> Poly:
    """``base ** exponent`` for a rational exponent."""
    exponent = ratio(exponent)
    if exponent == 0:
        return ONE
    if exponent == 1:
        return base
    number = base.constant
    if number is not None:
        return _number_power(number, exponent)
    single = base.single
    if single is not None:
        return _mono_power(single[0], single[1], exponent)
    if isinstance(exponent, int) and 0 < exponent <= _LARGEST_EXPANDED:
        return power(base, exponent)
    return _general_power(base, exponent)


def reciprocal(base: Poly) -> Poly:
    return raise_to(base, -1)


def power_of_atom(atom: Atom, exponent: Rational) -> Poly:
    """An atom power to which a law of its own applies (see ``ring.normalise``)."""
    match atom:
        case PowerAtom():
            if atom.base.constant is not None:
                return _number_power(atom.base.constant, exponent)
            # P ** (n + f) = P ** n * P ** f for 0 <= f < 1
            whole = exponent.numerator // exponent.denominator
            rest = ratio(Fraction(exponent) - whole)
            expanded = power(atom.base, whole)
            return multiply(expanded, of_atom(atom, rest)) if rest else expanded
        case MaxAtom():
            # max(0, t) ** n = t ** (n - 1) * max(0, t): both are 0 where t <= 0
            return multiply(power(relu_argument(atom), int(exponent) - 1), of_atom(atom))
        case FunctionAtom(name="cos"):
            # cos(t) ** 2 = 1 - sin(t) ** 2
            sine = of_atom(function_atom("sin", atom.argument))
            square = subtract(ONE, multiply(sine, sine))
            result = power(square, int(exponent) // 2)
            return multiply(result, of_atom(atom)) if int(exponent) % 2 else result
    raise TypeError(f"no law for powers of {type(atom).__name__}")


# -- numbers -----------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _number_power(number: Rational, exponent: Rational) -> Poly:
    if number == 0:
        if exponent > 0:
            return constant(0)
        raise ZeroDivisionError("0 to a negative power has no value")
    if isinstance(exponent, int):
        return constant(number_power(number, exponent))
    if number < 0:
        raise ValueError("a root of a negative number has no value")
    value = Fraction(number)
    result = ONE
    for prime, multiplicity in _factor(value.numerator) + [(p, -k) for p, k in _factor(value.denominator)]:
        total = Fraction(multiplicity) * Fraction(exponent)
        whole = total.numerator // total.denominator
        rest = ratio(total - whole)
        result = scale(result, number_power(prime, whole))
        if rest:
            root = power_atom(constant(prime))
            result = multiply(result, of_mono(mono(((root, rest),))))
    return result


def _factor(number: int) -> list[tuple[int, int]]:
    """Prime factors by trial division up to 10**6; what is left is taken as one factor."""
    factors: list[tuple[int, int]] = []
    candidate = 2
    while candidate * candidate <= number and candidate < 1_000_000:
        multiplicity = 0
        while number % candidate == 0:
            number //= candidate
            multiplicity += 1
        if multiplicity:
            factors.append((candidate, multiplicity))
        candidate += 1
    if number > 1:
        factors.append((number, 1))
    return factors


# -- monomials ---------------------------------------------------------------------------------


def _mono_power(m: Mono, coefficient: Rational, exponent: Rational) -> Poly:
    from stile_engine.term.functions import exponential

    result = ONE
    if m.exponential is not None:
        # exp(a) ** e = exp(a * e)
        result = exponential(scale(m.exponential, exponent))
    if isinstance(exponent, int):
        result = multiply(result, _number_power(coefficient, exponent))
        for atom, own in m.factors:
            result = multiply(result, _atom_power(atom, ratio(own * exponent)))
        return result
    return multiply(result, _root_of_factors(m, coefficient, exponent))


def _root_of_factors(m: Mono, coefficient: Rational, exponent: Rational) -> Poly:
    """(a * b) ** e = a ** e * b ** e only for factors that are not negative."""
    from stile_engine.term.functions import absolute
    from stile_engine.term.signs import is_nonnegative

    result = _number_power(abs(coefficient), exponent)
    unknown: list[tuple[Atom, Rational]] = []
    for atom, own in m.factors:
        if is_nonnegative(of_atom(atom)) or not isinstance(own, int):
            result = multiply(result, _atom_power(atom, ratio(Fraction(own) * Fraction(exponent))))
        elif own % 2 == 0:
            # (t ** 2k) ** e = |t| ** (2k * e)
            result = multiply(result, raise_to(absolute(of_atom(atom)), ratio(Fraction(own) * Fraction(exponent))))
        else:
            unknown.append((atom, own))
    sign = 1 if coefficient > 0 else -1
    if not unknown:
        if sign < 0:
            raise ValueError("a root of a negative number has no value")
        return result
    if len(unknown) == 1 and sign > 0:
        atom, own = unknown[0]
        return multiply(result, _atom_power(atom, ratio(Fraction(own) * Fraction(exponent))))
    # only the product is known not to be negative
    base = poly({mono(tuple(unknown)): sign})
    return multiply(result, of_atom(power_atom(base), exponent))


def _atom_power(atom: Atom, exponent: Rational) -> Poly:
    from stile_engine.term.ring import _as_poly, normalise

    return _as_poly(normalise({atom: exponent}, None)) if exponent else ONE


# -- polynomials -------------------------------------------------------------------------------


def _general_power(base: Poly, exponent: Rational) -> Poly:
    whole = isinstance(exponent, int)
    if not whole:
        root = _perfect_square(base, exponent)
        if root is not None:
            return root
    coefficient, unit, primitive = primitive_part(base, signed=whole, invertible=whole)
    # (c * u * P) ** e = c ** e * u ** e * P ** e; for a root, c and u are positive
    result = multiply(_number_power(coefficient, exponent), _mono_power(unit, 1, exponent))
    if primitive.single is not None:
        return multiply(result, raise_to(primitive, exponent))
    factor = power_atom(primitive)
    if not whole and exponent > 1:
        return multiply(result, power_of_atom(factor, exponent))
    return multiply(result, of_atom(factor, exponent))


def _perfect_square(base: Poly, exponent: Rational) -> Poly | None:
    """(Q ** 2) ** e = |Q| ** (2e), where the base is c times the square of a polynomial."""
    from stile_engine.term.functions import absolute

    root = square_root(base)
    return None if root is None else raise_to(absolute(root), ratio(2 * Fraction(exponent)))


def square_root(base: Poly) -> Poly | None:
    """A polynomial with rational coefficients whose square is ``base``, if its terms show one.

    Any square has the squares of its own terms among its terms; the signs come from the products.
    """
    squares: list[Poly] = []
    for m, c in base.terms:
        value = Fraction(c)
        if value <= 0:
            continue
        n, d = _integer_root(value.numerator), _integer_root(value.denominator)
        if n is None or d is None or any(not isinstance(e, int) or e % 2 for _, e in m.factors):
            continue
        half = scale(m.exponential, Fraction(1, 2)) if m.exponential is not None else None
        squares.append(poly({mono(tuple((a, ratio(e // 2)) for a, e in m.factors), half): ratio(Fraction(n, d))}))
    if len(squares) > 6:
        return None
    # a square of k terms has at most k * (k + 1) / 2, and of two terms each square is one of its own
    for count in range(2, len(squares) + 1):
        if len(base.terms) > count * (count + 1) // 2:
            continue
        for chosen in combinations(squares, count):
            for bits in range(1 << (count - 1)):
                total = chosen[0]
                for i, square in enumerate(chosen[1:]):
                    total = subtract(total, square) if bits >> i & 1 else add(total, square)
                if multiply(total, total) is base:
                    return total
    return None


def _integer_root(number: int) -> int | None:
    from math import isqrt

    root = isqrt(number)
    return root if root * root == number else None


def content(*operands: Poly) -> Rational:
    """The greatest positive rational that divides all coefficients into coprime integers; 0 if there are none."""
    numerator, denominator = 0, 1
    for _, c in (term for operand in operands for term in operand.terms):
        value = Fraction(c)
        numerator = gcd(numerator, abs(value.numerator))
        denominator = denominator * value.denominator // gcd(denominator, value.denominator)
    return ratio(Fraction(numerator, denominator))


def primitive_part(base: Poly, signed: bool, invertible: bool) -> tuple[Rational, Mono, Poly]:
    """``base = c * u * P``: a number, a monomial and a polynomial in a form that does not depend on
    c and u. ``signed``: c may be negative. ``invertible``: u may be any monomial of which no factor
    is zero where the power has a value; else its factors are positive."""
    coefficient = content(base)
    rest = scale(base, ratio(1 / Fraction(coefficient)))
    unit = _common_factors(rest, invertible)
    if unit is not UNIT:
        rest = multiply(rest, _inverse_mono(unit))
    rest, exponential = _common_exponential(rest)
    if exponential is not None:
        unit = mono(unit.factors, exponential)
    again = content(rest) if rest.terms else 1
    if again != 1:
        coefficient = ratio(Fraction(coefficient) * Fraction(again))
        rest = scale(rest, ratio(1 / Fraction(again)))
    if signed and rest.terms and _leading(rest) < 0:
        coefficient, rest = -coefficient, negate(rest)
    return coefficient, unit, rest


def without_positive(base: Poly) -> Poly:
    """A term of the same sign everywhere, without factors that are positive."""
    return primitive_part(base, signed=False, invertible=False)[2]


def _leading(operand: Poly) -> Rational:
    # the order of monomials is arbitrary but fixed, and the same for P and -P
    return operand.terms[0][1]


def _common_factors(operand: Poly, invertible: bool) -> Mono:
    from stile_engine.term.signs import is_positive

    least: dict[Atom, Rational] = {}
    first = True
    for m, _ in operand.terms:
        powers = dict(m.factors)
        if first:
            least, first = powers, False
            continue
        for atom in list(least):
            least[atom] = min(least[atom], powers.get(atom, 0))
        for atom, exponent in powers.items():
            if atom not in least and exponent < 0:
                least[atom] = exponent
    kept = [(a, e) for a, e in least.items() if e and (invertible or is_positive(of_atom(a)))]
    kept.sort(key=lambda f: f[0].digest)
    return mono(tuple(kept))


def by_distance(options: list[Poly]) -> Poly:
    """A choice among many that a common addend or a positive factor does not change: by the
    distance to the mean of all, whose form depends on neither."""
    together = negate(total_of(options))
    best: tuple[str, Poly] | None = None
    for option in options:
        distance = add(scale(option, len(options)), together)
        if distance.terms:
            distance = scale(distance, ratio(1 / Fraction(content(distance))))
        if best is None or distance.digest < best[0]:
            best = (distance.digest, option)
    assert best is not None
    return best[1]


def _inverse_mono(m: Mono) -> Poly:
    result = ONE
    for atom, exponent in m.factors:
        result = multiply(result, _atom_power(atom, -exponent))
    return result


def _common_exponential(operand: Poly) -> tuple[Poly, Poly | None]:
    """Take one exponential out of all terms. Which one does not depend on a common factor."""
    from stile_engine.term.functions import exponential

    if all(m.exponential is None for m, _ in operand.terms):
        return operand, None
    least = min(m.plain_digest for m, _ in operand.terms)
    candidates: dict[Poly | None, None] = {}
    for m, _ in operand.terms:
        if m.plain_digest == least:
            candidates[m.exponential] = None
    best: tuple[tuple[int, str], Poly, Poly | None] | None = None
    if len(candidates) > _MOST_CANDIDATES:
        chosen = by_distance([ZERO if c is None else c for c in candidates])
        candidates = {(chosen if chosen.terms else None): None}
    for candidate in candidates:
        if candidate is None:
            moved = operand
        else:
            moved = multiply(operand, exponential(negate(candidate)))
        # P and -P give the same choice, since the sign is settled afterwards. 1 + exp(x) is preferred to
        # 1 + exp(-x) whatever x is, so that one function of several terms has one form for all of them.
        falling = sum(m.exponential is not None and falls(m.exponential) for m, _ in moved.terms)
        key = (falling, min(moved.digest, multiply(moved, MINUS_ONE).digest))
        if best is None or key < best[0]:
            best = (key, moved, candidate)
    assert best is not None
    return best[1], best[2]


def falls(exponent: Poly) -> bool:
    """True of exactly one of t and -t, unless t is 0: of the one with the less sum of coefficients."""
    total = sum(Fraction(c) for _, c in exponent.terms)
    return total < 0 or (total == 0 and _leading(exponent) < 0)
