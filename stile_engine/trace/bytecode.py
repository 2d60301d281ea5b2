"""What the bytecode of a function does by itself, without what it calls."""

from __future__ import annotations

import dis
from collections.abc import Collection, Iterator
from types import CodeType


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions and classes defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def instructions(code: CodeType, names: Collection[str]) -> Iterator[dis.Instruction]:
    """The instructions of these names, in the code and in all that is defined inside it."""
    for part in codes(code):
        yield from own_instructions(part, names)


def own_instructions(code: CodeType, names: Collection[str]) -> Iterator[dis.Instruction]:
    """The same, without what is defined inside."""
    # Instructions are two bytes, the first of which tells them apart: most codes have none of those asked for, and to
    # spell out all the others takes long.
    present = code.co_code[::2]
    if any(dis.opmap[name] in present for name in names if name in dis.opmap):
        yield from (i for i in dis.get_instructions(code) if i.opname in names)
