"""What one statement of a module says on its own: what it binds, mentions and does to things that are not its own.

The facts depend on the statement's text alone, so they are kept by text: while one statement is edited, those
of all others are known already. Lines are counted from the statement's first.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from dataclasses import dataclass

from stile_engine.incremental.scopes import Access, accesses, bound_by

_KEPT = 8192
_cache: dict[tuple[str, int], Facts] = {}

_WORD = re.compile(r"[^\W\d]\w*")
_IGNORE = re.compile(r"#\s*stile:")

Function = ast.FunctionDef | ast.AsyncFunctionDef

_REFLECTIVE_CALLS = frozenset("exec eval compile globals locals vars dir __import__ __builtins__".split())
_REFLECTIVE = frozenset(
    "__import__ __dict__ __globals__ __builtins__ __code__ __closure__ __defaults__ __kwdefaults__ "
    "__getattribute__ __getattr__ __setattr__ __delattr__ __subclasses__ __mro__ __bases__ __wrapped__ "
    "__annotations__ __doc__ __loader__ __spec__ __reduce__ __func__ __self__ f_globals f_locals f_back f_code "
    "tb_frame gi_frame cr_frame _getframe modules".split()
)
"""Names by which code reaches things that its text does not name: built-in functions, and attributes."""

_BY_NAME = frozenset({"getattr", "setattr", "delattr", "hasattr", "attrgetter", "methodcaller"})
"""Functions that are harmless only where the name is written out."""

_QUIET_DECORATORS = frozenset("kernel jit cache lru_cache property staticmethod classmethod".split())


@dataclass(frozen=True, slots=True)
class Imported:
    """One name that an import binds: ``import a.b as c`` and ``from a import b as c``; ``*`` for all."""

    bound: str
    module: str
    """The dotted module; relative ones start with dots."""

    attribute: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """One statement. ``binds`` are names of the module, and all names of attributes and methods that the
    statement gives to anything; ``mentions`` all names that it uses in any way, words in strings included."""

    digest: str
    """Hash of the tokens, without comments and layout; an ``ignore`` is no comment."""

    tokens: tuple[tuple[int, int, int, int], ...]
    """Where the tokens lie: first line, column, last line, column, from 0 and in characters."""

    binds: frozenset[str]
    mentions: frozenset[str]
    imports: tuple[Imported, ...]
    accesses: tuple[Access, ...]
    """What the statement does with names that are not local to a function in it."""

    is_definition: bool
    """A function or a class."""

    is_import: bool
    """Nothing but an import: what it mentions counts for those who use the names that it binds."""

    is_fixed: bool
    """Binds names to values that nothing can change: numbers, texts, tuples of them."""

    dim_makers: frozenset[str]
    """The names, most often ``dim``, that make all values of the statement, where it is an assignment of calls."""

    aliases: frozenset[str]
    """Where the statement gives things further names: the names that it gives them by."""

    quiet_if_foreign: frozenset[str] | None
    """Running the statement can do nothing but bind its names, if these names come from no file of the
    project; None: whatever they are, it may act on other things."""

    is_reflective: bool
    """It may reach things whose names are not in its text."""


def first_line(node: ast.stmt) -> int:
    """The first line, from one, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def read_facts(node: ast.stmt, source: str) -> Facts:
    """The facts of a statement; ``source`` is the text of its lines, from the first decorator on."""
    key = source, node.col_offset
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _KEPT:
            _cache.clear()
        found = _cache[key] = _read(node, source)
    return found


def _read(node: ast.stmt, source: str) -> Facts:
    mentions: set[str] = set()
    attributes: set[str] = set()
    imports: list[Imported] = []
    docstrings = _docstrings(node)
    reflective = False
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name):
                mentions.add(name)
                reflective = reflective or name in _REFLECTIVE_CALLS
            case ast.Attribute(attr=name, ctx=context):
                mentions.add(name)
                if not isinstance(context, ast.Load):
                    attributes.add(name)
            case ast.Constant(value=str(text)) if id(part) not in docstrings:
                # A spec, an annotation or a name for getattr: things can be named inside a string.
                mentions.update(_WORD.findall(text))
            case ast.keyword(arg=str(name)):
                mentions.add(name)
            case ast.Global(names=names):
                attributes.update(names)
            case ast.ClassDef(body=body):
                attributes.update(name for inner in body for name in bound_names(inner))
            case ast.Import(names=aliases):
                imports += [_imported(alias) for alias in aliases]
                mentions.update(word for alias in aliases for word in alias.name.split("."))
            case ast.ImportFrom(module=module, names=aliases, level=level):
                base = "." * level + (module or "")
                imports += [Imported(alias.asname or alias.name, base, alias.name) for alias in aliases]
                mentions.update(alias.name for alias in aliases)
            case ast.Call() if _is_computed_name(part):
                reflective = True
    is_definition = isinstance(node, Function | ast.ClassDef)
    digest, places = _tokens(source)
    bound = bound_names(node)
    reflective = reflective or bool(_REFLECTIVE & (mentions | attributes | bound))
    return Facts(
        digest,
        places,
        frozenset(bound | attributes),
        frozenset(mentions),
        tuple(imports),
        accesses(node),
        is_definition,
        isinstance(node, ast.Import | ast.ImportFrom),
        _is_fixed(node),
        _makers(node),
        _aliases(node),
        _quiet(node),
        reflective,
    )


def _imported(alias: ast.alias) -> Imported:
    if alias.asname is not None:
        return Imported(alias.asname, alias.name, None)
    return Imported(alias.name.partition(".")[0], alias.name, None)


def _docstrings(node: ast.stmt) -> set[int]:
    return {
        id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    }


def _is_computed_name(call: ast.Call) -> bool:
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name not in _BY_NAME:
        return False
    names = call.args if name in ("attrgetter", "methodcaller") else call.args[1:2]
    return not names or not all(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in names)


def bound_names(statement: ast.stmt) -> set[str]:
    """Names that the statement binds where it stands, those in nested blocks included."""
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    return {name for node in ast.walk(statement) for name in bound_by(node)}


# -- what a statement can do beyond binding its names ---------------------------------------


def _quiet(statement: ast.stmt) -> frozenset[str] | None:
    match statement:
        case ast.FunctionDef(args=arguments, returns=returns) | ast.AsyncFunctionDef(args=arguments, returns=returns):
            # Defaults and annotations are evaluated, and decorators are called, where the function is defined.
            given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            notes = [a.annotation for a in given if a is not None]
            parts = [*arguments.defaults, *arguments.kw_defaults, *notes, returns]
            return _together(_quiet_decorators(statement), *(_harmless(part) for part in parts))
        case ast.ClassDef(bases=bases, keywords=[], decorator_list=[], body=body) if not getattr(
            statement, "type_params", None
        ):
            return _together(*(_harmless(base) for base in bases), *(_quiet_in_class(part) for part in body))
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return frozenset()
        case ast.Assign() if _is_fixed(statement):
            return frozenset()
        case ast.Assign(targets=targets, value=value) if all(_is_name_target(t) for t in targets):
            return _harmless(value)
        case ast.AnnAssign(target=ast.Name(), annotation=note, value=value):
            return _together(_harmless(note), _harmless(value))
    # An import is none: which framework reads a kernel may depend on what its module has imported.
    return None


def _quiet_in_class(statement: ast.stmt) -> frozenset[str] | None:
    match statement:
        case ast.Assign(value=value) | ast.AnnAssign(value=value) if value is not None and not _is_literal(value):
            return None  # a value may be told the name that it gets
    return _quiet(statement)


def _together(*parts: frozenset[str] | None) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for part in parts:
        if part is None:
            return None
        found |= part
    return found


_OPERATORS = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript, ast.Attribute, ast.Slice, ast.BoolOp)
_PLAIN = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Starred, ast.expr_context, ast.operator)
_SIGNS = (ast.unaryop, ast.cmpop, ast.boolop)


def _harmless(value: ast.expr | None) -> frozenset[str] | None:
    """The names whose own operators the expression may run; None where it calls."""
    if value is None:
        return frozenset()
    needed: set[str] = set()
    for part in ast.walk(value):
        if isinstance(part, ast.Name):
            needed.add(part.id)
        elif not isinstance(part, (*_OPERATORS, *_PLAIN, *_SIGNS)):
            return None
    if isinstance(value, ast.Name):
        return frozenset() if isinstance(value.ctx, ast.Load) else None
    return frozenset(needed)


def _quiet_decorators(statement: Function) -> frozenset[str] | None:
    """Whether all decorators are known to act on the function alone, and the names that this rests on."""
    needed: set[str] = set()
    for decorator in statement.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = dotted(call.func if call else decorator)
        if (name or "").rpartition(".")[2] not in _QUIET_DECORATORS:
            return None
        needed.add((name or "").partition(".")[0])
        for argument in (*call.args, *(k.value for k in call.keywords)) if call is not None else ():
            if isinstance(argument, ast.Lambda) and not argument.args.defaults and not argument.args.kw_defaults:
                continue  # a grid, which is not called here
            if (names := _harmless(argument)) is None:
                return None
            needed |= names
    return frozenset(needed)


def decorator_names(node: ast.AST) -> frozenset[str]:
    """The dotted names by which an import makes ``stile_engine.kernel`` reachable, or ``jit`` of the typed dialect
    for Triton: what stands under a decorator of such a name is a kernel."""
    match node:
        case ast.ImportFrom(module="stile_engine", level=0, names=aliases):
            found = {a.asname or a.name for a in aliases if a.name == "kernel"}
            found |= {"kernel" for a in aliases if a.name == "*"}
            return frozenset(found | {f"{a.asname or a.name}.jit" for a in aliases if a.name == "triton"})
        case ast.ImportFrom(module="stile_engine.triton", level=0, names=aliases):
            return frozenset(a.asname or a.name for a in aliases if a.name == "jit")
        case ast.Import(names=aliases):
            found = {f"{a.asname or a.name}.kernel" for a in aliases if a.name == "stile_engine"}
            return frozenset(found | {f"{a.asname or a.name}.jit" for a in aliases if a.name == "stile_engine.triton"})
    return frozenset()


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` as text; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _is_name_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_name_target(part) for part in node.elts)
    return isinstance(node, ast.Name)


def _is_fixed(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=targets, value=value):
            return all(_is_name_target(t) for t in targets) and _is_literal(value)
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value is not None and _is_literal(value)
    return False


def _makers(statement: ast.stmt) -> frozenset[str]:
    """``d`` of ``a, b = d("a", 2), d("b", 3)``."""
    match statement:
        case ast.Assign(targets=targets, value=value) if all(_is_name_target(t) for t in targets):
            parts = value.elts if isinstance(value, ast.Tuple) else [value]
            made = {dotted(p.func) if isinstance(p, ast.Call) else None for p in parts}
            return frozenset(name for name in made if name is not None) if None not in made else frozenset()
    return frozenset()


def _aliases(statement: ast.stmt) -> frozenset[str]:
    """``np`` of ``xp, pi = np, np.pi``."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return frozenset()
    value = statement.value
    names = [dotted(part) for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
    return frozenset(name.partition(".")[0] for name in names if name is not None)


def _is_literal(value: ast.expr) -> bool:
    """A value made of numbers and texts alone, of which nothing can be changed later."""
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.unaryop, ast.operator, ast.expr_context)
    return all(isinstance(part, allowed) for part in ast.walk(value))


# -- tokens ---------------------------------------------------------------------------------


def _tokens(source: str) -> tuple[str, tuple[tuple[int, int, int, int], ...]]:
    digest = hashlib.blake2b(digest_size=16)
    places: list[tuple[int, int, int, int]] = []
    skipped = (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    # Lines as the language has them: a form feed or U+2028 ends none.
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            kind = token.type
            if kind in skipped or (kind == tokenize.COMMENT and not _IGNORE.match(token.string)):
                continue
            if kind in (tokenize.INDENT, tokenize.DEDENT):
                digest.update(b"\1" if kind == tokenize.INDENT else b"\2")
                continue
            digest.update(token.string.encode("utf-8", "surrogatepass") + b"\0")
            places.append((token.start[0] - 1, token.start[1], token.end[0] - 1, token.end[1]))
    except (tokenize.TokenError, SyntaxError):
        # Half of it cannot be compared token by token; then every character counts.
        return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), ()
    return digest.hexdigest(), tuple(places)
