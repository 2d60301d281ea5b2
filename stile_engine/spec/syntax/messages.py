"""Syntax errors in words: what came, what could have stood there, which bracket is still open."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token

from stile_engine.spec.syntax.errors import SpecSyntaxError

END = "$END"
OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB"}
CLOSERS = {"RPAR": "(", "RSQB": "["}
REDUCTIONS = frozenset("SUM MAX MIN MEAN PROD LOGSUMEXP".split())
FUNCTIONS = frozenset(
    "EXP EXP2 LOG LOG2 SQRT RSQRT SIN COS TANH ERF ABS RELU SIGMOID SILU GELU GELU_TANH SOFTPLUS FLOOR "
    "MAXIMUM MINIMUM CLAMP".split()
)
KEYWORDS = frozenset("LET IN AT WHERE AND OR NOT INF PI SIZE SCALAR ZEROS FULL GATHER SCATTER SOFTMAX".split())
RESERVED = REDUCTIONS | FUNCTIONS | KEYWORDS
OPERATORS = frozenset("PLUS MINUS STAR SLASH POWER FLOORDIV PERCENT".split())
COMPARISONS = frozenset("LE LT GE GT EQ NE".split())
CONNECTIVES = frozenset("OROR OR ANDAND AND".split())
CONDITION_STARTS = frozenset("BANG NOT NAME INT MINUS SIZE LPAR".split())
INDEX_STARTS = frozenset("NAME INT MINUS SIZE LPAR".split())
VALUE_STARTS = (
    frozenset("INT DECIMAL INF PI NAME LPAR MINUS WHERE GATHER SCATTER SOFTMAX AT ZEROS FULL SIZE SCALAR LET".split())
    | REDUCTIONS
    | FUNCTIONS
)
LITERALS = {
    "ARROW": "->", "BECOMES": ":=", "EQUAL": "=", "COLON": ":", "COMMA": ",", "LPAR": "(", "RPAR": ")", "LSQB": "[",
    "RSQB": "]", "WHERE": "where", "IN": "in", "MINUS": "-",
}  # fmt: skip

CHARACTER_HINTS = {
    "@": "a matrix product is written '(A:M K, B:K N -> M N)'",
    "^": "a power is written '**'",
    "&": "'and' is written '&&'",
    "|": "'or' is written '||'",
    "#": "a spec has no comments",
    '"': "a spec has no strings",
    "'": "a spec has no strings",
    "{": "only '(' and '[' open a group",
    "}": "only ')' and ']' close a group",
}


def unexpected_token(token: Token, accepted: frozenset[str], before: Sequence[Token], text: str) -> SpecSyntaxError:
    """``token`` came after the tokens ``before``, where only the terminals ``accepted`` can stand."""
    if not before and token.type == END:
        return SpecSyntaxError("the spec is empty: expected a value", 0, len(text), ("a value",))
    previous = before[-1] if before else None
    expected = describe(accepted, before)
    tail = f"expected {alternatives(expected)}"
    opener = open_bracket(before)
    related: tuple[tuple[int, int, str], ...] = ()
    if opener is not None and (token.type == END or token.type in CLOSERS):
        start, end = span(opener)
        related = ((start, end, f"this '{opener}' is not closed"),)
        tail += f"; the '{opener}' at character {start + 1} is not closed"
    if token.type == END:
        at = span(before[-1])[1]
        return SpecSyntaxError(f"the spec ends too early: {tail}", at, at, expected, related)
    start, end = span(token)
    if token.type == "COLON" and previous is not None and previous.type in RESERVED:
        start, end = span(previous)
        return SpecSyntaxError(f"'{previous}' is a reserved word and cannot be a label", start, end, ("a label",))
    if token.type in RESERVED and "NAME" in accepted:
        found = f"'{token}' is a reserved word and cannot be {name_kind(before)}"
    elif token.type in CLOSERS and opener is None:
        found = f"this '{token}' closes nothing"
    else:
        found = f"unexpected '{token}'"
    if previous is not None and previous.type in RESERVED and accepted <= {"LPAR", "LSQB"}:
        tail += f" after the reserved word '{previous}'"
    if hint := _hint(token, accepted, previous):
        tail += f" ({hint})"
    return SpecSyntaxError(f"{found}: {tail}", start, end, expected, related)


def unexpected_character(character: str, position: int) -> SpecSyntaxError:
    shown = character if character.isprintable() else ascii(character)[1:-1]
    message = f"'{shown}' cannot stand in a spec"
    if hint := CHARACTER_HINTS.get(character):
        message += f": {hint}"
    elif character.isalpha():
        message += ": names are made of ASCII letters, digits and '_'"
    return SpecSyntaxError(message, position, position + 1)


def describe(accepted: frozenset[str], before: Sequence[Token]) -> tuple[str, ...]:
    """The accepted terminals in plain words, the most specific first."""
    words: list[str] = []
    rest = set(accepted)
    if accepted >= VALUE_STARTS - {"LET"}:
        words.append("a value")
        rest -= VALUE_STARTS
    elif accepted >= CONDITION_STARTS:
        words.append("a condition")
        rest -= CONDITION_STARTS
    elif accepted >= INDEX_STARTS:
        words.append("an index expression")
        rest -= INDEX_STARTS
    if "NAME" in rest:
        words.append(name_kind(before))
    if "INT" in rest:
        words.append("an integer")
    if rest >= REDUCTIONS:
        words.append("the name of a reduction")
    if len(rest & OPERATORS) > 1:
        words.append("an operator")
        rest -= OPERATORS
    if rest & COMPARISONS:
        words.append("a comparison")
    if rest & CONNECTIVES:
        words.append("'&&' or '||'" if {"ANDAND", "OROR"} <= rest else "'||'")
    words.extend(f"'{text}'" for kind, text in LITERALS.items() if kind in rest)
    if END in rest:
        words.append("the end of the spec")
    return tuple(words)


def name_kind(before: Sequence[Token]) -> str:
    """What a name would be called that stands after these tokens."""
    match [t.type for t in before[-2:]]:
        case [*_, "LET"]:
            return "a name for the value"
        case ["SCALAR", "LPAR"]:
            return "the name of a parameter"
        case _:
            return "a dim name"


def alternatives(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def open_bracket(tokens: Sequence[Token]) -> Token | None:
    """The innermost bracket that is still open after these tokens."""
    opened: list[Token] = []
    for token in tokens:
        if token.type in OPENERS:
            opened.append(token)
        elif token.type in CLOSERS and opened:
            opened.pop()
    return opened[-1] if opened else None


def span(token: Token) -> tuple[int, int]:
    assert token.start_pos is not None and token.end_pos is not None
    return token.start_pos, token.end_pos


def _hint(token: Token, accepted: frozenset[str], previous: Token | None) -> str | None:
    match token.type:
        case "FLOORDIV" | "PERCENT" if "SLASH" in accepted:
            return f"'{token}' is for index expressions; values are divided by '/'"
        case "SLASH" if "FLOORDIV" in accepted:
            return "an index is divided by '//'"
        case "LE" | "LT" | "GE" | "GT" | "EQ" | "NE" if "WHERE" in accepted:
            return "a comparison stands after 'where'"
        case "LET":
            return "inside an expression a 'let' stands in parentheses"
        case "IN" if "NAME" in accepted or "WHERE" in accepted:
            return "'in' belongs to a 'let'"
        case _ if previous is not None and token.type in VALUE_STARTS and accepted >= {"STAR", "SLASH"}:
            return "a product is written with '*'" if previous.type in ("INT", "DECIMAL", "RPAR") else None
        case _:
            return None
