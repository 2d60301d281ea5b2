"""Pair number i: two expressions, and whether they are equal. The same pair for the same number, everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pairs.families import FAMILIES
from pairs.meaning import Difference, difference
from pairs.mistakes import mistaken
from pairs.rewrites import rewritten
from pairs.terms import IllFormed, Term, places, ranges, rename

_LABELS = tuple("XYZWABGVSTRUHC")
_NEW_DIMS = ("Q", "K", "D", "E", "H", "M", "N", "P", "rows", "cols", "b", "Seq", "d2")
_ATTEMPTS = 8


@dataclass(frozen=True)
class Pair:
    """``equal`` is known by construction, ``False`` by a place at which exact evaluation differs."""

    number: int
    kind: str
    sizes: dict[str, int]
    first: Term
    second: Term
    equal: bool
    laws: tuple[str, ...]
    mistake: str = ""
    found: Difference | None = None


def pair(index: int) -> Pair:
    """Half of the pairs are equal."""
    random = Random(index * 2 + 1)
    wanted_equal = random.random() < 0.5
    while True:
        made = _draw(index, random, wanted_equal)
        if made is not None:
            return made


def _draw(index: int, random: Random, wanted_equal: bool) -> Pair | None:
    kind = random.choice(sorted(FAMILIES))
    family = FAMILIES[kind](random)
    sizes = family.sizes
    first, second = (random.choice(family.writings) for _ in range(2))
    if first is second and len(family.writings) > 1:
        first, second = family.writings[:2]
    if random.random() < 0.5:
        first, second = second, first
    try:
        own, theirs = ranges(first, sizes), ranges(second, sizes)
        if own.keys() != theirs.keys():
            raise ValueError(f"{kind}: {first} has {own}, {second} has {theirs}")
        first, laws = rewritten(first, sizes, random, random.choice((0, 0, 1, 2)))
        second, more = rewritten(second, sizes, random, random.choice((0, 1, 1, 2, 3)))
    except IllFormed:
        return None
    reads = [t for side in (first, second) for t, _ in places(side) if t.head == "read"]
    labels = {t.data[0]: t.data[1] for t in sorted(reads, key=lambda t: t.data[0])}
    mistake, found = "", None
    if not wanted_equal:
        for _ in range(_ATTEMPTS):
            wrong = mistaken(second, sizes, random, labels)
            if wrong is None:
                return None
            found = difference(first, wrong[0], sizes)
            if found is not None:
                second, mistake = wrong
                break
        else:
            return None
    sizes, (first, second) = _renamed(random, sizes, (first, second))
    return Pair(index, kind, sizes, first, second, wanted_equal, (*laws, *more), mistake, found)


def _renamed(
    random: Random, sizes: dict[str, int], sides: tuple[Term, Term]
) -> tuple[dict[str, int], tuple[Term, Term]]:
    """Under other names: no verdict may depend on them."""
    dims = dict(zip(sizes, random.sample(_NEW_DIMS, len(sizes)), strict=True))
    labels = dict(zip(_LABELS, random.sample(_LABELS, len(_LABELS)), strict=True))
    first, second = (rename(s, labels, dims) for s in sides)
    return {dims[d]: n for d, n in sizes.items()}, (first, second)
