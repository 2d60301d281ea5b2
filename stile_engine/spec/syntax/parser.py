"""Text to parse tree, or one ``SpecSyntaxError`` with the exact characters at fault."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from stile_engine.grammar import Grammar
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.builder import TreeBuilder
from stile_engine.spec.syntax.errors import SpecSyntaxError
from stile_engine.spec.syntax.messages import unexpected_character, unexpected_token
from stile_engine.spec.syntax.sorts import check_sorts

SPEC = Grammar(
    Path(__file__).with_name("spec.lark"), {"lexer": "basic", "start": "spec", "keep_all_tokens": True}, TreeBuilder
)

MAXIMUM_LENGTH = 65_536
MAXIMUM_DEPTH = 64
"""Of the parse tree; what reads the tree is recursive, and no spec that a person can read is deeper."""


@cache
def _parser() -> Lark:
    return SPEC.parser()


@cache
def _lexer() -> Lark:
    return Lark(SPEC.read(), parser=None, lexer="basic", start="spec")


@lru_cache(maxsize=64)
def parse(text: str) -> tree.Spec:
    """The parse tree of a spec. Raises ``SpecSyntaxError``; offsets count characters from 0."""
    if len(text) > MAXIMUM_LENGTH:
        message = f"the spec has {len(text)} characters: expected at most {MAXIMUM_LENGTH}"
        raise SpecSyntaxError(message, MAXIMUM_LENGTH, len(text))
    try:
        # The tree builder makes the result a ``Spec``; lark's types know only its own trees.
        spec = cast(tree.Spec, _parser().parse(text))
    except UnexpectedToken as error:
        before = tuple(_tokens_before(text, error.token))
        raise unexpected_token(error.token, _accepted_after(before), before, text) from None
    except UnexpectedCharacters as error:
        position = _position(error)
        raise unexpected_character(text[position], position) from None
    _check_depth(spec)
    check_sorts(spec)
    return spec


def tokens(text: str) -> Iterator[Token]:
    """The tokens of any text; characters that cannot stand in a spec are left out."""
    offset = 0
    while offset < len(text):
        try:
            for token in _lexer().lex(text[offset:]):
                assert token.start_pos is not None and token.end_pos is not None
                token.start_pos += offset
                token.end_pos += offset
                yield token
            return
        except UnexpectedCharacters as error:
            offset += _position(error) + 1


def _position(error: UnexpectedCharacters) -> int:
    assert error.pos_in_stream is not None
    return error.pos_in_stream


def _tokens_before(text: str, token: Token) -> Iterator[Token]:
    limit = len(text) if token.type == "$END" or token.start_pos is None else token.start_pos
    return tokens(text[:limit])


def _accepted_after(before: tuple[Token, ...]) -> frozenset[str]:
    """The terminals that can follow. The state in which the parser stopped has too few of them: a wrong
    token may have completed rules before it was found wrong.
    """
    interactive = _parser().parse_interactive("")
    for token in before:
        interactive.feed_token(token)
    return frozenset(interactive.accepts())  # type: ignore[no-untyped-call]  # lark leaves it without types


def _check_depth(spec: tree.Spec) -> None:
    for node, depth in tree.walk(spec):
        if depth > MAXIMUM_DEPTH:
            message = f"nested too deeply: expected at most {MAXIMUM_DEPTH} levels (name a part with 'let')"
            raise SpecSyntaxError(message, node.start, node.end)
