"""Expressions as written, as formulas: no law is applied, and what lies beyond a budget is an ellipsis."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, substitute
from stile_engine.term import expression as written
from stile_engine.term.expression import Node
from stile_engine.term.expression_text import dim_read_by
from stile_engine.term.notation.formula import (
    ELLIPSIS,
    Call,
    Cases,
    Entry,
    Formula,
    Index,
    Name,
    Number,
    Power,
    Product,
    Reduction,
    Total,
    label_of,
)

MOST_NODES = 120


def formula_of_expression(node: Node) -> Formula:
    """The value of one element, in the words of its program."""
    return _Reader().read(node, {})


class _Reader:
    def __init__(self) -> None:
        self.left = MOST_NODES

    def read(self, node: Node, at: Mapping[str, Affine]) -> Formula:
        self.left -= 1
        if self.left < 0:
            return ELLIPSIS
        match node:
            case written.Const(value):
                return Number(value) if value >= 0 else Total(((True, Number(-value)),))
            case written.Constant(name):
                return Call("exp", (Number(Fraction(1)),)) if name == "e" else Name(name)
            case written.Infinity(sign):
                return Name("inf") if sign > 0 else Total(((True, Name("inf")),))
            case written.NoValue(reason):
                return Name(f"no value ({reason})", is_words=True)
            case written.Unmodelled(reason):
                return Name(f"not modelled ({reason})", is_words=True)
            case written.Read(tensor, index):
                return Entry(label_of(tensor), tuple(i.substitute(at) for i in index))
            case written.IndexNumber(index):
                return Index(index.substitute(at))
            case written.Apply(function, operands):
                return self._apply(function, tuple(self.read(o, at) for o in operands))
            case written.Power(base, exponent):
                return Power(self.read(base, at), Fraction(exponent))
            case written.Select(predicate, chosen, other):
                first, second = self.read(chosen, at), self.read(other, at)
                return Cases(((first, substitute(predicate, at)), (second, ALWAYS)))
            case written.Reduce():
                return self._reduce(node, at)
            case written.Reindex(body, mapping):
                return self.read(body, {**at, **{v: e.substitute(at) for v, e in mapping.items()}})
            case written.Restrict(body):
                return self.read(body, at)
            case written.Scatter(body=body, base=base):
                return Call("scatter", (self.read(body, at), self.read(base, at)))
            case written.Carried(_, number, _, _):
                return Name(f"carry {number} of the round before", is_words=True)
        return Name(type(node).__name__, is_words=True)

    def _apply(self, function: str, operands: tuple[Formula, ...]) -> Formula:
        match function, operands:
            case "neg", (operand,):
                return Total(((True, operand),))
            case "add" | "sub", (left, right):
                terms = left.terms if isinstance(left, Total) and not left.folded else ((False, left),)
                return Total((*terms, (function == "sub", right)))
            case "mul", (left, right):
                over = left.over if isinstance(left, Product) and not left.under else (left,)
                return Product((*over, right))
            case "div", (left, right):
                over = left.over if isinstance(left, Product) and not left.under else (left,)
                return Product(over, (right,))
            case "sqrt", (operand,):
                return Power(operand, Fraction(1, 2))
            case "maximum" | "minimum", _:
                return Call(function.removesuffix("imum"), operands)
        return Call(function, operands)

    def _reduce(self, node: written.Reduce, at: Mapping[str, Affine]) -> Formula:
        inner = {v: e for v, e in at.items() if v not in node.bound}
        free = {name for v in node.axes for name in at.get(v, Affine.variable(v)).variables}
        shown = []
        for variable in node.bound:
            dim = variable if variable.isidentifier() and variable not in free else None
            # a bound variable of a front end runs along the dim that it reads
            dim = dim_read_by(variable, node.body) or dim
            name = dim if dim is not None and dim not in free and dim not in shown else variable
            while name in free or name in shown:
                name += "'"
            if name != variable:
                inner[variable] = Affine.variable(name)
            shown.append(name)
        return Reduction(node.reduction, tuple(shown), substitute(node.predicate, inner), self.read(node.body, inner))
