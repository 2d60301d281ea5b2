"""The text of an expression as it was written, in the words of the spec language, for hovers and messages.

Expressions are graphs: printed in full they can be exponentially long. What lies beyond a budget is ``…``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate, substitute
from stile_engine.term.expression import (
    Apply,
    Axes,
    Bounds,
    Carried,
    Const,
    Constant,
    IndexNumber,
    Infinity,
    Node,
    NoValue,
    Power,
    Read,
    Reduce,
    Reindex,
    Restrict,
    Scatter,
    Select,
    Unmodelled,
)

_SUM, _TERM, _UNARY, _POWER, _PRIMARY = range(5)
_INFIX = {"add": ("+", _SUM), "sub": ("-", _SUM), "mul": ("*", _TERM), "div": ("/", _TERM)}


def expression_text(node: Node, extents: Mapping[str, Affine] | None = None, budget: int = 120) -> str:
    """``node`` in spec syntax, at most about ``budget`` nodes of it. ``extents`` are the sizes of whole dims,
    so that only true slices are written as slices."""
    return _Printer(extents or {}, budget).text(node, _Scope(dict(node.axes), {}), _SUM)


def predicate_text(predicate: Predicate) -> str:
    """A predicate in spec syntax."""
    match predicate:
        case Always():
            return "0 == 0"
        case Never():
            return "0 != 0"
        case AtLeastZero(expression):
            return _compare(expression, "<=")
        case EqualsZero(expression):
            return _compare(expression, "==")
        case Not(EqualsZero(expression)):
            return _compare(expression, "!=")
        case Not(operand):
            return f"not ({predicate_text(operand)})"
        case And(operands):
            return " and ".join(f"({predicate_text(o)})" if isinstance(o, Or) else predicate_text(o) for o in operands)
        case Or(operands):
            return " or ".join(f"({predicate_text(o)})" if isinstance(o, And) else predicate_text(o) for o in operands)


def _compare(expression: Affine, operator: str) -> str:
    """``0 operator expression`` with every term on the side where it is positive."""
    right = Affine(tuple((a, c) for a, c in expression.terms if c > 0), max(expression.constant, 0))
    left = right - expression
    # a <= b - 1 reads as a < b
    if operator == "<=" and left.constant == 1 and left.terms:
        return f"{_index(left - 1)} < {_index(right)}"
    if operator != "<=" and (not left.terms or len(right.terms) < len(left.terms) or _mentions_floor(left)):
        left, right = right, left
    return f"{_index(left)} {operator} {_index(right)}"


def _mentions_floor(expression: Affine) -> bool:
    return any(not isinstance(atom, str) for atom, _ in expression.terms)


def _index(affine: Affine) -> str:
    """The text of an index; ``e - d * (e // d)`` reads as ``e % d``."""
    for atom, coefficient in affine.terms:
        if isinstance(atom, FloorDiv) and coefficient < 0 and coefficient % atom.divisor == 0:
            times = -coefficient // atom.divisor
            rest = affine - atom.numerator * times - Affine(((atom, coefficient),))
            if len(rest.terms) <= len(affine.terms) - 1 - len(atom.numerator.terms):
                numerator = _index(atom.numerator)
                simple = len(atom.numerator.terms) == 1 and not atom.numerator.constant
                remainder = f"{numerator if simple else f'({numerator})'} % {atom.divisor}"
                shown = remainder if times == 1 else f"{times} * ({remainder})"
                return shown if rest == Affine() else f"{_index(rest)} + {shown}"
    return affine.render(lambda name: data.render(name, lambda v: v.lstrip("#")))


def _sliced(name: str, bounds: Bounds, extent: Affine) -> str:
    return name if bounds == (Affine(), extent) else f"{name}[{_index(bounds[0])}:{_index(bounds[1])}]"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator} / {value.denominator}"


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the variables of a node mean where it stands: their ranges, and the indices put in their place."""

    ranges: Axes
    indices: Mapping[str, Affine]

    def index(self, expression: Affine) -> Affine:
        return expression.substitute(self.indices)

    def condition(self, predicate: Predicate) -> str:
        return predicate_text(substitute(predicate, self.indices))

    def within(self, bound: Axes) -> _Scope:
        return _Scope({**self.ranges, **bound}, {v: e for v, e in self.indices.items() if v not in bound})


_MOST_NODES_SEARCHED = 60


def dim_read_by(variable: str, body: Node) -> str | None:
    """The dim of a tensor that is read at exactly this variable, where one is found soon."""
    waiting: list[tuple[Node, Mapping[str, Affine]]] = [(body, {})]
    for _ in range(_MOST_NODES_SEARCHED):
        if not waiting:
            return None
        node, indices = waiting.pop()
        match node:
            case Read(tensor, index):
                for dim, one in zip(tensor.dims, index, strict=True):
                    if one.substitute(indices) == Affine.variable(variable):
                        return dim
            case Reindex(inner, mapping):
                waiting.append((inner, {**indices, **{v: e.substitute(indices) for v, e in mapping.items()}}))
            case Apply(_, operands):
                waiting.extend((o, indices) for o in reversed(operands))
            case Power(base):
                waiting.append((base, indices))
            case Select(_, chosen, other):
                waiting.extend(((other, indices), (chosen, indices)))
            case Reduce(_, bound, _, inner):
                waiting.append((inner, {v: e for v, e in indices.items() if v not in bound}))
            case Restrict(inner):
                waiting.append((inner, indices))
    return None


class _Printer:
    def __init__(self, extents: Mapping[str, Affine], budget: int) -> None:
        self.extents = extents
        self.left = budget

    def text(self, node: Node, scope: _Scope, level: int) -> str:
        self.left -= 1
        if self.left < 0:
            return "…"
        found, own = self._form(node, scope)
        return f"({found})" if own < level else found

    def _form(self, node: Node, scope: _Scope) -> tuple[str, int]:
        match node:
            case Const(value):
                level = _PRIMARY if value.denominator == 1 and value >= 0 else _TERM if value >= 0 else _SUM
                return _number(value), level
            case Constant(name):
                return ("exp(1)" if name == "e" else name), _PRIMARY
            case Infinity(sign):
                return ("inf", _PRIMARY) if sign > 0 else ("-inf", _UNARY)
            case NoValue(reason):
                return f"no value ({reason})", _SUM
            case Unmodelled(reason):
                return f"unsupported ({reason})", _SUM
            case Read():
                return self._read(node, scope), _PRIMARY
            case IndexNumber(index):
                index = scope.index(index)
                return _index(index), (_PRIMARY if len(index.terms) == 1 and not index.constant else _SUM)
            case Apply("neg", (operand,)):
                return f"-{self.text(operand, scope, _UNARY)}", _UNARY
            case Apply(function, (left, right)) if function in _INFIX:
                operator, level = _INFIX[function]
                # a - (b + c), a / (b * c): the right operand of the inverse operations keeps its parentheses
                inner = level + 1 if function in ("sub", "div") else level
                return f"{self.text(left, scope, level)} {operator} {self.text(right, scope, inner)}", level
            case Apply(function, operands):
                return f"{function}({', '.join(self.text(o, scope, _SUM) for o in operands)})", _PRIMARY
            case Power(base, exponent):
                return f"{self.text(base, scope, _PRIMARY)} ** {exponent}", _POWER
            case Select(predicate, chosen, other):
                inside = self.text(chosen, scope, _SUM)
                if isinstance(other, Const) and other.value == 0:
                    return f"({inside} where {scope.condition(predicate)})", _PRIMARY
                return f"where({scope.condition(predicate)}, {inside}, {self.text(other, scope, _SUM)})", _PRIMARY
            case Reduce():
                return self._reduce(node, scope), _PRIMARY
            case Scatter():
                within = scope.within(node.bound)
                written = self.text(node.body, within, _SUM)
                where = f"{', '.join(node.bound)} where {within.condition(node.predicate)}"
                return f"scatter[{where}]({written}, {self.text(node.base, scope, _SUM)})", _PRIMARY
            case Reindex(body, mapping):
                moved = {v: scope.index(e) for v, e in mapping.items()}
                own = {v: b for v, b in body.axes.items() if v not in mapping or mapping[v] == Affine.variable(v)}
                return self._form(body, _Scope({**scope.ranges, **own}, {**scope.indices, **moved}))
            case Restrict(body, narrowed):
                narrow = {v: narrowed.get(v, b) for v, b in body.axes.items()}
                return self._form(body, _Scope({**scope.ranges, **narrow}, scope.indices))
            case Carried(_, number, index, round_):
                place = ", ".join(_index(scope.index(i)) for i in index)
                return f"carry{number}[{place}] before round {_index(scope.index(round_))}", _SUM
        return f"unsupported ({type(node).__name__})", _SUM

    def _dim(self, name: str, bounds: Bounds) -> str:
        extent = self.extents.get(name)
        return name if extent is None else _sliced(name, bounds, extent)

    def _moved_dim(self, name: str, bounds: Bounds, scope: _Scope) -> str:
        """A free variable as what stands in its place."""
        index = scope.index(Affine.variable(name))
        if index == Affine.variable(name):
            return self._dim(name, bounds)
        if len(index.terms) == 1 and index.terms[0][1] == 1:
            atom = index.terms[0][0]
            if isinstance(atom, str) and atom in scope.ranges:
                return self._dim(atom, scope.ranges[atom])
        return _index(index)

    def _read(self, node: Read, scope: _Scope) -> str:
        tensor = node.tensor
        label = "" if tensor.name.isdigit() else tensor.name
        if not tensor.dims:
            return f"scalar({label or tensor.name})"
        index = tuple(scope.index(i) for i in node.index)
        if index == tuple(Affine.variable(d) for d in tensor.dims):
            sizes = zip(tensor.dims, tensor.shape, strict=True)
            dims = " ".join(_sliced(d, scope.ranges.get(d, (Affine(), size)), size) for d, size in sizes)
            return f"{label}:{dims}" if label else f"({dims})" if len(tensor.dims) > 1 else dims
        name = label or f"input{tensor.name}"
        return f"{name}[{', '.join(_index(i) for i in index)}]"

    def _reduce(self, node: Reduce, scope: _Scope) -> str:
        inner = scope.within(node.bound)
        bound = dict(node.bound)
        free = {name for v in node.axes for name in scope.index(Affine.variable(v)).variables}
        for variable in node.bound:
            # a bound variable without a dim's name runs along the dim that it reads
            dim = dim_read_by(variable, node.body) if variable not in self.extents else None
            if dim is not None and dim not in free:
                bound = {(dim if v == variable else v): b for v, b in bound.items()}
                ranges = {**inner.ranges, dim: node.bound[variable]}
                inner = _Scope(ranges, {**inner.indices, variable: Affine.variable(dim)})
        condition = "" if isinstance(node.predicate, Always) else f" where {inner.condition(node.predicate)}"
        match node.body:
            case Apply("mul", (left, right)) if (
                node.reduction == "sum"
                and not condition
                and all(node.bound.keys() & o.axes.keys() for o in (left, right))
            ):
                out = " ".join(self._moved_dim(v, b, scope) for v, b in node.axes.items())
                both = f"{self.text(left, inner, _SUM)}, {self.text(right, inner, _SUM)}"
                return f"({both} -> {out})" if out else f"({both} ->)"
        bracket = ", ".join(self._dim(v, b) for v, b in bound.items())
        return f"{node.reduction}[{bracket}{condition}]({self.text(node.body, inner, _SUM)})"
