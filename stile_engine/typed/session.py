"""Under which rules typed arrays live at the moment: simply run, or traced for a check.

Simply run, a violation raises at once. In a check it is recorded, the operation gives a poisoned
array, and the kernel goes on: what does not depend on the violation is still checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

from stile_engine.errors import DimError, StileError, UnsupportedError
from stile_engine.index.registry import Scope, current_scope
from stile_engine.term.expression import Node, Tensor
from stile_engine.trace.literals import read_literal
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Recorder, Violation

if TYPE_CHECKING:
    from stile_engine.typed.indexing import RuntimeIndex


@dataclass(slots=True)
class Session:
    """One traced kernel. ``carries_data``: arrays made inside hold numbers (module-level code under check)."""

    recorder: Recorder
    carries_data: bool = False
    literal_bits: int = 64
    next_input: int = 0
    inputs: dict[str, tuple[Tensor, Site | None]] = field(default_factory=dict)
    indices: dict[str, RuntimeIndex] = field(default_factory=dict)
    stopped: UnsupportedError | None = None
    """A question that only a run with numbers can answer. It counts also where the kernel catches the exception."""


_active: ContextVar[Session | None] = ContextVar("_active", default=None)


def active() -> Session | None:
    """The session of the kernel that is being traced, None when code is simply run."""
    return _active.get()


@contextmanager
def checking(recorder: Recorder, *, carries_data: bool = False, literal_bits: int = 64) -> Iterator[Session]:
    """Typed operations inside are traced into ``recorder`` instead of raising at violations.

    Typed results that are still open at the end are closed.
    """
    session = Session(recorder, carries_data, literal_bits)
    token = _active.set(session)
    try:
        yield session
        for result in recorder.results:
            result.close(result.site)
    finally:
        _active.reset(token)


_numbering: WeakKeyDictionary[Scope, int] = WeakKeyDictionary()


def number_input() -> str:
    """The name of the next unnamed input of the kernel, or of the scope when simply run: 0, 1, 2 …

    In this order they are the spec's unlabelled tensors.
    """
    session = _active.get()
    if session is not None:
        session.next_input += 1
        return str(session.next_input - 1)
    scope = current_scope()
    number = _numbering.get(scope, 0)
    _numbering[scope] = number + 1
    return str(number)


def declare_input(tensor: Tensor, site: Site | None) -> None:
    """Two inputs of one kernel cannot share a name: the spec could not tell them apart. Raises ``DimError``."""
    session = _active.get()
    if session is None:
        return
    known, first = session.inputs.setdefault(tensor.name, (tensor, site))
    if site != first or known != tensor:
        raise DimError(
            f"the input {tensor.name} was already made{f' in line {first.lineno}' if first else ''}; "
            "give this one another name, or use the first"
        )


_indices: WeakKeyDictionary[Scope, dict[str, RuntimeIndex]] = WeakKeyDictionary()


def declare_index(index: RuntimeIndex) -> None:
    """An input of integers of the kernel, or of the scope when simply run: specs that name it mean this one."""
    session = _active.get()
    if session is not None:
        declare_input(index.tensor, index.site)
        session.indices[index.name] = index
        return
    _indices.setdefault(current_scope(), {})[index.name] = index


def known_indices() -> dict[str, RuntimeIndex]:
    """The inputs of integers made so far, by label."""
    session = _active.get()
    return dict(_indices.get(current_scope(), {})) if session is None else dict(session.indices)


def without_numbers(what: str) -> NoReturn:
    """Raise because the numbers of an array are asked for that is only traced."""
    error = UnsupportedError(f"{what} is only traced and holds no numbers, so .arr cannot be read here")
    session = _active.get()
    if session is not None and session.stopped is None:
        session.stopped = error
    raise error


def violate(
    code: str, message: str, site: Site | None, related: tuple[tuple[Site | None, str], ...], poisoned: bool
) -> None:
    """Report a broken rule: raise when simply run, record in a check, unless it only follows from an earlier one."""
    if poisoned:
        return
    session = _active.get()
    known = tuple((place, text) for place, text in related if place is not None)
    if session is None:
        raise DimError("\n  ".join([message, *(f"{place}: {text}" for place, text in known)]), code=code)
    session.recorder.violation(Violation(code, message, site, known))


def read_scalar(value: Any, site: Site | None) -> Node | None:
    """A Python or NumPy number as an exact number; None for anything else. Readings are recorded."""
    if isinstance(value, complex) or not (isinstance(value, float) or hasattr(value, "__float__")):
        return None
    if getattr(value, "shape", ()) != ():
        return None
    session = _active.get()
    if session is None:
        return read_literal(float(value), 64).node
    return session.recorder.literal(float(value), session.literal_bits, site).node


def note_cast(dtype: Any, site: Site | None) -> None:
    """A cast between floating types, if anything is traced."""
    session = _active.get()
    if session is not None:
        session.recorder.cast(None, getattr(dtype, "__name__", None) or str(dtype).removeprefix("torch."), site)


class NotProvedError(StileError):
    """A typed result or an assertion that is simply run and does not hold, or could not be proved."""

    code = "not-proved"
