"""The kernels of a file, found in its text without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stile_engine.checking.parsing import BrokenPart, ParsedText
from stile_engine.incremental.statement import decorator_names, dotted
from stile_engine.proof.verdict import Position, Range, Status
from stile_engine.trace.location import Site
from stile_engine.trace.report import KernelReport
from stile_engine.trace.source_map import SourceMap, every_statement, site_of

MODULE = "<module>"
"""The name of the kernel that typed code at module level makes."""

_TYPED_RESULTS = frozenset({"TypedResult", "assert_equivalent"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class FoundKernel:
    """``call`` is the application ``kernel(...)`` with its place; None for module-level code and broken text."""

    name: str
    range: Range
    name_range: Range
    call: ast.Call | None = None
    site: Site | None = None
    function: Function | None = None
    broken: BrokenPart | None = None

    @property
    def spec(self) -> str | None:
        """The spec, where it is written as one string literal."""
        first = self.spec_node
        return str(first.value) if isinstance(first, ast.Constant) and isinstance(first.value, str) else None

    @property
    def spec_node(self) -> ast.expr | None:
        if self.call is None:
            return None
        if self.call.args:
            return self.call.args[0]
        return next((k.value for k in self.call.keywords if k.arg == "spec"), None)

    def queued(self) -> KernelReport:
        return KernelReport(self.name, None, Status.QUEUED, self.range, self.name_range, spec=self.spec)


def find_kernels(parsed: ParsedText, path: str) -> tuple[FoundKernel, ...]:
    """In the order of the text; kernels in text that is not Python yet are among them."""
    nodes = list(every_statement(parsed.tree))
    names = _decorator_names(nodes) or _names_in_broken_text(parsed)
    found = [*_decorated(nodes, parsed, names, path), *_in_broken_parts(parsed, names)]
    if (module := _module_kernel(parsed, {id(k.function) for k in found if k.function})) is not None:
        found.append(module)
    return tuple(sorted(found, key=lambda k: (k.range.start, k.name_range.start)))


def _decorator_names(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """The dotted names by which ``stile_engine.kernel`` and the like are reachable in the file."""
    return frozenset().union(
        *(decorator_names(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
    )


def _names_in_broken_text(parsed: ParsedText) -> frozenset[str]:
    # The import itself may be the part that is broken.
    return frozenset({"kernel"}) if parsed.broken and "stile_engine" in parsed.map.source else frozenset()


def _is_kernel_call(node: ast.expr, names: frozenset[str]) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) in names


def _decorated(nodes: Sequence[ast.AST], parsed: ParsedText, names: frozenset[str], path: str) -> Iterator[FoundKernel]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _is_kernel_call(decorator, names):
                    whole = _definition_range(node, parsed.map)
                    name_range = _name_range(node, parsed.map)
                    yield FoundKernel(node.name, whole, name_range, decorator, site_of(decorator, path), node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            # name = kernel("…")(function)
            inner, target = node.value.func, node.targets[0]
            if isinstance(inner, ast.Call) and _is_kernel_call(inner, names) and isinstance(target, ast.Name):
                whole, name_range = parsed.map.range_of(node), parsed.map.range_of(target)
                yield FoundKernel(target.id, whole, name_range, inner, site_of(inner, path))


def _definition_range(node: Function, text: SourceMap) -> Range:
    """From the first decorator's ``@`` to the end of the body."""
    whole = text.range_of(node)
    first = text.range_of(node.decorator_list[0]).start
    at = text.line(first.line + 1).rfind("@", 0, max(first.character, 1))
    return Range(Position(first.line, max(at, 0)), whole.end)


def _name_range(node: Function, text: SourceMap) -> Range:
    line = text.line(node.lineno)
    match = re.compile(r"def\s+").search(line, node.col_offset if line.isascii() else 0)
    if match is None or not line.startswith(node.name, match.end()):
        return text.line_range(node.lineno)
    start = text.offset(node.lineno, 0) + match.end()
    return text.range_at(start, start + len(node.name))


def _in_broken_parts(parsed: ParsedText, names: frozenset[str]) -> Iterator[FoundKernel]:
    """By their looks: a line ``@kernel(`` and the next ``def``."""
    text = parsed.map
    marks = "|".join(re.escape(name) for name in sorted(names))
    if not marks:
        return
    mark = re.compile(rf"^\s*@\s*(?:{marks})\b")
    for part in parsed.broken:
        lines = range(part.first, part.last + 1)
        for number in lines:
            if not mark.match(text.line(number)):
                continue
            found = next(
                (
                    (line, m)
                    for line in range(number, part.last + 1)
                    if (m := re.match(r"\s*(?:async\s+)?def\s+(\w+)", text.line(line)))
                ),
                None,
            )
            start = text.line_range(number).start
            end = text.line_range(part.last).end
            if found is None:
                yield FoundKernel("<unnamed>", Range(start, end), text.line_range(number), broken=part)
                continue
            line, match = found
            offset = text.offset(line, 0)
            name_range = text.range_at(offset + match.start(1), offset + match.end(1))
            yield FoundKernel(match.group(1), Range(start, end), name_range, broken=part)


def _module_kernel(parsed: ParsedText, kernels: set[int]) -> FoundKernel | None:
    """Typed results and assertions outside every kernel belong to the module itself."""
    # Letters beyond ASCII may be other spellings of a name.
    if parsed.source.isascii() and not any(name in parsed.source for name in _TYPED_RESULTS):
        return None
    for statement in parsed.tree.body:
        if _has_typed_result(statement, kernels):
            place = parsed.map.range_of(statement)
            return FoundKernel(MODULE, place, place)
    return None


def _has_typed_result(root: ast.AST, kernels: set[int]) -> bool:
    if id(root) in kernels:
        return False
    if isinstance(root, ast.Call):
        name = (dotted(root.func) or "").rpartition(".")[2]
        if isinstance(root.func, ast.Attribute):
            name = root.func.attr
        if name in _TYPED_RESULTS:
            return True
    return any(_has_typed_result(child, kernels) for child in ast.iter_child_nodes(root))
