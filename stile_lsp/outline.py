"""What the text of a file says without running it: its kernels, and what each one depends on.

A kernel's *fingerprint* is a hash of the syntax trees, without positions and comments, of its own statement, of
all statements that it names directly or indirectly, and of those that may act on everything. While it
stays the same, an older result holds for the new text.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex

MODULE = "<module>"
"""The name of the kernel that code at module level makes."""

_WORD = re.compile(r"[^\W\d]\w*")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """The text is not Python, as far as the server's own version knows."""

    range: Range
    message: str


@dataclass(frozen=True, slots=True)
class SpecText:
    """A spec written as a string literal. ``exact``: the source repeats the string from ``start`` on."""

    text: str
    start: Position
    range: Range
    exact: bool


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
        return _hash([chunk.digest, *sorted(self.chunks[n].digest for n in chunk.needs)])


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
    return Outline(tuple(_kernels(tree, index)), _chunks(tree, index), tuple(_imports(tree)))


def _syntax_problem(problem: SyntaxError, index: LineIndex) -> SyntaxProblem:
    # SyntaxError counts columns in characters from one, unlike the nodes of ast.
    line = max((problem.lineno or 1) - 1, 0)
    last = max((problem.end_lineno or line + 1) - 1, line)
    text = index.line(line)
    first = min(max((problem.offset or 1) - 1, 0), len(text))
    stop = max((problem.end_offset or 0) - 1, 0)
    start = index.convert(Position(line, first), "utf-32", "utf-16")
    end = index.convert(Position(last, stop), "utf-32", "utf-16")
    if end <= start:
        end = Position(line, start.character + 1)
    return SyntaxProblem(Range(start, end), f"{problem.msg}")


def _range(node: ast.AST, index: LineIndex) -> Range:
    assert isinstance(node, ast.stmt | ast.expr)
    start = index.python_position(node.lineno, node.col_offset)
    return Range(start, index.python_position(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            separator = "" if base.endswith(".") else "."
            yield from (base + separator + alias.name for alias in node.names if alias.name != "*")


def _kernels(tree: ast.Module, index: LineIndex) -> Iterator[OutlinedKernel]:
    decorators = _decorator_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, _Function):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if _dotted(call.func if call else decorator) in decorators:
                yield OutlinedKernel(
                    node.name, _definition_range(node, index), _name_range(node, index), _specs(call, index)
                )
                break


def _decorator_names(tree: ast.Module) -> frozenset[str]:
    """The dotted names by which ``stile_engine.kernel`` is reachable in the file."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "stile_engine" and not node.level:
            found.update(alias.asname or alias.name for alias in node.names if alias.name == "kernel")
        elif isinstance(node, ast.Import):
            found.update(f"{alias.asname or alias.name}.kernel" for alias in node.names if alias.name == "stile_engine")
    return frozenset(found)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _definition_range(node: _Function, index: LineIndex) -> Range:
    """From the first decorator's ``@`` to the end of the body."""
    whole = _range(node, index)
    if not node.decorator_list:
        return whole
    first = _range(node.decorator_list[0], index).start
    at = index.line(first.line).rfind("@", 0, first.character)
    return Range(Position(first.line, max(at, 0)), whole.end)


def _name_range(node: _Function, index: LineIndex) -> Range:
    line = node.lineno - 1
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    text = index.line(line)
    start = text.find(node.name, text.find(keyword) + len(keyword))
    if start < 0:
        return Range(index.python_position(node.lineno, node.col_offset), Position(line, len(text)))
    convert = index.convert
    return Range(
        convert(Position(line, start), "utf-32", "utf-16"),
        convert(Position(line, start + len(node.name)), "utf-32", "utf-16"),
    )


def _specs(call: ast.Call | None, index: LineIndex) -> tuple[SpecText, ...]:
    """The spec strings of a decorator: the first argument, alone, in a tuple or as values of a dict."""
    if call is None or not call.args:
        return ()
    first = call.args[0]
    parts: Sequence[ast.expr]
    match first:
        case ast.Tuple(elts=parts):
            pass
        case ast.Dict(values=parts):
            pass
        case _:
            parts = [first]
    return tuple(
        _spec_text(part, index) for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def _spec_text(node: ast.Constant, index: LineIndex) -> SpecText:
    whole = _range(node, index)
    text = str(node.value)
    # Columns inside the literal are those inside the string only where the source repeats the string as it is.
    source = index.text[index.offset(whole.start) : index.offset(whole.end)]
    inside = source.find(text) if text else -1
    start = index.position(index.offset(whole.start) + inside) if inside >= 0 else whole.start
    return SpecText(text, start, whole, inside >= 0)


def _chunks(tree: ast.Module, index: LineIndex) -> tuple[Chunk, ...]:
    statements = tree.body
    uses = [_used_names(statement) for statement in statements]
    binders: dict[str, set[int]] = {}
    for number, statement in enumerate(statements):
        for name in _bound_names(statement):
            binders.setdefault(name, set()).add(number)
    everywhere = {number for number, statement in enumerate(statements) if not _is_quiet(statement)}
    direct = [set().union(*(binders.get(name, set()) for name in used)) for used in uses]
    return tuple(
        Chunk(
            _statement_range(statement, index),
            _hash([ast.dump(statement)]),
            _closure({number} | everywhere, direct),
        )
        for number, statement in enumerate(statements)
    )


def _statement_range(statement: ast.stmt, index: LineIndex) -> Range:
    if isinstance(statement, _Function):
        return _definition_range(statement, index)
    return _range(statement, index)


def _closure(start: set[int], direct: Sequence[set[int]]) -> frozenset[int]:
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting.extend(direct[number])
    return frozenset(found)


def _used_names(statement: ast.stmt) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A spec, or an annotation, names things inside a string.
            found.update(_WORD.findall(node.value))
    return found


def _bound_names(statement: ast.stmt) -> set[str]:
    """Names that the statement binds in the module, those in nested blocks included."""
    if isinstance(statement, _Function | ast.ClassDef):
        return {statement.name}
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, _Function | ast.ClassDef):
            found.add(node.name)
    return found


def _is_quiet(statement: ast.stmt) -> bool:
    """Whether running the statement can do nothing but bind its names.

    All others count for every kernel: a call may register, patch or print anything.
    """
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            # Defaults are evaluated, and decorators are called, where the function is defined.
            defaults = [*statement.args.defaults, *(d for d in statement.args.kw_defaults if d is not None)]
            return _decorators_are_quiet(statement) and not any(_calls(default) for default in defaults)
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators, body=body):
            plain = not keywords and not decorators and not any(_calls(base) for base in bases)
            return plain and all(_is_quiet(part) for part in body)
        case ast.Import() | ast.Pass():
            return True
        case ast.ImportFrom(names=names):
            return all(alias.name != "*" for alias in names)
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=targets, value=value):
            return all(_is_name_target(t) for t in targets) and not _calls(value)
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value is None or not _calls(value)
    return False


_QUIET_DECORATORS = frozenset("kernel jit cache lru_cache property staticmethod classmethod".split())


def _decorators_are_quiet(statement: _Function) -> bool:
    """Whether all decorators are known to act on the function alone."""
    for decorator in statement.decorator_list:
        name = _dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if (name or "").rpartition(".")[2] not in _QUIET_DECORATORS:
            return False
    return True


def _is_name_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_name_target(part) for part in node.elts)
    return isinstance(node, ast.Name)


def _calls(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call | ast.Await | ast.Yield | ast.YieldFrom) for part in ast.walk(node))


def _hash(parts: Sequence[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()
