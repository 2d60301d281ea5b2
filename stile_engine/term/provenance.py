"""Which dims an array runs along, read off the expression of its element.

Front ends thread nothing through their operations: an element that reads ``X[i, 64*j + k]`` runs along the
first dim of X with ``i`` and along the second with ``j`` and ``k``, through whatever views, loops and library
functions the expression came about. What reads no input (numbers, ``arange``, fresh memory) has no dims.

This is for people: hovers, hints and messages. No proof rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import TypeAlias

from stile_engine.index.affine import Affine, FloorDiv, settled
from stile_engine.index.data import is_token
from stile_engine.index.predicate import Predicate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term.comparison import compared
from stile_engine.term.elements import elements_of
from stile_engine.term.expression import (
    Axes,
    Bounds,
    Carried,
    IndexNumber,
    Node,
    Read,
    Recurrence,
    Reduce,
    Reindex,
    Scatter,
    Select,
    children,
    every_node,
)

Part: TypeAlias = "Node | Affine | Predicate"
"""Something that an element is made of: a real number, an index, or a condition."""

_START = Affine()


@dataclass(frozen=True, slots=True)
class Touch:
    """The expression reads ``dim`` of the input ``tensor`` at ``index``. Variables that were bound on the way
    stand in ``hidden`` with their ranges."""

    tensor: str
    dim: str
    index: Affine
    hidden: tuple[tuple[str, Bounds], ...] = ()


@dataclass(frozen=True, slots=True)
class Strand:
    """How one axis walks along a dim: position ``t`` is at ``step * (t // divisor % modulus) + offset``.

    ``shared``: other axes walk along the same dim with other steps, as after a reshape that splits one; then
    ``size`` is that of this axis, None for the outermost. ``loose``: the dim is read at something else, as under
    a window that slides.
    """

    dim: str
    step: int = 1
    offset: Affine = _START
    divisor: int = 1
    modulus: int | None = None
    shared: bool = False
    size: int | None = None
    loose: bool = False
    tensor: str = field(default="", compare=False)

    @property
    def is_run(self) -> bool:
        """Whether the axis alone walks the dim, with one step."""
        return not self.loose and not self.shared and self.divisor == 1 and self.modulus is None

    @property
    def is_folded(self) -> bool:
        return not self.loose and (self.divisor > 1 or self.modulus is not None)


Label: TypeAlias = tuple[Strand, ...]
"""What an axis runs along for certain: one strand, or those of a merged axis from the slowest to the fastest."""

_MOST_TOUCHES = 64
_TOO_MANY = Touch("", "", Affine())
_MOST_ROUNDS = 3


class Provenance:
    """Remembers what each expression reads; meant to live as long as the trace of one kernel."""

    def __init__(self, carried: dict[int, tuple[tuple[Touch, ...], ...]] | None = None) -> None:
        self._known: dict[int, tuple[Node, tuple[Touch, ...]]] = {}
        self._carried = {} if carried is None else carried

    def touches(self, root: Node) -> tuple[Touch, ...]:
        """All that the expression reads at indices that name one of its free variables."""
        waiting: list[tuple[Node, bool]] = [(root, False)]
        while waiting:
            node, ready = waiting.pop()
            if id(node) in self._known:
                continue
            below: Sequence[Node] = () if isinstance(node, Carried) else children(node)
            if not ready and below:
                waiting.append((node, True))
                waiting.extend((n, False) for n in below if id(n) not in self._known)
            else:
                found = tuple(dict.fromkeys(self._own(node)))
                if len(found) > _MOST_TOUCHES:
                    found = (*found[:_MOST_TOUCHES], _TOO_MANY)
                self._known[id(node)] = (node, found)
        return self._known[id(root)][1]

    def of_parts(self, parts: Iterable[Part]) -> tuple[Touch, ...]:
        """As ``touches``, for all that one operand is made of."""
        found: list[Touch] = []
        for part in parts:
            if isinstance(part, Node):
                found += self.touches(part)
            elif isinstance(part, Affine):
                found += _of_data(part.variables)
            else:
                found += _of_data(predicate_variables(part))
                for node in compared(part):
                    found += self.touches(node)
        return tuple(dict.fromkeys(found))

    def strands(self, parts: Iterable[Part], variable: str, own: Axes) -> tuple[Strand, ...]:
        """How ``variable`` walks along dims; ``own`` are the ranges of all variables of the array, and whatever
        else an index names stands outside of it and is one number."""
        return strands_of(self.of_parts(parts), variable, own)

    def aligned_dims(self, root: Node) -> frozenset[frozenset[str]]:
        """The dims that the expression itself reads at one variable, pair by pair; a dim alone where it is read
        at different places."""
        found: set[frozenset[str]] = set()
        scopes: list[tuple[Node, Axes]] = [(root, root.axes)]
        scopes += [(n.body, n.bound) for n in every_node(root) if isinstance(n, (Reduce, Scatter))]
        for body, variables in scopes:
            touches = self.touches(body)
            for variable in variables:
                strands = strands_of(touches, variable, {**body.axes, **variables})
                found |= {frozenset({s.dim}) for s in strands if s.loose}
                found |= {frozenset({a.dim, b.dim}) for a, b in combinations(strands, 2)}
        return frozenset(found)

    def _own(self, node: Node) -> Iterable[Touch]:
        match node:
            case Read(tensor, index):
                for dim, one in zip(tensor.dims, index, strict=True):
                    yield from _touched(Touch(tensor.name, dim, one))
            case IndexNumber(index):
                yield from _of_data(index.variables)
            case Select(predicate, chosen, other):
                yield from self._below(chosen)
                yield from self._below(other)
                yield from _of_data(predicate_variables(predicate))
                for compared_node in compared(predicate):
                    yield from self._below(compared_node)
            case Reduce(_, bound, _, body):
                yield from _bound(self._below(body), bound)
            case Scatter(bound, predicate, body, base):
                yield from self._below(base)
                yield from _bound((*self._below(body), *_of_data(predicate_variables(predicate))), bound)
            case Reindex(body, mapping):
                for touch in self._below(body):
                    yield from _touched(touch, mapping)
            case Carried(recurrence, number, index, round_):
                names = recurrence.axes[number]
                mapping = {**dict(zip(names, index, strict=True)), recurrence.variable: round_}
                for touch in self._of_loop(recurrence)[number]:
                    yield from _touched(touch, mapping)
            case _:
                for child in children(node):
                    yield from self._below(child)

    def _below(self, node: Node) -> tuple[Touch, ...]:
        return self._known[id(node)][1]

    def _of_loop(self, recurrence: Recurrence) -> tuple[tuple[Touch, ...], ...]:
        """What each carry may read after any number of rounds: the least that holds before and after a round."""
        known = self._carried.get(id(recurrence))
        if known is not None:
            return known
        found = tuple(self.touches(n) for n in recurrence.initial)
        rounds: Axes = {recurrence.variable: (Affine(), recurrence.rounds)}
        for attempt in range(_MOST_ROUNDS):
            # what is carried is an assumption here, so nothing that rests on it is kept
            inner = Provenance({**self._carried, id(recurrence): found})
            steps = (tuple(_bound(inner.touches(n), rounds)) for n in recurrence.step)
            wider = tuple(tuple(dict.fromkeys((*a, *b))) for a, b in zip(found, steps, strict=False)) or found
            if wider == found:
                break
            found = wider if attempt < _MOST_ROUNDS - 1 else tuple((*w, _TOO_MANY) for w in wider)
        self._carried[id(recurrence)] = found
        return found


def _touched(touch: Touch, mapping: Mapping[str, Affine] | None = None) -> Iterable[Touch]:
    """The touch with its variables replaced. What data give as an index says nothing of the dim that it is an
    index of, but the axis runs along the dims of the data."""
    index = touch.index if mapping is None else touch.index.substitute(mapping)
    if not index.terms:
        return (touch,) if touch == _TOO_MANY else ()
    if any(map(is_token, index.variables)):
        return _of_data(index.variables)
    return (Touch(touch.tensor, touch.dim, index, touch.hidden),)


def _of_data(names: frozenset[str]) -> list[Touch]:
    """Integers that inputs hold vary with the dims of those inputs, whatever they are an index of."""
    found: list[Touch] = []
    for element in elements_of(names):
        if not element.inverse:
            for dim, argument in zip(element.tensor.dims, element.arguments, strict=True):
                found += _touched(Touch(element.tensor.name, dim, argument))
    return found


def _bound(touches: Iterable[Touch], bound: Axes) -> Iterable[Touch]:
    """What is left to see from outside of where the variables are bound."""
    for touch in touches:
        inside = sorted(v for v in touch.index.variables if v in bound)
        if not inside:
            yield touch
            continue
        hidden = dict(touch.hidden)
        names = {v: f"~{len(hidden) + k}" for k, v in enumerate(inside)}
        hidden.update({names[v]: bound[v] for v in inside})
        if touch.index.variables - bound.keys() - dict(touch.hidden).keys():
            index = touch.index.substitute({v: Affine.variable(n) for v, n in names.items()})
            yield Touch(touch.tensor, touch.dim, index, tuple(sorted(hidden.items())))


# -- one axis ------------------------------------------------------------------------------


def strands_of(touches: Iterable[Touch], variable: str, own: Axes) -> tuple[Strand, ...]:
    """Each way of walking once, in the order in which they were met."""
    found = (_strand(t, variable, own) for t in touches)
    return tuple(dict.fromkeys(s for s in found if s is not None))


def _strand(touch: Touch, variable: str, own: Axes) -> Strand | None:
    if touch == _TOO_MANY:
        return Strand("", loose=True)
    if variable not in touch.index.variables:
        return None
    loose = Strand(touch.dim, loose=True, tensor=touch.tensor)
    ranges: dict[str, Bounds] = {**own, **dict(touch.hidden)}
    index = settled(touch.index, ranges)
    if variable not in index.variables:
        return None
    beside: list[tuple[str, int]] = []
    folds: list[tuple[FloorDiv, int]] = []
    offset = Affine((), index.constant)
    for atom, coefficient in index.terms:
        if atom == variable:
            continue
        if isinstance(atom, FloorDiv):
            if variable in atom.numerator.variables:
                folds.append((atom, coefficient))
                continue
            if any(v in ranges for v in atom.numerator.variables):
                return loose
        elif atom in ranges:
            beside.append((atom, coefficient))
            continue
        offset = offset + Affine(((atom, coefficient),))
    step = index.coefficient(variable)
    if folds:
        return loose if beside else _folded(touch, variable, step, folds, offset) or loose
    if not beside:
        return Strand(touch.dim, step, offset, tensor=touch.tensor)
    return _digit(touch, variable, step, beside, offset, ranges) or loose


def _folded(touch: Touch, variable: str, step: int, folds: list[tuple[FloorDiv, int]], offset: Affine) -> Strand | None:
    """``c * (t // d % m)``: t // d is a floor, and a % m stands as a - m * (a // m)."""
    if any(f.numerator != Affine.variable(variable) for f, _ in folds):
        return None
    parts = sorted([(1, step)] * (step != 0) + [(f.divisor, c) for f, c in folds])
    (divisor, coefficient), *rest = parts
    if not rest:
        return Strand(touch.dim, coefficient, offset, divisor, tensor=touch.tensor)
    if len(rest) > 1 or rest[0][0] % divisor:
        return None
    modulus = rest[0][0] // divisor
    if rest[0][1] != -coefficient * modulus:
        return None
    return Strand(touch.dim, coefficient, offset, divisor, modulus, tensor=touch.tensor)


def _digit(
    touch: Touch,
    variable: str,
    step: int,
    beside: list[tuple[str, int]],
    offset: Affine,
    ranges: Mapping[str, Bounds],
) -> Strand | None:
    """One digit of the index: those below reach less far than one step, and those above step over this one."""
    below = sum(abs(c) * (_count(ranges, v) - 1) for v, c in beside if 0 < abs(c) < abs(step) and _is_finite(ranges, v))
    if any(abs(c) == abs(step) or c < 0 or (abs(c) < abs(step) and not _is_finite(ranges, v)) for v, c in beside):
        return None
    if step < 0 or below >= step:
        return None
    above = [c for _, c in beside if c > step]
    if not above:
        return Strand(touch.dim, step, offset, shared=True, tensor=touch.tensor)
    if not _is_finite(ranges, variable):
        return None
    size = _count(ranges, variable)
    if step * (size - 1) + below >= min(above):
        return None
    return Strand(touch.dim, step, offset, shared=True, size=min(above) // step, tensor=touch.tensor)


def _is_finite(ranges: Mapping[str, Bounds], variable: str) -> bool:
    low, high = ranges[variable]
    return (high - low).is_constant


def _count(ranges: Mapping[str, Bounds], variable: str) -> int:
    low, high = ranges[variable]
    return (high - low).constant


def label(strands: Sequence[Strand]) -> Label | None:
    """What the axis runs along, if that is certain: an axis at which several dims are read has no name."""
    if any(s.loose and not s.dim for s in strands):
        return None
    runs = [s for s in strands if s.is_run]
    if runs:
        return (runs[0],) if len(runs) == 1 else None
    digits = [s for s in strands if s.shared and not s.loose]
    folds = sorted((s for s in strands if s.is_folded), key=lambda s: -s.divisor)
    if digits:
        return (digits[0],) if len(digits) == 1 and not folds else None
    if not folds or any(s.step != 1 or s.offset != Affine() for s in folds):
        return None
    nested = all(slow.divisor >= fast.divisor * (fast.modulus or 0) > 0 for slow, fast in pairwise(folds))
    return tuple(folds) if nested else None


def mismatch(left: Label | None, right: Label | None) -> str | None:
    """``dims`` where two axes run along different dims, ``places`` where they run along one at different places;
    None where they agree or one of them is not known."""
    if left is None or right is None or left == right:
        return None
    (a, *more), (b, *others) = left, right
    if more or others:
        differ = len(left) == len(right) and [s.dim for s in left] != [s.dim for s in right]
        return "dims" if differ else None
    if a.is_run and b.is_run:
        return "places" if a.dim == b.dim else "dims"
    # Heads and groups are digits of one dim in one array, and a dim in another.
    return "places" if a.shared and b.shared and a.dim == b.dim and a.step != b.step else None


# -- texts ---------------------------------------------------------------------------------


def axis_text(name: Label | None, size: Affine, extents: Mapping[str, Affine]) -> str | None:
    """``q``, ``q[16:32]``, ``q[0:64:2]``, ``E//64`` and ``E%64`` of a split axis, ``(M K)`` of a merged one."""
    if name is None:
        return None
    first = name[0]
    if first.is_run:
        return _run_text(first, size, extents.get(first.dim))
    if first.shared:
        if first.offset != Affine():
            return None
        quotient = f"{first.dim}//{first.step}" if first.step != 1 else first.dim
        return quotient if first.size is None else f"{quotient}%{first.size}"
    return _merged_text(name, size, extents)


def _run_text(strand: Strand, size: Affine, extent: Affine | None) -> str:
    low, step = strand.offset, strand.step
    if any(isinstance(atom, FloorDiv) for atom, _ in low.terms):
        return f"{strand.dim}[…]"
    if step == 1:
        if low == Affine() and size == extent:
            return strand.dim
        return f"{strand.dim}[{_shown(low)}:{_shown(low + size)}]"
    if step == -1 and extent is not None and low == extent - 1 and size == extent:
        return f"{strand.dim}[::-1]"
    end = low + size * step
    if step > 0:
        reach = extent if extent is not None and size.is_constant and (extent - end).is_constant else None
        shown = reach if reach is not None and -step < (reach - end).constant < 0 else end
        return f"{strand.dim}[{_shown(low)}:{_shown(shown)}:{step}]"
    stop = "" if end.is_constant and end.constant < 0 else _shown(end)
    return f"{strand.dim}[{_shown(low)}:{stop}:{step}]"


def _merged_text(name: Label, size: Affine, extents: Mapping[str, Affine]) -> str | None:
    if not size.is_constant:
        return None
    parts: list[str] = []
    reach = size.constant
    for strand in name:
        if strand.modulus is not None and strand.divisor * strand.modulus < reach:
            parts.append(str(reach // (strand.divisor * strand.modulus)))
            reach = strand.divisor * strand.modulus
        count = Affine((), reach // strand.divisor)
        parts.append(_run_text(Strand(strand.dim), count, extents.get(strand.dim)))
        reach = strand.divisor
    if reach > 1:
        parts.append(str(reach))
    return f"({' '.join(parts)})"


def _shown(index: Affine) -> str:
    return index.render(lambda name: name.lstrip("#"))
