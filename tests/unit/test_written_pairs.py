"""Pairs of expressions written by hand, true ones beside false twins: each is settled, and none of them wrongly."""

from __future__ import annotations

from collections import Counter

import pytest
from written_pairs import Written, written_pairs

from stile_engine import prove
from stile_engine.proof.verdict import Status

PAIRS = list(written_pairs())
KINDS = tuple(dict.fromkeys(p.kind for p in PAIRS))


def test_there_are_pairs_of_each_sort() -> None:
    found = Counter(p.expected for p in PAIRS)
    assert found[Status.PROVED] > 150 and found[Status.REFUTED] > 150


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_have_the_verdict_that_is_written(kind: str) -> None:
    wrong = {f"line {p.line}": (p.first, p.second, status) for p in PAIRS if p.kind == kind and (status := _of(p))}
    assert wrong == {}


def _of(pair: Written) -> Status | None:
    """The verdict, where it is not the expected one."""
    status = prove(pair.first, pair.second, dims=pair.sizes, assume=pair.facts).status
    return None if status is pair.expected else status
