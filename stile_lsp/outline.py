"""What the text of a file says without running it: its kernels, and what each one depends on.

A kernel's *fingerprint* is a digest of all statements that its verdict can depend on, here and in the imported
files of the project. While it stays the same, an older result holds for the new text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from stile_engine.incremental.module import NOT_PYTHON, Chunk, ModuleText, read_module
from stile_engine.incremental.project import Project
from stile_engine.incremental.reach import Reach, Reaches
from stile_engine.incremental.statement import Imported
from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex
from stile_lsp.statement import DecoratedFunction, SpecText, Statement, read_statement

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


@dataclass(frozen=True)
class Outline:
    kernels: tuple[OutlinedKernel, ...]
    ranges: tuple[Range, ...]
    """Where the statements of the module lie."""

    module: ModuleText
    project: Project
    path: str
    before: Reaches | None = field(default=None, compare=False, repr=False)
    """Of an earlier version, most of which may hold here."""

    @cached_property
    def imports(self) -> tuple[Imported, ...]:
        return tuple(dict.fromkeys(i for chunk in self.module.chunks for i in chunk.facts.imports))

    @cached_property
    def reaches(self) -> Reaches:
        chunks = self.module.chunks
        found = self.before.after(self.path, chunks, self.project) if self.before is not None else None
        return found or Reaches(self.path, chunks, self.project)

    def statement_at(self, place: Range) -> int | None:
        for number, found in enumerate(self.ranges):
            if found.start.line <= place.start.line <= found.end.line:
                return number
        return None

    def reach(self, name: str, place: Range) -> Reach:
        return self.reaches.of(None if name == MODULE else self.statement_at(place))

    def needs(self, number: int) -> frozenset[int]:
        """The statements of this text that a statement depends on, itself included."""
        return frozenset(statement for file, statement in self.reaches.of(number).places if file == 0)

    def fingerprint(self, name: str, place: Range) -> str | None:
        """The digest of all that the verdict can depend on; None where no result must be kept."""
        found = self.reach(name, place)
        return found.digest if found.refusal is None else None

    @property
    def whole(self) -> str:
        """The digest of all statements."""
        return self.reaches.of(None).digest

    def among(self, project: Project) -> Outline:
        """The same text, among other files."""
        return replace(self, project=project)


def outline(
    text: str,
    path: str = "",
    project: Project | None = None,
    before: Outline | SyntaxProblem | None = None,
    index: LineIndex | None = None,
) -> Outline | SyntaxProblem:
    """``before``: what an earlier version of the text was read as, and ``index`` the text's lines; both save time."""
    index = index or LineIndex(text)
    try:
        module = read_module(text, before.module if isinstance(before, Outline) else None)
    except SyntaxError as problem:
        return _syntax_problem(problem, index)
    except NOT_PYTHON as problem:
        return SyntaxProblem(Range(Position(0, 0), Position(0, 0)), str(problem) or "the file cannot be parsed")
    places = tuple(_place(chunk, index) for chunk in module.chunks)
    statements = [read_statement(chunk) for chunk in module.chunks]
    earlier = before.reaches if isinstance(before, Outline) else None
    return Outline(tuple(_kernels(statements, places)), places, module, project or Project(path), path, earlier)


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


def _place(chunk: Chunk, index: LineIndex) -> Range:
    """From the first decorator's line to the end."""
    node, up = chunk.node, chunk.lines_up
    start = Position(chunk.first, 0)
    if chunk.first == node.lineno - 1 + up:
        start = index.python_position(node.lineno + up, node.col_offset)
    return Range(start, index.python_position(chunk.last + 1, node.end_col_offset or 0))


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
