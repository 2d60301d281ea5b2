"""One kernel from its declaration to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stile_engine.checking import backend, purity
from stile_engine.checking.choices import Merged
from stile_engine.checking.discovery import FoundKernel
from stile_engine.checking.execution import ModuleRun, error_places, error_site
from stile_engine.checking.failures import failure_message
from stile_engine.checking.findings import Findings, Stop
from stile_engine.checking.instances import PAST_TILES, Instance, narrowed, smallest, symbolic_dims, where_equal
from stile_engine.checking.methods import bound, called, owner_of, tensors_of
from stile_engine.checking.mismatches import Alignments
from stile_engine.checking.parameters import (
    DeclarationError,
    declared_inputs,
    launch_of,
    pair,
    refuse_unmodelled,
)
from stile_engine.checking.parsing import ParsedText
from stile_engine.checking.proving import Prover, prove_here
from stile_engine.checking.reruns import Rerun, with_runs
from stile_engine.checking.results import ResultMismatch, in_order, match
from stile_engine.checking.specs import OutputSpec, SpecReader, numbers_of
from stile_engine.checking.statement import normal_form_of, sizes_of
from stile_engine.checking.values import describe_values, dims_of_values
from stile_engine.decorator import Declaration
from stile_engine.errors import StileError, UnsupportedError
from stile_engine.index.dims import Dim, unknowns_of
from stile_engine.index.predicate import conjunction
from stile_engine.index.sizes import SizeProduct, SymbolicInteger
from stile_engine.proof.verdict import Obligation, Range, Status, kernel_status
from stile_engine.spec.lower import SpecError
from stile_engine.term.expression import Tensor
from stile_engine.trace.frontend import (
    IN_THE_CALLED,
    Choice,
    FrontEnd,
    KernelResult,
    KernelTask,
    PlainArray,
    TraceError,
)
from stile_engine.trace.handlers import handles_exceptions
from stile_engine.trace.location import Site
from stile_engine.trace.questions import Questions
from stile_engine.trace.recording import Claim, Recorder
from stile_engine.trace.reflection import watching
from stile_engine.trace.report import CheckRequest, Diagnostic, KernelReport, ValueInfo
from stile_engine.trace.sameness import digest_of
from stile_engine.trace.source_map import site_of
from stile_engine.trace.standing import symbols_replaced

_BROKEN = {"dim-mismatch": "shape", "unreduced-dim": "shape", "spec-shape": "shape", "out-of-bounds": "bounds"}
"""Rules that a kernel breaks, with the kinds of their obligations."""


@dataclass(frozen=True, slots=True)
class CheckedKernel:
    report: KernelReport
    diagnostics: tuple[Diagnostic, ...]
    describe: Callable[[], tuple[KernelReport, tuple[ValueInfo, ...], tuple[Diagnostic, ...]]]
    """The report with its normal forms, what an editor shows of the kernel's values, and hints; worked out
    when all kernels have their verdicts."""

    trace: Callable[[], str]
    """A digest of what the kernel computed."""

    impurity: str | None = None
    """What of other code's it has changed."""


class KernelCheck:
    """Checks one kernel of a file. Several kernels made at one place (a factory) make one report."""

    def __init__(
        self,
        request: CheckRequest,
        parsed: ParsedText,
        run: ModuleRun | None,
        found: FoundKernel,
        instance: Instance | None = None,
        chosen: Choice | None = None,
        *,
        prover: Prover = prove_here,
    ) -> None:
        """``instance``: the kernel is checked at these sizes only, for a check that could not be made for all.
        ``chosen``: with these constants, of those that its decorators may choose at a launch."""
        self._request, self._parsed, self._run, self._found = request, parsed, run, found
        self._instance, self._chosen = instance, chosen
        self._text = parsed.map
        self._backend: str | None = None
        self._trace_milliseconds = 0.0
        self._values: Callable[[], tuple[ValueInfo, ...]] = tuple
        self._alignments: list[Alignments] = []
        self._specs: list[OutputSpec] = []
        self._several: bool | None = None
        self._claims: list[Claim] = []
        self._impurity: str | None = None
        self._rerun: Rerun | None = None
        self._dims: dict[str, Dim] = {}
        self._prover = prover
        self._findings = Findings(
            parsed.map, request.path, found.name, found.name_range, request.details, {}, prover=prover
        )
        self._described = self._findings
        """Where the proofs stand whose normal forms are shown."""
        self._reader = SpecReader(request, found, self._findings)

    # -- ways to a report ------------------------------------------------------------------

    def static(self) -> CheckedKernel:
        """Syntax and the syntax of the specs, nothing is run."""
        if self._found.broken is not None:
            return self._broken()
        try:
            self._reader.parse_literals()
        except Stop:
            return self._report()
        message = "not run: only the syntax was checked"
        self._findings.obligations.append(Obligation("value", Status.UNKNOWN, self._found.name_range, detail=message))
        return self._report()

    def run(self) -> CheckedKernel:
        if self._found.broken is not None:
            return self._broken()
        assert self._run is not None
        declarations = [d for d in self._run.declarations if d.site == self._found.site]
        if not declarations:
            return self._never_made()
        for declaration in declarations:
            try:
                self._check(declaration)
            except Stop:
                continue
            except SpecError as error:
                self._findings.settle(Status.ERROR, error.code, "error", self._found.name_range, error.message)
            except (RecursionError, MemoryError) as error:
                self._findings.settle(
                    Status.ERROR, "internal-error", "error", self._found.name_range, failure_message(error)[1]
                )
        return self._report()

    def _broken(self) -> CheckedKernel:
        part = self._found.broken
        assert part is not None
        # The diagnostic itself belongs to the file: it is there whether or not a kernel is found.
        detail = f"line {part.range.start.line + 1} is not Python: {part.message}"
        self._findings.obligations.append(Obligation("value", Status.ERROR, part.range, detail=detail))
        return self._report()

    def _never_made(self) -> CheckedKernel:
        assert self._run is not None
        place = self._found.range
        first, last = place.start.line + 1, place.end.line + 1
        failure = next((f for f in self._run.failures if f.first <= last and first <= f.last), None)
        if failure is not None:
            message = failure_message(failure.error)[1]
            detail = f"it could not be defined: {message}"
            # A failure that only follows from an earlier one has no diagnostic of its own.
            self._findings.obligations.append(
                Obligation("value", Status.ERROR, self._findings.range(failure.site), detail=detail)
            )
            return self._report()
        self._findings.settle(
            Status.UNKNOWN,
            "not-proved",
            "warning",
            self._found.name_range,
            "not checked: the code that defines this kernel does not run when the file is imported; "
            "call its factory at module level",
        )
        return self._report()

    # -- the check -------------------------------------------------------------------------

    def _check(self, declaration: Declaration) -> None:
        assert self._run is not None
        options = dict(declaration.options)
        if self._request.constants:
            options["consts"] = {**dict(options.get("consts", {})), **self._request.constants}
        self._dims = {**self._run.dims, **declaration.dims, **(self._instance.dims if self._instance else {})}
        self._findings.sizes = unknowns_of(self._dims.values())
        function = called(declaration.target)
        try:
            self._backend, typed = backend.infer(function, options)
            refuse_unmodelled(options, self._backend)
            self._specs = self._reader.lower(declaration.spec, options, self._dims)
            if isinstance(declaration.spec, (str, tuple)) and self._request.against_spec is None:
                self._several = isinstance(declaration.spec, tuple)
            front_end = backend.front_end(self._backend, typed)
            if self._chosen is None and (found := self._choices(front_end, function, options)):
                self._choose(declaration, found)
                return
            task, recorder = self._task(function, options), Recorder(numbers=numbers_of(self._specs))
        except Stop:
            raise
        except ImportError as error:
            code, message = failure_message(error, framework=self._backend)
            self._findings.stop(Status.ERROR, code, "error", self._found.name_range, message)
        except UnsupportedError as error:
            self._findings.stop(Status.UNSUPPORTED, "unsupported", "warning", self._found.name_range, error.message)
        except TraceError as error:
            self._broken_rule(error.code, self._findings.range(error.site), error.message)
            raise Stop from error
        except StileError as error:
            self._findings.stop(Status.ERROR, error.code, "error", self._found.name_range, error.message)
        before = len(self._findings.obligations)
        if not typed and (handler := self._handler(task)) is not None:
            self._findings.stop(Status.UNSUPPORTED, "unsupported", "warning", self._found.name_range, handler)
        results = self._trace(front_end.trace, task, recorder)
        self._prove(results, task, recorder)
        self._describe(task, recorder)
        fixed = self._instance is not None and self._instance.sizes
        if not fixed and (rerun := getattr(front_end, "rerun", None)) is not None:
            self._rerun = lambda witness: rerun(task, witness)
        new = self._findings.obligations[before:]
        if typed or self._request.trace_only or self._impurity or any(o.status is Status.REFUTED for o in new):
            return
        if any(o.status is Status.UNSUPPORTED for o in new):
            self._try_sizes(declaration, new, recorder.questions)
        elif recorder.questions is not None and all(o.status in (Status.PROVED, Status.ASSUMED) for o in new):
            self._where_it_may_differ(declaration, recorder.questions, new)

    def _handler(self, task: KernelTask) -> str | None:
        """A symbolic size refuses what a number allows, and code that catches that would go another way."""
        if all(d.concrete is not None for p in task.parameters for d in p.dims):
            return None
        for function in purity.functions_of(task.function):
            if handles_exceptions(function):
                return f"{function.__name__} catches exceptions, which may differ with symbolic sizes: give them sizes"
        return None

    def _symbolic(self) -> tuple[list[Dim], list[Tensor]]:
        values = [s.lowered.value for s in self._specs]
        tensors = [t for s in self._specs for t in s.lowered.tensors.values()]
        return symbolic_dims(self._dims, values, tensors), tensors

    def _where_it_may_differ(
        self, declaration: Declaration, questions: Questions, obligations: Sequence[Obligation]
    ) -> None:
        """A library took two sizes to be different; where they are equal the kernel is checked by itself."""
        symbolic, _ = self._symbolic()
        open_cases: list[str] = list(questions.unread)
        for instance in where_equal(questions.differing, symbolic):
            if isinstance(instance, str):
                open_cases.append(instance)
                continue
            findings = self._at(declaration, instance)
            status = kernel_status(findings.obligations, findings.assumptions)
            if status is Status.REFUTED:
                self._findings.forget(obligations)
                for wrong in (o for o in findings.obligations if o.status is Status.REFUTED):
                    self._findings.add_refuted(instance.told(wrong))
                return
            if status is Status.ASSUMED:
                self._findings.assumptions += [a for a in findings.assumptions if a not in self._findings.assumptions]
            elif status is not Status.PROVED:
                open_cases.append(str(instance))
        if open_cases:
            detail = f"where {open_cases[0]} a library may do something else, and there it could not be shown"
            place = self._found.name_range
            self._findings.obligations.append(Obligation("value", Status.UNKNOWN, place, detail=detail))
            self._findings.diagnose("not-proved", "warning", place, f"not proved: {detail}")

    def _try_sizes(self, declaration: Declaration, stopped: Sequence[Obligation], questions: Questions | None) -> None:
        """What could not be read for every size is checked at the smallest ones: a counterexample there is one."""
        symbolic, tensors = self._symbolic()
        reason = next(o for o in stopped if o.status is Status.UNSUPPORTED)
        agreed: list[str] = []
        failed: list[tuple[Instance, Findings]] = []
        looked_at = 0
        asked = questions.asked if questions else ()
        tiled = (PAST_TILES, 1 << 20) if self._backend == "triton" else ()
        for instance in smallest(symbolic, tensors, asked, *tiled) if symbolic else ():
            looked_at += 1
            findings = self._at(declaration, instance)
            status = kernel_status(findings.obligations, findings.assumptions)
            if status is Status.REFUTED:
                self._findings.forget(stopped)
                for wrong in (o for o in findings.obligations if o.status is Status.REFUTED):
                    self._findings.add_refuted(instance.told(wrong))
                return
            if status in (Status.PROVED, Status.ASSUMED):
                agreed.append(str(instance))
            if status is Status.ERROR and findings.diagnostics:
                failed.append((instance, findings))
        if failed and len(failed) == looked_at:
            # What fails at every size is no matter of symbolic ones.
            _, findings = failed[0]
            self._findings.forget(stopped)
            self._findings.obligations += [o for o in findings.obligations if o.status is Status.ERROR]
            self._findings.diagnostics += findings.diagnostics
        if agreed:
            detail = f"not shown for every size, only at {'; '.join(agreed)}: {reason.detail}"
            self._findings.forget(stopped)
            self._findings.obligations.append(replace(reason, status=Status.UNKNOWN, detail=detail))
            self._findings.diagnose("not-proved", "warning", reason.range or self._found.name_range, detail)

    def _choices(self, front_end: FrontEnd, function: Any, options: Mapping[str, Any]) -> tuple[Choice, ...]:
        """What the kernel's decorators may choose at a launch, beside what the declaration fixes."""
        choices = getattr(front_end, "choices", None)
        if choices is None:
            return ()
        dims = {i: tuple(self._dims[d] for d in own.dims) for i, own in declared_inputs(options).items()}
        for spec in self._specs:
            dims |= {t.name: tuple(self._dims[d] for d in t.dims) for t in spec.lowered.tensors.values() if t.dims}
            if spec.output is not None:
                dims.setdefault(spec.output, tuple(self._dims[d.name] for d in spec.lowered.value.dims))
        types = dict(options.get("dtypes", {}))
        tensors = {name: (own, str(types.get(name, "float32"))) for name, own in dims.items()}
        outputs = {spec.output for spec in self._specs}
        in_place = [name for name in declared_inputs(options) if name in outputs]
        launch = launch_of(options, self._dims)
        found: tuple[Choice, ...] = choices(function, launch, tensors, self._findings.sizes, in_place)
        return found

    def _choose(self, declaration: Declaration, choices: Sequence[Choice]) -> None:
        """The kernel with each choice of constants; the first refutation ends it."""
        merged = Merged(self._findings, len(choices))
        for choice in choices:
            instance, complete = narrowed(choice.conditions, self._dims)
            is_first = not merged.names
            check = self._child(declaration, instance, choice, details=self._request.details and is_first)
            self._trace_milliseconds += check._trace_milliseconds
            self._claims += check._claims
            self._impurity = self._impurity or check._impurity
            if is_first:
                self._values, self._alignments, self._described = check._values, check._alignments, check._findings
            certain = complete and choice.when == conjunction(*choice.conditions)
            if merged.add(check._findings, choice, None if certain else self._dims) is Status.REFUTED:
                self._rerun = check._rerun
                break
        merged.settle()

    def _at(self, declaration: Declaration, instance: Instance) -> Findings:
        """The kernel checked at these sizes."""
        return self._child(declaration, instance, self._chosen, details=False)._findings

    def _child(self, declaration: Declaration, instance: Instance, chosen: Choice | None, details: bool) -> KernelCheck:
        """The kernel checked at these sizes, with these constants."""
        request = replace(self._request, details=details)
        within = instance.within(self._instance)
        check = KernelCheck(request, self._parsed, self._run, self._found, within, chosen, prover=self._prover)
        options = dict(declaration.options)
        if chosen is not None:
            options["consts"] = {**dict(options.get("consts", {})), **chosen.constants}
            options["grid"] = options.get("grid") if chosen.grid is None else chosen.grid
        for name in ("consts", "scalars"):
            if name in options:
                options[name] = {k: _at_sizes(v, instance) for k, v in dict(options[name]).items()}
        if isinstance(grid := options.get("grid"), (tuple, list)):
            options["grid"] = tuple(_at_sizes(v, instance) for v in grid)
        with symbols_replaced(backend.undecorated(called(declaration.target)), instance.of):
            try:
                check._check(replace(declaration, options=options))
            except (Stop, SpecError):
                check._findings.obligations.append(Obligation("value", Status.ERROR))
        return check

    def _task(self, target: Any, options: Mapping[str, Any]) -> KernelTask:
        tensors: dict[str, Tensor] = {}
        for spec in self._specs:
            for label, tensor in spec.lowered.tensors.items():
                if tensors.setdefault(label, tensor) != tensor:
                    raise DeclarationError(
                        f"the input {label} has dims {' '.join(tensor.dims)} in one spec and "
                        f"{' '.join(tensors[label].dims)} in another"
                    )
        in_place = {s.output: tuple(d.name for d in s.lowered.value.dims) for s in self._specs if s.output is not None}
        assert self._run is not None
        owner = owner_of(target, self._run.module)
        function = target if owner is None else bound(target, owner, self._run.module)
        attributes = tensors_of(function)
        # The wrapper of a Triton kernel has a signature of its own.
        signed = backend.undecorated(target) if self._backend == "triton" else target
        parameters, constants = pair(
            signed, tensors, self._dims, options, in_place, owner is not None, attributes, self._reader.known
        )
        if self._backend != "torch" and (path := next((p.name for p in parameters if p.outside), None)) is not None:
            raise UnsupportedError(f"{path} as an input: only tensors of PyTorch are found by a path yet")
        sites = self._parameter_sites()
        parameters = tuple(replace(p, site=sites.get(p.name)) for p in parameters)
        one = self._specs[0] if len(self._specs) == 1 else None
        return KernelTask(
            self._found.name,
            function,
            parameters,
            self._dims,
            self._request.path,
            constants,
            one.text if one else None,
            one.lowered.value if one else None,
            self._several,
            launch_of(options, self._dims) if self._backend == "triton" else None,
        )

    def _parameter_sites(self) -> dict[str, Site]:
        if self._found.function is None:
            return {}
        given = self._found.function.args
        arguments = (*given.posonlyargs, *given.args, *given.kwonlyargs)
        return {a.arg: site_of(a, self._request.path) for a in arguments}

    def _trace(
        self,
        trace: Callable[[KernelTask, Recorder], tuple[KernelResult, ...]],
        task: KernelTask,
        recorder: Recorder,
    ) -> tuple[KernelResult, ...] | None:
        """The results, or None where the trace stopped; what was recorded until then counts all the same."""
        start = time.perf_counter()
        try:
            functions = list(purity.functions_of(task.function))
            before, libraries = purity.state_of(task.function, functions), purity.attributes_of_libraries(functions)
            try:
                with watching() as stops:
                    results = trace(task, recorder)
            finally:
                self._impurity = purity.impurity(task.function, before)
                purity.put_back(libraries)
            if stops:
                raise stops[0]
            reason = self._impurity
            if reason is not None:
                raise TraceError(reason)
            return results
        except KeyboardInterrupt:
            raise
        except SpecError as error:
            place = self._findings.range(error_site(error, self._request.path))
            self._findings.settle(Status.ERROR, error.code, "error", place, error.message)
        except StileError as error:
            site, within = error_places(error, self._request.path)
            related: tuple[tuple[Site, str], ...] = ()
            if isinstance(error, TraceError):
                related = error.related
                if error.site is not None and (site is None or error.site.path == self._request.path):
                    site = error.site
            if not related and within is not None:
                related = ((within, IN_THE_CALLED),)
            inner = next((f" (in {place})" for place, text in related if text == IN_THE_CALLED), "")
            self._broken_rule(error.code, self._findings.range(site), error.message + inner, related)
        except BaseException as error:
            site, within = error_places(error, self._request.path)
            code, message = failure_message(error)
            place = self._findings.range(site)
            self._findings.obligations.append(Obligation("value", Status.ERROR, place, detail=message))
            related = () if within is None else ((within, IN_THE_CALLED),)
            self._findings.diagnose(code, "error", place, message, related)
        finally:
            self._trace_milliseconds += (time.perf_counter() - start) * 1e3
        return None

    def _broken_rule(self, code: str, place: Range, message: str, related: Sequence[Any] = ()) -> None:
        unsupported = code == "unsupported"
        kind = _BROKEN.get(code, "value")
        status = Status.UNSUPPORTED if unsupported else Status.REFUTED if code in _BROKEN else Status.ERROR
        self._findings.obligations.append(Obligation(kind, status, place, detail=message))
        self._findings.diagnose(code, "warning" if unsupported else "error", place, message, related)

    def _prove(self, results: tuple[KernelResult, ...] | None, task: KernelTask, recorder: Recorder) -> None:
        findings = self._findings
        findings.within = recorder.within
        findings.add_violations(recorder.violations)
        findings.add_coverage(recorder.coverage)
        findings.add_checks(recorder.checks)
        findings.add_readings(recorder.readings.values())
        claims = list(recorder.claims)
        stopped = results is None or bool(recorder.violations)
        # A typed result with a gap claims nothing for the elements that it lacks; its coverage is refuted.
        settled = bool(claims) or bool(recorder.coverage)
        if results is not None and (results or not settled):
            try:
                claims += self._result_claims(results)
            except ResultMismatch as error:
                # A poisoned array is no result: then the violation before it is what is wrong.
                if not recorder.violations:
                    site = results[0].site if len(results) == 1 and isinstance(results[0], PlainArray) else None
                    self._broken_rule(error.code, findings.range(site), error.message)
                stopped = True
        if not stopped:
            findings.obligations.append(Obligation("shape", Status.PROVED, self._found.name_range))
        self._claims += claims
        if self._request.trace_only:
            return
        names = [s.output or ("out" if len(self._specs) == 1 else f"out{k}") for k, s in enumerate(self._specs)]
        outputs = [*("out" for _ in recorder.claims), *names]
        for claim, output in zip(claims, outputs, strict=False):
            findings.add_claim(claim, output)
        extents = {name: dim.extent for name, dim in self._dims.items()}
        alignments = Alignments(
            recorder,
            tuple(claims),
            task.parameters,
            extents,
            self._parsed.tree,
            findings,
            lambda: self._dims_of_values(task, recorder),
        )
        alignments.explain(kernel_status(findings.obligations, findings.assumptions))
        self._alignments.append(alignments)

    def _result_claims(self, results: tuple[KernelResult, ...]) -> list[Claim]:
        results = in_order(results, [s.output for s in self._specs])
        values = match(results, [s.lowered.value for s in self._specs], self._findings.sizes)
        return [
            Claim(value, spec.lowered.value, getattr(result, "site", None), spec.text)
            for value, spec, result in zip(values, self._specs, results, strict=True)
        ]

    def _dims_of_values(self, task: KernelTask, recorder: Recorder) -> dict[Site, str]:
        function, path = self._found.function, self._request.path
        return dims_of_values(recorder.values, task.parameters, function, self._parsed.tree, self._text, path)

    def _describe(self, task: KernelTask, recorder: Recorder) -> None:
        if not self._request.details:
            return
        self._values = lambda: describe_values(
            recorder.values,
            recorder.loops,
            task.parameters,
            self._found.function,
            self._parsed.tree,
            self._text,
            self._request.path,
            self._found.name,
            normal_form_of(self._request.details, self._dims),
        )

    # -- what was found --------------------------------------------------------------------

    def _report(self) -> CheckedKernel:
        findings, found = self._findings, self._found
        status = kernel_status(findings.obligations, findings.assumptions)
        spec = "; ".join(s.text for s in self._specs) or self._request.against_spec or found.spec
        values = [s.lowered.value for s in self._specs]
        report = KernelReport(
            found.name,
            self._backend,
            status,
            found.range,
            found.name_range,
            message=next((o.detail for o in findings.obligations if o.status is status and o.detail), ""),
            spec=spec,
            sizes=sizes_of(self._dims, values, [t for s in self._specs for t in s.lowered.tensors.values()]),
            assumptions=tuple(findings.assumptions),
            literals=tuple(findings.literals),
            trace_milliseconds=self._trace_milliseconds,
            prove_milliseconds=findings.prove_milliseconds,
            obligations=tuple(replace(o, spec=o.spec or spec) for o in findings.obligations),
            shape_type="; ".join(v.shape_type for v in values) or None,
        )
        proved = status in (Status.PROVED, Status.ASSUMED)

        def describe() -> tuple[KernelReport, tuple[ValueInfo, ...], tuple[Diagnostic, ...]]:
            hints = tuple(h for a in self._alignments for h in a.hints()) if proved else ()
            told = self._described.described(report)
            if status is Status.REFUTED and self._rerun is not None:
                told = with_runs(told, self._rerun, "Triton's interpreter")
            return told, self._values(), hints

        return CheckedKernel(
            report, tuple(findings.diagnostics), describe, lambda: digest_of(self._claims), self._impurity
        )


def _at_sizes(value: Any, instance: Instance) -> Any:
    if isinstance(value, SizeProduct):
        return value.replaced(instance.of)
    return instance.of(value) if isinstance(value, SymbolicInteger) else value
