"""``pallas_call``, read for a generic program of its grid.

The grid is run in order, the last axis fastest. Its axes are split in two: the programs along the first
ones are independent of one another and are read once, with variables for their ids; along the others an
output block is visited again, and what it and the scratch memory hold is carried from one program to the
next. Every element of an output comes from the one program whose block has it; where there is none it has
no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from math import prod

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    UnknownArray,
    Unreadable,
    around,
    as_node,
)
from stile_engine.array.arrays import integers as integer_array
from stile_engine.array.choice import choose
from stile_engine.array.loops import Rolled, integer_steps
from stile_engine.array.operation import MOST_ROUNDS, Machine, Operation, handles
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, size_of
from stile_engine.jax import references
from stile_engine.jax.pallas import adapter, races
from stile_engine.jax.pallas.blocks import Ids, Placed, placed, same_blocks
from stile_engine.jax.pallas.races import Grid
from stile_engine.jax.references import Reference, remembering
from stile_engine.term.expression import Node, Unmodelled, bounds, every_node
from stile_engine.trace.location import Site

NEVER_WRITTEN = "never written by a program of the grid before it is read"
LEFT = "read of an output block that the grid left and comes back to: what it held is not loaded again"
SCRATCH = "scratch memory that was never written"

Step = Callable[[Affine], None]
"""Reads all programs that have this id along one axis of the grid."""

_MOST_UNROLLED = 4
"""Programs along an axis that are read one by one rather than by induction."""


@dataclass(frozen=True, slots=True)
class _Program:
    """Ids and sizes along the axes that ``program_id`` counts."""

    ids: tuple[Affine, ...]
    sizes: tuple[Size, ...]


_program: ContextVar[_Program | None] = ContextVar("_program", default=None)


def _running() -> _Program:
    found = _program.get()
    if found is None:
        raise Unreadable("a program id outside of a kernel")
    return found


@handles("program_id")
def program_id(operation: Operation, _machine: Machine) -> list[Array]:
    return [integer_array((), _running().ids[int(operation.params["axis"])])]


@handles("num_programs")
def num_programs(operation: Operation, _machine: Machine) -> list[Array]:
    return [integer_array((), Affine.of(_running().sizes[int(operation.params["axis"])]))]


@handles("pallas_call")
def pallas_call(operation: Operation, machine: Machine) -> list[Array]:
    call = adapter.pallas_call(operation.params)
    if call.dynamic:
        sizes = dict(zip(call.dynamic, map(_size, operation.inputs), strict=False))
        call = replace(call, grid=tuple(sizes.get(a, n) for a, n in enumerate(call.grid)))
        operation = replace(operation, inputs=operation.inputs[len(call.dynamic) :])
    launch = _Launch(call, operation, machine)
    for broken in races.violations(launch.grid, launch.inputs, launch.outputs, operation.site):
        machine.violation(broken)
        if broken.code == "race":
            # The rule is broken, and said to be; what the programs compute is read as if they ran in order.
            launch.call = replace(launch.call, parallel=frozenset())
    try:
        with machine.repeatedly(prod(n for n in call.grid if not isinstance(n, SymbolicInteger))):
            return launch.results()
    except _Spoiled as stopped:
        reason, site = stopped.where
        refs = [references.reference(o.array_shape, o.dtype) for o in launch.call.outputs]
        return [references.unknown_content(ref, reason, site or operation.site) for ref in refs]


class _Unordered(Unreadable):
    """Programs that share memory have no order."""


class _Spoiled(Unreadable):
    """An operation without a model has had an input of the kernel."""

    def __init__(self, content: Array) -> None:
        self.where: tuple[str, Site | None] = ("an operation without a model", None)
        match content:
            case UnknownArray(reason=reason, site=site) | RealArray(node=Unmodelled(reason=reason, location=site)):
                self.where = (reason, site if isinstance(site, Site) else None)
        super().__init__(self.where[0])


@dataclass(slots=True)
class _Launch:
    call: adapter.PallasCall
    operation: Operation
    machine: Machine
    variables: tuple[str, ...] = field(init=False)
    prefetched: list[Reference] = field(init=False)
    inputs: list[Placed] = field(init=False)
    outputs: list[Placed] = field(init=False)
    arrays: Sequence[Array] = field(init=False)
    scalars: dict[Reference, Array] = field(init=False)
    left: list[bool] = field(init=False)
    """Of each output, whether the grid comes back to blocks that it has left."""

    def __post_init__(self) -> None:
        call = self.call
        if any(n < 1 for n in call.grid):
            raise Unreadable("a grid without programs")
        self.left = [False for _ in call.outputs]
        self.variables = tuple(self.machine.round_variable() for _ in call.grid)
        given = self.operation.inputs
        self.arrays = given[call.prefetched :]
        self.scalars = {references.reference(a.shape, "int32"): a for a in given[: call.prefetched]}
        self.prefetched = list(self.scalars)
        with around({v: bounds(0, n) for v, n in zip(self.variables, call.grid, strict=True)}), self.machine.quietly():
            self.inputs = [self._placed(b) for b in call.inputs]
            self.outputs = [self._placed(b) for b in call.outputs]

    def _placed(self, block: adapter.Block) -> Placed:
        ids = [integer_array((), self._id(a)) for a in range(len(self.call.grid))]
        with remembering(self.scalars):
            found = self.machine.call(block.index_map, [*ids, *self.prefetched], self.operation.site)
        return placed(block, found[: len(block.extents)])

    def _id(self, number: int) -> Affine:
        return Affine() if is_fixed(self.call.grid[number], 1) else Affine.variable(self.variables[number])

    @property
    def grid(self) -> Grid:
        return Grid(self.call, self.variables)

    # -- results ---------------------------------------------------------------------------

    def results(self) -> list[Array]:
        reason: _Unordered | None = None
        for first in range(len(self.call.grid), -1, -1):
            if first and is_fixed(self.call.grid[first - 1], 1):
                continue  # the same programs as with one axis less
            try:
                with self.machine.tentatively():
                    found = self._by_blocks(first)
            except _Unordered as stopped:
                reason = reason or stopped
                continue
            except Unreadable:
                continue  # perhaps with fewer independent axes
            if found is not None:
                return found
        if reason is not None:
            raise reason
        self._require_order(0)
        return self._in_order()

    def _by_blocks(self, first: int) -> list[Array] | None:
        """The outputs, where the axes before ``first`` are independent and each program along them has an
        output block of its own; None where the programs depend on one another."""
        independent, later = self.variables[:first], set(self.variables[first:])
        if any(out.variables & later for out in self.outputs):
            return None
        sizes = dict(zip(independent, self.call.grid[:first], strict=True))
        initial = [self._initial(o) for o in range(len(self.outputs))]
        for out, whole in zip(self.outputs, initial, strict=True):
            # Raises where two programs may have one element.
            out.assembled(whole, references.without_value(out.block.shape, out.block.dtype, ""), sizes)
        self._require_order(first)
        left_over = Unmodelled("scratch memory as another program has left it", self.operation.site)
        several = any(not is_fixed(n, 1) for n in sizes.values())
        ids = {v: self._id(a) for a, v in enumerate(independent)}
        with around({v: bounds(0, n) for v, n in sizes.items()}):
            outs = {self._reference(out): out.cut(whole, ids) for out, whole in zip(self.outputs, initial, strict=True)}
            scratch = {}
            for shape, dtype in self.call.scratch:
                content = references.without_value(shape, dtype, SCRATCH)
                if several and isinstance(content, RealArray):
                    content = RealArray(shape, left_over)
                scratch[references.reference(shape, dtype)] = content
            with remembering({**self.scalars, **outs, **scratch}) as held:
                refs = [*outs, *scratch]
                self._run(first, ids, refs, list(outs))
                blocks = [held[ref] for ref in outs]
        if any(_names(block, left_over) for block in blocks):
            return None
        return [
            out.assembled(whole, block, sizes) for out, whole, block in zip(self.outputs, initial, blocks, strict=True)
        ]

    def _in_order(self) -> list[Array]:
        """The outputs of programs that depend on one another, each carried as a whole array."""
        for out in self.outputs:
            # Different blocks are written back with no order between them; where that is known it is a race.
            if not self.grid.knows(out) and any(e.stride < e.size for e in out.block.extents):
                raise Unreadable("output blocks that may overlap")
        self.left = [races.comes_back(self.grid, out) for out in self.outputs]
        if any(back and o in self.call.aliases for o, back in enumerate(self.left)):
            raise Unreadable("an output in the memory of an input whose blocks are come back to")
        wholes = {
            references.reference(out.block.array_shape, out.block.dtype): self._initial(o)
            for o, out in enumerate(self.outputs)
        }
        scratch = {
            references.reference(shape, dtype): references.without_value(shape, dtype, SCRATCH)
            for shape, dtype in self.call.scratch
        }
        with remembering({**self.scalars, **wholes, **scratch}) as held:
            self._run(0, {}, [*wholes, *scratch], list(wholes), whole=True)
            return [held[ref] for ref in wholes]

    def _reference(self, block: Placed) -> Reference:
        return references.reference(block.block.shape, block.block.dtype)

    def _initial(self, number: int) -> Array:
        out = self.outputs[number]
        source = self.call.aliases.get(number)
        if source is None:
            shape = out.block.array_shape
            return references.without_value(shape, out.block.dtype, NEVER_WRITTEN)
        if not set(self._varied()) <= out.variables:
            raise Unreadable("an output in the memory of an input whose blocks are visited several times")
        if not same_blocks(out, self.inputs[source]):
            raise Unreadable("an output in the memory of an input that is cut into other blocks")
        return self.arrays[source]

    def _varied(self) -> list[str]:
        return [v for v, size in zip(self.variables, self.call.grid, strict=True) if not is_fixed(size, 1)]

    def _require_order(self, first: int) -> None:
        """Raise where programs that share memory have no order."""
        for a in range(first, len(self.call.grid)):
            if not is_fixed(self.call.grid[a], 1) and a in self.call.parallel:
                raise _Unordered(
                    f"axis {a} of the grid is declared parallel, and its programs write the same block or share scratch"
                )

    # -- programs --------------------------------------------------------------------------

    def _run(self, number: int, ids: Ids, refs: list[Reference], outs: list[Reference], whole: bool = False) -> None:
        """All programs along the axes from ``number`` on, in order."""
        if number == len(self.call.grid):
            self._one(ids, refs, outs, whole)
            return
        size, variable = self.call.grid[number], self.variables[number]

        def step(at: Affine) -> None:
            self._run(number + 1, {**ids, variable: at}, refs, outs, whole)

        if isinstance(size, SymbolicInteger):
            self._rolled(size - 1, step, refs, self._changed_by(Affine(), step, refs))
            return
        if size <= _MOST_UNROLLED:
            for at in range(size):
                step(Affine((), at))
            return
        # Programs often treat the first and the last of their kind in a way of its own.
        changed = self._changed_by(Affine(), step, refs)
        before = dict(references.memory())
        try:
            with self.machine.tentatively():
                self._rolled(size - 2, step, refs, changed)
        except Unreadable as reason:
            if size > MOST_ROUNDS:
                raise Unreadable(f"{reason}, in a grid of more than {MOST_ROUNDS} programs") from reason
            references.memory().update(before)
            for at in range(1, size - 1):
                self.machine.spend_step(self.operation.site)
                step(Affine((), at))
        step(Affine((), size - 1))

    def _changed_by(self, at: Affine, step: Step, refs: Sequence[Reference]) -> tuple[Reference, ...]:
        """Reads a program; which of the memory holds something else after it."""
        everything = references.Carriers(tuple(refs))
        before = everything.contents()
        step(at)
        return tuple(ref for ref, old, new in zip(refs, before, everything.contents(), strict=True) if new is not old)

    def _rolled(self, rounds: Size, step: Step, refs: Sequence[Reference], like: tuple[Reference, ...]) -> None:
        """The programs 1, …, ``rounds`` by induction. They most often change what the first one has changed, ``like``
        it; where they do not, which they do is found out first."""
        variable = self.machine.round_variable()
        try:
            with self.machine.tentatively():
                self._carrying(like, variable, rounds, step)
                return
        except Unreadable:
            pass
        everything = references.Carriers(tuple(refs))
        with self.machine.quietly(), around({variable: bounds(0, rounds)}), everything.holding(everything.contents()):
            changed = self._changed_by(Affine.variable(variable) + 1, step, refs)
        self._carrying(changed, variable, rounds, step, all_change=False)

    def _carrying(
        self, changed: tuple[Reference, ...], variable: str, rounds: Size, step: Step, all_change: bool = True
    ) -> None:
        """The programs by induction, where what is ``changed`` is carried. Raises where others change as well."""
        carriers = references.Carriers(changed)

        def body(carries: Sequence[Array], round_: Affine) -> list[Array]:
            with carriers.holding(carries):
                step(round_ + 1)
                after = carriers.contents()
            if all_change and any(new is old for new, old in zip(after, carries, strict=True)):
                raise Unreadable("a program that leaves what the first one changes")
            return after

        initial = carriers.contents()
        with self.machine.quietly():
            deltas = integer_steps(initial, lambda _only: body(initial, Affine()))
        loop = Rolled(variable, Affine.of(rounds), initial, deltas, body, self.operation.site)
        carriers.put(loop.carries())

    def _one(self, ids: Ids, refs: list[Reference], outs: list[Reference], whole: bool) -> None:
        """One program: a generic one where its ids are variables."""
        held = references.memory()
        given = [self._reference(block) for block in self.inputs]
        cut = {ref: block.cut(array, ids) for ref, block, array in zip(given, self.inputs, self.arrays, strict=True)}
        scratch = refs[len(outs) :]
        blocks = [self._reference(out) for out in self.outputs] if whole else outs
        if whole:
            for number, (b, o, r) in enumerate(zip(blocks, self.outputs, outs, strict=True)):
                cut[b] = self._found(number, o.cut(held[r], ids), ids)
        before = dict(cut)
        held.update(cut)
        token = _program.set(self._program(ids))
        try:
            self.machine.call(self.call.kernel, [*self.prefetched, *given, *blocks, *scratch], self.operation.site)
        finally:
            _program.reset(token)
        after = {ref: held.pop(ref) for ref in cut}
        for ref in given:
            if after[ref] is not before[ref]:
                raise (
                    _Spoiled(after[ref]) if _is_unknown(after[ref]) else Unreadable("a kernel that writes to an input")
                )
        if any(held[ref] is not array for ref, array in self.scalars.items()):
            raise Unreadable("a kernel that writes to a prefetched scalar")
        if whole:
            for b, o, r in zip(blocks, self.outputs, outs, strict=True):
                if after[b] is not before[b] or any(self.left):
                    held[r] = o.pasted(held[r], ids, after[b])

    def _found(self, number: int, block: Array, ids: Ids) -> Array:
        """What a program finds in an output block. What it held is not loaded again once the grid has left it."""
        if not self.left[number]:
            return block
        none = references.without_value(block.shape, self.outputs[number].block.dtype, LEFT)
        stays = races.continues(self.grid, self.outputs[number], ids)
        return choose([(stays, block), (ALWAYS, none)], block.shape)

    def _program(self, ids: Ids) -> _Program:
        counted = [a for a in range(len(self.call.grid)) if a not in self.call.vmapped]
        return _Program(
            tuple(ids[self.variables[a]] for a in counted),
            tuple(self.call.grid[a] for a in counted),
        )


def _size(array: Array) -> Size:
    """The size of an axis of the grid that is given when the kernel is called."""
    if isinstance(array, IntegerArray) and len(array.pieces) == 1 and not integers.reads_data(array):
        return size_of(array.pieces[0][1])
    raise Unreadable("a grid whose size is data")


def _is_unknown(content: Array) -> bool:
    return isinstance(content, UnknownArray) or (
        isinstance(content, RealArray) and isinstance(content.node, Unmodelled)
    )


def _names(array: Array, wanted: Node) -> bool:
    """Whether the elements of an array are made of an expression, as it was written."""
    return any(node is wanted for node in every_node(as_node(array)))
