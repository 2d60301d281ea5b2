"""The trace under way: where values and readings are noted, and names for bound variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from stile_engine.errors import UnsupportedError
from stile_engine.index.dims import Dim
from stile_engine.term.expression import Node, number
from stile_engine.trace.frontend import IN_THE_CALLED, TraceError
from stile_engine.trace.location import Site, places_in, user_site
from stile_engine.trace.recording import Recorder


@dataclass(slots=True)
class Trace:
    recorder: Recorder
    dims: Mapping[str, Dim]
    path: str
    bound_variables: int = 0
    last_site: Site | None = None
    """Where the latest array was made."""
    stopped: TraceError | None = None
    """The first thing without a model. It counts also where the kernel's own code catches the exception."""

    def places(self) -> tuple[Site | None, Site | None]:
        """Where the operation that is called stands in the file under check, and in a helper's file if there."""
        return places_in(self.path)


_current: ContextVar[Trace | None] = ContextVar("_current", default=None)


@contextmanager
def tracing(recorder: Recorder, dims: Mapping[str, Dim], path: str) -> Iterator[Trace]:
    trace = Trace(recorder, dims, path)
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def current() -> Trace:
    trace = _current.get()
    if trace is None:
        raise UnsupportedError("a symbolic array was used after its kernel had been traced")
    return trace


def bound_variable() -> str:
    """A name that no other reduction of the kernel has."""
    trace = current()
    trace.bound_variables += 1
    return f"r{trace.bound_variables}"


def unsupported(message: str) -> NoReturn:
    """Stop the trace at the operation that is being evaluated."""
    trace = _current.get()
    site, within = (user_site(), None) if trace is None else trace.places()
    related = () if within is None else ((within, IN_THE_CALLED),)
    error = TraceError(message, site, related=related)
    if trace is not None and trace.stopped is None:
        trace.stopped = error
    raise error


def read_number(value: Any, bits: int) -> Node:
    """A Python or NumPy number as an exact one; readings that differ from what is written are noted."""
    if isinstance(value, (bool, int)) or hasattr(value, "__index__"):
        return number(int(value))
    if not hasattr(value, "__float__"):
        unsupported(f"{type(value).__name__} stands where a number is expected")
    return current().recorder.literal(float(value), bits, current().places()[0]).node
