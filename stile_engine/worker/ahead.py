"""A worker's process that is started before anybody knows what there is to check: nobody waits for what all need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stile_engine.worker.launch import Launcher, StartError, ZygoteLauncher

FIRST = ("numpy",)
"""Every set of frameworks has these."""


class Ahead:
    """Makes launchers, the first of them with a process that is on its way already; see ``client.LauncherFactory``."""

    def __init__(self, interpreter: str, log: Callable[[str], None]) -> None:
        self._interpreter = interpreter
        self._launcher: ZygoteLauncher | None = ZygoteLauncher(interpreter, FIRST, log)

    async def begin(self) -> None:
        """Starts the process, and tells of no failure: who needs the worker will meet it again."""
        assert self._launcher is not None
        try:
            await self._launcher.begin()
        except StartError:
            self._launcher = None

    def __call__(self, interpreter: str, frameworks: Sequence[str], log: Callable[[str], None]) -> Launcher:
        launcher, self._launcher = self._launcher, None
        if launcher is not None and launcher.is_under_way and interpreter == self._interpreter:
            launcher.load(frameworks)
            return launcher
        if launcher is not None:
            launcher.close()
        return ZygoteLauncher(interpreter, frameworks, log)

    def close(self) -> None:
        """Ends the process if nobody has asked for it."""
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None
