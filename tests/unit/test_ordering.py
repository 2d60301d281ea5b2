"""Elements in order, and the sums over comparisons that they are made of."""

from __future__ import annotations

import pytest

from stile_engine.array.arrays import RealArray, axis, ranges_of
from stile_engine.array.ordering import Order
from stile_engine.index.affine import Affine
from stile_engine.proof.prove import prove_values
from stile_engine.proof.verdict import Status
from stile_engine.term.expression import ZERO, Node, Read, Tensor, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.term.value import Value


def keys(size: int) -> RealArray:
    tensor = Tensor("X", ("N",), (Affine((), size),))
    return RealArray((size,), Read(tensor, (axis(0),), ranges_of((size,))))


def element(node: Node, place: int) -> Value:
    return Value((), reindex_node(node, {"$0": Affine((), place)}, {}))


@pytest.mark.parametrize("descending", [False, True])
def test_a_middle_element_is_not_nothing(descending: bool) -> None:
    """The rank of an element is a sum inside of a condition of the sum outside: their variables are two."""
    middle = element(Order(keys(4), 0, descending).values().node, 1)
    proof = prove_values(middle, Value((), ZERO), numbers=False)
    assert proof.status is Status.UNKNOWN
    assert prove_values(middle, middle, numbers=False).status is Status.PROVED
    assert prove_values(middle, Value((), ZERO)).status is Status.REFUTED


@pytest.mark.parametrize(("descending", "place", "kind"), [(False, 0, "min"), (False, 3, "max"), (True, 0, "max")])
def test_extrema_stand_at_the_ends(descending: bool, place: int, kind: str) -> None:
    own = keys(4)
    extreme = reduce(kind, ranges_of((4,)), own.node)
    found = element(Order(own, 0, descending).values().node, place)
    assert prove_values(found, Value((), extreme), numbers=False).status is Status.PROVED
    other = reduce({"min": "max", "max": "min"}[kind], ranges_of((4,)), own.node)
    assert prove_values(found, Value((), other)).status is Status.REFUTED
