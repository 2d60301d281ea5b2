"""Settings from any direction, the choice of the interpreter, and the files that a file imports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stile_engine.incremental.project import read_project
from stile_engine.incremental.statement import Imported
from stile_lsp.interpreter import display_path, folder_of, path_of, resolve
from stile_lsp.settings import Settings, updated


@pytest.mark.parametrize(
    "given",
    [
        {"stile": {"verify": {"mode": "manual"}}},
        {"verify": {"mode": "manual"}},
        {"stile": {"verify.mode": "manual"}},
        {"stile.verify.mode": "manual"},
    ],
)
def test_settings_in_every_form(given: object) -> None:
    assert updated(Settings(), given) == Settings(verify_mode="manual")


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"stile": 3},
        {"verify": {"mode": "sometimes"}},
        {"verify": {"debounce": -1}},
        {"verify": {"debounce": True}},
        {"verify": {"timeout": "10"}},
        {"interpreter": {"path": 1}},
        {"codeLens": "yes"},
        {"surprise": 1},
    ],
)
def test_wrong_values_change_nothing(given: object) -> None:
    assert updated(Settings(), given) == Settings()


def test_one_wrong_value_does_not_spoil_the_others() -> None:
    given = {"verify": {"mode": "never", "debounce": 0}, "inlayHints": {"normalForm": True}}
    assert updated(Settings(), given) == Settings(verify_debounce=0.0, inlay_normal_form=True)


def test_the_setting_comes_first_then_venv_then_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tools))
    assert resolve("", tmp_path) == str(tools / "python3")
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert resolve("", tmp_path) == str(own)
    assert resolve("/opt/python", tmp_path) == "/opt/python"
    assert resolve("${workspaceFolder}/.venv/bin/python", tmp_path) == str(own)
    assert resolve(".venv/bin/python", tmp_path) == str(own)
    assert resolve(str(tmp_path / ".venv"), tmp_path) == str(own)
    assert resolve("python3", tmp_path) == str(tools / "python3")


def test_folders_and_paths(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    assert folder_of(inner / "a.py", [tmp_path, inner]) == inner
    assert folder_of(Path("/elsewhere/a.py"), [tmp_path]) is None
    assert folder_of(None, [tmp_path]) == tmp_path
    assert path_of("file:///tmp/gr%C3%B6%C3%9Fe%20x.py") == Path("/tmp/größe x.py")
    assert path_of("untitled:Untitled-1") is None
    assert display_path("untitled:Untitled-1") == "untitled:Untitled-1"


def test_imports_are_followed_through_the_project(tmp_path: Path) -> None:
    for name, text in {
        "main.py": "",
        "helper.py": "from package import part\nimport json\n",
        "package/__init__.py": "",
        "package/part.py": "from . import sibling\nimport helper\n",
        "package/sibling.py": "x = 1\n",
        "unrelated.py": "",
        "broken.py": "def (\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    imports = [Imported(name, name, None) for name in ("helper", "broken", "missing")]
    found = read_project(str(tmp_path / "main.py"), imports, str(tmp_path)).paths
    names = {str(Path(path).relative_to(tmp_path)) for path in found}
    assert names >= {"helper.py", "package/__init__.py", "package/part.py", "package/sibling.py", "broken.py"}
    assert "missing.py" in names, "a file that appears later must be noticed"
    assert not names & {"unrelated.py", "main.py"}
