"""Stands in for the engine where only the worker is tested: a kernel is a function ``k_*`` that returns its status."""

from __future__ import annotations

import ast
import dataclasses

from stile_engine.trace.report import (
    CheckRequest,
    Diagnostic,
    KernelReport,
    Obligation,
    Position,
    Range,
    Report,
    Status,
    ValueInfo,
)


class Judge:
    """Takes every report as it is: nothing is proved here."""

    def sealed(self, report, diagnostics):
        return report, tuple(diagnostics)

    def described(self, report):
        return report


def place(line, start, end_line, end):
    return Range(Position(line, start), Position(end_line, end))


def discover(source, path):
    return tuple(
        KernelReport(
            node.name,
            "numpy",
            Status.QUEUED,
            place(node.lineno - 1, 0, node.end_lineno - 1, node.end_col_offset),
            place(node.lineno - 1, 4, node.lineno - 1, 4 + len(node.name)),
        )
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("k_")
    )


def check(request: CheckRequest, listener=None, prover=None, settled=bool):
    names = {"__name__": "checked"}
    exec(compile(request.source, request.path, "exec"), names)
    kernels, diagnostics, values = [], [], []
    for kernel in discover(request.source, request.path):
        if request.select and kernel.name not in request.select:
            continue
        status = Status(names[kernel.name]())
        done = dataclasses.replace(
            kernel, status=status, obligations=(Obligation("value", status, kernel.name_range),), prove_milliseconds=9.0
        )
        found = (Diagnostic("not-equal", "error", kernel.name_range, "different", kernel.name),) * (status == "refuted")
        value = ValueInfo(kernel.name_range, kernel.name, "q", "q", "X:q")
        kernels.append(done)
        diagnostics.extend(found)
        values.append(value)
        if listener:
            listener(done, tuple(found), (value,))
    settled()
    names.get("afterwards", bool)()
    return Report(request.path, tuple(kernels), tuple(diagnostics), tuple(values))
