"""Groups and the offsets that mark them: normal forms against numbers, on contents that satisfy the declaration."""

from __future__ import annotations

import pytest
from test_data_laws import agreements

from stile_engine.index.affine import constant
from stile_engine.spec.lower import declared, lower
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
