"""What a statement does with names that are not local to a function in it.

A name that a function binds is its own; every other one is a name of the module, or a builtin. Taking a
local name for one of the module only makes results depend on more than they do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Use(StrEnum):
    READ = "read"
    CALL = "call"
    """The last attribute is called: it may change what it belongs to."""

    STORE = "store"
    """Something of it is set or deleted, or the name itself by a function that declares it global."""


@dataclass(frozen=True, slots=True)
class Access:
    """``root.a.b`` and how it is used; ``path`` are the attributes after the root. ``line`` counts from 0."""

    root: str
    path: tuple[str, ...]
    use: Use
    line: int


def accesses(node: ast.stmt) -> tuple[Access, ...]:
    """All that the statement does with names of the module, in the order of the text."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    return tuple(dict.fromkeys(_visit(node, (), first)))


def _visit(node: ast.AST, scopes: tuple[frozenset[str], ...], first: int) -> Iterator[Access]:
    if isinstance(node, _Function):
        outside: list[ast.AST] = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        own, shared = _bound_in(node)
        inner = (*scopes, own)
        if isinstance(node, ast.Lambda):
            body: list[ast.AST] = [node.body]
        else:
            outside += [*node.decorator_list, *([node.returns] if node.returns else [])]
            outside += [a.annotation for a in _arguments(node.args) if a.annotation is not None]
            body = list(node.body)
        for part in outside:
            yield from _visit(part, scopes, first)
        for name in shared:
            yield Access(name, (), Use.STORE, node.lineno - first)
        for part in body:
            yield from _visit(part, inner, first)
        return
    if isinstance(node, _COMPREHENSIONS):
        # The names of a comprehension are its own, also in a module.
        own = frozenset(n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name))
        for child in ast.iter_child_nodes(node):
            yield from _visit(child, (*scopes, own), first)
        return
    if isinstance(node, ast.Call):
        yield from _access(node.func, Use.CALL, scopes, first)
        for child in (*node.args, *node.keywords):
            yield from _visit(child, scopes, first)
        return
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Name):
        yield from _access(node, Use.READ if isinstance(node.ctx, ast.Load) else Use.STORE, scopes, first)
        return
    for child in ast.iter_child_nodes(node):
        yield from _visit(child, scopes, first)


def _access(node: ast.expr, use: Use, scopes: tuple[frozenset[str], ...], first: int) -> Iterator[Access]:
    """The root of ``a.b[c].d``; what stands in the brackets is visited by itself."""
    path: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute | ast.Subscript):
        if isinstance(current, ast.Attribute):
            path.append(current.attr)
        else:
            path.append("[]")
            yield from _visit(current.slice, scopes, first)
        current = current.value
    if not isinstance(current, ast.Name):
        yield from _visit(current, scopes, first)
        return
    if any(current.id in own for own in scopes):
        return
    if not path and use is Use.STORE and not scopes:
        return  # the module binds its own name
    line = current.lineno - first
    yield Access(current.id, tuple(reversed(path)), use, line)


def _arguments(given: ast.arguments) -> list[ast.arg]:
    several = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return several + [a for a in (given.vararg, given.kwarg) if a is not None]


def _bound_in(function: _Function) -> tuple[frozenset[str], frozenset[str]]:
    """The function's own names, and those that it declares global."""
    own = {a.arg for a in _arguments(function.args)}
    shared: set[str] = set()
    waiting: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                own.update(bound_by(node))
                continue  # a scope of its own
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # Only an assignment expression inside of a comprehension binds out here.
                own.update(n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                continue
            case ast.Global(names=names):
                shared.update(names)
        own.update(bound_by(node))
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(own - shared), frozenset(shared)


def bound_by(node: ast.AST) -> Sequence[str]:
    """The names that the node itself, without what stands inside of it, binds in the scope where it stands."""
    match node:
        case ast.Name(id=name, ctx=context) if not isinstance(context, ast.Load):
            return (name,)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [(alias.asname or alias.name).partition(".")[0] for alias in aliases]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return (name,)
        case ast.MatchMapping(rest=str(name)):
            return (name,)
    return ()
