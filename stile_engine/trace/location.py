"""Where in the user's file an operation stands, to the column.

The frame that called into this package or a framework knows its own bytecode offset, and since
Python 3.11 every offset has a source range. This is the only place that reads frames.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

_ENGINE = str(Path(__file__).resolve().parent.parent) + "/"
_LIBRARY = tuple({str(Path(sysconfig.get_paths()[key]).resolve()) + "/" for key in ("stdlib", "purelib", "platlib")})


@dataclass(frozen=True, slots=True)
class Site:
    """A source range: lines from 1, columns in UTF-8 bytes from 0, end exclusive (as ``ast`` has them)."""

    path: str
    lineno: int
    end_lineno: int
    col: int
    end_col: int

    def __str__(self) -> str:
        return f"{Path(self.path).name}:{self.lineno}"


_positions: dict[int, tuple[CodeType, list[tuple[int | None, int | None, int | None, int | None]]]] = {}


def user_site() -> Site | None:
    """The innermost expression under evaluation in a file of the user, or None outside of any."""
    return next(user_sites(), None)


def user_sites() -> Iterator[Site]:
    """The calls that lead here through files of the user, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not _is_foreign(code.co_filename):
            yield site_of_frame(code, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back


def places_in(path: str) -> tuple[Site | None, Site | None]:
    """The innermost expression under evaluation in this file of the user, and where evaluation has come to if that
    is in another of his files, in a function that is called from there. In no file of that path the latter is None."""
    inner: Site | None = None
    for site in user_sites():
        if site.path == path:
            return site, inner
        inner = inner or site
    return inner, None


def direct_site(*between: str) -> Site | None:
    """The user's expression that called this package itself, or through files that end in one of ``between``;
    None where a library did."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_ENGINE) and not code.co_filename.endswith(between):
            return None if _is_foreign(code.co_filename) else site_of_frame(code, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    return None


def is_user_file(filename: str) -> bool:
    """Whether code of this file is the user's own: neither this package nor an installed library."""
    return not _is_foreign(filename)


# Without a limit: a framework alone has thousands of files, and all of them are asked about at every check.
@cache
def _is_foreign(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return True
    resolved = str(Path(filename).resolve()) if not filename.startswith("<") else filename
    return resolved.startswith(_ENGINE) or resolved.startswith(_LIBRARY)


def site_of_frame(code: CodeType, offset: int, line: int | None) -> Site:
    # Keyed by identity: hashing a code object walks all of its constants. The entry keeps the object alive.
    known = _positions.get(id(code))
    if known is None:
        known = _positions[id(code)] = (code, list(code.co_positions()))
    start, end, column, end_column = known[1][offset // 2]
    if start is None:
        start = line or code.co_firstlineno
    if end is None or column is None or end_column is None:
        return Site(code.co_filename, start, start, 0, 0)
    return Site(code.co_filename, start, end, column, end_column)
