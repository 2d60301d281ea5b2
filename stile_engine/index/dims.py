"""Dims: named sizes that a program uses as integers, and slices of them.

A dim with a size is an ``int`` with a name. A dim without one stands for every admissible size: it is
a symbolic integer, affine in one unknown ``#NAME`` that counts multiples and is at least 1.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, SupportsIndex

from stile_engine.errors import DimError
from stile_engine.index.affine import Affine
from stile_engine.index.registry import registered
from stile_engine.index.sizes import SymbolicInteger, affine_of, render_sizes, size_bounds

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
            known = registered.get(symbol.removeprefix("#"))
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


def named_sizes(point: Mapping[str, int]) -> dict[str, int]:
    """The sizes of the dims whose unknowns have these values."""
    found: dict[str, int] = {}
    for symbol, value in sorted(point.items()):
        if symbol.startswith("#"):
            known = registered.get(symbol[1:])
            found[symbol[1:]] = value * (1 if known is None else known.multiple_of)
    return found


def check_name(name: object) -> None:
    """Raise ``DimError`` unless the name can stand in a spec."""
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise DimError(f"a dim's name must be an ASCII identifier, not {name!r}")
    if name in RESERVED_WORDS:
        raise DimError(f"{name!r} is a word of the spec language and cannot name a dim")


def dim(
    name: str, size: SupportsIndex | SymbolicInteger | None = None, *, multiple_of: int = 1, max: int | None = None
) -> Dim:
    """Declare a dim: ``dim("q", 512)``, ``dim("N", multiple_of=64)`` for every such size, ``dim("K", N)`` for
    another dim of the same size, or ``dim("P", N + 1)``, ``dim("T", cdiv(N, 16))`` for one that is made of others.

    Raises ``DimError`` for a name that cannot stand in a spec or a size that is no positive integer.
    """
    found = Dim(name, size if size is None else _resized.get().get(name, size), multiple_of=multiple_of, max=max)
    registered[name] = found
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
    return dict(registered)
