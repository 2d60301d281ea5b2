"""Whether two traces of a kernel computed the same: a digest of expressions as written, and of what they share."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any

_GENERATED = re.compile(r"\$[a-z]+\d+")
_PLACES = frozenset({"axes", "site", "location", "span"})
"""Fields that say nothing of what is computed, or follow from the others."""

MOST_PARTS = 200_000


def digest_of(values: Iterable[Any]) -> str:
    """The same for two traces with the same operations on the same inputs; empty where there are too many parts.

    Names that were made up on the way count only by where they stand.
    """
    found = hashlib.blake2b(digest_size=16)
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    kept: list[Any] = []
    waiting: list[Any] = list(values)
    for value in waiting:
        numbers.setdefault(id(value), len(numbers))

    def reference(part: Any) -> str:
        if part is None or isinstance(part, (bool, int, float, Enum)):
            return repr(part)
        if isinstance(part, str):
            if _GENERATED.fullmatch(part):
                return names.setdefault(part, f"#{len(names)}")
            return repr(part)
        number = numbers.get(id(part))
        if number is None:
            number = numbers[id(part)] = len(numbers)
            waiting.append(part)
        return f"@{number}"

    position = 0
    while position < len(waiting):
        if position > MOST_PARTS:
            return ""
        value = waiting[position]
        kept.append(value)  # an identity must not be given to another object meanwhile
        position += 1
        found.update(_line(value, reference).encode("utf-8", "replace"))
    return found.hexdigest()


def _line(value: Any, reference: Any) -> str:
    kind: Any = type(value)
    parts: Iterable[str]
    if dataclasses.is_dataclass(value):
        parts = (reference(getattr(value, name)) for name in _fields(kind))
    elif isinstance(value, (tuple, list)):
        parts = (reference(part) for part in value)
    elif isinstance(value, dict):
        parts = (reference(part) for pair in value.items() for part in pair)
    elif isinstance(value, (set, frozenset)):
        parts = sorted(map(repr, value))
    else:
        parts = [repr(value)]
    return f"{kind.__qualname__}({','.join(parts)})\n"


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind) if f.name not in _PLACES)
