"""Loops, branches and reductions: operations that hold operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stile_engine.array.arrays import Array, RealArray, TruthArray, UnknownArray, Unreadable, around
from stile_engine.array.loops import Rolled
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction, negate, variables
from stile_engine.term.expression import Unmodelled, bounds, every_node
from stile_engine.triton import integers
from stile_engine.triton.combining import extrema
from stile_engine.triton.grid import AXES, TILE, NeedsTiles
from stile_engine.triton.interpreter import Environment, Reader, controls
from stile_engine.triton.operations import as_number, as_whole, chosen, looked_at, primitive
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Block, Operation, Region
from stile_engine.triton.values import Pointer, Value, Whole, whole

MOST_ROUNDS = 4096
"""Rounds of a loop that are read one by one."""

_ALWAYS_UNROLLED = 1


# -- branches --------------------------------------------------------------------------------


@controls("scf.if")
def branch(operation: Operation, environment: Environment, reader: Reader) -> None:
    condition = environment[operation.operands[0]]
    if not isinstance(condition, TruthArray):
        reason = condition.reason if isinstance(condition, UnknownArray) else "a branch that depends on data"
        raise reader.unsupported(reason, operation)
    predicate = reader.context.simplify(condition.predicate, ())
    sides: list[tuple[Predicate, list[Value]]] = []
    for side, number in ((predicate, 0), (negate(predicate), 1)):
        if reader.context.decide(side, ()) is False:
            continue
        if number >= len(operation.regions):
            sides.append((side, []))
            continue
        with reader.context.on(side):
            sides.append((side, reader.operations(_only(operation.regions[number], reader), dict(environment))))
    for k, name in enumerate(operation.results):
        value = sides[-1][1][k]
        for side, values in reversed(sides[:-1]):
            value = chosen(reader, side, values[k], value)
        environment[name] = value


def _only(region: Region, reader: Reader) -> Block:
    if len(region.blocks) != 1:
        raise reader.unsupported("a jump inside a loop or a branch")
    return region.blocks[0]


# -- loops -----------------------------------------------------------------------------------


@controls("scf.while")
def while_loop(operation: Operation, _environment: Environment, reader: Reader) -> None:
    reason = "a while loop, whose rounds nothing counts: write it as 'for … in range(…)' where its rounds are known"
    raise reader.unsupported(reason, operation)


@controls("scf.for")
def for_loop(operation: Operation, environment: Environment, reader: Reader) -> None:
    low, high, step = (as_whole(environment[name]) for name in operation.operands[:3])
    if not reader.silent:
        for bound in (low, high):
            reader.watch.fits(bound, "the bound of a loop", reader.site)
    tiles = _Tiles.of(operation, environment, reader, low, high, step)
    if tiles is not None:
        environment.update(zip(operation.results, tiles.results(), strict=True))
        return
    stride = step.constant
    if stride is None or stride <= 0:
        raise reader.unsupported("a loop whose step is no positive number", operation)
    initial = [environment[name] for name in operation.operands[3:]]
    # The bounds may be chosen by the program id: each case is a loop of its own, on its own path.
    results: list[tuple[Predicate, list[Value]]] = []
    for p, a in low.regions():
        cases = [(q, b) for q, b in high.regions() if reader.context.decide(conjunction(p, q), ()) is not False]
        with reader.context.on(p):
            found = _to_the_least(operation, environment, reader, a, cases, stride, initial)
        if found is None:
            found = []
            for q, b in cases:
                with reader.context.on(conjunction(p, q)):
                    found.append(_Loop(operation, environment, reader, a, b, stride, initial).results())
        results += [(conjunction(p, q), values) for (q, _), values in zip(cases, found, strict=True)]
    for k, name in enumerate(operation.results):
        value = results[-1][1][k]
        for condition, values in reversed(results[:-1]):
            value = chosen(reader, condition, values[k], value)
        environment[name] = value
    reader.record_after(operation, [environment[name] for name in operation.results])


def _to_the_least(
    operation: Operation,
    environment: Environment,
    reader: Reader,
    low: Polynomial,
    cases: Sequence[tuple[Predicate, Polynomial]],
    step: int,
    initial: list[Value],
) -> list[list[Value]] | None:
    """What a loop up to the least of several bounds, ``min(end, size)``, carries in the case of each of them: what is
    carried before a round does not depend on how many rounds there are, so one loop is read, for the rounds below all
    of the bounds, and asked for what it carries after as many as there are. None where the cases are loops of
    their own."""
    # What is claimed of a loop is claimed of its own rounds alone.
    if len(cases) < 2 or reader.claims:
        return None
    loops = [_Loop(operation, environment, reader, low, high, step, initial) for _, high in cases]
    if any(loop.rounds.is_constant for loop in loops):
        return None
    for loop, (case, _) in zip(loops, cases, strict=True):
        others = (compare(loop.length, "<=", other.length) for other in loops if other is not loop)
        if reader.context.decide(conjunction(*others), (), case) is not True:
            return None
    # A bound of sizes alone says most of the places that are read.
    longest = min(loops, key=lambda loop: len(loop.length.variables - reader.context.sizes.keys()))
    try:
        after = longest.rolled([loop.length for loop in loops])
    except Unreadable:
        return None
    found: list[list[Value]] = []
    for loop, (case, _) in zip(loops, cases, strict=True):
        with reader.context.on(case):
            found.append(loop.where_some(after(loop.rounds)))
    return found


@dataclass(frozen=True)
class _Tiles:
    """A loop whose rounds are dealt out to all programs along one axis: ``range(id, end, programs)``.

    ``(id, round)`` with ``tile = id + programs * round`` are in bijection with the tiles below the end: so the
    number of the tile is the variable, in the place of the id and of the round. No two tiles belong together.
    """

    operation: Operation
    environment: Environment
    reader: Reader
    program: str
    name: str
    step: Polynomial

    @staticmethod
    def of(
        operation: Operation, environment: Environment, reader: Reader, low: Whole, high: Whole, step: Whole
    ) -> _Tiles | None:
        """Raises ``NeedsTiles`` when such a loop is met for the first time."""
        grid = reader.grid
        axis = next((a for a in range(3) if low.single == grid.id(a) and step.single == grid.count(a)), None)
        if axis is None or high.single is None or step.single is None or not high.single.is_of_sizes:
            return None
        name, program = f"{TILE}{reader.number_of(operation)}", f"program.{AXES[axis]}"
        initial = [environment[n] for n in operation.operands[3:]]
        if not all(isinstance(v, Whole) and _ahead(v, low) is not None for v in initial):
            return None
        parts = grid.parts(program).keys()
        if not grid.deals or not parts or variables(reader.context.path) & parts:
            return None
        if reader.context.replaced & parts:
            # Inside of another such loop the id is the tile there: the two tiles differ by a multiple of the programs.
            return None
        if grid.extents.get(name) != high.single:
            raise NeedsTiles(name, program, high.single)
        return _Tiles(operation, environment, reader, program, name, step.single)

    def results(self) -> list[Value]:
        """What the loop carries is told inside of it, and not after it."""
        grid, reader = self.reader.grid, self.reader
        index, *names = self.operation.regions[0].blocks[0].parameters
        tile = grid.value(self.name)
        low = whole((), grid.id(AXES.index(self.program[-1])))
        environment = dict(self.environment)
        environment[index.name] = whole((), tile, index.type.width)
        ahead: list[Polynomial] = []
        for parameter, operand in zip(names, self.operation.operands[3:], strict=True):
            start = environment[operand]
            assert isinstance(start, Whole)
            ahead.append(_ahead(start, low) or Polynomial())
            environment[parameter.name] = whole((), tile + ahead[-1], start.bits)
        gone = frozenset(grid.parts(self.program))
        with reader.context.without(gone), around(grid.parts(self.name), instead_of=gone):
            after = reader.operations(_only(self.operation.regions[0], reader), environment)
        for value, own in zip(after, ahead, strict=True):
            if not isinstance(value, Whole) or value.single != tile + own + self.step:
                raise reader.unsupported("a loop over tiles that carries something from tile to tile", self.operation)
        reason = "what a loop over tiles carries, after the loop"
        return [UnknownArray((), reason, reader.site) for _ in names]


def _ahead(value: Whole, low: Whole) -> Polynomial | None:
    """By how much an integer is more than the number of the tile, where that is the same for all programs."""
    if value.shape or value.single is None or low.single is None:
        return None
    found = value.single - low.single
    return found if found.is_of_sizes else None


class _Loop:
    """One loop with bounds that are polynomials."""

    def __init__(
        self,
        operation: Operation,
        environment: Environment,
        reader: Reader,
        low: Polynomial,
        high: Polynomial,
        step: int,
        initial: list[Value],
    ) -> None:
        self.operation, self.environment, self.reader = operation, environment, reader
        self.low, self.step, self.initial = low, step, initial
        self.site = reader.site
        self.region = operation.regions[0]
        length = (high - low).affine
        if length is None:
            raise reader.unsupported(f"a loop from {low} to {high}: a product of sizes", operation)
        self.length = length
        self.rounds = (length + (step - 1)) // step

    def results(self) -> list[Value]:
        context = self.reader.context
        some = compare(self.length, ">=", 1)
        decided = context.decide(some, ())
        if decided is False:
            return self.initial
        if self.rounds.is_constant and self.rounds.constant <= _ALWAYS_UNROLLED:
            return self._unrolled()
        try:
            with context.on(some if decided is None else ALWAYS):
                after = self.rolled()(self.rounds)
        except Unreadable as reason:
            if not (self.rounds.is_constant and self.rounds.constant <= MOST_ROUNDS):
                raise self.reader.unsupported(str(reason), self.operation) from reason
            return self._unrolled()
        return after if decided is True else self._chosen(some, after)

    def where_some(self, after: list[Value]) -> list[Value]:
        """What it carries in the end, given what it carries after all rounds where there are any."""
        some = compare(self.length, ">=", 1)
        decided = self.reader.context.decide(some, ())
        return self.initial if decided is False else after if decided is True else self._chosen(some, after)

    def _chosen(self, some: Predicate, after: list[Value]) -> list[Value]:
        return [chosen(self.reader, some, a, b) for a, b in zip(after, self.initial, strict=True)]

    def _body(self, carries: Sequence[Value], round_: Affine) -> list[Value]:
        block = _only(self.region, self.reader)
        environment = dict(self.environment)
        index, *names = block.parameters
        counter = whole((), self.low + Polynomial.of(round_ * self.step), index.type.width)
        environment[index.name] = counter
        if (name := self.reader.sites.target(self.operation)) is not None:
            self.reader.record(name, counter, index.type, id(self.operation))
        environment.update({p.name: v for p, v in zip(names, carries, strict=True)})
        with self.reader.carrying([p.name for p in names], round_):
            return self.reader.operations(block, environment)

    def _unrolled(self) -> list[Value]:
        values = self.initial
        for number in range(self.rounds.constant):
            with self.reader.later(number):
                values = self._body(values, Affine((), number))
        return values

    # -- for a generic round -----------------------------------------------------------------

    def rolled(self, lengths: Sequence[Affine] = ()) -> Callable[[Affine], list[Value]]:
        """What it carries after so many rounds, of those that start below all of these ends as well.

        Raises ``Unreadable``.
        """
        reader = self.reader
        variable = reader.round_variable()
        real = [k for k, value in enumerate(self.initial) if isinstance(value, RealArray)]
        deltas = self._deltas(real, lengths)
        sound = False

        def body(before: Sequence[Array], round_: Affine) -> list[Array]:
            carries: list[Value] = list(self.initial)
            for k, array in zip(real, before, strict=True):
                carries[k] = array
            for k in deltas:
                carries[k] = _shifted(self.initial[k], deltas[k], round_)
            reader.record_before(self.operation, carries)
            with reader.context.on(conjunction(*(compare(round_ * self.step, "<", end) for end in lengths))):
                after = self._body(carries, round_)
            for k in deltas:
                expected = _shifted(self.initial[k], deltas[k], round_ + 1)
                if not _same(reader, after[k], expected):
                    raise Unreadable(
                        "a loop that carries an integer, or a pointer, that does not move by one step a round"
                    )
            nonlocal sound
            sound = True
            return [self._real(after[k]) for k in real]

        with reader.in_round(variable):
            saved, noted = len(reader.traffic.accesses), dict(reader.watch.found)
            try:
                with reader.tentatively():
                    loop = Rolled(variable, self.rounds, [self.initial[k] for k in real], {}, body, self.site)  # type: ignore[misc]
            except Unreadable:
                del reader.traffic.accesses[saved:]
                if not sound:
                    # What was seen of rounds that are not what they were taken for is no finding.
                    reader.watch.found = noted
                raise

        def after(rounds: Affine) -> list[Value]:
            results: list[Value] = list(self.initial)
            for k, array in zip(real, loop.carries(rounds), strict=True):
                results[k] = array
            for k in deltas:
                results[k] = _shifted(self.initial[k], deltas[k], rounds)
            return results

        return after

    def _real(self, value: Value) -> Array:
        if not isinstance(value, RealArray):
            raise Unreadable("a loop that carries a real number and makes something else of it")
        for node in every_node(value.node):
            if isinstance(node, Unmodelled):
                raise Unreadable(node.reason)
        return value

    def _deltas(self, real: Sequence[int], lengths: Sequence[Affine]) -> dict[int, Polynomial]:
        """By how much each integer and each pointer moves in a round, as round 0 shows it."""
        others = [k for k in range(len(self.initial)) if k not in real]
        if not others:
            return {}
        variable = self.reader.round_variable()
        some = conjunction(*(compare(end, ">=", 1) for end in lengths))
        with self.reader.quietly(), self.reader.context.on(some), around({variable: bounds(0, self.rounds)}):
            after = self._body(self.initial, Affine())
        found: dict[int, Polynomial] = {}
        for k in others:
            start, end = self.initial[k], after[k]
            if isinstance(start, Whole) and isinstance(end, Whole):
                found[k] = _difference(self.reader, start, end)
            elif isinstance(start, Pointer) and isinstance(end, Pointer) and start.memory is end.memory:
                found[k] = _difference(self.reader, start.offset, end.offset)
            else:
                raise Unreadable("a loop that carries truth values, or integers that are data")
        return found


def _difference(reader: Reader, start: Whole, end: Whole) -> Polynomial:
    found = integers.combine(reader.context, end, start, integers.subtract).single
    if found is None:
        raise Unreadable("a loop that carries an integer whose step differs from lane to lane, or program to program")
    return found


def _plus(value: Whole, step: Polynomial) -> Whole:
    return Whole(value.shape, tuple((p, v + step) for p, v in value.pieces), value.bits)


def _shifted(start: Value, delta: Polynomial, rounds: Affine) -> Value:
    """The value after so many rounds, each of which adds ``delta``."""
    moved = delta * Polynomial.of(rounds)
    if isinstance(start, Whole):
        return _plus(start, moved)
    assert isinstance(start, Pointer)
    steps = start.steps
    if not rounds.is_constant or rounds.constant:
        # The 64-bit pointer takes one step in each round before this one: it matters that the step fits only if
        # there was such a round.
        after = compare(rounds, ">=", 1)
        step = Whole(start.shape, ((after, delta), (ALWAYS, Polynomial())))
        steps = (*steps, step)
    return Pointer(start.shape, start.memory, _plus(start.offset, moved), steps)


def _same(reader: Reader, found: Value, expected: Value) -> bool:
    if isinstance(found, Pointer) and isinstance(expected, Pointer):
        if found.memory is not expected.memory:
            return False
        found, expected = found.offset, expected.offset
    if isinstance(found, Whole) and isinstance(expected, Whole):
        return integers.combine(reader.context, found, expected, integers.subtract).single == Polynomial()
    return False


# -- reductions ------------------------------------------------------------------------------

_COMBINED = {
    "arith.addf": "sum",
    "arith.maxnumf": "max",
    "arith.maximumf": "max",
    "arith.minnumf": "min",
    "arith.minimumf": "min",
    "arith.mulf": "prod",
    "arith.addi": "sum",
    "arith.maxsi": "max",
    "arith.minsi": "min",
    "arith.muli": "prod",
}
_OF_ONE_BIT = {"arith.ori": "or", "arith.andi": "and"}


def _combination(operation: Operation, reader: Reader) -> str:
    """The reduction whose step the region is: one operation on its two arguments."""
    if len(operation.operands) != 1:
        raise Unreadable(f"{operation.name} of several blocks together, as argmax and argmin are")
    block = _only(operation.regions[0], reader)
    names = [p.name for p in block.parameters]
    if len(block.operations) != 2 or set(block.operations[0].operands) != set(names):
        raise Unreadable(f"{operation.name} with a combination of its own")
    name = block.operations[0].name
    found = (_OF_ONE_BIT if block.operations[0].result_types[0].element == "i1" else _COMBINED).get(name)
    if found is None or block.operations[1].operands != block.operations[0].results:
        raise Unreadable(f"{operation.name} by {name}")
    return found


def _combined(operation: Operation, environment: Environment, reader: Reader) -> Value:
    """What is reduced: numbers, also integers as such, or truth values."""
    value = environment[operation.operands[0]]
    if not isinstance(value, Whole):
        return value
    looked_at(operation, [value], reader)
    return as_number(value, reader)


@controls("tt.reduce")
def reduction(operation: Operation, environment: Environment, reader: Reader) -> None:
    if len(operation.operands) > 1:
        results = reader.stopped(operation, f"{operation.name} of several blocks together, as argmax and argmin are")
        along = operation.attributes["axis"]
        for k, name in enumerate(extrema(_only(operation.regions[0], reader))):
            # The value of a maximum with its index is a maximum.
            value, kind = environment[operation.operands[k]], operation.result_types[k]
            if name is not None and kind.is_float:
                shape = tuple(n for a, n in enumerate(value.shape) if a != along)
                (results[k],) = primitive(f"reduce_{name}", [value], shape, kind, reader, axes=(along,))
        environment.update(zip(operation.results, results, strict=True))
        return
    try:
        name = _combination(operation, reader)
        value = _combined(operation, environment, reader)
        along = operation.attributes["axis"]
        shape = tuple(n for a, n in enumerate(value.shape) if a != along)
        results = primitive(f"reduce_{name}", [value], shape, operation.result_types[0], reader, axes=(along,))
    except Unreadable as stopped:
        results = reader.stopped(operation, str(stopped))
    environment.update(zip(operation.results, results, strict=True))


@controls("tt.scan")
def scan(operation: Operation, environment: Environment, reader: Reader) -> None:
    try:
        name = _combination(operation, reader)
        value = _combined(operation, environment, reader)
        backwards = bool(operation.attributes.get("reverse", False))
        along = operation.attributes["axis"]
        results = primitive(
            f"cum{name}", [value], value.shape, operation.result_types[0], reader, axis=along, reverse=backwards
        )
    except Unreadable as stopped:
        results = reader.stopped(operation, str(stopped))
    environment.update(zip(operation.results, results, strict=True))
