"""One run: reads a request, checks it, sends what was found, ends the process.

A run is two processes. The first forks the second, reads the request, and from then on proves and answers to the
client (``judging.py``). The second runs the text: everything after ``serve`` starts may be user code. Both can be
made before there is a text, and may check one of the engine's own first. Nothing here outlives the run.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import stile_engine.check
from stile_engine.trace.codec import decode, decode_request, encode
from stile_engine.trace.report import CheckRequest, Diagnostic, KernelReport, ValueInfo
from stile_engine.worker import judging, policy, sandbox
from stile_engine.worker.messages import (
    Failed,
    Finished,
    FrameReader,
    KernelDone,
    Order,
    RunMessage,
    frame,
    to_frame,
)
from stile_engine.worker.questions import Asker

FAULT_MARGIN = 0.15
"""Seconds before the wall limit at which the stack is written down, for the line of an endless loop."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is the same for all runs of a worker: the sandbox's mechanisms, and what may be read whatever is
    checked."""

    offered: sandbox.Mechanisms = field(default_factory=sandbox.mechanisms)
    readable: tuple[str, ...] = ()

    @classmethod
    def of(cls, packages: dict[str, str]) -> Cell:
        # Before anything is forked: what this computes is the same for every run.
        sandbox.prepare()
        return cls(readable=(*policy.SYSTEM, *policy.interpreter_paths(packages)))


def run_alone(
    cell: Cell,
    parent: int,
    private: str | None,
    rope: int,
    rehearsal: CheckRequest | None = None,
    ready: bytes | None = None,
) -> NoReturn:
    """Makes the two processes of a run, waits at ``rope`` for the run, and ends when it has ended; never returns.

    With a ``rehearsal`` they check that first, and so have loaded, filled and copied what such a check needs.
    ``ready``: what is told at the rope when that is done.
    """
    code = 70
    channel: socket.socket | None = None
    try:
        sandbox.begin(parent)
        # The rope keeps its number to the end: somebody may be waiting for its other end to be closed.
        sandbox.arrange_descriptors(_nothing(), 1, 2, _nothing(), _nothing(), rope)
        orders = socket.socket(fileno=5)
        ours, theirs = socket.socketpair()
        judge_process = os.getpid()
        tracer = os.fork()
        if tracer == 0:
            ours.close()
            trace(cell, judge_process, theirs, private, rehearsal)
        theirs.close()
        if not sandbox.ON_LINUX:
            sandbox.end_with(orders)
        if rehearsal is not None:
            judging.rehearse(ours, rehearsal)
        if ready is not None:
            orders.sendall(ready)
        readable, _, _ = select.select([orders, ours], [], [])
        if ours in readable:
            raise EOFError("the process that is to run a text ended before there was one")
        data, (result, output, fault), _, _ = socket.recv_fds(orders, _ORDER_BYTES, 3)
        order = decode(Order, json.loads(data))
        socket.send_fds(ours, [frame({"order": encode(order)})], [output, fault])
        sandbox.arrange_descriptors(_nothing(), output, output, result, ours.detach(), orders.detach())
        sandbox.limit_resources(order.limits)
        channel, ours, orders = (socket.socket(fileno=number) for number in (3, 4, 5))
        channel.setblocking(True)
        payload: Any = next(_payloads(channel, FrameReader()))
        ours.sendall(frame({"request": payload["request"]}))
        request = decode_request(payload["request"])
        # It is the other process that reads files and has no use for any.
        sandbox.confine(cell.readable, None, cell.offered)
        code = judging.judge(channel, ours, tracer, request, functools.partial(_let_go, orders))
    except BaseException:
        if channel is not None:
            with contextlib.suppress(BaseException):
                channel.sendall(to_frame(Failed("the prover failed", _traceback())))
    finally:
        os._exit(code)


_ORDER_BYTES = 4096

_AT_ONCE = 1e-3
"""Seconds; no time at all would mean no alarm."""


def _let_go(orders: socket.socket) -> None:
    """Tells at the rope that the verdicts are out, where nobody waits at this end for the other one's closing."""
    if sandbox.ON_LINUX:
        orders.close()


def _nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _payloads(channel: socket.socket, reader: FrameReader, data: bytes = b"") -> Iterator[dict[str, object]]:
    """The messages on a channel, where ``data`` has been taken from it already."""
    while True:
        yield from reader.feed(data)
        data = channel.recv(1 << 16)
        if not data:
            raise EOFError("the channel was closed before there was a request")


def trace(
    cell: Cell, parent: int, channel: socket.socket, private: str | None, rehearsal: CheckRequest | None
) -> NoReturn:
    """The process that runs the text; never returns."""
    code = 70
    try:
        sandbox.die_with_parent(parent)
        if rehearsal is not None:
            serve(channel, rehearsal)
        data, (output, fault), _, _ = socket.recv_fds(channel, _ORDER_BYTES, 2)
        payloads = _payloads(channel, FrameReader(), data)
        order = decode(Order, next(payloads)["order"])
        request = decode_request(next(payloads)["request"])
        sandbox.arrange_descriptors(_nothing(), output, output, channel.detach(), fault)
        sandbox.limit_resources(order.limits)
        channel = socket.socket(fileno=sandbox.RESULT_DESCRIPTOR)
        faulthandler.enable(sandbox.FAULT_DESCRIPTOR, all_threads=False)
        # A signal stops this thread while its stack is read. The watchdog of dump_traceback_later reads the stack
        # of a thread that goes on running, which ends many an endless loop with SIGSEGV instead of its line.
        faulthandler.register(signal.SIGALRM, sandbox.FAULT_DESCRIPTOR, all_threads=False)
        wall = order.limits.wall
        left = order.began + max(wall - FAULT_MARGIN, wall / 2) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, _AT_ONCE))
        enter_directory(request)
        enter_cell(cell, request, private)
        serve(channel, request)
        code = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
        _flush()
        # Not sys.exit: atexit functions and threads of user code get no say.
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()


def enter_cell(cell: Cell, request: CheckRequest, private: str | None) -> None:
    """From here on this process reads the interpreter and the request's workspace, and writes ``private`` only."""
    readable, modules = policy.workspace_paths(request.path, request.workspace)
    if private is not None:
        sandbox.use_private_folder(private, policy.private_environment(private))
    if modules:
        finder: Any = policy.ListedModules(modules)
        sys.meta_path.append(finder)
    sandbox.confine((*cell.readable, *readable), private, cell.offered)


def serve(channel: socket.socket, request: CheckRequest) -> None:
    """Answers the request on the channel. Frames go out as soon as there is something to tell."""

    asker = Asker(channel)

    def send(message: RunMessage) -> None:
        channel.sendall(to_frame(message))

    def finished(
        kernel: KernelReport, diagnostics: tuple[Diagnostic, ...], values: tuple[ValueInfo, ...] | None
    ) -> None:
        asker.tell(to_frame(KernelDone(kernel, tuple(diagnostics), values)))

    try:
        report = stile_engine.check.check(request, finished, asker, asker.settled)
        # The other half ends with the final message, and this one with it.
        _flush()
        # Its kernels and values have been sent already.
        send(Finished(replace(report, kernels=(), values=())))
    except SystemExit as problem:
        code = problem.code if isinstance(problem.code, int) else 0 if problem.code is None else 1
        send(Failed("the program ended itself", exit_code=code))
    except BaseException as problem:
        send(Failed(describe(problem), _traceback()))


def enter_directory(request: CheckRequest) -> None:
    """Relative paths in the program mean what they mean when the user runs it."""
    for directory in (request.workspace, os.path.dirname(request.path)):
        if directory and os.path.isdir(directory):
            os.chdir(directory)
            return


def describe(problem: BaseException) -> str:
    """The exception as text; its own ``__str__`` is user code and may do anything."""
    try:
        text = str(problem)
    except BaseException:
        text = "(its text could not be made)"
    return f"{type(problem).__name__}: {text}"[:2000]


def _traceback() -> str:
    try:
        return traceback.format_exc()[-8000:]
    except BaseException:
        return ""
