"""How long an edit waits for its verdict, and a view for its answer: ``python benchmarks/latency.py``.

A real server over stdio with debounce 0, warm, nothing kept on disk. An edit's time runs from the moment
``didChange`` is written to the moment the ``stile/status`` of that version arrives with nothing queued or
running. The exit status is 1 if a target is missed. The row for a wrong kernel includes the search for a
counterexample, its confirmation, its cause and its program. Frameworks that are not installed are left out.
"""

from __future__ import annotations

import argparse
import compileall
import functools
import importlib.util
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import latency_texts as texts
from measurement import setting
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "endtoend"))

from raw_client import RawClient

WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
SETTINGS = {"verify": {"debounce": 0, "timeout": 60}, "cache": False}
SECONDS = 120.0


@dataclass(frozen=True)
class Row:
    """Milliseconds, and what shares of them (0.5 for the median) should be at most."""

    what: str
    times: Sequence[float]
    targets: tuple[tuple[float, float], ...] = ()

    @property
    def is_reached(self) -> bool:
        return all(quantile(self.times, share) <= goal for share, goal in self.targets)


def quantile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class File:
    """A file open in a server, edited by whole texts."""

    def __init__(self, client: RawClient, folder: Path, name: str, text: str) -> None:
        self.client, self.uri, self.text = client, (folder / name).as_uri(), text
        self._versions = itertools.count(2)
        began = time.perf_counter()
        client.open(self.uri, text)
        client.wait(functools.partial(self._is_settled, 1), SECONDS)
        self.verdict_after = time.perf_counter() - began
        client.settled(self.uri, 1, SECONDS)

    def close(self) -> None:
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})

    def edit(self, text: str, status: str) -> float:
        """Milliseconds until the first kernel has its verdict for this text and nothing is under way."""
        version = next(self._versions)
        began = time.perf_counter()
        self.client.change(self.uri, version, text)
        final = self.client.wait(functools.partial(self._is_settled, version), SECONDS)
        took = (time.perf_counter() - began) * 1e3
        found = final["params"]["kernels"][0]["status"]
        if found != status:
            raise SystemExit(f"{self.uri}: the kernel should be {status}, and is {found}")
        self.client.settled(self.uri, version, SECONDS)
        return took

    def edits(self, count: int, status: str = "proved", text: str | None = None) -> list[float]:
        """Every edit changes the kernel, so nothing is reused."""
        base = text or self.text
        self.edit(base.replace("edition = 0", "edition = 987654"), status)
        return [self.edit(base.replace("edition = 0", f"edition = {n + 1}"), status) for n in range(count)]

    def _is_settled(self, version: int, message: dict[str, Any]) -> bool:
        if message.get("method") != "stile/status" or message["params"]["uri"] != self.uri:
            return False
        states = {kernel["status"] for kernel in message["params"]["kernels"]}
        return message["params"]["version"] == version and not states & {"stale", "queued", "running"}


def comments(file: File, count: int) -> list[float]:
    """Edits that change no kernel, at the top of the file: all ranges move."""
    file.edit(file.text, "proved")
    times = [file.edit("# a comment\n" * (number % 7 + 1) + file.text, "proved") for number in range(count)]
    file.edit(file.text, "proved")
    return times


def views(file: File) -> dict[str, Callable[[], int]]:
    """Requests that an editor makes while somebody looks at the file."""
    document = {"textDocument": {"uri": file.uri}}
    lines = file.text.splitlines()
    row = next(number for number, line in enumerate(lines) if "weights = " in line)
    cursor = {"line": row, "character": lines[row].index("weights") + 2}
    return {
        "hover": lambda: file.client.start("textDocument/hover", {**document, "position": cursor}),
        "inlay hints": lambda: file.client.start("textDocument/inlayHint", {**document, "range": WHOLE}),
        "code lenses": lambda: file.client.start("textDocument/codeLens", document),
    }


def answers(file: File, count: int) -> list[float]:
    times = []
    for ask in views(file).values():
        for _ in range(count):
            began = time.perf_counter()
            if not file.client.answer(ask()):
                raise SystemExit("a view came empty")
            times.append((time.perf_counter() - began) * 1e3)
    return times


def storm(file: File, edits: int = 200, seconds: float = 1.0) -> list[float]:
    """Answers while a key is pressed 200 times in a second, one view after each fifth key."""
    asks = itertools.cycle(views(file).values())
    times = []
    began = time.perf_counter()
    for number in range(edits):
        pause = began + seconds * number / edits - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        file.client.change(file.uri, next(file._versions), file.text.replace("edition = 0", f"edition = {number}0"))
        if number % 5 == 0:
            asked = time.perf_counter()
            file.client.answer(next(asks)())
            times.append((time.perf_counter() - asked) * 1e3)
    file.edit(file.text, "proved")
    return times


def running(file: File, count: int) -> list[float]:
    """Answers while a proof is under way."""
    times = []
    for number in range(count):
        file.client.change(file.uri, next(file._versions), file.text.replace("edition = 0", f"edition = {number}1"))
        for ask in views(file).values():
            asked = time.perf_counter()
            file.client.answer(ask())
            times.append((time.perf_counter() - asked) * 1e3)
    file.edit(file.text, "proved")
    return times


def starts(folder: Path, text: str, count: int) -> list[float]:
    """From the start of the server's process to the first verdict."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        client = RawClient(settings=SETTINGS)
        client.initialize()
        opened = time.perf_counter()
        file = File(client, folder, "start.py", text)
        times.append((opened - began + file.verdict_after) * 1e3)
        file.edit(text, "proved")
        client.stop()
    return times


def measure(count: int, folder: Path) -> list[Row]:
    rows: list[Row] = []
    client = RawClient(settings=SETTINGS)
    client.initialize()
    typed = File(client, folder, "typed.py", texts.TYPED)
    rows.append(Row("typed NumPy, 16 tiles: edit → proved", typed.edits(count), ((0.5, 60), (0.95, 150))))
    rows.append(Row("typed NumPy: edit → refuted", typed.edits(count, "refuted", texts.WRONG), ((0.5, 150),)))
    single = quantile(typed.edits(count), 0.5)
    rows.append(Row("edit of a comment → all right again", comments(typed, count), ((0.95, 20),)))
    rows.append(Row("hover, hints, lenses at rest", answers(typed, count), ((0.95, 20),)))
    rows.append(Row("hover, hints, lenses during a proof", running(typed, count), ((0.95, 50),)))
    rows.append(Row("hover, hints, lenses, 200 edits in 1 s", storm(typed), ((0.95, 50),)))
    typed.close()
    others = {
        "jax": ("plain JAX, 16 tiles", texts.plain("jax", 16), 100),
        "triton": ("Triton, all sizes", texts.TRITON, 150),
        "torch": ("PyTorch, 4 tiles", texts.plain("torch", 4), 200),
    }
    for framework, (what, text, goal) in others.items():
        if importlib.util.find_spec(framework) is not None:
            file = File(client, folder, f"{framework}.py", text)
            rows.append(Row(f"{what}: edit → proved", file.edits(count), ((0.5, goal),)))
            file.close()
    hundred = File(client, folder, "hundred.py", texts.many(100))
    goal = 1.3 * single
    rows.append(Row("one body of 100 kernels: edit → proved", hundred.edits(count), ((0.5, goal),)))
    rows.append(Row("edit of a comment among 100 kernels", comments(hundred, count), ((0.95, 20),)))
    client.stop()
    rows.append(Row("start → first verdict, NumPy", starts(folder, texts.TYPED, 5), ((0.5, 1500),)))
    if importlib.util.find_spec("jax") is not None:
        rows.append(Row("start → first verdict, JAX", starts(folder, texts.plain("jax", 4), 5), ((0.5, 3000),)))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # As an installer leaves them, whatever the environment says of writing bytecode.
    for package in ("stile_engine", "stile_lsp"):
        compileall.compile_dir(Path(__file__).parents[1] / package, quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.count, Path(folder))
    if options.json:
        found = {r.what: {"p50": quantile(r.times, 0.5), "p95": quantile(r.times, 0.95)} for r in rows}
        missed = [row.what for row in rows if not row.is_reached]
        print(json.dumps({"setting": setting(), "milliseconds": found, "missed": missed}, indent=2))
    else:
        table = Table(title="Latency of the language server, debounce 0, warm", caption=setting())
        for title in ("what", "runs", "p50 ms", "p95 ms", "target", ""):
            table.add_column(title, justify="left" if title in ("what", "target") else "right")
        for row in rows:
            goals = ", ".join(f"p{share * 100:.0f} ≤ {goal:.0f}" for share, goal in row.targets)
            verdict = "" if not row.targets else "[green]reached" if row.is_reached else "[red]missed"
            numbers = (f"{quantile(row.times, share):.1f}" for share in (0.5, 0.95))
            table.add_row(row.what, str(len(row.times)), *numbers, goals, verdict)
        Console().print(table)
    return 0 if all(row.is_reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
