"""The half of a run that answers to the client: it proves, seals reports, and never runs a line of the text.

The other half (``child.py``) runs it, asks for proofs, and reports. All that comes from there is read strictly.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import stile_engine.check
from stile_engine.trace.codec import CodecError, Json, encode
from stile_engine.trace.report import CheckRequest, Diagnostic, KernelReport, Range
from stile_engine.worker.messages import (
    Discovered,
    Failed,
    Finished,
    FrameReader,
    KernelDone,
    ProtocolError,
    Spoiled,
    frame,
    run_message,
    to_frame,
)
from stile_engine.worker.questions import ASK, SETTLED, TAKEN, Questions, answer_frame


class Hearing:
    """One run: questions and reports in, answers and sealed reports out."""

    def __init__(
        self, client: Callable[[bytes], object], tracer: socket.socket, settled: Callable[[], None] = lambda: None
    ) -> None:
        """``client`` takes what is for the client. ``settled`` is called when all verdicts are said to be out."""
        self._client = client
        self._tracer = tracer
        self._settled = settled
        self._judge = stile_engine.check.Judge()
        self._questions = Questions()
        self._done: dict[tuple[str, Range], tuple[KernelReport, tuple[Diagnostic, ...], Any]] = {}

    def serve(self, request: CheckRequest) -> bool:
        """Until the final report; False where the other half ended without one.

        Raises:
            ProtocolError: it sent what it never sends by itself.
        """
        self._client(to_frame(Discovered(stile_engine.check.discover(request.source, request.path))))
        reader = FrameReader()
        while data := self._receive():
            for payload in reader.feed(data):
                if self._take(payload):
                    return True
        if not reader.is_between_frames:
            raise ProtocolError("the results end in the middle of a message")
        return False

    def _receive(self) -> bytes:
        try:
            return self._tracer.recv(1 << 18)
        except ConnectionError:
            return b""

    def _take(self, payload: dict[str, object]) -> bool:
        """Whether this was the last message."""
        if payload.get("kind") == ASK:
            proof = self._judge.prove(self._questions.read(payload.get("body")))
            self._answer(answer_frame(proof))
            return False
        if payload.get("kind") == SETTLED:
            # Nothing rests on it: who says so early only has the next run's process made early.
            self._settled()
            return False
        body = payload.get("body")
        values: Any = None
        if payload.get("kind") == "kernel" and isinstance(body, dict):
            # Large, and shown only: the client reads them as strictly as this process would.
            values, payload = body.get("values"), {"kind": "kernel", "body": {**body, "values": None}}
        match run_message(payload):
            case KernelDone(kernel, diagnostics):
                self._kernel(kernel, diagnostics, values)
                self._answer(TAKEN)
                return False
            case Finished(report):
                whole = self._whole(encode(report), report.diagnostics)
                self._client(frame({"kind": "report", "body": {"report": whole}}))
                return True
            case Failed() as failed:
                self._client(to_frame(failed))
                return True
            case other:
                raise ProtocolError(f"{type(other).__name__} is not a message of a process that runs kernels")

    def _answer(self, message: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # its end is seen at the next read
            self._tracer.sendall(message)

    def _kernel(self, told: KernelReport, diagnostics: tuple[Diagnostic, ...], values: Json) -> None:
        kernel, found = self._judge.sealed(told, diagnostics)
        if values is not None:
            kernel = self._judge.described(kernel)
        added = tuple(d for d in found if d not in diagnostics)
        self._done[told.name, told.range] = (kernel, added, values)
        body: Json = {"kernel": encode(kernel), "diagnostics": encode(found), "values": values}
        self._client(frame({"kind": "kernel", "body": body}))

    def _whole(self, report: Any, diagnostics: Sequence[Diagnostic]) -> Json:
        """The final report: kernels and values are those of the messages before."""
        done = sorted(self._done.values(), key=lambda found: (found[0].range.start, found[0].name_range.start))
        kernels = [encode(kernel) for kernel, _, _ in done]
        values = [value for _, _, found in done if isinstance(found, list) for value in found]
        added = [d for _, more, _ in done for d in more]
        return {**report, "kernels": kernels, "values": values, "diagnostics": encode((*diagnostics, *added))}


def rehearse(tracer: socket.socket, request: CheckRequest) -> None:
    """Serves a run of which nobody is told.

    Raises:
        EOFError: the other process ended.
    """
    if not Hearing(lambda message: None, tracer).serve(request):
        raise EOFError("the process that rehearses ended")


def judge(
    client: socket.socket,
    tracer: socket.socket,
    process: int,
    request: CheckRequest,
    settled: Callable[[], None] = lambda: None,
) -> int:
    """Serves the run, and ends as the process that ran the text ended; the exit status where it is to be 0."""
    try:
        if Hearing(client.sendall, tracer, settled).serve(request):
            return 0
    except (ProtocolError, CodecError) as problem:
        client.sendall(to_frame(Spoiled(str(problem)[:2000])))
        return 0
    # The client learns from this end what it would have learned from the other's.
    client.close()
    _, status = os.waitpid(process, 0)
    _end_like(status)


def _end_like(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 70)
