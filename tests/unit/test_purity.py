"""A kernel that its next call would find changed is not proved by one call."""

from __future__ import annotations

import pytest
from test_check import run, statuses

SETUP = """
import copy
import random
import time
from time import perf_counter

COUNT = [0]
TOTAL = 0
BUFFER = np.zeros(4)
GENERATOR = np.random.default_rng(0)

class Counter:
    shared = [0]

    def __init__(self):
        self.calls = 0

COUNTER = Counter()

def counting(x, seen=[]):
    seen.append(1)
    return x * len(seen)

def reading(x, seen=(1, 2)):
    return x * len(seen)
"""


def status(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.split("; "))
    return statuses(run(f'{SETUP}\n@kernel("X:M N")\ndef subject(X):\n{lines}'))["subject"]


@pytest.mark.parametrize(
    "body",
    [
        "COUNT[0] += 1; return X * COUNT[0]",
        "global TOTAL; TOTAL += 1; return X * TOTAL",
        "COUNTER.calls += 1; return X * COUNTER.calls",
        "Counter.shared[0] += 1; return X * Counter.shared[0]",
        "return counting(X)",
        "BUFFER[0] += 1; return X",
        "return X if GENERATOR.random() < 2 else X",
        "return X if random.random() < 2 else X",
        "return X if time.time() > 0 else X",
        "return X if perf_counter() > 0 else X",
        "import secrets; return X if secrets.randbelow(2) < 2 else X",
        "helper = lambda x: x if time.time() > 0 else x; return helper(X)",
    ],
)
def test_what_the_next_call_sees_is_not_proved(body: str) -> None:
    assert status(body) == "unsupported"


@pytest.mark.parametrize(
    "body",
    [
        "return reading(X) / 2",
        "count = list(COUNT); count[0] += 1; return X * count[0]",
        "counter = copy.copy(COUNTER); counter.calls += 1; return X * counter.calls",
        "return X * (1 + TOTAL + len(BUFFER) - 4)",
    ],
)
def test_what_the_kernel_only_reads_is(body: str) -> None:
    assert status(body) == "proved"


def test_captured_names_and_local_ones_are_told_apart() -> None:
    body = """
    def factory():
        calls = 0

        @kernel("X:M N")
        def counted(X):
            nonlocal calls
            calls += 1
            return X * calls

        @kernel("2 * X:M N")
        def folded(X):
            total = 0

            def add(x):
                nonlocal total
                total = total + x

            add(X)
            add(X)
            return total

        return counted, folded

    factory()
    """
    assert statuses(run(body)) == {"counted": "unsupported", "folded": "proved"}
