"""From the places that TTIR names, a line and a column, to whole expressions of the source."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache

from stile_engine.trace.location import Site
from stile_engine.triton.ttir.tree import Operation, Place


class Sites:
    """Places in the file under check. What stands in a library belongs to the call that leads there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[tuple[int, int], Site] = {}
        self._starts: dict[tuple[int, int], ast.AST] | None = None

    def of(self, operation: Operation) -> Site | None:
        if operation.place is None:
            return None
        place = next((p for p in operation.place.chain() if p.path == self._path), None)
        return None if place is None else self._site(place)

    def _site(self, place: Place) -> Site:
        key = (place.line, place.column - 1)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._expression(*key)
        return found

    def _expression(self, line: int, column: int) -> Site:
        """The widest expression that starts at the place; TTIR names only where it starts."""
        node = self._nodes().get((line, column))
        if node is None:
            return Site(self._path, line, line, column, column + 1)
        end_line = getattr(node, "end_lineno", None) or line
        return Site(self._path, line, end_line, column, int(getattr(node, "end_col_offset", column) or column))

    def _nodes(self) -> dict[tuple[int, int], ast.AST]:
        if self._starts is None:
            self._starts = _starts("".join(linecache.getlines(self._path)))
        return self._starts


@lru_cache(maxsize=8)
def _starts(source: str) -> dict[tuple[int, int], ast.AST]:
    """The widest expression or statement that starts at each place of a text."""
    found: dict[tuple[int, int], ast.AST] = {}
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt) and not isinstance(node, ast.Expr):
            # Walked from the outside in: the first one that starts here is the widest.
            found.setdefault((node.lineno, node.col_offset), node)
    return found
