"""Inputs for the search: elements drawn from a seed, the same on every machine, one by one or on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zlib import crc32

from stile_engine.term.expression import Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_MASK = 0xFFFFFFFFFFFFFFFF
_SEED, _STEP, _END = 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE3D27D4EB4F

Spikes = frozenset[tuple[Tensor, tuple[int, ...]]]
"""Elements that stand out."""

_SPIKE = 8


@dataclass(frozen=True, slots=True)
class Draws:
    """``((draw % modulus) * factor + offset) / divisor`` where ``draw % sparse`` is 0, else 0."""

    modulus: int
    offset: int
    divisor: int
    factor: int = 1
    sparse: int = 1


_KINDS = {
    "mixed": Draws(33, -16, 8),
    "positive": Draws(15, 1, 8),
    "negative": Draws(15, -15, 8),
    "small": Draws(3, -1, 1),
    "whole": Draws(7, -3, 1),
    "spiked": Draws(5, -2, 8),
    "low": Draws(5, -2, 8),
    "large": Draws(41, -120, 1, factor=6),
    "huge": Draws(25, -12_000, 1, factor=1000),
    "sparse": Draws(7, -3, 1, sparse=4),
    "near": Draws(17, 248, 256),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A way to choose inputs: a seed, a kind, and elements that stand out."""

    seed: int
    kind: str
    spikes: Spikes = frozenset()

    def __call__(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        if (tensor, position) in self.spikes:
            return Fraction(self._spike)
        draw = self.seed * _SEED + crc32(tensor.name.encode())
        for place in position:
            draw = (draw * _STEP + place + 1) & _MASK
            draw ^= draw >> 29
        draw = (draw * _END & _MASK) >> 33
        draws = _KINDS[self.kind]
        if draws.sparse > 1 and draw // draws.modulus % draws.sparse:
            return Fraction(0)
        return Fraction(draw % draws.modulus * draws.factor + draws.offset, draws.divisor)

    @property
    def _spike(self) -> int:
        return -_SPIKE if self.kind == "low" else _SPIKE

    def grid(self, tensor: Tensor, position: tuple[Any, ...]) -> Array:
        """The same elements at arrays of positions that broadcast."""
        import numpy as np

        with np.errstate(over="ignore"):  # arithmetic modulo 2**64
            draw: Any = np.array((self.seed * _SEED + crc32(tensor.name.encode())) & _MASK, dtype=np.uint64)
            for place in position:
                draw = draw * np.uint64(_STEP) + place.astype(np.uint64) + np.uint64(1)
                draw = draw ^ (draw >> np.uint64(29))
            draw = ((draw * np.uint64(_END)) >> np.uint64(33)).astype(np.int64)
        draws = _KINDS[self.kind]
        found: Array = (draw % draws.modulus * draws.factor + draws.offset) / draws.divisor
        if draws.sparse > 1:
            found = np.where(draw // draws.modulus % draws.sparse, 0.0, found)
        for other, place in self.spikes:
            if other == tensor:
                here = np.ones((), bool)
                for axis, value in zip(position, place, strict=True):
                    here = here & (axis == value)
                found = np.where(here, float(self._spike), found)
        return np.asarray(found)

    def source(self, tensor: Tensor) -> str:
        """The arguments after the first two of ``Drawn`` in ``SOURCE``."""
        draws = _KINDS[self.kind]
        start = (self.seed * _SEED + crc32(tensor.name.encode())) & _MASK
        return f"{start}, {draws.modulus}, {draws.factor}, {draws.offset}, {draws.divisor}, {draws.sparse}"


SOURCE = f"""\
class Drawn:
    def __init__(self, shape, listed, start, modulus, factor, offset, divisor, sparse):
        self.shape, self.listed, self.start = shape, listed, start
        self.modulus, self.factor, self.offset, self.divisor, self.sparse = modulus, factor, offset, divisor, sparse

    def get(self, place, default):
        if place in self.listed:
            return self.listed[place]
        if not all(0 <= x < n for x, n in zip(place, self.shape)):
            return default
        drawn = self.start
        for x in place:
            drawn = (drawn * {_STEP:#x} + x + 1) & {_MASK:#x}
            drawn ^= drawn >> 29
        drawn = (drawn * {_END:#x} & {_MASK:#x}) >> 33
        if drawn // self.modulus % self.sparse:
            return number('0')
        return number(str(drawn % self.modulus * self.factor + self.offset)) / self.divisor

"""
"""A class whose elements are the inputs that were drawn, for programs. Divisors are powers of two."""


def profiles(spikes: Spikes = frozenset(), rounds: int = 4) -> Iterator[Profile]:
    """The inputs to try, those that tell most first."""
    if spikes:
        yield Profile(1, "spiked", spikes)
        yield Profile(2, "low", spikes)
    for seed in range(1, rounds + 1):
        for kind in ("small", "mixed", "positive", "negative", "whole", "sparse", "large", "near", "huge"):
            yield Profile(seed, kind)
