"""The search for a counterexample, and its confirmation.

Points are found with floats, on whole grids of indices where NumPy is there, and confirmed with enclosures
or with exact arithmetic at rising precision: only two results that are certainly different refute. The same
inputs are tried every time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

from stile_engine.proof.evaluate import Evaluator, NotEvaluated, TooExpensive, cost
from stile_engine.proof.inputs import Profile, Spikes, profiles
from stile_engine.proof.numbers import Floats, HasNoValue, Undecided
from stile_engine.proof.verdict import Witness
from stile_engine.term.expression import Node

if TYPE_CHECKING:
    from stile_engine.proof.grid import GridEvaluator

__all__ = ["Question", "Spikes", "agrees", "confirm", "search"]

_PRECISIONS = (30, 80, 240, 800)
_TOLERANCE = 1e-6
_POINT_STEPS = 1_500_000
_EXACT_STEPS = 4_000
_CHEAP_STEPS = 1_500
"""Up to this many steps one exact evaluation is cheaper than to load NumPy."""
_GRID_STEPS = 1 << 24
_ALONE = 4
"""How many times the steps one index alone may take, as the last thing that is tried."""
_SINGLES = 2
"""How many points are tried alone where grids take too many steps."""
_LONG = 500
"""Arrays after which one assignment of the inputs is enough: the evaluation stays a small part of the proof."""
_SLOW_STEPS = 40_000
"""Of a quick search point by point."""
_MOST_INDICES = 4096
_SAMPLED_INDICES = 256
_CANDIDATES = 3

Indices = dict[str, list[int]]
"""For each dim of the output the values that are looked at; all of their combinations are."""


@dataclass(frozen=True, slots=True)
class Question:
    """Two expressions at concrete sizes. ``box`` gives the range of each dim of the output, ``sizes`` the
    unknowns of symbolic sizes, ``shown`` the sizes as a witness names them. ``partial``: where ``actual``
    has no value nothing is said (what is assumed of the inputs fails there)."""

    actual: Node
    spec: Node
    box: Mapping[str, tuple[int, int]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)
    output: str = "out"
    partial: bool = False
    difference: Callable[[], str | None] = lambda: None

    def cost(self, limit: int) -> int:
        """About how many steps both values at one index take; counted up to the limit."""
        return cost(self.actual, self.box, limit, self.sizes) + cost(self.spec, self.box, limit, self.sizes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``witness`` if one was confirmed; else how many points agreed."""

    witness: Witness | None
    agreed: int


def search(
    question: Question,
    first: Iterable[Mapping[str, int]] = (),
    spikes: Spikes = frozenset(),
    count: int = 36,
    steps: int = _GRID_STEPS,
    exactly: bool = True,
) -> Outcome:
    """Look for inputs and an index at which the two certainly differ, with ``count`` ways to choose inputs; the
    indices ``first`` come first. ``exactly``: where floats agree, try a few points with exact arithmetic."""
    if any(low >= high for low, high in question.box.values()):
        return Outcome(None, 0)
    candidates = points(question.box, first, 8)
    cheap = question.cost(_CHEAP_STEPS) <= _CHEAP_STEPS
    if cheap:
        # Most wrong kernels are wrong everywhere: look exactly, once, before searching with floats.
        witness = confirm(question, candidates[0], next(profiles(spikes)))
        if witness is not None:
            return Outcome(witness, 0)
    tried = list(islice(profiles(spikes), count))
    found = _search_grids(question, candidates, tried, steps, alone=_ALONE * steps if exactly else 0)
    if found is None:
        found = _search_points(question, candidates, tried, steps // 4 if exactly else _SLOW_STEPS)
    if found.witness is not None or not exactly:
        return found
    return Outcome(_search_exactly(question, candidates), found.agreed)


def agrees(question: Question, steps: int) -> Outcome:
    """A few cheap points after a proof: a witness contradicts it, and *agreed* says how many were evaluated."""
    if any(low >= high for low, high in question.box.values()):
        return Outcome(None, 0)
    candidates = points(question.box, (), 2)
    few = list(islice(profiles(), 1, 3))
    cheap = _CHEAP_STEPS // 8 if "numpy" in sys.modules else _CHEAP_STEPS * 2
    if question.cost(cheap) <= cheap or not _has_numpy():
        return _search_points(question, candidates, few, steps)
    return _search_grids(question, candidates, few, steps, sampled=16, most=_LONG) or Outcome(None, 0)


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


# -- on grids ------------------------------------------------------------------------------


def _has_numpy() -> bool:
    return find_spec("numpy") is not None


def _grids(box: Mapping[str, tuple[int, int]], candidates: list[dict[str, int]], sampled: int) -> Iterator[Indices]:
    """Sets of indices to look at: all if they are few, else some of each dim; then points alone."""
    total = 1
    for low, high in box.values():
        total *= high - low
    if total <= max(sampled, _MOST_INDICES if sampled > 16 else 0):
        yield {v: list(range(low, high)) for v, (low, high) in box.items()}
    if total > 1:
        chosen: Indices = {v: [] for v in box}
        for point in candidates:
            grown = {v: dict.fromkeys([*values, point[v]]) for v, values in chosen.items()}
            if math.prod(len(values) for values in grown.values()) > sampled:
                break
            chosen = {v: list(values) for v, values in grown.items()}
        yield chosen if all(chosen.values()) else {v: [x] for v, x in candidates[0].items()}
    for point in candidates:
        yield {v: [x] for v, x in point.items()}


def _search_grids(
    question: Question,
    candidates: list[dict[str, int]],
    tried: list[Profile],
    steps: int,
    sampled: int = _SAMPLED_INDICES,
    most: int | None = None,
    alone: int = 0,
) -> Outcome | None:
    """None where the expressions are not for grids. After ``most`` arrays no further inputs are tried. ``alone``:
    steps for one index alone, where several together take too many."""
    if not _has_numpy():
        return None
    from stile_engine.proof.grid import GridEvaluator, VariesOverGrid
    from stile_engine.proof.grid_floats import GridFloats

    agreed = 0
    varied = False
    singles = 0
    for indices in _grids(question.box, candidates, sampled):
        enough = False
        if all(len(values) == 1 for values in indices.values()):
            steps = max(steps, alone)
            alone = 0  # once
            singles += 1
            if singles > _SINGLES and not varied:
                break  # each of them takes too many steps
        for profile in tried:
            evaluator = GridEvaluator(GridFloats(), profile, indices, question.sizes, steps)
            try:
                same, places = _differences(question, evaluator, indices)
            except VariesOverGrid:
                varied = True
                break  # one index alone
            except NotEvaluated:
                return None
            except (TooExpensive, MemoryError):
                break  # fewer indices at once
            steps -= evaluator.used
            enough = True
            agreed += same
            for place in places:
                witness = confirm(question, place, profile)
                if witness is not None:
                    return Outcome(witness, agreed)
            if most is not None and evaluator.computed >= most:
                break
        # Where indices cannot be taken together, one alone says little: all of the points are looked at.
        if enough and not varied:
            return Outcome(None, agreed)
    return None if varied and not agreed else Outcome(None, agreed)


def _differences(question: Question, evaluator: GridEvaluator, indices: Indices) -> tuple[int, list[dict[str, int]]]:
    """How many indices agree, and a few at which the two seem to differ most."""
    import numpy as np

    with np.errstate(all="ignore"):
        expected = evaluator(question.spec)
        found = evaluator(question.actual)
        owed = ~np.isnan(expected)  # nothing is owed where the spec has no value
        size = np.maximum(np.maximum(abs(found), abs(expected)), 1e-9)
        gap = abs(found - expected) / size
        gap = np.where(np.isnan(gap), np.where(np.isnan(found) | (found != expected), np.inf, 0.0), gap)
        if question.partial:
            owed &= ~np.isnan(found)
        gap = np.where(owed, gap, 0.0)
        wrong = int((gap > _TOLERANCE).sum())
        order = np.argsort(-gap, axis=None, kind="stable")[: min(wrong, _CANDIDATES)]
    names = list(indices)
    places = []
    for flat in order:
        where = np.unravel_index(int(flat), evaluator.shape)
        places.append({names[-1 - axis]: indices[names[-1 - axis]][int(x)] for axis, x in enumerate(where)})
    return int(owed.sum()) - wrong, places


# -- point by point ------------------------------------------------------------------------


def _search_points(
    question: Question, candidates: list[dict[str, int]], tried: Iterable[Profile], steps: int = 4_000_000
) -> Outcome:
    agreed = 0
    for profile in tried:
        for point in candidates:
            if steps <= 0:
                return Outcome(None, agreed)
            try:
                same, used = _compare(question, point, profile, min(steps, _POINT_STEPS))
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
            witness = confirm(question, point, profile)
            if witness is not None:
                return Outcome(witness, agreed)
    return Outcome(None, agreed)


def _search_exactly(question: Question, candidates: list[dict[str, int]]) -> Witness | None:
    """A few points with exact arithmetic: what floats absorb or underflow still differs there."""
    for profile in (Profile(1, "positive"), Profile(1, "mixed"), Profile(2, "negative")):
        for point in candidates[:2]:
            witness = _confirm_exactly(question, point, profile, _EXACT_STEPS)
            if witness is not None:
                return witness
    return None


def _compare(question: Question, point: Mapping[str, int], profile: Profile, steps: int) -> tuple[bool, int]:
    evaluator = Evaluator(Floats(), profile, question.sizes, steps)
    expected = _value(evaluator, question.spec, point)
    if expected is None:
        return True, evaluator.used  # nothing is owed where the spec has no value
    found = _value(evaluator, question.actual, point)
    return (question.partial and found is None) or _close(found, expected), evaluator.used


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


# -- confirmation --------------------------------------------------------------------------


def confirm(
    question: Question, point: Mapping[str, int], profile: Profile, steps: int = _POINT_STEPS
) -> Witness | None:
    """The witness, if it is certain that the two differ at this point."""
    if question.cost(_CHEAP_STEPS) > _CHEAP_STEPS and _has_numpy():
        witness = _confirm_enclosed(question, point, profile)
        if witness is not None:
            return witness
    return _confirm_exactly(question, point, profile, steps)


def _confirm_enclosed(question: Question, point: Mapping[str, int], profile: Profile) -> Witness | None:
    """By enclosures in double precision. They hold every result that rounding in any order may give, so
    where they are narrow and do not meet, a program in doubles shows the difference."""
    from stile_engine.proof.enclosures import Enclosures
    from stile_engine.proof.grid import GridEvaluator
    from stile_engine.proof.repro import program

    indices = {v: [x] for v, x in point.items()}
    evaluator = GridEvaluator(Enclosures(), profile, indices, question.sizes, _ALONE * _GRID_STEPS)
    try:
        expected, found = evaluator(question.spec), evaluator(question.actual)
    except (NotEvaluated, TooExpensive, MemoryError):
        return None
    middles = [float(b.middle.item()) for b in (found, expected)]
    radii = [float(b.radius.item()) for b in (found, expected)]
    if math.isinf(radii[1]) or math.isnan(middles[1]):
        return None
    if math.isnan(middles[0]):
        if question.partial:
            return None
    elif math.isinf(radii[0]) or not _apart(middles, radii):
        return None
    visible = not math.isnan(middles[0]) and max(radii) <= _TOLERANCE * 1e-2 * max(abs(m) for m in middles)
    if not visible and not math.isnan(middles[0]):
        return None  # a program that shows it needs more digits
    repro = program(question.actual, question.spec, point, evaluator.reads, question.sizes, _summary(question), profile)
    return _witness(question, point, profile, middles[0], middles[1], repro)


def _apart(middles: list[float], radii: list[float]) -> bool:
    """Whether two enclosures certainly have nothing in common."""
    x, y = middles
    if math.isinf(x) or math.isinf(y):
        return x != y
    return abs(x - y) * (1 - 2.0**-50) > sum(radii) * (1 + 2.0**-50) and not _close(x, y)


def _confirm_exactly(question: Question, point: Mapping[str, int], profile: Profile, steps: int) -> Witness | None:
    """By rationals and intervals at rising precision."""
    from stile_engine.proof.intervals import Exact, as_float, disjoint
    from stile_engine.proof.repro import program

    for digits in _PRECISIONS:
        evaluator = Evaluator(Exact(digits), profile, question.sizes, steps)
        try:
            expected = evaluator(question.spec, point)
        except HasNoValue:
            return None
        except (TooExpensive, NotEvaluated):
            return None
        except Undecided:
            continue
        try:
            found = evaluator(question.actual, point)
        except HasNoValue:
            if question.partial:
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
        visible = _visible(question, point, profile, steps, kernel_number, spec_number)
        shown = None if visible else digits
        repro = program(
            question.actual,
            question.spec,
            point,
            evaluator.reads,
            question.sizes,
            _summary(question),
            profile,
            shown,
            evaluator.touched,
        )
        return _witness(question, point, profile, kernel_number, spec_number, repro)
    return None


def _summary(question: Question) -> str:
    sizes = ", ".join(f"{name} = {size}" for name, size in question.shown.items())
    return f"Counterexample for {question.output}: the kernel and its spec differ at this index." + (
        f"\nSizes: {sizes}." if sizes else ""
    )


def _witness(
    question: Question, point: Mapping[str, int], profile: Profile, kernel: float, spec: float, repro: str
) -> Witness:
    return Witness(
        sizes=dict(question.shown),
        output=question.output,
        index=dict(point),
        kernel=_plain(kernel),
        spec=_plain(spec),
        seed=profile.seed,
        set=question.difference(),
        repro=repro,
        drawn=profile.kind,
        spikes=_by_label(profile.spikes),
    )


def _by_label(spikes: Spikes) -> dict[str, tuple[tuple[int, ...], ...]]:
    labels = sorted({tensor.name for tensor, _ in spikes})
    return {label: tuple(sorted(p for t, p in spikes if t.name == label)) for label in labels}


def _visible(
    question: Question,
    point: Mapping[str, int],
    profile: Profile,
    steps: int,
    kernel_number: float,
    spec_number: float,
) -> bool:
    """Whether float64 gives both values as they are, and shows that they differ."""
    evaluator = Evaluator(Floats(), profile, question.sizes, steps)
    try:
        found, expected = _value(evaluator, question.actual, point), _value(evaluator, question.spec, point)
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
