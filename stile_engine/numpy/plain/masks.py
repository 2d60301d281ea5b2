"""Boolean masks as indices: elements that are read at a mask, worked on, and written back at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, substitute, variables
from stile_engine.index.sets import IndexSet
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
    SymbolicArray,
    as_array,
    broadcast_to,
    expanded_keys,
    fresh,
    noted,
    view_at,
)
from stile_engine.numpy.plain.elements import Real, Truth, axis_index, axis_name, ranges_of
from stile_engine.numpy.plain.elementwise import truth, write
from stile_engine.numpy.plain.structure import holds_symbolic
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import ONE, ZERO, NoValue, select

POINTWISE = frozenset(
    """add subtract multiply divide true_divide floor_divide remainder mod power float_power negative positive absolute
    abs fabs exp exp2 expm1 log log2 log10 log1p sqrt cbrt square reciprocal sin cos tan sinh cosh tanh floor ceil trunc
    rint round maximum minimum fmax fmin clip logaddexp sign where hypot""".split()
)


class Selection:
    """``x[mask]``: the elements of ``whole`` at which the mask over its first axes holds, one after the other.

    How many there are depends on numbers. Functions of each element by itself work on all of ``whole``, and what
    is written back is looked at where the mask holds alone.
    """

    __slots__ = ("mask", "whole")
    refusal = "an array read at a boolean mask has a size that is not known"
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 2000

    def __init__(self, whole: SymbolicArray, mask: SymbolicArray) -> None:
        self.whole = whole
        self.mask = mask

    @property
    def ndim(self) -> int:
        return self.whole.ndim - self.mask.ndim + 1

    @property
    def dtype(self) -> np.dtype:
        return self.whole.dtype

    @property
    def predicate(self) -> Predicate:
        return truth(self.mask)

    def has_mask_of(self, other: Selection) -> bool:
        return self.mask.shape == other.mask.shape and self.predicate == other.predicate

    def spread(self) -> Predicate:
        """The mask over all axes of ``whole``."""
        rank, own = self.whole.ndim, self.mask.ndim
        return substitute(self.predicate, {axis_name(a, own): axis_index(a, rank) for a in range(own)})

    def copy(self) -> Selection:
        return Selection(OPERATIONS["copy"](self.whole), self.mask)

    def astype(self, dtype: Any, **options: Any) -> Selection:
        return Selection(OPERATIONS["astype"](self.whole, dtype, **options), self.mask)

    def __len__(self) -> NoReturn:
        _no_size()

    def __iter__(self) -> NoReturn:
        _no_size()

    def __bool__(self) -> NoReturn:
        _no_size()

    def __array__(self, *_arguments: Any, **_options: Any) -> NoReturn:
        _no_size()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            _no_size()
        return applied(ufunc.__name__, inputs, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        _no_size()


def _no_size() -> NoReturn:
    context.unsupported(Selection.refusal)


def applied(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A function of each element, of which some operands were read at one and the same mask."""
    model = OPERATIONS.get(name)
    if name in _REDUCTIONS and not options and len(arguments) == 1:
        return _REDUCTIONS[name](arguments[0])
    if model is None or name not in POINTWISE or "out" in options or "where" in options:
        context.unsupported(f"numpy.{name} of the elements at a boolean mask is not modelled")
    selections = [a for a in arguments if isinstance(a, Selection)]
    first = selections[0]
    for other in selections[1:]:
        if not first.has_mask_of(other):
            context.unsupported("elements that were read at different boolean masks meet")
    for other in arguments:
        if not isinstance(other, Selection) and as_array(other).ndim >= first.ndim:
            context.unsupported("an array with one element for each at a boolean mask is not modelled")
    result = model(*(a.whole if isinstance(a, Selection) else a for a in arguments), **options)
    if result.shape != first.whole.shape:
        context.unsupported("elements that were read at different boolean masks meet")
    return Selection(result, first.mask)


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    def function(self: Selection, other: Any) -> Any:
        return applied(name, (other, self) if reflected else (self, other), {})

    return function


for _dunder, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
}.items():
    setattr(Selection, f"__{_dunder}__", _operator(_name))
    setattr(Selection, f"__r{_dunder}__", _operator(_name, reflected=True))


def _unary(name: str) -> Callable[[Selection], Any]:
    return lambda self: applied(name, (self,), {})


for _dunder, _name in {"neg": "negative", "pos": "positive", "abs": "absolute"}.items():
    setattr(Selection, f"__{_dunder}__", _unary(_name))


def _total(selection: Selection) -> Any:
    where = fresh(Truth(selection.spread()), selection.whole.shape, bool)
    return OPERATIONS["sum"](selection.whole, where=where)


def _mean(selection: Selection) -> Any:
    count = OPERATIONS["sum"](fresh(Truth(selection.spread()), selection.whole.shape, bool))
    return OPERATIONS["true_divide"](_total(selection), OPERATIONS["astype"](count, selection.dtype))


def _extremum(name: str) -> Callable[[Selection], Any]:
    def function(selection: Selection) -> Any:
        neutral = -np.inf if name == "max" else np.inf
        mask = fresh(Truth(selection.spread()), selection.whole.shape, bool)
        found = OPERATIONS[name](selection.whole, where=mask, initial=neutral)
        # NumPy raises where there is no element.
        some = OPERATIONS["max"](
            fresh(Real(select(selection.spread(), ONE, ZERO, ranges_of(mask.shape))), mask.shape, float)
        )
        node = select(compare_values(some.node, ">", ZERO), found.node, NoValue("the maximum of no elements"), {})
        return noted(fresh(Real(node), (), found.dtype))

    return function


_REDUCTIONS: dict[str, Callable[[Selection], Any]] = {
    "sum": _total,
    "mean": _mean,
    "max": _extremum("max"),
    "min": _extremum("min"),
    "amax": _extremum("max"),
    "amin": _extremum("min"),
}


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *arguments, **options: applied(name, (self, *arguments), options)


for _name in ("sum", "mean", "max", "min", "clip"):
    setattr(Selection, _name, _method(_name))


# Masks among the keys


def mask_of(key: Any) -> SymbolicArray | None:
    if isinstance(key, (list, np.ndarray)) and not holds_symbolic(key) and np.asarray(key).dtype == np.bool_:
        key = as_array(np.asarray(key))
    return key if isinstance(key, SymbolicArray) and key.dtype.kind == "b" and isinstance(key.elements, Truth) else None


def holds_mask(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    masks = (mask_of(k) for k in keys if isinstance(k, (SymbolicArray, np.ndarray, list)))
    return any(mask is not None and mask.ndim > 0 for mask in masks)


def positions(mask: SymbolicArray) -> np.ndarray | None:
    """The mask as an array of truth values, where it depends on the indices alone and is not large."""
    predicate = truth(mask)
    own = {axis_name(a, mask.ndim) for a in range(mask.ndim)}
    if data.tokens_of(variables(predicate)) or variables(predicate) - own or mask.size > _LARGEST_MASK:
        return None
    found = np.zeros(mask.shape, bool)
    for index in np.ndindex(*mask.shape):
        here = substitute(predicate, {axis_name(a, mask.ndim): Affine.of(i) for a, i in enumerate(index)})
        found[index] = here == ALWAYS if here in (ALWAYS, NEVER) else not IndexSet.where(here).is_empty
    return found


_LARGEST_MASK = 4096


class _Keyed:
    """A mask among slices: the view that the slices give, in which the mask stands from axis ``at`` on."""

    def __init__(self, array: SymbolicArray, key: Any) -> None:
        keys = list(key) if isinstance(key, tuple) else [key]
        masks = [(i, m) for i, k in enumerate(keys) if (m := mask_of(k)) is not None and m.ndim]
        if len(masks) != 1:
            context.unsupported("several boolean masks in one index are not modelled")
        number, self.mask = masks[0]
        keys[number : number + 1] = [_MASKED] * self.mask.ndim
        expanded = expanded_keys(array, tuple(keys))
        if any(isinstance(k, (list, np.ndarray)) or (isinstance(k, SymbolicArray) and k.shape) for k in expanded):
            context.unsupported("a boolean mask beside an array of indices is not modelled")
        self.at = sum(k is None or isinstance(k, slice) for k in expanded[: expanded.index(_MASKED)])
        self.view = view_at(array, tuple(slice(None) if k is _MASKED else k for k in expanded))
        self.after = self.view.ndim - self.at - self.mask.ndim
        for axis, size in enumerate(self.mask.shape):
            if self.view.shape[self.at + axis] != size:
                raise IndexError(
                    f"boolean index did not match indexed array along axis {self.at + axis}; size of axis is "
                    f"{self.view.shape[self.at + axis]} but size of corresponding boolean axis is {size}"
                )

    @property
    def predicate(self) -> Predicate:
        own, rank = self.mask.ndim, self.view.ndim
        names = {axis_name(a, own): axis_index(self.at + a, rank) for a in range(own)}
        return substitute(truth(self.mask), names)

    def index_list(self) -> np.ndarray | None:
        """The places along the one axis of a mask that depends on the indices alone."""
        found = positions(self.mask) if self.mask.ndim == 1 else None
        return None if found is None else np.flatnonzero(found)

    def indexed(self, places: np.ndarray) -> tuple[Any, ...]:
        return (*(slice(None) for _ in range(self.at)), places)


class _Masked:
    pass


_MASKED = _Masked()


def read_masked(array: SymbolicArray, key: Any) -> Any:
    keyed = _Keyed(array, key)
    places = keyed.index_list()
    if places is not None:
        return OPERATIONS["read_at"](keyed.view, keyed.indexed(places))
    if keyed.at:
        _no_size()
    whole = keyed.view
    # Copies: what was read does not change with the array or with the mask.
    mask = fresh(Truth(truth(keyed.mask)), keyed.mask.shape, bool)
    return Selection(fresh(whole.elements, whole.shape, whole.dtype, fits=True), mask)


def write_masked(target: SymbolicArray, key: Any, value: Any) -> None:
    keyed = _Keyed(target, key)
    if isinstance(value, Selection):
        own = Selection(keyed.view, keyed.mask)
        if keyed.at or not own.has_mask_of(value):
            context.unsupported("elements that were read at one boolean mask are written at another")
        write(keyed.view, broadcast_to(value.whole, keyed.view.shape), where=keyed.predicate)
        return
    source = as_array(value, target.dtype)
    if source.ndim > keyed.after and source.shape[-keyed.after - 1] != 1:
        places = keyed.index_list()
        if places is None:
            context.unsupported("several values are written at a boolean mask")
        OPERATIONS["write_at"](keyed.view, keyed.indexed(places), source)
        return
    write(keyed.view, _spread(source, keyed), where=keyed.predicate)


def _spread(source: SymbolicArray, keyed: _Keyed) -> SymbolicArray:
    """One value for all places of the mask, with the axes of the view."""
    if source.ndim <= keyed.after:
        return source
    before = source.ndim - keyed.after - 1
    # the axis of size 1 that stands for the places becomes the axes of the mask
    keys: tuple[Any, ...] = (*(slice(None) for _ in range(before)), 0, *(None for _ in range(keyed.mask.ndim)))
    return view_at(source, keys)


OPERATIONS["holds_mask"] = holds_mask
OPERATIONS["read_masked"] = read_masked
OPERATIONS["write_masked"] = write_masked


def concrete_nonzero(name: str, a: Any) -> Any:
    """What ``nonzero``, ``flatnonzero`` and ``where`` give for a condition on the indices."""
    found = positions(as_array(a)) if mask_of(as_array(a)) is not None else None
    if found is None:
        _no_size()
    return {"nonzero": np.nonzero, "where": np.nonzero, "flatnonzero": np.flatnonzero, "argwhere": np.argwhere}[name](
        found
    )


for _name in ("nonzero", "flatnonzero", "argwhere"):
    OPERATIONS[_name] = lambda a, name=_name: concrete_nonzero(name, a)
