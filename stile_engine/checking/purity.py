"""Whether a kernel leaves something behind that its next call would see.

A trace is one call. What it shows holds for every call only if the kernel changes no global, no captured
value and no default, and draws no random numbers.
"""

from __future__ import annotations

import dis
import random
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

from stile_engine.checking.backend import undecorated
from stile_engine.trace.location import is_user_file

State: TypeAlias = Mapping[str, Any]

_SOURCES = frozenset("time datetime random secrets uuid".split())

_DEPTH = 4
_ITEMS = 1000
_BYTES = 1 << 16


def state_of(function: Any) -> State:
    """What the kernel and its helper functions can reach and change, by the words that describe it."""
    found: dict[str, Any] = {"the state of a random generator": _generators()}
    owner = getattr(function, "__self__", None)
    if owner is not None:
        found["the object of the method"] = _frozen(owner, _DEPTH)
    for inner in functions_of(function):
        for name, value in _reachable(inner):
            found[name] = _frozen(value, _DEPTH)
    return found


def impurity(function: Any, before: State) -> str | None:
    """Why a call after that state may differ from the next one with the same inputs; None where it does not."""
    source = foreign_source(function)
    if source is not None:
        return f"the kernel uses {source}, so it may be no function of its inputs alone"
    change = rebound_name(function) or changed(before, state_of(function))
    if change is not None:
        return f"the kernel changes {change}, which its next call sees: it is no function of its inputs alone"
    return None


def changed(before: State, after: State) -> str | None:
    """The first thing that is not what it was."""
    return next((name for name, value in before.items() if name in after and after[name] != value), None)


def rebound_name(function: Any) -> str | None:
    """A global or captured name that the kernel or a helper function assigns."""
    for inner in functions_of(function):
        free = set(inner.__code__.co_freevars)
        for code in _codes(inner.__code__):
            for instruction in dis.get_instructions(code):
                stores = instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
                if stores or (instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and instruction.argval in free):
                    return f"the {'global' if stores else 'captured'} {instruction.argval}"
    return None


def foreign_source(function: Any) -> str | None:
    """A module of clocks or chance that the kernel or a helper function uses."""
    for inner in functions_of(function):
        used = {value.__name__ if isinstance(value, ModuleType) else value.__module__ for value in _sources(inner)}
        used |= {i.argval for code in _codes(inner.__code__) for i in dis.get_instructions(code) if _imports(i)}
        for name in sorted(used & _SOURCES):
            return name
    return None


def _sources(function: FunctionType) -> Iterator[Any]:
    for _, value in _reachable(function):
        if isinstance(value, ModuleType) or (callable(value) and isinstance(getattr(value, "__module__", None), str)):
            yield value


def _imports(instruction: dis.Instruction) -> bool:
    return instruction.opname == "IMPORT_NAME"


def functions_of(target: Any) -> Iterator[FunctionType]:
    """The kernel and all functions of the user's files that it can reach by name."""
    waiting, seen = [target], set()
    while waiting:
        function = undecorated(waiting.pop())
        if isinstance(function, MethodType):
            function = function.__func__
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        if is_user_file(function.__code__.co_filename):
            yield function
            waiting += [value for _, value in _reachable(function)]


def _reachable(function: FunctionType) -> Iterator[tuple[str, Any]]:
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    for name in sorted(names & function.__globals__.keys()):
        yield f"the global {name}", function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"the captured {name}", cell.cell_contents
        except ValueError:
            continue
    defaults = function.__defaults__ or ()
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    yield from zip((f"the default of {a}" for a in arguments[len(arguments) - len(defaults) :]), defaults, strict=True)
    yield from ((f"the default of {a}", value) for a, value in (function.__kwdefaults__ or {}).items())


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _frozen(value: Any, depth: int) -> Any:
    """A copy that later changes of the value do not reach; of what is too large or too deep only the identity."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return (type(value), repr(value))
    if depth and isinstance(value, (list, tuple, set, frozenset, dict)) and len(value) <= _ITEMS:
        items = [item for pair in value.items() for item in pair] if isinstance(value, dict) else list(value)
        return (id(value), tuple(_frozen(item, depth - 1) for item in items))
    if isinstance(value, (ModuleType, FunctionType, MethodType)):
        return id(value)
    if isinstance(value, type):
        own: Any = {n: v for n, v in vars(value).items() if not callable(v) and not n.startswith("__")}
        return (id(value), _frozen(own, depth - 1)[1]) if depth and _is_users(value) else id(value)
    if hasattr(type(value), "tobytes") and hasattr(type(value), "nbytes"):
        return (id(value), value.tobytes() if value.nbytes <= _BYTES else None)
    if hasattr(type(value), "bit_generator"):
        return repr(value.bit_generator.state)
    own = getattr(value, "__dict__", None)
    if depth and isinstance(own, dict) and _is_users(type(value)):
        return (id(value), _frozen(own, depth - 1))
    return id(value)


def _is_users(kind: type) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return isinstance(file, str) and is_user_file(file)


def _generators() -> Any:
    """The states of the generators that need no object; NumPy's only where NumPy is there."""
    numbers = sys.modules.get("numpy.random")
    if numbers is None:
        return random.getstate()
    state = numbers.get_state(legacy=False)["state"]
    return random.getstate(), state["key"].tobytes(), state["pos"]
