"""What values are where the argument of a logarithm is zero.

A term holds where the arguments of its logarithms are positive. Where one is zero the logarithm is
-inf, and the expression may well have a value: ``exp(log(0))`` is 0. So the two sides are compared
once more for every choice of logarithms whose arguments are zero, with -inf in their place. What
cannot be compared this way is left to an assumption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

from stile_engine.index.sets import EMPTY
from stile_engine.proof.conditions import Requirement
from stile_engine.term.atoms import Poly
from stile_engine.term.expression import Carried, Node, Reindex, every_node

_MOST_LOGARITHMS = 3


def open_at_zero(
    mine: list[Requirement],
    theirs: list[Requirement],
    nodes: Iterable[Node],
    agree: Callable[[frozenset[Poly]], bool],
) -> list[Requirement]:
    """The logarithms whose argument must be taken as positive, of those on both sides.

    ``agree`` tells whether the two sides have the same values where exactly these arguments are zero.
    """
    wanted = [r for r in mine + theirs if r.kind == "logarithm" and not _never_zero(r, theirs)]
    arguments = tuple(dict.fromkeys(r.body for r in wanted))
    if not arguments:
        return []
    # a name stands for one index in the arguments and in all of the expression only without these two
    by_itself = not any(r.bound for r in wanted) and not any(_reads_elsewhere(n) for n in nodes)
    if by_itself and len(arguments) <= _MOST_LOGARITHMS:
        choices = (frozenset(c) for n in range(1, len(arguments) + 1) for c in combinations(arguments, n))
        if all(agree(zeros) for zeros in choices):
            return []
    return wanted


def _never_zero(logarithm: Requirement, theirs: list[Requirement]) -> bool:
    """The spec has no value where the argument is zero, so that nothing is owed there."""
    remaining = logarithm.domain
    for other in theirs:
        if other.kind in ("nonzero", "positive") and (other.bound, other.body) == (logarithm.bound, logarithm.body):
            remaining = remaining - other.domain
    return remaining is EMPTY


def _reads_elsewhere(root: Node) -> bool:
    return any(isinstance(n, Carried) or (isinstance(n, Reindex) and bool(n.mapping)) for n in every_node(root))
