"""The command line: what it prints, and the status that it ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import run as stile

from stile_engine.command.text_format import excerpt
from stile_engine.trace.report import Position, Range
from stile_engine.trace.source_map import SourceMap

HEADER = 'from stile_engine import dim, kernel\nimport numpy as np\n\nM = dim("M", 6)\n\n'
RIGHT = '@kernel("2 * X:M")\ndef right(X):\n    return X + X\n\n'
WRONG = '@kernel("2 * X:M")\ndef wrong(X):\n    return X + X + X\n\n'
ASSUMED = '@kernel("Y:M", inputs={"X": "X:M"})\ndef cancels(X, Y):\n    return Y * (X / X)\n\n'


def check(*arguments: str | Path) -> tuple[int, str, str]:
    return stile("check", "--no-sandbox", *arguments)


def document(*arguments: str | Path) -> dict[str, Any]:
    return json.loads(check("--format", "json", *arguments)[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kernels.py"
    path.write_text(HEADER + RIGHT + WRONG)
    return path


def test_status_tells_whether_all_is_proved(file: Path) -> None:
    assert check(file)[0] == 1
    assert check(file, "--select", "right")[0] == 0
    assert check(file, "--select", "wrong")[0] == 1
    file.write_text(HEADER + RIGHT)
    assert check(file)[0] == 0


def test_an_error_outside_of_kernels_is_no_success(file: Path) -> None:
    file.write_text(HEADER + RIGHT + "import no_such_module\n")
    status, output, _ = check(file)
    assert status == 1 and "import-error" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "/no/such/file.py"],
        ["check", ".", "--format", "sarif"],
        ["check", ".", "--format", "github"],
        ["check", ".", "--allow", "refuted"],
        ["check", ".", "--no-such-option"],
        ["check", ".", "--jobs", "0"],
        ["no-such-command"],
        ["prove", "X:Q"],
        ["prove", "X:Q", "X:Q", "--dim", "Q"],
        ["prove", "X:Q", "X:Q", "--dim", "Q=many"],
        ["prove", "X:Q", "X:Q", "--dim", "Q=0"],
        ["prove", "X:Q", "X:Q", "--dim", "sum=3"],
        ["prove", "X:Q", "X:Q"],
        ["prove", "X:Q +", "X:Q", "--dim", "Q=3"],
        ["prove", "--batch", "/no/such/file.jsonl"],
        ["prove", "X:Q", "X:Q", "--batch", "pairs.jsonl"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_and_says_why(arguments: list[str]) -> None:
    status, _, errors = stile(*arguments)
    assert status == 2 and errors.strip()


def test_a_kernel_that_is_not_there(file: Path) -> None:
    status, _, errors = check(file, "--select", "nothing")
    assert status == 2 and "'nothing'" in errors


def test_an_internal_error_is_status_3(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from stile_engine import cli
    from stile_engine.command import check as command

    def fails(*_: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(command, "run_checks", fails)
    monkeypatch.setattr(sys, "argv", ["stile", "check", str(file)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3 and "broken inside" in capsys.readouterr().err


def test_the_table_and_the_excerpt(file: Path) -> None:
    _, output, _ = check(file)
    assert "✓ proved in" in output and "✗ refuted at M=0" in output and "1 proved, 1 refuted" in output
    assert f"{file}:" in output and "error[not-equal]" in output
    lines = output.split("\n")
    shown = next(n for n, line in enumerate(lines) if "return X + X + X" in line)
    underlined = lines[shown][lines[shown + 1].index("^") : lines[shown + 1].rindex("^") + 1]
    assert underlined == "X + X + X"


def test_json_is_what_the_interface_says(file: Path) -> None:
    found = document(file)
    assert found["version"] == 1
    assert found["summary"]["proved"] == 1 and found["summary"]["refuted"] == 1
    assert set(found["summary"]) >= {"assumed", "unknown", "unsupported", "timeout", "crashed"}
    (entry,) = found["files"]
    assert entry["path"] == str(file)
    right, wrong = entry["kernels"]
    assert set(right) >= {
        "name", "backend", "status", "range", "sizes", "assumptions", "literals", "trace_milliseconds",
        "prove_milliseconds", "obligations",
    }  # fmt: skip
    assert (right["name"], right["backend"], right["status"], right["sizes"]) == ("right", "numpy", "proved", {"M": 6})
    assert right["range"]["start"] == {"line": 5, "character": 0}
    (value,) = [o for o in wrong["obligations"] if o["kind"] == "value"]
    assert set(value) == {"kind", "status", "range", "spec", "milliseconds", "detail", "witness"}
    assert value["status"] == "refuted" and value["spec"] == "2 * X:M"
    assert value["witness"]["index"] == {"M": 0} and value["witness"]["kernel"] != value["witness"]["spec"]
    (diagnostic,) = entry["diagnostics"]
    assert set(diagnostic) == {"code", "severity", "range", "message", "kernel", "related"}
    assert (diagnostic["code"], diagnostic["kernel"]) == ("not-equal", "wrong")


def test_the_repro_of_a_witness_shows_two_values(file: Path) -> None:
    kernels = document(file)["files"][0]["kernels"]
    (repro,) = [o["witness"]["repro"] for k in kernels for o in k["obligations"] if o["witness"]]
    done = subprocess.run([sys.executable, "-c", repro], capture_output=True, text=True, timeout=60, check=True)
    values = [line.rpartition(" ")[2] for line in done.stdout.splitlines() if line.startswith(("kernel", "spec"))]
    assert len(values) == 2 and values[0] != values[1]


def test_what_kernels_print_is_not_our_output(file: Path) -> None:
    file.write_text(HEADER + "print('loud')\n" + RIGHT.replace("    return", "    print('louder')\n    return"))
    status, output, errors = check(file, "--format", "json")
    assert status == 0 and json.loads(output)["summary"]["proved"] == 1
    assert "loud" in errors and "louder" in errors


def test_folders_are_searched(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(HEADER + RIGHT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text(HEADER + RIGHT)
    (tmp_path / "unrelated.py").write_text("raise RuntimeError\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "c.py").write_text(HEADER + WRONG)
    found = document(tmp_path)
    assert [Path(f["path"]).name for f in found["files"]] == ["a.py", "b.py"]
    assert found["summary"]["proved"] == 2


def test_files_that_cannot_be_read_hide_no_others(tmp_path: Path, file: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"# stile_engine \xff\n")
    found = document(latin, file)
    assert found["files"][0]["diagnostics"][0]["severity"] == "error"
    assert found["summary"]["proved"] == 1


def test_assumed_counts_only_where_it_is_allowed(file: Path) -> None:
    file.write_text(HEADER + ASSUMED)
    assert {k["status"] for k in document(file)["files"][0]["kernels"]} == {"assumed"}
    assert check(file)[0] == 1
    assert check(file, "--allow", "assumed")[0] == 0


def test_the_worker_gives_the_same_verdicts(file: Path) -> None:
    command = [sys.executable, "-m", "stile_engine", "check", str(file), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    here = {k["name"]: k["status"] for k in document(file)["files"][0]["kernels"]}
    there = {k["name"]: k["status"] for k in json.loads(done.stdout)["files"][0]["kernels"]}
    assert there == here


# -- prove -----------------------------------------------------------------------------------


def test_prove() -> None:
    status, output, _ = stile("prove", "X:Q + X:Q", "2 * X:Q", "--dim", "Q=8")
    assert status == 0 and output.startswith("✓ proved")
    status, output, _ = stile("prove", "X:Q + X:Q", "3 * X:Q", "--dim", "Q=8")
    assert status == 1 and "✗ refuted" in output and "Q=" in output
    status, output, _ = stile("prove", "X:Q", "X:K", "--dim", "Q=8", "--dim", "K=8", "--format", "json")
    found = json.loads(output)
    assert status == 1 and found["status"] == "refuted" and "dims differ" in found["obligations"][0]["detail"]


def test_prove_marks_the_place_of_an_error() -> None:
    _, _, errors = stile("prove", "X:Q + * Y:Q", "X:Q", "--dim", "Q=8")
    lines = errors.rstrip("\n").split("\n")
    assert lines[-2][lines[-1].index("^")] == "*"


def test_prove_in_python() -> None:
    from stile_engine import DimError, prove
    from stile_engine.spec.lower import SpecError

    proof = prove("sum[K](X:Q K)", "sum[K](X:Q K where K < 2) + sum[K](X:Q K where K >= 2)", dims={"Q": 3, "K": 4})
    assert proof.status == "proved" and proof.normal_form == proof.spec_normal_form
    refuted = prove("X:Q", "2 * X:Q", dims={"Q": 3})
    assert refuted.status == "refuted" and refuted.witness is not None and refuted.milliseconds > 0
    with pytest.raises(SpecError):
        prove("X:Q", "X:Z", dims={"Q": 3})
    with pytest.raises(DimError):
        prove("X:Q", "X:Q", dims={"Q": -3})


def test_batch(tmp_path: Path) -> None:
    lines = [
        {"id": 1, "dims": {"Q": 4}, "a": "X:Q", "b": "X:Q"},
        "no json",
        {"id": 2, "dims": {"Q": 4}, "a": "X:Q +", "b": "X:Q"},
        {"id": 3, "dims": {"Q": 4}, "a": "X:Q", "b": "2 * X:Q"},
        {"id": 4, "dims": {"Q": "four"}, "a": "X:Q", "b": "2 * X:Q"},
        {"id": 5, "dims": {"Q": 4}, "b": "2 * X:Q"},
        ["not an object"],
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n\n")
    status, output, _ = stile("prove", "--batch", path)
    answers = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert [(a["id"], a["status"]) for a in answers] == [
        (1, "proved"),
        (None, "error"),
        (2, "error"),
        (3, "refuted"),
        (4, "error"),
        (5, "error"),
        (None, "error"),
    ]
    assert all(a["milliseconds"] >= 0 for a in answers)


# -- the rest --------------------------------------------------------------------------------


def test_doctor_names_versions_and_isolation() -> None:
    status, output, _ = stile("doctor")
    assert status == 0
    for word in ("python", "islpy", "numpy", "isolation", sys.executable):
        assert word in output


def test_starting_imports_no_framework() -> None:
    program = (
        "import stile_engine.cli, stile_engine.pairs, sys; print({'numpy', 'jax', 'rich', 'sympy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "source, place, expected",
    [
        ("a = b + c\n", Range(Position(0, 4), Position(0, 9)), ["  1 | a = b + c", "    |     ^^^^^"]),
        ("s = '𝔸'; x\n", Range(Position(0, 10), Position(0, 11)), ["  1 | s = '𝔸'; x", "    |          ^"]),
        ("\tx\n", Range(Position(0, 1), Position(0, 2)), ["  1 |  x", "    |  ^"]),
        (
            "f(\n  a,\n  b)\n",
            Range(Position(0, 0), Position(2, 4)),
            ["  1 | f(", "    | ^^", "  2 |   a,", "    |   ^^", "  3 |   b)", "    |   ^^"],
        ),
        ("", Range(Position(0, 0), Position(0, 0)), ["  1 | ", "    | ^"]),
    ],
)
def test_excerpts(source: str, place: Range, expected: list[str]) -> None:
    assert excerpt(place, SourceMap(source)) == expected


@pytest.mark.parametrize("option", ["", "--latex"])
def test_sympy_is_loaded_for_latex_alone(option: str) -> None:
    arguments = ["prove", "X:Q + X:Q", "3 * X:Q", "--dim", "Q=8", *option.split()]
    code = f"import sys; from stile_engine.cli import main; main({arguments!r})"
    script = f"import atexit, sys\natexit.register(lambda: print('sympy' in sys.modules))\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith(str(option == "--latex")), done.stderr
    assert ("in LaTeX: 2 X_{Q}" in done.stdout) is (option == "--latex")
