"""What the text of a TTIR module says: functions of operations on values, with the places they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stile_engine.errors import StileError

Attribute: TypeAlias = "int | float | str | bool | tuple[Attribute, ...] | Mapping[str, Attribute]"


class TtirError(StileError):
    """The text is not TTIR as this version reads it: a newer Triton may print it in another way."""

    code = "unsupported"


@dataclass(frozen=True, slots=True)
class Place:
    """A point of a source file: lines and columns count from 1. ``caller`` is where the function was called
    that the place lies in, ``name`` the variable that the source assigns the value to."""

    path: str
    line: int
    column: int
    name: str | None = None
    caller: Place | None = None

    def chain(self) -> Iterator[Place]:
        """The place itself, then its callers, innermost first."""
        found: Place | None = self
        while found is not None:
            yield found
            found = found.caller


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar (no shape), or a block of them. ``element``: ``i32``, ``f32`` …, or ``ptr`` with ``pointee``."""

    shape: tuple[int, ...]
    element: str
    pointee: str | None = None

    @property
    def is_pointer(self) -> bool:
        return self.element == "ptr"

    @property
    def pointed(self) -> Type:
        """What such a pointer points to; any other type itself. The printed type of a load is that of its pointers."""
        return Type(self.shape, self.pointee) if self.pointee is not None else self

    @property
    def is_float(self) -> bool:
        return self.element.startswith(("f", "bf", "tf"))

    @property
    def is_integer(self) -> bool:
        return self.element == "index" or self.element.lstrip("su").startswith("i")

    @property
    def width(self) -> int:
        """Bits of an integer."""
        return 64 if self.element == "index" else int(self.element.lstrip("sui"))

    def __str__(self) -> str:
        inner = f"!tt.ptr<{self.pointee}>" if self.is_pointer else self.element
        return f"tensor<{'x'.join([*map(str, self.shape), inner])}>" if self.shape else inner


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a function or of a block."""

    name: str
    type: Type
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Successor:
    label: str
    operands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    label: str | None
    parameters: tuple[Parameter, ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Region:
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``results`` are the names of its values, one for each (``%acc#0``, ``%acc#1`` …).

    ``words`` are the flags that stand without a key, such as ``slt`` of a comparison; what has a key is in
    ``attributes``. Of a loop the operands are its bounds, its step, and what it carries at the start.
    """

    name: str
    results: tuple[str, ...]
    operands: tuple[str, ...]
    words: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    operand_types: tuple[Type, ...]
    result_types: tuple[Type, ...]
    regions: tuple[Region, ...]
    successors: tuple[Successor, ...]
    place: Place | None


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    parameters: tuple[Parameter, ...]
    body: Region
    place: Place | None


@dataclass(frozen=True, slots=True)
class Module:
    functions: tuple[Function, ...]
