"""Triton kernels in which data say where elements lie and how many there are: verdicts as their comments have them."""

from __future__ import annotations

import re
from pathlib import Path

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

FILE = Path(__file__).with_name("triton_data_kernels.txt")

_EXPECTED = re.compile(r"^def (\w+)\(.*\):  # (\w+)(?:: (.*))?$", re.MULTILINE)


def test_verdicts_are_those_of_the_comments() -> None:
    source = FILE.read_text(encoding="utf-8")
    expected = {name: (status, text) for name, status, text in _EXPECTED.findall(source)}
    report = check(CheckRequest("/nowhere/kernels.py", source, details=False))
    assert {k.name: k.status.value for k in report.kernels} == {name: status for name, (status, _) in expected.items()}
    for kernel in report.kernels:
        said = " ".join(o.detail or "" for o in kernel.obligations)
        assert expected[kernel.name][1] in said, f"{kernel.name}: {said}"
