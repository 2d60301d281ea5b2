"""Reads the TTIR of a kernel operation by operation, for all programs of the grid at once; nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from stile_engine.array.arrays import (
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    Unreadable,
    outer_ranges,
)
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, conjunction, negate
from stile_engine.term.expression import AxesConflict, Node, Unmodelled, bounds
from stile_engine.trace.frontend import TraceError
from stile_engine.trace.location import Site
from stile_engine.trace.recording import RecordedLoop, RecordedValue, Recorder, Shown
from stile_engine.triton.context import Context
from stile_engine.triton.grid import Grid
from stile_engine.triton.memory import Access, Memory, Traffic
from stile_engine.triton.shown import show
from stile_engine.triton.sites import Sites
from stile_engine.triton.ttir.tree import Block, Function, Operation, Region, Type
from stile_engine.triton.values import UNTOLD, Pointer, Value, Whole
from stile_engine.triton.watch import Watch

if TYPE_CHECKING:
    from stile_engine.triton.claims import Claimed

Environment: TypeAlias = dict[str, Value]

Handler: TypeAlias = "Callable[[Operation, list[Value], Reader], list[Value]]"

HANDLERS: dict[str, Handler] = {}
"""The models of operations, by name; the modules that hold them fill it."""

CONTROL: dict[str, Callable[[Operation, Environment, Reader], None]] = {}
"""The models of operations with regions, which see the values around them."""

MOST_OPERATIONS = 200_000


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register the model of the operations of these names."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


def controls(
    name: str,
) -> Callable[[Callable[[Operation, Environment, Reader], None]], Callable[[Operation, Environment, Reader], None]]:
    def register(
        handler: Callable[[Operation, Environment, Reader], None],
    ) -> Callable[[Operation, Environment, Reader], None]:
        CONTROL[name] = handler
        return handler

    return register


@dataclass(frozen=True, slots=True)
class CarriedNames:
    """The values that the innermost loop carries, by their names, and the variable of its round where it is read once
    for all rounds."""

    names: tuple[str, ...] = ()
    round: str | None = None


@dataclass
class Reader:
    """The state of one reading. ``sites`` finds the expression of the source that an operation came from."""

    context: Context
    grid: Grid
    recorder: Recorder
    sites: Sites
    watch: Watch
    dims: Mapping[str, Dim]
    claims: Sequence[Claimed] = ()
    traffic: Traffic = field(default_factory=Traffic)
    silent: bool = False
    """Whether the operations are read for their values alone, and will be read again."""
    site: Site | None = None
    rounds: tuple[str, ...] = ()
    carried: CarriedNames = CarriedNames()
    _order: tuple[int, ...] = ()
    _count: int = 0
    _loops: int = 0
    _users: dict[str, list[Operation]] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _visits: dict[Site, int] = field(default_factory=dict)
    """The first operation of each expression."""

    # -- running ---------------------------------------------------------------------------

    def run(self, function: Function, arguments: Mapping[str, Value]) -> None:
        self._users = users(function.body)
        self._numbers = {id(o): k for k, o in enumerate(every_operation(function.body))}
        sites = self.sites.arguments(function)
        for parameter in function.parameters:
            value = arguments[parameter.name]
            if not isinstance(value, Pointer) and (site := sites.get(parameter.name.removeprefix("%"))) is not None:
                self.record(site, value, parameter.type, 0)
        self.blocks(function.body, 0, dict(arguments))

    def blocks(self, region: Region, number: int, environment: Environment) -> None:
        """A block and those that it branches to. What depends on the path is reached under its condition."""
        block = region.blocks[number]
        self.operations(block, environment)
        if not block.operations or not block.operations[-1].successors:
            return
        last = block.operations[-1]
        with self.later(len(block.operations)):
            self._jump(region, number, last, environment)

    def _jump(self, region: Region, number: int, last: Operation, environment: Environment) -> None:
        labels = {b.label: k for k, b in enumerate(region.blocks)}
        targets = [(labels[s.label], s.operands) for s in last.successors]
        if any(target <= number for target, _ in targets):
            raise self.unsupported("a loop made of jumps (while, or a return inside a loop)", last)
        if last.name == "cf.br":
            self._enter(region, targets[0], environment)
            return
        if last.name != "cf.cond_br":
            raise self.unsupported(f"the operation {last.name} has no model", last)
        condition = environment[last.operands[0]]
        if not isinstance(condition, TruthArray):
            raise self.unsupported("a branch that depends on data", last)
        sides = (condition.predicate, negate(condition.predicate))
        for target, predicate in zip(targets, sides, strict=True):
            if self.context.decide(predicate, ()) is False:
                continue
            with self.context.on(predicate):
                self._enter(region, target, dict(environment))

    def _enter(self, region: Region, target: tuple[int, tuple[str, ...]], environment: Environment) -> None:
        number, operands = target
        for parameter, operand in zip(region.blocks[number].parameters, operands, strict=True):
            environment[parameter.name] = environment[operand]
        self.blocks(region, number, environment)

    def operations(self, block: Block, environment: Environment) -> list[Value]:
        """All operations of a block; gives what its last one hands on."""
        handed: list[Value] = []
        before = self._order
        for number, operation in enumerate(block.operations):
            self._order = (*before, number)
            if operation.name in ("scf.yield", "tt.reduce.return", "tt.scan.return"):
                handed = [environment[name] for name in operation.operands]
            elif operation.name == "scf.condition":
                raise self.unsupported("a while loop", operation)
            elif operation.name not in ("tt.return", "cf.br", "cf.cond_br"):
                self._operation(operation, environment)
        self._order = before
        return handed

    def _operation(self, operation: Operation, environment: Environment) -> None:
        self._count += 1
        if self._count > MOST_OPERATIONS:
            raise self.unsupported("a kernel with too many operations", operation)
        self.site = self.sites.of(operation) or self.site
        control = CONTROL.get(operation.name)
        if control is not None:
            control(operation, environment, self)
            if operation.name in ("tt.reduce", "tt.scan"):
                self._record(operation, environment[operation.results[0]])
            return
        handler = HANDLERS.get(operation.name)
        if handler is None:
            raise self.unsupported(_without_model(operation), operation)
        inputs = [environment[name] for name in operation.operands]
        try:
            results = handler(operation, inputs, self)
        except Unreadable as stopped:
            results = self.stopped(operation, str(stopped), inputs)
        except AxesConflict as stopped:
            raise self.unsupported(f"values over different ranges: {stopped}", operation) from stopped
        except ValueError as stopped:
            # A value whose choice would rest on a variable that no value may name.
            raise self.unsupported(
                f"a value that depends on a remainder that is not known ({stopped})", operation
            ) from stopped
        for name, value in zip(operation.results, results, strict=True):
            environment[name] = value
        self._record(operation, results[0] if results else None)

    # -- what an editor shows --------------------------------------------------------------

    def _record(self, operation: Operation, value: Value | None) -> None:
        """The value of the expression that an operation came from; the last of its operations gives it."""
        if self.silent:
            return
        for site in self.sites.shown(operation):
            if value is None:
                # A store: what was computed on the way is not the value of the call.
                self.recorder.values.pop(site, None)
            else:
                self.record(site, value, operation.result_types[0], id(operation))

    def record(self, site: Site, value: Value, kind: Type, visit: int) -> None:
        if self.silent or isinstance(value, UnknownArray):
            return
        known = site in self.recorder.values
        self.recorder.record(site, self._made(value, kind))
        first = self._visits.setdefault(site, visit) if known else visit
        self._visits[site] = first
        if known and first != visit:
            # Several operations of one expression are one visit of it.
            self.recorder.values[site].count -= 1

    def _made(self, value: Value, kind: Type) -> Callable[[], Shown]:
        return partial(show, value, kind, self.dims, self.recorder.provenance, self.context, dict(outer_ranges()))

    def record_before(self, loop: Operation, values: Sequence[Value]) -> None:
        """What the names that a loop carries hold before a generic round."""
        found = self.sites.loop(loop)
        if found is not None and not self.silent:
            self.recorder.loops[found[0]] = RecordedLoop(self._carried(loop, *found, values))

    def record_after(self, loop: Operation, values: Sequence[Value]) -> None:
        """What they hold at its end, if it was read for a generic round."""
        found = self.sites.loop(loop)
        if found is not None and not self.silent and (told := self.recorder.loops.get(found[0])) is not None:
            told.after = self._carried(loop, *found, values)

    def _carried(
        self, loop: Operation, site: Site, bound: frozenset[str], values: Sequence[Value]
    ) -> dict[str, RecordedValue]:
        """By the names of the source; that of a value is one of them with a number, where it is not taken."""
        found: dict[str, RecordedValue] = {}
        for parameter, value in zip(loop.regions[0].blocks[0].parameters[1:], values, strict=True):
            own = parameter.name.removeprefix("%")
            names = [n for n in bound if re.fullmatch(re.escape(n) + r"(_\d+)?", own)]
            if len(names) == 1 and not isinstance(value, UnknownArray):
                found[names[0]] = RecordedValue(site, self._made(value, parameter.type))
        return found

    @contextmanager
    def tentatively(self) -> Iterator[None]:
        """What was seen inside is forgotten if it fails: it may name a loop that was never closed."""
        saved = {site: replace(value) for site, value in self.recorder.values.items()}
        loops = dict(self.recorder.loops)
        try:
            yield
        except Exception:
            self.recorder.values, self.recorder.loops = saved, loops
            raise

    def stopped(self, operation: Operation, reason: str, inputs: Sequence[Value] = ()) -> list[Value]:
        """What a use of a pure operation without a model gives: blocks that are unknown, and matter only to what
        uses them. Where memory is touched, or a pointer made, the reading ends. What was unknown before is told at
        the place where it began."""
        memory = operation.name in _MEMORY or not operation.results
        if memory or any(t.is_pointer for t in (*operation.result_types, *operation.operand_types)):
            raise self.unsupported(reason, operation)
        earlier = [i.site for i in inputs if isinstance(i, UnknownArray) and i.reason == reason]
        site = earlier[0] if earlier else self.site
        reason = reason if earlier else self._told(reason, operation)
        found: list[Value] = []
        for kind in operation.result_types:
            shape = kind.shape
            if kind.is_float:
                found.append(RealArray(shape, Unmodelled(reason, site)))
            else:
                found.append(UnknownArray(shape, reason, site))
        return found

    def unsupported(self, reason: str, operation: Operation | None = None) -> TraceError:
        if operation is None:
            return TraceError(reason, self.site)
        return TraceError(self._told(reason, operation), self.sites.of(operation) or self.site)

    def _told(self, reason: str, operation: Operation) -> str:
        """With the function of a library that the source calls there."""
        called = self.sites.library_call(operation)
        return reason if called is None or (reason.endswith(")") and "(in " in reason) else f"{reason} (in {called})"

    def only_reduced(self, name: str) -> bool:
        """Whether the order of the elements of a value matters to none of its uses: all reduce its one axis."""
        own = self._users.get(name, [])
        return bool(own) and all(o.name == "tt.reduce" and len(o.operand_types[0].shape) == 1 for o in own)

    # -- for the models --------------------------------------------------------------------

    def round_variable(self) -> str:
        self._loops += 1
        return f"round.{self._loops}"

    def number_of(self, operation: Operation) -> int:
        """A number that belongs to the operation, the same in each reading of the kernel."""
        return self._numbers[id(operation)]

    def some_number(self, size: Affine) -> str:
        """A variable for an integer of which it is only known that it lies below the size."""
        name = f"{UNTOLD}{len(self.context.untold)}"
        self.context.untold[name] = bounds(0, size)
        return name

    def another_number(self, name: str) -> Affine | None:
        """For such a variable one of its own range, and None for others."""
        if name not in self.context.untold:
            return None
        return Affine.variable(self.some_number(self.context.untold[name][1]))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What is read inside leaves no trace but its values."""
        saved, self.silent = self.silent, True
        try:
            yield
        finally:
            self.silent = saved

    @contextmanager
    def later(self, number: int) -> Iterator[None]:
        """What is read inside comes after the operations before that number, as a program runs them."""
        saved, self._order = self._order, (*self._order, number)
        try:
            yield
        finally:
            self._order = saved

    @contextmanager
    def in_round(self, variable: str) -> Iterator[None]:
        saved, self.rounds = self.rounds, (*self.rounds, variable)
        try:
            yield
        finally:
            self.rounds = saved

    @contextmanager
    def carrying(self, names: Sequence[str], round_: Affine) -> Iterator[None]:
        """The body of a loop that carries these."""
        saved = self.carried
        variable = None if round_.is_constant else next(iter(round_.variables))
        self.carried = CarriedNames(tuple(names), variable)
        try:
            yield
        finally:
            self.carried = saved

    def access(
        self,
        kind: str,
        memory: Memory,
        index: tuple[Affine, ...],
        where: Predicate,
        shape: Shape,
        value: Node | None = None,
        after: tuple[Access, ...] = (),
    ) -> None:
        if self.silent:
            return
        if value is not None and self.context.replaced & value.axes.keys():
            # A number that was made of the id before the loop is that of the program, which the tile does not tell.
            raise TraceError("a value of the program beside the number of the tile that it has taken", self.site)
        condition = conjunction(self.context.path, where)
        found = Access(
            kind,
            memory,
            index,
            condition,
            shape,
            {**self.context.sizes, **outer_ranges(), **self.context.untold},
            tuple(self.context.facts),
            self._order,
            self.rounds,
            self.site,
            value,
            after,
        )
        self.traffic.accesses.append(found)

    def barrier(self) -> None:
        if not self.silent:
            self.traffic.barriers.append((self._order, self.context.path))

    def mask(self, value: Value | None) -> Predicate:
        if value is None:
            return ALWAYS
        if isinstance(value, UnknownArray):
            raise Unreadable(value.reason)
        if isinstance(value, TruthArray):
            return value.predicate
        if isinstance(value, Whole) and value.constant is not None:
            return ALWAYS if value.constant else NEVER
        raise Unreadable("a mask that is no truth value")


def users(region: Region) -> dict[str, list[Operation]]:
    """The operations that use a value, by its name; a name that stands in several regions has the users of all."""
    found: dict[str, list[Operation]] = {}
    for operation in every_operation(region):
        for name in (*operation.operands, *(n for s in operation.successors for n in s.operands)):
            found.setdefault(name, []).append(operation)
    return found


def every_operation(region: Region) -> Iterator[Operation]:
    waiting = [region]
    while waiting:
        for block in waiting.pop().blocks:
            for operation in block.operations:
                yield operation
                waiting += operation.regions


_MEMORY = frozenset(
    {
        "tt.load",
        "tt.store",
        "tt.addptr",
        "tt.atomic_rmw",
        "tt.make_tensor_descriptor",
        "tt.descriptor_load",
        "tt.descriptor_store",
    }
)

_NAMES = {
    "tt.atomic_cas": "tl.atomic_cas",
    "tt.descriptor_gather": "a gather through a tensor descriptor",
    "tt.descriptor_scatter": "a scatter through a tensor descriptor",
    "tt.descriptor_reduce": "an atomic sum through a tensor descriptor",
    "tt.int_to_ptr": "a pointer made of an integer",
    "tt.ptr_to_int": "a pointer read as an integer",
    "tt.histogram": "tl.histogram",
    "tt.gather": "tl.gather",
    "tt.dot_scaled": "tl.dot_scaled",
    "tt.elementwise_inline_asm": "inline assembly",
}


def _without_model(operation: Operation) -> str:
    known = _NAMES.get(operation.name)
    return f"{known} has no model" if known else f"the operation {operation.name} has no model"
