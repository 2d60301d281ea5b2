"""Random spec expressions as trees: drawn, printed, rewritten soundly, and mutated.

A tree knows its dims, so that what is drawn is always a legal spec. Every tensor is labelled by its
dims, so that two trees over the same dims share their inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

DIMS = ("A", "B", "C")
UNARY = tuple("exp log sqrt abs relu sigmoid tanh neg rsqrt softplus sin cos exp2 silu".split())
BINARY = ("+", "+", "-", "*", "*", "/", "maximum", "minimum")
REDUCTIONS = ("sum", "sum", "sum", "max", "max", "min", "mean", "logsumexp", "prod")


@dataclass(frozen=True)
class Tree:
    """One expression. ``head`` says which; ``data`` are names and numbers, ``inner`` the operands."""

    head: str
    data: tuple[Any, ...] = ()
    inner: tuple[Tree, ...] = ()
    dims: frozenset[str] = frozenset()

    def __str__(self) -> str:
        parts = [str(t) for t in self.inner]
        match self.head:
            case "read":
                return f"{self.data[0]}:{' '.join(sorted(self.dims))}"
            case "number" | "name":
                return str(self.data[0])
            case "binary":
                operator = self.data[0]
                if operator.isalpha():
                    return f"{operator}({parts[0]}, {parts[1]})"
                return f"({parts[0]} {operator} {parts[1]})"
            case "unary":
                return f"(-{parts[0]})" if self.data[0] == "neg" else f"{self.data[0]}({parts[0]})"
            case "power":
                return f"(({parts[0]}) ** {self.data[0]})"
            case "reduce":
                name, dim, predicate = self.data
                condition = f" where {predicate.text}" if predicate else ""
                return f"{name}[{dim}{condition}]({parts[0]})"
            case "where":
                return f"where({self.data[0].text}, {parts[0]}, {parts[1]})"
            case "spread":
                return f"({parts[0]} -> {' '.join(sorted(self.dims))})"
            case "contract":
                return f"({', '.join(parts)} -> {' '.join(sorted(self.dims))})"
            case "at":
                return f"at[{self.data[0]} := {self.data[1].text}]({parts[0]})"
            case "let":
                return f"(let {self.data[0]} = {parts[0]} in {parts[1]})"
        raise ValueError(self.head)


@dataclass(frozen=True)
class Index:
    """A predicate or index expression as text, with the dims it names."""

    text: str
    dims: frozenset[str]


def read(dims: frozenset[str], which: str) -> Tree:
    if not dims:
        return Tree("number", (f"scalar({which.lower()})",))
    return Tree("read", (which + "".join(sorted(dims)),), (), dims)


def number(text: str) -> Tree:
    return Tree("number", (text,))


def binary(operator: str, left: Tree, right: Tree) -> Tree:
    return Tree("binary", (operator,), (left, right), left.dims | right.dims)


def unary(name: str, operand: Tree) -> Tree:
    return Tree("unary", (name,), (operand,), operand.dims)


def power(operand: Tree, exponent: int) -> Tree:
    return Tree("power", (exponent,), (operand,), operand.dims)


def reduce(name: str, dim: str, predicate: Index | None, operand: Tree) -> Tree:
    if dim not in operand.dims:
        operand = spread(operand, operand.dims | {dim})
    named = predicate.dims if predicate else frozenset()
    return Tree("reduce", (name, dim, predicate), (operand,), (operand.dims | named) - {dim})


def where(predicate: Index, chosen: Tree, other: Tree) -> Tree:
    return Tree("where", (predicate,), (chosen, other), chosen.dims | other.dims | predicate.dims)


def spread(operand: Tree, dims: frozenset[str]) -> Tree:
    return operand if operand.dims == dims else Tree("spread", (), (operand,), dims)


def contract(operands: tuple[Tree, ...], dims: frozenset[str]) -> Tree:
    return Tree("contract", (), operands, dims)


def at(dim: str, index: Index, operand: Tree) -> Tree:
    return Tree("at", (dim, index), (operand,), (operand.dims - {dim}) | index.dims)


# -- drawing -----------------------------------------------------------------------------------


@st.composite
def predicates(draw: st.DrawFn, dims: tuple[str, ...], depth: int = 1) -> Index:
    one = draw(st.sampled_from(dims))
    two = draw(st.sampled_from(dims))
    c = draw(st.integers(0, 3))
    form = draw(st.integers(0, 9 if depth else 7))
    texts = [
        f"{one} <= {two} + {c}",
        f"{one} < {c + 1}",
        f"{one} % 2 == {c % 2}",
        f"{one} // 2 == {c % 2}",
        f"{two} - {c} < {one} <= {two}",
        f"{one} != {c}",
        f"{one} >= {c}",
        f"{one} + {two} == {c}",
    ]
    if form < len(texts):
        text = texts[form]
        return Index(text, frozenset(d for d in (one, two) if d in text))
    left, right = draw(predicates(dims, 0)), draw(predicates(dims, 0))
    if form == 8:
        return Index(f"({left.text}) {draw(st.sampled_from(['&&', '||']))} ({right.text})", left.dims | right.dims)
    return Index(f"!({left.text})", left.dims)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3, functions: tuple[str, ...] = UNARY) -> Tree:
    if depth <= 0 or draw(st.integers(0, 9)) == 0:
        if draw(st.integers(0, 5)) == 0:
            return number(draw(st.sampled_from(["0", "1", "2", "3", "0.5", "1.5"])))
        dims = draw(st.sampled_from([("A",), ("B",), ("A", "B"), ("A", "B"), ("B", "C"), ("A", "B", "C")]))
        return read(frozenset(dims), draw(st.sampled_from(["X", "X", "Y"])))
    sub = trees(depth - 1, functions)
    form = draw(st.integers(0, 12))
    if form <= 3:
        return binary(draw(st.sampled_from(BINARY)), draw(sub), draw(sub))
    if form <= 5:
        return unary(draw(st.sampled_from(functions)), draw(sub))
    if form == 6:
        return power(draw(sub), draw(st.sampled_from([2, 2, 3, -1, -2, 0, 1])))
    if form <= 9:
        name = draw(st.sampled_from(REDUCTIONS))
        body = draw(sub)
        dim = draw(st.sampled_from(sorted(body.dims) or ["A"]))
        predicate = draw(st.none() | predicates((dim, dim, *DIMS)))
        if name in ("max", "min", "sum") and draw(st.integers(0, 4)) == 0:
            body = where(draw(predicates((dim, *DIMS))), body, number("inf" if name == "min" else "-inf"))
        return reduce(name, dim, predicate, body)
    if form == 10:
        return where(draw(predicates(DIMS)), draw(sub), draw(sub))
    if form == 11:
        operands = (draw(sub), draw(sub), *([draw(sub)] if draw(st.booleans()) else []))
        named = sorted(frozenset().union(*(o.dims for o in operands)))
        kept = frozenset(d for d in named if draw(st.booleans()))
        return contract(operands, kept) if kept else binary("*", operands[0], operands[1])
    body = draw(sub)
    if not body.dims:
        return body
    if draw(st.booleans()):
        softened = reduce("sum", sorted(body.dims)[0], None, unary("exp", body))
        return binary("/", unary("exp", body), softened)
    dim = draw(st.sampled_from(sorted(body.dims)))
    other = draw(st.sampled_from(sorted(DIMS)))
    texts = ["0", "1", f"{dim}", f"{dim} + 1", f"{dim} - 1", f"{other}", f"{other} // 2", f"1 - {dim}", f"2 * {other}"]
    text = draw(st.sampled_from(texts))
    named_dims = frozenset(d for d in DIMS if d in text)
    if named_dims & (body.dims - {dim}):
        return body
    return at(dim, Index(text, named_dims), body)


SIZES = st.fixed_dictionaries({d: st.integers(1, 4) for d in DIMS})


# -- sound rewrites and mutations --------------------------------------------------------------


def everywhere(tree: Tree) -> list[tuple[Tree, Callable[[Tree], Tree]]]:
    """All subtrees, each with the function that puts another one in its place."""
    found: list[tuple[Tree, Callable[[Tree], Tree]]] = [(tree, lambda new: new)]
    for i, child in enumerate(tree.inner):
        for sub, put in everywhere(child):

            def place(new: Tree, i: int = i, put: Callable[[Tree], Tree] = put) -> Tree:
                return replace(tree, inner=(*tree.inner[:i], put(new), *tree.inner[i + 1 :]))

            found.append((sub, place))
    return found


def rewrites(tree: Tree) -> list[tuple[str, Tree]]:
    """Expressions equal to this one wherever it has a value, with the name of the law."""
    found: list[tuple[str, Tree]] = []
    match tree.head, tree.data, tree.inner:
        case "binary", ("+",), (a, b):
            found += [("commute", binary("+", b, a)), ("subtract", binary("-", a, unary("neg", b)))]
        case "binary", ("*",), (a, b):
            found.append(("commute", binary("*", b, a)))
            if a.head == "binary" and a.data == ("+",):
                c, d = a.inner
                found.append(("distribute", binary("+", binary("*", c, b), binary("*", d, b))))
        case "binary", ("-",), (a, b):
            found.append(("negate", unary("neg", binary("-", b, a))))
        case "binary", ("/",), (a, b):
            found.append(("reciprocal", binary("*", a, power(b, -1))))
        case "binary", ("maximum",), (a, b):
            found += [
                ("commute", binary("maximum", b, a)),
                ("lattice", unary("neg", binary("minimum", unary("neg", a), unary("neg", b)))),
            ]
        case "binary", ("minimum",), (a, b):
            found.append(("commute", binary("minimum", b, a)))
        case "unary", ("exp",), (a,) if a.head == "binary" and a.data == ("+",):
            found.append(("exponential", binary("*", unary("exp", a.inner[0]), unary("exp", a.inner[1]))))
        case "unary", ("abs",), (a,):
            found += [("root", unary("sqrt", power(a, 2))), ("even", unary("abs", unary("neg", a)))]
        case "unary", ("relu",), (a,):
            found.append(("relu", binary("maximum", number("0"), a)))
        case "unary", ("sigmoid",), (a,):
            one = number("1")
            found.append(("sigmoid", binary("/", one, binary("+", one, unary("exp", unary("neg", a))))))
            found.append(("sigmoid", binary("-", one, unary("sigmoid", unary("neg", a)))))
        case "unary", ("rsqrt",), (a,):
            found.append(("root", power(unary("sqrt", a), -1)))
        case "power", (2,), (a,):
            found.append(("square", binary("*", a, a)))
        case "reduce", ("sum", dim, predicate), (a,):
            if a.head == "binary" and a.data == ("+",):
                b, c = (spread(x, a.dims) for x in a.inner)
                found.append(
                    ("linear", binary("+", reduce("sum", dim, predicate, b), reduce("sum", dim, predicate, c)))
                )
            if predicate is None:
                low, high = Index(f"{dim} < 2", frozenset([dim])), Index(f"{dim} >= 2", frozenset([dim]))
                found.append(("tile", binary("+", reduce("sum", dim, low, a), reduce("sum", dim, high, a))))
            else:
                found.append(("mask", reduce("sum", dim, None, where(predicate, a, number("0")))))
                not_it = Index(f"!({predicate.text})", predicate.dims)
                found.append(("complement", binary("-", reduce("sum", dim, None, a), reduce("sum", dim, not_it, a))))
        case "reduce", ("max", dim, predicate), (a,):
            if predicate is None:
                low, high = Index(f"{dim} < 2", frozenset([dim])), Index(f"{dim} >= 1", frozenset([dim]))
                found.append(("tile", binary("maximum", reduce("max", dim, low, a), reduce("max", dim, high, a))))
            else:
                found.append(("mask", reduce("max", dim, None, where(predicate, a, number("-inf")))))
            found.append(("lattice", unary("neg", reduce("min", dim, predicate, unary("neg", a)))))
        case "reduce", ("logsumexp", dim, predicate), (a,):
            found.append(("logsumexp", unary("log", reduce("sum", dim, predicate, unary("exp", a)))))
        case "where", (predicate,), (a, b):
            found.append(("complement", where(Index(f"!({predicate.text})", predicate.dims), b, a)))
        case "contract", _, (a, b, *rest):
            found.append(("commute", contract((b, a, *rest), tree.dims)))
    return found


def mutations(tree: Tree) -> list[tuple[str, Tree]]:
    """Realistic mistakes in place of this expression: mostly, but not always, another value."""
    found: list[tuple[str, Tree]] = []
    match tree.head, tree.data, tree.inner:
        case "binary", (operator,), (a, b):
            other = {"+": "-", "-": "+", "*": "+", "/": "*", "maximum": "minimum", "minimum": "maximum"}[operator]
            found += [("operator", binary(other, a, b)), ("left alone", spread(a, tree.dims))]
            found += [("swapped", binary(operator, b, a)), ("doubled", binary(operator, a, a))]
        case "unary", (name,), (a,):
            found.append(("dropped", a))
            if name in ("abs", "relu"):
                found.append(("sign lost", unary("sqrt", power(a, 4)) if name == "abs" else unary("abs", a)))
        case "power", (exponent,), (a,):
            found.append(("exponent", power(a, exponent + 1)))
        case "reduce", (name, dim, predicate), (a,):
            if predicate is not None:
                found.append(("mask dropped", spread(reduce(name, dim, None, a), tree.dims)))
                found.append(("complement", reduce(name, dim, Index(f"!({predicate.text})", predicate.dims), a)))
            else:
                found.append(("last dropped", reduce(name, dim, Index(f"{dim} < 2", frozenset([dim])), a)))
            swapped = {"sum": "max", "max": "sum", "min": "max", "mean": "sum", "logsumexp": "max", "prod": "sum"}
            found.append(("reduction", reduce(swapped[name], dim, predicate, a)))
            low, high = Index(f"{dim} < 2", frozenset([dim])), Index(f"{dim} >= 1", frozenset([dim]))
            if predicate is None and name == "sum":
                found.append(("overlap", binary("+", reduce("sum", dim, low, a), reduce("sum", dim, high, a))))
            if a.head == "binary" and a.data[0] == "*":
                b, c = a.inner
                found.append(("factor hoisted", binary("*", reduce(name, dim, predicate, spread(b, a.dims)), c)))
        case "where", (predicate,), (a, b):
            found += [("branches", where(predicate, b, a)), ("mask dropped", spread(a, tree.dims))]
        case "number", _, _:
            found.append(("number", binary("+", tree, number("1"))))
    # a mutation may not bring in dims that the place did not have
    return [(why, spread(new, tree.dims)) for why, new in found if new.dims <= tree.dims]
