"""Whether two traces of a kernel computed the same: a digest of expressions as written, and of what they share."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from enum import Enum
from functools import cache
from itertools import chain
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
    # All that has a number is in here, and stays: an identity must not be given to another object meanwhile.
    waiting: list[Any] = list(values)
    for value in waiting:
        numbers.setdefault(id(value), len(numbers))
    for position, value in enumerate(waiting):  # which grows on the way
        if position > MOST_PARTS:
            return ""
        kind: Any = type(value)
        inner = _parts(value, kind)
        if inner is None:
            parts = sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else [repr(value)]
        else:
            parts = []
            for part in inner:
                of_part = type(part)
                if of_part is str:
                    made_up = part[:1] == "$" and _GENERATED.fullmatch(part)
                    parts.append(names.setdefault(part, f"#{len(names)}") if made_up else repr(part))
                elif of_part is int or part is None or isinstance(part, (bool, int, float, Enum)):
                    parts.append(repr(part))
                else:
                    number = numbers.get(id(part))
                    if number is None:
                        number = numbers[id(part)] = len(numbers)
                        waiting.append(part)
                    parts.append(f"@{number}")
        found.update(f"{kind.__qualname__}({','.join(parts)})\n".encode("utf-8", "replace"))
    return found.hexdigest()


def _parts(value: Any, kind: Any) -> Iterable[Any] | None:
    """What a value is made of; None where its text says all of it."""
    fields = _fields(kind)
    if fields is not None:
        return [getattr(value, name) for name in fields]
    if isinstance(value, (tuple, list)):
        return value
    return chain.from_iterable(value.items()) if isinstance(value, dict) else None


@cache
def _fields(kind: Any) -> tuple[str, ...] | None:
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(f.name for f in dataclasses.fields(kind) if f.name not in _PLACES)
