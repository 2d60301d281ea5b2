"""Integer inputs for the evaluator: contents drawn at random that satisfy what was declared of them.

The same seed gives the same contents. An input with facts about another one is drawn after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from math import gcd, prod
from random import Random
from zlib import crc32

from stile_engine.index.predicate import evaluate
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import OTHER, VALUE, Blocks, Bound, Link, Offsets, Permutation, Sorted, Unique

_MOST_ELEMENTS = 4096
_ATTEMPTS = 24
_DEFAULT_SPAN = 4

Position = tuple[int, ...]
Sizes = tuple[tuple[str, int], ...]


class NoContents(Exception):
    """No integers were found that satisfy the declared facts."""


def integer(tensor: Tensor, position: Position, seed: int, sizes: Mapping[str, int]) -> int:
    """One element. Raises ``NoContents`` where none were found that satisfy the facts."""
    shape = tuple(s.evaluate(sizes) for s in tensor.shape)
    if prod(shape) > _MOST_ELEMENTS:
        return _formula(tensor, position, shape, seed, sizes)
    return contents(tensor, seed, tuple(sorted(sizes.items())))[position]


def without_contents(tensors: Iterable[Tensor]) -> str | None:
    """The reason, where no contents of a small integer input satisfy its facts as far as was tried. A proof from
    facts that nothing satisfies would say nothing."""
    for tensor in tensors:
        if not tensor.integer or not tensor.facts or not all(s.is_constant for s in tensor.shape):
            continue
        if prod(s.constant for s in tensor.shape) > _MOST_ELEMENTS:
            continue
        try:
            contents(tensor, 1, ())
        except NoContents as error:
            return str(error)
        except KeyError:
            continue  # facts that name a symbolic size
    return None


@lru_cache(maxsize=4096)
def contents(tensor: Tensor, seed: int, sizes: Sizes) -> Mapping[Position, int]:
    """All elements of a small input. Raises ``NoContents``."""
    known = dict(sizes)
    shape = tuple(s.evaluate(known) for s in tensor.shape)
    positions = list(product(*(range(n) for n in shape)))
    for attempt in range(_ATTEMPTS):
        random = Random(seed * 1_000_003 + crc32(tensor.name.encode()) + attempt * 7919)
        drawn = _drawn(tensor, positions, random, seed, known)
        if drawn is not None and _satisfies(tensor, drawn, seed, known):
            return drawn
    raise NoContents(f"no contents of {tensor.name} were found that satisfy what is declared of it")


def _drawn(
    tensor: Tensor, positions: list[Position], random: Random, seed: int, sizes: Mapping[str, int]
) -> dict[Position, int] | None:
    for fact in tensor.facts:
        match fact:
            case Permutation(extent):
                values = list(range(extent.evaluate(sizes)))
                if not any(isinstance(f, Sorted) for f in tensor.facts):
                    random.shuffle(values)
                return dict(zip(positions, values, strict=True)) if len(values) == len(positions) else None
            case Blocks(_, extent, _):
                return dict(
                    zip(positions, _blocks(tensor.name, len(positions), extent.evaluate(sizes), seed), strict=True)
                )
            case Offsets(blocks, extent, length, _):
                groups = _blocks(blocks, length.evaluate(sizes), extent.evaluate(sizes), seed)
                return {p: sum(g < p[0] for g in groups) for p in positions}
    span = _DEFAULT_SPAN if tensor.span is None else max(tensor.span.evaluate(sizes), 1)
    # Every second seed also leaves the range that the input is made for, where no fact forbids it: -1 is often a mark.
    low, high = (0, span) if seed % 2 else (-1, span + 1)
    found: dict[Position, int] = {}
    taken: set[int] = set()
    unique = any(isinstance(f, Unique) for f in tensor.facts)
    for position in positions:
        choices = [
            v for v in range(low, high) if not (unique and v in taken) and _allowed(tensor, position, v, seed, sizes)
        ]
        if not choices:
            choices = [
                v
                for v in range(-span - 4, 4 * span + 16)
                if _allowed(tensor, position, v, seed, sizes) and not (unique and v in taken)
            ]
        if not choices:
            return None
        found[position] = random.choice(choices)
        taken.add(found[position])
    if any(isinstance(f, Sorted) for f in tensor.facts):
        found = dict(zip(positions, sorted(found.values()), strict=True))
    return found


def _blocks(name: str, length: int, extent: int, seed: int) -> list[int]:
    random = Random(seed * 1_000_003 + crc32(name.encode()))
    return sorted(random.randrange(extent) for _ in range(length))


def _allowed(tensor: Tensor, position: Position, value: int, seed: int, sizes: Mapping[str, int]) -> bool:
    named = {**sizes, **dict(zip(tensor.dims, position, strict=True)), VALUE: value}
    for fact in tensor.facts:
        if isinstance(fact, Bound) and not evaluate(fact.predicate, named):
            return False
        # of two linked inputs the one whose name comes later follows the other
        if isinstance(fact, Link) and fact.other.name < tensor.name and not _link_holds(fact, named, seed, sizes):
            return False
    return True


def _link_holds(link: Link, named: Mapping[str, int], seed: int, sizes: Mapping[str, int]) -> bool:
    """With all elements of the other input that are read at the same indices."""
    for position, value in contents(link.other, seed, tuple(sorted(sizes.items()))).items():
        own = dict(zip(link.other.dims, position, strict=True))
        if all(named.get(d, p) == p for d, p in own.items()) and not evaluate(
            link.predicate, {**named, **own, OTHER: value}
        ):
            return False
    return True


def _satisfies(tensor: Tensor, drawn: Mapping[Position, int], seed: int, sizes: Mapping[str, int]) -> bool:
    values = list(drawn.values())
    if any(not _allowed(tensor, p, v, seed, sizes) for p, v in drawn.items()):
        return False
    for fact in tensor.facts:
        match fact:
            case Unique() if len(set(values)) < len(values):
                return False
            case Permutation(extent) if sorted(values) != list(range(extent.evaluate(sizes))):
                return False
            case Sorted() if values != sorted(values):
                return False
            case Blocks(_, extent, _) | Offsets(_, extent, _, _) if values != sorted(values):
                return False
    return True


def _formula(tensor: Tensor, position: Position, shape: Position, seed: int, sizes: Mapping[str, int]) -> int:
    """An element of a large input, by itself: only facts that a formula can satisfy."""
    place = 0
    for index, size in zip(position, shape, strict=True):
        place = place * size + index
    count = prod(shape)
    span = _DEFAULT_SPAN if tensor.span is None else max(tensor.span.evaluate(sizes), 1)
    for fact in tensor.facts:
        match fact:
            case Permutation():
                step = seed * 2 + 1
                while gcd(step, count) > 1:
                    step += 1
                return (step * place + seed) % count
            case Blocks(_, extent, _):
                return place * extent.evaluate(sizes) // count
            case Offsets(_, extent, length, _):
                groups = extent.evaluate(sizes)
                return -(-place * length.evaluate(sizes) // groups)
            case Unique() | Sorted() | Link():
                raise NoContents(f"{tensor.name} is too large to be made up")
    value = (seed * 0x9E3779B1 + place * 0x85EBCA6B + crc32(tensor.name.encode())) % 0xFFFFFFFB % span
    if not _allowed(tensor, position, value, seed, sizes):
        raise NoContents(f"{tensor.name} is too large to be made up")
    return value
