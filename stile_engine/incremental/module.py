"""A text as the statements of a module, each with its facts; after an edit only the edited ones are read again."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from stile_engine.incremental.statement import Facts, first_line, read_facts

_LINE_END = re.compile(r"\r\n|\r|\n")

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A statement; ``first`` and ``last`` are its lines, from 0, decorators included, ``source`` those lines.

    ``node`` stands for the statement at another place of the text perhaps: ``lines_up`` is how many lines of
    the text are above those that its own numbers count.
    """

    first: int
    last: int
    source: str
    node: ast.stmt
    lines_up: int
    facts: Facts

    def moved(self, lines: int) -> Chunk:
        return Chunk(self.first + lines, self.last + lines, self.source, self.node, self.lines_up + lines, self.facts)


@dataclass(frozen=True, slots=True)
class ModuleText:
    lines: tuple[str, ...]
    chunks: tuple[Chunk, ...]


def read_module(text: str, before: ModuleText | None = None) -> ModuleText:
    """The statements of a text. ``before``: what an earlier version was read as.

    Raises one of ``NOT_PYTHON``.
    """
    lines = split_lines(text)
    if before is not None and "\0" not in text:
        found = _reread(lines, before)
        if found is not None:
            return found
    return ModuleText(tuple(lines), tuple(_chunks(_parsed(text), lines, 0)))


def split_lines(text: str) -> list[str]:
    """Lines as the language and the protocol have them: a form feed or U+2028 ends none."""
    return _LINE_END.split(text)


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _chunks(tree: ast.Module, lines: Sequence[str], above: int) -> list[Chunk]:
    """``above``: the line of the text at which the tree's own first line lies."""
    found: list[Chunk] = []
    for node in tree.body:
        first, last = first_line(node) - 1 + above, (node.end_lineno or node.lineno) - 1 + above
        source = "\n".join(lines[first : last + 1])
        found.append(Chunk(first, last, source, node, above, read_facts(node, source)))
    return found


def _reread(lines: list[str], before: ModuleText) -> ModuleText | None:
    """Reads only the lines between the statements that the edit has left alone.

    Whole statements one after the other make a module: what stands above and below was read as such, and if
    the middle can be read by itself, it neither continues the statement above nor runs into the one below.
    """
    old = before.lines
    shorter = min(len(old), len(lines))
    same = 0
    while same < shorter and old[same] == lines[same]:
        same += 1
    tail = 0
    while tail < shorter - same and old[-1 - tail] == lines[-1 - tail]:
        tail += 1
    kept = 0
    # A statement right above the edit may go on in it, so it must be followed by an unchanged one.
    chunks = before.chunks
    while kept < len(chunks) and chunks[kept].last < same:
        kept += 1
    while kept and (chunks[kept - 1].last >= same - 1 or _shares_line(chunks, kept)):
        kept -= 1
    below = len(chunks)
    while below > kept and chunks[below - 1].first >= len(old) - tail:
        below -= 1
    while below < len(chunks) and _shares_line(chunks, below):
        below += 1
    start = chunks[kept - 1].last + 1 if kept else 0
    moved = len(lines) - len(old)
    stop = chunks[below].first + moved if below < len(chunks) else len(lines)
    try:
        middle = _chunks(_parsed("\n".join(lines[start:stop]) + "\n"), lines, start)
    except NOT_PYTHON:
        return None
    if middle and below < len(chunks) and middle[-1].last >= stop:
        return None
    after = chunks[below:] if not moved else tuple(chunk.moved(moved) for chunk in chunks[below:])
    return ModuleText(tuple(lines), (*chunks[:kept], *middle, *after))


def _shares_line(chunks: Sequence[Chunk], number: int) -> bool:
    """Whether a statement begins on the line on which the one before it ends."""
    return 0 < number < len(chunks) and chunks[number].first <= chunks[number - 1].last


def without_definitions(module: ModuleText, kept: frozenset[int]) -> str:
    """The text with the lines of the functions and classes that are not ``kept`` emptied."""
    lines = list(module.lines)
    for number, chunk in enumerate(module.chunks):
        alone = not (_shares_line(module.chunks, number) or _shares_line(module.chunks, number + 1))
        if number not in kept and alone and chunk.facts.is_definition:
            lines[chunk.first : chunk.last + 1] = [""] * (chunk.last - chunk.first + 1)
    return "\n".join(lines)
