"""Reading a float as the exact real number that its author meant (DESIGN, "Literals").

A short decimal is what it looks like. A float with seven or more significant digits may also be a
rounded rational, or a rational multiple of a square root or of a well-known constant; the simplest
such number that rounds to the very same float is taken. Where the spec names a number that rounds to the float,
it is that one. Every reading that is not the decimal itself is listed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import mpmath

from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    ONE,
    POSITIVE_INFINITY,
    Const,
    Constant,
    Node,
    NoValue,
    apply,
    divide,
    multiply,
    number,
)

LARGEST_DENOMINATOR = 1000
LARGEST_RADICAND = 65536
_SIGNIFICAND_BITS = {64: 53, 32: 24, 16: 11}
# A candidate must be much rarer than the floats are dense, or any float would find one by chance.
_MARGIN_BITS = 8


@dataclass(frozen=True, slots=True)
class Literal:
    node: Node
    text: str
    """The number in spec syntax."""
    exact: bool
    """The reading is the shortest decimal itself."""

    @property
    def number(self) -> Fraction | None:
        """The number, where it is rational."""
        return self.node.value if isinstance(self.node, Const) else None


def _constants() -> tuple[tuple[str, Callable[[], mpmath.mpf], Callable[[], Node]], ...]:
    pi = Constant("pi")
    two = number(2)
    return (
        ("pi", lambda: +mpmath.mp.pi, lambda: pi),
        ("exp(1)", lambda: +mpmath.mp.e, lambda: Constant("e")),
        ("log(2)", lambda: mpmath.log(2), lambda: apply("log", two)),
        ("1 / log(2)", lambda: 1 / mpmath.log(2), lambda: divide(ONE, apply("log", two))),
        ("log(10)", lambda: mpmath.log(10), lambda: apply("log", number(10))),
        ("sqrt(2 / pi)", lambda: mpmath.sqrt(2 / mpmath.mp.pi), lambda: apply("sqrt", divide(two, pi))),
        (
            "1 / sqrt(2 * pi)",
            lambda: 1 / mpmath.sqrt(2 * mpmath.mp.pi),
            lambda: divide(ONE, apply("sqrt", multiply(two, pi))),
        ),
    )


@lru_cache(maxsize=4096)
def read_literal(value: float, dtype_bits: int = 64) -> Literal:
    if math.isnan(value):
        return Literal(NoValue("not a number"), "nan", True)
    if math.isinf(value):
        return Literal(POSITIVE_INFINITY if value > 0 else NEGATIVE_INFINITY, "inf" if value > 0 else "-inf", True)
    decimal = shortest_decimal(value, dtype_bits)
    if _significant_digits(decimal) < 7:
        return Literal(Const(Fraction(decimal)), decimal, True)
    for width in (64,) if dtype_bits == 64 else (64, dtype_bits):
        best = min(_candidates(abs(value), width), key=lambda c: c.rank, default=None)
        if best is not None:
            return best.signed(value < 0)
    return Literal(Const(Fraction(decimal)), decimal, True)


def read_as_one_of(value: float, dtype_bits: int, numbers: frozenset[Fraction]) -> Literal | None:
    """The float as one of these positive numbers, if one of them is rounded to it: the decimal itself, or else the
    nearest to the decimal."""
    found = _by_float(numbers, dtype_bits).get(abs(value))
    if found is None:
        return None
    decimal = Fraction(shortest_decimal(abs(value), dtype_bits))
    nearest = min(found, key=lambda n: (abs(n - decimal), n))
    signed = -nearest if value < 0 else nearest
    exact = nearest == decimal
    if not exact and dtype_bits >= 32 and _significant_digits(shortest_decimal(value, dtype_bits)) < 7:
        return None  # a short decimal is what it looks like, 1.0 is not 1.00000001; half precision has no long ones
    return Literal(Const(signed), shortest_decimal(value, dtype_bits) if exact else ratio_text(signed), exact)


@lru_cache(maxsize=64)
def _by_float(numbers: frozenset[Fraction], bits: int) -> Mapping[float, list[Fraction]]:
    """The numbers by the floats that they are rounded to, in this type and in double precision."""
    found: dict[float, list[Fraction]] = {}
    for n in numbers:
        for value in {_rounded(n, bits), _rounded(n, 64)}:
            if value and math.isfinite(value):
                found.setdefault(value, []).append(n)
    return found


def _rounded(number: Fraction, bits: int) -> float:
    try:
        return _round_to(float(number), bits)
    except OverflowError:
        return math.inf


def shortest_decimal(value: float, dtype_bits: int = 64) -> str:
    """The shortest decimal that rounds to the value in its own type; a value that the type lacks is a double."""
    if dtype_bits != 64 and _round_to(value, dtype_bits) == value:
        for digits in range(1, 17):
            text = f"{value:.{digits}g}"
            if _round_to(float(text), dtype_bits) == value:
                return repr(float(text))
    return repr(float(value))


def _significant_digits(decimal: str) -> int:
    mantissa = decimal.lower().split("e")[0].lstrip("-").replace(".", "")
    return len(mantissa.strip("0"))


def _round_to(value: float, bits: int) -> float:
    if bits == 64:
        return value
    code = {32: "f", 16: "e"}[bits]
    try:
        return float(struct.unpack(code, struct.pack(code, value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


@dataclass(frozen=True, slots=True)
class _Candidate:
    ratio: Fraction
    factor: str | None
    factor_node: Node | None
    complexity: float
    rounds: bool
    """Rounds to the very float, and is not only a neighbour of it."""

    @property
    def rank(self) -> tuple[bool, float]:
        return (not self.rounds, self.complexity)

    def signed(self, negative: bool) -> Literal:
        ratio = -self.ratio if negative else self.ratio
        if self.factor is None or self.factor_node is None:
            return Literal(Const(ratio), ratio_text(ratio), False)
        if ratio == 1:
            return Literal(self.factor_node, self.factor, False)
        factor = f"({self.factor})" if "/" in self.factor else self.factor
        return Literal(multiply(Const(ratio), self.factor_node), f"{ratio_text(ratio)} * {factor}", False)


def ratio_text(ratio: Fraction) -> str:
    return str(ratio.numerator) if ratio.denominator == 1 else f"{ratio.numerator} / {ratio.denominator}"


def _complexity(ratio: Fraction, extra: int) -> float:
    return math.log2(ratio.numerator) + math.log2(ratio.denominator) + math.log2(extra)


def _candidates(value: float, bits: int) -> Iterator[_Candidate]:
    significand = _SIGNIFICAND_BITS[bits]
    limit = significand - _MARGIN_BITS
    target = _round_to(value, bits)
    if target == 0 or math.isinf(target):
        return
    # A folded double such as 1 / math.sqrt(32) was rounded more than once and may sit beside the nearest float.
    slack = Fraction(2, 2 ** (significand - 1)) if bits == 64 else Fraction(0)
    with mpmath.workprec(160):

        def candidate(
            ratio: Fraction, factor: mpmath.mpf, text: str | None, node: Node | None, extra: int
        ) -> Iterator[_Candidate]:
            if ratio <= 0 or (complexity := _complexity(ratio, extra)) > limit:
                return
            found = mpmath.mpf(ratio.numerator) / ratio.denominator * factor
            rounds = _round_to(float(found), bits) == target
            if rounds or abs(found - target) <= mpmath.mpf(slack.numerator) / slack.denominator * target:
                yield _Candidate(ratio, text, node, complexity, rounds)

        yield from candidate(Fraction(target).limit_denominator(LARGEST_DENOMINATOR), mpmath.mpf(1), None, None, 1)
        constants = _constants()
        for text, number_of, node_of in constants:
            factor = number_of()
            ratio = _nearest_ratio(mpmath.mpf(target) / factor)
            yield from candidate(ratio, factor, text, node_of(), len(constants))
        for ratio, root in _radicals(Fraction(target), significand):
            yield from candidate(ratio, mpmath.sqrt(root), f"sqrt({root})", apply("sqrt", number(root)), root)


def _radicals(value: Fraction, significand: int) -> Iterator[tuple[Fraction, int]]:
    """``(r, s)`` with ``r * sqrt(s)`` next to the value, from the whole numbers next to ``(value * q) ** 2``."""
    numerator, denominator = value.numerator**2, value.denominator**2
    for q in range(1, LARGEST_DENOMINATOR + 1):
        scaled = numerator * q * q
        radicand = (2 * scaled + denominator) // (2 * denominator)
        if radicand < 2 or radicand.bit_length() > 2 * significand:
            continue
        # relative distance of the squares, at most eight roundings wide
        if abs(radicand * denominator - scaled) << (significand - 3) > scaled:
            continue
        outside, root = _extract_square(radicand)
        if 1 < root <= LARGEST_RADICAND:
            yield Fraction(outside, q), root


def _nearest_ratio(value: mpmath.mpf) -> Fraction:
    # 200 bits: far beyond every denominator that is admitted
    scale = 1 << 150
    return Fraction(int(mpmath.nint(value * scale)), scale).limit_denominator(LARGEST_DENOMINATOR)


def _extract_square(value: int) -> tuple[int, int]:
    """``(p, s)`` with ``value = p * p * s``, taking out squares of factors up to the denominators admitted."""
    outside = 1
    root = math.isqrt(value)
    if root * root == value:
        return root, 1
    factor = 2
    while factor * factor <= value and factor <= LARGEST_DENOMINATOR:
        while value % (factor * factor) == 0:
            value //= factor * factor
            outside *= factor
        factor += 1
    return outside, value
