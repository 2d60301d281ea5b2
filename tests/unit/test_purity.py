"""A kernel that its next call would find changed is not proved by one call."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check import run, statuses

SETUP = """
import copy
import itertools
import random
import time
from array import array
from collections import deque
from time import perf_counter
from types import SimpleNamespace

COUNT = [0]
TOTAL = 0
BUFFER = np.zeros(4)
GENERATOR = np.random.default_rng(0)

ALIAS = COUNT
TURNS = itertools.count()
ITEMS = iter([1, 2])
LARGE = np.zeros(100_000)
LONG = list(range(2000))
DEEP = [[[[[[0]]]]]]
QUEUE = deque([0])
SPACE = SimpleNamespace(calls=0)
BYTES = bytearray(4)
NUMBERS = array("d", [0.0])

class Slotted:
    __slots__ = ("calls",)

    def __init__(self):
        self.calls = 0

SLOTTED = Slotted()

class Called:
    def __call__(self):
        return 1

    def count(self):
        COUNT[0] += 1

CALLED = Called()

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
        "own = COUNT; own[0] += 1; return X",
        "np.copyto(BUFFER, 2.0); return X",
        "return X * (1 + next(TURNS))",
        "return X * next(ITEMS)",
        "LARGE[0] += 1; return X",
        "LONG[1500] += 1; return X",
        "DEEP[0][0][0][0][0][0] += 1; return X",
        "QUEUE[0] += 1; return X",
        "SPACE.calls += 1; return X",
        "BYTES[0] += 1; return X",
        "NUMBERS[0] += 1; return X",
        "SLOTTED.calls += 1; return X",
        "Called.__call__ = lambda self: 2; return X",
        "CALLED.count(); return X",
        "reading.calls = 2; return X",
        "before = getattr(reading, 'calls', 1); reading.calls = 2; return X * before",
        "copy.copy = copy.deepcopy; return X",
        "setattr(copy, 'copy', copy.deepcopy); return X",
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
        "return X * CALLED() * (1 + sum(QUEUE) + SPACE.calls + SLOTTED.calls + LONG[0] + int(LARGE[0]))",
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


@pytest.mark.parametrize("change", ["COUNT[0] = 2", "own = COUNT; own[0] = 2", "copy.copy = lambda x: [2]"])
def test_the_next_kernel_sees_what_a_program_sees_that_calls_it_alone(change: str) -> None:
    body = f"""
@kernel("Y:M N")
def first(Y):
    {change}
    return Y

@kernel("2 * X:M N")
def doubled(X):
    return X * max(1, copy.copy(COUNT)[0])

@kernel("X:M N")
def same(X):
    return X * max(1, copy.copy(COUNT)[0])
"""
    assert statuses(run(SETUP + body)) == {"first": "unsupported", "doubled": "refuted", "same": "proved"}


def test_modules_of_the_project_are_run_again_too(tmp_path: Path) -> None:
    lent = "HELD = [1]\n\ndef change():\n    HELD[0] = 2\n\ndef held():\n    return HELD[0]\n"
    (tmp_path / "lent.py").write_text(lent)
    body = """
    import lent

    @kernel("Y:M N")
    def first(Y):
        lent.change()
        return Y

    @kernel("X:M N")
    def same(X):
        return X * lent.held()
    """
    assert statuses(run(body, tmp_path)) == {"first": "unsupported", "same": "proved"}
