"""The symbolic sizes of the kernel that is being read: how large each of them can be, and shapes made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim, unknowns_of
from stile_engine.index.sizes import Size, same_size
from stile_engine.term.expression import Axes, bounds

MOST_ELEMENTS = 2**30
"""Of every tensor, where a size is symbolic; part of every such statement."""

_unknowns: ContextVar[Axes | None] = ContextVar("_unknowns", default=None)


@contextmanager
def sized(unknowns: Axes) -> Iterator[None]:
    """While a kernel is read, the unknowns of its symbolic sizes lie in these ranges."""
    token = _unknowns.set(dict(unknowns))
    try:
        yield
    finally:
        _unknowns.reset(token)


def unknowns() -> Axes:
    """The range of each unknown. They are no index variables: each has one value for the whole launch."""
    return _unknowns.get() or {}


def ranges_of_unknowns(dims: Mapping[str, Dim], tensors: Sequence[Sequence[Dim]]) -> Axes:
    """Half-open ranges of the unknowns of the symbolic dims, where each tensor has the elements it may have."""
    symbolic = [d for d in dims.values() if d.concrete is None]
    ranges = unknowns_of(symbolic)
    highest = {symbol: high for symbol, (_, high) in ranges.items()}
    most = max(MOST_ELEMENTS, *highest.values(), 0)
    for shape in tensors:
        # c * k <= most for the one unknown k, or for each of several: all of them are at least 1
        elements = 1
        for d in shape:
            elements *= d.multiple_of if d.concrete is None else d.concrete
        for d in shape:
            if d.symbol in d.unknowns:
                highest[d.symbol] = min(highest[d.symbol], most // elements)
    return {symbol: bounds(low, highest[symbol] + 1) for symbol, (low, _) in ranges.items()}


def same_shape(left: Sequence[Size], right: Sequence[Size]) -> bool:
    """Whether the shapes are equal for every size, axis by axis one expression."""
    return len(left) == len(right) and all(same_size(a, b) for a, b in zip(left, right, strict=True))


def product(sizes: Sequence[Size]) -> Size:
    """How many elements a shape has. Raises ``UnsupportedError`` where that is not affine in the unknowns."""
    found: Size = 1
    for size in sizes:
        found = found * size
    return found


def index_of(size: Size) -> Affine:
    return Affine.of(size)
