"""A client that believes nothing: every byte that the server writes must belong to a well-formed message.

Ordinary client libraries skip what they cannot read, and so cannot notice a stray ``print``; editors drop the
connection. This one keeps the first violation and fails whoever waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

SECONDS = 20.0

_LENGTH = re.compile(rb"Content-Length: (\d{1,9})\r\n")
_TYPE = re.compile(rb"Content-Type: [ -~]+\r\n")

Message = dict[str, Any]


class Violation(AssertionError):
    """The server wrote something that is no message."""


class ServerError(Exception):
    def __init__(self, error: Message) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


def read_message(stream: BinaryIO) -> Message | None:
    """The next message, or None at a clean end between two."""
    header = stream.readline(200)
    if not header:
        return None
    match = _LENGTH.fullmatch(header)
    if match is None:
        raise Violation(f"not a header: {header!r}")
    line = stream.readline(200)
    if _TYPE.fullmatch(line):
        line = stream.readline(200)
    if line != b"\r\n":
        raise Violation(f"not the end of the headers: {line!r}")
    body = stream.read(int(match[1]))
    if len(body) != int(match[1]):
        raise Violation("the stream ends in the middle of a message")
    message = json.loads(body.decode("utf-8"))
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Violation(f"not a message: {body[:200]!r}")
    if "method" not in message and not ({"result", "error"} & message.keys() and "id" in message):
        raise Violation(f"neither request nor response: {body[:200]!r}")
    return message


class StartClient(Protocol):
    """The fixture ``start``: a server of the test's own, which does not outlive it."""

    def __call__(
        self,
        arguments: Sequence[str] = (),
        *,
        settings: Message | None = None,
        answers: dict[str, Callable[[Any], Any]] | None = None,
        environment: dict[str, str] | None = None,
    ) -> RawClient: ...


class RawClient:
    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        settings: Message | None = None,
        answers: dict[str, Callable[[Any], Any]] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stile_lsp", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **(environment or {})},
        )
        self.settings: Message = {
            "interpreter": sys.executable,
            "verify": {"debounce": 0, "timeout": 5},
            **(settings or {}),
        }
        self.answers = answers or {}
        self.messages: list[Message] = []
        self.asked: list[Message] = []
        self.errors = b""
        self._arrivals: queue.Queue[Message | BaseException | None] = queue.Queue()
        self._number = 0
        threading.Thread(target=self._read, daemon=True).start()
        self._errors_thread = threading.Thread(target=self._read_errors, daemon=True)
        self._errors_thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            while (message := read_message(self.process.stdout)) is not None:  # type: ignore[arg-type]
                self._arrivals.put(message)
            self._arrivals.put(None)
        except BaseException as problem:
            self._arrivals.put(problem)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        while data := self.process.stderr.read1(65536):  # type: ignore[union-attr]
            self.errors += data

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"method": method, "params": params})

    def start(self, method: str, params: Any = None) -> int:
        """Sends a request and returns its number."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params})
        return self._number

    def request(self, method: str, params: Any = None, seconds: float = SECONDS) -> Any:
        return self.answer(self.start(method, params), seconds)

    def answer(self, number: int, seconds: float = SECONDS) -> Any:
        found = self.wait(lambda m: m.get("id") == number and "method" not in m, seconds)
        if "error" in found:
            raise ServerError(found["error"])
        return found["result"]

    def wait(self, wanted: Callable[[Message], bool], seconds: float = SECONDS) -> Message:
        """The first message from now on that is wanted; the others are kept in ``messages``."""
        end = time.monotonic() + seconds
        while True:
            message = self.next(max(end - time.monotonic(), 0.001))
            if wanted(message):
                return message

    def next(self, seconds: float) -> Message:
        try:
            found = self._arrivals.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"nothing came within {seconds:.1f} s; stderr: {self.errors[-2000:]!r}") from None
        if found is None:
            raise EOFError(f"the server closed its output; stderr: {self.errors[-2000:]!r}")
        if isinstance(found, BaseException):
            raise found
        if "method" in found and "id" in found:
            self._reply(found)
        self.messages.append(found)
        return found

    def drain(self, seconds: float = 0.3) -> None:
        """Takes all that comes until it is quiet for so long."""
        while True:
            try:
                self.next(seconds)
            except TimeoutError:
                return

    def _reply(self, asked: Message) -> None:
        self.asked.append(asked)
        handler = self.answers.get(asked["method"], lambda params: None)
        self.send({"id": asked["id"], "result": handler(asked.get("params"))})

    # What every test does.

    def initialize(self, capabilities: Message | None = None, **more: Any) -> Message:
        params = {
            "processId": os.getpid(),
            "rootUri": None,
            "capabilities": capabilities or {},
            "initializationOptions": {"stile": self.settings},
            **more,
        }
        result: Message = self.request("initialize", params)
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, version: int = 1) -> None:
        self.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "python", "version": version, "text": text}},
        )

    def change(self, uri: str, version: int, text: str) -> None:
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]},
        )

    def settled(self, uri: str, version: int = 1, seconds: float = SECONDS) -> dict[str, str]:
        """The statuses by name once the version is settled."""
        kernels = self.request("stile/waitUntilVerified", {"textDocument": {"uri": uri}, "version": version}, seconds)
        return {kernel["name"]: kernel["status"] for kernel in kernels}

    def verify(self, uri: str, text: str) -> dict[str, str]:
        self.open(uri, text)
        return self.settled(uri)

    def command(self, name: str, argument: Message | None = None) -> Any:
        return self.request(
            "workspace/executeCommand", {"command": f"stile.server.{name}", "arguments": [argument or {}]}
        )

    def of(self, method: str, uri: str | None = None) -> list[Message]:
        """Parameters of all messages of a method so far."""
        found = [m["params"] for m in self.messages if m.get("method") == method]
        return [params for params in found if uri is None or params.get("uri") == uri]

    def diagnostics(self, uri: str) -> list[Message]:
        published = self.of("textDocument/publishDiagnostics", uri)
        found: list[Message] = published[-1]["diagnostics"] if published else []
        return found

    def stop(self) -> int:
        """The polite end; returns the exit status."""
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
