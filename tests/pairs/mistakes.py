"""Realistic mistakes: what a wrong kernel has in place of an expression. Mostly, but not always, another value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

from pairs.facts import Sizes
from pairs.rewrites import aligned, opposite
from pairs.terms import (
    Compare,
    IllFormed,
    Join,
    Negation,
    Predicate,
    Term,
    at,
    binary,
    compare,
    exp,
    greatest,
    number,
    places,
    ranges,
    reduce,
    softmax,
    sqrt,
    total,
    unary,
)

Found = Iterator[tuple[str, Term]]
Labels = Mapping[str, tuple[str, ...]]
"""The dims of each tensor."""


def mistaken(t: Term, sizes: Sizes, random: Random, labels: Labels) -> tuple[Term, str] | None:
    """The term with one mistake somewhere, and its kind. Kinds are drawn evenly, not places."""
    by_kind: dict[str, list[Term]] = {}
    own = ranges(t, dict(sizes))
    for sub, put in places(t):
        try:
            for kind, wrong in mistakes(sub, sizes, random, labels):
                moved = put(aligned(wrong, sub, sizes))
                if ranges(moved, dict(sizes)).keys() == own.keys():
                    by_kind.setdefault(kind, []).append(moved)
        except IllFormed:
            continue
    for label in labels:
        swapped = transposed(t, label, sizes)
        if swapped is not None and swapped != t:
            by_kind.setdefault("transposed", []).append(swapped)
    if not by_kind:
        return None
    kind = random.choice(sorted(by_kind))
    return random.choice(by_kind[kind]), kind


def mistakes(t: Term, sizes: Sizes, random: Random, labels: Labels) -> Found:
    match t.head, t.data, t.inner:
        case "binary", (op,), (a, b):
            swapped = {"+": "-", "-": "+", "*": "/", "/": "*", "maximum": "minimum", "minimum": "maximum"}
            yield "wrong operator", binary(swapped[op], a, b)
            if op in ("-", "/"):
                yield "swapped operands", binary(op, b, a)
            if op in ("+", "-"):
                yield "dropped term", a
                yield "dropped term", b
            if op in ("*", "/"):
                yield "dropped factor", a
            if op == "*" and b.head == "unary" and b.data == ("exp",):
                yield "missing rescale", a
            if op == "*" and a.head == "unary" and a.data == ("exp",):
                yield "missing rescale", b
            if op in ("maximum", "minimum"):
                yield "dropped operand", a
                yield "sum for maximum", a + b
        case "unary", (name,), (x,):
            if name == "neg":
                yield "sign", x
            elif name in ("exp", "sqrt", "abs", "relu", "log", "tanh", "sigmoid"):
                yield "dropped function", x
            other = {"relu": "abs", "sin": "cos", "cos": "sin", "silu": "gelu", "gelu": "gelu_tanh", "rsqrt": "sqrt"}
            if name in other:
                yield "other function", unary(other[name], x)
            if name == "exp":
                yield "sign", exp(-x)
                if x.head == "binary" and x.data[0] in ("+", "-"):
                    yield "exp of a sum", binary(x.data[0], exp(x.inner[0]), exp(x.inner[1]))
            if name == "sqrt":
                yield "root of a square", sqrt(x * x)
        case "power", (exponent,), (x,):
            yield "exponent", x ** (exponent + 1)
            if exponent == 2 and x.head == "binary" and x.data[0] in ("+", "-"):
                yield "square of a sum", binary(x.data[0], x.inner[0] ** 2, x.inner[1] ** 2)
        case "number", (shown,), _:
            yield "constant", t + 1
            yield "constant", t * 2
            if "." in shown:
                yield "constant", number(shown + "1")
        case "read", (label, dims, slices), _:
            for other_label, its_dims in labels.items():
                if other_label != label and its_dims == dims:
                    yield "other tensor", Term("read", (other_label, dims, slices))
                    break
            for d in dims:
                n = sizes[d]
                if n > 1 and not slices:
                    yield "index off by one", at(d, f"({d} + 1) % {n}", t)
                    break
            for d, e in itertools.pairwise(dims):
                if sizes[d] == sizes[e] and not slices:
                    yield "the diagonal", at(d, e, t)
            if slices:
                d, (low, high) = slices[0]
                yield "slice", _sliced(t, d, (low, high), sizes, random)
        case "reduce", (name, dim, p), (body,):
            yield from _reductions(name, dim, p, body, sizes, random)
        case "softmax", (dim, p), (x,):
            if p is not None:
                yield "lost mask", softmax(dim, x)
                yield "mask after softmax", Term("mask", (p,), (softmax(dim, x),))
                for q in wrong_predicates(p):
                    yield "mask off by one", softmax(dim, x, q)
            yield "softmax scaled", softmax(dim, 2 * x, p)
            for d in ranges(x, dict(sizes)):
                if d != dim:
                    yield "wrong dim", softmax(d, x, p)
                    break
            yield "no normalisation", exp(x) if p is None else Term("mask", (p,), (exp(x),))
        case "where" | "mask", (p,), inner:
            for q in wrong_predicates(p):
                yield "mask off by one", Term(t.head, (q,), inner)
            yield "lost mask", inner[0]
            yield "mask upside down", Term(t.head, (opposite(p),), inner)
        case "contract", (name, right), operands:
            if len(operands) > 1:
                yield "dropped operand", replace(t, inner=operands[:-1])
            if name == "":
                yield "wrong reduction", replace(t, data=("max", right))
        case "at", (dim, index), (x,):
            yield "index off by one", at(dim, _bumped(index, dim, x, sizes), x)


def transposed(t: Term, label: str, sizes: Sizes) -> Term | None:
    """All reads of one tensor with its first two dims the other way round."""
    match t.head, t.data:
        case "read", (own, dims, slices) if own == label:
            if len(dims) < 2 or slices or sizes[dims[0]] != sizes[dims[1]]:
                return None
            return Term("read", (label, (dims[1], dims[0], *dims[2:]), ()))
    inner = [transposed(i, label, sizes) for i in t.inner]
    return None if any(i is None for i in inner) else replace(t, inner=tuple(i for i in inner if i is not None))


def _sliced(t: Term, d: str, cut: tuple[int, int], sizes: Sizes, random: Random) -> Term:
    low, high = cut
    width = high - low
    options = [s for s in range(sizes[d] - width + 1) if s != low]
    start = random.choice(options) if options else low
    return Term("read", (t.data[0], t.data[1], ((d, (start, start + width)),)))


def _bumped(index: str, dim: str, x: Term, sizes: Sizes) -> str:
    return f"({index} + 1) % {sizes[dim]}"


def _reductions(name: str, dim: str, p: Predicate | None, body: Term, sizes: Sizes, random: Random) -> Found:
    own = ranges(body, dict(sizes))
    low, high = own[dim]
    if p is None:
        yield "last element lost", reduce(name, dim, body, compare(dim, "<", high - 1))
        yield "first element lost", reduce(name, dim, body, compare(dim, ">", low))
        if high - low > 2:
            cut = random.randint(low + 1, high - 1)
            first, second = compare(dim, "<", cut), compare(dim, ">=", cut - 1)
            gap = compare(dim, ">", cut)
            op = {"sum": "+", "prod": "*", "max": "maximum", "min": "minimum"}.get(name)
            if op:
                tiles = [reduce(name, dim, body, q) for q in (first, second)]
                if op in ("+", "*"):
                    yield "tile counted twice", binary(op, *tiles)
                yield "gap between tiles", binary(op, tiles[0], reduce(name, dim, body, gap))
    else:
        yield "lost mask", reduce(name, dim, body)
        yield "mask upside down", reduce(name, dim, body, opposite(p))
        for q in wrong_predicates(p):
            yield "mask off by one", reduce(name, dim, body, q)
    other = {"sum": "max", "max": "sum", "min": "max", "mean": "sum", "logsumexp": "max", "prod": "sum"}[name]
    yield "wrong reduction", reduce(other, dim, body, p)
    for d, r in own.items():
        if d != dim and r == own[dim]:
            yield "wrong dim", reduce(name, d, body, p)
            break
    if name in ("max", "min") and body.head == "binary" and body.data[0] in ("*", "/"):
        for x, y in (body.inner, body.inner[::-1]):
            if dim not in ranges(x, dict(sizes)) and dim in ranges(y, dict(sizes)) and body.data[0] == "*":
                yield "sign lost in max", x * reduce(name, dim, y, p)
    if name == "max" and body.head == "unary" and body.data == ("neg",):
        yield "sign lost in max", -greatest(dim, body.inner[0], p)
    if name == "max" and body.head == "power":
        yield "sign lost in max", greatest(dim, body.inner[0], p) ** body.data[0]
    if name == "sum" and body.head == "binary" and body.data == ("*",):
        a, b = body.inner
        if dim in ranges(a, dict(sizes)) and dim in ranges(b, dict(sizes)):
            yield "sum of products", total(dim, a, p) * total(dim, b, p)
    if name == "sum" and body.head == "unary" and body.data == ("exp",):
        yield "exp of a sum", exp(total(dim, body.inner[0], p))
    if name == "mean" and p is not None:
        yield "divisor", total(dim, body, p) / f"size({dim})"
    if name == "sum":
        yield "counted twice", reduce(name, dim, body, p) + reduce(name, dim, body, p)
    if name == "logsumexp":
        yield "sum of exponentials", total(dim, exp(body), p)


def wrong_predicates(p: Predicate) -> Iterator[Predicate]:
    match p:
        case Compare() if p.is_chain:
            return
        case Compare(left, op, right):
            other = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "<=", "!=": "=="}[op]
            yield Compare(left, other, right)
            yield Compare(left, op, f"{right} + 1")
        case Join(op, parts):
            for i, part in enumerate(parts):
                rest = parts[:i] + parts[i + 1 :]
                yield rest[0] if len(rest) == 1 else Join(op, rest)
                for q in wrong_predicates(part):
                    yield Join(op, (*parts[:i], q, *parts[i + 1 :]))
                    break
            yield Join("||" if op == "&&" else "&&", parts)
        case Negation(part):
            yield part
