"""What a framework must offer so that typed arrays can carry its arrays: numbers only, no rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from stile_engine.index.predicate import Predicate


class Library(Protocol):
    """Operations on a framework's own arrays. Every size is a plain integer here."""

    name: str

    def shape(self, data: Any) -> tuple[int, ...]: ...

    def narrow(self, data: Any, axis: int, low: int, high: int) -> Any: ...

    def repeat(self, data: Any, count: int) -> Any:
        """A new first axis along which the data is constant."""

    def transpose(self, data: Any, order: Sequence[int]) -> Any: ...

    def reduce(self, reduction: str, data: Any, axis: int) -> Any: ...

    def apply(self, function: str, operands: Sequence[Any]) -> Any:
        """A pointwise function of ``term.expression`` on arrays of one shape and scalars."""

    def contract(self, operands: Sequence[tuple[Any, Sequence[int]]], result: Sequence[int]) -> Any:
        """The sum of products over the numbered axes that the result lacks."""

    def select(self, predicate: Predicate, ranges: Sequence[tuple[str, int, int]], chosen: Any, other: Any) -> Any:
        """``chosen`` where the predicate holds on the grid of the named index ranges, else ``other``."""

    def full(self, shape: Sequence[int], value: float) -> Any: ...

    def cast(self, data: Any, dtype: Any) -> Any: ...

    def is_floating(self, dtype: Any) -> bool:
        """Whether a cast to the type keeps real numbers as they are. Raises ``UsageError`` for what is no type."""

    def write(self, target: Any, box: Sequence[tuple[int, int]], data: Any) -> Any:
        """``target`` with ``data`` in the box; may work in place."""

    def gather(
        self,
        data: Any,
        dims: Sequence[tuple[str, int]],
        dim: str,
        index: Any,
        index_dims: Sequence[str],
        result: Sequence[tuple[str, int, int]],
    ) -> Any:
        """``data``, whose axes begin at these indices, read along ``dim`` at ``index``, over the result's ranges."""

    def scatter(
        self,
        base: Any,
        result: Sequence[tuple[str, int, int]],
        dim: str,
        index: Any,
        index_dims: Sequence[str],
        data: Any,
        dims: Sequence[tuple[str, int, int]],
        reduction: str | None,
    ) -> Any:
        """``base`` (None: zeros) with ``data`` over these ranges written, or added, along ``dim`` at ``index``."""
