"""Names of bound variables, and digests that do not depend on them.

A digest orders terms and sets by their structure. Choices that the laws leave open are made by it, so it
must not change when a bound variable gets another name: it begins with a hash in which every bound variable
is anonymous, and which of them stands where comes only after that, as the names themselves. They are
written so that their text sorts as their numbers do: a renaming that keeps the order of the bound variables
changes the outcome of no comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

_BOUND, _FRESH = "%", "&"
_HASH = 24
_MOST_NAMES = 8
_WIDTH = 11


@lru_cache(maxsize=1024)
def bound_names(number: int, count: int) -> tuple[str, ...]:
    """The names that a finished binder of this number gives its variables."""
    return tuple(f"{_BOUND}{number:04d}_{i:02d}" for i in range(count))


def fresh_name(number: int) -> str:
    """A name for a variable that is bound further out, or about to be; it never stays in a finished term."""
    return f"{_FRESH}{number:07d}"


def is_bound(name: str) -> bool:
    """Whether the variable is, or is about to be, bound by a sum or a maximum."""
    return name[0] in "%&"


def is_finished(name: str) -> bool:
    """Whether a finished binder gave the name."""
    return name.startswith(_BOUND)


def binder_number(bound: tuple[str, ...]) -> int:
    """The number h in the names of bound variables; 0 for none."""
    return int(bound[0][1:].partition("_")[0]) if bound else 0


def combined(text: str, parts: Iterable[str], names: Iterable[str] = ()) -> str:
    """The digest of something that is made of parts, in this order, and of bound variables. The text tells
    all else about it; ``parts`` are digests."""
    shapes = [text]
    own = "".join([f"{n:<{_WIDTH}}" for n in names])
    for part in parts:
        shapes.append(part[:_HASH])
        own += part[_HASH:]
    if len(own) > _MOST_NAMES * _WIDTH:
        own = own[: _MOST_NAMES * _WIDTH] + _hash(own)
    return _hash("\x1f".join(shapes)) + own


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=_HASH // 2).hexdigest()
