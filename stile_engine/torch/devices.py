"""Code that asks which device its tensors lie on: a trace knows one answer, and a run may have another."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from stile_engine.trace.bytecode import codes
from stile_engine.trace.frontend import TraceError
from stile_engine.trace.location import is_user_file, site_of_frame

_COMPARISONS: Final = frozenset({"COMPARE_OP", "CONTAINS_OP", "IS_OP"})
_NEAR = 8
"""Instructions between the device and what it is compared with."""


def refuse_device_questions(function: Any) -> None:
    """Raise ``TraceError`` where the kernel or a helper function compares a device with a fixed one.

    That all tensors are on one device may be asserted: it is so in every run that goes on.
    """
    for code in _codes(function):
        if "device" not in code.co_names:
            continue
        found = list(dis.get_instructions(code))
        for position, instruction in enumerate(found):
            if instruction.opname == "LOAD_ATTR" and instruction.argval == "device":
                rest = found[position + 1 : position + _NEAR]
                compared = next((k for k, i in enumerate(rest) if i.opname in _COMPARISONS), None)
                among = rest[: compared or 0]
                if compared is None or any(i.opname.startswith(("STORE", "POP_JUMP", "RETURN")) for i in among):
                    continue
                before = found[max(position - _NEAR, 0) : position]
                if any(i.opname == "LOAD_ATTR" and i.argval == "device" for i in (*before, *among)):
                    continue
                raise TraceError(
                    "the device of a tensor may be another one when the kernel runs than while it is traced",
                    site_of_frame(code, instruction.offset, None),
                )


def _codes(target: Any) -> Iterator[CodeType]:
    """The code of the kernel and of all functions of the user's files that it reaches by name."""
    waiting, seen = [target], set()
    while waiting:
        found = waiting.pop()
        function = inspect.unwrap(found.__func__ if isinstance(found, MethodType) else found)
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        if is_user_file(function.__code__.co_filename):
            yield from codes(function.__code__)
            reached = inspect.getclosurevars(function)
            waiting += [v for v in (*reached.nonlocals.values(), *reached.globals.values()) if callable(v)]
