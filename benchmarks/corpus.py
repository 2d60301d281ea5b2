"""What the prover says of pairs of which it is known whether they are equal: ``python benchmarks/corpus.py``.

Each line of the corpus (tests/corpus/pairs.jsonl) is a pair of expressions with the truth. The exit status is 1 if
a false pair is proved, or proved under assumptions, or if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measurement import ROOT, setting
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(ROOT))

from stile_engine import Status, StileError, prove

CORPUS = ROOT / "tests" / "corpus" / "pairs.jsonl"
TRUE_PROVED, FALSE_REFUTED = 0.80, 0.90
BELIEVED = (Status.PROVED, Status.ASSUMED)


@dataclass(frozen=True)
class Verdict:
    pair: dict[str, Any]
    status: Status
    milliseconds: float

    @property
    def equal(self) -> bool:
        return bool(self.pair["equal"])

    @property
    def settled(self) -> bool:
        """The strongest right answer: a true pair proved, a false one refuted."""
        return self.status is (Status.PROVED if self.equal else Status.REFUTED)

    @property
    def wrong(self) -> bool:
        """An answer that contradicts the truth, which no verdict may."""
        return self.status is Status.REFUTED if self.equal else self.status in BELIEVED


def judge(pair: dict[str, Any]) -> Verdict:
    start = time.perf_counter()
    try:
        status = prove(pair["a"], pair["b"], dims=pair["dims"]).status
    except StileError:
        status = Status.ERROR
    return Verdict(pair, status, (time.perf_counter() - start) * 1e3)


def share(verdicts: list[Verdict], equal: bool) -> tuple[int, int]:
    concerned = [v for v in verdicts if v.equal is equal]
    return sum(v.settled for v in concerned), len(concerned)


def by_class(verdicts: list[Verdict]) -> Table:
    table = Table(title=f"Verdicts on {len(verdicts)} pairs by class")
    table.add_column("class")
    for name in ("true proved", "false refuted", "wrong", "slowest"):
        table.add_column(name, justify="right")
    for name in sorted({v.pair["class"] for v in verdicts}):
        group = [v for v in verdicts if v.pair["class"] == name]
        counts = (share(group, True), share(group, False))
        texts = [f"{good} / {all_}" if all_ else "" for good, all_ in counts]
        wrong = sum(v.wrong for v in group)
        slowest = max(v.milliseconds for v in group)
        table.add_row(name, *texts, f"[red]{wrong}" if wrong else "", f"{slowest:.0f} ms")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--open", action="store_true", help="also list every pair that is not settled")
    options = parser.parse_args()
    lines = options.corpus.read_text(encoding="utf-8").splitlines()
    verdicts = [judge(json.loads(line)) for line in lines if line.strip()]

    console = Console()
    console.print(by_class(verdicts))
    if options.open:
        for v in verdicts:
            if not v.settled:
                console.print(f"{v.pair['id']} {v.status}: {v.pair['a']}  {'=' if v.equal else '≠'}  {v.pair['b']}")
    (proved, true), (refuted, false) = share(verdicts, True), share(verdicts, False)
    believed = [v for v in verdicts if not v.equal and v.wrong]
    denied = [v for v in verdicts if v.equal and v.wrong]
    targets = (
        ("false pairs proved or assumed", f"{len(believed)} of {false}", "0", not believed),
        ("true pairs refuted", f"{len(denied)} of {true}", "0", not denied),
        ("true pairs proved", f"{proved} of {true}", f"≥ {TRUE_PROVED:.0%}", proved >= TRUE_PROVED * true),
        ("false pairs refuted", f"{refuted} of {false}", f"≥ {FALSE_REFUTED:.0%}", refuted >= FALSE_REFUTED * false),
    )
    total = sum(v.milliseconds for v in verdicts)
    statuses = ", ".join(f"{count} {status}" for status, count in Counter(v.status for v in verdicts).most_common())
    summary = Table(title=f"{len(verdicts)} pairs in {total / 1e3:.1f} s: {statuses}", caption=setting())
    summary.add_column("what")
    for name in ("found", "target", ""):
        summary.add_column(name, justify="right")
    for what, found, target, reached in targets:
        summary.add_row(what, found, target, "[green]reached" if reached else "[red]missed")
    console.print(summary)
    return 0 if all(reached for *_, reached in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
