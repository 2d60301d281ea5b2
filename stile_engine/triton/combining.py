"""The region of a reduction of several blocks together, as of a maximum with its index: what each result is.

A region that only compares its arguments pair by pair and selects among them is told by what it does for each order of
the pairs: less, equal, greater. Whatever numbers stand there, one of these cases is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from stile_engine.triton.ttir.tree import Block, Operation

_HOLDS = {
    "eq": (False, True, False),
    "ne": (True, False, True),
    "lt": (True, False, False),
    "le": (True, True, False),
    "gt": (False, False, True),
    "ge": (False, True, True),
}
"""Of ``first - second`` negative, zero, positive."""

_MOST_PAIRS = 4

Known = str | bool
"""The name of an argument, or a truth value."""


def extrema(block: Block) -> list[str | None]:
    """For each result ``max`` or ``min`` where it is that of its own two arguments in every case, else None."""
    names = [p.name for p in block.parameters]
    pairs = list(zip(names[: len(names) // 2], names[len(names) // 2 :], strict=True))
    *body, last = block.operations
    if len(pairs) > _MOST_PAIRS or len(last.operands) != len(pairs):
        return [None] * len(pairs)
    found: list[set[str]] = [{"max", "min"} for _ in pairs]
    for orders in product((-1, 0, 1), repeat=len(pairs)):
        known = _evaluated(body, pairs, orders)
        for k, (pair, order) in enumerate(zip(pairs, orders, strict=True)):
            result = None if known is None else known.get(last.operands[k])
            if result not in pair:
                found[k] = set()
            elif order:
                greater = (result == pair[0]) == (order > 0)
                found[k] &= {"max"} if greater else {"min"}
    return [next(iter(kinds)) if len(kinds) == 1 else None for kinds in found]


def _evaluated(
    body: Sequence[Operation], pairs: Sequence[tuple[str, str]], orders: Sequence[int]
) -> Mapping[str, Known] | None:
    """What each name stands for, where the pairs are in this order; None where something else is done with them."""
    known: dict[str, Known] = {name: name for pair in pairs for name in pair}
    for operation in body:
        operands = [known.get(o) for o in operation.operands]
        found: Known | None = None
        match operation.name, operands:
            case (("arith.cmpf" | "arith.cmpi"), [str(left), str(right)]):
                found = _compared(operation, left, right, pairs, orders)
            case "arith.andi", [bool(left), bool(right)]:
                found = left and right
            case "arith.ori", [bool(left), bool(right)]:
                found = left or right
            case "arith.xori", [bool(left), bool(right)]:
                found = left != right
            case "arith.select", [bool(chosen), left, right]:
                found = left if chosen else right
        if found is None or len(operation.results) != 1:
            return None
        known[operation.results[0]] = found
    return known


def _compared(
    operation: Operation, left: str, right: str, pairs: Sequence[tuple[str, str]], orders: Sequence[int]
) -> bool | None:
    # Of integers as signed numbers: in one order a pair stands in.
    word = operation.words[0] if operation.words else ""
    prefixes = ("o", "u") if operation.name == "arith.cmpf" else ("s",)
    case = _HOLDS.get(word[1:] if word.startswith(prefixes) else word)
    for pair, order in zip(pairs, orders, strict=True):
        if case is not None and {left, right} <= set(pair):
            turned = 0 if left == right else order if left == pair[0] else -order
            return case[turned + 1]
    return None
