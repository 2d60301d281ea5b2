"""The search for a counterexample, and its confirmation.

Points are found with floats and confirmed with exact arithmetic at rising precision: only two
results that are certainly different refute. The same seeds are used every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any
from zlib import crc32

from stile_engine.proof.evaluate import Evaluator, NotEvaluated, TooExpensive
from stile_engine.proof.numbers import Exact, Floats, HasNoValue, Undecided, as_float, disjoint
from stile_engine.proof.repro import program
from stile_engine.proof.verdict import Witness
from stile_engine.term.expression import Node, Tensor

_PRECISIONS = (30, 80, 240, 800)
_TOLERANCE = 1e-6
_SEARCH_STEPS = 4_000_000
_POINT_STEPS = 1_500_000
_EXACT_STEPS = 4_000

Spikes = frozenset[tuple[Tensor, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A way to choose inputs: a seed, a kind, and elements that stand out."""

    seed: int
    kind: str
    spikes: Spikes = frozenset()

    def __call__(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        if (tensor, position) in self.spikes:
            return Fraction(8 if self.kind != "low" else -8)
        draw = self.seed * 0x9E3779B1 + crc32(tensor.name.encode())
        for place in position:
            draw = (draw * 0x85EBCA6B + place + 1) & 0xFFFFFFFFFFFFFFFF
            draw ^= draw >> 29
        draw = (draw * 0xC2B2AE3D27D4EB4F & 0xFFFFFFFFFFFFFFFF) >> 33
        match self.kind:
            case "positive":
                return Fraction(draw % 15 + 1, 8)
            case "negative":
                return -Fraction(draw % 15 + 1, 8)
            case "spiked" | "low":
                return Fraction(draw % 5 - 2, 8)
            case "small":
                return Fraction(draw % 3 - 1)
            case "whole":
                return Fraction(draw % 7 - 3)
        return Fraction(draw % 33 - 16, 8)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``witness`` if one was confirmed; else how many points agreed."""

    witness: Witness | None
    agreed: int


def profiles(spikes: Spikes) -> Iterator[Profile]:
    if spikes:
        yield Profile(1, "spiked", spikes)
        yield Profile(2, "low", spikes)
    for seed in range(1, 5):
        yield Profile(seed, "small")
        yield Profile(seed, "mixed")
        yield Profile(seed, "positive")
        yield Profile(seed, "negative")
        yield Profile(seed, "whole")


def points(box: Mapping[str, tuple[int, int]], first: Iterable[Mapping[str, int]], count: int) -> list[dict[str, int]]:
    """Index tuples to try: the given ones, corners, and some drawn at random."""
    found: dict[tuple[int, ...], dict[str, int]] = {}

    def put(point: Mapping[str, int]) -> None:
        full = {v: point.get(v, low) for v, (low, _) in box.items()}
        if all(low <= full[v] < high for v, (low, high) in box.items()):
            found.setdefault(tuple(full.values()), full)

    for point in first:
        put(point)
    put({v: low for v, (low, _) in box.items()})
    put({v: high - 1 for v, (_, high) in box.items()})
    random = Random(20)
    for _ in range(count * 4):
        if len(found) >= count:
            break
        put({v: random.randrange(low, high) for v, (low, high) in box.items() if low < high})
    return list(found.values())[: max(count, 1)]


def search(
    actual: Node,
    spec: Node,
    box: Mapping[str, tuple[int, int]],
    sizes: Mapping[str, int],
    first: Iterable[Mapping[str, int]] = (),
    spikes: Spikes = frozenset(),
    count: int = 8,
    steps: int = _SEARCH_STEPS,
    output: str = "out",
    difference: Callable[[], str | None] = lambda: None,
    partial: bool = False,
    exactly: bool = True,
) -> Outcome:
    """Look for inputs and an index at which the two certainly differ. ``partial``: points at which
    ``actual`` has no value do not count (what is assumed of the inputs fails there). ``exactly``:
    where floats agree, try a few points with exact arithmetic."""
    agreed = 0
    candidates = points(box, first, count)
    if exactly and candidates:
        # Most wrong kernels are wrong everywhere: look exactly, once, before searching with floats.
        first_profile = next(profiles(spikes))
        witness = confirm(actual, spec, candidates[0], first_profile, sizes, output, difference, partial=partial)
        if witness is not None:
            return Outcome(witness, 0)
    for profile in profiles(spikes):
        for point in candidates:
            if steps <= 0:
                return Outcome(None, agreed)
            try:
                same, used = _compare(actual, spec, point, profile, sizes, min(steps, _POINT_STEPS), partial)
            except NotEvaluated:
                return Outcome(None, agreed)
            except TooExpensive:
                steps -= _POINT_STEPS
                continue
            except Undecided:
                steps -= 1000
                continue
            steps -= used
            if same:
                agreed += 1
                continue
            witness = confirm(actual, spec, point, profile, sizes, output, difference, partial=partial)
            if witness is not None:
                return Outcome(witness, agreed)
    if not exactly:
        return Outcome(None, agreed)
    return Outcome(_search_exactly(actual, spec, candidates, sizes, output, difference, partial), agreed)


def _search_exactly(
    actual: Node,
    spec: Node,
    candidates: list[dict[str, int]],
    sizes: Mapping[str, int],
    output: str,
    difference: Callable[[], str | None],
    partial: bool,
) -> Witness | None:
    """A few points with exact arithmetic: what floats absorb or underflow still differs there."""
    for profile in (Profile(1, "positive"), Profile(1, "mixed"), Profile(2, "negative")):
        for point in candidates[:2]:
            witness = confirm(actual, spec, point, profile, sizes, output, difference, _EXACT_STEPS, partial)
            if witness is not None:
                return witness
    return None


def _compare(
    actual: Node,
    spec: Node,
    point: Mapping[str, int],
    profile: Profile,
    sizes: Mapping[str, int],
    steps: int,
    partial: bool,
) -> tuple[bool, int]:
    evaluator = Evaluator(Floats(), profile, sizes, steps)
    expected = _value(evaluator, spec, point)
    if expected is None:
        return True, evaluator.used  # nothing is owed where the spec has no value
    found = _value(evaluator, actual, point)
    return (partial and found is None) or _close(found, expected), evaluator.used


def _value(evaluator: Evaluator, node: Node, point: Mapping[str, int]) -> Any:
    try:
        return evaluator(node, point)
    except HasNoValue:
        return None


def _close(found: float | None, expected: float) -> bool:
    if found is None:
        return False
    if math.isinf(found) or math.isinf(expected):
        return found == expected
    return abs(found - expected) <= _TOLERANCE * max(abs(found), abs(expected), 1e-9)


def confirm(
    actual: Node,
    spec: Node,
    point: Mapping[str, int],
    profile: Profile,
    sizes: Mapping[str, int],
    output: str = "out",
    difference: Callable[[], str | None] = lambda: None,
    steps: int = _POINT_STEPS,
    partial: bool = False,
) -> Witness | None:
    """The witness, if exact arithmetic shows that the two differ at this point. ``partial``: not if
    ``actual`` has no value there."""
    for digits in _PRECISIONS:
        evaluator = Evaluator(Exact(digits), profile, sizes, steps)
        try:
            expected = evaluator(spec, point)
        except HasNoValue:
            return None
        except (TooExpensive, NotEvaluated):
            return None
        except Undecided:
            continue
        try:
            found = evaluator(actual, point)
        except HasNoValue:
            if partial:
                return None
            found = None
        except (TooExpensive, NotEvaluated):
            return None
        except Undecided:
            continue
        if found is not None and not disjoint(found, expected):
            continue
        kernel_number = math.nan if found is None else as_float(found)
        spec_number = as_float(expected)
        visible = _visible(actual, spec, point, profile, sizes, steps, kernel_number, spec_number)
        summary = f"Counterexample for {output}: the kernel and its spec differ at this index."
        repro = program(actual, spec, point, evaluator.touched, sizes, summary, digits=None if visible else digits)
        return Witness(
            sizes=dict(sizes),
            output=output,
            index=dict(point),
            kernel=_plain(kernel_number),
            spec=_plain(spec_number),
            seed=profile.seed,
            set=difference(),
            repro=repro,
        )
    return None


def _visible(
    actual: Node,
    spec: Node,
    point: Mapping[str, int],
    profile: Profile,
    sizes: Mapping[str, int],
    steps: int,
    kernel_number: float,
    spec_number: float,
) -> bool:
    """Whether float64 gives both values as they are, and shows that they differ."""
    evaluator = Evaluator(Floats(), profile, sizes, steps)
    try:
        found, expected = _value(evaluator, actual, point), _value(evaluator, spec, point)
    except (Undecided, TooExpensive):
        return False
    if expected is None or not _close(expected, spec_number):
        return False
    if math.isnan(kernel_number):
        return found is None
    return _close(found, kernel_number) and not _close(kernel_number, spec_number)


def _plain(value: float) -> float | str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
