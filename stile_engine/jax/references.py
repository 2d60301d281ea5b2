"""References to memory (``ref[...]``, in Pallas kernels and elsewhere): what each of them holds at the
moment that the interpreter has come to, and the primitives that read and write them.

Reading outside of a reference gives no value; what is written outside is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    Unreadable,
    as_node,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.choice import choose, overlaid
from stile_engine.array.elementwise import is_float
from stile_engine.array.inverse import invert
from stile_engine.array.operation import Machine, Operation, handles, spread
from stile_engine.array.sizes import same_shape
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, in_range
from stile_engine.index.sizes import SymbolicInteger
from stile_engine.jax import adapter
from stile_engine.term.expression import NoValue, Unmodelled, apply
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.location import Site

READS = frozenset({"get", "masked_load"})
WRITES = frozenset({"swap", "masked_swap", "addupdate"})
OUTSIDE = "read out of bounds of its reference"


@dataclass(frozen=True, slots=True, eq=False)
class Reference(UnknownArray):
    """Stands for a reference among the arrays of a jaxpr; what it holds is in the memory."""

    dtype: str = "float32"


Memory = dict[Reference, Array]

_memory: ContextVar[Memory | None] = ContextVar("_memory", default=None)


def memory() -> Memory:
    found = _memory.get()
    if found is None:
        raise Unreadable("a reference outside of a kernel")
    return found


@contextmanager
def remembering(contents: Memory) -> Iterator[Memory]:
    """While a kernel is read, its references hold these arrays. Gives what they hold, to be read afterwards."""
    held = {**(_memory.get() or {}), **contents}
    token = _memory.set(held)
    try:
        yield held
    finally:
        _memory.reset(token)


def reference(shape: Shape, dtype: str) -> Reference:
    return Reference(shape, "a reference used as an array", None, dtype)


def without_value(shape: Shape, dtype: str, reason: str) -> Array:
    """What stands in memory that nothing has been written to."""
    if is_float(dtype):
        return RealArray(shape, NoValue(reason))
    return UnknownArray(shape, reason, None)


def references(inputs: Sequence[Array]) -> list[Reference]:
    found: list[Reference] = []
    for array in inputs:
        if isinstance(array, Reference) and array not in found:
            found.append(array)
    return found


def spoil(inputs: Sequence[Array], reason: str, site: Site | None) -> None:
    """An operation without a model has had these references: nothing is known of what they hold."""
    held = _memory.get()
    for ref in references(inputs):
        if held is not None and ref in held:
            held[ref] = unknown_content(ref, reason, site)


def unknown_content(ref: Reference, reason: str, site: Site | None) -> Array:
    if is_float(ref.dtype):
        return RealArray(ref.shape, Unmodelled(reason, site))
    return UnknownArray(ref.shape, reason, site)


# -- control flow --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carriers:
    """The references that the body of a loop writes: what they hold is carried from round to round."""

    refs: tuple[Reference, ...]

    def contents(self) -> list[Array]:
        return [memory()[ref] for ref in self.refs]

    def put(self, contents: Sequence[Array]) -> None:
        for ref, content in zip(self.refs, contents, strict=True):
            memory()[ref] = content

    @contextmanager
    def holding(self, contents: Sequence[Array]) -> Iterator[None]:
        """Inside, the references hold these arrays; afterwards all memory is as it was before."""
        held = _memory.get()
        if held is None:
            yield
            return
        before = dict(held)
        self.put(contents)
        try:
            yield
            if any(held[ref] is not content for ref, content in before.items() if ref not in self.refs):
                raise Unreadable("a loop that writes to a reference that is not declared as written")
        finally:
            held.clear()
            held.update(before)


def carried(body: Any, inputs: Sequence[Array]) -> Carriers:
    """Those of the inputs of a loop's body that are references which it writes to."""
    refs = {
        array: None
        for k, array in enumerate(inputs)
        if k in adapter.written_inputs(body) and isinstance(array, Reference) and array in memory()
    }
    return Carriers(tuple(refs))


def in_branches(branches: Sequence[Callable[[], list[Array]]], conditions: Sequence[Predicate]) -> list[list[Array]]:
    """The results of all branches. Memory holds afterwards what the branch leaves whose condition is the
    first to hold; the last condition must be ``ALWAYS``."""
    held = _memory.get()
    if held is None:
        return [branch() for branch in branches]
    before = dict(held)
    results: list[list[Array]] = []
    after: list[Memory] = []
    try:
        for branch in branches:
            held.clear()
            held.update(before)
            results.append(branch())
            after.append(dict(held))
    finally:
        held.clear()
        held.update(before)
    for ref, content in before.items():
        if any(left[ref] is not content for left in after):
            cases = [(p, left[ref]) for p, left in zip(conditions, after, strict=True)]
            held[ref] = choose(cases, ref.shape)
    return results


# -- views ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """The elements of a reference that an index names: for each index of ``shape`` one element, at the
    indices of the first case whose predicate holds."""

    shape: Shape
    cases: tuple[tuple[Predicate, tuple[Affine, ...]], ...]


def _whole(shape: Shape) -> View:
    return View(shape, ((ALWAYS, tuple(axis(a) for a in range(len(shape)))),))


def _is_whole(view: View, shape: Shape) -> bool:
    return same_shape(view.shape, shape) and view.cases == _whole(shape).cases


def view_of(shape: Shape, transforms: Sequence[Any]) -> View:
    """``ref.at[…].at[…][…]``: indexers, applied one after the other."""
    view = _whole(shape)
    for transform in transforms:
        view = _indexed(view, adapter.indexer(transform))
    return view


def _indexed(view: View, indexer: adapter.Indexer) -> View:
    """The view of a view: the positions in the outer one are the indices of the inner one."""
    scalar_shape = indexer.integer_shape
    numbers = [k for k, i in enumerate(indexer.indices) if not isinstance(i, adapter.RefSlice)]
    sizes = [i.size for i in indexer.indices if isinstance(i, adapter.RefSlice)]
    adjacent = all(b - a == 1 for a, b in pairwise(numbers))
    # As in NumPy: integer indices that stand side by side put their axes where the first of them is.
    first = numbers[0] if numbers and adjacent else 0
    shape = (*sizes[:first], *scalar_shape, *sizes[first:])
    slice_axes = iter(a for a in range(len(shape)) if not first <= a < first + len(scalar_shape))
    positions: list[IntegerArray] = []
    for index in indexer.indices:
        if isinstance(index, adapter.RefSlice):
            start = _integer(index.start, shape, ())
            step = IntegerArray(shape, integers.always(axis(next(slice_axes)) * index.stride))
            positions.append(integers.combine(start, step, shape, integers.add))
        else:
            own_axes = range(first, first + len(scalar_shape))
            positions.append(_integer(index, shape, tuple(own_axes)))
    cases: list[tuple[Predicate, tuple[Affine, ...]]] = []
    for outer_predicate, outer in view.cases:
        for combination in product(*(p.pieces for p in positions)):
            mapping = {axis_variable(a): value for a, (_, value) in enumerate(combination)}
            moved = reindex(
                TruthArray(view.shape, outer_predicate),
                [value for _, value in combination],
                shape,
            )
            assert isinstance(moved, TruthArray)
            condition = conjunction(*(p for p, _ in combination), moved.predicate)
            cases.append((condition, tuple(i.substitute(mapping) for i in outer)))
    return View(shape, tuple(cases))


def _integer(index: Any, shape: Shape, axes: tuple[int, ...]) -> IntegerArray:
    """An index over the axes of the view: a number, or an array along ``axes`` of it."""
    if isinstance(index, int):
        return IntegerArray(shape, integers.always(Affine((), index)))
    if isinstance(index, UnknownArray):
        raise Unreadable(f"an index that is data ({index.reason})")
    if not isinstance(index, IntegerArray):
        raise Unreadable("an index that is data")
    own = axes[len(axes) - len(index.shape) :] if index.shape else ()
    indices = [Affine() if size == 1 else axis(a) for a, size in zip(own, index.shape, strict=True)]
    moved = reindex(index, indices, shape)
    assert isinstance(moved, IntegerArray)
    return moved


def within(indices: Sequence[Affine], sizes: Shape, shape: Shape) -> Predicate:
    """Where these indices, over the axes of ``shape``, are inside of an array of these sizes."""
    ranges = ranges_of(shape)
    conditions: list[Predicate] = []
    for index, size in zip(indices, sizes, strict=True):
        known = index.extremes(ranges)
        if isinstance(size, SymbolicInteger) or known is None or known[0] < 0 or known[1] >= size:
            conditions.append(in_range(index, 0, size))
    return conjunction(*conditions)


def read(array: Array, view: View, dtype: str, reason: str = OUTSIDE) -> Array:
    """The elements that the view names; no value where it leaves the array."""
    if _is_whole(view, array.shape):
        return array
    cases: list[tuple[Predicate, Array]] = []
    for predicate, indices in view.cases:
        condition = conjunction(predicate, within(indices, array.shape, view.shape))
        cases.append((condition, reindex(array, indices, view.shape)))
        if condition == ALWAYS:
            break
    else:
        cases.append((ALWAYS, without_value(view.shape, dtype, reason)))
    return choose(cases, view.shape)


def written(array: Array, view: View, new: Array, mask: Predicate = ALWAYS) -> Array:
    """The array with the elements that the view names replaced where the mask holds. Raises ``Unreadable``
    where two indices of the view may name one element."""
    if _is_whole(view, array.shape):
        return overlaid(mask, new, array, array.shape)
    if len(view.cases) != 1:
        raise Unreadable("a write at indices that are not affine")
    _, indices = view.cases[0]
    names = {axis_variable(a): f"view.{a}" for a in range(len(view.shape))}
    renaming = {old: Affine.variable(name) for old, name in names.items()}
    equations = [(index.substitute(renaming), axis(d)) for d, index in enumerate(indices)]
    inverse = invert(equations, {names[axis_variable(a)]: size for a, size in enumerate(view.shape)})
    position = [inverse.solution[names[axis_variable(a)]] for a in range(len(view.shape))]
    moved = reindex(new, position, array.shape)
    held = reindex(TruthArray(view.shape, mask), position, array.shape)
    assert isinstance(held, TruthArray)
    inside = conjunction(inverse.condition, held.predicate)
    return overlaid(inside, moved, array, array.shape)


# -- primitives ----------------------------------------------------------------------------


def _target(array: Array) -> Reference:
    if isinstance(array, Reference) and array in memory():
        return array
    raise Unreadable("a reference that this version does not follow")


@handles("get")
def get(operation: Operation, _machine: Machine) -> list[Array]:
    target, *flat = operation.inputs
    ref = _target(target)
    view = view_of(ref.shape, adapter.unflatten(operation.params["tree"], flat))
    return [read(memory()[ref], view, ref.dtype)]


@handles("swap")
def swap(operation: Operation, _machine: Machine) -> list[Array]:
    target, new, *flat = operation.inputs
    return [_swapped(_target(target), adapter.unflatten(operation.params["tree"], flat), new, None)]


@handles("addupdate")
def add_update(operation: Operation, _machine: Machine) -> list[Array]:
    target, more, *flat = operation.inputs
    ref = _target(target)
    view = view_of(ref.shape, adapter.unflatten(operation.params["tree"], flat))
    old = read(memory()[ref], view, ref.dtype)
    if not is_float(ref.dtype):
        raise Unreadable("integers that are added to in place")
    total = RealArray(view.shape, apply("add", as_node(old), as_node(more)))
    memory()[ref] = written(memory()[ref], view, total)
    return []


@handles("masked_load")
def masked_load(operation: Operation, _machine: Machine) -> list[Array]:
    target, transforms, mask, other = adapter.unflatten(operation.params["args_tree"], operation.inputs)
    ref = _target(target)
    found = read(memory()[ref], view_of(ref.shape, transforms), ref.dtype)
    if mask is None:
        return [found]
    rest = without_value(found.shape, ref.dtype, "read where the mask is false, with no `other`")
    if other is not None:
        rest = spread(other, found.shape)
    return [choose([(_mask(mask, found.shape), found), (ALWAYS, rest)], found.shape)]


@handles("masked_swap")
def masked_swap(operation: Operation, _machine: Machine) -> list[Array]:
    target, transforms, new, mask = adapter.unflatten(operation.params["args_tree"], operation.inputs)
    return [_swapped(_target(target), transforms, new, mask)]


def _swapped(ref: Reference, transforms: Sequence[Any], new: Array, mask: Array | None) -> Array:
    """Writes, and gives what stood there before."""
    view = view_of(ref.shape, transforms)
    before = memory()[ref]
    where = ALWAYS if mask is None else _mask(mask, view.shape)
    memory()[ref] = written(before, view, new, where)
    return read(before, view, ref.dtype)


def _mask(mask: Array, shape: Shape) -> Predicate:
    wide = spread(mask, shape)
    if not isinstance(wide, TruthArray):
        raise Unreadable("a mask that depends on data")
    return wide.predicate


@handles("run_scoped")
def run_scoped(operation: Operation, machine: Machine) -> list[Array]:
    """Memory of its own for a part of the kernel."""
    if operation.params.get("collective_axes"):
        raise Unreadable("memory that programs share")
    body = operation.params["jaxpr"]
    inner = adapter.open_jaxpr(body)
    scoped = [reference(adapter.shape_of(v), adapter.dtype_of(v)) for v in inner.invars]
    held = memory()
    for ref in scoped:
        held[ref] = without_value(ref.shape, ref.dtype, "memory of run_scoped that was never written")
    results = machine.call(adapter.with_constants_as_inputs(body), [*operation.inputs, *scoped], operation.site)
    for ref in scoped:
        held.pop(ref, None)
    return results


@handles("multiple_of", "max_contiguous")
def hint(operation: Operation, _machine: Machine) -> list[Array]:
    """A promise to the compiler; the value is the first operand."""
    return [operation.inputs[0]]
