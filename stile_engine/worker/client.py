"""The worker as seen by the server and the command line: send a text, get a typed outcome, always in time.

A run cannot take its client down, block it, or keep it waiting: it has a deadline, its pipes are always
drained, and it is ended by SIGKILL. The answer is given on the final frame; the process is reaped later.
Use it in a thread that lives as long as the process: the worker dies with the thread that started it.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import itertools
import os
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from stile_engine.trace.report import CheckRequest, KernelReport
from stile_engine.worker.launch import ON_LINUX, Launcher, StartError, ZygoteLauncher
from stile_engine.worker.messages import Discovered, KernelDone, Limits, Ready, RunMessage
from stile_engine.worker.outcome import KernelKey, Outcome, OutcomeKind, RunResult, Stopped, assemble, culprit, key
from stile_engine.worker.run import Run, RunEnd, WorkerLost, start_outcome
from stile_engine.worker.spawn import SpawnLauncher

T = TypeVar("T")

FRAMEWORKS = ("jax", "torch", "triton")
"""Frameworks that get a zygote of their own; numpy is in all of them."""

BACK_OFF = (0.0, 1.0, 2.0, 5.0, 15.0)
"""Seconds before the next start after so many failures in a row; after the last one a restart must be asked for."""


class WorkerState(StrEnum):
    """The life of a worker."""

    STARTING = "starting"
    """No interpreter is up yet."""

    READY = "ready"
    """Waiting for a text."""

    BUSY = "busy"
    """At least one run is under way."""

    RESTARTING = "restarting"
    """The worker was lost or asked to restart."""

    EXITED = "exited"
    """Closed for good."""

    FAILED = "failed"
    """Too many failures in a row, or no usable interpreter."""


Listener = Callable[[RunMessage], None]

LauncherFactory = Callable[[str, Sequence[str], Callable[[str], None]], Launcher]
"""Interpreter, frameworks and log to launcher."""


KIND_VARIABLE = "STILE_WORKER"
"""In the environment: how runs get their processes, to try on Linux what is used elsewhere."""


class WorkerKind(StrEnum):
    """How runs get their processes."""

    FORKED = "forked"
    """From one process that has the frameworks loaded; Linux only."""

    SPAWNED = "spawned"
    """Fresh ones, made ahead, confined as far as the system offers it."""

    ELSEWHERE = "elsewhere"
    """Fresh ones, made ahead, with nothing that only Linux offers."""


def worker_kind() -> WorkerKind:
    """What the environment asks for; what it cannot have, or nobody knows, is the system's own."""
    asked = os.environ.get(KIND_VARIABLE, "")
    if not ON_LINUX:
        return WorkerKind.ELSEWHERE
    return WorkerKind(asked) if asked in list(WorkerKind) else WorkerKind.FORKED


def launcher_of(kind: WorkerKind) -> LauncherFactory:
    match kind:
        case WorkerKind.FORKED:
            return ZygoteLauncher
        case WorkerKind.SPAWNED:
            return SpawnLauncher
        case WorkerKind.ELSEWHERE:
            return functools.partial(SpawnLauncher, elsewhere=True)


class WorkerClient(Protocol):
    """What the server needs of a worker; tests may put another one in its place."""

    @property
    def state(self) -> WorkerState: ...

    @property
    def interpreter(self) -> str: ...

    @property
    def ready(self) -> Ready | None:
        """What is known of the interpreter, once it was started."""

    async def check(self, request: CheckRequest, limits: Limits, listener: Listener | None = None) -> RunResult:
        """Runs one check. Cancelling the task ends the run's process at once."""

    async def restart(self) -> None: ...

    async def close(self) -> None: ...


def frameworks(source: str) -> tuple[str, ...]:
    """The frameworks that a text imports, directly or through our front end."""
    try:
        nodes: Iterable[ast.AST] = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = set(re.findall(r"\w+", source))
    else:
        words = set()
        for node in nodes:
            if isinstance(node, ast.Import):
                words.update(part for alias in node.names for part in alias.name.split(".")[:2])
            elif isinstance(node, ast.ImportFrom):
                words.update((node.module or "").split(".")[:2])
                words.update(alias.name for alias in node.names)
    return ("numpy", *(name for name in FRAMEWORKS if name in words))


class EngineWorker:
    """The implementation over real processes: one zygote for each set of frameworks in use."""

    def __init__(
        self,
        interpreter: str,
        *,
        on_state: Callable[[WorkerState], None] = lambda state: None,
        log: Callable[[str], None] = lambda text: None,
        launcher: LauncherFactory | None = None,
        fallback: LauncherFactory | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._on_state = on_state
        self._log = log
        self._make_launcher = launcher or launcher_of(worker_kind())
        self._fallback = fallback or SpawnLauncher
        self._launchers: dict[tuple[str, ...], Launcher] = {}
        self._starting: dict[tuple[str, ...], asyncio.Task[Launcher]] = {}
        self._state = WorkerState.STARTING
        self._numbers = itertools.count(1)
        self._busy = 0
        self._failures = 0
        self._not_before = 0.0
        self._ready: Ready | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> WorkerState:
        return self._state

    @property
    def interpreter(self) -> str:
        return self._interpreter

    @property
    def ready(self) -> Ready | None:
        return self._ready

    @property
    def launchers(self) -> tuple[Launcher, ...]:
        return tuple(self._launchers.values())

    async def check(self, request: CheckRequest, limits: Limits, listener: Listener | None = None) -> RunResult:
        """See ``WorkerClient``.

        A kernel that ends its run early does not hide the others: they are checked once more without it.
        """
        began = time.monotonic()
        told = listener or (lambda message: None)
        discovered: dict[KernelKey, KernelReport] = {}
        done: list[KernelDone] = []
        stops: list[Stopped] = []

        def listen(message: RunMessage) -> None:
            if isinstance(message, Discovered):
                if discovered:
                    return
                discovered.update((key(k), k) for k in message.kernels)
            elif isinstance(message, KernelDone):
                done.append(message)
            told(message)

        attempt = request
        while True:
            known = len(done)
            end = await self._run(attempt, limits, listen)
            if end.report is not None and not stops:
                return RunResult(end.outcome, end.report)
            if end.report is not None:
                break
            finished = {key(d.kernel) for d in done}
            wanted = [k for k in discovered.values() if key(k) not in finished and _selected(k, attempt)]
            stop = Stopped(end.outcome, tuple(wanted), end.seconds)
            stops.append(stop)
            cause = culprit(stop)
            others = tuple(dict.fromkeys(k.name for k in wanted if cause is not None and k.name != cause.name))
            made_progress = len(done) > known or len(stops) == 1
            if not (others and made_progress and end.outcome.kind in _REPEATABLE and request.against_line is None):
                break
            attempt = replace(request, select=others)
        asked = [k for k in discovered.values() if _selected(k, request)]
        report = assemble(request, asked, done, stops, (time.monotonic() - began) * 1000)
        return RunResult(stops[0].outcome, report)

    async def restart(self) -> None:
        """Ends all processes; the next check starts new ones."""
        self._set_state(WorkerState.RESTARTING)
        self._failures = 0
        self._not_before = 0.0
        self._close_launchers()
        self._set_state(WorkerState.STARTING)

    async def close(self) -> None:
        self._close_launchers()
        self._set_state(WorkerState.EXITED)
        for task in [*self._tasks, *self._starting.values()]:
            task.cancel()

    def _close_launchers(self) -> None:
        for launcher in self._launchers.values():
            launcher.close()
        self._launchers.clear()

    def _set_state(self, state: WorkerState) -> None:
        if state is not self._state and self._state is not WorkerState.EXITED:
            self._state = state
            self._on_state(state)

    async def _launcher(self, wanted: tuple[str, ...]) -> Launcher:
        launcher = self._launchers.get(wanted)
        if launcher is not None and launcher.is_alive:
            return launcher
        starting = self._starting.get(wanted)
        if starting is None:
            starting = self._starting[wanted] = asyncio.get_running_loop().create_task(self._start(wanted))
            starting.add_done_callback(functools.partial(self._start_ended, wanted))
        # An edit ends the run that waits, and not the start that the next run waits for.
        return await asyncio.shield(starting)

    def _start_ended(self, wanted: tuple[str, ...], starting: asyncio.Task[Launcher]) -> None:
        del self._starting[wanted]
        if not starting.cancelled():
            starting.exception()  # whoever waits has it; nobody else need be told

    async def _start(self, wanted: tuple[str, ...]) -> Launcher:
        launcher = self._launchers.get(wanted)
        if launcher is not None:
            self._lost(wanted, launcher)
        wait = self._not_before - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._set_state(WorkerState.RESTARTING if self._failures else WorkerState.STARTING)
        launcher = self._make_launcher(self._interpreter, wanted, self._log)
        try:
            await launcher.start()
        except StartError as error:
            if error.problem.reason == "broken":
                self._count_failure()
            self._set_state(WorkerState.FAILED)
            raise
        self._launchers[wanted] = launcher
        self._ready = launcher.ready
        if launcher.ready is not None:
            self._log(f"worker: kernels are run {launcher.ready.isolation}")
        for note in launcher.ready.notes if launcher.ready else ():
            self._log(f"worker: {note}")
        self._set_state(WorkerState.READY)
        return launcher

    def _lost(self, wanted: tuple[str, ...], launcher: Launcher) -> None:
        if self._launchers.get(wanted) is launcher:
            del self._launchers[wanted]
            launcher.close()
            self._count_failure()

    def _count_failure(self) -> None:
        self._failures += 1
        self._not_before = time.monotonic() + BACK_OFF[min(self._failures, len(BACK_OFF)) - 1]

    async def _run(self, request: CheckRequest, limits: Limits, listen: Listener) -> RunEnd:
        if self._failures > len(BACK_OFF):
            self._set_state(WorkerState.FAILED)
            message = "the verifier failed several times in a row; restart it to try again"
            return RunEnd(Outcome(OutcomeKind.CRASHED, message), None, 0.0)
        wanted = frameworks(request.source)
        try:
            for _ in range(_STARTS):
                launcher = await self._launcher(wanted)
                try:
                    return await self._run_on(launcher, wanted, request, limits, listen)
                except WorkerLost:
                    # A run before this one had ended the parent of all runs, or it must not be forked.
                    if launcher.cannot_fork:
                        self._log("worker: a fresh process for every run from now on")
                        self._make_launcher = self._fallback
        except StartError as error:
            return RunEnd(start_outcome(error.problem), None, 0.0)
        return RunEnd(Outcome(OutcomeKind.CRASHED, "the verifier's process was lost"), None, 0.0)

    async def _run_on(
        self, launcher: Launcher, wanted: tuple[str, ...], request: CheckRequest, limits: Limits, listen: Listener
    ) -> RunEnd:
        run = Run(launcher, next(self._numbers), request, limits, listen, self._log)
        self._busy += 1
        self._set_state(WorkerState.BUSY)
        try:
            end = await run.result()
        finally:
            self._busy -= 1
            # The process is ended, drained and reaped in its own time: nobody waits for that.
            self._keep(run.clean_up())
            if not launcher.is_alive:
                self._lost(wanted, launcher)
            if not self._busy and self._state is WorkerState.BUSY:
                self._set_state(WorkerState.READY)
        if launcher.is_alive:
            self._failures = 0
        return end

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_STARTS = 3


def _selected(kernel: KernelReport, request: CheckRequest) -> bool:
    return not request.select or kernel.name in request.select


_REPEATABLE = frozenset(OutcomeKind) - {OutcomeKind.FINISHED, OutcomeKind.IMPORT_ERROR}


class CheckSession:
    """Blocking use, for the command line: a context in which many texts are checked by one worker."""

    def __init__(
        self,
        interpreter: str,
        *,
        log: Callable[[str], None] = lambda text: None,
        launcher: LauncherFactory | None = None,
        wrapped: Callable[[WorkerClient], WorkerClient] = lambda worker: worker,
    ) -> None:
        self._runner = asyncio.Runner()
        self._worker = wrapped(EngineWorker(interpreter, log=log, launcher=launcher))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._worker.close())
        self._runner.close()

    @property
    def ready(self) -> Ready | None:
        return self._worker.ready

    def check(self, request: CheckRequest, limits: Limits) -> RunResult:
        return self._runner.run(self._worker.check(request, limits))

    def check_all(self, requests: Sequence[CheckRequest], limits: Limits, jobs: int = 1) -> Iterator[RunResult]:
        """The results in the order of the requests, ``jobs`` of them under way at a time."""
        pending: list[asyncio.Task[RunResult]] = []
        gate = asyncio.Semaphore(max(1, jobs))

        async def one(request: CheckRequest) -> RunResult:
            async with gate:
                return await self._worker.check(request, limits)

        async def start() -> None:
            pending.extend(asyncio.get_running_loop().create_task(one(request)) for request in requests)

        async def take(task: asyncio.Task[RunResult]) -> RunResult:
            return await task

        self._runner.run(start())
        try:
            for task in pending:
                yield self._runner.run(take(task))
        finally:
            for task in pending:
                task.cancel()
