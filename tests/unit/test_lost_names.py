"""A statement that is broken, or raises, leaves no older value of its names behind: what needs them is never green."""

from __future__ import annotations

import pytest

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest, Status

HEAD = 'import numpy as np\nfrom stile_engine import dim, kernel\n\nM = dim("M", 8)\nSCALE = 3\n'

KERNELS = """
@kernel("3 * X:M")
def scaled(X):
    return SCALE * X


@kernel("X:M")
def other(X):
    return X
"""


def statuses(text: str) -> dict[str, Status]:
    return {kernel.name: kernel.status for kernel in check(CheckRequest("/tmp/lost.py", text)).kernels}


def test_without_trouble() -> None:
    assert statuses(HEAD + KERNELS) == {"scaled": "proved", "other": "proved"}


@pytest.mark.parametrize(
    "statement",
    [
        "SCALE = (2",
        "SCALE = = 2",
        "SCALE += (1",
        "A, SCALE = (1",
        "if True\n    SCALE = 2",
        "for SCALE in range(3:\n    pass",
        "def SCALE(:\n    return 2",
        "SCALE = 1 / 0",
        "SCALE = missing()",
        "if True:\n    SCALE = 1 / 0",
    ],
)
def test_an_older_value_does_not_stand_in(statement: str) -> None:
    found = statuses(f"{HEAD}{statement}\n{KERNELS}")
    assert found["scaled"] not in (Status.PROVED, Status.ASSUMED)
    assert found["other"] is Status.PROVED


@pytest.mark.parametrize("statement", ["SCALE = (2", "SCALE = 1 / 0"])
def test_a_value_given_again_counts(statement: str) -> None:
    assert statuses(f"{HEAD}{statement}\nSCALE = 3\n{KERNELS}") == {"scaled": "proved", "other": "proved"}


@pytest.mark.parametrize("statement", ["def helper(:\n    SCALE = 2", "other_name = (2", "print(SCALE"])
def test_what_does_not_bind_the_name_takes_nothing(statement: str) -> None:
    assert statuses(f"{HEAD}{statement}\n{KERNELS}") == {"scaled": "proved", "other": "proved"}
