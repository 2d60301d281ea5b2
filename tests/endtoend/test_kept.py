"""What is kept of earlier runs, and every way in which that could become a verdict that is not true any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import texts

from stile_engine.command.check import CheckOptions, run_checks
from stile_engine.incremental import environment
from stile_engine.incremental.store import Store
from stile_engine.trace.report import CheckRequest, KernelReport, Report
from stile_engine.worker.client import EngineWorker, Listener
from stile_engine.worker.kept import KeepingWorker
from stile_engine.worker.messages import Limits, RunMessage
from stile_engine.worker.outcome import RunResult

HELPED = texts.HEAD + "from helper import scale\n" + texts.RIGHT.replace("X + X", "scale(X)") + texts.WRONG


class Counting(EngineWorker):
    """Tells which kernels were really checked."""

    def __init__(self, interpreter: str) -> None:
        super().__init__(interpreter)
        self.checked: list[str] = []

    async def check(self, request: CheckRequest, limits: Limits, listener: Listener | None = None) -> RunResult:
        result = await super().check(request, limits, listener)
        self.checked += [kernel.name for kernel in result.report.kernels]
        return result


class Desk:
    """A file, a cache, and one worker that lives as long as the test."""

    def __init__(self, folder: Path, interpreter: str) -> None:
        self.path = folder / "main.py"
        self.store = Store(folder / "cache")
        self.worker = Counting(interpreter)
        self.reasons: list[str] = []
        self._runner = asyncio.Runner()

    def check(self, text: str, *, details: bool = True, select: Sequence[str] = ()) -> tuple[Report, list[str]]:
        """The report, and the kernels that were really checked for it."""
        self.worker.checked.clear()
        keeping = KeepingWorker(self.worker, self.store, lambda path, reason: self.reasons.append(reason), wait=True)
        request = CheckRequest(str(self.path), text, tuple(select), details=details, workspace=str(self.path.parent))
        messages: list[RunMessage] = []
        result = self._runner.run(keeping.check(request, Limits(wall=30), messages.append))
        return result.report, list(self.worker.checked)

    def close(self) -> None:
        self._runner.run(self.worker.close())
        self._runner.close()


@pytest.fixture
def desk(tmp_path: Path) -> object:
    import sys

    made = Desk(tmp_path, sys.executable)
    yield made
    made.close()


def statuses(report: Report) -> dict[str, str]:
    return {kernel.name: str(kernel.status) for kernel in report.kernels}


def untimed(report: Report) -> Report:
    """Without what differs from run to run."""

    def kernel(found: KernelReport) -> KernelReport:
        obligations = tuple(replace(o, milliseconds=0.0) for o in found.obligations)
        return replace(found, trace_milliseconds=0.0, prove_milliseconds=0.0, obligations=obligations)

    return replace(report, kernels=tuple(map(kernel, report.kernels)), milliseconds=0.0, evidence=None)


def helper(desk: Desk, text: str) -> None:
    """An imported file that is not young: what changed just now is not believed to be what was run."""
    place = desk.path.parent / "helper.py"
    place.write_text(text)
    time.sleep(1.1)


def test_the_same_text_is_verified_once(desk: Desk) -> None:
    first, checked = desk.check(texts.BOTH)
    assert sorted(checked) == ["right", "wrong"]
    second, again = desk.check(texts.BOTH)
    assert again == []
    assert second == first


def test_results_of_pytorch_are_kept(desk: Desk) -> None:
    """Its import prints a stack, which reads the text of every caller, and makes modules that are no files."""
    text = "import torch\n" + texts.HEAD + texts.RIGHT.replace("return doubled", "return torch.relu(doubled)")
    desk.check(text)
    assert desk.reasons == []
    assert desk.check(text)[1] == []


SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.mark.parametrize(
    "name", ["attention_jax", "attention_pallas", "attention_torch", "triton_kernels", "triton_typed", "rmsnorm"]
)
def test_results_of_every_framework_are_kept(desk: Desk, name: str) -> None:
    """Also where the proof of one kernel makes names that the trace of the next one goes on from."""
    text = (SAMPLES / f"{name}.py").read_text()
    first, checked = desk.check(text)
    assert desk.reasons == [] and len(checked) >= len(first.kernels)
    second, again = desk.check("# A comment.\n" + text)
    assert again == [] and statuses(second) == statuses(first)


@pytest.mark.parametrize("details", [True, False])
def test_comments_and_layout_only_move_results(desk: Desk, details: bool) -> None:
    desk.check(texts.BOTH, details=details)
    moved = "# 🦊\n\n" + texts.BOTH.replace("    tripled", "    # what\n\n    tripled").replace(
        "X * 3\n", "X   * 3  # 🦊\n"
    )
    kept, checked = desk.check(moved, details=details)
    assert checked == []
    fresh = Desk(desk.path.parent, desk.worker.interpreter)
    fresh.store = Store(desk.path.parent / "other")
    expected, _ = fresh.check(moved, details=details)
    fresh.close()
    assert untimed(kept) == untimed(expected)


def test_an_edit_verifies_one_kernel_and_the_rest_is_kept(desk: Desk) -> None:
    desk.check(texts.BOTH)
    report, checked = desk.check(texts.BOTH.replace("X * 3", "X * 2"))
    assert checked == ["wrong"]
    assert statuses(report) == {"right": "proved", "wrong": "proved"}


def test_the_command_line_takes_what_an_editor_left(desk: Desk) -> None:
    detailed, _ = desk.check(texts.BOTH)
    plain, checked = desk.check(texts.BOTH, details=False)
    assert checked == [] and plain.values == () and detailed.values
    fresh = Desk(desk.path.parent, desk.worker.interpreter)
    fresh.store = Store(desk.path.parent / "other")
    expected, _ = fresh.check(texts.BOTH, details=False)
    fresh.close()
    assert untimed(plain) == untimed(expected)
    # but not the other way round: an editor shows more
    desk.store = Store(desk.path.parent / "third")
    desk.check(texts.BOTH, details=False)
    _, checked = desk.check(texts.BOTH, details=True)
    assert sorted(checked) == ["right", "wrong"]


def test_a_changed_import_is_seen_and_concerns_its_dependents(desk: Desk) -> None:
    helper(desk, "def scale(x):\n    return x + x\ndef other(x):\n    return x\n")
    assert statuses(desk.check(HELPED)[0]) == {"right": "proved", "wrong": "refuted"}
    assert desk.check(HELPED)[1] == []
    helper(desk, "def scale(x):\n    return x + x\ndef other(x):\n    return -x\n")
    assert desk.check(HELPED)[1] == []
    helper(desk, "def scale(x):\n    return x + x + x\ndef other(x):\n    return -x\n")
    report, checked = desk.check(HELPED)
    assert statuses(report)["right"] == "refuted" and checked == ["right"]
    (desk.path.parent / "helper.py").unlink()
    report, _ = desk.check(HELPED)
    assert "proved" not in statuses(report).values()


def test_a_file_that_changes_while_it_is_run_is_not_believed(desk: Desk) -> None:
    (desk.path.parent / "helper.py").write_text("def scale(x):\n    return x + x\n")  # young
    desk.check(HELPED)
    assert desk.reasons == []
    assert desk.check(HELPED)[1] != []


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("SCALE = int(open('scale.txt').read())", "file"),
        ("import numpy\nSCALE = int(numpy.loadtxt('scale.txt'))", "reads the file"),
        ("import os\nSCALE = 2 if os.path.exists('scale.txt') else 3", "files"),
        ("import os\nSCALE = 2 if 'HOME' in os.environ else 3", "environment"),
        ("from pathlib import Path\nSCALE = int(Path('scale.txt').read_text())", "file"),
        ("import time\nSCALE = 2 if time.time() > 0 else 3", "clock"),
        ("import random\nSCALE = 2 if random.random() < 2 else 3", "chance"),
        ("SCALE = 2\nnp.save('saved.npy', np.ones(2))", "reads the file"),
        ("import importlib\nSCALE = importlib.import_module('hel' + 'per').SCALE", "modules by computed names"),
        ("SCALE = __import__('hel' + 'per').SCALE", "which its text does not name"),
        ("SCALE = 2\nk = [0]\ndef count(): k[0] += 1; return k[0]\n", ""),
    ],
)
def test_what_rests_on_more_than_texts_is_never_kept(desk: Desk, lines: str, reason: str) -> None:
    (desk.path.parent / "scale.txt").write_text("2")
    helper(desk, "SCALE = 2\n")
    text = texts.HEAD + lines + texts.RIGHT.replace("X + X", "X * SCALE")
    report, _ = desk.check(text)
    assert statuses(report) == {"right": "proved"}
    again = desk.check(text)[1]
    if not reason:
        assert again == []
        return
    assert again == ["right"]
    assert any(reason in told for told in desk.reasons), desk.reasons
    assert any("not kept" in note for note in report.notes)


def test_two_traces_that_differ(desk: Desk) -> None:
    lines = "SCALE = 2 + 0 * int(1000 * np.random.default_rng().random())\n"
    drawn = "DRAWN = float(np.random.default_rng().random())\n"
    text = (
        texts.HEAD
        + lines
        + drawn
        + texts.RIGHT.replace("X + X", "X * SCALE + (X - X) * DRAWN")
        + texts.RIGHT.replace("right", "calm")
    )
    assert set(statuses(desk.check(text)[0])) == {"right", "calm"}
    assert any("two traces of right differ" in told for told in desk.reasons), desk.reasons
    assert "right" in desk.check(text)[1]


def test_a_kernel_that_changes_what_others_see_makes_nothing_kept(desk: Desk) -> None:
    text = texts.HEAD + "L = [1]\n" + texts.RIGHT.replace("    doubled", "    L.append(2)\n    doubled") + texts.WRONG
    desk.check(text)
    assert any("the kernel changes" in told for told in desk.reasons), desk.reasons
    assert sorted(desk.check(text)[1]) == ["right", "wrong"]


def test_errors_timeouts_and_crashes_are_not_kept(desk: Desk) -> None:
    text = texts.HEAD + texts.RIGHT.replace("X + X", "missing(X)")
    assert statuses(desk.check(text)[0]) == {"right": "error"}
    assert desk.check(text)[1] == ["right"]
    crash = texts.HEAD + texts.RIGHT.replace("    doubled", "    import os; os._exit(1)\n    doubled")
    assert statuses(desk.check(crash)[0]) == {"right": "crashed"}
    assert desk.check(crash)[1] == ["right"]


def test_another_engine_or_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.check(texts.BOTH)
    monkeypatch.setattr(environment, "_digests", {})
    monkeypatch.setattr(environment, "engine_digest", lambda: "another")
    assert sorted(desk.check(texts.BOTH)[1]) == ["right", "wrong"]
    monkeypatch.undo()
    monkeypatch.setattr(environment, "_digests", {})
    monkeypatch.setattr(environment, "_installed", lambda folder: ["numpy-0.1.dist-info"])
    assert sorted(desk.check(texts.BOTH)[1]) == ["right", "wrong"]


def test_messages_that_name_lines_hold_for_these_lines(desk: Desk) -> None:
    loop = "\n@kernel('2 * X:M N')\ndef right(X):\n    raise ValueError('see line 3')\n"
    unsupported = "\n@kernel('X:M N')\ndef odd(X):\n    return np.linalg.inv(X.T @ X)\n"
    text = texts.HEAD + unsupported + loop
    first, _ = desk.check(text)
    second, _ = desk.check("# one line\n" + text)
    lines = {k.name: k.range.start.line for k in first.kernels}
    assert {k.name: k.range.start.line - 1 for k in second.kernels} == lines


def test_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "k.py"
    file.write_text(texts.BOTH)
    [first], _ = run_checks([file], CheckOptions())
    began = time.perf_counter()
    [second], _ = run_checks([file], CheckOptions())
    assert time.perf_counter() - began < 5
    assert second == first
    [third], _ = run_checks([file], CheckOptions(cache=False))
    assert third.milliseconds != first.milliseconds
    assert statuses(third) == statuses(first)


def test_user_code_cannot_name_an_entry_for_others(desk: Desk) -> None:
    """A report may say anything of its own kernels, and only what was asked about is kept."""
    desk.check(texts.BOTH)
    before = {p.name for p in desk.store.folder.rglob("*") if p.is_file()}
    forged = (
        texts.HEAD
        + texts.RIGHT
        + (
            "\nimport stile_engine.check as c\nreal = c.CheckedKernel\n"
            "from dataclasses import replace\n"
            "def forge(report, *rest):\n    return real(replace(report, name='wrong'), *rest)\n"
            "c.CheckedKernel = forge\n"
        )
    )
    desk.check(forged)
    assert "proved" not in statuses(desk.check(texts.BOTH)[0])["wrong"]
    assert before <= {p.name for p in desk.store.folder.rglob("*") if p.is_file()}
