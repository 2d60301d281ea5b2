"""How long an edit waits for its verdict, and a view for its answer: ``python benchmarks/latency.py``.

A real server over stdio with debounce 0, warm, on typed flash attention with one tile of queries and 16 tiles of
keys. An edit's time runs from the moment ``didChange`` is written to the moment the ``stile/status`` of that
version arrives with nothing queued or running. The exit status is 1 if a target is missed. The row for a wrong
kernel includes the search for a counterexample, its confirmation, its cause and its program.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "endtoend"))

from raw_client import RawClient

URI = "file:///tmp/flash_attention.py"

TILES = 16

TEXT = f'''"""Flash attention, one tile of queries."""

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

q, n, d = dim("q", 16), dim("n", {16 * TILES}), dim("d", 16)
TILE = 16

SPEC = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(SPEC, typed=True)
def attention(Q, K, V):
    edition = 0
    result = tnp.TypedResult(SPEC)
    maximum, total, output = -np.inf, 0, 0
    for column in range(0, n, TILE):
        k_tile = K.slice(n, column, column + TILE)
        v_tile = V.slice(n, column, column + TILE)
        scores = tnp.einsum(k_tile, Q, "n d, q d -> n q") / np.sqrt(d)
        new_maximum = tnp.maximum(maximum, scores.max(n))
        weights = tnp.exp(scores - new_maximum.repeat(n[column : column + TILE]))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(n)
        output = output * rescale.repeat(d) + tnp.einsum(weights, v_tile, "n q, n d -> d q")
        maximum = new_maximum
    result.assign((output / total.repeat(d)).rearrange(q, d))
    result.done()
    return result
'''

WRONG = TEXT.replace("total * rescale + weights", "total + weights")

WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}


def is_verdict(version: int, message: dict[str, Any]) -> bool:
    if message.get("method") != "stile/status" or message["params"]["version"] != version:
        return False
    return message["params"]["kernels"][0]["status"] not in ("stale", "queued", "running")


def edit_times(client: RawClient, text: str, status: str, first: int, count: int) -> list[float]:
    """Milliseconds from each edit to its verdict; every edit changes the kernel, so nothing is reused."""
    times = []
    for version in range(first, first + count):
        changed = text.replace("edition = 0", f"edition = {version}")
        began = time.perf_counter()
        client.change(URI, version, changed)
        final = client.wait(functools.partial(is_verdict, version))
        times.append((time.perf_counter() - began) * 1e3)
        found = final["params"]["kernels"][0]["status"]
        if found != status:
            raise SystemExit(f"the kernel should be {status}, and is {found}")
        client.settled(URI, version)
    return times


def answer_times(count: int, ask: Callable[[], Any]) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        answer = ask()
        times.append((time.perf_counter() - began) * 1e3)
        if not answer:
            raise SystemExit("a view came empty")
    return times


def quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def machine() -> str:
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{os.cpu_count()} × {model or platform.machine()}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    count: int = options.count

    client = RawClient(settings={"verify": {"debounce": 0, "timeout": 60}})
    client.initialize()
    client.open(URI, TEXT)
    client.settled(URI, 1, 60)
    edit_times(client, TEXT, "proved", 2, 5)
    rows: list[tuple[str, list[float], float, float | None]] = []
    rows.append(("edit → proved", edit_times(client, TEXT, "proved", 10, count), 0.5, 150.0))
    rows.append(("edit → refuted", edit_times(client, WRONG, "refuted", 1000, count), 0.5, 150.0))
    edit_times(client, TEXT, "proved", 5000, 1)
    document = {"textDocument": {"uri": URI}}
    lines = TEXT.splitlines()
    row = next(number for number, line in enumerate(lines) if "weights = " in line)
    cursor = {"line": row, "character": lines[row].index("weights") + 2}
    views: dict[str, Callable[[], Any]] = {
        "hover": lambda: client.request("textDocument/hover", {**document, "position": cursor}),
        "inlay hints": lambda: client.request("textDocument/inlayHint", {**document, "range": WHOLE}),
        "code lenses": lambda: client.request("textDocument/codeLens", document),
    }
    for name, ask in views.items():
        rows.append((name, answer_times(max(count, 100), ask), 0.95, 20.0))
    client.stop()

    missed = [name for name, times, share, goal in rows if goal is not None and quantile(times, share) > goal]
    if options.json:
        found = {n: {"p50": quantile(t, 0.5), "p95": quantile(t, 0.95), "count": len(t)} for n, t, _, _ in rows}
        print(json.dumps({"machine": machine(), "milliseconds": found, "missed": missed}, indent=2))
        return 1 if missed else 0
    table = Table(title=f"Latency of the language server, {TILES} tiles, debounce 0, warm", caption=machine())
    for title in ("what", "runs", "p50 ms", "p95 ms", "target", ""):
        table.add_column(title, justify="left" if title in ("what", "target") else "right")
    for name, times, share, target in rows:
        verdict = "" if target is None else "[red]missed" if name in missed else "[green]reached"
        goal = "" if target is None else f"p{share * 100:.0f} ≤ {target:.0f} ms"
        table.add_row(name, str(len(times)), *(f"{quantile(times, s):.1f}" for s in (0.5, 0.95)), goal, verdict)
    Console().print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
