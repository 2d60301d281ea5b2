"""The parts of pygls' protocol that this server owns: what a message is, documents, shutdown, errors.

pygls leaves a request that cannot be read, or that comes after ``shutdown``, without any answer; serves requests
before ``initialize``; keeps its own copies of the documents, which split lines as ``str.splitlines`` does and not
as the protocol does; and answers ``shutdown`` with an error while requests are in flight.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Generator
from typing import Any

import cattrs
from lsprotocol import converters, types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
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

    lost: Callable[[str], None] = staticmethod(lambda uri: None)
    """Called with a document of which a change could not be taken over: nobody knows its text any longer."""

    @property
    def was_shut_down(self) -> bool:
        return self._shutdown

    pulls_diagnostics = True

    _initialized = False

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
        try:
            self._user(types.TEXT_DOCUMENT_DID_CHANGE, params)
        except Exception:
            self.lost(params.text_document.uri)
            raise

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

    def take(self, body: bytes) -> None:
        """One message of the client. Whatever it is, a request gets exactly one answer and nothing is raised."""
        try:
            message = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as problem:
            self.refuse(None, JsonRpcParseError(f"not JSON: {problem}"))
            return
        if not isinstance(message, dict):
            self.refuse(None, JsonRpcInvalidRequest("a message is one object; the protocol has no batches"))
            return
        number, method = message.get("id"), message.get("method")
        known = number if isinstance(number, int | str) and not isinstance(number, bool) else None
        try:
            if "method" not in message and "id" in message and ("result" in message or "error" in message):
                self._in_context(self._response, known, message)
            elif "id" in message and known is None:
                raise JsonRpcInvalidRequest("the id of a request is an integer or a string")
            elif message.get("jsonrpc") != self.VERSION:
                raise JsonRpcInvalidRequest(f'a message says "jsonrpc": "{self.VERSION}"')
            elif not isinstance(method, str):
                raise JsonRpcInvalidRequest("a message has a method, or an id with a result or an error")
            elif "id" in message:
                self._check_phase(method)
                params = self._params(method, message)
                self._in_context(self._handle_request, known, method, params)
            elif method == types.EXIT or (self._initialized and not self._shutdown):
                self._in_context(self._handle_notification, method, self._params(method, message))
        except JsonRpcException as problem:
            if "id" in message or not isinstance(method, str):
                self.refuse(known, problem)
            else:
                logger.warning("the notification %s is ignored: %s", method, problem)
                if method == types.TEXT_DOCUMENT_DID_CHANGE and (uri := _uri_in(message)) is not None:
                    self.lost(uri)
        except Exception as problem:
            logger.exception("a message was not handled")
            self._server._report_server_error(problem, JsonRpcInternalError)

    def refuse(self, number: int | str | None, problem: JsonRpcException) -> None:
        """The answer to what cannot be served; the log keeps why."""
        logger.warning("a message is refused: %s", problem)
        error = {"code": problem.code, "message": problem.message}
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": error})

    @staticmethod
    def _in_context(work: Callable[..., None], *arguments: Any) -> None:
        contextvars.copy_context().run(work, *arguments)

    def _check_phase(self, method: str) -> None:
        if self._shutdown:
            raise JsonRpcInvalidRequest("the server was shut down")
        if method == types.INITIALIZE:
            if self._initialized:
                raise JsonRpcInvalidRequest("the server is initialized already")
            self._initialized = True
        elif not self._initialized:
            raise JsonRpcServerNotInitialized("the first request is initialize")

    def _params(self, method: str, message: dict[str, Any]) -> Any:
        """The parameters as the protocol's types; those of methods that it does not know stay as they are."""
        kind = self.get_message_type(method)
        if kind is None:
            return message.get("params")
        if method == types.TEXT_DOCUMENT_DID_CHANGE:
            message = _with_version(message)
        try:
            return getattr(self._converter.structure(message, kind), "params", None)
        except Exception as problem:
            if method == types.INITIALIZE:
                self._initialized = False
            raise JsonRpcInvalidParams(f"{method}: {'; '.join(cattrs.transform_error(problem))}") from None

    def _response(self, number: int | str | None, message: dict[str, Any]) -> None:
        future = None if number is None else self._request_futures.get(number)
        if number is None or future is None:
            logger.warning("an answer to a request that was not made: %r", number)
            return
        if future.done():  # whoever asked has gone away meanwhile
            self._request_futures.pop(number, None)
            return
        kind = self._result_types.pop(number, None)
        try:
            if "error" in message:
                error = self._converter.structure(message["error"], types.ResponseError)
                self._handle_response(number, None, error)
            else:
                found = message["result"] if kind is None else self._converter.structure(message, kind).result
                self._handle_response(number, found)
        except Exception as problem:
            # Nobody may wait for ever for an answer that has come and cannot be read.
            text = "; ".join(cattrs.transform_error(problem))
            self._handle_response(number, None, types.ResponseError(types.ErrorCodes.ParseError.value, text))


def _with_version(message: dict[str, Any]) -> dict[str, Any]:
    """A change without a number, as older clients send it, is the latest one all the same."""
    match message.get("params"):
        case {"textDocument": {"version": int()}}:
            return message
        case {"textDocument": {"version": None, **document}, **params} | {"textDocument": {**document}, **params}:
            return {**message, "params": {**params, "textDocument": {**document, "version": 0}}}
    return message


def _uri_in(message: dict[str, Any]) -> str | None:
    params = message.get("params")
    document = params.get("textDocument") if isinstance(params, dict) else None
    uri = document.get("uri") if isinstance(document, dict) else None
    return uri if isinstance(uri, str) else None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class BaseServer(LanguageServer):
    """A pygls server that logs its errors instead of showing each one to the user."""

    protocol: StileProtocol

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name, version, protocol_cls=StileProtocol, converter_factory=plain_converter)
        self.tasks: set[asyncio.Task[Any]] = set()
        self._reported: set[str] = set()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Every error goes to the log; the user is told once for each kind of our own, with what to do.

        What a client asked in a way that cannot be served is no error of ours: the answer says it.
        """
        if isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError):
            logger.info("refused: %s", error)
            return
        data = getattr(error, "data", None)
        where = data.get("traceback", ()) if isinstance(data, dict) else ()
        logger.error("%s\n%s", error, "".join(where), exc_info=None if where else error)
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
