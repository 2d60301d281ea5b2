"""What the benchmarks share: proofs in processes of their own, and the name of the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNEL = Path(__file__).with_name("flash_kernel.py")


@dataclass(frozen=True)
class Measured:
    """One proof in a fresh process. ``operations``: set and term operations, where they are counted.
    ``memory``: bytes that the whole process took at most."""

    seconds: float
    operations: int | None
    memory: int


def prove_in_fresh_process(
    verifier: str, form: str, tiles: int, interpreter: str = sys.executable, timeout: float | None = None
) -> Measured:
    """Raises ``RuntimeError`` if the kernel is not proved, and ``subprocess.TimeoutExpired``."""
    command = [interpreter, str(KERNEL), verifier, "--form", form, "--tiles", str(tiles)]
    # The other verifier must not find this checkout, and this one must not depend on being installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if verifier == "stile":
        environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    found = json.loads(done.stdout)
    if not found["proved"]:
        raise RuntimeError(f"{verifier} did not prove the kernel with {tiles} tiles")
    return Measured(found["seconds"], found["operations"], found["memory"])


def best(measured: Sequence[Measured]) -> Measured:
    return min(measured, key=lambda m: m.seconds)


def setting() -> str:
    """The machine, and how busy it is with other things: a figure from a busy one says little."""
    return f"{machine()}; load {os.getloadavg()[0]:.1f} at the end; {date.today().isoformat()}"


def machine() -> str:
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{os.cpu_count()} × {model or platform.machine()}, Python {platform.python_version()}"


def time_text(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"
