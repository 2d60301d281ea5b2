"""From the text of a typed kernel to plain Triton: slices of dims become addresses and masks.

What is made is an ordinary ``@triton.jit`` function, which is compiled, run and proved like any other; nothing is
decided here but what the words of the dialect mean. The expressions of its text remember where they come from.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NoReturn

from stile_engine.errors import StileError
from stile_engine.index.dims import Dim
from stile_engine.spec.syntax import SpecError, parse
from stile_engine.spec.syntax.tree import DimRef, Operand, walk
from stile_engine.trace.frontend import TraceError
from stile_engine.trace.source_map import site_of
from stile_engine.triton.adapter import CLAIM
from stile_engine.triton.claims import Claimed
from stile_engine.triton.dialect import words
from stile_engine.triton.dialect.lengths import Length, length_of
from stile_engine.triton.dialect.predicates import condition_of
from stile_engine.typed.predicates import parse_predicate
from stile_engine.typed.shape import shape_of

_UNKNOWN = object()


@dataclass(frozen=True)
class Pointer:
    """A parameter that points to a tensor over these dims, row by row."""

    name: str
    dims: tuple[Dim, ...]


@dataclass(frozen=True)
class Lowered:
    """``tree`` is the function with the places of the user's text, ``text`` the same as Triton gets it."""

    text: str
    tree: ast.FunctionDef
    path: str
    claims: tuple[Claimed, ...] = ()


@dataclass(frozen=True)
class _Tile:
    """``D[lo:hi]`` as written at ``node``."""

    dim: Dim
    low: ast.expr
    length: Length
    size: int
    node: ast.expr


def size_name(dim: Dim, taken: frozenset[str] = frozenset()) -> str:
    """The parameter that a symbolic size is given in."""
    name = f"size_{dim.name}"
    while name in taken:
        name += "_"
    return name


def definition_of(function: Any) -> tuple[ast.FunctionDef, str]:
    """The function's own text as a tree with the places of its file, and the path of the file."""
    lines, start = inspect.getsourcelines(function)
    text = textwrap.dedent("".join(lines))
    indent = len(lines[0]) - len(lines[0].lstrip())
    tree = ast.parse(text).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise TraceError("ttl.jit decorates a function that is defined with def")
    ast.increment_lineno(tree, start - 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.arg | ast.keyword):
            node.col_offset += indent
            node.end_col_offset = (node.end_col_offset or 0) + indent
    return tree, inspect.getsourcefile(function) or ""


@dataclass
class Lowering(ast.NodeTransformer):
    """One function with one choice of constants. ``sizes`` names the parameters of symbolic dims, ``standing`` holds
    the numbers, dims and texts that names stood for when the kernel was defined: they do not change any more."""

    function: Any
    pointers: Mapping[str, Pointer]
    constants: Mapping[str, Any]
    sizes: Mapping[str, str]
    standing: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    claims: list[Claimed] = field(default_factory=list)
    _local: set[str] = field(default_factory=set)
    _bound: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    _tiles: dict[str, tuple[_Tile, ...]] = field(default_factory=dict)
    _loads: dict[str, ast.Call] = field(default_factory=dict)
    _gathered: set[str] = field(default_factory=set)
    """Names of tiles that only gathers use: nothing else of them is read."""

    def run(self) -> Lowered:
        """Raises ``TraceError`` at the part of the text that breaks a rule of the dialect."""
        tree, self.path = definition_of(self.function)
        self._local = {a.arg for a in _arguments(tree)}
        self._note_bindings(tree)
        self._note_gathers(tree)
        found = copy.deepcopy(tree)
        found.decorator_list, found.returns = [], None
        for argument in _arguments(found):
            argument.annotation = _constexpr() if self._is_constant(argument) else None
        found.args.args += [ast.arg(name) for name in self.sizes.values()]
        found.body = [self._statement(s) for s in found.body]
        ast.fix_missing_locations(found)
        return Lowered(ast.unparse(found) + "\n", found, self.path, tuple(self.claims))

    def _is_constant(self, argument: ast.arg) -> bool:
        written = argument.annotation
        name = written.attr if isinstance(written, ast.Attribute) else getattr(written, "id", None)
        return name == "constexpr" or argument.arg in self.constants

    # -- names -----------------------------------------------------------------------------

    def _note_bindings(self, tree: ast.FunctionDef) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bound.setdefault(name, []).append(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._bound.setdefault(name, []).append(value)
                case ast.Name(id=name, ctx=ast.Store()):
                    self._local.add(name)
        stored: dict[str, int] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stored[node.id] = stored.get(node.id, 0) + 1
        # A name that anything else binds as well has no one meaning.
        self._bound = {n: v for n, v in self._bound.items() if stored[n] == 1 and n not in self._parameters(tree)}

    def _note_gathers(self, tree: ast.FunctionDef) -> None:
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and self._resolve(n.func) is words.gather]
        sources = [c.args[0] for c in calls if c.args and isinstance(c.args[0], ast.Name)]
        reads = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        names = [s.id for s in sources if isinstance(s, ast.Name)]
        self._gathered = {n for n in names if reads.count(n) == names.count(n)}

    @staticmethod
    def _parameters(tree: ast.FunctionDef) -> set[str]:
        return {a.arg for a in _arguments(tree)}

    def _meaning(self, name: str) -> ast.expr | None:
        found = self._bound.get(name)
        if found is not None:
            return found[0]
        value = self._global(name)
        if isinstance(value, Dim):
            return self._size(value, ast.Name(name, ast.Load()))
        if isinstance(value, int) and not isinstance(value, bool):
            return ast.Constant(value)
        return None

    def _global(self, name: str) -> Any:
        if name in self._local:
            return _UNKNOWN
        if name in self.standing:
            return self.standing[name]
        cells = dict(zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True))
        if name in cells:
            try:
                return cells[name].cell_contents
            except ValueError:
                return _UNKNOWN
        return self.function.__globals__.get(name, _UNKNOWN)

    def _resolve(self, node: ast.expr) -> Any:
        """What a name of the module, or an attribute of a module, stands for."""
        match node:
            case ast.Name(id=name):
                return self._global(name)
            case ast.Attribute(value=value, attr=name):
                owner = self._resolve(value)
                if isinstance(owner, ModuleType | Dim):
                    return getattr(owner, name, _UNKNOWN)
        return _UNKNOWN

    def _size(self, dim: Dim, node: ast.expr) -> ast.expr:
        """The size of a dim: a number, or the parameter that it is given in."""
        if dim.name in self.sizes:
            return ast.copy_location(ast.Name(self.sizes[dim.name], ast.Load()), node)
        if dim.concrete is None:
            self._fail(node, f"the dim {dim.name} is no dim of an input or an output of this kernel", "dim-mismatch")
        return ast.copy_location(ast.Constant(dim.concrete), node)

    def _fail(self, node: ast.AST, message: str, code: str | None = None, related: Any = ()) -> NoReturn:
        assert isinstance(node, ast.expr | ast.stmt | ast.arg)
        raise TraceError(message, site_of(node, self.path), code=code, related=related)

    # -- statements and expressions --------------------------------------------------------

    def _statement(self, node: ast.stmt) -> ast.stmt:
        found = self.visit(node)
        assert isinstance(found, ast.stmt)
        return found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        value = self._global(node.id)
        if isinstance(value, Dim):
            return self._size(value, node)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A kernel may not read a global that is no constexpr: here it is the number that it holds.
            return ast.copy_location(ast.Constant(value), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        owner = self._resolve(node.value)
        if isinstance(owner, Dim) and node.attr == "size":
            return self._size(owner, node)
        return node if self._resolve(node) is not _UNKNOWN else _expression(self.generic_visit(node))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(self._resolve(node.value), Dim):
            self._fail(node, "a slice of a dim stands in ttl.load, ttl.store, ttl.zeros, ttl.full and ttl.mask only")
        return _expression(self.generic_visit(node))

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call):
            name, word = node.targets[0].id, self._resolve(node.value.func)
            if word is words.load:
                self._loads[name] = node.value
                if name in self._gathered:
                    return ast.copy_location(ast.Pass(), node)
            if word in (words.load, words.zeros, words.full, words.mask):
                given = node.value.args[1:] if word is words.load else node.value.args
                self._tiles[name] = tuple(self._tile(a) for a in given)
        found = self.generic_visit(node)
        assert isinstance(found, ast.stmt)
        return found

    def visit_For(self, node: ast.For) -> ast.stmt:
        claims: list[ast.stmt] = []
        over = node.iter
        if isinstance(over, ast.Call) and (word := self._resolve(over.func)) in (words.range, words.static_range):
            if over.keywords and word is words.static_range:
                self._fail(over, "ttl.static_range takes its bounds and its step")
            for keyword in over.keywords:
                if keyword.arg != "invariant":
                    self._fail(keyword.value, f"ttl.range has no option {keyword.arg}")
                claims = self._claims(node, keyword.value)
            bounds = [_expression(self.visit(a)) for a in over.args]
            named = _attribute("tl", "static_range") if word is words.static_range else ast.Name("range", ast.Load())
            iterated: ast.expr = ast.copy_location(ast.Call(named, bounds, []), over)
        else:
            iterated = _expression(self.visit(over))
        body = [self._statement(s) for s in node.body]
        if node.orelse:
            self._fail(node, "a loop with else has no model")
        return ast.copy_location(ast.For(node.target, iterated, [*claims, *body], []), node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        word = self._resolve(node.func)
        made: dict[Any, Callable[[ast.Call], ast.expr]] = {
            words.load: self._load,
            words.store: self._store,
            words.zeros: self._zeros,
            words.full: self._full,
            words.mask: self._mask,
            words.gather: self._gather,
        }
        try:
            lower = made.get(word)
        except TypeError:  # something that cannot be looked up is none of these
            lower = None
        if lower is not None:
            return _expression(ast.copy_location(_located(lower(node), node), node))
        if word in (words.range, words.static_range):
            self._fail(node, "ttl.range stands in a for statement")
        return _expression(self.generic_visit(node))

    # -- slices ----------------------------------------------------------------------------

    def _tile(self, node: ast.expr) -> _Tile:
        if isinstance(node, ast.Subscript):
            dim = self._resolve(node.value)
            if isinstance(dim, Dim) and isinstance(node.slice, ast.Slice) and node.slice.step is None:
                whole = self._size(dim, node)
                low, high = node.slice.lower or ast.Constant(0), node.slice.upper or whole
                return self._cut(dim, low, high, node)
        elif isinstance(dim := self._resolve(node), Dim):
            return self._cut(dim, ast.Constant(0), self._size(dim, node), node)
        self._fail(node, f"expected a dim or a slice of one, such as K or K[k:k + BK], not {ast.unparse(node)}")

    def _cut(self, dim: Dim, low: ast.expr, high: ast.expr, node: ast.expr) -> _Tile:
        length = length_of(high, self._meaning).plus(length_of(low, self._meaning), -1)
        text = ast.unparse(node)
        numbers = {n: v for n, v in self.constants.items() if isinstance(v, int) and not isinstance(v, bool)}
        try:
            size = length.value(numbers)
        except KeyError as unknown:
            self._fail(
                node,
                f"the length of {text} is not fixed when the kernel is compiled, as it depends on {unknown.args[0]}: "
                "write it as lo:lo + BLOCK with a constant BLOCK",
            )
        if size <= 0:
            self._fail(node, f"the slice {text} is empty or negative: it has {size} elements", "out-of-bounds")
        lowered = _expression(self.visit(copy.deepcopy(low)))
        return _Tile(dim, ast.copy_location(lowered, low) if hasattr(low, "lineno") else lowered, length, size, node)

    def _place(self, tile: _Tile, axis: int, rank: int) -> ast.expr:
        """``lo + tl.arange(0, L)``, along its axis."""
        lanes = ast.Call(_attribute("tl", "arange"), [ast.Constant(0), tile.length.expression()], [])
        own: ast.expr = lanes
        if not (isinstance(tile.low, ast.Constant) and tile.low.value == 0):
            own = ast.BinOp(copy.deepcopy(tile.low), ast.Add(), lanes)
        return self._along(ast.copy_location(own, tile.node), axis, rank)

    def _inside(self, tiles: Mapping[int, _Tile], rank: int) -> ast.expr | None:
        """Where the lanes lie inside of the dims, if that is in question: a tile whose length divides every size of
        its dim lies inside or outside as a whole, and outside it is an error."""
        found: ast.expr | None = None
        for axis, tile in tiles.items():
            whole = tile.dim.concrete if tile.dim.concrete is not None else tile.dim.multiple_of
            if whole % tile.size == 0:
                continue
            size = self._size(tile.dim, tile.node)
            here = ast.Compare(self._place(tile, axis, rank), [ast.Lt()], [size])
            found = here if found is None else ast.BinOp(found, ast.BitAnd(), here)
        return found

    def _address(self, pointer: Pointer, node: ast.expr, places: Sequence[ast.expr]) -> ast.expr:
        found: ast.expr = ast.copy_location(ast.Name(pointer.name, ast.Load()), node)
        offset: ast.expr | None = None
        for axis, place in enumerate(places):
            term = place
            for dim in pointer.dims[axis + 1 :]:
                term = ast.BinOp(term, ast.Mult(), self._size(dim, node))
            offset = term if offset is None else ast.BinOp(offset, ast.Add(), term)
        return found if offset is None else ast.copy_location(ast.BinOp(found, ast.Add(), offset), node)

    def _pointer(self, node: ast.Call, what: str) -> Pointer:
        if not node.args or not isinstance(node.args[0], ast.Name) or node.args[0].id not in self.pointers:
            known = ", ".join(self.pointers)
            self._fail(
                node.args[0] if node.args else node,
                f"ttl.{what} takes a pointer of the kernel first: {known or 'it has none'}",
                "spec-shape",
            )
        return self.pointers[node.args[0].id]

    def _agrees(self, node: ast.Call, pointer: Pointer, dims: Sequence[Dim], slices: Sequence[ast.expr]) -> None:
        """The slices must be of the pointer's own dims, in their order."""
        wanted, found = [d.name for d in pointer.dims], [d.name for d in dims]
        if wanted == found:
            return
        at: ast.expr = node
        if len(wanted) == len(found):
            at = next(s for s, w, f in zip(slices, wanted, found, strict=True) if w != f)
        self._fail(
            at,
            f"{pointer.name} has dims {' '.join(wanted) or '(none)'}, and the slices here are of "
            f"{' '.join(found) or '(none)'}: a slice is of the dim of its axis",
            "dim-mismatch",
        )

    # -- words -----------------------------------------------------------------------------

    def _load(self, node: ast.Call) -> ast.expr:
        pointer = self._pointer(node, "load")
        tiles = [self._tile(a) for a in node.args[1:]]
        self._agrees(node, pointer, [t.dim for t in tiles], node.args[1:])
        options = self._options(node, "other")
        places = [self._place(t, a, len(tiles)) for a, t in enumerate(tiles)]
        inside = self._inside(dict(enumerate(tiles)), len(tiles))
        return self._read(pointer, node.args[0], places, inside, options.get("other"))

    def _store(self, node: ast.Call) -> ast.expr:
        pointer = self._pointer(node, "store")
        if len(node.args) < 2:
            self._fail(node, "ttl.store takes a pointer, a value, and a slice for each dim")
        tiles = [self._tile(a) for a in node.args[2:]]
        self._agrees(node, pointer, [t.dim for t in tiles], node.args[2:])
        self._options(node)
        places = [self._place(t, a, len(tiles)) for a, t in enumerate(tiles)]
        value = _expression(self.visit(node.args[1]))
        inside = self._inside(dict(enumerate(tiles)), len(tiles))
        keywords = [] if inside is None else [ast.keyword("mask", inside)]
        address = self._address(pointer, node.args[0], places)
        return ast.Call(_attribute("tl", "store"), [address, value], keywords)

    def _zeros(self, node: ast.Call) -> ast.expr:
        options = self._options(node, "dtype")
        return ast.Call(_attribute("tl", "zeros"), [self._block(node), _dtype(options)], [])

    def _full(self, node: ast.Call) -> ast.expr:
        options = self._options(node, "dtype", "value")
        if "value" not in options:
            self._fail(node, "ttl.full needs value=")
        return ast.Call(_attribute("tl", "full"), [self._block(node), options["value"], _dtype(options)], [])

    def _block(self, node: ast.Call) -> ast.expr:
        return ast.Tuple([self._tile(a).length.expression() for a in node.args], ast.Load())

    def _mask(self, node: ast.Call) -> ast.expr:
        tiles = [self._tile(a) for a in node.args]
        options = self._options(node, "predicate", "on", "off", "dtype")
        text = self._text(options.get("predicate", node))
        try:
            shape = shape_of([t.dim for t in tiles])
            predicate = parse_predicate(text, shape)
        except StileError as error:
            self._fail(options.get("predicate", node), error.message, error.code)
        places = {t.dim.name: self._place(t, a, len(tiles)) for a, t in enumerate(tiles)}
        try:
            condition = condition_of(predicate, places, {f"#{d}": n for d, n in self._multiples().items()})
        except LookupError as error:
            self._fail(options.get("predicate", node), f"the predicate {text!r} {error.args[0]}", "dim-mismatch")
        block = self._block(node)
        sides = [
            ast.Call(_attribute("tl", "full"), [copy.deepcopy(block), options.get(side, default), _dtype(options)], [])
            for side, default in (("on", ast.Constant(1.0)), ("off", ast.Constant(0.0)))
        ]
        return ast.Call(_attribute("tl", "where"), [condition, *sides], [])

    def _multiples(self) -> dict[str, tuple[str, int]]:
        """For the unknown of each symbolic size its parameter, and how many the unknown counts at a time."""
        dims = {d.name: d for p in self.pointers.values() for d in p.dims}
        return {name: (own, dims[name].multiple_of) for name, own in self.sizes.items() if name in dims}

    def _gather(self, node: ast.Call) -> ast.expr:
        """``ttl.gather(tile, D, idx)`` of a tile that was loaded over the whole of D: along D the element that each
        index names. Only these elements are read."""
        source = node.args[0] if node.args else node
        load = self._loads.get(source.id) if isinstance(source, ast.Name) else None
        if load is None or len(node.args) != 3:
            self._fail(source, "ttl.gather takes a name that ttl.load was assigned to, a dim, and a block of indices")
        pointer, dim = self._pointer(load, "load"), self._resolve(node.args[1])
        slices = load.args[1:]
        whole = [k for k, a in enumerate(slices) if self._resolve(a) is dim]
        if not isinstance(dim, Dim) or not whole:
            self._fail(
                node.args[1],
                f"{ast.unparse(source)} was not loaded over the whole of {ast.unparse(node.args[1])}: an index counts "
                "from the start of the dim, not of a slice",
                "dim-mismatch",
            )
        along, rank = whole[0], len(slices)
        tiles = {k: self._tile(a) for k, a in enumerate(slices) if k != along}
        self._agrees(load, pointer, [dim if k == along else tiles[k].dim for k in range(rank)], list(slices))
        options = {**self._options(load, "other"), **self._options(node, "mask", "other")}
        index = _expression(self.visit(node.args[2]))
        places = [self._along(index, k, rank) if k == along else self._place(tiles[k], k, rank) for k in range(rank)]
        inside = self._inside(tiles, rank)
        if "mask" in options:
            own = self._along(options["mask"], along, rank)
            inside = own if inside is None else ast.BinOp(inside, ast.BitAnd(), own)
        return self._read(pointer, node.args[0], places, inside, options.get("other"))

    @staticmethod
    def _along(node: ast.expr, axis: int, rank: int) -> ast.expr:
        if rank == 1:
            return node
        index: list[ast.expr] = [ast.Slice() if a == axis else ast.Constant(None) for a in range(rank)]
        return ast.copy_location(ast.Subscript(node, ast.Tuple(index, ast.Load()), ast.Load()), node)

    def _read(
        self,
        pointer: Pointer,
        node: ast.expr,
        places: Sequence[ast.expr],
        inside: ast.expr | None,
        other: ast.expr | None,
    ) -> ast.expr:
        keywords = [] if inside is None else [ast.keyword("mask", inside)]
        if inside is not None and other is not None:
            keywords.append(ast.keyword("other", other))
        return ast.Call(_attribute("tl", "load"), [self._address(pointer, node, places)], keywords)

    def _options(self, node: ast.Call, *names: str) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        for keyword in node.keywords:
            if keyword.arg not in names:
                known = ", ".join(f"{n}=" for n in names) or "none"
                self._fail(keyword.value, f"{ast.unparse(node.func)} has no option {keyword.arg}; it has {known}")
            found[keyword.arg] = _expression(self.visit(keyword.value))
        return found

    def _text(self, node: ast.expr) -> str:
        """A text that is written out, with the constants of the kernel in its braces."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(self._text(p) for p in parts)
            case ast.FormattedValue(value=ast.Name(id=name)) if name in self.constants:
                return str(self.constants[name])
            case ast.FormattedValue(value=ast.Constant(value=value)):
                return str(value)
            case ast.Name() if isinstance(value := self._resolve(node), str):
                return value
        self._fail(node, "expected a text that is written out, such as 'K <= Q'")

    # -- invariants ------------------------------------------------------------------------

    def _fixed(self, node: ast.expr) -> int | None:
        """The number that the expression is when the kernel is compiled, if it is one."""
        numbers = {n: v for n, v in self.constants.items() if isinstance(v, int) and not isinstance(v, bool)}
        try:
            return length_of(node, self._meaning).value(numbers)
        except KeyError:
            return None

    def _numbered(self, spec: str) -> str:
        """The spec with the numbers of constants in their place."""
        numbers = {n: v for n, v in self.constants.items() if isinstance(v, int) and not isinstance(v, bool)}
        return re.sub(r"[^\W\d]\w*", lambda word: str(numbers.get(word[0], word[0])), spec)

    def _claims(self, loop: ast.For, node: ast.expr) -> list[ast.stmt]:
        if not isinstance(node, ast.Dict) or not isinstance(loop.target, ast.Name):
            self._fail(node, "invariant= is a dict from names that the loop carries to specs")
        found: list[ast.stmt] = []
        for key, value in zip(node.keys, node.values, strict=True):
            name = self._text(key) if key is not None else ""
            tiles = self._tiles.get(name)
            if tiles is None:
                self._fail(
                    key or node,
                    f"nothing says which tile {name!r} is before the loop: make it with ttl.zeros, ttl.full or "
                    "ttl.load",
                )
            spec = self._numbered(self._text(value))
            symbols = tuple(sorted(_words(spec) & (self._local - _dims_and_labels(spec))))
            site = site_of(value, self.path)
            number = len(self.claims)
            places: list[ast.expr] = [copy.deepcopy(t.low) for t in tiles]
            places += [ast.Name(s, ast.Load()) for s in symbols]
            fixed = tuple(self._fixed(p) for p in places)
            self.claims.append(Claimed(name, spec, tuple(t.dim for t in tiles), symbols, fixed, site))
            operands = [p for p, known in zip(places, fixed, strict=True) if known is None]
            call = ast.Call(ast.Name(f"{CLAIM}_{number}", ast.Load()), operands, [])
            found.append(ast.copy_location(_located(ast.Expr(call), value), value))
        return found


def claim_helpers(claims: Sequence[Claimed]) -> str:
    """The helper functions that mark where claims are made, and are given what these speak of. They do nothing."""
    texts: list[str] = []
    for number, claim in enumerate(claims):
        places = ", ".join(f"p{k}" for k, known in enumerate(claim.fixed) if known is None)
        texts.append(f"def {CLAIM}_{number}({places}):\n    return\n")
    return "\n".join(texts)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))


def _dims_and_labels(spec: str) -> set[str]:
    """The words of a spec that name what it has itself; raises nothing, a spec that is wrong is told of later."""
    try:
        nodes = [node for node, _ in walk(parse(spec))]
    except SpecError:
        return set()
    return {n.name.text for n in nodes if isinstance(n, DimRef)} | {
        n.label.text for n in nodes if isinstance(n, Operand) and n.label is not None
    }


def _arguments(tree: ast.FunctionDef) -> Iterator[ast.arg]:
    yield from (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs)


def _attribute(owner: str, name: str) -> ast.expr:
    return ast.Attribute(ast.Name(owner, ast.Load()), name, ast.Load())


def _constexpr() -> ast.expr:
    return _attribute("tl", "constexpr")


def _dtype(options: Mapping[str, ast.expr]) -> ast.expr:
    return options.get("dtype", _attribute("tl", "float32"))


def _expression(node: Any) -> ast.expr:
    assert isinstance(node, ast.expr)
    return node


def _located(node: Any, origin: ast.expr) -> Any:
    """The made expression, whose parts stand where they were made from, or else where the whole does."""
    for part in ast.walk(node):
        if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
            ast.copy_location(part, origin)
    return node
