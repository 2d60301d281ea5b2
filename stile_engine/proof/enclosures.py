"""Rigorous enclosures on grids: a midpoint and a radius for every number, in double precision.

The true value lies within the radius of the midpoint, so two enclosures that do not meet are two different
numbers. Rounding is bounded by what IEEE 754 promises for + - * / and square roots; of the other functions
it is assumed that the library is right to 2**-44, relative, which leaves a wide margin (they are right to a
few units in the last place, 2**-52).

A midpoint of NaN says that there is certainly no value; an infinite one with radius 0 is that infinity. An
infinite radius says that double precision cannot tell (a divisor that may be zero, an overflow).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stile_engine.proof.contraction import einsum
from stile_engine.proof.grid_arithmetic import part_at, without_leading
from stile_engine.proof.grid_floats import functions

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_HALF_ULP = 2.0**-53
_LIBRARY = 2.0**-44
_TINY = 1e-300  # more than what underflow can take away from one result
_UP = 1 + 2.0**-40  # radii are computed with rounding too: a few units in the last place are made up for
_GRAIN = 2.0**20


class Ball(NamedTuple):
    """``middle`` and ``radius``, which broadcast together; a radius of None is zero everywhere."""

    middle: Any
    radius: Any

    @property
    def size(self) -> int:
        return int(self.middle.size)


class Enclosures:
    """Arithmetic on balls, for ``GridEvaluator``."""

    def __init__(self) -> None:
        import numpy

        self._np = numpy
        self._functions = functions()

    # -- making ----------------------------------------------------------------------------

    def exact(self, values: Array) -> Ball:
        return Ball(values, None)

    def rational(self, numerator: int, denominator: int) -> Ball:
        try:
            value = numerator / denominator  # correctly rounded
        except OverflowError:
            return self._unknown(())
        top, bottom = value.as_integer_ratio()
        if top * denominator == numerator * bottom:
            return Ball(self._np.array(value), None)
        return Ball(self._np.array(value), self._np.array(abs(value) * 2 * _HALF_ULP + _TINY))

    def constant(self, name: str) -> Ball:
        value = {"pi": math.pi, "e": math.e}[name]
        return Ball(self._np.array(value), self._np.array(value * 2 * _HALF_ULP))

    def no_value(self) -> Ball:
        return Ball(self._np.array(math.nan), None)

    def shape(self, x: Ball) -> tuple[int, ...]:
        middle: tuple[int, ...] = x.middle.shape
        return middle

    def take(self, x: Ball, place: int, index: int) -> Ball:
        radius = None if x.radius is None else part_at(x.radius, place, index)
        return Ball(part_at(x.middle, place, index), radius)

    def spread(self, x: Ball, shape: tuple[int, ...]) -> Ball:
        def whole(a: Array) -> Array:
            found: Array = self._np.broadcast_to(without_leading(a, len(shape)), shape)
            return found

        return Ball(whole(x.middle), whole(self._np.asarray(_radius(x))))

    def _unknown(self, shape: tuple[int, ...]) -> Ball:
        return Ball(self._np.zeros(shape), self._np.full(shape, math.inf))

    # -- pointwise -------------------------------------------------------------------------

    def where(self, mask: Array, x: Ball, y: Ball) -> Ball:
        np = self._np
        if x.radius is None and y.radius is None:
            return Ball(np.where(mask, x.middle, y.middle), None)
        return Ball(np.where(mask, x.middle, y.middle), np.where(mask, _radius(x), _radius(y)))

    def binary(self, name: str, x: Ball, y: Ball) -> Ball:
        match name:
            case "add":
                return self._add(x, y)
            case "sub":
                return self._add(x, Ball(-y.middle, y.radius))
            case "mul":
                return self._multiply(x, y)
            case "div":
                return self._divide(x, y)
            case "maximum" | "minimum":
                return self._extreme(getattr(self._np, name), x, y)
        raise ValueError(name)

    def _settled(self, middle: Array, radius: Any, *operands: Ball) -> Ball:
        """The result of a function that has no value where an operand has none, and is not known where one is not.
        Infinities of the operands come through as they are; others are overflows."""
        np = self._np
        if radius is not None and not radius.any():
            radius = None
        if np.isfinite(middle).all() and (radius is None or np.isfinite(radius).all()):
            return Ball(middle, radius)
        shape = np.broadcast_shapes(middle.shape, *(o.middle.shape for o in operands))
        middle = np.broadcast_to(middle, shape).copy()
        radius = np.broadcast_to(0.0 if radius is None else radius, shape).copy()
        nothing = np.zeros(shape, bool)
        unknown = np.zeros(shape, bool)
        infinite = np.zeros(shape, bool)
        for o in operands:
            nothing |= np.isnan(o.middle)
            infinite |= np.isinf(o.middle)
            if o.radius is not None:
                unknown |= np.isinf(o.radius)
        unknown |= ~infinite & np.isinf(middle)  # overflow
        # An infinity has no radius; one that meets a finite number stays what it is.
        radius[np.isinf(middle) & infinite] = 0.0
        unknown |= ~np.isnan(middle) & ~np.isfinite(radius)
        unknown &= ~nothing
        middle[unknown], radius[unknown] = 0.0, math.inf
        middle[nothing] = math.nan
        radius[np.isnan(middle)] = 0.0
        return Ball(middle, radius)

    def _add(self, x: Ball, y: Ball) -> Ball:
        a, b = x.middle, y.middle
        s = a + b
        t = s - a
        error = abs((a - (s - t)) + (b - t))  # of one addition, exactly
        if x.radius is None and y.radius is None:
            return self._settled(s, error, x, y)
        return self._settled(s, (_radius(x) + _radius(y) + error) * _UP, x, y)

    def _multiply(self, x: Ball, y: Ball) -> Ball:
        np = self._np
        a, b = x.middle, y.middle
        p = a * b
        low = (abs(p) < 1e-280) & (a != 0) & (b != 0)
        if x.radius is None and y.radius is None:
            return self._settled(p, np.where(low, _TINY, abs(_product_error(a, b, p)) * _UP), x, y)
        r, q = _radius(x), _radius(y)
        error = (abs(a) * q + abs(b) * r + r * q + abs(p) * _HALF_ULP) * _UP + _TINY
        zero = ((a == 0) & (r == 0) & np.isfinite(b)) | ((b == 0) & (q == 0) & np.isfinite(a))
        found = self._settled(p, np.where(zero, 0.0, error), x, y)
        return self._meets_infinity(found, x, y)

    def _meets_infinity(self, found: Ball, x: Ball, y: Ball) -> Ball:
        """What may be zero times an infinity is not known, unless it is zero: then it has no value."""
        np = self._np
        doubtful = np.zeros((), bool)
        for one, other in ((x, y), (y, x)):
            doubtful = doubtful | np.isinf(one.middle) & (abs(other.middle) <= _radius(other)) & (_radius(other) > 0)
        if not doubtful.any():
            return found
        return Ball(np.where(doubtful, 0.0, found.middle), np.where(doubtful, math.inf, _radius(found)))

    def _divide(self, x: Ball, y: Ball) -> Ball:
        np = self._np
        a, b = x.middle, y.middle
        q = a / b
        zero = (b == 0) & (_radius(y) == 0)
        if x.radius is None and y.radius is None:
            product = q * b
            right = (
                (product == a) & (_product_error(q, b, product) == 0) & (abs(product) > 1e-280) | (a == 0) | np.isinf(b)
            )
            error = np.where(right, 0.0, abs(q) * 2 * _HALF_ULP + _TINY)
            found = self._settled(np.where(zero, math.nan, q), error, x, y)
            return Ball(np.where(zero, math.nan, found.middle), found.radius)
        r, s = _radius(x), _radius(y)
        least = (abs(b) - s) * (1 - 2.0**-50)
        error = ((r + abs(q) * s) / least + abs(q) * 2 * _HALF_ULP) * _UP + _TINY
        error = np.where(np.isinf(b) & np.isfinite(a), 0.0, error)  # x / ∞ = 0
        error = np.where((a == 0) & (r == 0), 0.0, error)
        doubtful = (least <= 0) & ~zero
        found = self._settled(np.where(zero | doubtful, 0.0, q), np.where(zero, 0.0, error), x, y)
        doubtful = doubtful & ~np.isnan(found.middle)
        if not (zero.any() or doubtful.any()):
            return found
        none = np.isnan(a) | np.isnan(b) | (zero & ~np.isinf(r))
        middle = np.where(none, math.nan, np.where(doubtful, 0.0, found.middle))
        return Ball(middle, np.where(none, 0.0, np.where(doubtful | np.isinf(r), math.inf, _radius(found))))

    def _extreme(self, function: Any, x: Ball, y: Ball) -> Ball:
        # The greater of two numbers moves by no more than the one that moves most.
        m = function(x.middle, y.middle)
        if x.radius is None and y.radius is None:
            return self._settled(m, None, x, y)
        return self._settled(m, self._np.maximum(_radius(x), _radius(y)), x, y)

    def unary(self, name: str, x: Ball) -> Ball:
        np = self._np
        match name:
            case "neg":
                return Ball(-x.middle, x.radius)
            case "abs":
                return Ball(abs(x.middle), x.radius)
            case "relu":
                return self._settled(np.maximum(x.middle, 0.0), x.radius, x)
            case "rsqrt":
                return self._divide(self.rational(1, 1), self.unary("sqrt", x))
            case "silu":
                return self._multiply(x, self.unary("sigmoid", x))
            case "gelu":
                inner = self.unary("erf", self._divide(x, self.unary("sqrt", self.rational(2, 1))))
                return self._multiply(self._multiply(x, self.rational(1, 2)), self._add(self.rational(1, 1), inner))
            case "gelu_tanh":
                cubic = self._multiply(x, self._multiply(x, x))
                shifted = self._add(x, self._multiply(self.rational(44715, 1000000), cubic))
                root = self.unary("sqrt", self._divide(self.rational(2, 1), self.constant("pi")))
                inner = self.unary("tanh", self._multiply(root, shifted))
                return self._multiply(self._multiply(x, self.rational(1, 2)), self._add(self.rational(1, 1), inner))
            case "floor":
                r = _radius(x)
                low, high = np.floor(x.middle - r), np.floor(x.middle + r)
                found = np.where(np.isnan(x.middle) | (low == high), low, 0.0)
                return self._settled(found, np.where((low == high) | np.isnan(x.middle), 0.0, math.inf), x)
            case "log" | "log2" | "sqrt":
                return self._above_zero(name, x)
        return self._smooth(name, x)

    def _above_zero(self, name: str, x: Ball) -> Ball:
        np = self._np
        r = _radius(x)
        low, high = x.middle - r, x.middle + r
        negative = high < 0
        doubtful = ~negative & (low <= 0) & (r > 0) & ~np.isnan(x.middle)
        inside = np.where(negative | doubtful, 1.0, x.middle)
        m = self._functions[name](inside)
        least = np.where(negative | doubtful, 1.0, low)
        if name == "sqrt":
            square = m * m
            right = (square == inside) & (_product_error(m, m, square) == 0) & ((square > 1e-280) | (inside == 0))
            own = np.where(right & (r == 0), 0.0, abs(m) * 4 * _HALF_ULP + _TINY)
            error = np.where(r > 0, r / np.sqrt(least), 0.0) * _UP + own
        else:
            own = np.where((inside == 1) & (r == 0), 0.0, abs(m) * _LIBRARY + _TINY)
            # the derivative is at most 1 / least, times log2(e) for base 2
            error = np.where(r > 0, 1.5 * r / least, 0.0) * _UP + own
        error = np.where(np.isfinite(m), error, 0.0)  # log(0) is -∞, and so on
        found = Ball(np.where(negative, math.nan, m), np.where(negative, 0.0, error))
        unknown = doubtful | np.isinf(r)
        if unknown.any():
            return Ball(np.where(unknown, 0.0, found.middle), np.where(unknown, math.inf, found.radius))
        return found if found.radius.any() else Ball(found.middle, None)

    def _smooth(self, name: str, x: Ball) -> Ball:
        """Functions whose derivative is known to be bounded, and exponentials."""
        np = self._np
        m = self._functions[name](x.middle)
        r = _radius(x)
        match name:
            case "exp" | "exp2":
                error = m * np.expm1(r) * _UP + m * _LIBRARY + _TINY
                certain = ((x.middle == 0) & (r == 0)) | (np.isinf(x.middle) & (r == 0))
            case "sin" | "cos":
                error = r + _LIBRARY
                certain = (x.middle == 0) & (r == 0)
            case "tanh" | "softplus":
                error = r * _UP + abs(m) * _LIBRARY + _TINY
                certain = ((x.middle == 0) & (r == 0) & (name == "tanh")) | np.isinf(x.middle)
            case "sigmoid":
                error = r + abs(m) * _LIBRARY + _TINY
                certain = ((x.middle == 0) & (r == 0)) | np.isinf(x.middle)
            case "erf":
                error = r * 2 + _LIBRARY
                certain = ((x.middle == 0) & (r == 0)) | np.isinf(x.middle)
            case _:
                raise ValueError(name)
        return self._settled(m, np.where(certain, 0.0, error), x)

    # -- reductions ------------------------------------------------------------------------

    def reduce(self, name: str, x: Ball, mask: Array | None, axes: tuple[int, ...], shape: tuple[int, ...]) -> Ball:
        np = self._np
        neutral = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}[name]
        middle = np.broadcast_to(x.middle if mask is None else np.where(mask, x.middle, neutral), shape)
        radius = None
        if x.radius is not None:
            radius = np.broadcast_to(x.radius if mask is None else np.where(mask, x.radius, 0.0), shape)
        match name:
            case "max" | "min":
                found = getattr(np, name)(middle, axis=axes, keepdims=True)
                most = None if radius is None else radius.max(axis=axes, keepdims=True)
            case "sum":
                found, most = self._sum(middle, radius, axes)
            case _:
                return self._product(Ball(middle, radius), axes)
        return self._gathered(found, most, middle, radius, axes)

    def _sum(self, middle: Array, radius: Array | None, axes: tuple[int, ...]) -> tuple[Array, Array]:
        found = middle.sum(axis=axes, keepdims=True)
        size = abs(middle).sum(axis=axes, keepdims=True)
        if radius is None and _whole(middle) and (size < 2.0**32).all():
            return found, self._np.zeros_like(found)  # every partial sum is exact
        count = middle.size // max(found.size, 1)
        error = size * (count * 2 * _HALF_ULP)  # in whatever order the terms are added
        if radius is not None:
            error = error + radius.sum(axis=axes, keepdims=True)
        return found, error * _UP * (1 + count * _HALF_ULP)

    def _gathered(
        self, found: Array, error: Array | None, middle: Array, radius: Array | None, axes: tuple[int, ...]
    ) -> Ball:
        np = self._np
        if np.isfinite(found).all() and (error is None or np.isfinite(error).all()):
            return Ball(found, error if error is not None and error.any() else None)
        nothing = np.isnan(middle).any(axis=axes, keepdims=True)
        unknown = np.zeros(found.shape, bool)
        if radius is not None:
            unknown |= np.isinf(radius).any(axis=axes, keepdims=True)
        infinite = np.isinf(middle).any(axis=axes, keepdims=True)
        unknown |= np.isinf(found) & ~infinite
        unknown &= ~nothing
        error = np.zeros(found.shape) if error is None else np.where(np.isfinite(error), error, 0.0)
        error = np.where(unknown, math.inf, np.where(np.isfinite(found), error, 0.0))
        return Ball(np.where(unknown, 0.0, np.where(nothing, math.nan, found)), error)

    def _product(self, x: Ball, axes: tuple[int, ...]) -> Ball:
        np = self._np
        rank = x.middle.ndim
        order = [a for a in range(rank) if a - rank not in axes] + sorted(rank + a for a in axes)
        kept = rank - len(axes)

        def flat(a: Array) -> Array:
            return a.transpose(order).reshape((*[a.shape[o] for o in order[:kept]], -1))

        middle = flat(x.middle)
        radius = None if x.radius is None else flat(x.radius)
        total = self.rational(1, 1)
        for place in range(middle.shape[-1]):
            total = self._multiply(total, Ball(middle[..., place], None if radius is None else radius[..., place]))
        shape = [1 if a - rank in axes else x.middle.shape[a] for a in range(rank)]

        def whole(a: Array) -> Array:
            found: Array = np.broadcast_to(a, middle.shape[:-1]).reshape(shape)
            return found

        return Ball(whole(total.middle), None if total.radius is None else whole(np.asarray(total.radius)))

    def contract(self, factors: list[Ball], mask: Array | None, axes: tuple[int, ...]) -> Ball | None:
        np = self._np
        for f in factors:
            if not np.isfinite(f.middle).all() or (f.radius is not None and not np.isfinite(f.radius).all()):
                return None
        if mask is not None:
            factors = [*factors, Ball(mask.astype(float), None)]
        found = einsum([f.middle for f in factors], axes)
        sizes = [abs(f.middle) for f in factors]
        size = einsum(sizes, axes)
        exact = all(f.radius is None for f in factors)
        if exact and all(_whole(f.middle, 2.0**6) for f in factors) and (size < 2.0 ** (52 - 6 * len(factors))).all():
            return Ball(found, None)
        shape = np.broadcast_shapes(*(f.middle.shape for f in factors))
        count = math.prod(shape[a] for a in axes) + len(factors)
        # (|a| + r) (|b| + s) ... - |a| |b| ... bounds what the radii do to each product
        error = size * (2 * count * _HALF_ULP)
        if not exact:
            error = (
                error
                + (einsum([s + _radius(f) for s, f in zip(sizes, factors, strict=True)], axes) - size)
                + (size * (4 * count * _HALF_ULP))
            )
        error = error * _UP + _TINY * count
        if not (np.isfinite(found).all() and np.isfinite(error).all()):
            return None
        return Ball(found, error)


def _radius(x: Ball) -> Any:
    return 0.0 if x.radius is None else x.radius


def _whole(values: Array, grain: float = _GRAIN) -> bool:
    """Whether all values are multiples of 1 / grain, and small."""
    import numpy as np

    scaled = values * grain
    return bool(np.isfinite(scaled).all() and (scaled == np.rint(scaled)).all())


def _product_error(a: Array, b: Array, product: Array) -> Array:
    """``a * b - product`` exactly, where nothing overflows or underflows (Dekker's splitting)."""
    factor = 134217729.0  # 2**27 + 1

    def split(x: Array) -> tuple[Array, Array]:
        c = factor * x
        high = c - (c - x)
        return high, x - high

    ah, al = split(a)
    bh, bl = split(b)
    error: Array = ((ah * bh - product) + ah * bl + al * bh) + al * bl
    return error
