"""The samples and the kernels under tests/kernels say in comments what must be found; both are also run."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_files import contradiction, executables, expectations, mismatches, report_of

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


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_runs_agree_with_verdicts(path: Path) -> None:
    """A kernel marked proved computes its spec on numbers; one marked refuted does not."""
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
