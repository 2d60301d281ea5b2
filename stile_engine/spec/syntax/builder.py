"""From the parser's reductions to the parse tree.

Lark calls one method per rule, from the leaves up, so building needs no recursion. All tokens are
kept, which makes the first and the last child of a rule its exact range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias, TypeVar, cast

from lark import Token, Transformer

from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecSyntaxError

MAXIMUM_DIGITS = 400
"""Numbers are exact, so a decimal exponent is memory: 1e999999999 would not fit."""

Part: TypeAlias = "Token | tree.Syntax"
Parts: TypeAlias = "list[Part]"
S = TypeVar("S", bound=tree.Syntax)


def start(part: Part) -> int:
    return cast(int, part.start_pos) if isinstance(part, Token) else part.start


def end(part: Part) -> int:
    return cast(int, part.end_pos) if isinstance(part, Token) else part.end


def span(parts: Sequence[Part]) -> tuple[int, int]:
    return start(parts[0]), end(parts[-1])


def only(parts: Sequence[Part], kind: type[S]) -> tuple[S, ...]:
    return tuple(p for p in parts if isinstance(p, kind))


def syntax(parts: Sequence[Part]) -> tuple[tree.Syntax, ...]:
    return only(parts, tree.Syntax)


def name(part: Part) -> tree.Name:
    return tree.Name(*span([part]), str(part))


def operators(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(str(p) for p in parts if isinstance(p, Token))


def integer(token: Part) -> int:
    if len(str(token)) > MAXIMUM_DIGITS:
        raise SpecSyntaxError(f"a number has at most {MAXIMUM_DIGITS} digits", *span([token]))
    return int(str(token))


def decimal(token: Part) -> Fraction:
    text = str(token)
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAXIMUM_DIGITS or (exponent and (len(exponent) > 6 or abs(int(exponent)) > MAXIMUM_DIGITS)):
        limit = f"a number has at most {MAXIMUM_DIGITS} digits and an exponent between ±{MAXIMUM_DIGITS}"
        raise SpecSyntaxError(limit, *span([token]))
    return Fraction(text)


class TreeBuilder(Transformer[Token, tree.Spec]):
    """The method of a rule gets its children: tokens, and nodes that are already built."""

    def spec(self, parts: Parts) -> tree.Spec:
        arrow = parts[1] if len(parts) == 2 else None
        return tree.Spec(*span(parts), cast(tree.Item, parts[0]), cast("tree.Arrow | None", arrow))

    def arrow(self, parts: Parts) -> tree.Arrow:
        return tree.Arrow(*span(parts), only(parts, tree.DimRef))

    # values

    def let(self, parts: Parts) -> tree.Let:
        value, body = cast("tuple[tree.Item, tree.Item]", syntax(parts))
        return tree.Let(*span(parts), name(parts[1]), value, body)

    def masked(self, parts: Parts) -> tree.Masked:
        return tree.Masked(*span(parts), cast(tree.Item, parts[0]), cast(tree.Condition, parts[2]))

    def sum(self, parts: Parts) -> tree.Sum:
        return tree.Sum(*span(parts), operators(parts), cast("tuple[tree.Item, ...]", syntax(parts)))

    def product(self, parts: Parts) -> tree.Product:
        return tree.Product(*span(parts), operators(parts), cast("tuple[tree.Item, ...]", syntax(parts)))

    def negative(self, parts: Parts) -> tree.Negative:
        return tree.Negative(*span(parts), cast(tree.Item, parts[1]))

    def power(self, parts: Parts) -> tree.Power:
        exponent = integer(parts[-1])
        return tree.Power(*span(parts), cast(tree.Item, parts[0]), -exponent if len(parts) == 4 else exponent)

    def number(self, parts: Parts) -> tree.Number:
        token = cast(Token, parts[0])
        value = Fraction(integer(token)) if token.type == "INT" else decimal(token)
        return tree.Number(*span(parts), str(token), value)

    def infinite(self, parts: Parts) -> tree.Infinite:
        return tree.Infinite(*span(parts))

    def pi(self, parts: Parts) -> tree.Pi:
        return tree.Pi(*span(parts))

    def labelled(self, parts: Parts) -> tree.Operand:
        return tree.Operand(*span(parts), name(parts[0]), only(parts, tree.DimRef))

    def unlabelled(self, parts: Parts) -> tree.Operand:
        return tree.Operand(*span(parts), None, only(parts, tree.DimRef))

    def group(self, parts: Parts) -> tree.Item:
        arguments = cast(tree.Arguments, parts[0])
        if len(arguments.operands) == 1 and arguments.arrow is None:
            # Plain parentheses leave no node of their own, only their range.
            return replace(arguments.operands[0], start=arguments.start, end=arguments.end)
        return tree.Group(*span(parts), arguments)

    def arguments(self, parts: Parts) -> tree.Arguments:
        arrow = parts[-2] if isinstance(parts[-2], tree.Arrow) else None
        operands = tuple(p for p in syntax(parts) if not isinstance(p, tree.Arrow))
        return tree.Arguments(*span(parts), cast("tuple[tree.Item, ...]", operands), arrow)

    def reduction(self, parts: Parts) -> tree.Reduction:
        *inside, arguments = syntax(parts)
        dim = cast("tree.DimRef | None", inside[0] if inside else None)
        predicate = cast("tree.Condition | None", inside[1] if len(inside) == 2 else None)
        return tree.Reduction(*span(parts), name(parts[0]), dim, predicate, cast(tree.Arguments, arguments))

    def call(self, parts: Parts) -> tree.Call:
        return tree.Call(*span(parts), name(parts[0]), cast(tree.Arguments, parts[1]))

    def choice(self, parts: Parts) -> tree.Choice:
        predicate, chosen, other = syntax(parts)
        return tree.Choice(
            *span(parts), cast(tree.Condition, predicate), cast(tree.Item, chosen), cast(tree.Item, other)
        )

    def gather(self, parts: Parts) -> tree.Gather:
        return tree.Gather(*span(parts), cast(tree.DimRef, parts[2]), cast(tree.Arguments, parts[-1]))

    def scatter(self, parts: Parts) -> tree.Scatter:
        reduction = name(parts[4]) if len(parts) == 7 else None
        return tree.Scatter(*span(parts), cast(tree.DimRef, parts[2]), reduction, cast(tree.Arguments, parts[-1]))

    def at(self, parts: Parts) -> tree.At:
        index, arguments = syntax(parts)
        return tree.At(*span(parts), name(parts[2]), cast(tree.Condition, index), cast(tree.Arguments, arguments))

    def zeros(self, parts: Parts) -> tree.Zeros:
        return tree.Zeros(*span(parts), only(parts, tree.DimRef))

    def full(self, parts: Parts) -> tree.Full:
        return tree.Full(*span(parts), only(parts, tree.DimRef), cast(tree.Item, parts[-2]))

    def size(self, parts: Parts) -> tree.Size:
        return tree.Size(*span(parts), cast(tree.DimRef, parts[2]))

    def scalar(self, parts: Parts) -> tree.Scalar:
        return tree.Scalar(*span(parts), name(parts[2]))

    def dimref(self, parts: Parts) -> tree.DimRef:
        low, high = cast("tuple[tree.Condition, tree.Condition]", syntax(parts)) if len(parts) > 1 else (None, None)
        return tree.DimRef(*span(parts), name(parts[0]), low, high)

    # predicates and index expressions

    def predicate(self, parts: Parts) -> tree.Disjunction:
        return tree.Disjunction(*span(parts), cast("tuple[tree.Condition, ...]", syntax(parts)))

    def conjunction(self, parts: Parts) -> tree.Conjunction:
        return tree.Conjunction(*span(parts), cast("tuple[tree.Condition, ...]", syntax(parts)))

    def negation(self, parts: Parts) -> tree.Negation:
        return tree.Negation(*span(parts), cast(tree.Condition, parts[1]))

    def comparison(self, parts: Parts) -> tree.Comparison:
        return tree.Comparison(*span(parts), operators(parts), cast("tuple[tree.Condition, ...]", syntax(parts)))

    def index_chain(self, parts: Parts) -> tree.IndexChain:
        return tree.IndexChain(*span(parts), operators(parts), cast("tuple[tree.Condition, ...]", syntax(parts)))

    affine = affine_product = bound = bound_product = index_chain

    def index_negative(self, parts: Parts) -> tree.IndexNegative:
        return tree.IndexNegative(*span(parts), cast(tree.Condition, parts[1]))

    def integer(self, parts: Parts) -> tree.Integer:
        return tree.Integer(*span(parts), integer(parts[0]))

    def index(self, parts: Parts) -> tree.Index:
        return tree.Index(*span(parts), str(parts[0]))

    def data(self, parts: Parts) -> tree.Data:
        return tree.Data(*span(parts), name(parts[0]), only(parts, tree.DimRef))

    def index_at(self, parts: Parts) -> tree.IndexAt:
        index, operand = cast("tuple[tree.Condition, tree.Condition]", syntax(parts))
        return tree.IndexAt(*span(parts), name(parts[2]), index, operand)

    def bracketed(self, parts: Parts) -> tree.Condition:
        low, high = span(parts)
        return replace(cast(tree.Condition, parts[1]), start=low, end=high)
