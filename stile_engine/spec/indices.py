"""Dims, slices, index expressions and predicates of a spec, with their meaning checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction, in_range, negate
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import render_sizes, size_bounds
from stile_engine.spec.operand import whole
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecShapeError, SpecUnsupported
from stile_engine.term.value import DimRange


class Indices:
    """Reads the names of dims; ``hidden`` are those that a ``let`` around has taken for a value.

    ``element`` gives an integer input's element as an index expression, None where the input is real;
    ``value`` the comparison of two sides of which one is real.
    """

    def __init__(
        self,
        extents: Mapping[str, Affine],
        element: Callable[[tree.Data], Affine | None] | None = None,
        compare_real: Callable[[tree.Condition, str, tree.Condition], Predicate] | None = None,
    ) -> None:
        self.extents = extents
        self.element = element or _no_data
        self.compare_real = compare_real
        self.hidden: frozenset[str] = frozenset()

    def extent(self, name: str, start: int, end: int) -> Affine:
        if name in self.hidden:
            message = f"'{name}' is here the value that 'let' binds, which hides a dim of that name"
            raise SpecShapeError(f"{message}: expected a dim", start, end, ("a dim name",))
        found = self.extents.get(name)
        if found is None:
            known = tuple(sorted(self.extents.keys() - self.hidden))
            listed = f"the dims are {', '.join(known)}" if known else "no dim is declared"
            by_case = {k.casefold(): k for k in known}
            near = get_close_matches(name.casefold(), by_case, 1)
            hint = f"; did you mean '{by_case[near[0]]}'?" if near else ""
            raise SpecShapeError(f"'{name}' is not a dim: {listed}{hint}", start, end, known)
        return found

    def whole(self, name: str, start: int, end: int) -> DimRange:
        return whole(name, self.extent(name, start, end))

    def dim(self, ref: tree.DimRef) -> DimRange:
        """The dim, or the slice of it. A slice is not empty and lies inside the dim, whatever the sizes are."""
        extent = self.extent(ref.name.text, ref.name.start, ref.name.end)
        if ref.low is None or ref.high is None:
            return whole(ref.name.text, extent)
        low, high = self._bound(ref.low), self._bound(ref.high)
        size = f"{render_sizes(extent)}, the size of {ref.name.text}"
        for distance, least, place, problem in (
            (low, 0, ref.low, "this slice starts before 0"),
            (high - low, 1, ref, "this slice is empty or negative"),
            (extent - high, 0, ref.high, f"this slice ends after {size}"),
        ):
            lowest, highest = size_bounds(distance)
            if lowest is None or lowest < least:
                some = "" if highest is not None and highest < least else " for some sizes"
                found = f"{ref.name.text}[{render_sizes(low)}:{render_sizes(high)}]"
                raise SpecShapeError(f"{problem}{some}: {found}", place.start, place.end)
        return DimRange(ref.name.text, low, high, extent)

    def dim_list(self, refs: Sequence[tree.DimRef]) -> tuple[DimRange, ...]:
        found: dict[str, tree.DimRef] = {}
        for ref in refs:
            if (first := found.setdefault(ref.name.text, ref)) is not ref:
                message = f"{ref.name.text} stands twice in this list: a dim stands at most once in every dim list"
                related = ((first.start, first.end, "it stands here already"),)
                raise SpecShapeError(message, ref.start, ref.end, (), related)
        return tuple(self.dim(ref) for ref in refs)

    def _bound(self, node: tree.Condition) -> Affine:
        if names := names_of(node):
            message = f"a slice whose bounds vary with {', '.join(names)} is not modelled: expected a constant bound"
            raise SpecUnsupported(message, node.start, node.end, ("a constant",))
        return self.affine(node)

    def size(self, node: tree.Size) -> Affine:
        """The size of a dim or of a slice. Here, and only here, a slice may vary: ``size(n[0:q + 1])`` is q + 1."""
        if not self.named_in(node.dim):
            dim = self.dim(node.dim)
            return dim.high - dim.low
        ref = node.dim
        assert ref.low is not None and ref.high is not None
        extent = self.extent(ref.name.text, ref.name.start, ref.name.end)
        low, high = self.affine(ref.low), self.affine(ref.high)
        everywhere = IndexSet.box({d.name: (Affine(), d.extent) for d in self.named_in(ref)})
        for least, most, place, problem in (
            (Affine(), low, ref.low, "starts before 0"),
            (low, high, ref, "is negative"),
            (high, extent, ref.high, f"ends after {render_sizes(extent)}, the size of {ref.name.text},"),
        ):
            if not everywhere.issubset(IndexSet.where(compare(least, "<=", most))):
                message = f"this slice {problem} for some indices"
                raise SpecShapeError(message, place.start, place.end)
        return high - low

    def named_in(self, ref: tree.DimRef) -> tuple[DimRange, ...]:
        """The dims that the bounds of a slice vary with, in order of first appearance; each is the whole dim."""
        if ref.low is None or ref.high is None:
            return ()
        names = dict.fromkeys(names_of(ref.low) + names_of(ref.high))
        return tuple(self.whole(name, ref.start, ref.end) for name in names)

    def affine(self, node: tree.Condition) -> Affine:
        match node:
            case tree.Integer(value=value):
                return Affine.of(value)
            case tree.Index(name=name):
                self.extent(name, node.start, node.end)
                return Affine.variable(name)
            case tree.Size():
                return self.size(node)
            case tree.IndexNegative(operand=operand):
                return -self.affine(operand)
            case tree.IndexChain(operators=operators, operands=operands):
                total = self.affine(operands[0])
                for operator, operand in zip(operators, operands[1:], strict=True):
                    total = self._combine(total, operator, self.affine(operand), node, operand)
                return total
            case tree.Data(label=label):
                found = self.element(node)
                if found is None:
                    message = f"{label.text} is real: expected integer data in an index"
                    raise SpecShapeError(message, node.start, node.end, ("integer data",))
                return found
            case tree.IndexAt():
                return self._read_at(node)
            case _:
                raise AssertionError(f"the sorts were not checked: {node}")

    def _read_at(self, node: tree.IndexAt) -> Affine:
        dim = self.whole(node.dim.text, node.dim.start, node.dim.end)
        found, index = self.affine(node.operand), self.affine(node.index)
        own = named_dims(node.operand)
        if dim.name not in own:
            message = f"the operand has no {dim.name}, it has {', '.join(own) or 'no dims'}: expected one of its dims"
            raise SpecShapeError(message, node.dim.start, node.dim.end, tuple(own))
        ranges = {n: (Affine(), self.extent(n, *place)) for n, place in named_dims(node.index).items()}
        if not IndexSet.box(ranges).issubset(IndexSet.where(in_range(index, dim.low, dim.high))):
            shown = f"{render_sizes(dim.low)} <= … < {render_sizes(dim.high)}"
            message = f"this index leaves {dim.name} for some indices: expected {shown}"
            raise SpecShapeError(message, node.index.start, node.index.end)
        return found.substitute({dim.name: index})

    def _combine(
        self, left: Affine, operator: str, right: Affine, chain: tree.IndexChain, operand: tree.Condition
    ) -> Affine:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                if not left.is_constant and not right.is_constant:
                    shown = f"({render_sizes(left)}) * ({render_sizes(right)})"
                    message = f"{shown} is not affine: expected a constant as one of the two factors"
                    raise SpecShapeError(message, chain.start, chain.end, ("a constant factor",))
                return left * right
            case _:
                if not right.is_constant or right.constant <= 0:
                    message = f"expected a positive constant after '{operator}', found {render_sizes(right)}"
                    raise SpecShapeError(message, operand.start, operand.end, ("a positive constant",))
                return left // right if operator == "//" else left % right

    def _compare(self, left: tree.Condition, operator: str, right: tree.Condition) -> Predicate:
        if self.compare_real is not None and any(
            isinstance(part, tree.Data) and self.element(part) is None
            for side in (left, right)
            for part, _ in tree.walk(side)
        ):
            return self.compare_real(left, operator, right)
        return compare(self.affine(left), operator, self.affine(right))

    def predicate(self, node: tree.Condition) -> Predicate:
        match node:
            case tree.Comparison(operators=operators, operands=operands):
                return conjunction(*map(self._compare, operands, operators, operands[1:]))
            case tree.Conjunction(operands=operands):
                return conjunction(*(self.predicate(o) for o in operands))
            case tree.Disjunction(operands=operands):
                return disjunction(*(self.predicate(o) for o in operands))
            case tree.Negation(operand=operand):
                return negate(self.predicate(operand))
            case _:
                raise AssertionError(f"the sorts were not checked: {node}")


def _no_data(node: tree.Data) -> Affine | None:
    message = f"data cannot stand here: '{node.label.text}' is a tensor"
    raise SpecUnsupported(message, node.start, node.end)


def names_of(node: tree.Condition) -> tuple[str, ...]:
    """The dims that an index expression or a predicate names as indices, in order of first appearance: those
    of the inputs that it reads among them. ``size(d)`` is a number and names no index.
    """
    return tuple(named_dims(node))


def named_dims(node: tree.Condition) -> dict[str, tuple[int, int]]:
    """The same dims, each with the characters where it stands first."""
    found: dict[str, tuple[int, int]] = {}
    _name_dims(node, found)
    return found


def _name_dims(node: tree.Syntax, found: dict[str, tuple[int, int]]) -> None:
    match node:
        case tree.Index(name=name):
            found.setdefault(name, (node.start, node.end))
        case tree.Data(dims=dims):
            for ref in dims:
                found.setdefault(ref.name.text, (ref.name.start, ref.name.end))
        case tree.IndexAt(dim=dim, index=index, operand=operand):
            inside: dict[str, tuple[int, int]] = {}
            _name_dims(operand, inside)
            for name, place in inside.items():
                if name != dim.text:
                    found.setdefault(name, place)
            _name_dims(index, found)
        case _:
            for child in tree.children(node):
                _name_dims(child, found)
