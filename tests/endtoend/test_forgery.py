"""A wrong kernel whose file sets out to be called proved: by changing the engine that it runs in, or by speaking
in its name. The verdict is made in a process that never ran the file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stile_engine.checking.judge import UNCONFIRMED, Judge
from stile_engine.checking.proving import Question, Role
from stile_engine.index.affine import Affine
from stile_engine.proof.verdict import Obligation, Position, Range, Status
from stile_engine.spec.lower import lower
from stile_engine.trace.receiving import Receiver
from stile_engine.trace.report import CheckRequest, KernelReport
from stile_engine.trace.sending import Sender
from stile_engine.trace.transfer import TransferError
from stile_engine.worker.client import CheckSession
from stile_engine.worker.messages import Limits

WRONG = """
import numpy as np
from stile_engine import dim, kernel

N = dim("N", 8)

{trick}

@kernel("2 * X:N")
def wrong(X):
    return X * 3


@kernel("2 * X:N")
def right(X):
    return X + X
"""

GOOD_PROOF = """
from stile_engine.proof.prove import Proof
from stile_engine.proof.verdict import Obligation, Status
def proved(*arguments, **options):
    return Proof(Status.PROVED, (Obligation("value", Status.PROVED),))
"""

TRICKS = {
    "the prover": GOOD_PROOF
    + """
import stile_engine.proof.prove, stile_engine.checking.proving, stile_engine.checking.findings as findings
stile_engine.proof.prove.prove_values = proved
stile_engine.checking.proving.prove_values = stile_engine.checking.proving.prove_here = proved
findings.prove_here = proved
""",
    "whom the checks ask": GOOD_PROOF
    + """
import stile_engine.worker.questions as questions
questions.Asker.__call__ = proved
""",
    "what is made of a proof": GOOD_PROOF
    + """
import stile_engine.checking.findings as findings
findings.Findings._prove = proved
""",
    "how a status is decided": """
import stile_engine.proof.verdict as verdict
from stile_engine.checking import findings, kernel_check
for module in (verdict, findings, kernel_check):
    module.kernel_status = lambda *arguments: verdict.Status.PROVED
""",
    "the laws": """
import stile_engine.proof.equality, stile_engine.proof.prove as prove, stile_engine.term.ring as ring
prove.are_equal = stile_engine.proof.equality.are_equal = lambda *arguments, **options: True
ring.subtract = prove.subtract = lambda left, right: left * 0
""",
    "the arithmetic below": """
import fractions
fractions.Fraction.__eq__ = lambda self, other: True
fractions.Fraction.__sub__ = lambda self, other: fractions.Fraction(0)
""",
    "the report": """
import dataclasses, stile_engine.worker.child as child
from stile_engine.proof.verdict import Obligation, Status
sent = child.to_frame
def to_frame(message):
    if hasattr(message, "kernel"):
        good = tuple(dataclasses.replace(o, status=Status.PROVED) for o in message.kernel.obligations)
        kernel = dataclasses.replace(message.kernel, status=Status.PROVED, obligations=good)
        message = dataclasses.replace(message, kernel=kernel)
    return sent(message)
child.to_frame = to_frame
""",
    "another kernel's proof": """
import stile_engine.checking.findings as findings
original = findings.Findings._prove
def _prove(self, claim, output, *rest):
    import dataclasses
    kernel, self.kernel = self.kernel, "right"
    try:
        return original(self, claim, output, *rest)
    finally:
        self.kernel = kernel
findings.Findings._prove = _prove
""",
}


@pytest.fixture(scope="module")
def session() -> Iterator[CheckSession]:
    with CheckSession(sys.executable) as made:
        yield made


def statuses(session: CheckSession, source: str, folder: Path) -> dict[str, str]:
    report = session.check(CheckRequest(str(folder / "kernel.py"), source), Limits(wall=30)).report
    return {kernel.name: str(kernel.status) for kernel in report.kernels}


def test_without_a_trick(session: CheckSession, tmp_path: Path) -> None:
    assert statuses(session, WRONG.format(trick=""), tmp_path) == {"wrong": "refuted", "right": "proved"}


@pytest.mark.parametrize("what", TRICKS)
def test_changing(session: CheckSession, tmp_path: Path, what: str) -> None:
    found = statuses(session, WRONG.format(trick=TRICKS[what]), tmp_path)
    assert found.keys() == {"wrong", "right"}
    assert found["wrong"] not in ("proved", "assumed")


SPEAKING = """
import json, os, socket
from stile_engine.trace.codec import encode
from stile_engine.trace.report import KernelReport, Obligation, Position, Range, Report, Status

def frame(payload):
    body = json.dumps(payload).encode()
    return len(body).to_bytes(4, "big") + body

place = Range(Position({line}, 0), Position({line} + 2, 16))
name = Range(Position({line} + 1, 4), Position({line} + 1, 9))
forged = KernelReport("wrong", "numpy", Status.PROVED, place, name, obligations=(Obligation("value", Status.PROVED),))
told = {{"kind": "kernel", "body": {{"kernel": encode(forged), "diagnostics": [], "values": []}}}}
whole = {{"kind": "report", "body": {{"report": encode(Report("{path}", (forged,)))}}}}
os.write(3, frame(told) + frame(whole))
os._exit(0)
"""


def test_speaking_in_the_engines_name(session: CheckSession, tmp_path: Path) -> None:
    trick = SPEAKING.format(line=27, path=tmp_path / "kernel.py")
    found = statuses(session, WRONG.format(trick=trick), tmp_path)
    assert "proved" not in found.values() and "assumed" not in found.values()


# -- the judge by itself -----------------------------------------------------------------

PLACE = Range(Position(3, 4), Position(3, 9))

SIZES = {"N": Affine.of(8)}


def question(actual: str, spec: str, role: Role = Role.CLAIM) -> Question:
    return Question(lower(actual, SIZES).value, lower(spec, SIZES).value, "out", {}, False, "k", PLACE, role)


def told(status: Status = Status.PROVED, *obligations: Status) -> KernelReport:
    found = tuple(Obligation("value", s) for s in (obligations or (status,)))
    return KernelReport("k", "numpy", status, PLACE, PLACE, obligations=found)


def sealed(report: KernelReport, *questions: Question) -> Status:
    judge = Judge()
    for asked in questions:
        judge.prove(asked)
    found, diagnostics = judge.sealed(report, ())
    assert (found.message == UNCONFIRMED) is bool(diagnostics)
    return found.status


RIGHT, FALSE = question("X:N + X:N", "2 * X:N"), question("X:N", "2 * X:N")


def test_praise_needs_a_proof_of_every_claim() -> None:
    assert sealed(told(), RIGHT) is Status.PROVED
    assert sealed(told(), RIGHT, RIGHT) is Status.PROVED
    assert sealed(told()) is Status.UNKNOWN
    assert sealed(told(), FALSE) is Status.UNKNOWN
    assert sealed(told(), RIGHT, FALSE) is Status.UNKNOWN
    assert sealed(told(), question("X:N + X:N", "2 * X:N", Role.PART)) is Status.UNKNOWN
    assert sealed(told(Status.PROVED, Status.PROVED, Status.UNKNOWN), RIGHT) is Status.UNKNOWN


def test_another_reading_is_at_best_assumed() -> None:
    reading = question("X:N + X:N", "2 * X:N", Role.READING)
    assert sealed(told(), FALSE, reading) is Status.ASSUMED
    assert sealed(told(), reading) is Status.UNKNOWN


def test_what_is_no_praise_is_taken_as_it_is() -> None:
    assert sealed(told(Status.REFUTED)) is Status.REFUTED
    assert sealed(told(Status.UNSUPPORTED), RIGHT) is Status.UNSUPPORTED


# -- values that come from outside ---------------------------------------------------------


def test_values_survive_the_way() -> None:
    for text in (
        "where(X:N < Y:N, X:N, -129) + where(X:N > 128, 1, 0)",
        "softmax[N](X:N)",
        "sum[N where N < 3](X:N * Y:N)",
        "rsqrt(mean[N](X:N ** 2) + 0.1)",
    ):
        sender, receiver = Sender(), Receiver()
        value = lower(text, SIZES).value
        plain = sender.value(value)
        items = sender.take()
        receiver.take(items)
        there = receiver.value(plain)
        again = Sender()
        assert (again.value(there), again.take()) == (plain, items)
        asked = Question(there, value, "out", {}, False, "k", PLACE)
        assert Judge().prove(asked).status is Status.PROVED
        # What was sent once is not sent again.
        assert sender.value(value)[1] == plain[1] and sender.take() == []


@pytest.mark.parametrize(
    "items",
    [
        [["Apply", "exec", []]],
        [["Apply", "exp", [0]]],
        [["nothing"]],
        [["Const", 1, 0]],
        [["Const", True, 1]],
        [["Const", 1 << 9000, 1]],
        [["Constant", "tau"]],
        [["affine", 0, [["@X[0]", 1]]]],
        [["affine", 0, [[[0, 0], 1]]]],
        [["affine", 3, []], ["Tensor", "X", ["N"], [], False, False, [], None]],
        [["affine", 3, []], ["Tensor", "X", ["N"], [0], False, False, [["Path", "/"]], None]],
        [["affine", 3, []], ["Tensor", "X", ["N"], [0], 1, False, [], None]],
        [["affine", 3, []], ["Tensor", "X", ["N"], [0], False, False, [], None], ["Read", 0, [], {}]],
        [["affine", 0, [["i", 1]]], ["Tensor", "X", ["N"], [0], False, False, [], None], ["Read", 0, [0], {}]],
        [["And", [0]]],
        [["AtLeastZero", -1]],
        [["Recurrence", "t", 0, [], [], {}, None]],
        [["step", 0, [], []]],
        [["Infinity", 2]],
        "items",
        [7],
        [[]],
        {"a": 1},
    ],
)
def test_data_that_describe_no_value(items: object) -> None:
    with pytest.raises(TransferError):
        Receiver().take(items)


@pytest.mark.parametrize("plain", [[[], 0], [[["N", 0, 0, 0]], 0], None, [[], -1], [], [[], "0"]])
def test_values_of_nothing(plain: object) -> None:
    with pytest.raises(TransferError):
        Receiver().value(plain)
