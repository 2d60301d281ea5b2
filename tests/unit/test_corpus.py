"""Every shown pair: none that is false is proved, most that are true are, and no verdict rests on sampling."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from stile_engine.index.affine import constant
from stile_engine.proof import refute
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.verdict import Status
from stile_engine.spec.lower import lower

CORPUS = Path(__file__).parent.parent / "corpus" / "pairs.jsonl"
SHOWN_PROVED = (Status.PROVED, Status.ASSUMED)


@dataclass(frozen=True)
class Pair:
    name: str
    sizes: tuple[tuple[str, int], ...]
    first: str
    second: str
    equal: bool
    kind: str


def pairs() -> list[Pair]:
    lines = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [Pair(p["id"], tuple(p["dims"].items()), p["a"], p["b"], p["equal"], p["class"]) for p in lines]


TRUE = [p for p in pairs() if p.equal]
FALSE = [p for p in pairs() if not p.equal]


def prove(pair: Pair) -> Proof:
    dims = {d: constant(n) for d, n in pair.sizes}
    return prove_values(lower(pair.first, dims).value, lower(pair.second, dims).value, symmetric=True)


@cache
def proof(pair: Pair) -> Proof:
    return prove(pair)


def test_no_false_pair_is_proved_or_assumed() -> None:
    wrong = [p.name for p in FALSE if proof(p).status in SHOWN_PROVED]
    assert FALSE and not wrong


def test_no_true_pair_is_refuted_or_an_error() -> None:
    bad = {p.name: proof(p).status for p in TRUE if proof(p).status in (Status.REFUTED, Status.ERROR)}
    assert TRUE and not bad


def test_enough_is_decided(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Counter((p.kind, p.equal, proof(p).status.value) for p in pairs())
    with capsys.disabled():
        for (kind, equal, status), n in sorted(counts.items()):
            if status != ("proved" if equal else "refuted"):
                print(f"\n{kind}: {n} {'true' if equal else 'false'} {status}", end="")
    assert sum(proof(p).status in SHOWN_PROVED for p in TRUE) >= 0.97 * len(TRUE)
    assert sum(proof(p).status is Status.REFUTED for p in FALSE) >= 0.97 * len(FALSE)


def test_the_proof_never_rests_on_sampling() -> None:
    """With an evaluator that always agrees no false pair is proved either."""
    with (
        mock.patch.object(refute, "search", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "agrees", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "confirm", lambda *_, **__: None),
    ):
        wrong = [p.name for p in FALSE if prove(p).status in SHOWN_PROVED]
    assert not wrong


def test_a_refutation_has_a_confirmed_witness_or_settles_by_shape_or_index() -> None:
    for pair in FALSE:
        found = proof(pair)
        if found.status is Status.REFUTED:
            kinds = {o.kind for o in found.obligations if o.status is Status.REFUTED}
            assert found.witness is not None or kinds <= {"shape", "defined"}, pair.name
