"""The text of a TTIR module, by recursive descent: the part of MLIR's text form that Triton prints, with places.

The grammar is written above each method. Types, arrays and dense constants are one token each; ``reader.py`` takes
them apart, and makes of every rule what it stands for. A general parser takes several times as long, at every edit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from stile_engine.triton.ttir.tree import TtirError

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+|//[^\n]*)
    | (?P<FORM>(?:tt\.func|scf\.for|scf\.if|scf\.while)(?![\w.]))
    | (?P<TYPE>(?:(?:tensor|vector|memref|!tt\.\w+)<(?:[^<>\n]|<(?:[^<>\n]|<[^<>\n]*>)*>)*>)
        |(?:[su]?i\d+|f\d+(?:E\d+M\d+\w*)?|bf16|tf32|index)(?![\w.]))
    | (?P<DENSE>dense<[^>\n]*>)
    | (?P<ARRAY>array<[^>\n]*>)
    | (?P<ANGLED><[\w,\ |.-]*>)
    | (?P<NAME>[a-z_]\w*(?:\.\w+)+)
    | (?P<HEXADECIMAL>0x[0-9A-Fa-f]+)
    | (?P<FLOAT>-?\d+\.\d*(?:[eE][-+]?\d+)?)
    | (?P<ARROW>->)
    | (?P<INTEGER>-?\d+)
    | (?P<PLACE_NAME>\#loc\d*)
    | (?P<ATTRIBUTE>\#[\w.]+(?:<[^>\n]*>)?)
    | (?P<VALUE>%[\w$.\-]+(?:\#\d+)?)
    | (?P<LABEL>\^[\w$.\-]+)
    | (?P<SYMBOL>@(?:[\w$.\-]+|"[^"]*"))
    | (?P<WORD>[A-Za-z_]\w*)
    | (?P<STRING>"(?:\\.|[^"\\])*")
    | (?P<SIGN>[,:=*()\[\]{}<>])
    """,
    re.VERBOSE,
)

_SIGNS = {
    ",": "COMMA",
    ":": "COLON",
    "=": "EQUALS",
    "*": "STAR",
    "(": "OPEN",
    ")": "CLOSE",
    "[": "OPEN_BRACKET",
    "]": "CLOSE_BRACKET",
    "{": "OPEN_BRACE",
    "}": "CLOSE_BRACE",
    "<": "LESS",
    ">": "GREATER",
}

_ITEMS = frozenset(
    "VALUE WORD TO TYPE STRING SYMBOL DENSE ARRAY ANGLED INTEGER FLOAT HEXADECIMAL ARROW COMMA COLON EQUALS STAR "
    "OPEN CLOSE OPEN_BRACKET CLOSE_BRACKET".split()
)
"""What an operation without a syntax of its own may consist of, beside successors and dictionaries."""

_SCALARS = frozenset("INTEGER FLOAT HEXADECIMAL STRING WORD ARRAY DENSE TYPE SYMBOL ATTRIBUTE".split())
_SIGNATURE = frozenset("TYPE ARROW COMMA OPEN CLOSE".split())


class Token(str):
    """A piece of the text, its kind, and the number of its line from 0."""

    __slots__ = ("line", "type")
    type: str
    line: int


@dataclass(slots=True)
class Location:
    """A place as written: its kind and its parts."""

    data: str
    children: list[Any] = field(default_factory=list)


class Rules(Protocol):
    """What is made of each rule, of its children in the order of the text."""

    def place(self, children: list[Any]) -> Any: ...
    def function(self, children: list[Any]) -> Any: ...
    def parameter(self, children: list[Any]) -> Any: ...
    def region(self, children: list[Any]) -> Any: ...
    def block(self, children: list[Any]) -> Any: ...
    def result(self, children: list[Any]) -> Any: ...
    def results(self, children: list[Any]) -> Any: ...
    def operation(self, children: list[Any]) -> Any: ...
    def plain(self, children: list[Any]) -> Any: ...
    def successor(self, children: list[Any]) -> Any: ...
    def generic(self, children: list[Any]) -> Any: ...
    def signature(self, children: list[Any]) -> Any: ...
    def loop(self, children: list[Any]) -> Any: ...
    def carried(self, children: list[Any]) -> Any: ...
    def conditional(self, children: list[Any]) -> Any: ...
    def while_loop(self, children: list[Any]) -> Any: ...
    def dictionary(self, children: list[Any]) -> Any: ...
    def entry(self, children: list[Any]) -> Any: ...
    def value(self, children: list[Any]) -> Any: ...


def tokens(text: str) -> list[Token]:
    """The tokens of a text. Raises ``TtirError`` where it has none."""
    found: list[Token] = []
    position, line = 0, 0
    match = _TOKEN.match
    while position < len(text):
        piece = match(text, position)
        if piece is None:
            raise unreadable(text, line)
        kind, written = str(piece.lastgroup), piece.group()
        position = piece.end()
        if kind != "space":
            token = Token(written)
            token.type = _SIGNS[written] if kind == "SIGN" else kind
            token.line = line
            found.append(token)
        if kind in ("space", "STRING"):
            line += written.count("\n")
    return found


def unreadable(text: str, line: int) -> TtirError:
    lines = text.splitlines()
    shown = lines[line].strip() if line < len(lines) else "its end"
    return TtirError(f"this line of the compiler's output could not be read: {shown[:120]}")


class _Wrong(Exception):
    """The token at the present position is none that can stand here."""


class Parser:
    """Of one text. ``functions`` reads it; ``places`` are its named places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        end = Token("")
        end.type, end.line = "END", self._tokens[-1].line if self._tokens else 0
        self._tokens.append(end)
        self._at = 0
        self._rules: Rules

    def places(self) -> dict[str, Location]:
        """Those that stand before and after the code that names them."""
        found: dict[str, Location] = {}
        for number, token in enumerate(self._tokens):
            if token.type == "PLACE_NAME" and self._tokens[number + 1].type == "EQUALS":
                self._at = number
                name, location = self._reading(self._alias)
                found[name] = location
        return found

    def functions(self, rules: Rules) -> list[Any]:
        """Raises ``TtirError`` with the line that could not be read."""
        self._rules, self._at = rules, 0
        found: list[Any] = self._reading(self._module)
        return found

    def _reading(self, rule: Callable[[], Any]) -> Any:
        try:
            return rule()
        except _Wrong:
            raise unreadable(self._text, self._tokens[self._at].line) from None

    # -- tokens ----------------------------------------------------------------------------

    def _is(self, kind: str) -> bool:
        return self._tokens[self._at].type == kind

    def _says(self, word: str) -> bool:
        token = self._tokens[self._at]
        return token.type == "WORD" and token == word

    def _take(self, kind: str) -> Token:
        token = self._tokens[self._at]
        if token.type != kind:
            raise _Wrong
        self._at += 1
        return token

    def _word(self, word: str) -> Token:
        if not self._says(word):
            raise _Wrong
        return self._take("WORD")

    def _while(self, kinds: frozenset[str]) -> list[Token]:
        found = []
        while self._tokens[self._at].type in kinds:
            found.append(self._tokens[self._at])
            self._at += 1
        return found

    def _listed(self, rule: Callable[[], Any]) -> list[Any]:
        """``rule ("," rule)*``."""
        found = [rule()]
        while self._is("COMMA"):
            self._at += 1
            found.append(rule())
        return found

    # -- modules and places ----------------------------------------------------------------

    def _module(self) -> list[Any]:
        # alias* "module" ["attributes" dictionary] "{" function* "}" place alias*
        while self._is("PLACE_NAME"):
            self._alias()
        self._word("module")
        if self._says("attributes"):
            self._at += 1
            self._dictionary()
        self._take("OPEN_BRACE")
        found = []
        while not self._is("CLOSE_BRACE"):
            found.append(self._function())
        self._at += 1
        self._place()
        while self._is("PLACE_NAME"):
            self._alias()
        self._take("END")
        return found

    def _alias(self) -> tuple[str, Location]:
        # PLACE_NAME "=" place
        name = self._take("PLACE_NAME")
        self._take("EQUALS")
        return str(name), self._written_place()

    def _place(self) -> Any:
        return self._rules.place([self._written_place()])

    def _written_place(self) -> Location:
        # "loc" "(" location ")"
        self._word("loc")
        self._take("OPEN")
        found = self._location()
        self._take("CLOSE")
        return found

    def _location(self) -> Location:
        # PLACE_NAME | "unknown" | "callsite" "(" location "at" location ")"
        # | "fused" ANGLED? "[" location ("," location)* "]" | STRING | STRING "(" location ")"
        # | STRING ":" INTEGER ":" INTEGER ["to" INTEGER? ":" INTEGER]
        if self._is("PLACE_NAME"):
            return Location("named_place", [self._take("PLACE_NAME")])
        if self._says("unknown"):
            self._at += 1
            return Location("no_place")
        if self._says("callsite"):
            self._at += 1
            self._take("OPEN")
            callee = self._location()
            self._word("at")
            caller = self._location()
            self._take("CLOSE")
            return Location("call_place", [callee, caller])
        if self._says("fused"):
            self._at += 1
            if self._is("ANGLED"):
                self._at += 1
            self._take("OPEN_BRACKET")
            found = self._listed(self._location)
            self._take("CLOSE_BRACKET")
            return Location("fused_place", found)
        name = self._take("STRING")
        if self._is("OPEN"):
            self._at += 1
            inner = self._location()
            self._take("CLOSE")
            return Location("value_place", [name, inner])
        if not self._is("COLON"):
            return Location("no_place", [name])
        self._at += 1
        line = self._take("INTEGER")
        self._take("COLON")
        column = self._take("INTEGER")
        if self._says("to"):
            self._at += 1
            if self._is("INTEGER"):
                self._at += 1
            self._take("COLON")
            self._take("INTEGER")
        return Location("source_place", [name, line, column])

    # -- functions -------------------------------------------------------------------------

    def _function(self) -> Any:
        # "tt.func" WORD? SYMBOL "(" [parameter ("," parameter)*] ")" [ARROW types] ["attributes" dictionary] region
        # place
        if self._take("FORM") != "tt.func":
            raise _Wrong
        children: list[Any] = []
        if self._is("WORD"):
            self._at += 1
        children.append(self._take("SYMBOL"))
        self._take("OPEN")
        if not self._is("CLOSE"):
            children += self._listed(self._parameter)
        self._take("CLOSE")
        if self._is("ARROW"):
            self._at += 1
            if self._is("OPEN"):
                self._at += 1
                if not self._is("CLOSE"):
                    self._listed(self._type)
                self._take("CLOSE")
            else:
                self._type()
        if self._says("attributes"):
            self._at += 1
            self._dictionary()
        children.append(self._region())
        children.append(self._place())
        return self._rules.function(children)

    def _type(self) -> Token:
        return self._take("TYPE")

    def _parameter(self) -> Any:
        # VALUE ":" TYPE [dictionary] [place]
        children: list[Any] = [self._take("VALUE")]
        self._take("COLON")
        children.append(self._type())
        if self._is("OPEN_BRACE"):
            children.append(self._dictionary())
        if self._says("loc"):
            children.append(self._place())
        return self._rules.parameter(children)

    def _region(self) -> Any:
        # "{" operation* block* "}"
        self._take("OPEN_BRACE")
        children = self._operations()
        while self._is("LABEL"):
            children.append(self._block())
        self._take("CLOSE_BRACE")
        return self._rules.region(children)

    def _block(self) -> Any:
        # LABEL ["(" parameter ("," parameter)* ")"] ":" operation*
        children: list[Any] = [self._take("LABEL")]
        if self._is("OPEN"):
            self._at += 1
            children += self._listed(self._parameter)
            self._take("CLOSE")
        self._take("COLON")
        return self._rules.block(children + self._operations())

    def _operations(self) -> list[Any]:
        found = []
        while not (self._is("CLOSE_BRACE") or self._is("LABEL")):
            found.append(self._operation())
        return found

    # -- operations ------------------------------------------------------------------------

    def _operation(self) -> Any:
        # [result ("," result)* "="] form place
        children: list[Any] = []
        if self._is("VALUE"):
            children.append(self._rules.results(self._listed(self._result)))
            self._take("EQUALS")
        children.append(self._form())
        children.append(self._place())
        return self._rules.operation(children)

    def _result(self) -> Any:
        # VALUE [":" INTEGER]
        children = [self._take("VALUE")]
        if self._is("COLON"):
            self._at += 1
            children.append(self._take("INTEGER"))
        return self._rules.result(children)

    def _form(self) -> Any:
        if self._is("NAME"):
            return self._plain()
        if self._is("STRING"):
            return self._generic()
        form = _FORMS.get(self._take("FORM"))
        if form is None:
            raise _Wrong
        return form(self)

    def _plain(self) -> Any:
        # NAME (an item | successor | dictionary)*
        children: list[Any] = [self._take("NAME")]
        while not self._says("loc"):
            token = self._tokens[self._at]
            if token.type in _ITEMS:
                if token.type == "WORD" and token == "to":
                    token.type = "TO"
                children.append(token)
                self._at += 1
            elif token.type == "LABEL":
                children.append(self._successor())
            else:
                children.append(self._dictionary())
        return self._rules.plain(children)

    def _successor(self) -> Any:
        # LABEL [OPEN VALUE (COMMA VALUE)* COLON TYPE (COMMA TYPE)* CLOSE]
        children: list[Any] = [self._take("LABEL")]
        if self._is("OPEN"):
            self._at += 1
            children += self._listed(lambda: self._take("VALUE"))
            self._take("COLON")
            children += self._listed(self._type)
            self._take("CLOSE")
        return self._rules.successor(children)

    def _generic(self) -> Any:
        # STRING OPEN [VALUE (COMMA VALUE)*] CLOSE ["<" dictionary ">"] [OPEN region (COMMA region)* CLOSE] [dictionary]
        # COLON signature
        children: list[Any] = [self._take("STRING")]
        self._take("OPEN")
        if not self._is("CLOSE"):
            children += self._listed(lambda: self._take("VALUE"))
        self._take("CLOSE")
        if self._is("LESS"):
            self._at += 1
            children.append(self._dictionary())
            self._take("GREATER")
        if self._is("OPEN"):
            self._at += 1
            children += self._listed(self._region)
            self._take("CLOSE")
        if self._is("OPEN_BRACE"):
            children.append(self._dictionary())
        self._take("COLON")
        children.append(self._signature())
        return self._rules.generic(children)

    def _signature(self) -> Any:
        found = self._while(_SIGNATURE)
        if not found:
            raise _Wrong
        return self._rules.signature(list(found))

    def _loop(self) -> Any:
        # UNSIGNED? VALUE EQUALS VALUE TO VALUE "step" VALUE [carried] [COLON TYPE] region [dictionary]
        children: list[Any] = []
        if self._says("unsigned"):
            token = self._take("WORD")
            token.type = "UNSIGNED"
            children.append(token)
        children.append(self._take("VALUE"))
        self._take("EQUALS")
        children.append(self._take("VALUE"))
        self._word("to")
        children.append(self._take("VALUE"))
        self._word("step")
        children.append(self._take("VALUE"))
        if self._says("iter_args"):
            self._at += 1
            children.append(self._carried())
        if self._is("COLON"):
            self._at += 1
            children.append(self._type())
        return self._rules.loop(children + self._with_dictionary(self._region()))

    def _carried(self) -> Any:
        # OPEN VALUE EQUALS VALUE (COMMA VALUE EQUALS VALUE)* CLOSE ARROW OPEN TYPE (COMMA TYPE)* CLOSE
        children = self._assignments()
        self._take("ARROW")
        self._take("OPEN")
        children += self._listed(self._type)
        self._take("CLOSE")
        return self._rules.carried(children)

    def _assignments(self) -> list[Any]:
        # OPEN VALUE EQUALS VALUE (COMMA VALUE EQUALS VALUE)* CLOSE
        def assignment() -> tuple[Token, Token]:
            name = self._take("VALUE")
            self._take("EQUALS")
            return name, self._take("VALUE")

        self._take("OPEN")
        found = [token for pair in self._listed(assignment) for token in pair]
        self._take("CLOSE")
        return found

    def _conditional(self) -> Any:
        # VALUE [ARROW OPEN TYPE (COMMA TYPE)* CLOSE] region ["else" region] [dictionary]
        children: list[Any] = [self._take("VALUE")]
        if self._is("ARROW"):
            self._at += 1
            self._take("OPEN")
            children += self._listed(self._type)
            self._take("CLOSE")
        children.append(self._region())
        if self._says("else"):
            self._at += 1
            children.append(self._region())
        return self._rules.conditional([*children, *self._with_dictionary()])

    def _while_loop(self) -> Any:
        # [OPEN VALUE EQUALS VALUE (COMMA VALUE EQUALS VALUE)* CLOSE] COLON signature region "do" region [dictionary]
        children = self._assignments() if self._is("OPEN") else []
        self._take("COLON")
        children.append(self._signature())
        children.append(self._region())
        self._word("do")
        children.append(self._region())
        return self._rules.while_loop([*children, *self._with_dictionary()])

    # -- dictionaries ----------------------------------------------------------------------

    def _with_dictionary(self, *before: Any) -> list[Any]:
        return [*before, self._dictionary()] if self._is("OPEN_BRACE") else list(before)

    def _dictionary(self) -> Any:
        # "{" [entry ("," entry)*] "}"
        self._take("OPEN_BRACE")
        found = [] if self._is("CLOSE_BRACE") else self._listed(self._entry)
        self._take("CLOSE_BRACE")
        return self._rules.dictionary(found)

    def _entry(self) -> Any:
        # (WORD | NAME | STRING | TYPE) ["=" value]
        token = self._tokens[self._at]
        if token.type not in ("WORD", "NAME", "STRING", "TYPE"):
            raise _Wrong
        self._at += 1
        children: list[Any] = [token]
        if self._is("EQUALS"):
            self._at += 1
            children.append(self._value())
        return self._rules.entry(children)

    def _value(self) -> Any:
        # a scalar [":" TYPE] | "[" [value ("," value)*] "]" | dictionary
        token = self._tokens[self._at]
        if token.type == "OPEN_BRACE":
            return self._rules.value([self._dictionary()])
        if token.type == "OPEN_BRACKET":
            self._at += 1
            found = [] if self._is("CLOSE_BRACKET") else self._listed(self._value)
            self._take("CLOSE_BRACKET")
            return self._rules.value(found)
        if token.type not in _SCALARS:
            raise _Wrong
        self._at += 1
        children = [token]
        if self._is("COLON"):
            self._at += 1
            children.append(self._type())
        return self._rules.value(children)


_FORMS: dict[str, Callable[[Parser], Any]] = {
    "scf.for": Parser._loop,
    "scf.if": Parser._conditional,
    "scf.while": Parser._while_loop,
}
