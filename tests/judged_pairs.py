"""What the prover says of generated pairs: one outcome for each, in as many processes as wanted."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pairs.drawn import Pair, pair
from pairs.meaning import difference

from stile_engine import prove
from stile_engine.proof.verdict import Status

_BELIEVED = ("proved", "assumed")
_CHUNK = 100
_TASKS_IN_A_PROCESS = 5  # terms are interned and stay alive: a process is given up after so many chunks


@dataclass(frozen=True)
class Outcome:
    """``problem``: none, or why this outcome is a fault of the prover or of the generator."""

    number: int
    kind: str
    equal: bool
    status: str
    detail: str
    mistake: str
    milliseconds: float
    problem: str = ""

    @property
    def settled(self) -> bool:
        return self.status in _BELIEVED if self.equal else self.status == "refuted"


def judge(number: int) -> Outcome:
    return judge_pair(pair(number))


def judge_pair(p: Pair) -> Outcome:
    start = time.perf_counter()
    problem = ""
    try:
        proof = prove(str(p.first), str(p.second), dims=p.sizes, details=False)
        status = proof.status
        detail = "; ".join(dict.fromkeys(o.detail for o in proof.obligations if o.detail))
    except Exception as error:  # whatever it is, it is a crash of the prover
        status, detail = Status.CRASHED, f"{type(error).__name__}: {error}"
    milliseconds = (time.perf_counter() - start) * 1e3
    if status in (Status.CRASHED, Status.ERROR, Status.UNSUPPORTED):
        problem = "crash"
    elif "the proof took" in detail:
        problem = "over the budget"
    elif not p.equal and status in _BELIEVED:
        problem = "false, and believed"
    elif p.equal and status is Status.REFUTED:
        wrong = difference(p.first, p.second, p.sizes, partial=False)
        problem = f"the generator called it equal: {wrong}" if wrong else "true, and refuted"
    return Outcome(p.number, p.kind, p.equal, status.value, detail, p.mistake, milliseconds, problem)


def _judge_all(numbers: list[int]) -> list[Outcome]:
    return [judge(n) for n in numbers]


def judged(numbers: Iterable[int], processes: int) -> Iterator[list[Outcome]]:
    """Outcomes chunk by chunk, in the order of their numbers."""
    ordered = list(numbers)
    chunks = [ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, maxtasksperchild=_TASKS_IN_A_PROCESS) as pool:
        yield from pool.imap(_judge_all, chunks)
