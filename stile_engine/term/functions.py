"""Exponentials, logarithms and the other named functions, with their laws."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from stile_engine.index.sets import UNIVERSE
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    ZERO,
    Atom,
    ConstantAtom,
    FunctionAtom,
    IndexAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    SumAtom,
    constant,
    constant_atom,
    function_atom,
    mono,
    of_atom,
    of_mono,
    poly,
    ratio,
)
from stile_engine.term.powers import _factor, falls, primitive_part, raise_to, reciprocal, square_root
from stile_engine.term.ring import add, multiply, negate, scale, subtract, total_of

if TYPE_CHECKING:
    from stile_engine.term.extrema import Family

HALF = Fraction(1, 2)


def exponential(argument: Poly) -> Poly:
    """exp of a finite term. exp(a + b) = exp(a) * exp(b); exp(n * log a) = a ** n."""
    if not argument.terms:
        return ONE
    kept: dict[Mono, Rational] = {}
    factors: list[Poly] = []
    for m, c in argument.terms:
        # log a has a value (or is -inf) only where a >= 0, and then exp(n * log a) = a ** n
        if isinstance(m.atom, FunctionAtom) and m.atom.name == "log":
            factors.append(raise_to(m.atom.argument, c))
            continue
        logged = _sum_of_logs(m.atom)
        if logged is not None:
            # exp(n * sum log f) = prod f ** n
            from stile_engine.term.sums import product_over

            factors.append(product_over(logged.bound, logged.domain, logged.body, c))
            continue
        kept[m] = c
    result = of_mono(mono((), poly(kept))) if kept else ONE
    for factor in factors:
        result = multiply(result, factor)
    return result


def _sum_of_logs(atom: Atom | None) -> Family | None:
    """The family f of ``sum log f``."""
    from stile_engine.term.extrema import Family

    if not isinstance(atom, SumAtom) or atom.operation != "sum" or not atom.bound:
        return None
    inner = atom.body.atom
    if isinstance(inner, FunctionAtom) and inner.name == "log":
        return Family(atom.bound, atom.domain, inner.argument)
    return None


def logarithm(argument: Poly) -> Poly:
    """log of a positive term (where it is zero the caller splits off -inf)."""
    number = argument.constant
    if number is not None:
        return _log_number(Fraction(number))
    single = argument.single
    if single is not None:
        return _log_mono(*single)
    root = square_root(argument)
    if root is not None:
        # log(Q ** 2) = 2 * log |Q|
        return scale(logarithm(absolute(root)), 2)
    # log(c * u * P) = log c + log u + log P for positive c and u
    coefficient, unit, rest = primitive_part(argument, signed=False, invertible=False)
    if rest.single is not None:
        return total_of([_log_number(Fraction(coefficient)), _log_mono(unit, 1), logarithm(rest)])
    return total_of([_log_number(Fraction(coefficient)), _log_mono(unit, 1), of_atom(function_atom("log", rest))])


def _log_number(number: Fraction) -> Poly:
    if number <= 0:
        raise ValueError("log of a number that is not positive")
    parts = [
        scale(of_atom(function_atom("log", constant(prime))), multiplicity)
        for prime, multiplicity in _factor(number.numerator) + [(p, -k) for p, k in _factor(number.denominator)]
    ]
    return total_of(parts) if parts else ZERO


def _log_mono(m: Mono, coefficient: Rational) -> Poly:
    from stile_engine.term.signs import is_nonnegative, is_positive
    from stile_engine.term.sums import sum_over

    parts: list[Poly] = []
    if m.exponential is not None:
        parts.append(m.exponential)  # log exp a = a
    unknown: list[tuple[Atom, Rational]] = []
    for atom, exponent in m.factors:
        if isinstance(atom, SumAtom) and atom.operation == "prod" and is_positive(atom.body):
            # log prod f = sum log f for positive f
            parts.append(scale(sum_over(atom.bound, atom.domain, logarithm(atom.body)), exponent))
        elif is_nonnegative(of_atom(atom)) or not isinstance(exponent, int):
            # log(a ** e * b) = e * log a + log b where a is positive
            inner = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
            parts.append(scale(of_atom(function_atom("log", inner)), exponent))
        else:
            unknown.append((atom, exponent))
    if len(unknown) == 1 and coefficient > 0:
        atom, exponent = unknown[0]
        if isinstance(atom, PowerAtom):
            inner = atom.base
        else:
            inner = of_atom(atom)
        if isinstance(exponent, int) and exponent % 2 == 0:
            inner = absolute(inner)
        parts.append(scale(of_atom(function_atom("log", inner)), exponent))
        unknown = []
    if unknown or coefficient < 0:
        sign = 1 if coefficient > 0 else -1
        parts.append(of_atom(function_atom("log", poly({mono(tuple(unknown)): sign}))))
    if abs(coefficient) != 1:
        parts.append(_log_number(abs(Fraction(coefficient))))
    return total_of(parts) if parts else ZERO


def absolute(operand: Poly) -> Poly:
    """|x| = 2 * max(0, x) - x."""
    return subtract(scale(relu(operand), 2), operand)


def relu(operand: Poly) -> Poly:
    return maximum(operand, ZERO)


def maximum(left: Poly, right: Poly) -> Poly:
    from stile_engine.term.extrema import Family, greatest

    return greatest([Family((), UNIVERSE, left), Family((), UNIVERSE, right)])


def minimum(left: Poly, right: Poly) -> Poly:
    """min(a, b) = -max(-a, -b)."""
    return negate(maximum(negate(left), negate(right)))


def sigmoid(operand: Poly) -> Poly:
    """1 / (1 + exp(-x)); the denominator is positive."""
    return reciprocal(add(ONE, exponential(negate(operand))))


def hyperbolic_tangent(operand: Poly) -> Poly:
    """tanh(x) = 1 - 2 / (1 + exp(2x)); the denominator is positive."""
    return subtract(ONE, scale(reciprocal(add(ONE, exponential(scale(operand, 2)))), 2))


def softplus(operand: Poly) -> Poly:
    return logarithm(add(ONE, exponential(operand)))


def named(name: str, argument: Poly) -> Poly:
    """A named function of a finite term at which it has a finite value."""
    match name:
        case "log":
            return logarithm(argument)
        case "sin" | "erf":
            if not argument.terms:
                return ZERO
            if name == "sin" and (turn := _multiple_of_pi(argument)) is not None:
                from stile_engine.term.angles import sine_of_turn

                known = sine_of_turn(turn)
                if known is not None:
                    return known
            if falls(argument):
                # sin(-x) = -sin(x), erf(-x) = -erf(x)
                return negate(of_atom(function_atom(name, negate(argument))))
            return of_atom(function_atom(name, argument))
        case "cos":
            if not argument.terms:
                return ONE
            if (turn := _multiple_of_pi(argument)) is not None:
                from stile_engine.term.angles import sine_of_turn

                known = sine_of_turn(turn + HALF)  # cos(x) = sin(x + pi / 2)
                if known is not None:
                    return known
            # cos(-x) = cos(x)
            return of_atom(function_atom(name, negate(argument) if falls(argument) else argument))
        case "floor":
            # floor(n + x) = n + floor(x) for a whole n
            whole, rest = _whole_part(argument)
            number = rest.constant
            if number is not None:
                return add(whole, constant(Fraction(number).__floor__()))
            return add(whole, of_atom(function_atom(name, rest)))
        case "trunc":
            number = argument.constant
            if number is not None:
                return constant(int(Fraction(number)))
            return of_atom(function_atom(name, argument))
    raise ValueError(f"unknown function {name!r}")


def _multiple_of_pi(argument: Poly) -> Fraction | None:
    if argument.single is None:
        return None
    m, c = argument.single
    return Fraction(c) if isinstance(m.atom, ConstantAtom) and m.atom.name == "pi" else None


def _whole_part(argument: Poly) -> tuple[Poly, Poly]:
    """The terms that are whole numbers for all inputs, and the rest."""
    whole: dict[Mono, Rational] = {}
    rest: dict[Mono, Rational] = {}
    for m, c in argument.terms:
        atoms = [a for a, e in m.factors if not isinstance(e, int) or e < 0 or not _is_whole(a)]
        if m.exponential is not None or atoms:
            rest[m] = c
            continue
        count = Fraction(c)
        number = count.__floor__()
        if m is UNIT or count.denominator == 1:
            whole[m] = number
            if count != number:
                rest[m] = ratio(count - number)
        else:
            rest[m] = c
    return poly(whole), poly(rest)


def _is_whole(atom: Atom) -> bool:
    if isinstance(atom, IndexAtom):
        return True
    return isinstance(atom, FunctionAtom) and atom.name in ("floor", "trunc")


def unary(name: str, x: Poly) -> Poly:
    """A function of the spec language of a finite term at which it has a finite value."""
    match name:
        case "neg":
            return negate(x)
        case "exp":
            return exponential(x)
        case "exp2":
            return exponential(multiply(x, logarithm(constant(2))))
        case "log":
            return logarithm(x)
        case "log2":
            return multiply(logarithm(x), reciprocal(logarithm(constant(2))))
        case "sqrt":
            return raise_to(x, HALF)
        case "rsqrt":
            return raise_to(x, -HALF)
        case "abs":
            return absolute(x)
        case "relu":
            return relu(x)
        case "sigmoid":
            return sigmoid(x)
        case "silu":
            return multiply(x, sigmoid(x))
        case "softplus":
            return softplus(x)
        case "tanh":
            return hyperbolic_tangent(x)
        case "gelu":
            # x / 2 * (1 + erf(x / sqrt 2))
            inner = named("erf", multiply(x, raise_to(constant(2), -HALF)))
            return multiply(scale(x, HALF), add(ONE, inner))
        case "gelu_tanh":
            # x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))
            cubic = add(x, scale(multiply(x, multiply(x, x)), Fraction(44715, 1000000)))
            root = multiply(raise_to(constant(2), HALF), of_atom(constant_atom("pi"), ratio(-HALF)))
            return multiply(scale(x, HALF), add(ONE, hyperbolic_tangent(multiply(root, cubic))))
        case "sin" | "cos" | "erf" | "floor":
            return named(name, x)
    raise ValueError(f"unknown function {name!r}")
