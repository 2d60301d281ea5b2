"""Reads a jaxpr equation by equation into expressions; nothing is executed and no element enumerated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from stile_engine.array import elementwise, ordering, reductions, structure, windows
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    UnknownArray,
    Unreadable,
    outer_ranges,
)
from stile_engine.array.constants import read_constant
from stile_engine.array.integers import check_width
from stile_engine.array.meeting import Parts, telling
from stile_engine.array.operation import HANDLERS, MOST_ROUNDS, Operation
from stile_engine.array.values import show
from stile_engine.errors import UnsupportedError
from stile_engine.index.dims import Dim
from stile_engine.jax import adapter, control, indexing, references
from stile_engine.jax.pallas import launch
from stile_engine.term.expression import Axes, Unmodelled
from stile_engine.trace.location import Site, is_user_file
from stile_engine.trace.recording import Meeting, Recorder, Violation

# Importing these modules fills the table of handlers.
MODELS = (control, elementwise, indexing, launch, ordering, reductions, references, structure, windows)

_CALLS = frozenset({"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "jit", "pjit", "closed_call"})
# A choice may leave out what is not known, and a loop or a branch may never look at it.
_CONTROL = {"select_n", "scan", "while", "cond", "core_call", "call", "remat", "remat2", "checkpoint"}
_MEMORY = references.READS | references.WRITES | {"pallas_call", "run_scoped"}
_THROUGH_UNKNOWN = _CALLS | _CONTROL | _MEMORY


class Interpreter:
    """State of one trace: where results are recorded and how many rounds were unrolled."""

    def __init__(self, path: str, dims: dict[str, Dim], recorder: Recorder) -> None:
        self._path = path
        self._dims = dims
        self._recorder = recorder
        self._steps = 0
        self._loops = 0
        self._silent = False
        self._repeats = 1
        self._forced: tuple[Site | None, Site | None] | None = None
        """The places of a call out of the file under check, while what it does is read."""
        self._following = False
        """Whether that call is of a function in another file of the user."""
        self._last_site: Site | None = None
        self._places: tuple[Site | None, Site | None] = (None, None)
        """Of the equation that is read: in the file under check, and in a helper's file."""
        self._visit: set[int] = set()

    def run(self, closed: Any, inputs: Sequence[Array]) -> list[Array]:
        with telling(self._meet):
            return self._read(closed, inputs)

    def call(
        self, jaxpr: Any, inputs: Sequence[Array], site: Site | None, only: frozenset[int] | None = None
    ) -> list[Array]:
        return self._read(jaxpr, inputs, only)

    def spend_step(self, site: Site | None) -> None:
        self._steps += 1
        if self._steps > MOST_ROUNDS:
            raise Unreadable(f"a loop of more than {MOST_ROUNDS} rounds")

    def violation(self, violation: Violation) -> None:
        self._recorder.violation(violation)

    def round_variable(self) -> str:
        self._loops += 1
        return f"round.{self._loops}"

    @contextmanager
    def quietly(self) -> Iterator[None]:
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    @contextmanager
    def repeatedly(self, rounds: int) -> Iterator[None]:
        before, self._repeats = self._repeats, self._repeats * rounds
        try:
            yield
        finally:
            self._repeats = before

    @contextmanager
    def tentatively(self) -> Iterator[None]:
        recorder, steps, met = self._recorder, self._steps, len(self._recorder.meetings)
        saved = {site: replace(value) for site, value in recorder.values.items()}
        try:
            yield
        except Exception:
            # What was recorded may name a loop that was never closed.
            recorder.values.clear()
            recorder.values.update(saved)
            del recorder.meetings[met:]
            self._steps = steps
            raise

    def _read(self, jaxpr: Any, inputs: Sequence[Array], only: frozenset[int] | None = None) -> list[Array]:
        inner = adapter.open_jaxpr(jaxpr)
        environment: dict[Any, Array] = {}
        for variable, constant in zip(inner.constvars, adapter.constants(jaxpr), strict=True):
            environment[variable] = self._constant(constant, adapter.dtype_of(variable), self._last_site)
        for variable, array in zip(inner.invars, inputs, strict=True):
            environment[variable] = array
        equations = inner.eqns if only is None else adapter.equations_for(inner, only)
        for equation in equations:
            self._places = self._places_of(equation)
            site = self._places[0]
            results = self._equation(equation, [self._atom(a, environment, site) for a in equation.invars], site)
            for variable, result in zip(equation.outvars, results, strict=True):
                environment[variable] = result
        if only is not None:
            unread = "a result that was not asked for"
            return [
                self._atom(a, environment, self._last_site)
                if number in only
                else UnknownArray(adapter.shape_of(a), unread, None)
                for number, a in enumerate(inner.outvars)
            ]
        return [self._atom(a, environment, self._last_site) for a in inner.outvars]

    def _places_of(self, equation: Any) -> tuple[Site | None, Site | None]:
        if self._forced is None:
            return adapter.equation_places(equation, self._path)
        site, within = self._forced
        # where a function's own expressions stand does not depend on who has called it first
        return (site, adapter.equation_places(equation, self._path)[1] or within) if self._following else self._forced

    def _atom(self, atom: Any, environment: dict[Any, Array], site: Site | None) -> Array:
        if adapter.is_literal(atom):
            return self._constant(atom.val, adapter.dtype_of(atom), site)
        return environment[atom]

    def _constant(self, value: Any, dtype: str, site: Site | None) -> Array:
        try:
            found = read_constant(value, dtype, self._recorder, site)
        except (TypeError, ValueError) as error:
            return UnknownArray((), f"a constant of type {dtype} ({error})", site)
        return _as_real_where_float(found, dtype)

    def _equation(self, equation: Any, inputs: list[Array], site: Site | None) -> list[Array]:
        name = equation.primitive.name
        dtypes = [adapter.dtype_of(v) for v in equation.outvars]
        shapes: list[Shape] = []
        try:
            shapes = [adapter.shape_of(v) for v in equation.outvars]
            operation = Operation(name, adapter.parameters(equation), inputs, shapes, dtypes, site)
            results = self._apply(operation)
            if name in ("convert_element_type", "reduce_precision"):
                self._note_cast(adapter.dtype_of(equation.invars[0]), dtypes[0], site)
        except (Unreadable, UnsupportedError) as stopped:
            if site is not None and self._places[1] is not None:
                self._recorder.within.setdefault(site, self._places[1])
            # Without a shape an array stays unknown, whatever is made of it.
            results = [UnknownArray(shape, str(stopped), site) for shape in shapes or [() for _ in equation.outvars]]
            if name not in references.READS:
                references.spoil(inputs, str(stopped), site)
        if shapes:
            results = [_as_real_where_float(r, dtype) for r, dtype in zip(results, dtypes, strict=True)]
        if results and name not in references.WRITES:
            self._record(site, results[0], dtypes[0], id(equation))
        return results

    def _note_cast(self, source: str, target: str, site: Site | None) -> None:
        """A cast that the user wrote; the compiler's own casts have no place in the text."""
        if elementwise.is_float(source) and elementwise.is_float(target):
            self._recorder.cast(source, target, site)

    def _apply(self, operation: Operation) -> list[Array]:
        handler = HANDLERS.get(operation.name)
        unknown = operation.unknown_input
        on_reference = bool(references.references(operation.inputs))
        if handler is None and (unknown is None or on_reference):
            raise Unreadable(f"the operation {operation.name} has no model")
        if unknown is not None and (handler is None or operation.name not in _THROUGH_UNKNOWN):
            # what came first is told
            if on_reference:
                raise Unreadable(f"the operation {operation.name} on a reference has no model")
            return [UnknownArray(shape, unknown.reason, unknown.site) for shape in operation.shapes]
        assert handler is not None
        forced = self._forced, self._following
        if operation.name in _CALLS and (self._forced is None or self._following):
            # Traces of library functions are cached: their places are those of the first call, not of this one.
            inner = next((operation.params[n] for n in ("jaxpr", "call_jaxpr") if n in operation.params), None)
            path = None if inner is None else adapter.defined_in(inner)
            if path != self._path:
                self._forced = self._places
                self._following = path is not None and is_user_file(path)
        try:
            results = handler(operation, self)
        finally:
            self._forced, self._following = forced
        for result, dtype in zip(results, operation.dtypes, strict=True):
            if isinstance(result, IntegerArray):
                check_width(result, dtype)
        return results

    def _record(self, site: Site | None, array: Array, dtype: str, equation: int) -> None:
        if self._silent or site is None or site.path != self._path or isinstance(array, UnknownArray):
            return
        if site == self._last_site and equation not in self._visit and site in self._recorder.values:
            # Several equations of one expression are one visit of it, and the last is its value.
            self._recorder.values[site].count -= 1
            self._visit.add(equation)
            again = 1
        else:
            self._visit = {equation}
            again = self._repeats
        self._last_site = site
        self._recorder.record(site, partial(show, array, dtype, self._dims, self._recorder.provenance, outer_ranges()))
        self._recorder.values[site].count += again - 1

    def _meet(self, operands: tuple[Parts, ...], variables: Axes, summed: frozenset[str], beside: bool) -> None:
        site, within = self._places
        if site is not None and not self._silent:
            self._recorder.meet(Meeting(site, operands, variables, summed, within, beside))


def _as_real_where_float(array: Array, dtype: str) -> Array:
    """An unknown array of floats is an expression without a model, which may still turn out not to matter."""
    if isinstance(array, UnknownArray) and elementwise.is_float(dtype):
        return RealArray(array.shape, Unmodelled(array.reason, array.site))
    return array
