"""Dims: named sizes that a program uses as integers, and slices of them.

A dim with a size is an ``int`` with a name. A dim without one stands for every admissible size: it is
a symbolic integer, affine in one unknown ``#NAME`` that counts multiples and is at least 1.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import ceil, floor, gcd, isinf, isnan
from numbers import Complex, Integral, Number, Real
from typing import Any, NoReturn, SupportsIndex, TypeAlias

from stile_engine.errors import DimError, UnsupportedError
from stile_engine.index.affine import Affine, FloorDiv

IntegerLike: TypeAlias = "SupportsIndex | SymbolicInteger | Affine"

Size: TypeAlias = "int | SymbolicInteger"
"""The size of an axis: a number, or an affine expression of symbolic sizes."""

DEFAULT_MAXIMUM = 2**30
"""Bound of a symbolic size unless ``max=`` says otherwise; it is part of every statement."""

_WORDS = """
    let in at where and or not inf pi size scalar zeros full gather scatter softmax
    sum max min mean prod logsumexp
    exp exp2 log log2 sqrt rsqrt sin cos tanh erf abs relu sigmoid silu gelu gelu_tanh softplus floor
    maximum minimum clamp
"""

RESERVED_WORDS = frozenset(_WORDS.split())
"""Words of the spec language, which can name neither a dim nor a label."""


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
            raise UnsupportedError(f"the product {self!r} * {other!r} of two symbolic sizes is not affine")
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
        raise UnsupportedError(f"the product {self!r} of symbolic sizes is not affine, and this needs a size that is")

    __index__ = __int__ = __float__ = __bool__ = _refused
    __add__ = __radd__ = __sub__ = __rsub__ = __neg__ = _refused
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refused
    __lt__ = __le__ = __gt__ = __ge__ = _refused


class Dim:
    """A named size. ``Dim(name, 512)`` is also an ``int``; without a size, or with one that is made of other dims, it
    is symbolic."""

    name: str
    extent: Affine
    multiple_of: int
    maximum: int

    def __new__(
        cls,
        name: str,
        size: SupportsIndex | SymbolicInteger | None = None,
        *,
        multiple_of: int = 1,
        max: int | None = None,
    ) -> Dim:
        if cls is Dim:
            if isinstance(size, SymbolicInteger) and not isinstance(size, SymbolicDim):
                return DependentDim(name, size, multiple_of=multiple_of, max=max)
            symbolic = size is None or isinstance(size, SymbolicDim)
            return (SymbolicDim if symbolic else ConcreteDim)(name, size, multiple_of=multiple_of, max=max)
        return super().__new__(cls)

    @property
    def size(self) -> Any:
        """The size as an integer: a plain one, or the dim itself where it is symbolic."""
        return self if self.concrete is None else self.concrete

    @property
    def concrete(self) -> int | None:
        """The size as a plain integer, None where it is symbolic."""
        return self.extent.constant if self.extent.is_constant else None

    @property
    def symbol(self) -> str:
        """The unknown that a symbolic size is a multiple of."""
        return f"#{self.name}"

    @property
    def symbol_range(self) -> tuple[int, int]:
        """Least and greatest value of the unknown, both included."""
        return (1, self.maximum // self.multiple_of)

    @property
    def unknowns(self) -> Mapping[str, tuple[int, int]]:
        """The unknowns that the size is made of, each with its least and greatest value; none of a plain size."""
        return {} if self.concrete is not None else {self.symbol: self.symbol_range}

    @property
    def size_text(self) -> int | str:
        """The size as reports show it: ``512``, or ``64*k, k >= 1``."""
        if self.concrete is not None:
            return self.concrete
        multiple = f"{self.multiple_of}*k" if self.multiple_of > 1 else "k"
        return f"{multiple}, k >= 1" + ("" if self.maximum == DEFAULT_MAXIMUM else f", {self.name} <= {self.maximum}")

    def __getitem__(self, item: object) -> DimSlice:
        """``D[a:b]``, a slice in coordinates of the whole dim. ``DimError`` unless 0 <= a < b <= D."""
        if not isinstance(item, slice) or item.step is not None:
            raise DimError(f"a dim is sliced as {self.name}[low:high], not as {self.name}[{item!r}]")
        low = Affine() if item.start is None else _bound(self, item.start)
        high = self.extent if item.stop is None else _bound(self, item.stop)
        return DimSlice(self, low, high)

    # ``__getitem__`` makes Python and NumPy believe in a sequence; a dim is none.
    __iter__ = None

    def __copy__(self) -> Dim:
        return self

    def __deepcopy__(self, _memo: object) -> Dim:
        return self


class ConcreteDim(Dim, int):
    """A dim with a known size; an integer wherever one is wanted."""

    def __new__(
        cls, name: str, size: SupportsIndex | None = None, *, multiple_of: int = 1, max: int | None = None
    ) -> ConcreteDim:
        check_name(name)
        if size is None or isinstance(size, bool) or not hasattr(size, "__index__"):
            raise DimError(f"the size of dim {name} must be a whole number, not {size!r}")
        number = int(size.__index__())
        if number < 1:
            raise DimError(f"the size of dim {name} must be at least 1, not {number}")
        if number % multiple_of:
            raise DimError(f"the size {number} of dim {name} is not a multiple of {multiple_of}")
        self = int.__new__(cls, number)
        self.name = name
        self.extent = Affine((), number)
        self.multiple_of = 1
        self.maximum = number
        return self

    def __repr__(self) -> str:
        return f"dim({self.name!r}, {int(self)})"

    def __str__(self) -> str:
        return str(int(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy

        return numpy.array(int(self), dtype=dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ConcreteDim, (self.name, int(self)))


class SymbolicDim(Dim, SymbolicInteger):
    """A dim that stands for every size >= 1 that is a multiple of ``multiple_of``, or has the size of another one."""

    __hash__ = SymbolicInteger.__hash__

    def __init__(
        self, name: str, size: SupportsIndex | None = None, *, multiple_of: int = 1, max: int | None = None
    ) -> None:
        check_name(name)
        if isinstance(size, SymbolicDim):
            if multiple_of != 1 or max is not None:
                raise DimError(f"dim {name} has the size of {size!r}, and no multiple_of or max of its own")
            self._like: SymbolicDim | None = size
            self.name, self.multiple_of, self.maximum, self.extent = name, size.multiple_of, size.maximum, size.extent
            SymbolicInteger.__init__(self, self.extent)
            return
        self._like = None
        if multiple_of < 1:
            raise DimError(f"multiple_of of dim {name} must be at least 1, not {multiple_of}")
        maximum = DEFAULT_MAXIMUM if max is None else int(max)
        if maximum < multiple_of:
            raise DimError(f"dim {name} has no size: no multiple of {multiple_of} is at most {maximum}")
        self.name = name
        self.multiple_of = multiple_of
        self.maximum = maximum
        self.extent = Affine.variable(f"#{name}") * multiple_of
        SymbolicInteger.__init__(self, self.extent)

    @property
    def symbol(self) -> str:
        return f"#{self.name}" if self._like is None else self._like.symbol

    @property
    def size_text(self) -> int | str:
        return super().size_text if self._like is None else self._like.name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.name, self.multiple_of, self.maximum, self._like))


def _rebuild(name: str, multiple_of: int, maximum: int, like: SymbolicDim | None) -> Dim:
    return SymbolicDim(name, multiple_of=multiple_of, max=maximum) if like is None else SymbolicDim(name, like)


class DependentDim(Dim, SymbolicInteger):
    """A dim whose size is an affine expression of other dims, as in ``dim("offsets", groups + 1)``."""

    __hash__ = SymbolicInteger.__hash__

    def __init__(self, name: str, size: SymbolicInteger, *, multiple_of: int = 1, max: int | None = None) -> None:
        check_name(name)
        if multiple_of != 1 or max is not None:
            raise DimError(
                f"dim {name} has the size {size!r}: multiple_of= and max= belong to the dims that it is made of"
            )
        unknowns: dict[str, tuple[int, int]] = {}
        for symbol in sorted(size.affine.variables):
            known = _registered.get(symbol.removeprefix("#"))
            if known is None or known.symbol != symbol:
                raise DimError(f"the size of dim {name} is made of {symbol.removeprefix('#')}, which is no dim")
            unknowns.update(known.unknowns)
        wide = {s: (Affine((), low), Affine((), high + 1)) for s, (low, high) in unknowns.items()}
        limits = size.affine.extremes(wide)
        if limits is None or limits[0] < 1:
            raise DimError(f"the size of dim {name} must be at least 1 for all sizes, and {size!r} is not")
        self._set(name, size.affine, unknowns, limits[1])

    def _set(self, name: str, extent: Affine, unknowns: Mapping[str, tuple[int, int]], maximum: int) -> None:
        self.name, self.extent, self.multiple_of, self.maximum = name, extent, 1, maximum
        self._unknowns = unknowns
        SymbolicInteger.__init__(self, extent)

    @property
    def unknowns(self) -> Mapping[str, tuple[int, int]]:
        return self._unknowns

    @property
    def size_text(self) -> int | str:
        return render_sizes(self.extent)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild_dependent, (self.name, self.extent, self._unknowns, self.maximum))


def _rebuild_dependent(name: str, extent: Affine, unknowns: Mapping[str, tuple[int, int]], maximum: int) -> Dim:
    made = Dim.__new__(DependentDim, name)
    assert isinstance(made, DependentDim)
    made._set(name, extent, unknowns, maximum)
    return made


def unknowns_of(dims: Iterable[Dim]) -> dict[str, tuple[int, int]]:
    """Least and greatest value, both included, of each unknown that the sizes are made of."""
    return {symbol: own for d in dims for symbol, own in d.unknowns.items()}


@dataclass(frozen=True, eq=False, slots=True)
class DimSlice:
    """``[low, high)`` of a dim, in coordinates of the whole dim."""

    dim: Dim
    low: Affine
    high: Affine

    def __post_init__(self) -> None:
        for bound, least, problem in (
            (self.low, 0, "starts before 0"),
            (self.high - self.low, 1, "is empty or negative"),
            (self.dim.extent - self.high, 0, f"ends after {render_sizes(self.dim.extent)}, the size of {self.name}"),
        ):
            lowest, highest = size_bounds(bound)
            if lowest is not None and lowest >= least:
                continue
            always = highest is not None and highest < least
            raise DimError(f"the slice {self} {problem}{'' if always else ' for some sizes'}")

    @property
    def name(self) -> str:
        return self.dim.name

    @property
    def size(self) -> Affine:
        return self.high - self.low

    @property
    def is_whole(self) -> bool:
        return self.low == Affine() and self.high == self.dim.extent

    def _key(self) -> tuple[str, Affine, Affine, Affine]:
        # By name: two concrete dims of one size are equal as integers, and are different dims.
        return (self.dim.name, self.dim.extent, self.low, self.high)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DimSlice) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return f"{self.name}[{render_sizes(self.low)}:{render_sizes(self.high)}]"

    __repr__ = __str__


def _bound(dim: Dim, value: object) -> Affine:
    if isinstance(value, (SymbolicInteger, Affine)) or (hasattr(value, "__index__") and not isinstance(value, bool)):
        return affine_of(value)
    raise DimError(f"a bound of a slice of dim {dim.name} must be an integer, not {value!r}")


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
        known = _registered.get(name) if atom.startswith("#") else None
        multiple = 1 if known is None else known.multiple_of
        if coefficient % multiple == 0:
            shown = shown + Affine.variable(name) * (coefficient // multiple)
        elif multiple % coefficient == 0:
            parts, sign = multiple // abs(coefficient), 1 if coefficient > 0 else -1
            shown = shown + Affine.variable(f"{name} // {parts}") * sign
        else:
            shown = shown + Affine.variable(f"({name} // {multiple})") * coefficient
    return shown.render()


def named_sizes(point: Mapping[str, int]) -> dict[str, int]:
    """The sizes of the dims whose unknowns have these values."""
    found: dict[str, int] = {}
    for symbol, value in sorted(point.items()):
        if symbol.startswith("#"):
            known = _registered.get(symbol[1:])
            found[symbol[1:]] = value * (1 if known is None else known.multiple_of)
    return found


def check_name(name: object) -> None:
    """Raise ``DimError`` unless the name can stand in a spec."""
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise DimError(f"a dim's name must be an ASCII identifier, not {name!r}")
    if name in RESERVED_WORDS:
        raise DimError(f"{name!r} is a word of the spec language and cannot name a dim")


def cdiv(numerator: Any, denominator: Any) -> Any:
    """The quotient rounded up, as for the number of tiles that cover a size."""
    return -(-numerator // denominator)


_registered: dict[str, Dim] = {}


def dim(
    name: str, size: SupportsIndex | SymbolicInteger | None = None, *, multiple_of: int = 1, max: int | None = None
) -> Dim:
    """Declare a dim: ``dim("q", 512)``, ``dim("N", multiple_of=64)`` for every such size, ``dim("K", N)`` for
    another dim of the same size, or ``dim("P", N + 1)`` for one that is made of others.

    Raises ``DimError`` for a name that cannot stand in a spec or a size that is no positive integer.
    """
    found = Dim(name, size if size is None else _resized.get().get(name, size), multiple_of=multiple_of, max=max)
    _registered[name] = found
    return found


_resized: ContextVar[Mapping[str, int]] = ContextVar("_resized", default={})  # noqa: B039


@contextmanager
def resized(sizes: Mapping[str, int]) -> Iterator[None]:
    """Dims that are declared inside with a size have these instead."""
    token = _resized.set(sizes)
    try:
        yield
    finally:
        _resized.reset(token)


def registered_dims() -> Mapping[str, Dim]:
    """The dims declared so far, by name; of two declarations of one name the later counts."""
    return dict(_registered)


class Scope:
    """A stretch of a program whose declarations belong together; other registries key on it."""


_scopes = [Scope()]


def current_scope() -> Scope:
    return _scopes[-1]


@contextmanager
def scope(clear: bool = False) -> Iterator[None]:
    """Declarations made inside end with it; with ``clear`` it also starts without any. Unnamed inputs count from 0."""
    saved = dict(_registered)
    if clear:
        _registered.clear()
    _scopes.append(Scope())
    try:
        yield
    finally:
        _scopes.pop()
        _registered.clear()
        _registered.update(saved)


def reset_stile() -> None:
    """Forget every declaration of the current scope; unnamed inputs count from 0 again."""
    _registered.clear()
    _scopes[-1] = Scope()
