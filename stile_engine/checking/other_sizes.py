"""Kernels whose dims have equal sizes, proved at pairwise different ones as well.

What a kernel does with a size cannot tell two dims apart that have the same: `X.shape[0]` for `X.shape[1]` is
right by chance. So the text is run once more with other sizes in its declarations. The verdict at the sizes
that were declared stands; where the kernel has results of the right shapes at the others, and wrong ones, it
is told. Where it does not run there, has other shapes, or has whole numbers in its text or its spec, its sizes
may be written into it, and nothing is said.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from stile_engine.checking.discovery import FoundKernel
from stile_engine.checking.execution import ModuleRun
from stile_engine.checking.kernel_check import KernelCheck
from stile_engine.checking.parsing import ParsedText
from stile_engine.checking.proving import prove_here
from stile_engine.index.dims import resized
from stile_engine.index.registry import scope
from stile_engine.proof.verdict import Status
from stile_engine.trace.report import CheckRequest, Diagnostic, KernelReport

LARGEST = 4096
"""The largest size that a dim is given; beyond it the others would not be small changes."""

Run = Callable[[], ModuleRun]


class OtherSizes:
    """Checks kernels of one text at other sizes; the text is run once for each set of them."""

    def __init__(self, request: CheckRequest, parsed: ParsedText, module: str, run: Run) -> None:
        self._request, self._parsed = replace(request, details=False, against_spec=None), parsed
        self._module, self._run = module, run
        self._runs: dict[tuple[tuple[str, int], ...], ModuleRun] = {}

    def hints(self, report: KernelReport, found: FoundKernel) -> tuple[Diagnostic, ...]:
        """What is wrong with a proved kernel at sizes that tell its dims apart."""
        sizes = told_apart(report.sizes)
        if report.status is not Status.PROVED or not sizes or self._request.against_line is not None:
            return ()
        if report.backend == "triton" or _names_a_size(report, found):
            return ()  # in Triton sizes are arguments and constants of the launch
        checked = self._at(sizes, found)
        refuted = [o for o in checked.obligations if o.status is Status.REFUTED]
        if checked.status is not Status.REFUTED or any(o.kind not in ("value", "defined") for o in refuted):
            return ()
        message = _message(report, sizes)
        return (Diagnostic("dim-mismatch", "information", report.name_range, message, report.name),)

    def _at(self, sizes: Mapping[str, int], found: FoundKernel) -> KernelReport:
        before = sys.modules.get(self._module)
        try:
            with scope(clear=True), resized(sizes):
                key = tuple(sorted(sizes.items()))
                if key not in self._runs:
                    self._runs[key] = self._run()
                # Only a refutation is told: a proof here need not be held against numbers.
                prover = partial(prove_here, confirmed=False)
                return KernelCheck(self._request, self._parsed, self._runs[key], found, prover=prover).run().report
        finally:
            if before is not None:
                sys.modules[self._module] = before


SMALL = 2
"""Whole numbers beyond this may be sizes, or parts of them, that are written into a text."""


def _names_a_size(report: KernelReport, found: FoundKernel) -> bool:
    """Whether the kernel or its spec has whole numbers that may stand for sizes: then it is for those alone."""
    body = found.function.body if found.function is not None else []
    constants = (node.value for part in body for node in ast.walk(part) if isinstance(node, ast.Constant))
    if any(type(value) is int and value > SMALL for value in constants):
        return True
    return any(int(number) > SMALL for number in re.findall(r"(?<![\w.])\d+(?![\w.])", report.spec or ""))


def told_apart(sizes: Mapping[str, int | str]) -> dict[str, int]:
    """Other sizes for dims that have the size of an earlier one: multiples of it, so that tiles still fit."""
    taken = {size for size in sizes.values() if isinstance(size, int)}
    seen: set[int] = set()
    found: dict[str, int] = {}
    for name, size in sizes.items():
        if not isinstance(size, int):
            continue
        if size in seen and size > 1:
            other = next(k * size for k in range(2, len(taken) + len(found) + 3) if k * size not in taken)
            if other <= LARGEST:
                found[name] = other
                taken.add(other)
        seen.add(size)
    return found


def _message(report: KernelReport, sizes: Mapping[str, int]) -> str:
    changed = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    equal = ", ".join(f"{name} = {size}" for name, size in report.sizes.items() if isinstance(size, int))
    return (
        f"proved at {equal}, where dims have equal sizes; with {changed} it differs from its spec: "
        "is a size or an axis taken from another dim, or written into it?"
    )
