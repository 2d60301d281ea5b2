"""The samples and the kernels under tests/kernels say in comments what must be found; both are also run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_files import contradiction, executables, expectations, mismatches, report_of
from triton_runs import outcomes, uses_triton

from stile_engine.proof.verdict import Status

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*(ROOT / "samples").glob("*.py"), *(ROOT / "tests" / "kernels").glob("*.py")])


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_there_are_files() -> None:
    assert len([f for f in FILES if f.parent.name == "samples"]) >= 5
    assert sum(len(expectations(f.read_text())[0]) for f in FILES) >= 60


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_verdicts(path: Path) -> None:
    assert list(mismatches(path.read_text(), report_of(path))) == []


def contradicted(path: Path) -> Iterator[str]:
    """How runs in Triton's interpreter, at several sizes, contradict the verdicts of the kernels of a file."""
    kernels = report_of(path).kernels
    runs = outcomes(path, [k.name for k in kernels if k.status is Status.REFUTED])
    for kernel in kernels:
        found = runs.get(kernel.name, [])
        if kernel.status.value in ("proved", "assumed") and (not found or set(found) != {"agrees"}):
            yield f"{kernel.name} is {kernel.status}, and its runs: {found}"
        kinds = {o.kind for o in kernel.obligations if o.status is Status.REFUTED}
        # A race, an overflow at huge sizes, or a read past the end need not show in numbers.
        if kinds and kinds <= {"value", "coverage", "defined"} and set(found) == {"agrees"}:
            yield f"{kernel.name} is refuted, and all of its runs agree"


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_runs_agree_with_verdicts(path: Path) -> None:
    """A kernel marked proved computes its spec on numbers; one marked refuted does not."""
    if uses_triton(path):
        assert list(contradicted(path)) == []
        return
    kernels = executables(path)
    assert kernels
    assert [found for kernel in kernels if (found := contradiction(kernel)) is not None] == []


def test_a_file_without_expectations_fails() -> None:
    source = "x = 1\n"
    path = ROOT / "samples" / "nothing.py"
    assert list(mismatches(source, report_of(path, source))) == ["the file expects nothing"]


def test_wrong_expectations_fail() -> None:
    path = ROOT / "samples" / "matmul.py"
    source = path.read_text()
    turned = source.replace("# proved", "# ?").replace("# refuted", "# proved").replace("# ?", "# refuted")
    assert len(list(mismatches(turned, report_of(path, turned)))) == 2
