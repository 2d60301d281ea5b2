"""Functions on typed arrays, the same for every framework; a binding fixes the array class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from stile_engine.errors import UsageError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim, DimSlice
from stile_engine.index.predicate import compare, disjunction, in_range, negate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.sizes import affine_of
from stile_engine.term.expression import ZERO, Read, Tensor, select
from stile_engine.term.facts import VALUE, Blocks, Bound, Fact, Offsets, Permutation, Sorted, Unique
from stile_engine.term.value import DimRange
from stile_engine.trace.location import Site, user_site
from stile_engine.typed import indexing, session
from stile_engine.typed.array import TypedArray, concrete_ranges, contract, origins, scalar_node
from stile_engine.typed.indexing import RuntimeIndex
from stile_engine.typed.predicates import parse_predicate
from stile_engine.typed.shape import DimLike, ShapeType, dim_range, dim_text, parse_einsum, shape_of, size_of

ArrayT = TypeVar("ArrayT", bound=TypedArray)


def _span(values_in: DimLike | None) -> Affine | None:
    return None if values_in is None else dim_range(values_in).extent


def _facts(
    st: ShapeType,
    values_in: DimLike | None,
    permutation: bool,
    partition: bool,
    boundary_values: tuple[int, int] | None,
    unique: bool,
) -> tuple[Fact, ...]:
    found: list[Fact] = []
    value = Affine.variable(VALUE)
    extent = None if values_in is None else dim_range(values_in).extent
    if permutation:
        if len(st) != 1 or (extent is not None and extent != st[0].extent):
            raise UsageError("a permutation has one dim, and its values are the indices of a dim of that size")
        found.append(Permutation(st[0].extent))
    elif partition:
        if extent is not None:
            found.append(Bound(in_range(value, 0, extent + 1), convex=True))
    elif extent is not None:
        found.append(Bound(in_range(value, 0, extent), convex=True))
    if unique:
        found.append(Unique())
    if partition or boundary_values is not None:
        if len(st) != 1:
            raise UsageError("sorted boundaries have one dim")
        found.append(Sorted())
    if boundary_values is not None:
        first, last = boundary_values
        place, end = Affine.variable(st[0].name), st[0].extent - 1
        for index, number in ((Affine(), first), (end, last)):
            at = negate(compare(place, "==", index))
            found.append(Bound(disjunction(at, compare(value, "==", affine_of(number))), convex=False))
    return tuple(sorted(found, key=repr))


def _pair(index: RuntimeIndex, offsets: RuntimeIndex, values_in: DimLike | None) -> None:
    """``index`` is sorted, and ``offsets`` says where each of its values begins."""
    if values_in is None or len(index.st) != 1 or len(offsets.st) != 1:
        raise UsageError("block_sorted_paired_with= needs values_in=, and one dim on both sides")
    extent, length = dim_range(values_in).extent, index.tensor.shape[0]
    if offsets.tensor.shape[0] not in (extent, extent + 1):
        raise UsageError(
            f"{offsets.name} has {offsets.tensor.shape[0]} elements: expected one for each value, or one more"
        )
    index.learn([Blocks(offsets.name, extent)])
    offsets.learn([Offsets(index.name, extent, length)])
    index.pair(offsets)


class Functions(Generic[ArrayT]):
    """What a typed module offers beside its arrays' own methods."""

    def __init__(self, array_class: type[ArrayT]) -> None:
        self.array_class = array_class

    # Making arrays

    def input(self, dims: Iterable[DimLike], name: str | None, data: Any, site: Site | None) -> ArrayT:
        """An input of the kernel, called ``name`` in specs, or numbered in order of creation."""
        st = shape_of(dims)
        tensor = Tensor(session.number_input() if name is None else name, st.names, tuple(d.extent for d in st))
        session.declare_input(tensor, site)
        return self.reading(tensor, st, data, site)

    def reading(self, tensor: Tensor, st: ShapeType, data: Any, site: Site | None) -> ArrayT:
        """The input as an array. In a check of a kernel it holds no numbers."""
        if tensor.integer:
            return indexing.reading(tensor, st, data, site)  # type: ignore[return-value]
        current = session.active()
        if current is not None and not current.carries_data:
            data = None
        ranges = {name: (d.low, d.high) for name, d in zip(tensor.dims, st, strict=True)}
        node = Read(tensor, tuple(_variables(tensor.dims)), ranges)
        return self.array_class.make(st, node, None if data is None else lambda: data, site)

    def tensor(self, array: Any, *dims: DimLike, name: str | None = None) -> ArrayT:
        """A framework's array as an input with these dims in axis order. Raises a violation if the sizes differ."""
        site = user_site()
        st = shape_of(dims)
        shape = self.array_class.library.shape(array)
        sizes = tuple(size_of(d) for d in st)
        wanted = tuple(s.constant if s.is_constant else None for s in sizes)
        if len(shape) != len(wanted) or any(w is not None and w != s for w, s in zip(wanted, shape, strict=True)):
            expected = ", ".join(f"{dim_text(d)} = {s}" for d, s in zip(st, sizes, strict=True))
            session.violate(
                "dim-mismatch",
                f"the array has shape {tuple(shape)}, and its dims say {expected or 'a scalar'}",
                site,
                (),
                False,
            )
            return self.array_class.poison(st, site)
        return self.input(st, name, array, site)

    def zeros(self, *dims: Any) -> ArrayT:
        """The number 0 at every index: ``zeros((M, N))`` or ``zeros(M, N)``."""
        site = user_site()
        given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
        return self._constant(shape_of(given), 0.0, site)

    def full(self, dims: Iterable[DimLike], value: Any) -> ArrayT:
        """One number at every index."""
        return self._constant(shape_of(dims), value, user_site())

    def _constant(self, st: ShapeType, value: Any, site: Site | None) -> ArrayT:
        node = ZERO if value == 0 else scalar_node(value, site)
        current = session.active()
        numbers = None
        if all(size_of(d).is_constant for d in st) and (current is None or current.carries_data):
            numbers = lambda: self.array_class.library.full([size_of(d).constant for d in st], float(value))
        return self.array_class.make(st, node, numbers, site)

    def mask(self, st: Iterable[DimLike], predicate: str, on: Any = 1, off: Any = 0) -> ArrayT:
        """``on`` where the predicate over the dims holds, ``off`` elsewhere."""
        site = user_site()
        shape = shape_of(st)
        condition = parse_predicate(predicate, shape)
        if unknown := sorted(predicate_variables(condition) - set(shape.names)):
            session.violate(
                "dim-mismatch",
                f"the predicate {predicate!r} names {', '.join(unknown)}, which the mask with dims {shape} lacks",
                site,
                (),
                False,
            )
            return self.array_class.poison(shape, site)
        node = select(condition, scalar_node(on, site), scalar_node(off, site), shape.axes)
        current = session.active()
        numbers = None
        if all(size_of(d).is_constant for d in shape) and (current is None or current.carries_data):
            ranges = concrete_ranges(shape)
            numbers = lambda: self.array_class.library.select(condition, ranges, float(on), float(off))
        return self.array_class.make(shape, node, numbers, site)

    def runtime_index(
        self,
        name: str,
        dim: DimLike | Iterable[DimLike],
        values_in: DimLike | None = None,
        permutation: bool = False,
        partition: bool = False,
        block_sorted_paired_with: RuntimeIndex | None = None,
        boundary_values: tuple[int, int] | None = None,
        array: Any = None,
        unique: bool = False,
    ) -> RuntimeIndex:
        """An input of integers over ``dim``, with what is declared of it.

        ``values_in``: all lie in that dim. ``permutation``: each of them exactly once. ``partition``: they are
        sorted and mark the blocks of ``values_in``. ``boundary_values``: the first and the last of sorted ones.
        ``block_sorted_paired_with``: sorted, and the elements equal to g stand in block g of those offsets.
        """
        site = user_site()
        st = shape_of([dim] if isinstance(dim, (Dim, DimSlice, DimRange)) else dim)
        facts = _facts(st, values_in, permutation, partition, boundary_values, unique)
        tensor = Tensor(name, st.names, tuple(d.extent for d in st), integer=True, facts=facts, span=_span(values_in))
        made = indexing.reading(tensor, st, array, site)
        if block_sorted_paired_with is not None:
            _pair(made, block_sorted_paired_with, values_in)
        session.declare_index(made)
        return made

    # Pointwise functions

    def exp(self, x: Any) -> ArrayT:
        return self._apply("exp", x)

    def sin(self, x: Any) -> ArrayT:
        return self._apply("sin", x)

    def cos(self, x: Any) -> ArrayT:
        return self._apply("cos", x)

    def sqrt(self, x: Any) -> ArrayT:
        return self._apply("sqrt", x)

    def sigmoid(self, x: Any) -> ArrayT:
        return self._apply("sigmoid", x)

    def abs(self, x: Any) -> ArrayT:
        return self._apply("abs", x)

    def relu(self, x: Any) -> ArrayT:
        return self._apply("relu", x)

    def maximum(self, x: Any, y: Any) -> ArrayT:
        return self._apply("maximum", x, y)

    def minimum(self, x: Any, y: Any) -> ArrayT:
        return self._apply("minimum", x, y)

    def _apply(self, function: str, *operands: Any) -> ArrayT:
        if not any(isinstance(o, TypedArray) for o in operands):
            raise UsageError(f"{function} of a typed module takes a typed array, not {operands[0]!r}")
        return self.array_class.apply(function, operands, user_site())

    # Contraction

    def einsum(self, *arguments: Any) -> ArrayT:
        """``einsum(x, y, "M N, N K -> M K")``: the product of the operands, summed over the dims not on the right.

        The string must name the operands' own dims in axis order; dims that two operands share must be
        the same slice.
        """
        site = user_site()
        *operands, text = arguments
        if not isinstance(text, str) or not operands or not all(isinstance(o, self.array_class) for o in operands):
            raise UsageError('einsum takes typed arrays and then a string, as in einsum(x, y, "M N, N K -> M K")')
        written, right = parse_einsum(text)
        if len(written) != len(operands):
            raise UsageError(
                f"the einsum string {text!r} has {len(written)} operands, and {len(operands)} arrays are given"
            )
        lead: ArrayT = operands[0]
        poisoned = any(o.poisoned for o in operands)
        origin = origins(operands)

        def fail(message: str) -> ArrayT:
            session.violate("dim-mismatch", message, site, origin, poisoned)
            known = {d.name: d for o in operands for d in o.st}
            st = ShapeType(known[d.name] for d in dict.fromkeys(right) if d.name in known)
            return type(lead).poison(st, site)

        for position, (dims, operand) in enumerate(zip(written, operands, strict=True), 1):
            if len(dims) != len(operand.st) or not all(w.agrees(d) for w, d in zip(dims, operand.st, strict=False)):
                said = " ".join(d.name for d in dims)
                return fail(f"einsum {text!r} calls operand {position} {said!r}, and it has dims {operand.st}")
        found: dict[str, Any] = {}
        for operand in operands:
            for dim in operand.st:
                known = found.setdefault(dim.name, dim)
                if known != dim:
                    return fail(
                        f"einsum {text!r}: the operands have different parts of {dim.name}, "
                        f"{dim_text(known)} and {dim_text(dim)}"
                    )
        names = [d.name for d in right]
        for name in names:
            if names.count(name) > 1:
                return fail(f"einsum {text!r}: the dim {name} stands twice on the right")
            if name not in found:
                return fail(f"einsum {text!r}: the dim {name} on the right is in no operand")
        for dim in right:
            if not dim.agrees(found[dim.name]):
                return fail(
                    f"einsum {text!r}: on the right {dim.name} is another slice than {dim_text(found[dim.name])}"
                )
        result: ArrayT = contract(operands, ShapeType(found[n] for n in names), site)
        return result


def _variables(names: Iterable[str]) -> Iterable[Any]:
    from stile_engine.index.affine import variable

    return [variable(n) for n in names]
