"""Expressions of the spec language as trees of their own, with their text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Ranges = dict[str, tuple[int, int]]
"""The dims of a value, in order, with their half-open ranges in coordinates of the whole dim."""


# -- predicates ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compare:
    """``left op right`` of two index expressions, as text."""

    left: str
    op: str
    right: str

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"

    @property
    def is_chain(self) -> bool:
        """Whether ``right`` goes on with another comparison."""
        return any(c in self.right for c in "<>=")


@dataclass(frozen=True)
class Join:
    """``&&`` or ``||`` of predicates."""

    op: str
    parts: tuple[Predicate, ...]

    def __str__(self) -> str:
        return f" {self.op} ".join(f"({p})" if isinstance(p, Join) else str(p) for p in self.parts)


@dataclass(frozen=True)
class Negation:
    part: Predicate

    def __str__(self) -> str:
        return f"!({self.part})"


Predicate = Compare | Join | Negation


def both(*parts: Predicate) -> Predicate:
    return parts[0] if len(parts) == 1 else Join("&&", parts)


def either(*parts: Predicate) -> Predicate:
    return parts[0] if len(parts) == 1 else Join("||", parts)


def as_python(predicate: Predicate) -> str:
    """Floor division, remainder and chains of comparisons mean in Python what they mean in a spec."""
    match predicate:
        case Compare():
            return str(predicate)
        case Join(op, parts):
            return f" {'and' if op == '&&' else 'or'} ".join(f"({as_python(p)})" for p in parts)
        case Negation(part):
            return f"not ({as_python(part)})"


def names_in(text: str) -> frozenset[str]:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return frozenset(w for w in words if not w[0].isdigit() and w not in ("and", "or", "not"))


def dims_of(predicate: Predicate | None) -> frozenset[str]:
    return names_in(as_python(predicate)) if predicate is not None else frozenset()


# -- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One expression. ``head`` says which; ``data`` are names, numbers and predicates, ``inner`` the operands.

    ========== ============================= =======================
    head       data                          inner
    ========== ============================= =======================
    read       label, dims, slices
    number     text (with exact value)
    infinity
    binary     + - * / maximum minimum       left, right
    unary      name                          operand
    power      exponent                      base
    reduce     name, dim, predicate          body
    softmax    dim, predicate                body
    where      predicate                     chosen, other
    mask       predicate                     body
    contract   name or "", dims on the right operands
    at         dim, index expression         body
    let        name                          value, body
    name       name, its ranges
    ========== ============================= =======================
    """

    head: str
    data: tuple[Any, ...] = ()
    inner: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return text(self)

    def __add__(self, other: Operand) -> Term:
        return binary("+", self, other)

    def __radd__(self, other: Operand) -> Term:
        return binary("+", other, self)

    def __sub__(self, other: Operand) -> Term:
        return binary("-", self, other)

    def __rsub__(self, other: Operand) -> Term:
        return binary("-", other, self)

    def __mul__(self, other: Operand) -> Term:
        return binary("*", self, other)

    def __rmul__(self, other: Operand) -> Term:
        return binary("*", other, self)

    def __truediv__(self, other: Operand) -> Term:
        return binary("/", self, other)

    def __rtruediv__(self, other: Operand) -> Term:
        return binary("/", other, self)

    def __neg__(self) -> Term:
        return unary("neg", self)

    def __pow__(self, exponent: int) -> Term:
        return Term("power", (exponent,), (self,))


Operand = Term | int | str


def term(value: Operand) -> Term:
    return value if isinstance(value, Term) else number(value)


def number(value: int | str) -> Term:
    shown = str(value)
    return Term("number", (shown[1:],)).__neg__() if shown.startswith("-") else Term("number", (shown,))


def read(label: str, dims: str, **slices: tuple[int, int]) -> Term:
    return Term("read", (label, tuple(dims.split()), tuple(sorted(slices.items()))))


INFINITY = Term("infinity")


def binary(op: str, left: Operand, right: Operand) -> Term:
    return Term("binary", (op,), (term(left), term(right)))


def maximum(left: Operand, right: Operand) -> Term:
    return binary("maximum", left, right)


def minimum(left: Operand, right: Operand) -> Term:
    return binary("minimum", left, right)


def unary(name: str, operand: Operand) -> Term:
    return Term("unary", (name,), (term(operand),))


def exp(operand: Operand) -> Term:
    return unary("exp", operand)


def log(operand: Operand) -> Term:
    return unary("log", operand)


def sqrt(operand: Operand) -> Term:
    return unary("sqrt", operand)


def reduce(name: str, dim: str, body: Term, where: Predicate | None = None) -> Term:
    return Term("reduce", (name, dim, where), (body,))


def total(dim: str, body: Term, where: Predicate | None = None) -> Term:
    return reduce("sum", dim, body, where)


def greatest(dim: str, body: Term, where: Predicate | None = None) -> Term:
    return reduce("max", dim, body, where)


def softmax(dim: str, body: Term, where: Predicate | None = None) -> Term:
    return Term("softmax", (dim, where), (body,))


def where(predicate: Predicate, chosen: Operand, other: Operand) -> Term:
    return Term("where", (predicate,), (term(chosen), term(other)))


def mask(body: Term, predicate: Predicate) -> Term:
    return Term("mask", (predicate,), (body,))


def contract(right: str, *operands: Term, name: str = "") -> Term:
    return Term("contract", (name, tuple(right.split())), operands)


def spread(body: Operand, right: str) -> Term:
    return contract(right, term(body))


def at(dim: str, index: str, body: Term) -> Term:
    return Term("at", (dim, index), (body,))


def compare(left: str, op: str, right: str | int) -> Compare:
    return Compare(left, op, str(right))


# -- text ----------------------------------------------------------------------------------------

_LEVEL = {"+": 1, "-": 1, "*": 2, "/": 2}


def text(t: Term, level: int = 0) -> str:
    """The spec; ``level`` is how tightly what stands around binds."""
    match t.head, t.data, t.inner:
        case "read", (label, dims, slices), _:
            cut = dict(slices)
            return f"{label}:" + " ".join(f"{d}[{cut[d][0]}:{cut[d][1]}]" if d in cut else d for d in dims)
        case "number" | "name", (shown, *_), _:
            return str(shown)
        case "infinity", _, _:
            return "inf"
        case "binary", (op,), (left, right):
            if op.isalpha():
                return f"{op}({text(left)}, {text(right)})"
            own = _LEVEL[op]
            shown = f"{text(left, own - 1)} {op} {text(right, own)}"
            return f"({shown})" if level >= own else shown
        case "unary", ("neg",), (operand,):
            shown = f"-{text(operand, 3)}"
            return f"({shown})" if level else shown
        case "unary", (name,), (operand,):
            return f"{name}({text(operand)})"
        case "power", (exponent,), (base,):
            return f"({text(base, 4)} ** {exponent})"
        case "reduce", (name, dim, predicate), (body,):
            return f"{name}[{dim}{_condition(predicate)}]({text(body)})"
        case "softmax", (dim, predicate), (body,):
            return f"softmax[{dim}{_condition(predicate)}]({text(body)})"
        case "where", (predicate,), (chosen, other):
            return f"where({predicate}, {text(chosen)}, {text(other)})"
        case "mask", (predicate,), (body,):
            return f"({text(body)} where {predicate})"
        case "contract", (name, right), operands:
            return f"{name}({', '.join(map(text, operands))} -> {' '.join(right)})"
        case "at", (dim, index), (body,):
            return f"at[{dim} := {index}]({text(body)})"
        case "let", (name,), (value, body):
            return f"(let {name} = {text(value)} in {text(body)})"
    raise ValueError(t.head)


def _condition(predicate: Predicate | None) -> str:
    return f" where {predicate}" if predicate is not None else ""


# -- dims and places -----------------------------------------------------------------------------


class IllFormed(ValueError):
    """Not a legal spec: two ranges of one dim meet, or a dim is reduced that the operand lacks."""


def ranges(t: Term, sizes: dict[str, int]) -> Ranges:
    """The dims of the value with their ranges, in order of appearance; raises ``IllFormed``."""
    match t.head, t.data:
        case "read", (_, dims, slices):
            cut = dict(slices)
            return {d: cut.get(d, (0, sizes[d])) for d in dims}
        case "number" | "infinity", _:
            return {}
        case "name", (_, own):
            return dict(own)
        case "reduce", (_, dim, predicate):
            own = joined([ranges(t.inner[0], sizes), _whole(predicate, ranges(t.inner[0], sizes), sizes)])
            if dim not in ranges(t.inner[0], sizes):
                raise IllFormed(f"{t}: no {dim}")
            return {d: r for d, r in own.items() if d != dim}
        case "softmax", (dim, predicate):
            own = ranges(t.inner[0], sizes)
            if dim not in own:
                raise IllFormed(f"{t}: no {dim}")
            return joined([own, _whole(predicate, own, sizes)])
        case "where" | "mask", (predicate,):
            own = joined([ranges(i, sizes) for i in t.inner])
            return joined([own, _whole(predicate, own, sizes)])
        case "contract", (_, right):
            own = joined([ranges(i, sizes) for i in t.inner])
            return {d: own.get(d, (0, sizes[d])) for d in right}
        case "at", (dim, index):
            own = ranges(t.inner[0], sizes)
            if dim not in own:
                raise IllFormed(f"{t}: no {dim}")
            entering = {d: own[d] if d in own and d != dim else (0, sizes[d]) for d in names_in(index)}
            if dim in entering and own[dim] != (0, sizes[dim]):
                raise IllFormed(f"{t}: a slice read elsewhere")
            return joined([{d: r for d, r in own.items() if d != dim}, entering])
        case "let", _:
            return ranges(t.inner[1], sizes)
    return joined([ranges(i, sizes) for i in t.inner])


def _whole(predicate: Predicate | None, own: Ranges, sizes: dict[str, int]) -> Ranges:
    return {d: own.get(d, (0, sizes[d])) for d in sorted(dims_of(predicate))}


def joined(parts: list[Ranges]) -> Ranges:
    found: Ranges = {}
    for part in parts:
        for d, r in part.items():
            if found.setdefault(d, r) != r:
                raise IllFormed(f"{d} has two ranges: {found[d]} and {r}")
    return found


Put = Callable[[Term], Term]


def places(t: Term) -> Iterator[tuple[Term, Put]]:
    """All subterms, each with the function that puts another one in its place."""
    yield t, lambda new: new
    for i, child in enumerate(t.inner):
        for sub, put in places(child):

            def place(new: Term, i: int = i, put: Put = put) -> Term:
                return replace(t, inner=(*t.inner[:i], put(new), *t.inner[i + 1 :]))

            yield sub, place


def size_of(t: Term) -> int:
    return 1 + sum(map(size_of, t.inner))


def rename(t: Term, labels: dict[str, str], dims: dict[str, str]) -> Term:
    """Labels and dims under other names, all at once."""
    inner = tuple(rename(i, labels, dims) for i in t.inner)

    def dim(d: str) -> str:
        return dims.get(d, d)

    def index(shown: str) -> str:
        out, word = "", ""
        for c in shown + " ":
            if c.isalnum() or c == "_":
                word += c
            else:
                out += (dims.get(word, word)) + c
                word = ""
        return out[:-1]

    def condition(p: Predicate | None) -> Predicate | None:
        match p:
            case None:
                return None
            case Compare(left, op, right):
                return Compare(index(left), op, index(right))
            case Join(op, parts):
                return Join(op, tuple(c for q in parts if (c := condition(q)) is not None))
            case Negation(part):
                inside = condition(part)
                assert inside is not None
                return Negation(inside)

    match t.head, t.data:
        case "read", (label, own, slices):
            data: tuple[Any, ...] = (
                labels.get(label, label),
                tuple(map(dim, own)),
                tuple(sorted((dim(d), r) for d, r in slices)),
            )
        case "number", (shown,):
            data = (index(shown) if shown.startswith("size(") else shown,)
        case "reduce", (name, d, p):
            data = (name, dim(d), condition(p))
        case "softmax", (d, p):
            data = (dim(d), condition(p))
        case "where" | "mask", (p,):
            data = (condition(p),)
        case "contract", (name, right):
            data = (name, tuple(map(dim, right)))
        case "at", (d, shown):
            data = (dim(d), index(shown))
        case "name", (name, own):
            data = (name, tuple((dim(d), r) for d, r in own))
        case _:
            data = t.data
    return Term(t.head, data, inner)
