"""The array that a plain NumPy kernel meets while it is traced: NumPy's behaviour, symbolic elements."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, NoReturn

import numpy as np

from stile_engine.array.elementwise import within_type
from stile_engine.array.sizes import same_shape, unknowns
from stile_engine.array.values import show_element
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Always, Never, Predicate, compare, conjunction, disjunction
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, same_size
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.elements import (
    Elements,
    Integer,
    Real,
    Shape,
    Truth,
    as_node,
    axis_name,
    part_of,
    ranges_of,
)
from stile_engine.numpy.plain.sizes import as_size, broadcast_shapes, is_symbolic, size_number, slice_within
from stile_engine.numpy.plain.storage import (
    Buffer,
    Store,
    Strides,
    broadcast,
    interval,
    rearranged,
    row_major,
    sliced,
    whole_box,
)
from stile_engine.term.expression import Axes, Const, Node, bounds, number, select
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Meeting, Shown

OPERATIONS: dict[str, Callable[..., Any]] = {}
"""Functions that the methods and operators below stand for, filled in by the modules that define them."""


class SymbolicArray:
    """A NumPy array of which every element is an expression. Views share their store with their base.

    ``scalar``: NumPy gives a number here and no array without axes, so that ``x += 1`` makes a new one.
    """

    __slots__ = ("scalar", "site", "store")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 1000

    def __init__(self, store: Store, scalar: bool = False) -> None:
        self.store = store
        self.scalar = scalar
        self.site: Site | None = None
        """The expression that made it."""

    # What it is

    @property
    def shape(self) -> Shape:
        return self.store.shape

    @property
    def ndim(self) -> int:
        return len(self.store.shape)

    @property
    def size(self) -> Size:
        total: Size = 1
        for n in self.store.shape:
            total = total * n
        return total

    @property
    def dtype(self) -> np.dtype:
        return self.store.dtype

    @property
    def elements(self) -> Elements:
        return self.store.read()

    @property
    def node(self) -> Node:
        return as_node(self.store.read(), self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return operator.index(self.shape[0])

    def __repr__(self) -> str:
        return f"<array of shape {self.shape}>"

    # What it cannot be

    def __array__(self, *_arguments: Any, **_options: Any) -> NoReturn:
        context.unsupported("an array of the kernel reaches code that needs its numbers")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        function = OPERATIONS.get(name)
        if function is None:
            context.unsupported(f"numpy.{name} is not modelled")
        if isinstance(options.get("out"), tuple):
            options["out"] = options["out"][0]
        return function(*inputs, **options)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        found = OPERATIONS.get(function.__name__)
        if found is None:
            context.unsupported(f"numpy.{function.__name__} is not modelled")
        return found(*arguments, **options)

    def __bool__(self) -> bool:
        if self.size == 1:
            match self.elements:
                case Truth(Always()):
                    return True
                case Truth(Never()):
                    return False
                case Integer(value) if value.is_constant:
                    return value.constant != 0
        elif self.size > 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        context.unsupported("a branch depends on the numbers in an array")

    def __index__(self) -> int:
        match self.elements:
            case Integer(value) if value.is_constant and not self.shape:
                return value.constant
        context.unsupported("an index depends on the numbers in an array")

    __int__ = __index__

    def __float__(self) -> float:
        node = self.node
        if self.size == 1 and isinstance(node, Const):
            return float(node.value)
        context.unsupported("a Python number is made from an array of the kernel")

    def item(self) -> Any:
        return int(self) if self.dtype.kind in "iu" else float(self)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return iter([self[i] for i in range(self.shape[0])])

    def __contains__(self, _item: object) -> NoReturn:
        context.unsupported("a search in an array depends on its numbers")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        context.unsupported(f"the method .{name} of arrays is not modelled")

    def __divmod__(self, _other: Any) -> NoReturn:
        context.unsupported("this operator on arrays is not modelled")

    __rdivmod__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = __divmod__

    def __copy__(self) -> SymbolicArray:
        return OPERATIONS["copy"](self)  # type: ignore[no-any-return]

    def __deepcopy__(self, _memo: Any) -> SymbolicArray:
        return OPERATIONS["copy"](self)  # type: ignore[no-any-return]

    # Views

    def __getitem__(self, key: Any) -> Any:
        if OPERATIONS["holds_mask"](key):
            return OPERATIONS["read_masked"](self, key)
        if holds_index_array(key):
            return OPERATIONS["read_at"](self, key)
        found = view_at(self, key)
        if found.shape:
            return noted(found)
        elements = found.elements
        match elements:
            case Integer(value) if value.is_constant:
                return value.constant
        keys = key if isinstance(key, tuple) else (key,)
        if any(k is Ellipsis for k in keys):
            return noted(found)
        return noted(number_of(elements, found.dtype))

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.scalar:
            raise TypeError("a number does not support item assignment")
        OPERATIONS["setitem"](self, key, value)

    @property
    def T(self) -> SymbolicArray:
        return self.transpose()

    @property
    def mT(self) -> SymbolicArray:
        return OPERATIONS["matrix_transpose"](self)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> SymbolicArray:
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = tuple(axes[0]) if axes[0] is not None else ()
        return OPERATIONS["transpose"](self, axes or None)  # type: ignore[no-any-return]

    def sort(self, *arguments: Any, **options: Any) -> None:
        OPERATIONS["sort_in_place"](self, *arguments, **options)

    def copy(self, order: str = "C") -> SymbolicArray:
        return OPERATIONS["copy"](self, order=order)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: str = "C") -> SymbolicArray:
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        return OPERATIONS["reshape"](self, shape, order=order)  # type: ignore[no-any-return]


def _method(name: str) -> Callable[..., Any]:
    def method(self: SymbolicArray, *arguments: Any, **options: Any) -> Any:
        function = OPERATIONS.get(name)
        if function is None:
            context.unsupported(f"the method .{name} of arrays is not modelled")
        return function(self, *arguments, **options)

    method.__name__ = name
    return method


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    def operator(self: SymbolicArray, other: Any) -> Any:
        return OPERATIONS[name](other, self) if reflected else OPERATIONS[name](self, other)

    return operator


def _in_place(name: str) -> Callable[..., Any]:
    def operator(self: SymbolicArray, other: Any) -> Any:
        return OPERATIONS[name](self, other) if self.scalar else noted(OPERATIONS[name](self, other, out=self))

    return operator


for _name in (
    "sum max min mean prod var std cumsum argmax argmin any all dot astype fill squeeze swapaxes ravel "
    "flatten repeat clip round take put argsort nonzero tolist trace diagonal conj"
).split():
    setattr(SymbolicArray, _name, _method(_name))

for _dunder, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}.items():
    setattr(SymbolicArray, f"__{_dunder}__", _operator(_name))
    setattr(SymbolicArray, f"__r{_dunder}__", _operator(_name, reflected=True))
    setattr(SymbolicArray, f"__i{_dunder}__", _in_place(_name))

for _dunder, _name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "logical_not"}.items():
    setattr(SymbolicArray, f"__{_dunder}__", _method(_name))

for _dunder, _name in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(SymbolicArray, f"__{_dunder}__", _operator(_name))


# Making and reading arrays


def fresh(
    elements: Elements,
    shape: Shape,
    dtype: Any,
    strides: Strides | None = None,
    fits: bool = False,
) -> SymbolicArray:
    """A new array in memory of its own; row-major unless told otherwise. ``fits``: integers that are known to be
    in the range of their type, such as those that were read from an array of it."""
    kind = np.dtype(dtype)
    if not fits and kind.kind in "iu" and isinstance(elements, Real):
        elements = Real(within_type(elements.node, str(kind)))
    if not fits and isinstance(elements, Integer) and kind.kind in "iu" and not _fits(elements.value, shape, kind):
        hint = "; declare how large the data are, as with assume='I in N'" if elements.value.variables else ""
        context.unsupported(f"an integer that may not fit into {kind} is not modelled{hint}")
    return SymbolicArray(Buffer(shape, np.dtype(dtype), elements, strides or row_major(shape)))


def _fits(value: Affine, shape: Shape, kind: np.dtype) -> bool:
    """Whether the type holds the integer at every index."""
    if is_symbolic(shape) or any(v.startswith("#") for v in value.variables):
        found = value.extremes({**ranges_of(shape), **unknowns()})
        return found is not None and np.iinfo(kind).min <= found[0] and found[1] <= np.iinfo(kind).max
    sizes = whole_box(shape)
    if any(n == 0 for _, n in sizes.values()):
        return True
    low, end = interval(value, sizes)
    return bool(np.iinfo(kind).min <= low and end - 1 <= np.iinfo(kind).max)


def number_of(elements: Elements, dtype: Any) -> SymbolicArray:
    """A single number, which nothing can write to."""
    found = fresh(elements, (), dtype, fits=True)
    found.scalar = True
    return found


def settled(array: SymbolicArray) -> SymbolicArray:
    """What a function that computes new elements returns: without axes it is a number."""
    array.scalar = not array.shape
    return noted(array)


def noted(array: SymbolicArray) -> SymbolicArray:
    """The array, after its value was recorded for the expression that made it."""
    trace = context.current()
    site, _ = trace.places()
    if site is not None:
        trace.last_site = array.site = site
        trace.recorder.record(site, partial(_shown, trace, array.elements, array.shape, str(array.dtype)))
    return array


def _shown(trace: context.Trace, elements: Elements, shape: Shape, dtype: str) -> Shown:
    variables = [axis_name(a, len(shape)) for a in range(len(shape))]
    condition = elements.predicate if isinstance(elements, Truth) else None
    node, part = as_node(elements, shape), part_of(elements)
    return show_element(node, [part], variables, shape, dtype, trace.dims, trace.recorder.provenance, condition)


def meet(operands: Sequence[Elements], variables: Axes, summed: Sequence[str] = (), beside: bool = False) -> None:
    """Note that an operation takes the operands together at each index of the variables, which they have in common."""
    trace = context.current()
    site, within = trace.places()
    if site is not None and len(operands) > 1:
        together = tuple((part_of(o),) for o in operands)
        trace.recorder.meet(Meeting(site, together, variables, frozenset(summed), within, beside))


def plain_node(array: SymbolicArray) -> Node:
    """The node over ``$0 …``, counted from the left, as results have it."""
    rank = array.ndim
    mapping = {axis_name(a, rank): Affine.variable(axis_variable(a)) for a in range(rank)}
    ranges = {axis_variable(a): bounds(0, n) for a, n in enumerate(array.shape)}
    return reindex_node(array.node, mapping, ranges)


def as_array(value: Any, like: np.dtype | None = None) -> SymbolicArray:
    """An operand as an array. A Python scalar takes the type of the array that it meets (``like``)."""
    if isinstance(value, SymbolicArray):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if isinstance(value, np.integer):
            return fresh(Integer(Affine.of(int(value))), (), value.dtype)
        if like is not None and like.kind == "f":
            return fresh(Real(number(int(value))), (), like)
        kind = like if like is not None and like.kind in "iu" else np.dtype(np.int64)
        return fresh(Integer(Affine.of(int(value))), (), kind)
    if isinstance(value, SymbolicInteger):
        if like is not None and like.kind == "f":
            return fresh(Real(size_number(value)), (), like)
        kind = like if like is not None and like.kind in "iu" else np.dtype(np.int64)
        return fresh(Integer(value.affine), (), kind)
    if isinstance(value, (bool, np.bool_)):
        return fresh(Truth(ALWAYS if value else NEVER), (), np.dtype(bool))
    if isinstance(value, (float, np.floating)):
        weak = not isinstance(value, np.floating)
        dtype = like if weak and like is not None and like.kind == "f" else np.asarray(value).dtype
        return fresh(Real(context.read_number(value, bits_of(dtype))), (), dtype)
    if isinstance(value, (list, tuple)):
        return OPERATIONS["array"](value)  # type: ignore[no-any-return]
    if isinstance(value, np.ndarray):
        return _constant(value)
    context.unsupported(
        getattr(value, "refusal", f"{type(value).__name__} stands where an array or a number is expected")
    )


MAXIMUM_CONSTANT = 256


def _constant(value: np.ndarray) -> SymbolicArray:
    """An array that was computed outside of the kernel, written out element by element."""
    if value.dtype.kind not in "fiub":
        context.unsupported(f"an array of {value.dtype} stands where numbers are expected")
    shape = tuple(value.shape)
    if value.size and bool((value == value.flat[0]).all()):
        return fresh(as_array(value.flat[0]).elements, shape, value.dtype)
    if value.size > MAXIMUM_CONSTANT:
        context.unsupported(f"an array of {value.size} numbers is made outside of what is traced")
    elements = Truth(_where_true(value)) if value.dtype.kind == "b" else Real(_table(value))
    found = fresh(elements, shape, value.dtype)
    if not value.flags.c_contiguous:
        found.store.strides = None
    if isinstance(found.store, Buffer) and value.dtype.kind in "iu":
        found.store.numbers = value.copy()
    return found


def _here(position: tuple[int, ...]) -> Predicate:
    rank = len(position)
    return conjunction(*(compare(Affine.variable(axis_name(a, rank)), "==", i) for a, i in enumerate(position)))


def _where_true(value: np.ndarray) -> Predicate:
    return disjunction(*(_here(position) for position in np.ndindex(*value.shape) if value[position]))


def _table(value: np.ndarray) -> Node:
    ranges = ranges_of(tuple(value.shape))
    node: Node = Const(Fraction(0))
    bits = bits_of(value.dtype)
    for position in np.ndindex(*value.shape):
        node = select(_here(position), context.read_number(value[position].item(), bits), node, ranges)
    return node


def bits_of(dtype: np.dtype) -> int:
    return {2: 16, 4: 32}.get(dtype.itemsize, 64) if dtype.kind == "f" else 64


def holds_index_array(key: Any) -> bool:
    """Whether arrays of integers stand in the key."""
    keys = key if isinstance(key, tuple) else (key,)
    return any(
        isinstance(k, (list, np.ndarray))
        or (isinstance(k, SymbolicArray) and (bool(k.shape) or (k.dtype.kind in "iu" and isinstance(k.elements, Real))))
        for k in keys
    )


def expanded_keys(array: SymbolicArray, key: Any) -> list[Any]:
    """One key for each axis, and None for new ones."""
    keys = list(key) if isinstance(key, tuple) else [key]
    consumed = sum(k is not None and k is not Ellipsis for k in keys)
    if consumed > array.ndim:
        raise IndexError(f"too many indices for array: array is {array.ndim}-dimensional, but {consumed} were indexed")
    rest = [slice(None)] * (array.ndim - consumed)
    if sum(k is Ellipsis for k in keys) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[at : at + 1] = rest
    else:
        keys.extend(rest)
    return keys


def view_at(array: SymbolicArray, key: Any) -> SymbolicArray:
    """Basic indexing: integers, slices, new axes and an ellipsis."""
    keys = expanded_keys(array, key)
    items: list[int | Affine | SymbolicInteger | tuple[Size, int, Size]] = []
    layout: list[int | None] = []
    for k in keys:
        if k is None:
            layout.append(None)
            continue
        axis = len(items)
        size = array.shape[axis]
        if isinstance(k, slice):
            start, step, count = slice_within(slice(*(_plain_index(b) for b in (k.start, k.stop, k.step))), size)
            items.append((start, step, count))
            layout.append(sum(a is not None for a in layout))
            continue
        given = OPERATIONS["checked_item"](k, size)
        if given is not None:
            items.append(given)
            continue
        position = _plain_index(k)
        if position is None or not -size <= position < size:
            raise IndexError(f"index {position} is out of bounds for axis {axis} with size {size}")
        items.append(position + size if position < 0 else position)
    store: Store = array.store
    if any(not _is_whole(item, n) for item, n in zip(items, array.shape, strict=True)):
        store = sliced(store, items)
    if None in layout:
        strides = store.strides
        store = rearranged(
            store, layout, None if strides is None else tuple(0 if a is None else strides[a] for a in layout)
        )
    return SymbolicArray(store)


def _is_whole(item: int | Affine | SymbolicInteger | tuple[Size, int, Size], size: Size) -> bool:
    return isinstance(item, tuple) and is_fixed(item[0], 0) and item[1] == 1 and same_size(item[2], size)


def _plain_index(value: Any) -> Size | None:
    if value is None:
        return None
    if isinstance(value, (list, np.ndarray)) or (isinstance(value, SymbolicArray) and value.shape):
        context.unsupported("an index that is an array is not modelled here")
    return as_size(value)


def broadcast_to(array: SymbolicArray, shape: Shape) -> SymbolicArray:
    if same_shape(array.shape, shape):
        return array
    return SymbolicArray(broadcast(array.store, shape))


def common_shape(arrays: Sequence[SymbolicArray]) -> Shape:
    """The shape that operands broadcast to. Raises ``ValueError`` where they do not."""
    return broadcast_shapes([a.shape for a in arrays])
