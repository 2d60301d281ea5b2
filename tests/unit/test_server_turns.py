"""Whose run goes first, among files and among the kernels of one."""

from __future__ import annotations

import asyncio

import pytest

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest, Position, Range
from stile_lsp import session
from stile_lsp.documents import Edit
from stile_lsp.outline import outline
from stile_lsp.turns import Turns

TEXT = "from stile_engine import dim, kernel\nM = dim('M', 4)\n" + "".join(
    f"\n@kernel('X:M')\ndef k{number}(X):\n    return X\n" for number in range(4)
)


async def test_the_most_urgent_goes_first() -> None:
    turns, order = Turns(1), []
    urgency = {"a": 1.0, "b": 2.0, "c": 3.0}

    async def run(name: str) -> None:
        async with turns.turn(lambda: urgency[name]):
            order.append(name)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(run(name)) for name in "abc"]
    await asyncio.sleep(0)
    urgency["b"] = 9.0  # somebody began to edit it while it was waiting
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]


@pytest.mark.parametrize("cancelled", ["a", "b", "c"])
async def test_who_is_cancelled_takes_no_turn_with_it(cancelled: str) -> None:
    turns, order = Turns(1), []

    async def run(name: str) -> None:
        async with turns.turn(lambda: 0.0):
            await asyncio.sleep(0.01)
            order.append(name)

    tasks = {name: asyncio.create_task(run(name)) for name in "abc"}
    await asyncio.sleep(0.001)
    tasks[cancelled].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert order == [name for name in "abc" if name != cancelled]
    async with asyncio.timeout(1), turns.turn(lambda: 0.0):
        pass


def test_the_kernel_under_edit_then_what_is_visible_then_what_was_edited() -> None:
    state = session.opened("file:///k.py", 1, outline(TEXT))

    def edit(version: int, name: str) -> None:
        nonlocal state
        entry = next(e for e in state.entries if e.name == name)
        place = Position(entry.range.end.line, 5)
        state = session.edited(state, version, outline(TEXT), [Edit(place, place, place)])

    edit(2, "k3")
    edit(3, "k1")
    last = next(e for e in state.entries if e.name == "k2")
    assert session.in_order(state, Range(last.range.start, last.range.end)) == ("k1", "k2", "k3")
    assert session.in_order(state, None) == ("k1", "k3")


def test_the_engine_checks_in_that_order_and_reports_in_the_text_s() -> None:
    told: list[str] = []
    report = check(
        CheckRequest("/k.py", TEXT, first=("k2", "k1")),
        lambda kernel, diagnostics, values: told.append(kernel.name) if values is None else None,
    )
    assert told == ["k2", "k1", "k0", "k3"]
    assert [kernel.name for kernel in report.kernels] == ["k0", "k1", "k2", "k3"]
