"""Plans and makes runs: one for each file at most, the latest only, never on the loop's own time."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from stile_engine.incremental.module import without_definitions
from stile_engine.incremental.store import Store
from stile_engine.trace.report import CheckRequest, Status
from stile_engine.worker.client import EngineWorker, LauncherFactory, WorkerClient, WorkerState, frameworks
from stile_engine.worker.kept import KeepingWorker
from stile_engine.worker.messages import Discovered, KernelDone, Limits, RunMessage
from stile_engine.worker.outcome import Outcome, OutcomeKind, RunResult
from stile_lsp import messages, session
from stile_lsp.documents import Document
from stile_lsp.interpreter import display_path, folder_of, path_of, resolve
from stile_lsp.outline import Outline
from stile_lsp.progress import Progress
from stile_lsp.static_check import static_report
from stile_lsp.turns import Turns

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)

RUNS_AT_ONCE = max(1, (os.cpu_count() or 2) // 2)


class Verifier:
    def __init__(self, server: StileServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._tasks: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._questions: dict[int, tuple[str, asyncio.Task[None]]] = {}
        self._workers: dict[str, WorkerClient] = {}
        self._turns = Turns(RUNS_AT_ONCE)
        self._missing: dict[str, str] = {}
        """Interpreters without a module that the verifier needs."""
        self.last_outcome: Outcome | None = None

    @property
    def workers(self) -> tuple[WorkerClient, ...]:
        return tuple(self._workers.values())

    def interpreter_for(self, uri: str) -> str:
        folder = folder_of(path_of(uri), self._server.folders)
        return resolve(self._server.settings.interpreter, folder)

    def workspace_of(self, uri: str) -> str | None:
        folder = folder_of(path_of(uri), self._server.folders)
        return str(folder) if folder is not None else None

    def worker_for(self, uri: str) -> WorkerClient:
        interpreter = self.interpreter_for(uri)
        worker = self._workers.get(interpreter)
        if worker is None:
            logger.info("%s is verified under %s", uri.rpartition("/")[2], interpreter)
            worker = self._server.make_worker(interpreter)
            self._workers[interpreter] = worker
        return worker

    def verify(
        self,
        uri: str,
        *,
        delay: float = 0.0,
        select: tuple[str, ...] = (),
        afresh: bool = False,
        state: session.FileState | None = None,
    ) -> int:
        """Plans a run of the present text and returns its number; one that is under way is ended first.

        ``state`` is the state to start from, where it is newer than the one that the server has.
        """
        self._stop(uri)
        number = next(self._numbers)
        self._server.update(session.queued(state or self._server.state(uri), number, select, afresh=afresh))
        task = self._server.background(self._run(self._server.documents.get(uri), number, delay, select))
        self._tasks[uri] = (number, task)
        task.add_done_callback(functools.partial(self._after_failure, uri, number))
        return number

    def refresh(self, state: session.FileState, *, delay: float = 0.0) -> None:
        """Plans a run for what has no result that holds, if anything has none."""
        if session.is_checked(state):
            self._stop(state.uri)
            self._server.update(state)
            return
        names = session.stale_names(state)
        everything = len(names) == len({entry.name for entry in state.entries})
        self.verify(state.uri, delay=delay, select=() if everything else names or (session.NO_KERNEL,), state=state)

    def ask(self, uri: str, line: int, spec: str) -> int:
        """Proves the kernel at the line against another spec, beside the file's own runs."""
        number = next(self._numbers)
        task = self._server.background(self._answer(self._server.documents.get(uri), number, line, spec))
        self._questions[number] = (uri, task)
        task.add_done_callback(lambda ended: self._questions.pop(number, None))
        return number

    def missing_module(self, uri: str) -> tuple[str, str] | None:
        """The file's interpreter and a module that it lacks: one of the verifier's, or a framework of the file's."""
        interpreter = self.interpreter_for(uri)
        if (module := self._missing.get(interpreter)) is not None:
            return interpreter, module
        worker, document = self._workers.get(interpreter), self._server.documents.find(uri)
        if worker is None or worker.ready is None or document is None:
            return None
        lacking = [name for name in frameworks(document.source) if name in worker.ready.missing]
        return (interpreter, lacking[0]) if lacking else None

    def edited(self, uri: str) -> None:
        """Whatever runs on the old text is ended now, before anything else."""
        self._stop(uri)
        for owner, task in list(self._questions.values()):
            if owner == uri:
                task.cancel()

    closed = edited

    def cancel(self, uri: str | None, run: int | None) -> int:
        """Ends runs at the user's wish: of a file, of a number, or all. Returns how many."""
        chosen = [
            (owner, number, task)
            for owner, (number, task) in list(self._tasks.items())
            if uri in (None, owner) and run in (None, number) and not task.done()
        ]
        for owner, number, task in chosen:
            self._server.update(session.cancelling(self._server.state(owner)))
            task.cancel()
            task.add_done_callback(functools.partial(self._after_cancel, owner, number))
        questions = [
            task for number, (owner, task) in self._questions.items() if uri in (None, owner) and run in (None, number)
        ]
        for task in questions:
            task.cancel()
        return len(chosen) + len(questions)

    def not_kept(self, path: str, reason: str) -> None:
        """No result of the file holds for another text."""
        logger.info("%s: results are not kept: %s", os.path.basename(path), reason)
        for document in self._server.documents.all:
            if display_path(document.uri) == path:
                self._apply(document.uri, lambda state: session.not_kept(state, reason))

    async def restart(self) -> None:
        for worker in self._workers.values():
            await worker.restart()

    async def close_unused(self) -> None:
        """Ends workers of interpreters that no open file uses any longer."""
        used = {self.interpreter_for(document.uri) for document in self._server.documents.all}
        for interpreter in [name for name in self._workers if name not in used]:
            await self._workers.pop(interpreter).close()

    async def close(self) -> None:
        for _, task in [*self._tasks.values()]:
            task.cancel()
        for _, task in self._questions.values():
            task.cancel()
        for worker in self._workers.values():
            await worker.close()
        self._workers.clear()

    def _stop(self, uri: str) -> None:
        if (current := self._tasks.pop(uri, None)) is not None:
            current[1].cancel()

    def _after_failure(self, uri: str, number: int, ended: asyncio.Task[None]) -> None:
        """An error of our own must not leave a kernel running for ever; the error itself is logged elsewhere."""
        if not ended.cancelled() and ended.exception() is not None:
            self._after_cancel(uri, number, ended)

    def _after_cancel(self, uri: str, number: int, ended: asyncio.Task[None]) -> None:
        if (state := self._server.find_state(uri)) is not None and not self._server.is_stopping:
            self._server.update(session.cancelled(state, number))

    async def _run(self, document: Document, number: int, delay: float, select: tuple[str, ...]) -> None:
        if delay:
            await asyncio.sleep(delay)
        uri = document.uri
        if not self._server.settings.trusted:
            report = static_report(self._server.state(uri).outline, display_path(uri))
            self._apply(uri, lambda state: session.finished(state, number, report))
            return
        attention = functools.partial(self._server.attention_to, uri)
        async with self._turns.turn(attention), Progress(self._server, uri, number) as progress:
            await self._read_project(uri)
            # Told when the worker has the request.
            self._server.loop.call_soon(self._apply, uri, lambda state: session.started(state, number))

            def listen(message: RunMessage) -> None:
                if isinstance(message, Discovered):
                    if select:
                        return  # of a part of the text
                    self._apply(uri, lambda state: session.discovered(state, number, message.kernels))
                elif isinstance(message, KernelDone):
                    progress.report(message.kernel.name)
                    self._apply(
                        uri,
                        lambda state: session.kernel_done(
                            state, number, message.kernel, message.diagnostics, message.values
                        ),
                    )

            worker = self.worker_for(uri)
            order = session.in_order(self._server.state(uri), self._server.visible.get(uri))
            request = replace(self._request(document, select=select), first=order)
            part = self._reduced(request, uri)
            result = await worker.check(part, self._limits(), listen)
            if part is not request and any(k.status is Status.ERROR for k in result.report.kernels):
                # An error is told as the whole file makes it.
                result = await worker.check(request, self._limits(), listen)
        self._finish(uri, number, worker.interpreter, result)

    def _finish(self, uri: str, number: int, interpreter: str, result: RunResult) -> None:
        self.last_outcome = result.outcome
        self._missing.pop(interpreter, None)
        if result.outcome.module is not None:
            self._missing[interpreter] = result.outcome.module
        verdicts = ", ".join(f"{kernel.name} {kernel.status}" for kernel in result.report.kernels)
        logger.info("%s: %s: %s", uri.rpartition("/")[2], result.outcome.kind, result.outcome.message or verdicts)
        if result.report.kernels or result.outcome.kind is OutcomeKind.FINISHED:
            self._apply(uri, lambda state: session.finished(state, number, result.report))
            return
        status = _STATUS_WITHOUT_KERNELS.get(result.outcome.kind, Status.CRASHED)
        message = result.outcome.message
        self._apply(uri, lambda state: session.without_kernels(state, number, status, result.report, message))

    async def _read_project(self, uri: str) -> None:
        """Before a run the imported files are known, so that its results speak of them."""
        state = self._server.find_state(uri)
        if state is None or state.known is None or state.known.project.is_complete:
            return
        project = await self._server.projects.read(uri, state.known, self.workspace_of(uri))
        self._apply(uri, lambda current: session.reprojected(current, project))

    def _reduced(self, request: CheckRequest, uri: str) -> CheckRequest:
        """Of a run for a few kernels only the text that they depend on."""
        state = self._server.find_state(uri)
        if not request.select or state is None or not isinstance(state.outline, Outline):
            return request
        outline = state.outline
        chosen = [entry for entry in state.entries if entry.name in request.select]
        kept = frozenset(
            statement
            for entry in chosen
            for file, statement in outline.reach(entry.name, entry.range).places
            if file == 0
        )
        return replace(request, source=without_definitions(outline.module, kept))

    async def _answer(self, document: Document, number: int, line: int, spec: str) -> None:
        if not self._server.settings.trusted:
            self._server.tell("Stile: this folder is not trusted, so its kernels are not run.")
            return
        async with Progress(self._server, document.uri, number):
            request = self._request(document, against_line=line, against_spec=spec)
            result = await self.worker_for(document.uri).check(request, self._limits())
        state = self._server.find_state(document.uri)
        if state is None or state.version != document.version:
            return
        kernel = next((k for k in result.report.kernels if k.range.start.line <= line <= k.range.end.line), None)
        if kernel is None:
            problems = "; ".join(d.message for d in result.report.diagnostics[:3])
            self._server.tell(f"Stile: no verdict: {problems or 'there is no kernel here'}")
            return
        self._server.update(session.answered_against(state, document.version, session.with_spec(kernel, spec)))
        self._server.tell_answer(kernel, spec)

    def _apply(self, uri: str, step: session.Step) -> None:
        """The choke point: a step on the present state, which ignores what is not of its current run."""
        state = self._server.find_state(uri)
        if state is not None:
            self._server.update(step(state))

    def _limits(self) -> Limits:
        settings = self._server.settings
        return Limits(wall=settings.verify_timeout, memory=int(settings.worker_memory) << 20)

    def _request(
        self,
        document: Document,
        *,
        select: tuple[str, ...] = (),
        against_line: int | None = None,
        against_spec: str | None = None,
    ) -> CheckRequest:
        return CheckRequest(
            path=display_path(document.uri),
            source=document.source,
            select=select,
            against_line=against_line,
            against_spec=against_spec,
            workspace=self.workspace_of(document.uri),
        )


_STATUS_WITHOUT_KERNELS = {
    OutcomeKind.TIMEOUT: Status.TIMEOUT,
    OutcomeKind.IMPORT_ERROR: Status.ERROR,
    OutcomeKind.FAILED: Status.ERROR,
}


def engine_worker(server: StileServer, interpreter: str, launcher: LauncherFactory | None = None) -> WorkerClient:
    told: list[str] = []

    def on_state(state: WorkerState) -> None:
        if (ready := worker.ready) is not None and told != [ready.isolation]:
            told[:] = [ready.isolation]
            isolation = {"interpreter": interpreter, "level": ready.level, "message": ready.isolation}
            server.protocol.notify(messages.ISOLATION, isolation)
        level = logging.DEBUG if state in (WorkerState.READY, WorkerState.BUSY) else logging.INFO
        logger.log(level, "worker of %s: %s", interpreter, state)

    def not_kept(path: str, reason: str) -> None:
        server.verifier.not_kept(path, reason)

    worker = EngineWorker(interpreter, on_state=on_state, log=lambda text: logger.info("%s", text), launcher=launcher)
    return KeepingWorker(worker, Store(), not_kept, enabled=lambda: server.settings.cache)
