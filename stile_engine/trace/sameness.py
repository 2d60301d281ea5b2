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

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.term.comparison import Difference

_GENERATED = re.compile(r"\$[a-z]+\d+|@sign\(\d+\)")
"""Names by a counter: of index variables, and of comparisons of values."""

_MARKS = ("$", data.MARK)
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

    def made_up(name: re.Match[str]) -> str:
        if name[0] not in names:
            names[name[0]] = f"#{len(names)}"
            match data.known(name[0]):
                case Difference(left=left, right=right, mapping=mapping):
                    compared = (left, right, mapping)
                    numbers[id(compared)] = len(numbers)
                    waiting.append(compared)
        return names[name[0]]

    for value in waiting:
        numbers.setdefault(id(value), len(numbers))
    for position, value in enumerate(waiting):  # which grows on the way
        if position > MOST_PARTS:
            return ""
        kind: Any = type(value)
        inner = _parts(value, kind)
        if inner is None:
            own = sorted(value, key=_in_order) if isinstance(value, (set, frozenset)) else [value]
            parts = [_GENERATED.sub(made_up, repr(one)) for one in own]
        else:
            parts = []
            for part in inner:
                of_part = type(part)
                if of_part is str:
                    parts.append(_GENERATED.sub(made_up, repr(part)) if part[:1] in _MARKS else repr(part))
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
    if kind is Affine:
        return (value.constant, *chain.from_iterable(sorted(value.terms, key=_in_order)))
    fields = _fields(kind)
    if fields is not None:
        return [getattr(value, name) for name in fields]
    if isinstance(value, (tuple, list)):
        return value
    return chain.from_iterable(value.items()) if isinstance(value, dict) else None


def _in_order(value: Any) -> tuple[int, str]:
    """Names that are made later come later, whatever their numbers: ``$r9`` before ``$r10``."""
    text = str(value[0] if isinstance(value, tuple) else value)
    return len(text), text


@cache
def _fields(kind: Any) -> tuple[str, ...] | None:
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(f.name for f in dataclasses.fields(kind) if f.name not in _PLACES)
