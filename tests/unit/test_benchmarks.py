"""The benchmarks run, and what they measure without a clock holds on every machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BENCHMARKS / name), *arguments], capture_output=True, text=True)


def test_no_false_pair_of_the_corpus_is_believed() -> None:
    done = run("corpus.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_believed_false_pair_fails(tmp_path: Path) -> None:
    pair = {"id": "x", "dims": {"Q": 4}, "a": "X:Q + X:Q", "b": "2 * X:Q", "equal": False, "class": "planted"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair), encoding="utf-8")
    assert run("corpus.py", "--corpus", str(tmp_path / "pairs.jsonl")).returncode == 1


@pytest.mark.parametrize("form", ["every-tile", "end"])
def test_operations_per_tile_are_constant(form: str) -> None:
    rates = []
    for tiles in (16, 64):
        done = run("flash_kernel.py", "stile", "--form", form, "--tiles", str(tiles))
        found = json.loads(done.stdout)
        assert found["proved"]
        rates.append(found["operations"] / tiles)
    assert max(rates) <= 1.1 * min(rates)


def test_growth_prints_its_fit() -> None:
    done = run("growth.py", "--sizes", "2", "4", "--count", "1")
    assert "fitted exponent" in done.stdout, done.stderr


def test_plain_kernels_are_captured_and_proved() -> None:
    done = run("captures.py", "--tiles", "2", "--count", "1", "--rolled", "8")
    names = ("numpy", "jax", "torch", "fori_loop", "scan", "Pallas, a loop", "Pallas, the grid")
    assert all(name in done.stdout for name in names), done.stderr


def test_triton_kernels_are_proved_from_their_text() -> None:
    pytest.importorskip("triton")
    done = run("triton_checks.py", "--count", "1", "--kernels", "matmul")
    assert "matmul" in done.stdout and "≤ 0.25 s" in done.stdout, done.stderr
