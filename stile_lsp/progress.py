"""Work-done progress of one run, shown only if it takes long enough to be seen."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from stile_lsp.interpreter import display_path

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)

SHOWN_AFTER_SECONDS = 0.5


class Progress:
    """A context manager. Nobody waits for the client's answer: the token is made in a task of its own, which is
    never cancelled, since a reply to a cancelled request breaks the connection's bookkeeping."""

    def __init__(self, server: StileServer, uri: str, run: int, title: str | None = None) -> None:
        self._server = server
        self._title = title or f"Stile: verifying {display_path(uri).rpartition('/')[2]}"
        self._cancellable = title is None
        self._token = f"stile-run-{run}"
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._over = False

    def __enter__(self) -> Self:
        if self._server.client_profile.progress:
            self._timer = self._server.loop.call_later(SHOWN_AFTER_SECONDS, self._show)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._begun:
            self._send(types.WorkDoneProgressEnd(message="cancelled" if error is not None else "done"))

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def report(self, name: str) -> None:
        if self._begun and not self._over:
            self._send(types.WorkDoneProgressReport(message=f"finished {name}"))

    def _show(self) -> None:
        self._server.background(self._create())

    async def _create(self) -> None:
        try:
            await self._server.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams(self._token))
        except JsonRpcException as problem:
            logger.info("the client shows no progress: %s", problem)
            return
        if not self._over and not self._server.is_stopping:
            self._begun = True
            self._send(types.WorkDoneProgressBegin(self._title, cancellable=self._cancellable))

    def _send(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        self._server.progress(types.ProgressParams(self._token, value))


def run_of_token(token: str | int) -> int | None:
    """The run whose progress the token shows."""
    prefix, _, number = str(token).rpartition("-")
    return int(number) if prefix == "stile-run" and number.isdecimal() else None
