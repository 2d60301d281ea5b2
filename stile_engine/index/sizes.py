"""Sizes that a program computes with: integers, and affine expressions of symbolic sizes that act as integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import ceil, floor, gcd, isinf, isnan
from numbers import Complex, Integral, Number, Real
from typing import Any, NoReturn, SupportsIndex, TypeAlias

from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.registry import registered

IntegerLike: TypeAlias = "SupportsIndex | SymbolicInteger | Affine"

Size: TypeAlias = "int | SymbolicInteger"
"""The size of an axis: a number, or an affine expression of symbolic sizes."""


def affine_of(value: IntegerLike) -> Affine:
    """The affine expression of an integer, a dim or an expression of dims."""
    if isinstance(value, Affine):
        return value
    if isinstance(value, SymbolicInteger):
        return value.affine
    return Affine((), value.__index__())


def size_of(value: Affine) -> Size:
    """The expression as a size: a plain number where it is one."""
    return value.constant if value.is_constant else SymbolicInteger(value)


def same_size(left: Size, right: Size) -> bool:
    """Whether two sizes are one expression. Unlike ``==`` it never has to be decided."""
    return Affine.of(left) == Affine.of(right)


def is_fixed(size: Size, number: int) -> bool:
    """Whether a size is this number whatever the symbolic sizes are."""
    return not isinstance(size, SymbolicInteger) and size == number


class SymbolicInteger:
    """An integer that is an affine expression of symbolic sizes."""

    __array_ufunc__ = None  # NumPy then leaves ``array + N`` to the operators below

    def __init__(self, affine: Affine) -> None:
        self.affine = affine

    def __repr__(self) -> str:
        return render_sizes(self.affine)

    def __hash__(self) -> int:
        return hash(self.affine)

    def __index__(self) -> NoReturn:
        raise UnsupportedError(
            f"the size {self!r} is symbolic, and this needs a number: unrolled loops and arrays have concrete sizes; "
            "declare the dim with a size, as in dim('N', 512)"
        )

    __int__ = __index__
    __float__ = __index__

    def __bool__(self) -> bool:
        return self != 0

    def _result(self, affine: Affine) -> SymbolicInteger | int:
        return affine.constant if affine.is_constant else self._symbolic(affine)

    def _symbolic(self, affine: Affine) -> SymbolicInteger:
        return SymbolicInteger(affine)

    def _other(self, other: object) -> Affine | None:
        if isinstance(other, SymbolicInteger):
            return other.affine
        if isinstance(other, int):
            return Affine((), int(other))
        if isinstance(other, Affine):
            return other
        return Affine((), int(other)) if isinstance(other, Integral) else None  # a whole number of NumPy

    def _operand(self, other: object) -> Affine | None:
        """For arithmetic, which with an ``Affine`` gives one: an index expression, and no size any more."""
        return None if isinstance(other, Affine) else self._other(other)

    def __add__(self, other: Any) -> Any:
        affine = self._operand(other)
        return NotImplemented if affine is None else self._result(self.affine + affine)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        affine = self._operand(other)
        return NotImplemented if affine is None else self._result(self.affine - affine)

    def __rsub__(self, other: Any) -> Any:
        affine = self._operand(other)
        return NotImplemented if affine is None else self._result(affine - self.affine)

    def __neg__(self) -> Any:
        return self._result(-self.affine)

    def __pos__(self) -> Any:
        return self

    def __mul__(self, other: Any) -> Any:
        affine = self._operand(other)
        if affine is None:
            return NotImplemented
        if not affine.is_constant:
            if _products.get() and not self.affine.is_constant:
                return SizeProduct((self.affine, affine))
            raise UnsupportedError(
                f"the product {self!r} * {other!r} of two symbolic sizes is not affine: {_one_number(other)}"
            )
        return self._result(self.affine * affine)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        affine = self._operand(other)
        return NotImplemented if affine is None else self._result(quotient(self.affine, affine))

    def __mod__(self, other: Any) -> Any:
        affine = self._operand(other)
        if affine is None:
            return NotImplemented
        return self._result(self.affine - affine * quotient(self.affine, affine))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rfloordiv__(self, other: Any) -> Any:
        affine = self._operand(other)
        return NotImplemented if affine is None else self._result(quotient(affine, self.affine))

    def __rmod__(self, other: Any) -> Any:
        affine = self._operand(other)
        if affine is None:
            return NotImplemented
        return self._result(affine - self.affine * quotient(affine, self.affine))

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __round__(self, digits: SupportsIndex | None = None) -> Any:
        if digits is not None and digits.__index__() < 0:
            raise UnsupportedError(f"the symbolic size {self!r} rounded to tens")
        return self

    __trunc__ = __floor__ = __ceil__ = __pos__

    def _bits(self, *_other: Any) -> NoReturn:
        raise UnsupportedError(f"the bits of the symbolic size {self!r}: declare the dim with a size")

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = _bits
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _bits
    bit_length = bit_count = to_bytes = as_integer_ratio = _bits

    def _compare(self, other: object, least: int) -> bool | None:
        """Whether ``self - other >= least``, for every size or for none; None for a foreign operand."""
        affine = self._other(other)
        if affine is None:
            if not isinstance(other, Real) or isnan(other):
                return None
            if isinf(other):
                return other < 0
            number: Any = other
            affine = Affine((), floor(number) if least else ceil(number))
        difference = self.affine - affine
        low, high = size_bounds(difference)
        if low is not None and low >= least:
            return True
        if high is not None and high < least:
            return False
        raise UnsupportedError(f"{self!r} compared with {other!r} depends on the symbolic size")

    def __ge__(self, other: Any) -> Any:
        found = self._compare(other, 0)
        return NotImplemented if found is None else found

    def __gt__(self, other: Any) -> Any:
        found = self._compare(other, 1)
        return NotImplemented if found is None else found

    def __le__(self, other: Any) -> Any:
        found = self._compare(other, 1)
        return NotImplemented if found is None else not found

    def __lt__(self, other: Any) -> Any:
        found = self._compare(other, 0)
        return NotImplemented if found is None else not found

    def __eq__(self, other: object) -> bool:
        affine = self._other(other)
        if affine is None:
            if not isinstance(other, Number):
                if hasattr(other, "__array_interface__"):
                    raise UnsupportedError(f"{self!r} compared with an array of NumPy")
                return NotImplemented
            whole = whole_number(other)
            if whole is None:
                return False
            affine = Affine((), whole)
        difference = self.affine - affine
        if difference.is_constant:
            return difference.constant == 0
        low, high = size_bounds(difference)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        if difference.constant % gcd(*(coefficient for _, coefficient in difference.terms)):
            return False  # all other terms are multiples of this
        raise UnsupportedError(f"{self!r} == {other!r} depends on the symbolic size")

    def __ne__(self, other: object) -> bool:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found


def whole_number(value: Any) -> int | None:
    """The integer that a number of any type equals, as ``1000.0`` does; None where it equals none."""
    part: Any = value.real if isinstance(value, Complex) else value
    try:
        whole = int(part)
    except (OverflowError, ValueError):
        return None
    return whole if value == whole else None


_products: ContextVar[bool] = ContextVar("_products", default=False)


@contextmanager
def products_of_sizes() -> Iterator[None]:
    """Inside, sizes may be multiplied: a ``SizeProduct`` is what a grid, or a number that a kernel on pointers is
    given, may be. Elsewhere a product of symbolic sizes is an error at once."""
    token = _products.set(True)
    try:
        yield
    finally:
        _products.reset(token)


def _one_number(size: object) -> str:
    """What to do about a product of sizes."""
    name = repr(size)
    return f"give one of them a number, as in dim('{name if name.isidentifier() else 'N'}', 512)"


class SizeProduct:
    """A product of symbolic sizes, such as the number of tiles of a matrix: no affine expression, and no integer."""

    __array_ufunc__ = None

    def __init__(self, factors: tuple[Affine, ...]) -> None:
        self.factors = factors

    def __repr__(self) -> str:
        return " * ".join(f"({render_sizes(f)})" if len(f.terms) > 1 else render_sizes(f) for f in self.factors)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, SizeProduct):
            return SizeProduct((*self.factors, *other.factors))
        if isinstance(other, (SymbolicInteger, int)) and not isinstance(other, bool):
            return SizeProduct((*self.factors, affine_of(other)))
        return NotImplemented

    __rmul__ = __mul__

    def replaced(self, replacement: Callable[[SymbolicInteger], Any]) -> Any:
        """The product of what stands for each factor."""
        total: Any = 1
        with products_of_sizes():
            for factor in self.factors:
                total = total * (replacement(SymbolicInteger(factor)) if factor.terms else factor.constant)
        return total

    def _refused(self, *_others: object) -> NoReturn:
        last = SymbolicInteger(self.factors[-1])
        raise UnsupportedError(
            f"the product {self!r} of symbolic sizes is not affine, and this needs a size that is: {_one_number(last)}"
            ", or, where rows and columns do not matter, name the tensor by one dim, as in 'X:L' instead of 'X:M N'"
        )

    __index__ = __int__ = __float__ = __bool__ = _refused
    __add__ = __radd__ = __sub__ = __rsub__ = __neg__ = _refused
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refused
    __lt__ = __le__ = __gt__ = __ge__ = _refused


def size_bounds(expression: Affine) -> tuple[int | None, int | None]:
    """Least and greatest value where each unknown is any integer >= 1; None where there is no bound known."""
    low: int | None = expression.constant
    high: int | None = expression.constant
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            inner_low, inner_high = size_bounds(atom.numerator)
            least = None if inner_low is None else inner_low // atom.divisor
            greatest = None if inner_high is None else inner_high // atom.divisor
        else:
            least, greatest = (1 if atom.startswith("#") else None), None
        if coefficient < 0:
            least, greatest = greatest, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or greatest is None else high + coefficient * greatest
    return low, high


_MOST_TIMES = 4
"""A symbolic size is looked for in another one so many times."""


def quotient(dividend: Affine, divisor: Affine) -> Affine:
    """``dividend // divisor`` of sizes. Raises ``UnsupportedError`` where the divisor is symbolic and the quotient
    not one number at every size, and where the divisor may not be positive."""
    if divisor.is_constant and divisor.constant > 0:
        return dividend // divisor.constant
    least, _ = size_bounds(divisor)
    if least is not None and least > 0:
        if not dividend.terms and not dividend.constant:
            return dividend
        for times in range(-_MOST_TIMES, _MOST_TIMES + 1):
            rest = dividend - divisor * times
            (low, _), (_, above) = size_bounds(rest), size_bounds(rest - divisor)
            if low is not None and low >= 0 and above is not None and above < 0:
                return Affine((), times)
    raise UnsupportedError(
        f"({render_sizes(dividend)}) // ({render_sizes(divisor)}), which is not one number at every size,"
    )


def render_sizes(expression: Affine) -> str:
    """The text of a size in terms of the dims: ``64 * #N`` is N where that is a multiple of 64."""
    shown = Affine((), expression.constant)
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            numerator = render_sizes(atom.numerator)
            text = f"{numerator if numerator.isidentifier() else f'({numerator})'} // {atom.divisor}"
            shown = shown + Affine.variable(text if coefficient == 1 else f"({text})") * coefficient
            continue
        name = atom.removeprefix("#")
        known = registered.get(name) if atom.startswith("#") else None
        multiple = 1 if known is None else known.multiple_of
        if coefficient % multiple == 0:
            shown = shown + Affine.variable(name) * (coefficient // multiple)
        elif multiple % coefficient == 0:
            parts, sign = multiple // abs(coefficient), 1 if coefficient > 0 else -1
            shown = shown + Affine.variable(f"{name} // {parts}") * sign
        else:
            shown = shown + Affine.variable(f"({name} // {multiple})") * coefficient
    return shown.render()


def cdiv(numerator: Any, denominator: Any) -> Any:
    """The quotient rounded up, as for the number of tiles that cover a size."""
    return -(-numerator // denominator)
