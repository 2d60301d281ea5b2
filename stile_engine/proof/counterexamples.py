"""Where to look for a counterexample to one statement, at its sizes or at instances of its symbolic ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from stile_engine.index.affine import Affine
from stile_engine.index.sets import IndexSet
from stile_engine.proof import refute
from stile_engine.proof.inputs import Spikes, profiles
from stile_engine.proof.instances import Sizes, describe_with, divisors_of
from stile_engine.proof.refute import Outcome, Question
from stile_engine.proof.shorter import running_cost, shorter
from stile_engine.proof.verdict import Witness
from stile_engine.term.expression import Read, every_node
from stile_engine.term.value import Value

_MOST_INSTANCES = 10
_MOST_CONSIDERED = 200
_CHECKED_INSTANCES = 3
_CHECK_STEPS = 1 << 22
_MOST_RUN = 4_096
"""Operations on arrays in all rounds of all loops together, beyond which fewer rounds are run after a proof."""
_SEARCH_STEPS = 1 << 24
_INSTANCE_STEPS = 1 << 21
_QUICK_STEPS = 1 << 20
_MOST_STEPS = 3


class Counterexamples:
    """Searches for one pair of values.

    ``partial``: inputs for which the kernel has no value, and the spec has, make an assumption and
    no counterexample.
    """

    def __init__(
        self, actual: Value, spec: Value, output: str, ranges: Mapping[str, tuple[int, int]], partial: bool = True
    ) -> None:
        self._actual, self._spec, self._output, self.partial = actual, spec, output, partial
        self.sizes = Sizes.of(ranges, (actual, spec))

    def _question(
        self, instance: Mapping[str, int], text: str | None = None, partial: bool | None = None
    ) -> Question | None:
        """The two at concrete sizes; None where a range still depends on something."""
        box: dict[str, tuple[int, int]] = {}
        for d in self._spec.dims:
            if not (d.low.variables | d.high.variables) <= instance.keys():
                return None
            box[d.name] = (d.low.evaluate(instance), d.high.evaluate(instance))
        return Question(
            self._actual.node,
            self._spec.node,
            box,
            instance,
            self.sizes.shown(instance),
            self._output,
            self.partial if partial is None else partial,
            lambda: text,
        )

    def run(
        self,
        cells: Sequence[IndexSet],
        spikes: Spikes = frozenset(),
        differing: Sequence[IndexSet] = (),
        quick: bool = False,
    ) -> Outcome:
        """Where the normal forms differ: in the cells, because of the sets. ``quick``: with few inputs, and inputs
        at which the kernel has no value say nothing."""
        agreed = 0
        for instance in self._instances(cells, differing, 3 if quick else _MOST_INSTANCES):
            question = self._question(instance, partial=True if quick else None)
            if question is None:
                return Outcome(None, 0)
            at = {s: Affine((), x) for s, x in instance.items()}
            samples = [(c.substitute(at) if at else c).sample() for c in cells[:8]]
            first = [p for p in samples if p is not None]
            if quick:
                found = refute.search(question, first, spikes, count=4, steps=_QUICK_STEPS, exactly=False)
            elif self.sizes:
                found = refute.search(question, first, spikes, count=9, steps=_INSTANCE_STEPS)
            else:
                found = refute.search(question, first, spikes, steps=_SEARCH_STEPS)
            agreed += found.agreed
            if found.witness is not None:
                return Outcome(found.witness, agreed)
        return Outcome(None, agreed)

    def _instances(
        self, cells: Sequence[IndexSet], differing: Sequence[IndexSet], count: int
    ) -> Iterator[Mapping[str, int]]:
        """Sizes to try, the smallest first; at those that no cell reaches the two have been shown equal."""
        if not self.sizes:
            yield {}
            return
        few = [
            i for i in islice(self.sizes.increasing(), _MOST_CONSIDERED) if any(self.sizes.reached(c, i) for c in cells)
        ][:count]
        aimed = [self.sizes.least(where) for where in (*cells, *differing)]
        aimed += self._past_tiles()
        yield from self.sizes.order([*few, *(i for i in aimed if i is not None)])

    def _past_tiles(self) -> list[dict[str, int] | None]:
        """Sizes of one element more than a tile, where expressions count in tiles: what goes wrong in the second
        tile shows in none of the smallest sizes. One size at a time, and all of them together."""
        steps = sorted(divisors_of((self._actual.node, self._spec.node)))[:_MOST_STEPS]
        least = {s: low for s, (low, _) in self.sizes.ranges.items()}
        found: list[dict[str, int] | None] = []
        for step in steps:
            past = {s: self.sizes.over(s, step) for s in least}
            found += [{**least, s: n} for s, n in past.items()]
            found += [past, {s: self.sizes.over(s, 2 * step) for s in least}]
        return [i for i in found if i is not None and self.sizes.allowed(i)]

    def at(self, where: IndexSet) -> Witness | None:
        """A witness at an index of the set, at the smallest sizes at which it has members. Whether there are such
        where data say so is told by contents that satisfy what is declared of them."""
        found = self._at(where)
        if found is None and where.tokens and not self.partial:
            found = self.run([where]).witness
        return found

    def _at(self, where: IndexSet) -> Witness | None:
        instance = self.sizes.least(where)
        if instance is None:
            return None
        at = {s: Affine((), x) for s, x in instance.items()}
        point = (where.substitute(at) if at else where).sample()
        text = describe_with(where, self.sizes)
        question = self._question(instance, text, partial=False)
        if point is None or question is None:
            return None
        full = {v: point.get(v, low) for v, (low, _) in question.box.items()}
        for profile in profiles(rounds=2):
            found = refute.confirm(question, full, profile)
            if found is not None:
                return found
        if where.tokens:
            return None  # whether inputs can hold such data is not known
        return Witness(sizes=dict(question.shown), index=full, kernel="nan", set=text)

    def contradiction(self, assumed: bool, believed: Callable[[Value, Value], bool] | None) -> Witness | None:
        """A point that contradicts a proof. What was ``assumed`` may leave the kernel without a value.

        Loops that are too long to be run are run with fewer rounds; what differs then contradicts the prover if it
        has ``believed`` that pair as well. None: there are no loops.
        """
        values = (self._actual, self._spec)
        if believed is None or running_cost(values) <= _MOST_RUN:
            return self._contradiction(assumed)
        for actual, spec in shorter(values):
            witness = Counterexamples(actual, spec, self._output, self.sizes.ranges)._contradiction(assumed)
            if witness is not None and believed(actual, spec):
                read = [n.tensor for n in every_node(spec.node) if isinstance(n, Read)]
                named = {d: s for t in read for d, s in zip(t.dims, t.shape, strict=True)}
                return replace(witness, sizes={d: s.constant for d, s in named.items() if s.is_constant})
        return None

    def _contradiction(self, assumed: bool) -> Witness | None:
        instances: list[Mapping[str, int]] = [{}]
        if self.sizes:
            instances = list(islice(self.sizes.increasing(), _CHECKED_INSTANCES))
        for instance in instances:
            question = self._question(instance, partial=assumed)
            if question is None:
                return None
            witness = refute.agrees(question, _CHECK_STEPS).witness
            if witness is not None:
                return witness
        return None


class Unsearched(Counterexamples):
    """Looks at no numbers: what the prover says by itself remains."""

    def run(
        self,
        cells: Sequence[IndexSet],
        spikes: Spikes = frozenset(),
        differing: Sequence[IndexSet] = (),
        quick: bool = False,
    ) -> Outcome:
        return Outcome(None, 0)

    def at(self, where: IndexSet) -> Witness | None:
        return None

    def contradiction(self, assumed: bool, believed: Callable[[Value, Value], bool] | None) -> Witness | None:
        return None
