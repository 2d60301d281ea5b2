"""What one statement of a module says on its own: what it binds, uses and imports, and the functions in it.

The facts depend on the statement's text alone, so they are kept by text: while one statement is edited, those
of all others are known already. Lines are counted from the statement's first.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex

_KEPT = 4096
_cache: dict[tuple[str, int], Statement] = {}

_WORD = re.compile(r"[^\W\d]\w*")

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
    digest: str
    """Hash of the syntax tree, without positions and comments."""

    uses: frozenset[str]
    binds: frozenset[str]
    imports: tuple[str, ...]
    """Dotted names of modules; relative ones start with dots."""

    kernel_names: frozenset[str]
    """Dotted names by which ``stile_engine.kernel`` can be reached after this statement."""

    functions: tuple[DecoratedFunction, ...]
    is_quiet: bool
    """Running the statement can do nothing but bind its names."""


def first_line(node: ast.stmt) -> int:
    """The first line, from one, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def read_statement(node: ast.stmt, source: str) -> Statement:
    """The facts of a statement; ``source`` is the text of its lines, from the first decorator on."""
    key = source, node.col_offset
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _KEPT:
            _cache.clear()
        found = _cache[key] = _read(node, LineIndex(source), first_line(node) - 1)
    return found


def _read(node: ast.stmt, index: LineIndex, above: int) -> Statement:
    uses: set[str] = set()
    imports: list[str] = []
    kernel_names: set[str] = set()
    functions: list[DecoratedFunction] = []
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name):
                uses.add(name)
            case ast.Constant(value=str(text)):
                # A spec, or an annotation, names things inside a string.
                uses.update(_WORD.findall(text))
            case ast.Import(names=aliases):
                imports.extend(alias.name for alias in aliases)
                kernel_names.update(f"{a.asname or a.name}.kernel" for a in aliases if a.name == "stile_engine")
            case ast.ImportFrom(module=module, names=aliases, level=level):
                imports.extend(_imported_from(module, aliases, level))
                if module == "stile_engine" and not level:
                    kernel_names.update(a.asname or a.name for a in aliases if a.name == "kernel")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if part.decorator_list:
                functions.append(_decorated(part, index, above))
    return Statement(
        hashlib.blake2b(ast.dump(node).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        frozenset(uses),
        frozenset(_bound_names(node)),
        tuple(imports),
        frozenset(kernel_names),
        tuple(functions),
        _is_quiet(node),
    )


def _imported_from(module: str | None, aliases: Sequence[ast.alias], level: int) -> Iterator[str]:
    base = "." * level + (module or "")
    yield base
    separator = "" if base.endswith(".") else "."
    yield from (base + separator + alias.name for alias in aliases if alias.name != "*")


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


def dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _specs(call: ast.Call | None, index: LineIndex, above: int) -> tuple[SpecText, ...]:
    """The spec strings of a decorator: the first argument, alone, in a tuple or as values of a dict."""
    if call is None or not call.args:
        return ()
    parts: Sequence[ast.expr]
    match call.args[0]:
        case ast.Tuple(elts=parts):
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


def _bound_names(statement: ast.stmt) -> set[str]:
    """Names that the statement binds in the module, those in nested blocks included."""
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
    return found


def _is_quiet(statement: ast.stmt) -> bool:
    """All other statements count for every kernel: a call may register, patch or print anything."""
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


def _decorators_are_quiet(statement: Function) -> bool:
    """Whether all decorators are known to act on the function alone."""
    for decorator in statement.decorator_list:
        name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if (name or "").rpartition(".")[2] not in _QUIET_DECORATORS:
            return False
    return True


def _is_name_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_name_target(part) for part in node.elts)
    return isinstance(node, ast.Name)


def _calls(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call | ast.Await | ast.Yield | ast.YieldFrom) for part in ast.walk(node))
