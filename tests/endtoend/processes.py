"""What the end-to-end tests ask of the operating system."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def parents() -> dict[int, int]:
    """Each living process with its parent; zombies are not alive."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def descendants(process: int) -> set[int]:
    table = parents()
    found: set[int] = set()
    waiting = [process]
    while waiting:
        current = waiting.pop()
        children = {child for child, parent in table.items() if parent == current} - found
        found |= children
        waiting.extend(children)
    return found


def runs(process: int) -> set[int]:
    """Descendants that have been given a run: only those have a limit on processor time."""
    return {found for found in descendants(process) if _has_deadline(found)}


def _has_deadline(process: int) -> bool:
    try:
        limits = (Path("/proc") / str(process) / "limits").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("Max cpu time") and line.split()[3] != "unlimited" for line in limits)


def alive(processes: set[int]) -> set[int]:
    return processes & parents().keys()


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether it holds within the time; polled, since nothing tells when a process is gone."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
