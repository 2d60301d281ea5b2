"""From the places that TTIR names, a line and a column, to whole expressions of the source.

A place of TTIR is where an expression starts, and several may start there: ``a``, ``a * b``, ``a * b + c``. Before
the compiler reads a function their columns are marked with a rank, from the widest on, and read back here.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from stile_engine.trace.location import Site, is_user_file
from stile_engine.trace.source_map import every_statement, site_of
from stile_engine.triton.ttir.tree import Function, Operation, Place

_RANK = 1 << 16
"""A column is ``rank * _RANK + column``; lines are shorter."""

Start = tuple[int, int]
Extent = tuple[int, int, int, int]


@dataclass(frozen=True)
class Generated:
    """A text that was made from another one: at each place of it the nodes that start there, which have the places
    that they come from in the file ``path``."""

    path: str
    starts: Mapping[Start, list[ast.AST]]

    @staticmethod
    def of(path: str, text: str, tree: ast.AST) -> Generated:
        """``text`` is ``tree`` as it is printed."""
        printed = ast.parse(text).body[0]
        origin = dict(zip(map(id, ast.walk(printed)), ast.walk(tree), strict=True))
        return Generated(path, {s: [origin[id(n)] for n in nodes] for s, nodes in _starts(printed).items()})


_generated: dict[str, Generated] = {}


def remember(name: str, generated: Generated) -> None:
    """From now on places in a text of that name are those that it was made from."""
    _generated[name] = generated


def original(path: str, line: int, column: int) -> Site | None:
    """Where something in a made text comes from; None for any other text. The column may be ranked."""
    made = _generated.get(path)
    if made is None:
        return None
    plain, rank = unranked(column)
    nodes = made.starts.get((line, plain))
    if not nodes:
        return None
    node = nodes[min(rank, len(nodes) - 1)]
    assert isinstance(node, ast.expr | ast.stmt)
    return site_of(node, made.path)


class Sites:
    """Places in the file under check. What stands in a library belongs to the call that leads there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[tuple[str, int, int], Site] = {}
        self._text: _Text | None = None

    def of(self, operation: Operation) -> Site | None:
        return next(self._chain(operation), None)

    def shown(self, operation: Operation) -> list[Site]:
        """The expressions whose value is what the operation gives: its own, and the calls of functions in the file
        that return just this expression. What the compiler computes on the way (an offset, a constant that it found
        by itself) is the value of none."""
        found: list[Site] = []
        if operation.place is None:
            return found
        for place in operation.place.chain():
            if not self._is_here(place):
                # What a library does is what its call gives; what another file of the user does is not known here.
                if is_user_file(place.path):
                    break
                continue
            node = self._node(place)
            if not isinstance(node, ast.expr | ast.AugAssign) or (
                operation.name == "arith.constant" and not _is_made(node)
            ):
                break
            site = self._site(place)
            found.append(site)
            if (site.lineno, site.col, site.end_lineno, site.end_col) not in self._whole.returned:
                break
        return found

    def library_call(self, operation: Operation) -> str | None:
        """What the source calls where the operation comes out of a library (``tl.sort``); None where it does not."""
        chain = [] if operation.place is None else list(operation.place.chain())
        if not chain or self._is_here(chain[0]) or is_user_file(chain[0].path):
            return None
        place = next((p for p in chain if self._is_here(p)), None)
        node = None if place is None else self._node(place)
        while isinstance(node, ast.Call):
            inner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if not isinstance(inner, ast.Call):
                return ast.unparse(node.func)
            node = inner  # a chain of calls starts where its first one does
        return None

    def arguments(self, function: Function) -> dict[str, Site]:
        """The parameters of the kernel in its signature, by name."""
        node = None if function.place is None else self._node(function.place)
        if not isinstance(node, ast.FunctionDef) or node.name != function.name:
            return {}
        given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        # What a made function has beside its source's parameters stands where the function does.
        start = (node.lineno, node.col_offset)
        return {a.arg: site_of(a, self._path) for a in given if (a.lineno, a.col_offset) != start}

    def target(self, loop: Operation) -> Site | None:
        """The name that a ``for`` gives its rounds."""
        node = self._loop(loop)
        return site_of(node.target, self._path) if node is not None and isinstance(node.target, ast.Name) else None

    def loop(self, loop: Operation) -> tuple[Site, frozenset[str]] | None:
        """A ``for`` as a whole, and the names that its body binds."""
        node = self._loop(loop)
        if node is None:
            return None
        names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        return site_of(node, self._path), frozenset(n.id for n in names)

    def _loop(self, loop: Operation) -> ast.For | None:
        place = None if loop.place is None else next((p for p in loop.place.chain() if self._is_here(p)), None)
        node = None if place is None else self._node(place)
        return node if isinstance(node, ast.For) else None

    def _chain(self, operation: Operation) -> Iterator[Site]:
        if operation.place is not None:
            for place in operation.place.chain():
                if self._is_here(place):
                    yield self._site(place)

    def _is_here(self, place: Place) -> bool:
        made = _generated.get(place.path)
        return (place.path if made is None else made.path) == self._path

    def _site(self, place: Place) -> Site:
        key = (place.path, place.line, place.column)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._expression(place)
        return found

    def _expression(self, place: Place) -> Site:
        line, column = place.line, unranked(place.column - 1)[0]
        node = self._node(place)
        if not isinstance(node, ast.expr | ast.stmt):
            return Site(self._path, line, line, column, column + 1)
        last = _header_end(node) or node
        end = site_of(last, self._path)
        return Site(self._path, node.lineno, end.end_lineno, node.col_offset, end.end_col)

    def _node(self, place: Place) -> ast.AST | None:
        """The expression or statement that is meant."""
        column, rank = unranked(place.column - 1)
        made = _generated.get(place.path)
        nodes = (self._whole.starts(place.line) if made is None else made.starts).get((place.line, column))
        return nodes[min(rank, len(nodes) - 1)] if nodes else None

    @property
    def _whole(self) -> _Text:
        if self._text is None:
            self._text = _read("".join(linecache.getlines(self._path)))
        return self._text


def unranked(column: int) -> tuple[int, int]:
    """The column that the source has, and the rank of the expression among those that start there."""
    return column % _RANK, column // _RANK


def ranked(tree: ast.AST) -> ast.AST:
    """The tree with ranks in its columns."""
    for nodes in _starts(tree).values():
        for rank, node in enumerate(nodes):
            node.col_offset += rank * _RANK  # type: ignore[attr-defined]
    return tree


_MAKERS = frozenset({"zeros", "full", "zeros_like", "full_like"})


def _is_made(node: ast.AST) -> bool:
    """Whether an expression is there to make a constant block."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in _MAKERS
    return False


def _header_end(node: ast.AST) -> ast.expr | None:
    """Of a statement that holds statements the line that it begins with is meant."""
    match node:
        case ast.For(iter=end) | ast.If(test=end) | ast.While(test=end):
            return end
    return None


def _starts(tree: ast.AST) -> dict[Start, list[ast.AST]]:
    """The expressions and statements that start at each place, the widest first."""
    found: dict[Start, list[ast.AST]] = {}
    for node in ast.walk(tree):
        # Walked from the outside in.
        if isinstance(node, ast.expr | ast.stmt) and not isinstance(node, ast.Expr):
            found.setdefault((node.lineno, node.col_offset), []).append(node)
    return found


class _Text:
    """The nodes of a text, by where they start. A file may have many kernels: only statements that are asked for are
    gone through."""

    def __init__(self, statements: Sequence[ast.stmt]) -> None:
        self._statements = statements
        self._known: dict[ast.stmt, dict[Start, list[ast.AST]]] = {}

    @cached_property
    def returned(self) -> frozenset[Extent]:
        """Where the expressions stand that functions return."""
        values = (n.value for n in every_statement(*self._statements) if isinstance(n, ast.Return) and n.value)
        return frozenset((n.lineno, n.col_offset, n.end_lineno or n.lineno, n.end_col_offset or 0) for n in values)

    def starts(self, line: int) -> Mapping[Start, list[ast.AST]]:
        """Those of the statement of the text that the line belongs to."""
        own = next((s for s in self._statements if _first_line(s) <= line <= (s.end_lineno or s.lineno)), None)
        if own is None:
            return {}
        found = self._known.get(own)
        if found is None:
            found = self._known[own] = _starts(own)
        return found


def _first_line(statement: ast.stmt) -> int:
    decorators: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    return min((d.lineno for d in decorators), default=statement.lineno)


@lru_cache(maxsize=8)
def _read(source: str) -> _Text:
    try:
        return _Text(ast.parse(source).body)
    except SyntaxError:
        return _Text(())
