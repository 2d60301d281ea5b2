"""What a spec means: every form of the language as a node over named dims.

Each operand's dims are known exactly, so whatever does not fit is found here, with its characters,
before any node is built from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, in_range
from stile_engine.index.sizes import size_bounds
from stile_engine.spec.indexing import scattered
from stile_engine.spec.indices import Indices, named_dims
from stile_engine.spec.operand import Operand, at, axes, describe, dim_names, join, str_range
from stile_engine.spec.reductions import OWN_OPERATION, combine, reduced, softmax
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecShapeError, SpecUnsupported
from stile_engine.spec.tensors import Tensors
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    ZERO,
    Axes,
    Const,
    Constant,
    IndexNumber,
    Node,
    NoValue,
    Power,
    Reindex,
    add,
    apply,
    divide,
    multiply,
    negate,
    number,
    reduce,
    select,
    subtract,
)
from stile_engine.term.value import DimRange

ARITY = {"maximum": 2, "minimum": 2, "clamp": 3}
LONG_SUM = 8
"""Longer sums are built as a balanced tree, since whatever reads a node recurses into it."""


class Values:
    """Lowers items from left to right, which is the order in which unlabelled tensors are numbered."""

    def __init__(self, extents: Mapping[str, Affine], tensors: Tensors) -> None:
        self.indices = Indices(extents, self.element, self.compare_real)
        self.tensors = tensors
        self.variables: dict[str, Operand] = {}

    def lower(self, node: tree.Item) -> Operand:
        match node:
            case tree.Number(value=value):
                return at(node, (), Const(value))
            case tree.Infinite():
                return at(node, (), POSITIVE_INFINITY)
            case tree.Pi():
                return at(node, (), Constant("pi"))
            case tree.Operand():
                return self._operand(node)
            case tree.Sum(operators=operators, operands=items):
                operands = [self.lower(i) for i in items]
                signs = [operator == "-" for operator in ("+", *operators)]
                terms = [(sign, o.node) for sign, o in zip(signs, operands, strict=True)]
                return at(node, join(operands), _sum(terms))
            case tree.Product():
                return self._product(node)
            case tree.Negative(operand=item):
                operand = self.lower(item)
                return at(node, operand.dims, _negative(operand.node))
            case tree.Power(base=item, exponent=exponent):
                operand = self.lower(item)
                return at(node, operand.dims, Power(operand.node, exponent))
            case tree.Masked(body=item, predicate=condition):
                return self._choice(node, condition, self.lower(item), Operand((), ZERO, node.start, node.end))
            case tree.Choice(predicate=condition, chosen=chosen, other=other):
                return self._choice(node, condition, self.lower(chosen), self.lower(other))
            case tree.Let():
                return self._let(node)
            case tree.Group(arguments=arguments):
                return self._contraction("sum", arguments)
            case tree.Reduction():
                return self._reduction(node)
            case tree.Call():
                return self._call(node)
            case tree.At():
                return self._at(node)
            case tree.Zeros(dims=refs):
                return at(node, self.indices.dim_list(refs), ZERO)
            case tree.Full():
                return self._full(node)
            case tree.Size():
                size = self.indices.size(node)
                named = self.indices.named_in(node.dim)
                counted = number(size.constant) if size.is_constant else IndexNumber(size, axes(named))
                return at(node, named, counted)
            case tree.Scalar(name=name):
                return at(node, (), self.tensors.scalar(name))
            case tree.Gather():
                return self._gather(node)
            case tree.Scatter():
                return self._scatter(node)

    def arrow(self, arrow: tree.Arrow, operand: Operand) -> tuple[DimRange, ...]:
        """The dims of the whole spec in the order that its trailing arrow gives."""
        right = self._right_side(arrow, operand.dims)
        missing = [d for d in operand.dims if d not in right]
        if missing:
            message = (
                f"a trailing '->' only fixes the order of the dims, and {dim_names(missing)} is missing: "
                "expected all of them, or '(… -> dims)' in parentheses to sum"
            )
            raise SpecShapeError(message, arrow.start, arrow.end, tuple(map(str_range, missing)))
        for ref, dim in zip(arrow.dims, right, strict=True):
            if dim not in operand.dims:
                message = (
                    f"a trailing '->' only fixes the order of the dims, and the value has {dim_names(operand.dims)}: "
                    f"expected no {str_range(dim)}, or '(… -> dims)' in parentheses to broadcast"
                )
                raise SpecShapeError(message, ref.start, ref.end, tuple(map(str_range, operand.dims)))
        return right

    # tensors and names

    def _operand(self, node: tree.Operand) -> Operand:
        first = node.dims[0]
        if node.label is None and len(node.dims) == 1 and first.name.text in self.variables:
            if first.low is not None:
                message = f"'{first.name.text}' is the value that 'let' binds: expected a tensor or a dim before '['"
                raise SpecShapeError(message, first.start, first.end)
            return replace(self.variables[first.name.text], start=node.start, end=node.end)
        dims = self.indices.dim_list(node.dims)
        return at(node, dims, self.tensors.read(node, dims))

    def _let(self, node: tree.Let) -> Operand:
        value = self.lower(node.value)
        variables, hidden = self.variables, self.indices.hidden
        self.variables = {**variables, node.name.text: value}
        self.indices.hidden = hidden | {node.name.text}
        body = self.lower(node.body)
        self.variables, self.indices.hidden = variables, hidden
        return replace(body, start=node.start, end=node.end)

    # pointwise

    def _product(self, node: tree.Product) -> Operand:
        operands = [self.lower(i) for i in node.operands]
        dims = join(operands)
        total = operands[0].node
        for operator, operand in zip(node.operators, operands[1:], strict=True):
            total = multiply(total, operand.node) if operator == "*" else divide(total, operand.node)
        return at(node, dims, total)

    def _call(self, node: tree.Call) -> Operand:
        function = node.function.text
        operands = self._arguments(node, function, ARITY.get(function, 1))
        nodes = [o.node for o in operands]
        if function == "clamp":
            value, low, high = nodes
            return at(node, join(operands), apply("minimum", apply("maximum", value, low), high))
        return at(node, join(operands), apply(function, *nodes))

    def _arguments(self, node: tree.Call | tree.Reduction | tree.At, word: str, count: int) -> list[Operand]:
        """So many values; ``(a, b -> dims)`` after a function is one value, the contraction."""
        arguments = node.arguments
        given = 1 if arguments.arrow else len(arguments.operands)
        if given != count:
            wanted = {1: "one value", 2: "two values", 3: "three values"}[count]
            found = "a contraction, which is one value" if arguments.arrow else f"{given}"
            hint = ", or a contraction '(a, b -> dims)'" if count == 1 else ""
            message = f"{word} takes {wanted}{hint}: found {found}"
            raise SpecShapeError(message, arguments.start, arguments.end, (wanted,))
        if arguments.arrow:
            return [self._contraction("sum", arguments)]
        return [self.lower(i) for i in arguments.operands]

    def _choice(self, node: tree.Item, condition: tree.Condition, chosen: Operand, other: Operand) -> Operand:
        both = at(node, join([chosen, other]), chosen.node)
        predicate, ranges, dims = self._predicate(condition, both.dims)
        return at(node, dims, select(predicate, chosen.node, other.node, ranges))

    def _predicate(
        self, condition: tree.Condition | None, dims: Sequence[DimRange]
    ) -> tuple[Predicate, Axes, tuple[DimRange, ...]]:
        """The predicate over operands with these dims, the ranges of what it names, and the dims then.

        A dim that only the predicate names is the whole dim, and comes after the operands' own.
        """
        if condition is None:
            return ALWAYS, {}, tuple(dims)
        predicate = self.indices.predicate(condition)
        known = {d.name: d for d in dims}
        found = named_dims(condition)
        for name, place in found.items():
            if name not in known:
                known[name] = self.indices.whole(name, *place)
        named = [known[name] for name in found]
        return predicate, axes(named), tuple(known.values())

    def _full(self, node: tree.Full) -> Operand:
        dims = self.indices.dim_list(node.dims)
        value = self.lower(node.value)
        for dim in value.dims:
            if dim not in dims:
                message = f"the value has {describe(dim)}: expected only dims of full[{dim_names(dims)}]"
                raise SpecShapeError(message, value.start, value.end, tuple(map(str_range, dims)))
        return at(node, dims, value.node)

    # contractions and reductions

    def _contraction(self, function: str, arguments: tree.Arguments, named: bool = False) -> Operand:
        """``(a, b -> dims)``: combined, then reduced over every dim that is not on the right.

        A reduction that is ``named``, as in ``max(e -> dims)``, stays one where all dims are on the right:
        the reduction of one point, which makes one term of an ``e`` that is given case by case.
        """
        if arguments.arrow is None:
            message = "several values in parentheses are multiplied and summed: expected '-> dims' before ')'"
            raise SpecShapeError(message, arguments.start, arguments.end, ("'->'",))
        operands = [self.lower(i) for i in arguments.operands]
        dims = join(operands)
        right = self._right_side(arguments.arrow, dims)
        names = {d.name for d in right}
        bound = axes(d for d in dims if d.name not in names)
        body = operands[0].node if len(operands) == 1 else combine(function, [o.node for o in operands])
        if named and not bound and function in ("sum", "max", "min"):
            return at(arguments, right, reduce(function, {}, body))
        return at(arguments, right, reduced(function, bound, body))

    def _right_side(self, arrow: tree.Arrow, left: Sequence[DimRange]) -> tuple[DimRange, ...]:
        right = self.indices.dim_list(arrow.dims)
        known = {d.name: d for d in left}
        for ref, dim in zip(arrow.dims, right, strict=True):
            own = known.get(dim.name, dim)
            if own != dim:
                message = f"left of '->' stands {describe(own)}: expected {str_range(own)}, found {str_range(dim)}"
                raise SpecShapeError(message, ref.start, ref.end, (str_range(own),))
        return right

    def _reduction(self, node: tree.Reduction) -> Operand:
        function = node.function.text
        if node.dim is None:
            return replace(self._arrow_reduction(node), start=node.start, end=node.end)
        (operand,) = self._arguments(node, f"{function}[…]", 1)
        named = self.indices.dim(node.dim)
        own = operand.dim(named.name)
        if own is None:
            message = f"the operand has no {named.name}, it has {dim_names(operand.dims)}: expected one of its dims"
            hint = f"; to repeat it along {named.name}, broadcast it first: (… -> … {named.name})"
            place = node.dim.name
            raise SpecShapeError(message + hint, place.start, place.end, tuple(d.name for d in operand.dims))
        bound = own if node.dim.low is None else named
        if not self._inside(own, bound):
            message = f"{str_range(bound)} is not inside the operand's own {str_range(own)}: expected a slice of that"
            raise SpecShapeError(message, node.dim.start, node.dim.end, (str_range(own),))
        predicate, ranges, dims = self._predicate(node.predicate, operand.dims)
        if function == "softmax":
            if bound != own:
                # Outside the slice a softmax is 0, as where its predicate fails.
                predicate = conjunction(in_range(Affine.variable(own.name), bound.low, bound.high), predicate)
            return at(node, dims, softmax(axes([own]), operand.node, predicate, ranges))
        ranges.pop(own.name, None)
        remaining = tuple(d for d in dims if d.name != own.name)
        return at(node, remaining, reduced(function, axes([bound]), operand.node, predicate, ranges))

    def _arrow_reduction(self, node: tree.Reduction) -> Operand:
        function, arguments = node.function.text, node.arguments
        if arguments.arrow is None:
            message = f"over which dim? expected {function}[dim](…), or {function}(… -> dims)"
            raise SpecShapeError(message, node.function.start, node.function.end, (f"{function}[dim]", "'->'"))
        if function not in OWN_OPERATION and len(arguments.operands) > 1:
            second = arguments.operands[1]
            message = f"{function} has no operation that combines values: expected one operand before '->'"
            raise SpecShapeError(message, second.start, second.end, ("'->'",))
        return self._contraction(function, arguments, named=True)

    @staticmethod
    def _inside(outer: DimRange, inner: DimRange) -> bool:
        """Whether both bounds are inside for every size; the inner range is not empty."""
        distances = (inner.low - outer.low, outer.high - inner.high)
        return all((lowest := size_bounds(d)[0]) is not None and lowest >= 0 for d in distances)

    # re-reading

    def _at(self, node: tree.At) -> Operand:
        """``at[D := index](e)``: the dims that the index names stand where D stood."""
        (operand,) = self._arguments(node, "at[…]", 1)
        name = node.dim.text
        self.indices.extent(name, node.dim.start, node.dim.end)
        own = operand.dim(name)
        if own is None:
            message = f"the operand has no {name}, it has {dim_names(operand.dims)}: expected one of its dims"
            raise SpecShapeError(message, node.dim.start, node.dim.end, tuple(d.name for d in operand.dims))
        index = self.indices.affine(node.index)
        kept = {d.name: d for d in operand.dims if d.name != name}
        named = named_dims(node.index).items()
        entering = {n: kept.get(n) or self.indices.whole(n, *place) for n, place in named}
        return self._moved(node, operand, own, index, kept, entering)

    def _moved(
        self,
        node: tree.Item,
        operand: Operand,
        own: DimRange,
        index: Affine,
        kept: dict[str, DimRange],
        entering: dict[str, DimRange],
    ) -> Operand:
        """The operand read at ``index`` along one of its dims, in whose place the entering dims come."""
        name = own.name
        dims: dict[str, DimRange] = {}
        for dim in operand.dims:
            arrivals = [d for d in entering.values() if d.name not in kept]
            dims.update((d.name, d) for d in (arrivals if dim is own else [dim]))
        ranges = axes(entering.values())
        if name in operand.node.axes:
            return at(node, tuple(dims.values()), Reindex(operand.node, {name: index}, ranges))
        # Constant along D, yet without a value where the index leaves D's range.
        inside = in_range(index, own.low, own.high)
        if inside == ALWAYS:
            return at(node, tuple(dims.values()), operand.node)
        return at(node, tuple(dims.values()), select(inside, operand.node, NoValue("out of bounds"), ranges))

    # data as indices

    def _gather(self, node: tree.Gather) -> Operand:
        """``gather[D](src, idx)``: src at the index that the data give, idx's dims in the place of D."""
        index = self._index_operand(node, 2)
        source = self.lower(node.arguments.operands[0])
        own = self._own_dim(node.dim, source)
        place, dims = self._index_of(index, own)
        kept = {d.name: d for d in source.dims if d.name != own.name}
        entering = {d.name: kept.get(d.name, d) for d in dims}
        return self._moved(node, source, own, place, kept, entering)

    def _scatter(self, node: tree.Scatter) -> Operand:
        """``scatter[S](src, idx, base)``: base, with the elements of src written where the data say."""
        index = self._index_operand(node, 3)
        target = self.indices.dim(node.dim)
        if not target.is_whole:
            raise SpecUnsupported("a scatter into a slice is not modelled", node.dim.start, node.dim.end)
        source = self.lower(node.arguments.operands[0])
        place, index_dims = self._index_of(index, target)
        base = self.lower(node.arguments.operands[2]) if len(node.arguments.operands) > 2 else None
        return scattered(node, source, place, index_dims, target, base)

    def _index_operand(self, node: tree.Gather | tree.Scatter, most: int) -> tree.Operand:
        """The second argument, a tensor of integers."""
        arguments = node.arguments
        if arguments.arrow is not None or not 2 <= len(arguments.operands) <= most:
            form = "gather[D](src, idx)" if most == 2 else "scatter[D](src, idx), or scatter[D](src, idx, base)"
            raise SpecShapeError(f"expected {form}", arguments.start, arguments.end, (form,))
        index = arguments.operands[1]
        if not isinstance(index, tree.Operand) or (
            index.label is None and len(index.dims) == 1 and index.dims[0].name.text in self.variables
        ):
            raise SpecShapeError("the index must be a tensor of integers, such as I:T", index.start, index.end)
        return index

    def _own_dim(self, ref: tree.DimRef, source: Operand) -> DimRange:
        named = self.indices.dim(ref)
        own = source.dim(named.name)
        if own is None:
            message = f"the operand has no {named.name}, it has {dim_names(source.dims)}: expected one of its dims"
            raise SpecShapeError(message, ref.start, ref.end, tuple(d.name for d in source.dims))
        if ref.low is not None and named != own:
            raise SpecUnsupported("a gather from a slice of its operand is not modelled", ref.start, ref.end)
        return own

    def _index_of(self, node: tree.Operand, into: DimRange) -> tuple[Affine, tuple[DimRange, ...]]:
        dims = self.indices.dim_list(node.dims)
        return self.tensors.index(node, dims, into.extent), dims

    def element(self, node: tree.Data) -> Affine | None:
        """An input in an index or a predicate; None if it is real."""
        return self.tensors.datum(node, self.indices.dim_list(node.dims))

    def compare_real(self, left: tree.Condition, operator: str, right: tree.Condition) -> Predicate:
        return compare_values(self._real(left), operator, self._real(right))

    def _real(self, node: tree.Condition) -> Node:
        """A side of a comparison of real values."""
        match node:
            case tree.Integer(value=value):
                return number(value)
            case tree.Data(label=label, dims=refs):
                dims = self.indices.dim_list(refs)
                if self.element(node) is None:
                    return self.tensors.read(tree.Operand(node.start, node.end, label, refs), dims)
                return IndexNumber(self.indices.affine(node), axes(dims))
            case tree.IndexNegative(operand=operand):
                return negate(self._real(operand))
            case tree.IndexChain(operators=operators, operands=operands) if not {"//", "%"} & set(operators):
                total = self._real(operands[0])
                for operator, operand in zip(operators, operands[1:], strict=True):
                    function = {"+": add, "-": subtract, "*": multiply}[operator]
                    total = function(total, self._real(operand))
                return total
            case tree.Index() | tree.Size() | tree.IndexAt():
                index = self.indices.affine(node)
                named = [self.indices.whole(n, node.start, node.end) for n in named_dims(node)]
                return IndexNumber(index, axes(named))
        raise SpecShapeError("'//' and '%' are for integers: an operand is real", node.start, node.end)


def _sum(terms: Sequence[tuple[bool, Node]]) -> Node:
    """Each term with whether it is subtracted. The first one never is, but where a long sum was halved."""
    if len(terms) > LONG_SUM:
        half = len(terms) // 2
        return add(_sum(terms[:half]), _sum(terms[half:]))
    (minus, total), *rest = terms
    if minus:
        total = negate(total)
    for minus, term in rest:
        total = subtract(total, term) if minus else add(total, term)
    return total


def _negative(node: Node) -> Node:
    if node is POSITIVE_INFINITY:
        return NEGATIVE_INFINITY
    return Const(-node.value) if isinstance(node, Const) else negate(node)
