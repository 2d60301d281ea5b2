"""One small mistake in every function of the kernel files: nothing is believed that its runs contradict."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from mutants import contradictions, mutant

FILES = sorted(p for p in (Path(__file__).parents[1] / "kernels").glob("*.py") if "unsupported" not in p.name)
QUICK = ("numpy_laws.py", "jax_basics.py", "torch_memory.py", "triton_rows.py", "typed_elementwise.py")


def _seeds() -> list[object]:
    found: list[object] = [pytest.param(p, 1, id=p.name) for p in FILES if p.name in QUICK]
    return found + [pytest.param(p, 2, id=f"{p.name} again", marks=pytest.mark.slow) for p in FILES]


@pytest.mark.parametrize(("path", "seed"), _seeds())
def test_nothing_wrong_is_believed(path: Path, seed: int) -> None:
    counts: Counter[str] = Counter()
    wrong = [found.text for found in contradictions(path, seed, counts) if found.kind == "wrong"]
    assert wrong == []
    assert counts["refuted"] or (path.name not in QUICK and counts.total()), counts


def test_a_mutant_differs_in_every_function() -> None:
    source = "def f(x):\n    return x + 1\n\ndef g(x):\n    return x * 2\n"
    for seed in range(20):
        text, told = mutant(source, seed)
        assert set(told) == {"f", "g"} and "return x + 1" not in text and "return x * 2" not in text
