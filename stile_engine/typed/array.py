"""Typed arrays: the operations and the rules that each of them checks (TYPED_API).

An operation computes three things: the shape type (checked at once), the expression (a node, made
without applying any law), and the numbers, if its operands have some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from stile_engine.errors import UnsupportedError, UsageError
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.sizes import SymbolicInteger, affine_of, render_sizes, size_bounds
from stile_engine.term.expression import (
    ZERO,
    Apply,
    IndexNumber,
    Node,
    Restrict,
    apply,
    number,
    reduce,
    select,
)
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.location import Site, user_site
from stile_engine.trace.recording import Shown
from stile_engine.typed import indexing, session
from stile_engine.typed.indexing import RuntimeIndex
from stile_engine.typed.library import Library
from stile_engine.typed.predicates import parse_predicate
from stile_engine.typed.shape import (
    DimLike,
    ExprType,
    ShapeType,
    Type,
    dim_range,
    dim_text,
    shape_of,
    size_of,
    smallest_below_zero,
)

Related = tuple[tuple[Site | None, str], ...]

ArrayT = TypeVar("ArrayT", bound="TypedArray")

_VERBS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


class TypedArray:
    """An array with a shape type and an expression type; ``data`` is None where it is only traced."""

    library: ClassVar[Library]
    __array_ufunc__ = None  # NumPy then leaves ``scalar * array`` to the operators below

    def __init__(self, type: Type, data: Any, site: Site | None, poisoned: bool = False) -> None:
        self.type = type
        self._data = data
        self.site = site
        self.poisoned = poisoned
        """A rule was broken on the way here: the value means nothing and nothing more is said about it."""

    @property
    def arr(self) -> Any:
        """The framework's own array. Raises ``UnsupportedError`` while a kernel is traced without numbers."""
        if self._data is None:
            session.without_numbers("this typed array")
        return self._data

    @property
    def has_data(self) -> bool:
        return self._data is not None

    @property
    def st(self) -> ShapeType:
        return self.type.st

    @property
    def node(self) -> Node:
        return self.type.et.node

    @property
    def value(self) -> Value:
        return self.type.value

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(_plain(size_of(d)) for d in self.st)

    def __repr__(self) -> str:
        return f"<{self.st}: {self.type.et}>"

    # Results

    @classmethod
    def make(
        cls,
        st: ShapeType,
        node: Node,
        numbers: Callable[[], Any] | None,
        site: Site | None,
        poisoned: bool = False,
    ) -> Self:
        """A result; ``numbers`` computes its data, or is None where an operand has none."""
        data = None if numbers is None or poisoned else numbers()
        result = cls(Type(st, ExprType(node, st.extents)), data, site, poisoned)
        current = session.active()
        if current is not None and not poisoned:
            current.recorder.record(site, lambda: Shown(result.value, result.type.et.__str__))
        return result

    @classmethod
    def poison(cls, st: ShapeType, site: Site | None) -> Self:
        return cls(Type(st, ExprType(ZERO, st.extents)), None, site, poisoned=True)

    def _violate(self, code: str, message: str, site: Site | None, *others: TypedArray, related: Related = ()) -> Self:
        operands: tuple[TypedArray, ...] = (self, *others)
        session.violate(code, message, site, related or origins(operands), any(o.poisoned for o in operands))
        return self.poison(self.st, site)

    def _numbers(self, compute: Callable[[], Any], *others: TypedArray) -> Callable[[], Any] | None:
        return compute if self.has_data and all(o.has_data for o in others) else None

    def _own(self, dim: DimLike, site: Site | None, doing: str) -> DimRange | None:
        """This array's dim of that name; a violation where there is none, or where another slice is named."""
        wanted = dim_range(dim)
        found = self.st.find(wanted.name)
        if found is None:
            self._violate("dim-mismatch", f"cannot {doing} {wanted.name}: the array has dims {self.st}", site)
        elif wanted not in (found, DimRange(found.name, Affine(), found.extent, found.extent)):
            self._violate(
                "dim-mismatch", f"cannot {doing} {dim_text(wanted)}: the array has {dim_text(found)} of that dim", site
            )
            return None
        return found

    # Dims

    def slice(self, dim: DimLike, start: Any, end: Any) -> Self:
        """The half-open slice of a dim, in coordinates of the whole dim, also where the array is a slice itself."""
        site = user_site()
        found = self._own(dim, site, "slice")
        if found is None:
            return self.poison(self.st, site)
        low, high = affine_of(start), affine_of(end)
        for bound, problem in (
            (low - found.low, f"starts before {render_sizes(found.low)}"),
            (high - low - 1, "is empty or negative"),
            (found.high - high, f"ends after {render_sizes(found.high)}"),
        ):
            if not _never_negative(bound):
                text = f"{found.name}[{render_sizes(low)}:{render_sizes(high)}]"
                where = smallest_below_zero(bound)
                at = f" where {where}" if where else ""
                return self._violate(
                    "out-of-bounds",
                    f"the slice {text} {problem}{at}: the array has {dim_text(found)} of that dim",
                    site,
                )
        axis = self.st.names.index(found.name)
        st = self.st.replaced(DimRange(found.name, low, high, found.extent))
        offset, length = low - found.low, high - low
        numbers = self._numbers(
            lambda: self.library.narrow(self._data, axis, offset.constant, offset.constant + length.constant)
        )
        return self.make(st, Restrict(self.node, {found.name: (low, high)}), numbers, site, self.poisoned)

    def repeat(self, dim: DimLike) -> Self:
        """The array along a new first dim, on which it does not depend."""
        site = user_site()
        new = dim_range(dim)
        if self.st.find(new.name) is not None:
            return self._violate("dim-mismatch", f"cannot repeat along {new.name}: the array has dims {self.st}", site)
        st = ShapeType((new, *self.st))
        numbers = self._numbers(lambda: self.library.repeat(self._data, size_of(new).constant))
        return self.make(st, self.node, numbers, site, self.poisoned)

    def rearrange(self, *dims: DimLike) -> Self:
        """The same array with its dims in another order."""
        site = user_site()
        wanted = shape_of(dims)
        if sorted(wanted.names) != sorted(self.st.names):
            return self._violate(
                "dim-mismatch",
                f"cannot rearrange to {wanted}: the array has dims {self.st}, all of which must stand",
                site,
            )
        found = [self._own(d, site, "rearrange") for d in wanted]
        st = ShapeType(d for d in found if d is not None)
        if len(st) != len(wanted):
            return self.poison(self.st, site)
        order = [self.st.names.index(d.name) for d in st]
        return self.make(
            st, self.node, self._numbers(lambda: self.library.transpose(self._data, order)), site, self.poisoned
        )

    # Reductions

    def reduce(self, op: str, dim: DimLike) -> Self:
        """Reduce a dim over all that the array has of it; ``op`` is sum, max, min, prod or mean."""
        return self._reduce(op, dim, user_site())

    def sum(self, dim: DimLike) -> Self:
        return self._reduce("sum", dim, user_site())

    def max(self, dim: DimLike) -> Self:
        return self._reduce("max", dim, user_site())

    def min(self, dim: DimLike) -> Self:
        return self._reduce("min", dim, user_site())

    def mean(self, dim: DimLike) -> Self:
        return self._reduce("mean", dim, user_site())

    def _reduce(self, op: str, dim: DimLike, site: Site | None) -> Self:
        if op not in ("sum", "max", "min", "prod", "mean"):
            raise UsageError(f"a reduction is sum, max, min, prod or mean, not {op!r}")
        found = self._own(dim, site, "reduce")
        if found is None:
            return self.poison(self.st.without(dim_range(dim).name), site)
        axis = self.st.names.index(found.name)
        node = reduce("sum" if op == "mean" else op, {found.name: (found.low, found.high)}, self.node)
        if op == "mean":
            node = apply("div", node, _size_node(size_of(found)))
        numbers = self._numbers(lambda: self.library.reduce(op, self._data, axis))
        return self.make(self.st.without(found.name), node, numbers, site, self.poisoned)

    # Pointwise

    def where(self, predicate: str) -> Self:
        """The array where the predicate over its dims holds, 0 elsewhere (whatever it is there)."""
        site = user_site()
        condition = parse_predicate(predicate, self.st)
        if unknown := sorted(predicate_variables(condition) - set(self.st.names)):
            return self._violate(
                "dim-mismatch",
                f"the predicate {predicate!r} names {', '.join(unknown)}, which the array with dims {self.st} lacks: "
                "repeat the array along it first",
                site,
            )
        ranges = concrete_ranges(self.st) if self.has_data else []
        numbers = self._numbers(lambda: self.library.select(condition, ranges, self._data, 0.0))
        return self.make(self.st, select(condition, self.node, ZERO, self.st.axes), numbers, site, self.poisoned)

    def astype(self, dtype: Any) -> Self:
        """Another floating type: the identity on real numbers."""
        site = user_site()
        if not self.library.is_floating(dtype):
            raise UnsupportedError(f"a cast of real numbers to {dtype} truncates them, which is not modelled")
        session.note_cast(dtype, site)
        return self.make(
            self.st, self.node, self._numbers(lambda: self.library.cast(self._data, dtype)), site, self.poisoned
        )

    def __add__(self, other: Any) -> Self:
        return self._binary("add", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._binary("add", other, self)

    def __sub__(self, other: Any) -> Self:
        return self._binary("sub", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._binary("sub", other, self)

    def __mul__(self, other: Any) -> Self:
        return self._binary("mul", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._binary("mul", other, self)

    def __truediv__(self, other: Any) -> Self:
        return self._binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._binary("div", other, self)

    def __neg__(self) -> Self:
        return self.apply("neg", [self], user_site())

    @classmethod
    def _binary(cls, function: str, left: Any, right: Any) -> Self:
        return cls.apply(function, [left, right], user_site())

    @classmethod
    def apply(cls, function: str, operands: Sequence[Any], site: Site | None) -> Self:
        """A pointwise function. Typed operands must have the same dims with the same slices; scalars meet anything."""
        arrays: list[Self] = []
        for operand in operands:
            if isinstance(operand, cls):
                arrays.append(operand)
            elif isinstance(operand, TypedArray):
                raise UsageError(f"arrays of two frameworks meet: {cls.__name__} and {type(operand).__name__}")
        nodes = [o.node if isinstance(o, TypedArray) else scalar_node(o, site) for o in operands]
        leader = next((a for a in arrays if a.st), arrays[0])
        for array in arrays:
            if array.st and array.st != leader.st:
                verb = _VERBS.get(function, f"take {function} of")
                text = f"cannot {verb} {arrays[0].st} and {arrays[1].st}: {difference(arrays[0].st, arrays[1].st)}"
                related = tuple(
                    (a.site, f"the {side} operand has dims {a.st}")
                    for side, a in zip(("left", "right"), arrays, strict=True)
                )
                return leader._violate("dim-mismatch", text, site, *arrays, related=related)
        data = [o._data if isinstance(o, TypedArray) else o for o in operands]
        numbers = None if any(not a.has_data for a in arrays) else lambda: cls.library.apply(function, data)
        return cls.make(leader.st, Apply(function, tuple(nodes)), numbers, site, any(a.poisoned for a in arrays))

    def __matmul__(self, other: Any) -> Self:
        """``M N @ N K``: the last dim of the left is contracted with the first of the right."""
        site = user_site()
        if not isinstance(other, TypedArray):
            raise UsageError(f"a typed array is multiplied with @ by a typed array, not by {other!r}")
        if len(self.st) != 2 or len(other.st) != 2 or self.st[1] != other.st[0]:
            return self._violate(
                "dim-mismatch",
                f"cannot multiply {self.st} @ {other.st}: the last dim of the left and the first of the right must be "
                "the same dim with the same slice",
                site,
                other,
            )
        if self.st[0].name == other.st[1].name:
            return self._violate(
                "dim-mismatch",
                f"cannot multiply {self.st} @ {other.st}: the dim {self.st[0].name} would stand twice",
                site,
                other,
            )
        if not isinstance(other, type(self)):
            raise UsageError(f"arrays of two frameworks meet: {type(self).__name__} and {type(other).__name__}")
        return contract([self, other], ShapeType((self.st[0], other.st[1])), site)

    # Data as indices

    def gather(self, dim: DimLike, idx: RuntimeIndex) -> Self:
        """Read along the dim at the indices; the dims of the index come in its place."""
        return indexing.gather(self, dim, idx)

    def scatter(self, dim: DimLike, idx: RuntimeIndex, base: Self | None = None) -> Self:
        """``base`` (0 without one) with this array's elements written along the dim at the indices, each place once."""
        return indexing.scatter(self, dim, idx, base)

    @property
    def at(self) -> indexing.At:
        """``.at[dim, idx].get()``, ``.set(value)``, ``.add(value)``."""
        return indexing.At(self)

    def block_at(self, dim: DimLike, offsets: RuntimeIndex, g: Any) -> Self:
        """The slice ``[offsets[g], offsets[g + 1])`` of the dim."""
        return indexing.block(self, dim, offsets, g)

    def __bool__(self) -> NoReturn:
        raise UnsupportedError("a branch on the elements of a typed array depends on data")

    __iter__ = None

    def __getitem__(self, _item: object) -> NoReturn:
        raise UsageError("a typed array is sliced with .slice(dim, start, end)")

    # Claims

    def assert_equivalent(self, spec: str, *dim_overrides: DimLike) -> None:
        """Prove that the array equals the spec on its own ranges; an override narrows a dim everywhere in the spec.

        Simply run, raises ``NotProvedError`` where it does not hold; in a check it becomes an obligation.
        """
        from stile_engine.typed.claims import claim_equivalent

        claim_equivalent(self, spec, tuple(dim_range(d) for d in dim_overrides), user_site())


def contract(arrays: Sequence[ArrayT], st: ShapeType, site: Site | None) -> ArrayT:
    """The sum of the product of the arrays over every dim that ``st`` lacks."""
    cls = type(arrays[0])
    node = arrays[0].node
    for array in arrays[1:]:
        node = apply("mul", node, array.node)
    bound = {d.name: (d.low, d.high) for a in arrays for d in a.st if d.name not in st.names}
    if bound:
        node = reduce("sum", bound, node)
    letters = {name: i for i, name in enumerate(dict.fromkeys(n for a in arrays for n in a.st.names))}
    numbers = None
    if all(a.has_data for a in arrays):
        numbers = lambda: cls.library.contract(
            [(a.arr, [letters[n] for n in a.st.names]) for a in arrays], [letters[n] for n in st.names]
        )
    return cls.make(st, node, numbers, site, any(a.poisoned for a in arrays))


def scalar_node(value: Any, site: Site | None) -> Node:
    """A number as a node. Raises ``UsageError`` for anything else, an untyped array included."""
    whole = hasattr(value, "__index__") and not hasattr(value, "shape")
    if whole or isinstance(value, (Affine, SymbolicInteger)):
        return _size_node(affine_of(value))
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return number(value)
    node = session.read_scalar(value, site)
    if node is None:
        raise UsageError(
            f"typed arrays meet typed arrays and numbers, not {type(value).__name__}; wrap it with tensor(…)"
        )
    return node


def _size_node(size: Affine) -> Node:
    if size.is_constant:
        return number(size.constant)
    return IndexNumber(size, {v: (Affine.of(1), Affine.variable(v) + 1) for v in size.variables})


def _plain(size: Affine) -> Any:
    return size.constant if size.is_constant else size


def _never_negative(expression: Affine) -> bool:
    low, _ = size_bounds(expression)
    if low is not None and low >= 0:
        return True
    return (
        not expression.is_constant
        and all(v.startswith("#") for v in expression.variables)
        and (smallest_below_zero(expression) is None)
    )


def concrete_ranges(st: ShapeType) -> list[tuple[str, int, int]]:
    return [(d.name, d.low.constant, d.high.constant) for d in st]


def origins(operands: Sequence[TypedArray]) -> Related:
    return tuple((o.site, f"this operand has dims {o.st}") for o in operands)


def difference(left: ShapeType, right: ShapeType) -> str:
    """Why two shape types do not meet, and what would help."""
    for dim in left:
        other = right.find(dim.name)
        if other is not None and other != dim:
            return f"{dim_text(dim)} and {dim_text(other)} are different parts of {dim.name}"
    if set(left.names) == set(right.names):
        return f"the dims stand in another order; use .rearrange({', '.join(left.names)})"
    only_left = [n for n in left.names if n not in right.names]
    only_right = [n for n in right.names if n not in left.names]
    if only_left and only_right:
        return f"only the left side has {' '.join(only_left)}, only the right side has {' '.join(only_right)}"
    side, lacking = ("left", only_left) if only_left else ("right", only_right)
    other_side = "right" if side == "left" else "left"
    return (
        f"only the {side} side has {' '.join(lacking)}; use .repeat on the {other_side}, typed arrays never broadcast"
    )
