"""Whether code of the user could catch an exception that only a trace raises.

Simply run, such an exception does not exist, and the code after its handler is not what happens.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache

from stile_engine.trace.location import Site, user_sites


def may_be_caught() -> bool:
    """Whether a ``try`` with handlers is open in a file of the user around the call under way."""
    return any(_inside_try(site) for site in user_sites())


def _inside_try(site: Site) -> bool:
    source = "".join(linecache.getlines(site.path))
    return not source or any(low <= site.lineno <= high for low, high in _guarded(source))


@lru_cache(maxsize=16)
def _guarded(source: str) -> tuple[tuple[int, int], ...]:
    """The lines, first and last, of the bodies of ``try`` statements, and of ``with``, which may suppress."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # A text with broken parts runs in pieces; any line of it may be guarded.
        return ((1, len(source) + 1),)
    found: list[tuple[int, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.With, ast.AsyncWith)) or (isinstance(node, (ast.Try, ast.TryStar)) and node.handlers):
            last = node.body[-1]
            found.append((node.lineno, last.end_lineno or last.lineno))
    return tuple(found)
