"""What the code of a kernel may ask about the objects that a trace hands to it.

A symbolic array stands for an array of the framework, and ``isinstance``, ``hasattr`` and the like could tell
the two apart: the branch that a trace takes would then not be the one that runs. A file under check sees
builtins that answer as they would at run time, or stop the trace where that is not known.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from stile_engine.trace.frontend import TraceError
from stile_engine.trace.location import user_site


@dataclass(frozen=True, slots=True)
class StandIn:
    """Answers for one class of symbolic objects as at run time; None where that depends."""

    is_instance: Callable[[Any, Any], bool | None]
    has: Callable[[Any, str], bool | None]


_stand_ins: dict[type, StandIn] = {}
_stops: ContextVar[list[TraceError] | None] = ContextVar("_stops", default=None)


def stands_in(kind: type, answers: StandIn) -> None:
    """Objects of this class are symbolic."""
    _stand_ins[kind] = answers


@contextmanager
def watching() -> Iterator[list[TraceError]]:
    """The stops of the trace inside; they count also where the kernel's own code catches the exception."""
    stops: list[TraceError] = []
    token = _stops.set(stops)
    try:
        yield stops
    finally:
        _stops.reset(token)


def guarded_builtins() -> dict[str, Any]:
    """The builtins as a file under check sees them."""
    return {
        **vars(builtins),
        "isinstance": _isinstance,
        "hasattr": _hasattr,
        "getattr": _getattr,
        "type": GuardedType,
        "len": _len,
        "repr": _repr,
    }


def _stand_in(value: object) -> StandIn | None:
    return next((answers for kind, answers in _stand_ins.items() if isinstance(value, kind)), None)


def _stop(question: str) -> NoReturn:
    error = TraceError(f"{question} may have another answer when the kernel runs than while it is traced", user_site())
    stops = _stops.get()
    if stops is not None:
        stops.append(error)
    raise error


def _isinstance(value: Any, kinds: Any, /) -> bool:
    kinds = _real_kinds(kinds)
    answers = _stand_in(value)
    if answers is None:
        return isinstance(value, kinds)
    found = answers.is_instance(value, kinds)
    return _stop("isinstance() of an array of the kernel") if found is None else found


def _real_kinds(kinds: Any) -> Any:
    if kinds is GuardedType:
        return type
    return tuple(_real_kinds(k) for k in kinds) if isinstance(kinds, tuple) else kinds


def _hasattr(value: Any, name: str, /) -> bool:
    answers = _stand_in(value)
    if answers is None:
        return hasattr(value, name)
    found = answers.has(value, name)
    return _stop(f"whether an array of the kernel has the attribute {name}") if found is None else found


def _getattr(value: Any, name: str, /, *default: Any) -> Any:
    return default[0] if default and not _hasattr(value, name) else getattr(value, name)


def _len(value: Any, /) -> Any:
    """The length of an array may be a symbolic size, which the builtin cannot give."""
    shape = getattr(value, "shape", None) if _stand_in(value) is not None else None
    return shape[0] if isinstance(shape, tuple) and shape and not isinstance(shape[0], int) else len(value)


def _repr(value: Any, /) -> str:
    return repr(value) if _stand_in(value) is None else _stop("repr() of an array of the kernel")


class _TypeOfType(type):
    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        if cls is not GuardedType:
            return super().__call__(*arguments, **options)
        if len(arguments) == 1 and not options and _stand_in(arguments[0]) is not None:
            _stop("the type of an array of the kernel")
        found = type(*arguments, **options)
        return GuardedType if found is type else found

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, type) if cls is GuardedType else super().__instancecheck__(value)

    def __subclasscheck__(cls, value: type) -> bool:
        return issubclass(value, type) if cls is GuardedType else super().__subclasscheck__(value)

    def __getitem__(cls, item: Any) -> Any:
        return type[item]


class GuardedType(type, metaclass=_TypeOfType):
    """What ``type`` is in a file under check: the same, except that it does not tell of symbolic arrays."""
