"""What an editor shows of values: for each expression and each name of a kernel its dims and its expression."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from stile_engine.checking.mathematics import VALUES_CHARACTERS, Typesetter
from stile_engine.errors import StileError
from stile_engine.index.sizes import render_sizes
from stile_engine.proof.forms import Form
from stile_engine.proof.verdict import Range
from stile_engine.term.notation.expression import formula_of_expression
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import Parameter
from stile_engine.trace.location import Site
from stile_engine.trace.recording import RecordedLoop, RecordedValue
from stile_engine.trace.report import ValueInfo
from stile_engine.trace.source_map import SourceMap, site_of

Function = ast.FunctionDef | ast.AsyncFunctionDef

_TEXT_LIMIT = 2000


def describe_values(
    values: Mapping[Site, RecordedValue],
    loops: Mapping[Site, RecordedLoop],
    parameters: Iterable[Parameter],
    function: Function | None,
    tree: ast.Module,
    text: SourceMap,
    path: str,
    kernel: str,
    normal_form: Callable[[Value], Form | None],
) -> tuple[ValueInfo, ...]:
    """Infos for the recorded expressions, for the parameters, and for the names that hold them.

    ``function`` is the kernel's definition, None for code at module level. ``normal_form`` may answer
    None: not every value is worth its time.
    """
    typeset = Typesetter(VALUES_CHARACTERS)

    def info(recorded: RecordedValue) -> ValueInfo | None:
        return _info(recorded, text.range(recorded.site), kernel, normal_form, typeset)

    made = {site: info(recorded) for site, recorded in values.items() if site.path == path}
    infos = {site: found for site, found in made.items() if found is not None}
    around = {site: _Loop.of(recorded, info) for site, recorded in loops.items()}
    _follow_names(infos, around, parameters, function, tree, text, path, kernel)
    return tuple(sorted(infos.values(), key=lambda i: (i.range.start, i.range.end)))


def dims_of_values(
    values: Mapping[Site, RecordedValue],
    parameters: Iterable[Parameter],
    function: Function | None,
    tree: ast.Module,
    text: SourceMap,
    path: str,
) -> dict[Site, str]:
    """The dims of the recorded expressions, and of the names that hold them where they are read."""
    infos = {
        site: ValueInfo(text.range(site), "", dims, dims, "")
        for site, recorded in values.items()
        if site.path == path
        for dims in [_told_dims(recorded)]
        if dims is not None
    }
    _follow_names(infos, {}, parameters, function, tree, text, path, "")
    return {site: info.dims for site, info in infos.items()}


@dataclass(frozen=True, slots=True)
class _Loop:
    """What names hold before a generic round of a loop, and after the last one."""

    before: dict[str, ValueInfo]
    after: dict[str, ValueInfo]

    @staticmethod
    def of(recorded: RecordedLoop, info: Callable[[RecordedValue], ValueInfo | None]) -> _Loop:
        def told(values: Mapping[str, RecordedValue]) -> dict[str, ValueInfo]:
            return {name: found for name, value in values.items() if (found := info(value)) is not None}

        return _Loop(told(recorded.before), told(recorded.after))


def _follow_names(
    infos: dict[Site, ValueInfo],
    loops: Mapping[Site, _Loop],
    parameters: Iterable[Parameter],
    function: Function | None,
    tree: ast.Module,
    text: SourceMap,
    path: str,
    kernel: str,
) -> None:
    """Adds the parameters and the names that hold values."""
    recorded_sites = set(infos)
    names = _Names(infos, loops, text, path)
    if function is not None:
        named = {p.name: p for p in parameters}
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        for argument in arguments:
            if argument.arg in named:
                names.bind_parameter(argument, _parameter(named[argument.arg], kernel, text, argument))
            elif (own := infos.get(site_of(argument, path))) is not None:
                names.bind_parameter(argument, own)
        names.read_body(function.body)
    for node in ast.walk(tree):
        if node is not function and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            whole = site_of(node, path)
            if any(whole.lineno <= s.lineno <= whole.end_lineno for s in recorded_sites):
                _Names(infos, loops, text, path).read_body(node.body)
    if function is None:
        names.read_body(tree.body)


def dims_text(dims: Iterable[DimRange]) -> str:
    """``q[0:16] d``; an axis that belongs to no dim is shown by its size."""
    return " ".join(render_sizes(d.high) if d.name.startswith("$") else _dim_text(d) for d in dims)


def _dim_text(dim: DimRange) -> str:
    return dim.name if dim.is_whole else f"{dim.name}[{render_sizes(dim.low)}:{render_sizes(dim.high)}]"


def _info(
    recorded: RecordedValue,
    place: Range,
    kernel: str,
    normal_form: Callable[[Value], Form | None],
    typeset: Typesetter,
) -> ValueInfo | None:
    try:
        recorded.shown  # noqa: B018
    except StileError:
        return None  # there is nothing to tell of it
    try:
        written = recorded.expr_type()
    except (StileError, ValueError, RecursionError) as error:
        written = f"({error})"
    dims = _dims_of(recorded) or "scalar"
    canonical = normal_form(recorded.value)
    formulas = {}
    if canonical is not None:
        # without details nothing is shown, and nothing typeset
        formulas["normalForm"] = typeset(canonical.formula)
        formulas["exprType"] = typeset(formula_of_expression(recorded.value.node))
    return ValueInfo(
        place,
        kernel,
        dims,
        dims,
        _short(written),
        None if canonical is None else _short(canonical.text),
        count=recorded.count,
        formulas=formulas,
        dtype=recorded.shown.dtype or "",
    )


def _told_dims(recorded: RecordedValue) -> str | None:
    try:
        return _dims_of(recorded)
    except StileError:
        return None


def _dims_of(recorded: RecordedValue) -> str:
    shown = recorded.shown
    return dims_text(shown.value.dims) if shown.dims is None else " ".join(shown.dims)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _parameter(parameter: Parameter, kernel: str, text: SourceMap, node: ast.arg) -> ValueInfo:
    dims = " ".join(d.name for d in parameter.dims)
    label = parameter.tensor.name if parameter.tensor is not None else parameter.name
    written = label if not dims else dims if label.isdigit() else f"{label}:{dims}"
    start = text.offset(node.lineno, node.col_offset)
    place = text.range_at(start, start + len(node.arg))
    return ValueInfo(place, kernel, dims or "scalar", dims or "scalar", written, written, dtype=parameter.dtype)


class _Names:
    """Follows names through a body in the order of the text: what a name held where it is read."""

    def __init__(self, infos: dict[Site, ValueInfo], loops: Mapping[Site, _Loop], text: SourceMap, path: str) -> None:
        self._infos, self._loops, self._text, self._path = infos, loops, text, path
        self._held: dict[str, ValueInfo] = {}

    def bind_parameter(self, node: ast.arg, info: ValueInfo) -> None:
        self._infos[site_of(node, self._path)] = info
        self._held[node.arg] = info

    def read_body(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.Assign(targets=targets, value=value):
                self._expression(value)
                for target in targets:
                    self._bind(target, value, site_of(value, self._path))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._expression(value)
                self._bind(target, value, site_of(value, self._path))
            case ast.AugAssign(target=target, value=value):
                self._expression(value)
                # The new value belongs to the statement as a whole.
                self._bind(target, None, site_of(node, self._path))
            case ast.For(target=target, iter=over, body=body, orelse=otherwise):
                self._expression(over)
                loop = self._loops.get(site_of(node, self._path))
                if loop is not None:
                    self._hold(body, loop.before)
                self._bind(target, None, site_of(target, self._path))
                self.read_body(body)
                if loop is not None:
                    self._hold(body, loop.after)
                self.read_body(otherwise)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expression(child)
                    elif isinstance(child, ast.stmt):
                        self._statement(child)
                    else:
                        self._other(child)

    def _other(self, node: ast.AST) -> None:
        """Handlers, match cases and the items of ``with``."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.expr):
                self._expression(child)
            else:
                self._other(child)

    def _hold(self, body: list[ast.stmt], values: Mapping[str, ValueInfo]) -> None:
        """The names that a body binds hold these values, or ones that are not told."""
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self._held.pop(node.id, None)
        self._held.update(values)

    def _bind(self, target: ast.expr, value: ast.expr | None, site: Site) -> None:
        if not isinstance(target, ast.Name):
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    self._held.pop(part.id, None)
            return
        info = self._infos.get(site)
        if info is None and isinstance(value, ast.Name):
            info = self._held.get(value.id)
        if info is None:
            self._held.pop(target.id, None)
            return
        place = self._text.range_of(value) if value is not None else info.range
        named = replace(info, range=place, name=target.id, name_range=self._text.range_of(target))
        self._infos[site] = self._held[target.id] = named

    def _expression(self, root: ast.expr) -> None:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._held:
                site = site_of(node, self._path)
                if site not in self._infos:
                    place = self._text.range_of(node)
                    self._infos[site] = replace(self._held[node.id], range=place, name=None, name_range=None)
            elif isinstance(node, ast.NamedExpr):
                self._bind(node.target, node.value, site_of(node.value, self._path))
