"""Run the programs of counterexamples in fresh interpreters that may import NumPy or mpmath and nothing else."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence

_RUNNER = """
import contextlib, io, json, sys, traceback
found = []
for source in json.load(sys.stdin):
    out = io.StringIO()
    before = set(sys.modules)
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, "repro", "exec"), {"__name__": "__main__"})
        found.append([out.getvalue(), ""])
    except BaseException:
        found.append([out.getvalue(), traceback.format_exc()])
json.dump({"found": found, "modules": sorted(m for m in sys.modules if "." not in m)}, sys.__stdout__)
"""
_NUMBER = re.compile(r"^(kernel|spec)\s+at .*?:\s+(\S+)$", re.MULTILINE)


def run(programs: Sequence[str]) -> list[tuple[float, float]]:
    """What each program prints for the kernel and for the spec."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _RUNNER],
        input=json.dumps(list(programs)),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert not {"stile_engine", "stile_lsp", "islpy", "jax", "torch"} & set(answer["modules"])
    values = []
    for source, (printed, error) in zip(programs, answer["found"], strict=True):
        assert not error, f"{error}\nof\n{source}"
        by_side = dict(_NUMBER.findall(printed))
        assert set(by_side) == {"kernel", "spec"}, f"{printed}\nof\n{source}"
        values.append((float(by_side["kernel"]), float(by_side["spec"])))
    return values


def number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def same(x: float, y: float) -> bool:
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-12)
