"""What a kernel returned against what its spec says: as many results, of the same shape, dim by dim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stile_engine.errors import StileError
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, disjunction, variables
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import render_sizes
from stile_engine.term.expression import Reindex
from stile_engine.term.value import Value
from stile_engine.trace.frontend import KernelResult, PlainArray, axis_variable


class ResultMismatch(StileError):
    """The results do not have the shapes of the spec's."""

    code = "dim-mismatch"


def in_order(results: Sequence[KernelResult], outputs: Sequence[str | None]) -> tuple[KernelResult, ...]:
    """Results that were written in place, in the order of the specs of their outputs."""
    named = {r.name: r for r in results if isinstance(r, PlainArray) and r.name is not None}
    if not named:
        return tuple(results)
    if missing := [name for name in outputs if name not in named]:
        raise ResultMismatch(f"the kernel does not write its output {missing[0]}")
    return tuple(named[name] for name in outputs if name is not None)


def match(
    results: Sequence[KernelResult], specs: Sequence[Value], unknowns: Mapping[str, tuple[int, int]]
) -> list[Value]:
    """The results as values over the dims of the specs, in their order. Raises ``ResultMismatch``.

    ``unknowns``: least and greatest value of the unknowns of symbolic sizes.
    """
    if len(results) != len(specs):
        raise ResultMismatch(f"the kernel returns {_count(len(results))}, and the spec has {len(specs)}")
    return [fit(result, spec, unknowns) for result, spec in zip(results, specs, strict=True)]


def _count(number: int) -> str:
    return "1 array" if number == 1 else f"{number} arrays"


def fit(result: KernelResult, spec: Value, unknowns: Mapping[str, tuple[int, int]]) -> Value:
    """One result over the dims of its spec. Axes of plain arrays are the spec's dims in their order."""
    if isinstance(result, Value):
        return _typed(result, spec)
    sizes = tuple(d.high - d.low for d in spec.dims)
    if (different := _different(result.shape, sizes, unknowns)) is not None:
        raise ResultMismatch(
            f"the kernel returns an array of shape {_shape(result.shape)}, and the spec has dims "
            f"{spec.shape_type or 'none'} of shape {_shape(sizes)}{different}"
        )
    mapping = {axis_variable(a): Affine.variable(d.name) - d.low for a, d in enumerate(spec.dims)}
    return Value(spec.dims, Reindex(result.node, mapping, spec.axes))


def _different(mine: Sequence[Affine], theirs: Sequence[Affine], unknowns: Mapping[str, tuple[int, int]]) -> str | None:
    """None where two shapes are equal for all sizes, else words that name the smallest at which they are not."""
    if mine == theirs:
        return None
    if len(mine) != len(theirs) or all(s.is_constant for s in (*mine, *theirs)):
        return ""
    # Two expressions may be equal without being one: n // 2 + (n + 1) // 2 is n.
    differs = disjunction(*(compare(a, "!=", b) for a, b in zip(mine, theirs, strict=True)))
    named = variables(differs)
    ranges = {v: (Affine((), low), Affine((), high + 1)) for v, (low, high) in unknowns.items() if v in named}
    where = IndexSet.where(differs) & IndexSet.box(ranges)
    sample = where.sample()
    if sample is None:
        return None
    point = {v: low for v, (low, _) in unknowns.items()} | sample
    first, second = (_shape([Affine((), s.evaluate(point)) for s in shape]) for shape in (mine, theirs))
    return f"; at the smallest sizes at which they differ, {first} and {second}"


def _typed(result: Value, spec: Value) -> Value:
    mine, theirs = [d.name for d in result.dims], [d.name for d in spec.dims]
    if sorted(mine) != sorted(theirs):
        left = [name for name in mine if name not in theirs]
        code = "unreduced-dim" if left and not set(theirs) - set(mine) else "dim-mismatch"
        hint = f": reduce {', '.join(left)} completely first" if code == "unreduced-dim" else ""
        raise ResultMismatch(
            f"the kernel returns an array over {' '.join(mine) or 'no dims'}, and the spec is over "
            f"{' '.join(theirs) or 'no dims'}{hint}",
            code=code,
        )
    if mine != theirs:
        raise ResultMismatch(
            f"the kernel returns its dims in the order {' '.join(mine)}, and the spec in the order {' '.join(theirs)}: "
            f"use .rearrange({', '.join(theirs)})"
        )
    for own, other in zip(result.dims, spec.dims, strict=True):
        if (own.low, own.high, own.extent) != (other.low, other.high, other.extent):
            raise ResultMismatch(
                f"the kernel returns {_range(own.name, own.low, own.high)}, and the spec has "
                f"{_range(other.name, other.low, other.high)}"
            )
    return result


def _range(name: str, low: Affine, high: Affine) -> str:
    return f"{name}[{render_sizes(low)}:{render_sizes(high)}]"


def _shape(sizes: Sequence[Affine]) -> str:
    return "(" + ", ".join(render_sizes(s) for s in sizes) + ("," if len(sizes) == 1 else "") + ")"
