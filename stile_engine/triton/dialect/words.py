"""The words of the dialect. They mean something in the text of a kernel under ``ttl.jit``, and nothing elsewhere."""

from __future__ import annotations

from typing import Any, NoReturn

from stile_engine.errors import UsageError


def _outside(word: str) -> NoReturn:
    raise UsageError(f"ttl.{word} stands inside of a kernel under @ttl.jit")


def load(pointer: Any, *slices: Any, other: Any = None) -> Any:
    """The tile ``ttl.load(ptr, M[m:m + BM], K)``: a slice for each dim of the pointer, in their order.

    Lanes past the end of a dim hold ``other``; without it they have no value.
    """
    _outside("load")


def store(pointer: Any, value: Any, *slices: Any) -> Any:
    """Write the tile where its slices say; what lies past the end of a dim is not written."""
    _outside("store")


def zeros(*slices: Any, dtype: Any = None) -> Any:
    """A tile of zeros, float32 unless ``dtype`` says otherwise."""
    _outside("zeros")


def full(*slices: Any, value: Any, dtype: Any = None) -> Any:
    """A tile of one number."""
    _outside("full")


def mask(*slices: Any, predicate: str, on: Any = 1.0, off: Any = 0.0, dtype: Any = None) -> Any:
    """A tile that is ``on`` where the predicate over its dims holds, and ``off`` elsewhere."""
    _outside("mask")


def gather(tile: Any, dim: Any, indices: Any, *, mask: Any = None, other: Any = None) -> Any:
    """The elements of a loaded tile that ``indices`` name along a dim that it has as a whole. Only these are read;
    lanes that ``mask`` (over the indices) switches off are not."""
    _outside("gather")


def range(low: Any, high: Any = None, step: Any = 1, *, invariant: dict[str, str] | None = None) -> Any:
    """A loop that is rolled; ``invariant`` claims what names hold before each round, and is proved."""
    _outside("range")


def static_range(low: Any, high: Any = None, step: Any = 1) -> Any:
    """A loop that is written out when the kernel is compiled."""
    _outside("static_range")
