"""Which run goes first when several files want one: the one that somebody waits for most."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """So many at a time; of those that wait, the one whose ``urgency`` is greatest when a turn comes free."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[tuple[int, Callable[[], float], asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def turn(self, urgency: Callable[[], float]) -> AsyncIterator[None]:
        await self._wait(urgency)
        try:
            yield
        finally:
            self._next()

    async def _wait(self, urgency: Callable[[], float]) -> None:
        if self._free > 0:
            self._free -= 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((next(self._numbers), urgency, mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # it was this one's turn already
            raise

    def _next(self) -> None:
        waiting = [entry for entry in self._waiting if not entry[2].done()]
        if not waiting:
            self._waiting = []
            self._free += 1
            return
        chosen = max(waiting, key=lambda entry: (entry[1](), -entry[0]))
        self._waiting = [entry for entry in waiting if entry is not chosen]
        chosen[2].set_result(None)
