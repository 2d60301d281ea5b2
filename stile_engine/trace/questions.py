"""What code asks of a symbolic size, where a run would have a number.

A size that stands for many numbers answers every question in one way, and the trace takes that way. The
kernel's own code gets an answer only if it is the same for all sizes; otherwise the trace stops there. A
library's code gets the library's answer, and the question is noted: the sizes at which the answer would be
another one have to be looked at by themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.sizes import Size, SymbolicInteger
from stile_engine.trace.frontend import TraceError
from stile_engine.trace.location import is_user_file, user_site
from stile_engine.trace.reflection import StandIn, stands_in

AS_TEXT = "a symbolic size as text, which is another one at each size"


@dataclass(slots=True)
class Questions:
    """``differing``: pairs of sizes that a library took to be different, and which may be equal; ``unread``: such
    pairs that are not affine. ``stops``: questions of the kernel's own code that differ from size to size, and
    ``asked`` their pairs."""

    differing: list[tuple[Affine, Affine]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    stops: list[TraceError] = field(default_factory=list)
    asked: list[tuple[Affine, Affine]] = field(default_factory=list)

    def stop(self, message: str) -> NoReturn:
        error = TraceError(message, user_site())
        self.stops.append(error)
        raise error

    def differ(self, mine: Size, theirs: Size) -> None:
        pair = (Affine.of(mine), Affine.of(theirs))
        if pair not in self.differing:
            self.differing.append(pair)

    def decided(self, mine: Size, theirs: Size) -> bool:
        """Whether two sizes are equal, for all sizes or for none."""
        try:
            return bool(mine == theirs)
        except UnsupportedError as error:
            self.asked.append((Affine.of(mine), Affine.of(theirs)))
            self.stop(error.message)


@contextmanager
def answering(kind: type, size: Callable[[Any], Size | None], questions: Questions) -> Iterator[None]:
    """Inside, objects of this class answer ``==``, ``!=``, ``bool``, ``hash`` and ``str`` as said above.

    ``size`` reads such an object, or a number, as a size of the engine's; None for everything else.

    A hash table decides nothing: what a library has kept under another key it makes anew. Which keys a table compares
    rests on the bits of hashes, so on addresses and on all that ran before; what it finds unequal is not noted.
    """
    changed = ("__eq__", "__ne__", "__bool__", "__hash__", "__str__", "__repr__", "__format__")
    before = {name: vars(kind).get(name) for name in changed}
    equal: Any = kind.__eq__
    hashed: Any = kind.__hash__
    shown: Any = kind.__str__
    represented: Any = kind.__repr__
    formatted: Any = kind.__format__
    hashed_at: tuple[FrameType, int] | None = None

    def ask(self: Any, other: Any, by_user: bool, asking: FrameType) -> Any:
        found = equal(self, other)
        if found is True or found is NotImplemented:
            return found
        # One instruction that takes a hash before it compares is a look into a table.
        if not by_user and hashed_at is not None and asking is hashed_at[0] and asking.f_lasti == hashed_at[1]:
            return found
        try:
            mine, theirs = size(self), size(other)
        except UnsupportedError as error:
            if by_user:
                questions.stop(f"Python code here asks whether {self} is {other}: {error.message}")
            questions.unread.append(f"{self} == {other}")
            return found
        if mine is None or theirs is None:
            if by_user and mine is not None and hasattr(other, "dtype"):
                questions.stop(f"Python code here compares the symbolic size {self} with an array")
            return found
        if by_user:
            return questions.decided(mine, theirs)
        questions.differ(mine, theirs)
        return found

    def eq(self: Any, other: Any) -> Any:
        return ask(self, other, _by_user(), _asking())

    def ne(self: Any, other: Any) -> Any:
        found = ask(self, other, _by_user(), _asking())
        return found if found is NotImplemented else not found

    def truth(self: Any) -> bool:
        return not ask(self, 0, _by_user(), _asking())

    def hash_(self: Any) -> int:
        nonlocal hashed_at
        if _by_user():
            questions.stop("a symbolic size in a set, as a key or as a static argument, where sizes are told apart")
        asking = _asking()
        hashed_at = asking, asking.f_lasti
        return int(hashed(self))

    def text(self: Any, written: Callable[[Any], str], by_user: bool) -> str:
        if by_user:
            questions.stop(AS_TEXT)
        return written(self)

    def str_(self: Any) -> str:
        return text(self, shown, _by_user())

    def repr_(self: Any) -> str:
        return text(self, represented, _by_user())

    def format_(self: Any, form: str) -> str:
        return text(self, lambda size: str(formatted(size, form)), _by_user())

    for name, function in zip(changed, (eq, ne, truth, hash_, str_, repr_, format_), strict=True):
        setattr(kind, name, function)
    try:
        yield
    finally:
        hashed_at = None
        for name, original in before.items():
            if original is None:
                delattr(kind, name)
            else:
                setattr(kind, name, original)


_OF_KEYS = frozenset({"__eq__", "__ne__", "__hash__"})


def _asking() -> FrameType:
    """Who calls the method that asks this, or who calls the like of a key with the size in it."""
    frame = sys._getframe(2)
    while frame.f_code.co_name in _OF_KEYS and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _by_user() -> bool:
    """Whether the caller of the method that asks this is a line of a user's file."""
    frame: FrameType | None = sys._getframe(2)
    # Methods that were made from a text, as those of dataclasses are, ask for whoever calls them.
    while frame is not None and frame.f_code.co_filename.startswith("<"):
        frame = frame.f_back
    return frame is None or is_user_file(frame.f_code.co_filename)


def _is_instance(size: Any, kinds: Any) -> bool:
    return isinstance(1, kinds) or (isinstance(size, Dim) and isinstance(size, kinds))


def _has(size: Any, name: str) -> bool:
    return hasattr(1, name) or (isinstance(size, Dim) and hasattr(size, name))


AS_A_NUMBER = StandIn(_is_instance, _has)
"""``isinstance`` and ``hasattr`` of a size answer as of the number that it is in a run."""

stands_in(SymbolicInteger, AS_A_NUMBER)
