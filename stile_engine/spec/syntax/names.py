"""What each word of a spec is, for highlighting, completion and renaming.

Works on tokens alone, so that a spec which is being typed keeps its colours: on a sentence of the
grammar the answer is exact, on anything else it is what the words so far look like.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lark import Token

from stile_engine.spec.syntax.messages import FUNCTIONS, KEYWORDS, OPERATORS, REDUCTIONS, span
from stile_engine.spec.syntax.parser import tokens

NameKind: TypeAlias = Literal["dim", "label", "variable", "parameter", "function", "keyword", "number", "operator"]
"""``variable`` is a name that ``let`` binds, ``parameter`` the one in ``scalar(...)``."""

CALLED = REDUCTIONS | FUNCTIONS | frozenset("SOFTMAX GATHER SCATTER AT ZEROS FULL SIZE SCALAR".split())


@dataclass(frozen=True, slots=True)
class NameSpan:
    kind: NameKind
    name: str
    start: int
    end: int


@dataclass
class _Bracket:
    """What is in force between one pair of brackets."""

    is_slice: bool = False
    waiting: list[tuple[str, list[str]]] = field(default_factory=list)
    """``let`` names whose ``in`` has not come yet, each with the names bound where it stands."""
    bound: list[str] = field(default_factory=list)
    """``let`` names in whose body we are."""


def spans_of_names(text: str) -> list[NameSpan]:
    """The words, numbers and operators of ``text`` in order; characters that fit nowhere are left out."""
    found: list[NameSpan] = []
    brackets = [_Bracket()]
    stream = list(tokens(text))
    for position, token in enumerate(stream):
        previous = stream[position - 1].type if position else ""
        following = stream[position + 1].type if position + 1 < len(stream) else ""
        inner = brackets[-1]
        kind: NameKind | None = None
        match token.type:
            case "LPAR":
                brackets.append(_Bracket())
            case "LSQB":
                # After a dim's name it is a slice, after a function the dim reduced over.
                brackets.append(_Bracket(is_slice=previous == "NAME"))
            case "RPAR" | "RSQB":
                if len(brackets) > 1:
                    brackets.pop()
            case "COMMA" | "ARROW":
                inner.bound.clear()
                inner.waiting.clear()
            case "IN":
                if inner.waiting:
                    name, outer = inner.waiting.pop()
                    inner.bound = [*outer, name]
                kind = "keyword"
            case "INT" | "DECIMAL" | "INF" | "PI":
                kind = "number"
            case "NAME":
                bound = {name for bracket in brackets for name in bracket.bound}
                kind = _kind_of_name(token, previous, following, inner.is_slice, bound, stream[: position + 1])
                if previous == "LET":
                    inner.waiting.append((str(token), list(inner.bound)))
            case "WHERE":
                kind = "function" if following == "LPAR" and previous in _BEFORE_A_VALUE else "keyword"
            case kind_of_token if kind_of_token in CALLED:
                kind = "function"
            case kind_of_token if kind_of_token in KEYWORDS:
                kind = "keyword"
            case kind_of_token if kind_of_token in OPERATORS or kind_of_token in _OTHER_OPERATORS:
                kind = "operator"
        if kind is not None:
            found.append(NameSpan(kind, str(token), *span(token)))
    return found


_BEFORE_A_VALUE = frozenset({"", "LPAR", "COMMA", "EQUAL", "IN", "PLUS", "MINUS", "STAR", "SLASH"})
_OTHER_OPERATORS = frozenset("ARROW BECOMES EQUAL OROR ANDAND BANG LE LT GE GT EQ NE".split())


def _kind_of_name(
    token: Token, previous: str, following: str, in_slice: bool, bound: set[str], stream: list[Token]
) -> NameKind:
    if previous == "LET":
        return "variable"
    if previous == "LPAR" and len(stream) > 2 and stream[-3].type == "SCALAR":
        return "parameter"
    if following == "COLON" and not in_slice:
        return "label"
    # A bound name stands alone; after another dim or a label's ":" it would be a dim.
    if str(token) in bound and previous not in ("NAME", "COLON", "LSQB") and following != "LSQB":
        return "variable"
    return "dim"
