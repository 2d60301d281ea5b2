"""Two traces of one kernel count as the same, whatever else was traced before; two that compute otherwise do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    *("samples/attention_jax.py", "samples/attention_torch.py", "samples/attention_pallas.py", "samples/rmsnorm.py"),
    *("samples/triton_kernels.py", "tests/kernels/torch_order.py", "tests/kernels/numpy_order.py"),
]


def traces(path: str, source: str) -> dict[str, str]:
    evidence = check(CheckRequest(path, source, details=False, trace_only=True)).evidence
    assert evidence is not None and evidence.traces
    return dict(evidence.traces)


@pytest.mark.parametrize("file", FILES)
def test_a_second_trace_is_the_first_one(file: str) -> None:
    """Otherwise no result is kept. Numbers of index variables and of comparisons go on in one process."""
    path = ROOT / file
    assert traces(str(path), path.read_text()) == traces(str(path), path.read_text())


HEADER = """
import numpy as np
from stile_engine import dim, kernel
N = dim("N", 4)
@kernel("X:N + Y:N")
def f(X, Y):
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("np.where(X > Y, X, Y)", "np.where(X > 2 * Y, X, Y)"),
        ("np.where(X > Y, X, Y)", "np.where(Y > X, X, Y)"),
        ("np.where(X > Y, X, Y)", "np.where(X >= Y, X, Y)"),
        ("X[::-1] + X.sum()", "X[::-1] + X[1:].sum()"),
        ("X + X.max() * X.min()", "X + X.min() * X.min()"),
    ],
)
def test_what_computes_otherwise_is_another_trace(one: str, other: str) -> None:
    found = [traces("/nowhere/k.py", HEADER + f"    return {text}\n") for text in (one, other, one)]
    assert found[0] != found[1] and found[0] == found[2]
