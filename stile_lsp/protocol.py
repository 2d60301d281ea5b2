"""The parts of pygls' protocol that this server owns: documents, shutdown, unknown messages, errors.

pygls keeps its own copies of the documents, which split lines as ``str.splitlines`` does and not as the
protocol does; answers ``shutdown`` with an error while requests are in flight; and leaves a request that comes
after it without any answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from typing import Any

import cattrs
from lsprotocol import converters, types
from pygls.exceptions import JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    lsp_method,
)

logger = logging.getLogger(__name__)


def plain_converter() -> cattrs.Converter:
    """The converter of lsprotocol; parameters of our own messages stay the objects that they are in JSON."""
    converter = converters.get_converter()
    for kind in (JsonRPCRequestMessage, JsonRPCResponseMessage, JsonRPCNotification):
        converter.register_structure_hook(kind, lambda data, cls: cls(**data))
    return converter


class StileProtocol(LanguageServerProtocol):
    exit_requested: Callable[[], None] = staticmethod(lambda: None)

    @property
    def was_shut_down(self) -> bool:
        return self._shutdown

    pulls_diagnostics = True

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        result = yield from super().lsp_initialize(params)
        if not self.pulls_diagnostics:
            result.capabilities.diagnostic_provider = None
        return result

    def _user(self, method: str, params: Any) -> None:
        if (handler := self.fm.features.get(method)) is not None:
            handler(params)

    # Each of these is handled once, by our own documents: a second copy would only cost time and disagree.
    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._user(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._user(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._user(types.TEXT_DOCUMENT_DID_CLOSE, params)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *arguments: Any) -> None:  # type: ignore[override]  # pygls' is a generator
        """Answers at once, whatever is in flight; what is in flight is answered as cancelled."""
        self._user(types.SHUTDOWN, None)
        own = self.msg_id
        for number, future in list(self._request_futures.items()):
            if number != own and not future.done():
                future.cancel()
        self._shutdown = True

    @lsp_method(types.EXIT)
    def lsp_exit(self, *arguments: Any) -> None:  # type: ignore[override]
        self.exit_requested()

    def handle_message(self, message: Any) -> None:
        if self._shutdown and isinstance(getattr(message, "id", None), int | str) and hasattr(message, "method"):
            error = JsonRpcInvalidRequest("the server was shut down")
            self._send_response(message.id, error=error.to_response_error())
            return
        super().handle_message(message)


class BaseServer(LanguageServer):
    """A pygls server that logs its errors instead of showing each one to the user."""

    protocol: StileProtocol

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name, version, protocol_cls=StileProtocol, converter_factory=plain_converter)
        self.tasks: set[asyncio.Task[Any]] = set()
        self._reported: set[str] = set()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Every error goes to the log; the user is told once for each kind, with what to do."""
        logger.error("%s", error, exc_info=error)
        kind = type(error).__name__
        if kind not in self._reported and source is not None:
            self._reported.add(kind)
            message = f"Stile: internal error ({kind}); see the log. The command 'Restart verifier' starts afresh."
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, message))

    def background(self, work: Any) -> asyncio.Task[Any]:
        """A task that is kept until it ends and whose exception is logged, never lost."""
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a background task failed", exc_info=error)
