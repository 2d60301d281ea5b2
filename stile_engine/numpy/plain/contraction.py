"""Sums of products: matmul, einsum and their relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.sizes import Size, is_fixed
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, fresh, meet, settled
from stile_engine.numpy.plain.elements import Elements, Real, axis_index, axis_name, ranges_of
from stile_engine.numpy.plain.elementwise import operation, reject, write_result
from stile_engine.numpy.plain.storage import share_unknown_memory
from stile_engine.numpy.plain.structure import normalized_axes, permuted, ravel
from stile_engine.term.expression import bounds, multiply
from stile_engine.term.expression import reduce as reduce_node
from stile_engine.term.reindexing import reindex_node

Letter = Any
"""Anything hashable that names an axis of a contraction."""


def contract(
    operands: Sequence[tuple[SymbolicArray, Sequence[Letter]]], result: Sequence[Letter], out: Any
) -> SymbolicArray:
    """The product of the operands, summed over every letter that the result lacks.

    An axis of size 1 meets any size, as in NumPy. Raises ``ValueError`` where other sizes differ.
    """
    sizes: dict[Letter, Size] = {}
    for array, letters in operands:
        for letter, size in zip(letters, array.shape, strict=True):
            known = sizes.setdefault(letter, size)
            if not (is_fixed(known, 1) or is_fixed(size, 1)) and known != size:
                raise ValueError(
                    f"operands could not be contracted: an axis has size {known} in one and {size} in another"
                )
            sizes[letter] = size if is_fixed(known, 1) else known
    shape = tuple(sizes[letter] for letter in result)
    places = {letter: axis_index(i, len(shape)) for i, letter in enumerate(result)}
    bound = {}
    for letter, size in sizes.items():
        if letter not in places:
            name = context.bound_variable()
            places[letter] = Affine.variable(name)
            bound[name] = bounds(0, size)
    ranges = {**ranges_of(shape), **bound}
    node = None
    factors: list[Elements] = []
    for array, letters in operands:
        mapping = {
            axis_name(a, array.ndim): Affine() if is_fixed(n, 1) else places[letter]
            for a, (letter, n) in enumerate(zip(letters, array.shape, strict=True))
        }
        factor = reindex_node(array.node, mapping, ranges)
        node = factor if node is None else multiply(node, factor)
        factors.append(Real(factor))
    if node is None:
        raise ValueError("einsum needs at least one operand")
    meet(factors, ranges, list(bound))
    if bound:
        node = reduce_node("sum", bound, node)
    dtype = np.result_type(*(array.dtype for array, _ in operands))
    if dtype.kind == "b":
        context.unsupported("a contraction of truth values is not modelled")
    value = fresh(Real(node), shape, dtype)
    return write_result(out, value) if out is not None else settled(value)


@operation("matmul")
def matmul(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> SymbolicArray:
    reject("matmul", options)
    left, right = as_array(x1), as_array(x2)
    if not left.ndim or not right.ndim:
        raise ValueError("matmul: an operand does not have enough dimensions")
    inner = right.shape[-2] if right.ndim > 1 else right.shape[0]
    if left.shape[-1] != inner:
        raise ValueError(f"matmul: the last axis of the first operand has size {left.shape[-1]}, its partner {inner}")
    batch = max(left.ndim, right.ndim, 2) - 2
    first = [f"b{i}" for i in range(batch - max(left.ndim - 2, 0), batch)] + (["m"] if left.ndim > 1 else []) + ["k"]
    second = [f"b{i}" for i in range(batch - max(right.ndim - 2, 0), batch)] + ["k"] + (["n"] if right.ndim > 1 else [])
    result = [f"b{i}" for i in range(batch)] + (["m"] if left.ndim > 1 else []) + (["n"] if right.ndim > 1 else [])
    return contract([(left, first), (right, second)], result, out)


@operation("dot")
def dot(a: Any, b: Any, out: Any = None) -> SymbolicArray:
    left, right = as_array(a), as_array(b)
    if not left.ndim or not right.ndim:
        return OPERATIONS["multiply"](left, right, out=out)  # type: ignore[no-any-return]
    axis = right.ndim - 2 if right.ndim > 1 else 0
    if left.shape[-1] != right.shape[axis]:
        raise ValueError(f"shapes {left.shape} and {right.shape} not aligned")
    first: list[Letter] = [f"l{i}" for i in range(left.ndim - 1)]
    second: list[Letter] = [f"r{i}" for i in range(right.ndim)]
    result = first + [letter for i, letter in enumerate(second) if i != axis]
    second[axis] = "k"
    return contract([(left, [*first, "k"]), (right, second)], result, out)


@operation("vdot")
def vdot(a: Any, b: Any) -> SymbolicArray:
    return dot(ravel(a), ravel(b))


@operation("inner")
def inner(a: Any, b: Any) -> SymbolicArray:
    return tensordot(a, b, (-1, -1))


@operation("outer")
def outer(a: Any, b: Any, out: Any = None) -> SymbolicArray:
    return contract([(ravel(a), ["l"]), (ravel(b), ["r"])], ["l", "r"], out)


@operation("tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> SymbolicArray:
    left, right = as_array(a), as_array(b)
    if isinstance(axes, int):
        pairs = ([*range(left.ndim - axes, left.ndim)], [*range(axes)])
    else:
        pairs = tuple([x] if isinstance(x, int) else list(x) for x in axes)  # type: ignore[assignment]
    first: list[Letter] = [("l", i) for i in range(left.ndim)]
    second: list[Letter] = [("r", i) for i in range(right.ndim)]
    for number, (i, j) in enumerate(
        zip(normalized_axes(pairs[0], left.ndim), normalized_axes(pairs[1], right.ndim), strict=True)
    ):
        if left.shape[i] != right.shape[j]:
            raise ValueError("shape-mismatch for sum")
        first[i] = second[j] = number
    result = [x for x in first + second if not isinstance(x, int)]
    found = contract([(left, first), (right, second)], result, None)
    found.scalar = False
    return found


@operation("einsum")
def einsum(subscripts: Any, *operands: Any, out: Any = None, **options: Any) -> SymbolicArray:
    reject("einsum", {k: v for k, v in options.items() if k not in ("optimize", "dtype", "casting", "order")})
    if not isinstance(subscripts, str):
        context.unsupported("einsum with lists of axes is not modelled; use a string")
    arrays = [as_array(o) for o in operands]
    wanted = options.get("dtype")
    if wanted is not None and np.dtype(wanted).kind != "f" and any(a.dtype.kind == "f" for a in arrays):
        context.unsupported("einsum of real numbers in integers truncates them, which is not modelled")
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ValueError("einsum: the number of operands and of subscripts differs")
    spread = max(
        (a.ndim - len(t.replace("...", "")) for t, a in zip(terms, arrays, strict=True) if "..." in t), default=0
    )

    def letters(term: str, rank: int | None) -> list[Letter]:
        if "..." not in term:
            return list(term)
        before, _, after = term.partition("...")
        count = spread if rank is None else rank - len(before) - len(after)
        return [*before, *range(spread - count, spread), *after]

    named = [letters(t, a.ndim) for t, a in zip(terms, arrays, strict=True)]
    for names, array in zip(named, arrays, strict=True):
        if len(names) != array.ndim:
            raise ValueError(f"einsum: {len(names)} subscripts for an array of {array.ndim} axes")
    if arrow:
        result = letters(right, None)
    else:
        every = [n for names in named for n in names]
        single = sorted(n for n in set(every) if isinstance(n, str) and every.count(n) == 1)
        result = [*range(spread), *single]
    made = contract(list(zip(arrays, named, strict=True)), result, out)
    if len(arrays) == 1 and out is None and set(named[0]) == set(result):
        # NumPy gives a view of a single operand where nothing is summed
        if len(named[0]) == len(result):
            return permuted(arrays[0], [named[0].index(letter) for letter in result])
        share_unknown_memory(arrays[0].store, made.store)
    return made
