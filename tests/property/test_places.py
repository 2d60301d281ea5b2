"""What stands where something is greatest or least: what is proved of it holds on random numbers, with ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from stile_engine.check import check
from stile_engine.checking.proving import Question
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.trace.report import CheckRequest

READ = ("X", "np.exp(X)", "X * X", "-X", "X + Y", "np.exp(X) / np.exp(X).sum()")
BY = ("X", "2 * X + 1", "np.exp(X)", "-X", "Y", "X - Y", "X[:3]", "X[1:]", "np.exp(X) / np.exp(X).sum()")
SPECS = {
    "max[N](X:N)": "X.max()",
    "min[N](X:N)": "X.min()",
    "max[N](exp(X:N))": "np.exp(X).max()",
    "max[N](X:N) ** 2": "X.max() ** 2",
    "max[N](-X:N)": "(-X).max()",
    "max[N where N < 3](X:N)": "X[:3].max()",
    "max[N where N >= 1](X:N)": "X[1:].max()",
    "max[N](softmax[N](X:N))": "(np.exp(X) / np.exp(X).sum()).max()",
    "max[N](X:N) + max[N](Y:N)": "X.max() + Y.max()",
}
PROVED_AT_LEAST = 10


def with_no_numbers(question: Question) -> Proof:
    return prove_values(question.actual, question.spec, sizes=question.sizes, details=False, numbers=False)


def holds(read: str, place: str, spec: str, tables: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    code = compile(f"({read})[{place}] - ({spec})", "pair", "eval")
    return all(abs(eval(code, {"np": np, "X": x, "Y": y})) < 1e-9 for x, y in tables)


@pytest.mark.parametrize("way", ["argmax", "argmin"])
def test_what_is_proved_holds(way: str) -> None:
    generator = np.random.default_rng(3)
    tables = [(generator.integers(-2, 3, 4) * 1.0, generator.integers(-2, 3, 4) * 1.0) for _ in range(60)]
    head = "import numpy as np\nfrom stile_engine import dim, kernel\nN = dim('N', 4)\n"
    cases = list(itertools.product(READ, BY, SPECS))
    kernels, truths = [], []
    for number, (read, by, spec) in enumerate(cases):
        place = f"np.{way}({by})"
        truths.append(holds(read, place, SPECS[spec], tables))
        full = spec if "Y" in spec else f"{spec} + 0 * max[N](Y:N)"
        kernels.append(f"@kernel({full!r})\ndef k{number}(X, Y):\n    return ({read})[{place}] + 0 * Y.max()\n")
    report = check(CheckRequest("k.py", head + "\n".join(kernels), details=False), prover=with_no_numbers)
    proved = [k.status == "proved" for k in report.kernels]
    assert len(proved) == len(truths)
    assert [c for c, p, t in zip(cases, proved, truths, strict=True) if p and not t] == []
    assert [c for c, p, t in zip(cases, proved, truths, strict=True) if t and not p] == []
    assert sum(proved) >= PROVED_AT_LEAST
