"""Every modelled operation of TTIR against Triton's own interpreter, on blocks of random shapes.

What the reading gives for an element is evaluated on the numbers that the interpreter is run on; the two share
nothing. That no model is left out is asked as well.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from grid_evaluation import grid
from kernel_files import by_element, compares_values
from triton_operations import cases, inputs, kernels

from stile_engine.check import check
from stile_engine.checking.proving import Question
from stile_engine.proof.prove import Proof
from stile_engine.proof.verdict import Status
from stile_engine.term.expression import Carried, Unmodelled, every_node
from stile_engine.term.value import Value
from stile_engine.trace.report import CheckRequest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")

ROOT = Path(__file__).resolve().parents[2]

ELSEWHERE = {
    "tt.call": "marks of claims (tests/unit/test_triton_typed.py)",
    "tt.atomic_rmw": "what was in memory counts (tests/kernels/triton_atomics.py, run by the interpreter as well)",
    "tt.make_tensor_descriptor": "tests/kernels, run by the interpreter as well",
    "tt.descriptor_load": "the same",
    "tt.descriptor_store": "the same",
    "scf.while": "refused",
    "tt.extern_elementwise": "functions of a library of CUDA's, which the interpreter does not have",
    "math.tanh": "the same",
    "math.powf": "the same",
    "tt.assert": "left out unless a kernel is compiled for debugging",
    "arith.bitcast": "refused: the bits of a number",
    "tt.bitcast": "refused: the bits of a number",
    "arith.mulsi_extended": "refused",
    "arith.mului_extended": "refused",
    "arith.ceildivsi": "made by later passes of the compiler only",
    "arith.floordivsi": "the same",
    "arith.index_cast": "the same",
    "gpu.barrier": "the same",
    "ttg.local_barrier": "the same",
    "tt.unsplat": "the same",
    "ub.poison": "the same",
}
"""Models whose operations these kernels do not use, and where they are tested."""

UNMODELLED = {
    "result = (10 * tl.abs(x)).to(tl.uint32).to(tl.float32)",
    "result = x % 0.5",
    "result = (a * b).to(tl.float32)",
    "result = (tl.umulhi((a + 5).to(tl.uint32), b.to(tl.uint32))).to(tl.float32)",
    "both = tl.cat(tl.sum(x, 1), tl.sum(y, 1), can_reorder=True)\nresult = x + tl.sum(both, 0)",
}
"""What is read, and ends a kernel as unsupported where a result rests on it."""


def read(path: Path) -> dict[str, Value]:
    """What each kernel of a file leaves in its output."""
    found: dict[str, Value] = {}

    def note(question: Question) -> Proof:
        found[question.kernel] = question.actual
        return Proof(Status.PROVED, ())

    report = check(CheckRequest(str(path), path.read_text(), details=False), prover=note)
    stopped = [(k.name, o.detail) for k in report.kernels for o in k.obligations if o.status is Status.UNSUPPORTED]
    assert stopped == []
    return found


def run(path: Path, seed: int) -> dict[str, np.ndarray]:
    """The same from Triton's interpreter, in a process of its own."""
    target = path.with_suffix(".npz")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, str(ROOT / "tests" / "triton_operations.py"), str(path), str(seed), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, done.stderr
    with np.load(target) as loaded:
        return dict(loaded)


def shapes(seed: int) -> tuple[int, int]:
    if seed == 0:
        return 16, 16  # what the product of two blocks needs
    draw = random.Random(seed)
    return draw.choice([2, 4, 8, 16]), draw.choice([2, 4, 8, 16, 32])


@pytest.mark.parametrize("seed", range(3))
def test_the_reading_agrees_with_the_interpreter(seed: int, tmp_path: Path) -> None:
    rows, columns = shapes(seed)
    path = tmp_path / "operations.py"
    path.write_text(kernels(rows, columns))
    expected, contents = run(path, seed), inputs(seed, rows, columns)
    found = read(path)
    bodies = cases(rows, columns)
    assert bodies.keys() == found.keys() == expected.keys()
    wrong: list[str] = []
    unmodelled: set[str] = set()
    for name, value in found.items():
        nodes = list(every_node(value.node))
        if any(isinstance(node, Unmodelled) for node in nodes):
            unmodelled.add(bodies[name])
            continue
        with np.errstate(all="ignore"):
            if compares_values(value.node) or any(isinstance(node, Carried) for node in nodes):
                computed = by_element(value, contents, 1)
            else:
                computed = np.broadcast_to(grid(value, contents), (rows, columns))
        # Without a value anything may stand there. float16 has three digits, and bfloat16 two.
        told = ~np.isnan(computed)
        tolerance = 1e-2 if "float16" in bodies[name] else 1e-4
        close = np.isclose(computed, expected[name], tolerance, tolerance)
        if not (told & close).any() or not close[told].all():
            wrong.append(f"{bodies[name]}: {computed[told & ~close][:3]} and {expected[name][told & ~close][:3]}")
    assert wrong == []
    assert unmodelled == UNMODELLED & set(bodies.values())


def test_no_model_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stile_engine.triton import frontend, interpreter

    seen: set[str] = set()
    operation = interpreter.Reader._operation

    def noted(self: interpreter.Reader, op: interpreter.Operation, environment: interpreter.Environment) -> None:
        seen.add(op.name)
        operation(self, op, environment)

    monkeypatch.setattr(interpreter.Reader, "_operation", noted)
    path = tmp_path / "operations.py"
    path.write_text(kernels(16, 16))
    read(path)
    assert frontend.MODELS
    modelled = interpreter.HANDLERS.keys() | interpreter.CONTROL.keys()
    assert modelled - seen == ELSEWHERE.keys()
