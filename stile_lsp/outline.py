"""What the text of a file says without running it: its kernels, and what each one depends on.

A kernel's *fingerprint* is a hash of the syntax trees, without positions and comments, of its own statement, of
all statements that it names directly or indirectly, and of those that may act on everything. While it
stays the same, an older result holds for the new text.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex
from stile_lsp.statement import DecoratedFunction, SpecText, Statement, first_line, read_statement

MODULE = "<module>"
"""The name of the kernel that code at module level makes."""


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """The text is not Python, as far as the server's own version knows."""

    range: Range
    message: str


@dataclass(frozen=True, slots=True)
class OutlinedKernel:
    name: str
    range: Range
    name_range: Range
    specs: tuple[SpecText, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A statement of the module. ``needs`` are the chunks that it depends on, itself included."""

    range: Range
    digest: str
    needs: frozenset[int]


@dataclass(frozen=True)
class Outline:
    kernels: tuple[OutlinedKernel, ...]
    chunks: tuple[Chunk, ...]
    imports: tuple[str, ...]
    """Dotted names of modules that the file imports; relative ones start with dots."""

    def chunk_at(self, place: Range) -> int | None:
        for number, chunk in enumerate(self.chunks):
            if chunk.range.start.line <= place.start.line <= chunk.range.end.line:
                return number
        return None

    @cached_property
    def _whole(self) -> str:
        return _hash([chunk.digest for chunk in self.chunks])

    def fingerprint(self, name: str, place: Range) -> str:
        """The hash of all that the kernel's text depends on in this file."""
        number = None if name == MODULE else self.chunk_at(place)
        if number is None:
            return self._whole
        chunk = self.chunks[number]
        # In the order of the text: of two statements that bind one name the later one counts.
        return _hash([chunk.digest, *(self.chunks[n].digest for n in sorted(chunk.needs))])


def outline(text: str) -> Outline | SyntaxProblem:
    index = LineIndex(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as problem:
        return _syntax_problem(problem, index)
    except (ValueError, RecursionError, MemoryError) as problem:
        return SyntaxProblem(Range(Position(0, 0), Position(0, 0)), str(problem) or "the file cannot be parsed")
    places = [_place(node, index) for node in tree.body]
    statements = [
        read_statement(node, index.lines(place.start.line, place.end.line))
        for node, place in zip(tree.body, places, strict=True)
    ]
    return Outline(
        tuple(_kernels(statements, places)),
        _chunks(statements, places),
        tuple(dict.fromkeys(name for statement in statements for name in statement.imports)),
    )


def _syntax_problem(problem: SyntaxError, index: LineIndex) -> SyntaxProblem:
    # SyntaxError counts columns in characters from one, unlike the nodes of ast.
    line = max((problem.lineno or 1) - 1, 0)
    last = max((problem.end_lineno or line + 1) - 1, line)
    first = min(max((problem.offset or 1) - 1, 0), len(index.line(line)))
    stop = max((problem.end_offset or 0) - 1, 0)
    start = index.convert(Position(line, first), "utf-32", "utf-16")
    end = index.convert(Position(last, stop), "utf-32", "utf-16")
    if end <= start:
        end = Position(line, start.character + 1)
    return SyntaxProblem(Range(start, end), f"{problem.msg}")


def _place(node: ast.stmt, index: LineIndex) -> Range:
    """From the first decorator's line to the end."""
    line = first_line(node)
    start = Position(line - 1, 0) if line < node.lineno else index.python_position(node.lineno, node.col_offset)
    return Range(start, index.python_position(node.end_lineno or node.lineno, node.end_col_offset or 0))


def _kernels(statements: Sequence[Statement], places: Sequence[Range]) -> Iterator[OutlinedKernel]:
    names = frozenset().union(*(statement.kernel_names for statement in statements))
    for statement, place in zip(statements, places, strict=True):
        for function in statement.functions:
            for name, specs in function.decorators:
                if name in names:
                    yield _moved(function, specs, place.start.line)
                    break


def _moved(function: DecoratedFunction, specs: tuple[SpecText, ...], lines: int) -> OutlinedKernel:
    return OutlinedKernel(
        function.name,
        _down(function.range, lines),
        _down(function.name_range, lines),
        tuple(replace(spec, start=_down_position(spec.start, lines), range=_down(spec.range, lines)) for spec in specs),
    )


def _down(place: Range, lines: int) -> Range:
    return Range(_down_position(place.start, lines), _down_position(place.end, lines))


def _down_position(position: Position, lines: int) -> Position:
    return Position(position.line + lines, position.character)


def _chunks(statements: Sequence[Statement], places: Sequence[Range]) -> tuple[Chunk, ...]:
    binders: dict[str, set[int]] = {}
    for number, statement in enumerate(statements):
        for name in statement.binds:
            binders.setdefault(name, set()).add(number)
    direct: list[set[int]] = [
        set().union(*(binders[name] for name in statement.uses if name in binders)) for statement in statements
    ]
    everywhere = _closure({n for n, statement in enumerate(statements) if not statement.is_quiet}, direct)
    return tuple(
        Chunk(place, statement.digest, everywhere | _closure({number}, direct, everywhere))
        for number, (statement, place) in enumerate(zip(statements, places, strict=True))
    )


def _closure(start: set[int], direct: Sequence[set[int]], known: frozenset[int] = frozenset()) -> frozenset[int]:
    """What can be reached from ``start``; what is ``known`` is closed already."""
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting.extend(direct[number] - known)
    return frozenset(found)


def _hash(parts: Sequence[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()
