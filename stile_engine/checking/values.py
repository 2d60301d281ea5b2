"""What an editor shows of values: for each expression and each name of a kernel its dims and its expression."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from stile_engine.checking.mathematics import VALUES_CHARACTERS, Typesetter
from stile_engine.errors import StileError
from stile_engine.index.dims import render_sizes
from stile_engine.proof.forms import Form
from stile_engine.proof.verdict import Range
from stile_engine.term.notation.expression import formula_of_expression
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import Parameter
from stile_engine.trace.location import Site
from stile_engine.trace.recording import RecordedValue
from stile_engine.trace.report import ValueInfo
from stile_engine.trace.source_map import SourceMap, site_of

Function = ast.FunctionDef | ast.AsyncFunctionDef

_TEXT_LIMIT = 2000


def describe_values(
    values: Mapping[Site, RecordedValue],
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
    infos = {
        site: _info(recorded, text.range(site), kernel, normal_form, typeset)
        for site, recorded in values.items()
        if site.path == path
    }
    _follow_names(infos, parameters, function, tree, text, path, kernel)
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
        for dims in [_dims_of(recorded)]
    }
    _follow_names(infos, parameters, function, tree, text, path, "")
    return {site: info.dims for site, info in infos.items()}


def _follow_names(
    infos: dict[Site, ValueInfo],
    parameters: Iterable[Parameter],
    function: Function | None,
    tree: ast.Module,
    text: SourceMap,
    path: str,
    kernel: str,
) -> None:
    """Adds the parameters and the names that hold values."""
    recorded_sites = set(infos)
    names = _Names(infos, text, path)
    if function is not None:
        named = {p.name: p for p in parameters}
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        for argument in arguments:
            if argument.arg in named:
                names.bind_parameter(argument, _parameter(named[argument.arg], kernel, text, argument))
        names.read_body(function.body)
    for node in ast.walk(tree):
        if node is not function and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            whole = site_of(node, path)
            if any(whole.lineno <= s.lineno <= whole.end_lineno for s in recorded_sites):
                _Names(infos, text, path).read_body(node.body)
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
) -> ValueInfo:
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

    def __init__(self, infos: dict[Site, ValueInfo], text: SourceMap, path: str) -> None:
        self._infos, self._text, self._path = infos, text, path
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
