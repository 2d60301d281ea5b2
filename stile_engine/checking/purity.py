"""Whether a kernel leaves something behind that its next call would see.

A trace is one call. What it shows holds for every call only if the kernel changes no global, no captured
value, no default and nothing of a module, and draws no random numbers.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, TypeAlias

from stile_engine.checking.backend import undecorated
from stile_engine.trace.bytecode import codes, instructions
from stile_engine.trace.location import is_user_file

State: TypeAlias = Mapping[str, Any]

_SOURCES = frozenset("time datetime random secrets uuid".split())

_REBINDING_GLOBALS = ("STORE_GLOBAL", "DELETE_GLOBAL")
_REBINDING = (*_REBINDING_GLOBALS, "STORE_DEREF", "DELETE_DEREF")

_DEPTH = 16
_ITEMS = 20_000
_BYTES = 1 << 26


def state_of(function: Any, functions: Sequence[FunctionType]) -> State:
    """What the kernel and its helper ``functions`` can reach and change, by the words that describe it."""
    freeze = _Freezer()
    found: dict[str, Any] = {"the state of a random generator": _generators()}
    owner = getattr(function, "__self__", None)
    if owner is not None:
        found["the object of the method"] = freeze(owner)
    for inner in functions:
        for name, value in _reachable(inner):
            for label, part in _with_attributes(name, value, inner):
                # two files may use one name for different things
                found[label if label not in found else f"{label} in {inner.__qualname__}"] = freeze(part)
    return found


def impurity(function: Any, before: State) -> str | None:
    """Why a call after that state may differ from the next one with the same inputs; None where it does not."""
    functions = list(functions_of(function))  # after the call: it may have changed what is reached
    source = foreign_source(functions)
    if source is not None:
        return f"the kernel uses {source}, so it may be no function of its inputs alone"
    change = rebound_name(functions) or changed(before, state_of(function, functions))
    if change is not None:
        return f"the kernel changes {change}, which its next call sees: it is no function of its inputs alone"
    return None


def changed(before: State, after: State) -> str | None:
    """The first thing that is not what it was."""
    return next((name for name, value in before.items() if name not in after or after[name] != value), None)


def rebound_name(functions: Sequence[FunctionType]) -> str | None:
    """A global or captured name that one of the functions assigns."""
    for inner in functions:
        free = set(inner.__code__.co_freevars)
        for instruction in instructions(inner.__code__, _REBINDING if free else _REBINDING_GLOBALS):
            stores = instruction.opname in _REBINDING_GLOBALS
            if stores or instruction.argval in free:
                return f"the {'global' if stores else 'captured'} {instruction.argval}"
    return None


def foreign_source(functions: Sequence[FunctionType]) -> str | None:
    """A module of clocks or chance that one of the functions uses."""
    for inner in functions:
        used = {value.__name__ if isinstance(value, ModuleType) else value.__module__ for value in _sources(inner)}
        used |= {i.argval for i in instructions(inner.__code__, ("IMPORT_NAME",))}
        for name in sorted(used & _SOURCES):
            return name
    return None


def _sources(function: FunctionType) -> Iterator[Any]:
    for _, value in _reachable(function):
        if isinstance(value, ModuleType) or (callable(value) and isinstance(getattr(value, "__module__", None), str)):
            yield value


def functions_of(target: Any) -> Iterator[FunctionType]:
    """The kernel and all functions of the user's files that it can reach by name, methods and those of modules too."""
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
            for name, value in _reachable(function):
                waiting += [part for _, part in _with_attributes(name, value, function)]
                waiting += _methods(value, function)


def _with_attributes(name: str, value: Any, function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The value; of a module also what has a name there that the function mentions."""
    yield name, value
    if isinstance(value, ModuleType):
        known = vars(value)
        for attribute in sorted(_names(function) & known.keys()):
            if not isinstance(known[attribute], ModuleType):
                yield f"{name}.{attribute}", known[attribute]


Attributes: TypeAlias = tuple[tuple[ModuleType, str, Any], ...]


def attributes_of_libraries(functions: Sequence[FunctionType]) -> Attributes:
    """What the functions may set in modules that are not run again for the next kernel."""
    return tuple(
        (value, attribute, vars(value)[attribute])
        for inner in functions
        for _, value in _reachable(inner)
        if isinstance(value, ModuleType)
        for attribute in sorted(_names(inner) & vars(value).keys())
    )


def put_back(attributes: Attributes) -> None:
    for module, name, value in attributes:
        if vars(module).get(name) is not value:
            setattr(module, name, value)


def _methods(value: Any, function: FunctionType) -> list[Any]:
    """The methods that the function mentions, and the special ones, of a user's class or of an object of it."""
    kind = value if isinstance(value, type) else type(value)
    if not _is_users(kind):
        return []
    names = _names(function)
    found = [v for base in kind.__mro__ for n, v in vars(base).items() if n in names or n.startswith("__")]
    return [part for v in found for part in (getattr(v, "__func__", v), getattr(v, "fget", None)) if part is not None]


def _reachable(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name in sorted(_names(function) & function.__globals__.keys()):
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


def _names(function: FunctionType) -> set[str]:
    """The names that the function mentions, those in texts included, as ``setattr`` takes them."""
    parts = list(codes(function.__code__))
    texts = {text for code in parts for text in code.co_consts if isinstance(text, str)}
    return texts.union(*(code.co_names for code in parts))


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """Equal to itself alone. The object is held, so that no other one gets its address."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class _Passing:
    """What an iterator will give next cannot be asked without taking it: equal to nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


@dataclass(slots=True)
class _Freezer:
    """Makes copies that later changes of a value do not reach; of what is too large or too deep only the identity."""

    left: int = _ITEMS
    """How many parts may still be looked at."""

    known: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    """What was frozen, by its address, with the object itself."""

    def __call__(self, value: Any, depth: int = _DEPTH) -> Any:
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return (type(value), repr(value))
        if id(value) in self.known:
            return self.known[id(value)][1]
        self.known[id(value)] = value, _Same(value)  # for what contains itself
        frozen = self._frozen(value, depth - 1) if depth and self.left > 0 else _Same(value)
        self.known[id(value)] = value, frozen
        return frozen

    def _frozen(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if isinstance(value, FunctionType):
            return (_Same(value), _Same(value.__code__), self._all(vars(value), depth))
        if isinstance(value, (ModuleType, MethodType)) or kind.__module__.partition(".")[0] in ("jax", "jaxlib"):
            return _Same(value)
        if isinstance(value, type):
            return (_Same(value), self._all(vars(value), depth)) if _is_users(value) else _Same(value)
        if kind.__module__ in ("builtins", "itertools") and hasattr(kind, "__next__"):
            return _Passing()
        if hasattr(kind, "bit_generator"):
            return repr(value.bit_generator.state)
        if hasattr(kind, "tobytes"):
            size = memoryview(value).nbytes if not hasattr(kind, "nbytes") else value.nbytes
            return (_Same(value), value.tobytes() if size <= _BYTES else None)
        if isinstance(value, bytearray):
            return (_Same(value), bytes(value))
        parts: list[Any] = []
        if isinstance(value, dict):
            parts.append(self._all(value, depth))
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            parts.append(self._each(list(value), depth))
        if _is_users(kind) or isinstance(value, SimpleNamespace):
            own = getattr(value, "__dict__", None)
            parts.append(self._all(own, depth) if isinstance(own, dict) else None)
            slots = [v for base in kind.__mro__ for v in vars(base).values() if type(v).__name__ == "member_descriptor"]
            parts += [self(slot.__get__(value), depth) for slot in slots if _is_set(slot, value)]
        return (_Same(value), *parts)

    def _all(self, pairs: Mapping[Any, Any], depth: int) -> Any:
        return self._each([part for pair in pairs.items() for part in pair], depth)

    def _each(self, parts: list[Any], depth: int) -> Any:
        self.left -= len(parts)
        return tuple(self(part, depth) for part in parts) if self.left > 0 else len(parts)


def _is_set(slot: Any, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True


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
