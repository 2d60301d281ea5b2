"""Whether code of the user could catch an exception that only a trace raises.

Simply run, such an exception does not exist, and the code after its handler is not what happens.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import CodeType, FunctionType

from stile_engine.trace.location import Site, user_sites
from stile_engine.trace.source_map import every_statement


def may_be_caught() -> bool:
    """Whether a ``try`` with handlers is open in a file of the user around the call under way."""
    return any(_inside_try(site) for site in user_sites())


def _inside_try(site: Site) -> bool:
    source = "".join(linecache.getlines(site.path))
    return not source or any(low <= site.lineno <= high for low, high in _guarded(source))


def handles_exceptions(function: FunctionType) -> bool:
    """Whether the text of a function has a ``try`` with handlers."""
    source = "".join(linecache.getlines(function.__code__.co_filename))
    lines = _lines(function.__code__)
    return not source or any(not lines.isdisjoint(range(low, high + 1)) for low, high in _guarded(source, True))


def _lines(code: CodeType) -> set[int]:
    found = {line for _, _, line in code.co_lines() if line is not None}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _lines(constant)
    return found


@lru_cache(maxsize=16)
def _guarded(source: str, handlers_only: bool = False) -> tuple[tuple[int, int], ...]:
    """The lines, first and last, of the bodies of ``try`` statements, and of ``with``, which may suppress."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # A text with broken parts runs in pieces; any line of it may be guarded.
        return ((1, len(source) + 1),)
    found: list[tuple[int, int]] = []
    for node in every_statement(tree):
        if (isinstance(node, (ast.With, ast.AsyncWith)) and not handlers_only) or (
            isinstance(node, (ast.Try, ast.TryStar)) and node.handlers
        ):
            last = node.body[-1]
            found.append((node.lineno, last.end_lineno or last.lineno))
    return tuple(found)
