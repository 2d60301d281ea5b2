"""Groups and the offsets that mark them: normal forms against numbers, on contents that satisfy the declaration."""

from __future__ import annotations

from itertools import product

import pytest
from test_data_laws import agreements

from stile_engine.index.affine import Affine, constant
from stile_engine.index.data_questions import without_data
from stile_engine.index.predicate import Predicate, compare, conjunction, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.proof.contents import integer
from stile_engine.proof.data_points import member_with_data
from stile_engine.proof.instances import Sizes
from stile_engine.spec.lower import declared, lower
from stile_engine.term.elements import element
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import Offsets
from stile_engine.term.value import Value

SIZES = {"T": 6, "n": 6, "g": 3, "o": 4}
FACTS = ["seg sorted by g with offsets off"]

MEMBERS = "at[T := n](seg:T) == seg:T"
OWN_MEMBERS = "at[o := g](off:o) <= n && n < at[o := g + 1](off:o)"
OWN = "at[o := g](off:o) <= T && T < at[o := g + 1](off:o)"

FORMS = (
    f"sum[n where {MEMBERS}](X:n) + sum[g where {OWN}](Y:g)",
    f"max[n where {MEMBERS}](X:n) + max[g where {OWN}](Y:g)",
    f"sum[n where {MEMBERS} && n <= T](X:n * Z:T) * sum[g where {OWN}](Y:g)",
    f"softmax[n where {MEMBERS}](X:n * Z:T) + 0 * sum[g where {OWN}](Y:g)",
    f"sum[g where {OWN}](Y:g * sum[n where {OWN_MEMBERS}](X:n)) + 0 * sum[n where {MEMBERS}](X:n)",
    "sum[T where seg:T == g](X:T) + sum[T where at[o := g](off:o) <= T && T < at[o := g + 1](off:o)](Y:T)",
)


def value_of(text: str) -> Value:
    extents = {d: constant(n) for d, n in SIZES.items()}
    return lower(text, extents, known=declared([text], extents, FACTS)).value


@pytest.mark.parametrize("text", FORMS)
def test_forms_agree_with_numbers(text: str) -> None:
    assert agreements(value_of(text), (1, 2, 3, 4)) > 3


OFFSETS = Tensor("off", ("o",), (constant(4),), integer=True, facts=(Offsets("seg", constant(3), constant(6)),))
ANY = Tensor("any", ("g",), (constant(3),), integer=True)
X, G = Affine.variable("x"), Affine.variable("g")
LOW, HIGH = element(OFFSETS, (G,)), element(OFFSETS, (G + 1,))
FREE = element(ANY, (G,))
GROUP = in_range(G, 0, 3)

SETS: dict[str, tuple[Predicate, ...]] = {
    # the first and the last x stand in no set: what is declared of the offsets implies them
    "members of a group": (compare(LOW, "<=", X), compare(X, "<", HIGH), in_range(X, 0, 6)),
    "an end for a length": (compare(0, "<=", X), compare(LOW + X, ">=", 6), compare(X, "<", HIGH)),
    "blocks of an end": (compare(LOW + X * 4, ">=", 3), compare(X * 4, "<", HIGH)),
    "behind the end": (compare(X, ">", HIGH), in_range(X, 0, 5)),
    "no bound but the data": (compare(X * 2, "==", LOW + HIGH),),
    "a bound of which nothing is declared": (compare(X, "<", FREE),),
    "two bounds of which nothing is declared of one": (compare(X, "<", FREE), compare(LOW, "<", X)),
    "out of order": (compare(LOW, ">", X), compare(X, ">", HIGH)),
    "more than there are": (compare(HIGH - LOW, ">", 6), compare(X, "==", 0)),
}


@pytest.mark.parametrize("name", SETS)
def test_members_of_sets_over_offsets_are_members(name: str) -> None:
    """Those that the offsets have without their data are all there; one that is found holds for numbers."""
    where = IndexSet.where(conjunction(GROUP, *SETS[name]))
    plain, real = without_data(where), 0
    for seed, x, g in product(range(1, 13), range(-9, 10), range(3)):
        held = {"x": x, "g": g}
        read = ((LOW, OFFSETS, g), (HIGH, OFFSETS, g + 1), (FREE, ANY, g))
        held |= {v.render(): integer(tensor, (i,), seed, {}) for v, tensor, i in read}
        if where.contains(held):
            real += 1
            assert plain.contains(held), f"x={x}, g={g} with {held}"
    found = member_with_data(where, Sizes({}, {}, frozenset()))
    assert (found is None) == (real == 0)
    if found is not None:
        assert {"x", "g"} <= found.indices.keys()
        assert where.contains({**found.indices, **{e.token: n for e, n in found.values.items()}})
