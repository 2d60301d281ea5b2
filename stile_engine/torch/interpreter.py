"""Reads a kernel operation by operation, as PyTorch dispatches them; nothing is computed.

Every tensor of the trace has sizes, strides and a storage, as in a run, and no numbers. What its elements are
stands in ``Storage``, found by the identity of the tensor's memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    TruthArray,
    UnknownArray,
    Unreadable,
    integers,
)
from stile_engine.array.constants import read_constant, read_number
from stile_engine.array.elementwise import is_float, is_integer, within_type
from stile_engine.array.facts import fits, rational_value
from stile_engine.array.integers import check_width
from stile_engine.array.meeting import Parts, telling
from stile_engine.array.values import show
from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import ALWAYS, NEVER
from stile_engine.term.expression import Axes, Infinity, NoValue, Unmodelled
from stile_engine.torch import (
    adapter,
    contraction,
    creation,
    normalization,
    operand_types,
    pointwise,
    reduction,
    scattering,
    structure,
    windows,
)
from stile_engine.torch.algebra import UnknownOperand
from stile_engine.torch.call import MODELS, SELECTING, Call
from stile_engine.torch.storage import Storage, Window, overlap
from stile_engine.trace.frontend import IN_THE_CALLED, TraceError
from stile_engine.trace.location import Site, direct_site, user_site, user_sites
from stile_engine.trace.recording import Meeting, Recorder

# Importing these modules fills the table of models.
MODELLED = (contraction, creation, normalization, pointwise, reduction, scattering, structure, windows)

_SAME_NAME = {"__iand__": "bitwise_and", "__ior__": "bitwise_or", "__ixor__": "bitwise_xor"}


class Interpreter:
    """State of one trace: the memory, and where results are recorded."""

    def __init__(self, path: str, dims: Mapping[str, Dim], recorder: Recorder) -> None:
        self._path = path
        self._dims = dict(dims)
        self._recorder = recorder
        self._modes = adapter.Modes(self._dispatched, self._called)
        self._memory: dict[int, tuple[Any, Storage]] = {}
        self._names: dict[int, str] = {}
        self._muted = False
        self._site: Site | None = None
        self._visits: dict[Site, tuple[Any, int, Array, str]] = {}
        """For each expression its first operation, how often that was met, and what came last."""
        self.last_site: dict[int, Site | None] = {}
        """Where the latest write to a storage stands."""
        self.stopped: TraceError | None = None
        """The first thing without a model. It counts also where the kernel's own code catches the exception."""
        self.failures: list[BaseException] = []
        """What PyTorch itself has raised about operations that do not fit."""

    @contextmanager
    def active(self) -> Iterator[None]:
        try:
            with self._modes.active(), telling(self._meet):
                yield
        finally:
            self._tell()

    # -- memory ----------------------------------------------------------------------------

    def input(self, shape: tuple[int, ...], dtype: str, elements: Array) -> Any:
        """A tensor of the launch with these elements."""
        tensor = self._modes.empty(shape, adapter.dtype_of(dtype))
        self._define(tensor, elements)
        return tensor

    def adopt(self, tensor: Any, elements: Array, name: str) -> None:
        """A tensor that was made outside of the kernel stands for these elements."""
        found = self._modes.stand_in(tensor)
        if self._storage(found) is not None:
            raise TraceError(
                f"{name} shares its memory with another input: it is no input of its own", code="spec-shape"
            )
        self._define(found, elements)
        made = self._storage(found)
        assert made is not None
        made.locked = f"{name} is changed, which the next call sees"

    def name_parameters(self, path: str, module: Any) -> None:
        """What the parameters of a module of layers are called, for messages.

        Its running statistics, too, are numbers of a training that is still to come, unless the spec has them.
        """
        self._names.update({id(tensor): f"{path}.{name}" for name, tensor in module.named_parameters()})
        for name, tensor in adapter.statistics(module):
            if self._storage(self._modes.stand_in(tensor)) is None:
                self.adopt(tensor, self._unknown(tensor, _undeclared(f"{path}.{name}")), f"{path}.{name}")

    def _define(self, tensor: Any, elements: Array) -> None:
        """Fresh memory."""
        identity, storage = adapter.storage_of(tensor)
        window = adapter.window(tensor)
        dtype = adapter.dtype_name(tensor.dtype)
        count = adapter.storage_count(tensor)
        if window.is_dense and window.offset == 0 and window.count == count:
            made = Storage(window, elements, dtype)
        else:
            made = Storage(Window((count,), (1,)), _unwritten((count,), dtype), dtype)
            made.write(window, elements)
        self._memory[identity] = (storage, made)
        self.last_site[identity] = self._site

    def _storage(self, tensor: Any) -> Storage | None:
        known = self._memory.get(adapter.storage_of(tensor)[0])
        return None if known is None else known[1]

    def read(self, tensor: Any) -> Array:
        shape = tuple(tensor.shape)
        storage = self._storage(tensor)
        dtype = adapter.dtype_name(tensor.dtype)
        if storage is None:
            return UnknownArray(shape, "a tensor that no modelled operation has made", self._site)
        if adapter.storage_count(tensor) != storage.base.count and storage.dtype == dtype:
            return UnknownArray(shape, "memory whose size was changed", self._site)
        if storage.dtype != dtype:
            reason = f"memory of {storage.dtype} that is read as {dtype}"
            return UnknownArray(shape, reason, self._site)
        found = storage.read(adapter.window(tensor))
        if isinstance(found, UnknownArray) and found.site is None:
            return UnknownArray(found.shape, found.reason, self._site)
        return found

    def write(self, tensor: Any, elements: Array) -> None:
        storage = self._storage(tensor)
        changed = storage is not None and adapter.storage_count(tensor) != storage.base.count
        if storage is None or changed or storage.dtype != adapter.dtype_name(tensor.dtype):
            self.stop("a write to memory that no modelled operation has made")
        try:
            storage.write(adapter.window(tensor), elements)
        except Unreadable as error:
            self.stop(str(error))
        self.last_site[adapter.storage_of(tensor)[0]] = self._site

    def array(self, value: Any) -> Array:
        if adapter.is_tensor(value):
            return self.read(value)
        if isinstance(value, bool):
            return TruthArray((), ALWAYS if value else NEVER)
        if isinstance(value, int):
            return integers((), Affine((), int(value)))
        if isinstance(value, float):
            return RealArray((), read_number(value, "float64", self._recorder, self._site))
        raise Unreadable(f"{type(value).__name__} where a tensor or a number is expected")

    def cast(self, source: str, target: str) -> None:
        if is_float(source) and is_float(target):
            self._recorder.cast(source, target, self._site)

    def note(self, written: str, read: str) -> None:
        self._recorder.reading(written, read, self._site)

    def _plain(self, tensor: Any) -> Any:
        """A tensor of the trace; one that was made outside of it is a constant."""
        if adapter.is_traced(tensor):
            return tensor
        found = self._modes.stand_in(tensor)
        if self._storage(found) is None:
            self._constant(tensor, found)
        return found

    def _constant(self, tensor: Any, found: Any) -> None:
        identity, storage = adapter.storage_of(found)
        window, count = adapter.window(found), adapter.storage_count(found)
        dtype = adapter.dtype_name(found.dtype)
        whole = window.is_dense and window.offset == 0 and window.count == count
        base = window if whole else Window((count,), (1,))
        reason = "a tensor made outside of the kernel is changed, which its next call sees"
        try:
            if adapter.is_parameter(tensor):
                raise Unreadable(_undeclared(self._names.get(id(tensor), "self.NAME")))
            numbers = adapter.numbers(tensor if whole else adapter.whole_storage(tensor))
            elements = read_constant(numbers, dtype, self._recorder, self._site)
        except (Unreadable, UnsupportedError) as error:
            elements = UnknownArray(base.sizes, str(error), self._site)
        self._memory[identity] = (storage, Storage(base, _as_real_where_float(elements, dtype), dtype, reason))

    def result(self, tensor: Any) -> Array:
        """The elements of what the kernel returns."""
        return self.read(self._plain(tensor))

    def site_of(self, tensor: Any) -> Site | None:
        return self.last_site.get(adapter.storage_of(self._plain(tensor))[0])

    # -- operations ------------------------------------------------------------------------

    def _here(self) -> Site | None:
        """The expression under evaluation in the file under check, from which helper functions elsewhere are called."""
        found = None
        for site in user_sites():
            if site.path == self._path:
                return site
            found = found or site
        return found

    def _elsewhere(self) -> Site | None:
        """Where the operation stands, if that is in a helper function of another file."""
        site = user_site()
        return None if site is None or site.path == self._path else site

    def stop(self, message: str) -> NoReturn:
        within = self._elsewhere()
        related = () if within is None else ((within, IN_THE_CALLED),)
        error = TraceError(message, self._site or self._here(), related=related)
        if self.stopped is None:
            self.stopped = error
        raise error

    def _dispatched(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if adapter.is_query(function):
            return function(*args, **kwargs)
        outer = self._site
        self._site = self._here() or outer
        try:
            args = adapter.mapped(self._plain, args)
            kwargs = adapter.mapped(self._plain, kwargs)
            if self._muted:
                return self._run(function, args, kwargs)
            return self._operation(function, args, kwargs)
        finally:
            self._site = outer

    def _run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The operation on tensors without numbers: shapes, strides, types, and PyTorch's own errors."""
        known = adapter.operator(function)
        try:
            result = function(*args, **kwargs)
            why_not = operand_types.refused(known.name, adapter.bound(known, args, kwargs), "self" in known.written)
            if why_not is not None:
                raise RuntimeError(why_not)
            return result
        except Exception as error:
            if adapter.is_data_dependence(error):
                self.stop(f"{function} looks at the numbers in a tensor, which a trace does not have")
            self.failures.append(error)
            raise

    def _operation(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        known = adapter.operator(function)
        if known.name == "_local_scalar_dense":
            return self._number(args[0])
        if known.name == "lift_fresh":
            return args[0]
        if known.composite:
            with self._modes.again():
                return function.decompose(*args, **kwargs)
        if (each := adapter.one_by_one(known, function)) is not None:
            with self._modes.again():
                return each(args, kwargs)
        if known.written:
            self._refuse_overlaps(known, adapter.bound(known, args, kwargs))
        result = self._run(function, args, kwargs)
        if known.changes_shape:
            return result
        results = adapter.tensors_in(result)
        if known.looks_only:
            for tensor in results[:1]:
                self._record(function, self.read(tensor), adapter.dtype_name(tensor.dtype))
            return result
        given = adapter.bound(known, args, kwargs)
        found = self._modelled(known, given, results, args, kwargs)
        for tensor, elements in zip(results, found, strict=True):
            if self._storage(tensor) is None:
                self._define(tensor, elements)
            elif known.written:
                self.write(tensor, elements)
        returned = {id(t) for t in results}
        for name in known.written:
            for tensor in adapter.tensors_in(given[name]):
                if id(tensor) not in returned:
                    self.write(tensor, self._unknown(tensor, f"what {known.name} writes has no model"))
        if found:
            self._record(function, found[0], adapter.dtype_name(results[0].dtype))
        return result

    def _refuse_overlaps(self, known: adapter.Operator, given: dict[str, Any]) -> None:
        """What is read while it is written depends on the order, unless it is written in its own place."""
        for name in known.written:
            for written in adapter.tensors_in(given[name]):
                for other in (t for n, v in given.items() if n != name for t in adapter.tensors_in(v)):
                    if adapter.storage_of(other)[0] == adapter.storage_of(written)[0] and overlap(
                        adapter.window(written), adapter.window(other)
                    ):
                        self.stop(f"{known.name} writes to memory that it reads elsewhere: clone one of the two")

    def _modelled(
        self,
        known: adapter.Operator,
        given: dict[str, Any],
        results: list[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> list[Array]:
        """The elements of each result; unknown where there is no model for them."""
        name = _SAME_NAME.get(known.name, known.name)
        shapes = [tuple(t.shape) for t in results]
        dtypes = [adapter.dtype_name(t.dtype) for t in results]
        found: list[Array | None]
        model = MODELS.get(name)
        reason, site = f"the operation {name} has no model", self._site
        try:
            if (narrowed := operand_types.wrapped(name, given)) is not None:
                raise Unreadable(narrowed)
            if model is not None:
                made = model(Call(name, _given(known, given), shapes, dtypes, self))
                found = list(made) if isinstance(made, (list, tuple)) else [made]  # type: ignore[list-item]
                reason = f"this result of {name} has no model"
            elif known.decomposition is not None:
                with self._modes.again():
                    parts = known.decomposition(*args, **kwargs)
                found = [self.read(t) for t in adapter.tensors_in(parts)]
            else:
                found = [None] * len(results)
        except UnknownOperand as unknown:
            reason, site = unknown.operand.reason, unknown.operand.site or site
            found = [None] * len(results)
        except (Unreadable, UnsupportedError) as unreadable:
            reason = str(unreadable)
            found = [None] * len(results)
        if None in found or len(found) < len(shapes):
            within = self._elsewhere()
            if site is not None and site == self._site and within is not None:
                self._recorder.within.setdefault(site, within)
        complete: list[Array] = []
        for position, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
            elements = found[position] if position < len(found) else None
            if elements is not None and elements.shape != shape:
                raise AssertionError(f"the model of {name} has shape {elements.shape}, and PyTorch has {shape}")
            selects = name in SELECTING and given.get("reduce") is None  # scatter adds and multiplies as well
            if not selects and isinstance(elements, RealArray) and is_integer(dtype):
                elements = RealArray(shape, within_type(elements.node, dtype))
            if not selects and isinstance(elements, RealArray) and dtype == "bool" and not fits(elements.node, 0, 1):
                elements, reason = None, "truth values that are added or multiplied"
            complete.append(_settled(elements, shape, dtype, reason, site))
        return complete

    def _unknown(self, tensor: Any, reason: str) -> Array:
        shape = tuple(tensor.shape)
        return _settled(None, shape, adapter.dtype_name(tensor.dtype), reason, self._site)

    def _number(self, tensor: Any) -> bool | int | float:
        """``item()``, and what Python asks of a tensor in ``if``, ``int`` and ``float``."""
        match self.read(tensor):
            case IntegerArray() as array if array.constant is not None:
                return array.constant
            case TruthArray(predicate=predicate) if predicate in (ALWAYS, NEVER):
                return predicate == ALWAYS
            case RealArray(node=Infinity(sign)):
                return sign * float("inf")
            case RealArray(node=node) if (value := rational_value(node)) is not None:
                return float(value)
        self.stop("Python code here looks at the numbers in a tensor, which a trace does not have")

    # -- calls above the operations --------------------------------------------------------

    def _called(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        whole = None if self._muted else adapter.whole(function)
        if whole is not None and adapter.is_plain_call(whole[0], args, kwargs):
            return self._whole(whole[0], whole[1], function, args, kwargs)
        asked = adapter.question(function)
        if asked is not None and not self._muted and direct_site(*adapter.WRAPPERS) is not None:
            self.stop(f"{asked} may be another one when the kernel runs than while it is traced")
        return function(*args, **kwargs)

    def _whole(
        self, name: str, arguments: tuple[str, ...], function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A function that is read by its definition; shapes and strides are those of what PyTorch runs."""
        outer = self._site
        self._site = self._here() or outer
        try:
            self._muted = True
            try:
                result = function(*args, **kwargs)
            finally:
                self._muted = False
            given = {**dict(zip(arguments, args, strict=False)), **kwargs}
            if name == "einsum":
                given["operands"] = args[1:]
            given = adapter.mapped(self._plain, given)
            known = adapter.Operator(name, (), (), False, False, None)
            for source in {adapter.dtype_name(t.dtype) for t in adapter.tensors_in(list(given.values()))}:
                self.cast(source, adapter.dtype_name(result.dtype))
            (elements,) = self._modelled(known, given, [result], args, kwargs)
            self._define(result, elements)
            self._record(function, elements, adapter.dtype_name(result.dtype))
            return result
        finally:
            self._site = outer

    # -- what the editor shows -------------------------------------------------------------

    def _record(self, function: Any, array: Array, dtype: str) -> None:
        site = self._site
        if site is None or site.path != self._path or isinstance(array, UnknownArray):
            return
        # Several operations of one expression are one visit of it, and the last is its value.
        first, count, *_ = self._visits.get(site, (function, 0, array, dtype))
        self._visits[site] = (first, count + (first is function), array, dtype)

    def _tell(self) -> None:
        """The values that the expressions had in the end."""
        for site, (_, count, array, dtype) in self._visits.items():
            self._recorder.record(site, partial(show, array, dtype, self._dims, self._recorder.provenance, {}))
            self._recorder.values[site].count = count

    def _meet(self, operands: tuple[Parts, ...], variables: Axes, summed: frozenset[str], beside: bool) -> None:
        site = self._site
        if site is not None and site.path == self._path:
            self._recorder.meet(Meeting(site, operands, variables, summed, self._elsewhere(), beside))


def _given(known: adapter.Operator, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments that are only about memory are no business of a model."""
    return {name: value for name, value in given.items() if name not in ("out", "memory_format", "non_blocking")}


def _undeclared(path: str) -> str:
    return f"{path} is no input of the spec: pair it with inputs={{{path!r}: 'W:DIMS'}}"


def _unwritten(shape: tuple[int, ...], dtype: str) -> Array:
    if is_float(dtype):
        return RealArray(shape, NoValue("never written"))
    return UnknownArray(shape, "elements that were never written", None)


def _settled(elements: Array | None, shape: tuple[int, ...], dtype: str, reason: str, site: Site | None) -> Array:
    if isinstance(elements, IntegerArray) and is_integer(dtype):
        try:
            check_width(elements, dtype)
        except Unreadable as error:
            elements, reason = None, str(error)
    if elements is None:
        elements = UnknownArray(shape, reason, site)
    return _as_real_where_float(elements, dtype)


def _as_real_where_float(array: Array, dtype: str) -> Array:
    """An unknown array of floats is an expression without a model, which may still turn out not to matter."""
    if isinstance(array, UnknownArray) and is_float(dtype):
        return RealArray(array.shape, Unmodelled(array.reason, array.site))
    return array
