"""A counterexample as a Python program that prints two different values.

The program needs NumPy alone, or mpmath where float64 cannot show the difference. It is printed
from the expressions as written, one function for each shared expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import prod

from stile_engine.index import data
from stile_engine.index.predicate import Always, Predicate
from stile_engine.index.predicate import render as render_predicate
from stile_engine.proof.inputs import SOURCE, Profile
from stile_engine.term import expression as written
from stile_engine.term.comparison import Difference
from stile_engine.term.elements import Element
from stile_engine.term.expression import Node, Tensor, children

_NUMPY_HEAD = """\
import functools
import math
import sys

import numpy as np

sys.setrecursionlimit(20_000)
np.seterr(all="ignore")
number = np.float64
inf, nan, pi, e = np.float64(math.inf), np.float64(math.nan), np.float64(math.pi), np.float64(math.e)
exp, log, sqrt, sin, cos, tanh, floor = np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.floor
erf = lambda x: np.float64(math.erf(x))
log1p, maximum, minimum = np.log1p, np.maximum, np.minimum
divide = lambda x, y: nan if y == 0 else x / y
whole = lambda x: -(10**9) if x != x else int(x)
sign = lambda x, y: (x > y) - (x < y)
once = lambda values, base: base() if not values else values[0] if len(values) == 1 else nan
power = lambda x, n: x if x != x else x**n if n >= 0 else divide(number('1'), x**-n)
"""

_MPMATH_HEAD = """\
import functools
import sys

import mpmath
from mpmath import mp

sys.setrecursionlimit(20_000)
mp.dps = {digits}
number = lambda text: mpmath.mpf(text)
inf, nan, pi, e = mpmath.inf, mpmath.nan, mp.pi, mp.e
exp, sin, cos, tanh, floor, erf = mpmath.exp, mpmath.sin, mpmath.cos, mpmath.tanh, mpmath.floor, mpmath.erf
log = lambda x: mpmath.log(x) if x > 0 else -inf if x == 0 else nan
log1p = lambda x: log(1 + x)
sqrt = lambda x: mpmath.sqrt(x) if x >= 0 else nan
maximum = lambda x, y: x if x != x or x > y else y
minimum = lambda x, y: x if x != x or x < y else y
divide = lambda x, y: nan if y == 0 else x / y
whole = lambda x: -(10**9) if x != x else int(x)
sign = lambda x, y: (x > y) - (x < y)
once = lambda values, base: base() if not values else values[0] if len(values) == 1 else nan
power = lambda x, n: x if x != x else x**n if n >= 0 else divide(number('1'), x**-n)
"""

_FUNCTIONS = {
    "neg": "(-({0}))",
    "exp": "exp({0})",
    "exp2": "exp({0} * log(number('2')))",
    "log": "log({0})",
    "log2": "(log({0}) / log(number('2')))",
    "sqrt": "sqrt({0})",
    "rsqrt": "divide(number('1'), sqrt({0}))",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tanh": "tanh({0})",
    "erf": "erf({0})",
    "abs": "abs({0})",
    "relu": "maximum({0}, number('0'))",
    "sigmoid": "(1 / (1 + exp(-({0}))))",
    "silu": "({0} / (1 + exp(-({0}))))",
    "gelu": "({0} / 2 * (1 + erf({0} / sqrt(number('2')))))",
    "gelu_tanh": "({0} / 2 * (1 + tanh(sqrt(2 / pi) * ({0} + number('0.044715') * {0} ** 3))))",
    "softplus": "(maximum({0}, number('0')) + log1p(exp(-abs({0}))))",
    "floor": "floor({0})",
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "divide({0}, {1})",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
}
_LARGEST_LISTED = 64
_TAKEN = frozenset(
    "functools math sys np mp mpmath number inf nan pi e exp log sqrt sin cos tanh floor erf log1p maximum minimum "
    "divide power whole sign once sum range abs print Drawn x y n".split()
)


Reads = Mapping[Tensor, tuple[range, ...]]
"""For each tensor that is read a box that holds all positions."""


def program(
    actual: Node,
    spec: Node,
    index: Mapping[str, int],
    reads: Reads,
    sizes: Mapping[str, int],
    summary: str,
    profile: Profile,
    digits: int | None = None,
    facts: Mapping[tuple[Tensor, tuple[int, ...]], Fraction] | None = None,
) -> str:
    """The source of the repro. ``digits``: print with mpmath at that precision, else NumPy. A few inputs are
    listed; many are drawn again by the program itself. ``facts`` holds the elements of inputs of which
    something was declared: they are not what the profile alone says."""
    lines = [f"# {line}" for line in summary.splitlines()]
    lines.append(_NUMPY_HEAD if digits is None else _MPMATH_HEAD.format(digits=digits))
    writer = _Writer(sizes)
    lines += _inputs(reads, sizes, writer, profile, facts or {})
    calls = [writer.call(node, index) for node in (actual, spec)]
    lines += writer.lines
    shown = ", ".join(f"{writer.variable(v)}={x}" for v, x in index.items())
    lines.append(f"print('kernel at {shown}:', {calls[0]})")
    lines.append(f"print('spec   at {shown}:', {calls[1]})")
    return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    kept = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return kept if kept and not kept[0].isdigit() else f"input_{kept}"


def _inputs(
    reads: Reads,
    sizes: Mapping[str, int],
    writer: _Writer,
    profile: Profile,
    facts: Mapping[tuple[Tensor, tuple[int, ...]], Fraction],
) -> list[str]:
    lines: list[str] = []
    for tensor, box in sorted(reads.items(), key=lambda item: item[0].name):
        extents = [s.evaluate(sizes) for s in tensor.shape]
        shape = ", ".join(f"{d}={n}" for d, n in zip(tensor.dims, extents, strict=True)) or "a number"
        name = writer.tensor(tensor)
        if tensor.integer or tensor.signs is not None:
            known = sorted((p, v) for (t, p), v in facts.items() if t == tensor)
            entries = [f"{_tuple(p)}: number({_text(v)!r})" for p, v in known]
            lines.append(f"{name} = {{{', '.join(entries)}}}  # {tensor.name}: {shape}")
            continue
        if prod(len(r) for r in box) <= _LARGEST_LISTED:
            entries = [f"{_tuple(p)}: number({_text(profile(tensor, p))!r})" for p in product(*box)]
            lines.append(f"{name} = {{{', '.join(entries)}}}  # {tensor.name}: {shape}")
            continue
        if not any(SOURCE in line for line in lines):
            lines.append(SOURCE)
        spikes = ", ".join(
            f"{_tuple(p)}: number({_text(profile(t, p))!r})" for t, p in sorted(profile.spikes, key=str) if t == tensor
        )
        lines.append(f"{name} = Drawn({_tuple(tuple(extents))}, {{{spikes}}}, {profile.source(tensor)})  # {shape}")
    lines.append("")
    return lines


def _tuple(position: tuple[int, ...]) -> str:
    return "(" + "".join(f"{p}, " for p in position).rstrip() + ")" if position else "()"


def _text(value: Fraction) -> str:
    """An exact decimal: inputs of a witness are dyadic, and most are whole."""
    if value.denominator == 1:
        return str(value.numerator)
    return repr(float(value))


class _Writer:
    """Functions for nodes, each written once, children first."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._loops: dict[int, str] = {}
        self._begun: set[int] = set()
        self._variables: dict[str, str] = {}
        self._tensors: dict[Tensor, str] = {}
        self._sizes = {name: str(value) for name, value in sizes.items()}

    def variable(self, name: str) -> str:
        datum = data.known(name)
        if datum is not None:
            return self._datum(datum)
        if name in self._sizes:
            return self._sizes[name]
        if name not in self._variables:
            # One name for each variable, and none that the program itself uses.
            candidate = _identifier(f"i{name[1:]}" if name.startswith("$") else name)
            while candidate in _TAKEN or candidate in self._variables.values():
                candidate += "_"
            self._variables[name] = candidate
        return self._variables[name]

    def _datum(self, datum: data.Datum) -> str:
        """An integer that an input holds, or the outcome of a comparison."""
        match datum:
            case Element(tensor=tensor, arguments=arguments):
                position = "".join(f"{a.render(self.variable)}, " for a in arguments)
                return f"whole({self.tensor(tensor)}.get(({position.rstrip()}), nan))"
            case Difference(left=left, right=right, mapping=mapping):
                renamed = {v: f"({e.render(self.variable)})" for v, e in mapping.items()}
                return f"sign({self._at(left, renamed)}, {self._at(right, renamed)})"
        raise TypeError(type(datum).__name__)

    def tensor(self, tensor: Tensor) -> str:
        """The name of its elements; one label may stand for inputs with different dims."""
        if tensor not in self._tensors:
            name = candidate = f"{_identifier(tensor.name)}_values"
            number = 1
            while candidate in self._tensors.values():
                number += 1
                candidate = f"{name}_{number}"
            self._tensors[tensor] = candidate
        return self._tensors[tensor]

    def call(self, node: Node, index: Mapping[str, int]) -> str:
        self._write(node)
        return f"{self._names[id(node)]}({', '.join(str(index[v]) for v in node.axes)})"

    def _write(self, root: Node) -> None:
        stack: list[tuple[Node | written.Recurrence, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if isinstance(node, written.Recurrence):
                if ready:
                    self._write_loop(node)
                elif id(node) not in self._begun:
                    self._begun.add(id(node))
                    stack.append((node, True))
                    stack.extend((child, False) for child in (*node.initial, *node.step))
                continue
            if id(node) in self._names:
                continue
            if not ready:
                stack.append((node, True))
                if isinstance(node, written.Carried):
                    stack.append((node.recurrence, False))
                else:
                    stack.extend((child, False) for child in children(node))
                continue
            name = f"value_{len(self._names)}"
            parameters = ", ".join(self.variable(v) for v in node.axes)
            body = self._body(node)
            self._names[id(node)] = name
            self.lines += ["@functools.cache", f"def {name}({parameters}):", f"    return {body}", ""]

    def _at(self, node: Node, renamed: Mapping[str, str] | None = None) -> str:
        arguments = ", ".join((renamed or {}).get(v, self.variable(v)) for v in node.axes)
        return f"{self._names[id(node)]}({arguments})"

    def _body(self, node: Node) -> str:
        match node:
            case written.Const(value):
                if value.denominator == 1:
                    return f"number('{value.numerator}')"
                return f"(number('{value.numerator}') / number('{value.denominator}'))"
            case written.Constant(name):
                return name
            case written.Infinity(sign):
                return "inf" if sign > 0 else "-inf"
            case written.NoValue() | written.Unmodelled():
                return "nan"
            case written.Read(tensor, index):
                position = "".join(f"{i.render(self.variable)}, " for i in index)
                return f"{self.tensor(tensor)}.get(({position.rstrip()}), nan)"
            case written.IndexNumber(index):
                return f"number({index.render(self.variable)})"
            case written.Apply(function, operands):
                return _FUNCTIONS[function].format(*(self._at(o) for o in operands))
            case written.Power(base, exponent):
                return f"power({self._at(base)}, {exponent})"
            case written.Select(predicate, chosen, other):
                condition = render_predicate(predicate, self.variable, python=True)
                return f"{self._at(chosen)} if {condition} else {self._at(other)}"
            case written.Reduce():
                return self._reduce(node)
            case written.Scatter():
                found = f"[{self._at(node.body)} {self._for_loops(node.bound, node.predicate)}]"
                return f"once({found}, lambda: {self._at(node.base)})"
            case written.Reindex(body, mapping):
                renamed = {v: f"({x.render(self.variable)})" for v, x in mapping.items()}
                checks = [
                    f"{low.render(self.variable)} <= {renamed[v]} < {high.render(self.variable)}"
                    for v, (low, high) in body.axes.items()
                    if v in mapping
                ]
                moved = self._at(body, renamed)
                return f"{moved} if {' and '.join(checks)} else nan" if checks else moved
            case written.Restrict(body):
                return self._at(body)
            case written.Carried():
                return self._carried(node)
        raise TypeError(type(node).__name__)

    def _carried(self, node: written.Carried) -> str:
        """A call of the function that goes back from a round to the one before it."""
        recurrence, number = node.recurrence, node.number
        arguments = [node.round.render(self.variable), *(i.render(self.variable) for i in node.index)]
        arguments += [self.variable(v) for v in recurrence.outer if v not in recurrence.axes[number]]
        return f"{self._loop(recurrence)}_{number}({', '.join(arguments)})"

    def _loop(self, recurrence: written.Recurrence) -> str:
        """The name of the functions of a loop's carries, to be defined once the body is written."""
        return self._loops.setdefault(id(recurrence), f"carried_{len(self._loops)}")

    def _write_loop(self, recurrence: written.Recurrence) -> None:
        name, round_ = self._loop(recurrence), self.variable(recurrence.variable)
        for number, (initial, step) in enumerate(zip(recurrence.initial, recurrence.step, strict=True)):
            own = [self.variable(v) for v in recurrence.axes[number]]
            outer = [self.variable(v) for v in recurrence.outer if v not in recurrence.axes[number]]
            parameters = ", ".join([round_, *own, *outer])
            before = self._at(step, {recurrence.variable: f"{round_} - 1"})
            self.lines += ["@functools.cache", f"def {name}_{number}({parameters}):"]
            self.lines += [f"    return {self._at(initial)} if {round_} == 0 else {before}", ""]

    def _reduce(self, node: written.Reduce) -> str:
        if not node.bound and isinstance(node.predicate, Always):
            return self._at(node.body)  # the reduction of one point
        values = f"({self._at(node.body)} {self._for_loops(node.bound, node.predicate)})"
        match node.reduction:
            case "sum":
                return f"sum({values}, number('0'))"
            case "prod":
                return f"functools.reduce(lambda x, y: x * y, {values}, number('1'))"
            case "max":
                return f"functools.reduce(maximum, {values}, -inf)"
            case _:
                return f"functools.reduce(minimum, {values}, inf)"

    def _for_loops(self, bound: written.Axes, predicate: Predicate) -> str:
        loops = " ".join(
            f"for {self.variable(v)} in range({low.render(self.variable)}, {high.render(self.variable)})"
            for v, (low, high) in bound.items()
        )
        if not isinstance(predicate, Always):
            loops += f" if {render_predicate(predicate, self.variable, python=True)}"
        return loops
