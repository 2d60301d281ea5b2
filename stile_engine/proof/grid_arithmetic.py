"""What an evaluation on a grid is given and works with: inputs, an arithmetic, coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stile_engine.term.expression import Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class GridInputs(Protocol):
    def grid(self, tensor: Tensor, position: tuple[Any, ...]) -> Array:
        """The inputs at arrays of positions, as floats; exact."""


class GridArithmetic(Protocol):
    """Numbers on a grid. What a value is, is its own affair: one array, or several of one shape; but its ``size``
    is how many numbers it holds."""

    def exact(self, values: Array) -> Any: ...
    def rational(self, numerator: int, denominator: int) -> Any: ...
    def constant(self, name: str) -> Any: ...
    def no_value(self) -> Any: ...
    def unary(self, name: str, x: Any) -> Any: ...
    def binary(self, name: str, x: Any, y: Any) -> Any: ...
    def where(self, mask: Array, x: Any, y: Any) -> Any: ...
    def reduce(self, name: str, x: Any, mask: Array | None, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        """Over the axes, which stay with length one; ``shape`` is that of the grid that is reduced."""

    def contract(self, factors: list[Any], mask: Array | None, axes: tuple[int, ...]) -> Any:
        """The sum of the product over the axes, or None where it has to be written out."""

    def shape(self, x: Any) -> tuple[int, ...]: ...

    def take(self, x: Any, place: int, index: int) -> Any:
        """The part at one index of the axis ``place``, counted from the last, which stays with length one."""

    def spread(self, x: Any, shape: tuple[int, ...]) -> Any:
        """The same over the whole of ``shape``; axes of length one before it are dropped."""


@dataclass(frozen=True, eq=False, slots=True)
class Coordinates:
    """The values of one variable, an array that broadcasts with every other one of the grid. Compared by
    identity: two objects may hold the same values, one object is always the same."""

    values: Any
    places: frozenset[int]
    """The axes of the grid, counted from the last, along which the values vary."""
    low: int
    high: int
    """Bounds of the values, both included; they need not be reached."""


def part_at(values: Array, place: int, index: int) -> Array:
    """The part at one index of the axis ``place``, counted from the last; all of it where it does not vary there."""
    if values.ndim <= place or values.shape[-1 - place] == 1:
        return values
    at: tuple[Any, ...] = (..., slice(index, index + 1), *[slice(None)] * place)
    found: Array = values[at]
    return found


def without_leading(values: Array, rank: int) -> Array:
    """Without the axes, all of length one, that lie before the last ``rank``."""
    return values.reshape(values.shape[max(values.ndim - rank, 0) :])
