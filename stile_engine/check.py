"""One entry: the text of a file in, everything that is known of its kernels out. Runs inside the worker."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from stile_engine.checking.discovery import MODULE, FoundKernel, find_kernels
from stile_engine.checking.evidence import Met, loaded_sources, watching
from stile_engine.checking.execution import ModuleRun, forget_imported, module_environment, run_module
from stile_engine.checking.failures import failure_message
from stile_engine.checking.ignores import Ignores
from stile_engine.checking.judge import Judge
from stile_engine.checking.kernel_check import CheckedKernel, KernelCheck
from stile_engine.checking.module_check import check_module_code
from stile_engine.checking.other_sizes import OtherSizes
from stile_engine.checking.parsing import ParsedText, parse_text
from stile_engine.checking.proving import Prover, prove_here
from stile_engine.index.registry import reset_stile, scope
from stile_engine.trace.recording import Recorder
from stile_engine.trace.report import CheckRequest, Diagnostic, Evidence, KernelReport, Report, ValueInfo
from stile_engine.trace.source_map import SourceMap

__all__ = ["Judge", "check", "discover"]

Listener = Callable[[KernelReport, tuple[Diagnostic, ...], "tuple[ValueInfo, ...] | None"], None]

NO_KERNELS = (
    "no kernels here: a kernel is a function under @kernel('SPEC') (from stile_engine import dim, kernel), "
    "or typed code that uses TypedResult"
)


def discover(source: str, path: str) -> tuple[KernelReport, ...]:
    """The kernels of a text, found without running it; all of them *queued*."""
    return tuple(kernel.queued() for kernel in find_kernels(parse_text(source), path))


def check(
    request: CheckRequest,
    listener: Listener | None = None,
    prover: Prover = prove_here,
    settled: Callable[[], None] = lambda: None,
) -> Report:
    """Check every kernel of the text. What is wrong with the text is in the report, never raised.

    ``listener`` is called as each kernel has its verdict, without values, and again with its values
    when all kernels have theirs: nobody waits for a verdict while another kernel's hovers are written.
    ``prover`` answers whether a kernel's result equals its spec. ``settled`` is called when the last
    kernel has its verdict, before anything else is worked out.
    """
    start = time.perf_counter()
    parsed = parse_text(request.source)
    kernels = find_kernels(parsed, request.path)
    checked: list[CheckedKernel] = []
    reports: list[KernelReport] = []
    values: list[ValueInfo] = []
    diagnostics: list[Diagnostic] = []

    ignores = Ignores(parsed.map)
    evidence: Evidence | None = None

    def finish(result: CheckedKernel) -> None:
        result = replace(result, diagnostics=ignores.keep(result.diagnostics))
        checked.append(result)
        if listener is not None and not request.trace_only:
            listener(result.report, result.diagnostics, None)

    file_diagnostics = _syntax_diagnostics(parsed, kernels)
    if request.static_only:
        for found in _selected(kernels, request):
            finish(KernelCheck(request, parsed, None, found).static())
    else:
        with (
            scope(clear=True),
            module_environment(request.path, request.workspace, request.source) as (name, package),
            watching() as met,
        ):
            recorder = Recorder()
            before = frozenset(sys.modules)
            run = _run(request, parsed, name, package, recorder)
            file_diagnostics += _failure_diagnostics(run, parsed.map, request.path, kernels)
            kernels = _with_module_code(kernels, recorder, parsed, request.path)
            module_run = run
            for found in _selected(kernels, request):
                if found.name == MODULE and found.function is None and found.broken is None:
                    finish(check_module_code(request, parsed, module_run, found, recorder, prover))
                    continue
                finish(KernelCheck(request, parsed, run, found, prover=prover).run())
                if checked[-1].impurity is not None:
                    # What it has changed the other kernels would see, and a program that does not call it would not.
                    forget_imported(request.path, request.workspace, before)
                    reset_stile()
                    run = _run(request, parsed, name, package, Recorder())
            settled()
            evidence = _evidence(met, run, checked)
            if request.trace_only:
                # Nothing was proved, so there are no kernels to speak of.
                return Report(request.path, milliseconds=(time.perf_counter() - start) * 1e3, evidence=evidence)
            # The order of the text again, after that of who is waiting for what.
            checked.sort(key=lambda c: (c.report.range.start, c.report.name_range.start))
            others = OtherSizes(request, parsed, name, lambda: _run(request, parsed, name, package, Recorder()))
            by_place = {(k.name, k.name_range): k for k in kernels}
            for result in checked:
                report, known, hints = result.describe()
                found_kernel = by_place.get((report.name, report.name_range))
                if found_kernel is not None and found_kernel.function is not None:
                    hints = (*hints, *others.hints(report, found_kernel))
                reports.append(report)
                values += known
                of_kernel = (*result.diagnostics, *ignores.keep(hints))
                diagnostics += of_kernel
                if listener is not None:
                    listener(report, of_kernel, known)
    notes = () if kernels else (NO_KERNELS,)
    if request.static_only:
        diagnostics += (d for c in checked for d in c.diagnostics)
    diagnostics += ignores.keep(file_diagnostics)
    if not (request.static_only or request.against_line is not None):
        within = [c.report.range for c in checked] if request.select else None
        diagnostics += ignores.unused(within)
    return Report(
        request.path,
        tuple(reports or (c.report for c in checked)),
        tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.range.start, d.range.end, d.code))),
        tuple(values),
        (time.perf_counter() - start) * 1e3,
        notes,
        evidence,
    )


def _evidence(met: Met, run: ModuleRun, checked: Sequence[CheckedKernel]) -> Evidence:
    for result in checked:
        if result.impurity is not None:
            met.add(result.impurity)
    sources = met.sources | loaded_sources(run.module)
    traces = {f"{c.report.name}:{c.report.range.start.line}": c.trace() for c in checked}
    return Evidence(tuple(met.reasons), tuple(sorted(sources)), traces)


def _run(request: CheckRequest, parsed: ParsedText, name: str, package: str | None, recorder: Recorder) -> ModuleRun:
    from stile_engine.typed.session import checking

    # Typed code at module level holds numbers and is checked as it runs.
    with checking(recorder, carries_data=True):
        return run_module(parsed, request.path, name, package)


def _with_module_code(
    kernels: tuple[FoundKernel, ...], recorder: Recorder, parsed: ParsedText, path: str
) -> tuple[FoundKernel, ...]:
    """Typed code that ran at module level is a kernel also where its text does not look like one."""
    if any(k.name == MODULE for k in kernels) or not (recorder.violations or recorder.claims):
        return kernels
    met = [*(v.site for v in recorder.violations), *(c.site for c in recorder.claims)]
    sites = [site for site in met if site is not None and site.path == path]
    place = parsed.map.range(sites[0]) if sites else parsed.map.start
    return (*kernels, FoundKernel(MODULE, place, place))


def _selected(kernels: tuple[FoundKernel, ...], request: CheckRequest) -> list[FoundKernel]:
    found = [k for k in kernels if not request.select or k.name in request.select]
    if request.against_line is None:
        places = {name: place for place, name in reversed(list(enumerate(request.first)))}
        return sorted(found, key=lambda k: places.get(k.name, len(places)))
    line = request.against_line
    covering = [k for k in found if k.range.start.line <= line <= k.range.end.line]
    # The innermost definition: a kernel may be made inside another function.
    return covering[-1:]


def _syntax_diagnostics(parsed: ParsedText, kernels: tuple[FoundKernel, ...]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for part in parsed.broken:
        inside = next((k.name for k in kernels if k.broken is part), None)
        found.append(Diagnostic("python-syntax", "error", part.range, part.message, inside))
    return found


def _failure_diagnostics(
    run: ModuleRun, text: SourceMap, path: str, kernels: tuple[FoundKernel, ...]
) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for failure in run.failures:
        if failure.follows:
            continue
        place = text.range(failure.site) if failure.site is not None else text.line_range(failure.first)
        code, message = failure_message(failure.error)
        inside = next(
            (k.name for k in kernels if k.function and k.range.start.line < failure.first <= k.range.end.line + 1), None
        )
        found.append(Diagnostic(code, "error", place, message, inside))
    return found
