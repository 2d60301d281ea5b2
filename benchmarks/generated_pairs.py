"""What the prover says of pairs made at random: ``python benchmarks/generated_pairs.py --count 100000 --resume FILE``.

Pair number i is the same on every machine (tests/pairs/drawn.py). True pairs are equal by
construction; of a false one exact arithmetic has shown an index at which it differs, without the
prover. Outcomes are appended to FILE as they come, and a later run goes on behind them. The exit
status is 1 if a false pair is proved or assumed, a true one refuted, the prover crashes, or a proof
ends over its budget of operations.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from measurement import ROOT, setting
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from judged_pairs import Outcome, judged  # noqa: E402

TRUE_PROVED, FALSE_REFUTED = 0.97, 0.97


def earlier(path: Path | None) -> list[Outcome]:
    """The outcomes of earlier runs; a last line that was cut short is left out."""
    if path is None or not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(Outcome(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def run(numbers: list[int], path: Path | None, processes: int, console: Console) -> list[Outcome]:
    outcomes: list[Outcome] = []
    columns = (SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[bad]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("pairs", total=len(numbers), bad="")
        for chunk in judged(numbers, processes):
            outcomes += chunk
            if path is not None:
                with path.open("a", encoding="utf-8") as out:
                    out.writelines(json.dumps(asdict(o)) + "\n" for o in chunk)
            bad = sum(bool(o.problem) for o in outcomes)
            progress.update(task, advance=len(chunk), bad=f"[red]{bad} wrong" if bad else "")
    return outcomes


def table(title: str, groups: dict[str, list[Outcome]]) -> Table:
    found = Table(title=title)
    found.add_column("class")
    for name in ("true proved", "assumed", "false refuted", "wrong", "slowest"):
        found.add_column(name, justify="right")
    for name, group in sorted(groups.items()):
        true, false = ([o for o in group if o.equal is equal] for equal in (True, False))
        wrong = sum(bool(o.problem) for o in group)
        found.add_row(
            name,
            f"{sum(o.status == 'proved' for o in true)} / {len(true)}" if true else "",
            str(sum(o.status == "assumed" for o in true) or ""),
            f"{sum(o.settled for o in false)} / {len(false)}" if false else "",
            f"[red]{wrong}" if wrong else "",
            f"{max(o.milliseconds for o in group):.0f} ms",
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first pair")
    parser.add_argument("--resume", type=Path, help="outcomes so far, one JSON object on each line")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--open", action="store_true", help="also list every pair that is not settled")
    options = parser.parse_args()
    console = Console()

    wanted = range(options.first, options.first + options.count)
    known = {o.number: o for o in earlier(options.resume) if o.number in wanted}
    if known:
        console.print(f"{len(known)} pairs are known from {options.resume}")
    fresh = run([n for n in wanted if n not in known], options.resume, options.processes, console)
    outcomes = [*known.values(), *fresh]

    by_kind: dict[str, list[Outcome]] = {}
    by_mistake: dict[str, list[Outcome]] = {}
    for o in outcomes:
        by_kind.setdefault(o.kind, []).append(o)
        if not o.equal:
            by_mistake.setdefault(o.mistake, []).append(o)
    console.print(table(f"{len(outcomes)} generated pairs by kernel", by_kind))
    console.print(table("False pairs by mistake", by_mistake))
    for o in outcomes:
        if o.problem or (options.open and not o.settled):
            console.print(f"pair {o.number} ({o.kind}): {o.status} {o.problem} {o.detail[:200]}")

    true, false = ([o for o in outcomes if o.equal is equal] for equal in (True, False))
    proved, refuted = (sum(o.settled for o in group) for group in (true, false))
    problems = Counter(o.problem.partition(":")[0] for o in outcomes if o.problem)
    never = {
        "false pairs proved or assumed": "false, and believed",
        "true pairs refuted": "true, and refuted",
        "crashes": "crash",
        "proofs over the budget": "over the budget",
        "mistakes of the generator": "the generator called it equal",
    }
    targets = [(what, str(problems[name]), "0", not problems[name]) for what, name in never.items()]
    for what, found, group, least in (
        ("true pairs proved or assumed", proved, true, TRUE_PROVED),
        ("false pairs refuted", refuted, false, FALSE_REFUTED),
    ):
        targets.append((what, f"{found} of {len(group)}", f"≥ {least:.0%}", found >= least * len(group)))
    summary = Table(title=f"{len(outcomes)} generated pairs", caption=setting())
    summary.add_column("what")
    for name in ("found", "target", ""):
        summary.add_column(name, justify="right")
    for what, number, target, reached in targets:
        summary.add_row(what, number, target, "[green]reached" if reached else "[red]missed")
    console.print(summary)
    return 0 if all(reached for *_, reached in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
