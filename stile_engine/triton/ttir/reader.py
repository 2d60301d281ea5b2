"""The text of a TTIR module to its tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError, UnexpectedInput

from stile_engine.grammar import Grammar
from stile_engine.triton.ttir.tree import (
    Attribute,
    Block,
    Function,
    Module,
    Operation,
    Parameter,
    Place,
    Region,
    Successor,
    TtirError,
    Type,
)

TTIR = Grammar(Path(__file__).with_name("ttir.lark"), {"start": "module", "maybe_placeholders": False})


@cache
def _parser() -> Lark:
    return TTIR.parser()


def read_module(text: str) -> Module:
    """Raises ``TtirError`` with the line of the text that could not be read."""
    try:
        tree = _parser().parse(text)
        builder = _Builder(_places(tree))
        return builder.transform(tree)
    except UnexpectedInput as error:
        line = text.splitlines()[error.line - 1].strip() if 0 < error.line <= text.count("\n") + 1 else ""
        raise TtirError(f"this line of the compiler's output could not be read: {line[:120]}") from error
    except LarkError as error:
        raise TtirError(f"the compiler's output could not be read: {error}") from error


# -- types ---------------------------------------------------------------------------------

_BLOCK = re.compile(r"tensor<((?:\d+x)*)(.*)>$", re.DOTALL)
_POINTER = re.compile(r"!tt\.ptr<([^,>]*(?:<[^>]*>)?)(?:,\s*\d+)?>$")


@lru_cache(maxsize=4096)
def read_type(text: str) -> Type:
    """A type as it is printed. Types without a model keep their text as the element."""
    shape: tuple[int, ...] = ()
    inner = text
    block = _BLOCK.match(text)
    if block is not None:
        shape = tuple(int(n) for n in block.group(1).split("x") if n)
        inner = block.group(2).split(",")[0].strip() if not block.group(2).startswith("!") else block.group(2)
    pointer = _POINTER.match(inner)
    if pointer is not None:
        return Type(shape, "ptr", pointer.group(1).strip())
    return Type(shape, inner)


# -- places --------------------------------------------------------------------------------


def _places(tree: Tree[Token]) -> dict[str, Tree[Token]]:
    """The named places, which stand before and after the code that names them."""
    return {
        str(alias.children[0]).partition(" ")[0]: cast("Tree[Token]", alias.children[1])
        for alias in tree.children
        if isinstance(alias, Tree) and alias.data == "alias"
    }


class _Places:
    """Places by their name, each read once."""

    def __init__(self, named: dict[str, Tree[Token]]) -> None:
        self._named = named
        self._known: dict[str, Place | None] = {}

    def named(self, name: str) -> Place | None:
        if name not in self._known:
            self._known[name] = None  # a place that names itself has none
            tree = self._named.get(name)
            self._known[name] = None if tree is None else self.read(tree)
        return self._known[name]

    def read(self, tree: Any) -> Place | None:
        if not tree.children:
            return None
        inner = tree.children[0]
        if tree.data == "place":
            return self.named(str(inner)[4:-1]) if _is(inner, "REFERENCE") else self.read(inner)
        match tree.data:
            case "named_place":
                return self.named(str(inner))
            case "source_place":
                path, line, column = str(inner).rsplit(":", 2)
                return Place(_unquoted(path), int(line), int(column))
            case "value_place":
                name, _, place = str(inner).rpartition("(") if _is(inner, "NAMED") else (str(inner), "", "")
                below = self.named(place[:-1]) if place else self.read(tree.children[1])
                if below is None:
                    return None
                return Place(below.path, below.line, below.column, _unquoted(name), below.caller)
            case "call_place":
                callee, caller = self.read(inner), self.read(tree.children[1])
                if callee is None:
                    return caller
                chain = list(callee.chain())
                found = caller
                for step in reversed(chain):
                    found = Place(step.path, step.line, step.column, step.name, found)
                return found
            case "fused_place":
                below_all = [self.read(c) for c in tree.children if isinstance(c, Tree)]
                return next((p for p in below_all if p is not None), None)
            case _:
                return None


# -- operations ----------------------------------------------------------------------------


class _Builder(Transformer[Token, Module]):
    def __init__(self, named: dict[str, Tree[Token]]) -> None:
        super().__init__(visit_tokens=False)
        self._places = _Places(named)

    def module(self, children: list[Any]) -> Module:
        return Module(tuple(c for c in children if isinstance(c, Function)))

    def alias(self, _children: list[Any]) -> None:
        return None

    def place(self, children: list[Any]) -> _Located:
        # A location has no method of its own here: it stays a tree until the place around it is read.
        inner = children[0]
        return _Located(self._places.read(inner) if isinstance(inner, Tree) else self._places.named(inner[4:-1]))

    def function(self, children: list[Any]) -> Function:
        symbol = next(c for c in children if isinstance(c, Token) and c.type == "SYMBOL")
        parameters = tuple(c for c in children if isinstance(c, Parameter))
        region = next(c for c in children if isinstance(c, Region))
        return Function(str(symbol).removeprefix("@"), parameters, region, _place_of(children))

    def parameter(self, children: list[Any]) -> Parameter:
        attributes = next((c for c in children if isinstance(c, dict)), {})
        return Parameter(str(children[0]), read_type(str(children[1])), attributes)

    def region(self, children: list[Any]) -> Region:
        first = tuple(c for c in children if isinstance(c, Operation))
        blocks = tuple(c for c in children if isinstance(c, Block))
        return Region((Block(None, (), first), *blocks) if first or not blocks else blocks)

    def block(self, children: list[Any]) -> Block:
        parameters = tuple(c for c in children if isinstance(c, Parameter))
        operations = tuple(c for c in children if isinstance(c, Operation))
        return Block(str(children[0]), parameters, operations)

    def result(self, children: list[Any]) -> tuple[str, int | None]:
        return str(children[0]), int(children[1]) if len(children) > 1 else None

    def results(self, children: list[Any]) -> _Results:
        names: list[str] = []
        for name, count in children:
            names += [name] if count is None else [f"{name}#{k}" for k in range(count)]
        return _Results(tuple(names))

    def operation(self, children: list[Any]) -> Operation:
        results = next((c.names for c in children if isinstance(c, _Results)), ())
        form: _Form = next(c for c in children if isinstance(c, _Form))
        if len(results) == 1 and len(form.result_types) == 0 and form.operand_types and not form.has_arrow:
            form.result_types = form.operand_types[-1:]
        return Operation(
            form.name,
            results,
            tuple(form.operands),
            tuple(form.words),
            form.attributes,
            tuple(form.operand_types),
            tuple(form.result_types),
            tuple(form.regions),
            tuple(form.successors),
            _place_of(children),
        )

    def plain(self, children: list[Any]) -> _Form:
        form = _Form(str(children[0]))
        items = children[1:]
        end = _signature_start(items)
        for position, item in enumerate(items[:end]):
            before = items[position - 1] if position else None
            after = items[position + 1] if position + 1 < end else None
            if isinstance(item, dict):
                form.attributes.update(item)
            elif isinstance(item, Successor):
                form.successors.append(item)
            elif item.type == "VALUE":
                form.operands.append(str(item))
            elif _is(before, "EQUALS"):
                key = str(items[position - 2])
                form.attributes[key] = _number(item) if item.type in _NUMBERS else _unquoted(str(item))
            elif item.type in ("WORD", "TYPE") and not _is(after, "EQUALS"):
                form.words.append(str(item))
            elif item.type in ("DENSE", *_NUMBERS):
                form.attributes["value"] = str(item)
            elif item.type in ("SYMBOL", "ANGLED", "STRING"):
                form.words.append(str(item))
        rest = items[end:]
        for item in rest:
            if isinstance(item, dict):
                form.attributes.update(item)
        form.sign([t for t in rest if isinstance(t, Token)])
        return form

    def generic(self, children: list[Any]) -> _Form:
        form = _Form(_unquoted(str(children[0])))
        for child in children[1:]:
            if isinstance(child, dict):
                form.attributes.update(child)
            elif isinstance(child, Region):
                form.regions.append(child)
            elif isinstance(child, Token) and child.type == "VALUE":
                form.operands.append(str(child))
            elif isinstance(child, _Signature):
                form.sign(child.tokens)
        return form

    def signature(self, children: list[Any]) -> _Signature:
        return _Signature(children)

    def loop(self, children: list[Any]) -> _Form:
        form = _Form("scf.for")
        values = [str(c) for c in children if isinstance(c, Token) and c.type == "VALUE"]
        carried = next((c for c in children if isinstance(c, _Carried)), _Carried((), (), ()))
        form.operands = [*values[1:], *carried.initial]
        form.result_types = list(carried.types)
        types = [read_type(str(c)) for c in children if isinstance(c, Token) and c.type == "TYPE"]
        own = types[0] if types else Type((), "index")
        form.operand_types = [own]
        form.has_arrow = True
        if any(_is(c, "UNSIGNED") for c in children):
            form.words.append("unsigned")
        region = next(c for c in children if isinstance(c, Region))
        parameters = (Parameter(values[0], own), *map(Parameter, carried.names, carried.types))
        form.regions = [_with_parameters(region, parameters)]
        form.attributes = next((c for c in children if isinstance(c, dict)), {})
        return form

    def carried(self, children: list[Any]) -> _Carried:
        values = [str(c) for c in children if c.type == "VALUE"]
        types = tuple(read_type(str(c)) for c in children if c.type == "TYPE")
        return _Carried(tuple(values[::2]), tuple(values[1::2]), types)

    def conditional(self, children: list[Any]) -> _Form:
        form = _Form("scf.if")
        form.operands = [str(c) for c in children if isinstance(c, Token) and c.type == "VALUE"]
        form.result_types = [read_type(str(c)) for c in children if isinstance(c, Token) and c.type == "TYPE"]
        form.regions = [c for c in children if isinstance(c, Region)]
        form.has_arrow = True
        return form

    def while_loop(self, children: list[Any]) -> _Form:
        form = _Form("scf.while")
        values = [str(c) for c in children if isinstance(c, Token) and c.type == "VALUE"]
        form.operands = values[1::2]
        form.regions = [c for c in children if isinstance(c, Region)]
        form.sign(next(c for c in children if isinstance(c, _Signature)).tokens)
        return form

    def successor(self, children: list[Any]) -> Successor:
        return Successor(str(children[0]), tuple(str(c) for c in children[1:] if c.type == "VALUE"))

    def dictionary(self, children: list[Any]) -> dict[str, Attribute]:
        return dict(children)

    def entry(self, children: list[Any]) -> tuple[str, Attribute]:
        return _unquoted(str(children[0])), children[1] if len(children) > 1 else True

    def value(self, children: list[Any]) -> Attribute:
        first = children[0] if children else ()
        if isinstance(first, dict):
            return first
        if isinstance(first, Token):
            if first.type in _NUMBERS:
                return _number(first)
            if first.type == "ARRAY":
                return tuple(int(n) for n in re.findall(r"-?\d+", str(first).partition(":")[2]))
            if str(first) in ("true", "false"):
                return str(first) == "true"
            return _unquoted(str(first))
        return tuple(children)


_NUMBERS = ("INTEGER", "FLOAT", "HEXADECIMAL")


class _Located:
    __slots__ = ("place",)

    def __init__(self, place: Place | None) -> None:
        self.place = place


class _Results:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


class _Carried:
    def __init__(self, names: tuple[str, ...], initial: tuple[str, ...], types: tuple[Type, ...]) -> None:
        self.names, self.initial, self.types = names, initial, types


class _Signature:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens


class _Form:
    """An operation in the making."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.operands: list[str] = []
        self.words: list[str] = []
        self.attributes: dict[str, Attribute] = {}
        self.operand_types: list[Type] = []
        self.result_types: list[Type] = []
        self.regions: list[Region] = []
        self.successors: list[Successor] = []
        self.has_arrow = False

    def sign(self, tokens: Sequence[Token]) -> None:
        """Operand and result types: those before and after the arrow (``to`` in casts)."""
        for token in tokens:
            if token.type in ("ARROW", "TO"):
                self.has_arrow = True
            elif token.type in ("TYPE", "ANGLED"):
                (self.result_types if self.has_arrow else self.operand_types).append(read_type(str(token)))


def _signature_start(items: Sequence[Any]) -> int:
    """Where the types begin: at the first colon that a type, in full or in short, or a parenthesis follows."""
    for position, item in enumerate(items[:-1]):
        after = items[position + 1]
        if _is(item, "COLON") and any(_is(after, kind) for kind in ("TYPE", "OPEN", "ANGLED")):
            return position
    return len(items)


def _is(item: Any, kind: str) -> bool:
    return isinstance(item, Token) and item.type == kind


def _place_of(children: Sequence[Any]) -> Place | None:
    return next((c.place for c in reversed(children) if isinstance(c, _Located)), None)


def _with_parameters(region: Region, parameters: tuple[Parameter, ...]) -> Region:
    first, *others = region.blocks
    return Region((Block(first.label, parameters, first.operations), *others))


def _number(token: Token) -> int | float:
    if token.type == "FLOAT":
        return float(token)
    return int(str(token), 16) if token.type == "HEXADECIMAL" else int(token)


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text
