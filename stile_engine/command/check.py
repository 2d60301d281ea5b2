"""``stile check``: the reports of files, from the worker or from this very process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stile_engine.command.files import workspace_of
from stile_engine.proof.verdict import Position, Range
from stile_engine.trace.report import CheckRequest, Diagnostic, Report

if TYPE_CHECKING:
    from stile_engine.worker.client import WorkerClient


@dataclass(frozen=True, slots=True)
class CheckOptions:
    select: tuple[str, ...] = ()
    jobs: int = 1
    timeout: float = 10.0
    worker: bool = True
    cache: bool = True


def run_checks(files: Sequence[Path], options: CheckOptions) -> tuple[list[Report], dict[str, str]]:
    """A report for each file, in their order, and the texts that were checked by path."""
    reports: dict[str, Report] = {}
    sources: dict[str, str] = {}
    requests: list[CheckRequest] = []
    for file in files:
        path = str(file)
        try:
            source = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reports[path] = _unreadable(path, error)
            continue
        sources[path] = source
        absolute = str(file.resolve())
        requests.append(
            CheckRequest(absolute, source, options.select, details=False, workspace=str(workspace_of(file)))
        )
    readable = [str(f) for f in files if str(f) in sources]
    for path, report in zip(readable, _reports(requests, options), strict=True):
        reports[path] = Report(
            path, report.kernels, report.diagnostics, report.values, report.milliseconds, report.notes
        )
    return [reports[str(file)] for file in files], sources


def _reports(requests: Sequence[CheckRequest], options: CheckOptions) -> Iterator[Report]:
    if not requests:
        return
    if options.worker:
        from stile_engine.worker.client import CheckSession
        from stile_engine.worker.messages import Limits

        with CheckSession(sys.executable, wrapped=_keeping if options.cache else _as_it_is) as session:
            for result in session.check_all(requests, Limits(wall=options.timeout), options.jobs):
                yield result.report
        return
    from stile_engine.check import check

    for request in requests:
        # What the user's code prints must not stand between our own lines.
        with contextlib.redirect_stdout(sys.stderr):
            report = check(request)
        yield report


def _keeping(worker: WorkerClient) -> WorkerClient:
    from stile_engine.incremental.store import Store
    from stile_engine.worker.kept import KeepingWorker

    return KeepingWorker(worker, Store(), wait=True)


def _as_it_is(worker: WorkerClient) -> WorkerClient:
    return worker


def _unreadable(path: str, error: Exception) -> Report:
    place = Range(Position(0, 0), Position(0, 0))
    return Report(path, diagnostics=(Diagnostic("python-syntax", "error", place, f"cannot be read: {error}"),))
