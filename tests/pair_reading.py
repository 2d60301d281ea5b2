"""Specs as texts read into the trees of ``pairs``, so that those can be rewritten and evaluated there.

Only the parse is the engine's; what its parts mean is said by ``pairs.meaning`` again.
"""

from __future__ import annotations

from functools import reduce as fold

from pairs.terms import (
    INFINITY,
    Compare,
    Join,
    Negation,
    Predicate,
    Term,
    binary,
    maximum,
    minimum,
    number,
    read,
    unary,
)

from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.parser import parse

_SLICE = tuple[int, int]


class NotRead(Exception):
    """A construct that the trees of ``pairs`` do not have."""


def read_spec(text: str) -> Term:
    """The expression; a trailing ``->`` is left out. Raises ``NotRead``."""
    return _Reader(text).item(parse(text).body)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def item(self, node: tree.Item) -> Term:
        match node:
            case tree.Number(written=written):
                return number(written)
            case tree.Infinite():
                return INFINITY
            case tree.Pi():
                return number("pi")
            case tree.Operand(label=tree.Name(text=label), dims=dims):
                cuts = {d.name.text: cut for d in dims if (cut := self.cut(d)) is not None}
                return read(label, " ".join(d.name.text for d in dims), **cuts)
            case (
                tree.Sum(operators=operators, operands=operands) | tree.Product(operators=operators, operands=operands)
            ):
                first, *rest = map(self.item, operands)
                pairs = zip(operators, rest, strict=True)
                return fold(lambda total, part: binary(part[0], total, part[1]), pairs, first)
            case tree.Negative(operand=operand):
                return -self.item(operand)
            case tree.Power(base=base, exponent=exponent):
                return self.item(base) ** exponent
            case tree.Masked(body=body, predicate=predicate):
                return Term("mask", (self.condition(predicate),), (self.item(body),))
            case tree.Choice(predicate=predicate, chosen=chosen, other=other):
                return Term("where", (self.condition(predicate),), (self.item(chosen), self.item(other)))
            case tree.Group(arguments=arguments):
                return self.contraction("", arguments)
            case tree.Reduction(function=function, dim=None, arguments=arguments):
                return self.contraction(function.text, arguments)
            case tree.Reduction(function=function, dim=dim, predicate=predicate, arguments=arguments):
                return self.reduction(function.text, dim, predicate, arguments)
            case tree.Call(function=function, arguments=arguments):
                return self.call(function.text, [self.item(o) for o in arguments.operands])
        raise NotRead(type(node).__name__)

    def contraction(self, name: str, arguments: tree.Arguments) -> Term:
        operands = tuple(map(self.item, arguments.operands))
        if arguments.arrow is None:
            (only,) = operands
            return only
        if any(self.cut(d) is not None for d in arguments.arrow.dims):
            raise NotRead("a slice on the right")
        return Term("contract", (name, tuple(d.name.text for d in arguments.arrow.dims)), operands)

    def reduction(
        self, name: str, dim: tree.DimRef, predicate: tree.Condition | None, arguments: tree.Arguments
    ) -> Term:
        (operand,) = map(self.item, arguments.operands)
        condition = self.condition(predicate) if predicate is not None else None
        cut = self.cut(dim)
        if cut is not None:
            raise NotRead("a slice in the bracket")
        if name == "softmax":
            return Term("softmax", (dim.name.text, condition), (operand,))
        return Term("reduce", (name, dim.name.text, condition), (operand,))

    def call(self, name: str, operands: list[Term]) -> Term:
        match name, operands:
            case "maximum", [x, y]:
                return maximum(x, y)
            case "minimum", [x, y]:
                return minimum(x, y)
            case "clamp", [x, low, high]:
                return minimum(maximum(x, low), high)
            case _, [x]:
                return unary(name, x)
        raise NotRead(name)

    def cut(self, dim: tree.DimRef) -> _SLICE | None:
        match dim.low, dim.high:
            case None, None:
                return None
            case tree.Integer(value=low), tree.Integer(value=high):
                return low, high
        raise NotRead("a slice that is no two numbers")

    def condition(self, node: tree.Condition) -> Predicate:
        match node:
            case tree.Conjunction(operands=operands):
                return Join("&&", tuple(map(self.condition, operands)))
            case tree.Disjunction(operands=operands):
                return Join("||", tuple(map(self.condition, operands)))
            case tree.Negation(operand=operand):
                return Negation(self.condition(operand))
            case tree.Comparison(operators=operators, operands=operands):
                texts = [self.text[o.start : o.end] for o in operands]
                right = " ".join(part for pair in zip(("", *operators[1:]), texts[1:], strict=True) for part in pair)
                return Compare(texts[0], operators[0], right.strip())
        raise NotRead(type(node).__name__)
