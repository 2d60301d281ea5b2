"""The kernels in one statement of a module, as far as its text shows them.

They depend on the statement's text alone, so they are kept by text. Lines are counted from the statement's first.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.incremental.module import Chunk
from stile_engine.incremental.statement import decorator_names, dotted, first_line
from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex

_KEPT = 4096
_cache: dict[tuple[str, int], Statement] = {}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SpecText:
    """A spec written as a string literal. ``exact``: the source repeats the string from ``start`` on."""

    text: str
    start: Position
    range: Range
    exact: bool


@dataclass(frozen=True, slots=True)
class DecoratedFunction:
    """A function with the dotted names of its decorators, and for each the spec strings in its first argument."""

    name: str
    range: Range
    name_range: Range
    decorators: tuple[tuple[str | None, tuple[SpecText, ...]], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    kernel_names: frozenset[str]
    """Dotted names by which ``stile_engine.kernel`` can be reached after this statement."""

    functions: tuple[DecoratedFunction, ...]


def read_statement(chunk: Chunk) -> Statement:
    key = chunk.source, chunk.node.col_offset
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _KEPT:
            _cache.clear()
        found = _cache[key] = _read(chunk.node, LineIndex(chunk.source), first_line(chunk.node) - 1)
    return found


def _read(node: ast.stmt, index: LineIndex, above: int) -> Statement:
    kernel_names: set[str] = set()
    functions: list[DecoratedFunction] = []
    for part in ast.walk(node):
        match part:
            case ast.Import() | ast.ImportFrom():
                kernel_names |= decorator_names(part)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if part.decorator_list:
                functions.append(_decorated(part, index, above))
    return Statement(frozenset(kernel_names), tuple(functions))


def _range(node: ast.stmt | ast.expr, index: LineIndex, above: int) -> Range:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return Range(
        index.python_position(node.lineno - above, node.col_offset),
        index.python_position(end_line - above, end_column),
    )


def _decorated(node: Function, index: LineIndex, above: int) -> DecoratedFunction:
    decorators = []
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        decorators.append((dotted(call.func if call else decorator), _specs(call, index, above)))
    first = _range(node.decorator_list[0], index, above).start
    at = index.line(first.line).rfind("@", 0, first.character)
    whole = Range(Position(first.line, max(at, 0)), _range(node, index, above).end)
    return DecoratedFunction(node.name, whole, _name_range(node, index, above), tuple(decorators))


def _name_range(node: Function, index: LineIndex, above: int) -> Range:
    line = node.lineno - 1 - above
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    text = index.line(line)
    start = text.find(node.name, text.find(keyword) + len(keyword))
    if start < 0:  # the name stands on a line of its own, after a backslash
        return Range(_range(node, index, above).start, Position(line, len(text)))
    first, last = Position(line, start), Position(line, start + len(node.name))
    return Range(index.convert(first, "utf-32", "utf-16"), index.convert(last, "utf-32", "utf-16"))


def _specs(call: ast.Call | None, index: LineIndex, above: int) -> tuple[SpecText, ...]:
    """The spec strings of a decorator: the first argument, alone, in a tuple or as values of a dict."""
    given = None if call is None else next((k.value for k in call.keywords if k.arg == "spec"), None)
    if call is not None and call.args:
        given = call.args[0]
    parts: Sequence[ast.expr]
    match given:
        case None:
            return ()
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.Dict(values=parts):
            pass
        case single:
            parts = [single]
    return tuple(
        _spec_text(part, index, above)
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def _spec_text(node: ast.Constant, index: LineIndex, above: int) -> SpecText:
    whole = _range(node, index, above)
    text = str(node.value)
    # Columns inside the literal are those inside the string only where the source repeats the string as it is.
    source = index.text[index.offset(whole.start) : index.offset(whole.end)]
    inside = source.find(text) if text else -1
    start = index.position(index.offset(whole.start) + inside) if inside >= 0 else whole.start
    return SpecText(text, start, whole, inside >= 0)
