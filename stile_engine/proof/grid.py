"""Evaluate an expression as written on a whole grid of index tuples at once, with NumPy.

The same reading as in ``evaluate.py`` and as free of laws: each node becomes one array, or one pair of
arrays, over the coordinates that its own variables take. A sum of a product is contracted without making
the product, which is what keeps large sizes affordable. NumPy is imported when a grid is made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Any

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate
from stile_engine.proof.evaluate import NotEvaluated, TooExpensive
from stile_engine.proof.grid_arithmetic import Coordinates, GridArithmetic, GridInputs
from stile_engine.proof.grid_loops import Loops
from stile_engine.term import expression as written
from stile_engine.term.expression import Node, Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_NODE_STEPS = 64
_LARGEST_GRID = 1 << 22
_MOST_CONTRACTED = 1 << 27
_MOST_AXES = 24
_MOST_FACTORS = 1 << 12
MOST_ROUNDS = 4096


class VariesOverGrid(NotEvaluated):
    """What is the same everywhere at one point differs over the grid."""


class GridEvaluator:
    """Values of nodes on the product of some coordinates; ``sizes`` gives the unknowns of symbolic sizes."""

    def __init__(
        self,
        arithmetic: GridArithmetic,
        inputs: GridInputs,
        coordinates: Mapping[str, list[int]],
        sizes: Mapping[str, int] | None = None,
        steps: int = 1 << 24,
        rounds: int = MOST_ROUNDS,
    ) -> None:
        import numpy

        self._np = numpy
        self._arithmetic = arithmetic
        self._inputs = inputs
        self._sizes = dict(sizes or {})
        self._steps = steps
        self._allowed = steps
        self._most_rounds = rounds
        self._known: dict[tuple[Any, ...], Any] = {}
        self._bound: dict[tuple[int, int, int], Coordinates] = {}
        self._moved: dict[tuple[Any, ...], Coordinates] = {}
        self._noted: list[tuple[Tensor, list[Any]]] = []
        self._taken: dict[Tensor, int] = {}
        self._whole: dict[Tensor, Array] = {}
        self._loops = Loops(arithmetic, self._value, self._single, self._along)
        self._running = self._loops.rounds
        self.names = tuple(coordinates)
        if len(self.names) > _MOST_AXES:
            raise TooExpensive
        self._top = {
            name: self._coordinates(numpy.array(values, dtype=numpy.int64), place)
            for place, (name, values) in enumerate(coordinates.items())
        }
        self.shape = tuple(len(values) for values in reversed(list(coordinates.values())))
        """Of the results: the last axis is the first coordinate."""

    def _coordinates(self, values: Array, place: int) -> Coordinates:
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        return Coordinates(values.reshape((-1, *([1] * place))), frozenset([place]), low, high)

    def _along(self, low: int, high: int, place: int) -> Coordinates:
        """The range ``[low, high)``, the same object every time."""
        known = self._bound.get((low, high, place))
        if known is None:
            if high - low > _LARGEST_GRID or place >= _MOST_AXES:
                raise TooExpensive
            values = self._np.arange(low, high, dtype=self._np.int64).reshape((-1, *([1] * place)))
            known = self._bound[low, high, place] = Coordinates(values, frozenset([place]), low, high - 1)
        return known

    @property
    def reads(self) -> dict[Tensor, tuple[range, ...]]:
        """For each tensor the smallest box that holds all positions at which it was read."""
        found: dict[Tensor, tuple[range, ...]] = {}
        for tensor, position in self._noted:
            box = tuple(range(int(p.min()), int(p.max()) + 1) for p in position)
            known = found.get(tensor)
            if known is not None:
                pairs = zip(box, known, strict=True)
                box = tuple(range(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
            found[tensor] = box
        return found

    @property
    def used(self) -> int:
        return self._allowed - self._steps

    @property
    def computed(self) -> int:
        """How many arrays were computed."""
        return len(self._known)

    def __call__(self, node: Node) -> Any:
        """The value, over the whole of ``shape``."""
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, 100_000))
        try:
            with self._np.errstate(all="ignore"):
                return self._arithmetic.spread(self._value(node, self._top), self.shape)
        except OverflowError:
            raise NotEvaluated("an index with numbers of more than 64 bits") from None
        finally:
            sys.setrecursionlimit(before)

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TooExpensive

    def _value(self, node: Node, at: Mapping[str, Coordinates]) -> Any:
        kind = type(node)
        while kind is written.Restrict:
            node = node.body  # type: ignore[attr-defined]  # the same value at the same index
            kind = type(node)
        # Nodes and coordinates are compared by identity.
        key = (node, *map(at.__getitem__, node.axes))
        found = self._known.get(key)
        if found is None:
            if self._running:
                found = self._loops.in_a_stretch(node, at)
            if found is None:
                compute = _COMPUTE.get(kind)
                if compute is None:
                    raise NotEvaluated(f"{kind.__name__} is not evaluated on grids")
                found = compute(self, node, at)
            self._steps -= _NODE_STEPS + 2 * found.size
            if self._steps < 0:
                raise TooExpensive
            self._known[key] = found
        return found

    # -- indices ---------------------------------------------------------------------------

    def _integer(self, expression: Affine, at: Mapping[str, Coordinates]) -> Any:
        total: Any = expression.constant
        for atom, coefficient in expression.terms:
            if isinstance(atom, FloorDiv):
                inner = self._integer(atom.numerator, at) // atom.divisor
            else:
                size = self._sizes.get(atom)
                if size is None and atom not in at:
                    raise NotEvaluated("an index that data decide")
                inner = at[atom].values if size is None else size
            total = total + coefficient * inner
        return total

    def _one_integer(self, expression: Affine, at: Mapping[str, Coordinates]) -> int | None:
        """The number, where everything in the expression is one number: what most rounds of loops are."""
        total = expression.constant
        for atom, coefficient in expression.terms:
            if isinstance(atom, FloorDiv):
                return None
            value = self._sizes.get(atom)
            if value is None:
                place = at.get(atom)
                if place is None or place.places or place.low != place.high:
                    return None
                value = place.low
            total += coefficient * value
        return total

    def _holds(self, predicate: Predicate, at: Mapping[str, Coordinates]) -> Any:
        match predicate:
            case Always():
                return True
            case Never():
                return False
            case AtLeastZero(expression):
                return self._integer(expression, at) >= 0
            case EqualsZero(expression):
                return self._integer(expression, at) == 0
            case Not(operand):
                return self._np.logical_not(self._holds(operand, at))
            case And(operands):
                return reduce(self._np.logical_and, [self._holds(o, at) for o in operands])
            case Or(operands):
                return reduce(self._np.logical_or, [self._holds(o, at) for o in operands])
        raise NotEvaluated(f"{type(predicate).__name__} is not evaluated on grids")

    def _places(self, names: Any, at: Mapping[str, Coordinates]) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for name in names:
            found |= at[name].places
        return found

    def _bounds(self, bounds: tuple[Affine, Affine]) -> tuple[int, int]:
        low, high = bounds
        if not low.terms and not high.terms:
            return low.constant, high.constant
        if not (low.variables | high.variables) <= self._sizes.keys():
            raise NotEvaluated("a range that varies")
        return low.evaluate(self._sizes), high.evaluate(self._sizes)

    # -- nodes -----------------------------------------------------------------------------

    def _const(self, node: written.Const, at: Mapping[str, Coordinates]) -> Any:
        return self._arithmetic.rational(node.value.numerator, node.value.denominator)

    def _constant(self, node: written.Constant, at: Mapping[str, Coordinates]) -> Any:
        return self._arithmetic.constant(node.name)

    def _infinity(self, node: written.Infinity, at: Mapping[str, Coordinates]) -> Any:
        return self._arithmetic.exact(self._np.array(self._np.inf if node.sign > 0 else -self._np.inf))

    def _no_value(self, node: written.NoValue, at: Mapping[str, Coordinates]) -> Any:
        return self._arithmetic.no_value()

    def _unmodelled(self, node: written.Unmodelled, at: Mapping[str, Coordinates]) -> Any:
        raise NotEvaluated(node.reason)

    def _index_number(self, node: written.IndexNumber, at: Mapping[str, Coordinates]) -> Any:
        return self._arithmetic.exact(self._np.asarray(self._integer(node.index, at), dtype=float))

    def _apply(self, node: written.Apply, at: Mapping[str, Coordinates]) -> Any:
        operands = node.operands
        first = self._value(operands[0], at)
        if len(operands) == 1:
            return self._arithmetic.unary(node.function, first)
        second = self._value(operands[1], at)
        if first.size * second.size > _LARGEST_GRID:
            self._room(first, second)
        return self._arithmetic.binary(node.function, first, second)

    def _room(self, *values: Any) -> None:
        """Refuse a grid that is too large before it is made."""
        if prod(v.size for v in values) <= _LARGEST_GRID:
            return  # what they broadcast to is no larger than all of their products
        shape = self._np.broadcast_shapes(*(self._arithmetic.shape(v) for v in values))
        if prod(shape) > _LARGEST_GRID:
            raise TooExpensive

    def _power(self, node: written.Power, at: Mapping[str, Coordinates]) -> Any:
        base = self._value(node.base, at)
        if node.exponent == 0:
            raise NotEvaluated("a power of zero")
        if abs(node.exponent) > 64:
            raise NotEvaluated("a high power")
        result = base
        for _ in range(abs(node.exponent) - 1):
            result = self._arithmetic.binary("mul", result, base)
        if node.exponent > 0:
            return result
        return self._arithmetic.binary("div", self._arithmetic.rational(1, 1), result)

    def _select(self, node: written.Select, at: Mapping[str, Coordinates]) -> Any:
        mask = self._np.asarray(self._holds(node.predicate, at))
        if mask.all():
            return self._value(node.chosen, at)
        if not mask.any():
            return self._value(node.other, at)
        chosen, other = self._value(node.chosen, at), self._value(node.other, at)
        self._room(chosen, other, self._arithmetic.exact(mask))
        return self._arithmetic.where(mask, chosen, other)

    def _reindex(self, node: written.Reindex, at: Mapping[str, Coordinates]) -> Any:
        inner = dict(at)
        outside: Any = None
        for name, expression in node.mapping.items():
            moved = self._coordinates_of(expression, at)
            low, high = self._bounds(node.body.axes[name])
            inside: Any = True
            if moved.low < low or moved.high >= high:
                inside = (low <= moved.values) & (moved.values < high)
            if not (inside is True or inside.all()):
                outside = ~inside if outside is None else outside | ~inside
                # any value inside will do: it is replaced below
                clipped = self._moved.get((moved, low, high))
                if clipped is None:
                    if high <= low:
                        return self._arithmetic.no_value()
                    kept = self._np.clip(moved.values, low, high - 1)
                    clipped = self._moved[moved, low, high] = Coordinates(kept, moved.places, low, high - 1)
                moved = clipped
            inner[name] = moved
        value = self._value(node.body, inner)
        if outside is None:
            return value
        return self._arithmetic.where(outside, self._arithmetic.no_value(), value)

    def _read_tensor(self, node: written.Read, at: Mapping[str, Coordinates]) -> Any:
        np = self._np
        tensor = node.tensor
        if tensor.integer or tensor.signs is not None:
            raise NotEvaluated("contents that satisfy declared facts are drawn one by one")
        places = [self._coordinates_of(p, at) for p in node.index]
        position = [c.values for c in places]
        outside: Any = None
        for axis, (place, extent) in enumerate(zip(places, tensor.shape, strict=True)):
            size = extent.evaluate(self._sizes) if extent.terms else extent.constant
            if place.low >= 0 and place.high < size:
                continue
            inside = (place.values >= 0) & (place.values < size)
            if not inside.all():
                outside = ~inside if outside is None else outside | ~inside
                position[axis] = np.clip(place.values, 0, max(size - 1, 0))
        self._room(*(self._arithmetic.exact(p) for p in position))
        self._noted.append((tensor, position))
        value = self._arithmetic.exact(self._elements(tensor, position))
        if outside is None:
            return value
        return self._arithmetic.where(outside, self._arithmetic.no_value(), value)

    def _elements(self, tensor: Tensor, position: list[Any]) -> Array:
        """The inputs at these positions. A tensor of which as much is read as it holds is made as a whole, once."""
        whole = self._whole.get(tensor)
        if whole is not None:
            return self._np.asarray(whole[tuple(position)])
        found = self._inputs.grid(tensor, tuple(position))
        taken = self._taken[tensor] = self._taken.get(tensor, 0) + found.size
        shape = tuple(extent.evaluate(self._sizes) for extent in tensor.shape)
        if position and 0 < prod(shape) <= min(taken, _LARGEST_GRID):
            self._whole[tensor] = self._inputs.grid(tensor, self._np.ix_(*(self._np.arange(n) for n in shape)))
        return found

    def _carried(self, node: written.Carried, at: Mapping[str, Coordinates]) -> Any:
        np = self._np
        recurrence, number = node.recurrence, node.number
        one, end = self._one_integer(node.round, at), self._one_integer(recurrence.rounds, at)
        if one is not None and end is not None:
            round_, count, beyond = one, end, one > end
        else:
            rounds = np.asarray(self._integer(node.round, at))
            last = np.asarray(self._integer(recurrence.rounds, at))
            if rounds.size > 1 and rounds.min() != rounds.max():
                raise VariesOverGrid("a round that varies over the grid")
            round_, count = int(rounds.max()), int(last.max())
            beyond = bool((round_ > last).any())
        if round_ < 0 or beyond:
            raise NotEvaluated("a round that the loop does not have")
        if round_ > self._most_rounds:
            raise TooExpensive
        inner = dict(at)
        for (name, bounds), expression in zip(recurrence.axes[number].items(), node.index, strict=True):
            moved = self._coordinates_of(expression, at)
            low, high = self._bounds(bounds)
            if (moved.low < low or moved.high >= high) and not ((low <= moved.values) & (moved.values < high)).all():
                raise NotEvaluated("a carry read out of bounds")
            inner[name] = moved
        return self._loops.after(recurrence, number, round_, count, inner)

    def _single(self, value: int) -> Coordinates:
        """One value, the same object every time."""
        found = self._moved.get((value,))
        if found is None:
            values = self._np.array(value, dtype=self._np.int64)
            found = self._moved[value,] = Coordinates(values, frozenset(), value, value)
        return found

    def _coordinates_of(self, expression: Affine, at: Mapping[str, Coordinates]) -> Coordinates:
        """The values of an index expression; of a variable its own."""
        if expression.is_constant:
            return self._single(expression.constant)
        first, factor = expression.terms[0]
        plain = len(expression.terms) == 1 and factor == 1 and not expression.constant
        if plain and isinstance(first, str) and first in at:
            return at[first]
        used = [(v, at[v]) for v in sorted(expression.variables) if v in at]
        token = (expression, *used)
        found = self._moved.get(token)
        if found is None:
            values = self._np.asarray(self._integer(expression, at), dtype=self._np.int64)
            places = frozenset().union(*(c.places for _, c in used)) if used else frozenset()
            limits = expression.extremes(
                {v: (Affine((), c.low), Affine((), c.high + 1)) for v, c in used}
                | {v: (Affine((), n), Affine((), n + 1)) for v, n in self._sizes.items()}
            )
            low, high = limits if limits is not None else (int(values.min()), int(values.max()))
            found = self._moved[token] = Coordinates(values, places, low, high)
        return found

    def _reduce(self, node: written.Reduce, at: Mapping[str, Coordinates]) -> Any:
        taken = self._places(node.axes, at)
        inner = dict(at)
        axes: list[int] = []
        shape: list[int] = []
        place = 0
        for name, bounds in node.bound.items():
            low, high = self._bounds(bounds)
            if high <= low:
                return self._empty(node.reduction)
            while place in taken:
                place += 1
            inner[name] = self._along(low, high, place)
            axes.append(place)
            shape.append(high - low)
            taken |= {place}
        mask = None
        if not isinstance(node.predicate, Always):
            mask = self._np.asarray(self._holds(node.predicate, inner))
            if not mask.any():
                return self._empty(node.reduction)
            if mask.all():
                mask = None
        if node.reduction == "sum":
            factors = self._factors(node.body)
            if len(factors) > 1:
                found = self._contracted(factors, mask, dict(zip(axes, shape, strict=True)), inner)
                if found is not None:
                    return found
        body = self._value(node.body, inner)
        own = self._arithmetic.shape(body)
        if mask is None and all(p < len(own) and own[-1 - p] == n for p, n in zip(axes, shape, strict=True)):
            return self._arithmetic.reduce(node.reduction, body, None, tuple(-1 - p for p in axes), own)
        ranges = self._arithmetic.exact(
            self._np.empty([shape[axes.index(p)] if p in axes else 1 for p in range(max(axes), -1, -1)])
        )
        parts = (body, ranges) if mask is None else (body, ranges, self._arithmetic.exact(mask))
        self._room(*parts)
        whole = self._np.broadcast_shapes(*(self._arithmetic.shape(v) for v in parts))
        return self._arithmetic.reduce(node.reduction, body, mask, tuple(-1 - p for p in axes), whole)

    def _factors(self, body: Node) -> list[Node]:
        """The factors of a product, as written."""
        found: list[Node] = []
        stack = [body]
        while stack:
            node = stack.pop()
            while type(node) is written.Restrict:
                node = node.body
            if type(node) is written.Apply and node.function == "mul":
                stack.extend(reversed(node.operands))
                if len(stack) > _MOST_FACTORS:
                    return [body]
            else:
                found.append(node)
        return found

    def _contracted(
        self, factors: list[Node], mask: Array | None, axes: Mapping[int, int], at: Mapping[str, Coordinates]
    ) -> Any:
        values = [self._value(f, at) for f in factors]
        shapes = [self._arithmetic.shape(v) for v in values]
        if mask is not None:
            shapes.append(mask.shape)
        whole = self._np.broadcast_shapes(*shapes)
        size = prod(whole)
        for place, length in axes.items():
            if length > 1 and (place >= len(whole) or whole[-1 - place] == 1):
                return None  # no factor names this variable: the ordinary way counts its values
        if size <= 2 * max(prod(s) for s in shapes):
            return None  # nothing is gained
        if size > _MOST_CONTRACTED:
            raise TooExpensive
        self._spend(size // 16)
        return self._arithmetic.contract(values, mask, tuple(-1 - p for p in axes if p < len(whole)))

    def _empty(self, reduction: str) -> Any:
        if reduction in ("sum", "prod"):
            return self._arithmetic.rational(0 if reduction == "sum" else 1, 1)
        return self._arithmetic.exact(self._np.array(-self._np.inf if reduction == "max" else self._np.inf))


_COMPUTE: dict[type[Node], Callable[..., Any]] = {
    written.Const: GridEvaluator._const,
    written.Constant: GridEvaluator._constant,
    written.Infinity: GridEvaluator._infinity,
    written.NoValue: GridEvaluator._no_value,
    written.Unmodelled: GridEvaluator._unmodelled,
    written.IndexNumber: GridEvaluator._index_number,
    written.Apply: GridEvaluator._apply,
    written.Select: GridEvaluator._select,
    written.Reindex: GridEvaluator._reindex,
    written.Read: GridEvaluator._read_tensor,
    written.Power: GridEvaluator._power,
    written.Reduce: GridEvaluator._reduce,
    written.Carried: GridEvaluator._carried,
}
