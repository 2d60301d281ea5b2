"""Under which interpreter a process is started before anything is known of the client but its first message."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stile_lsp.start import first_interpreter


def message(options: Any, method: str = "initialize", **params: Any) -> bytes:
    return json.dumps({"id": 1, "method": method, "params": {"initializationOptions": options, **params}}).encode()


@pytest.mark.parametrize("options", [{"interpreter": sys.executable}, {"stile": {"interpreter": sys.executable}}])
def test_the_interpreter_of_the_settings(options: dict[str, Any]) -> None:
    assert first_interpreter(message(options)) == sys.executable


@pytest.mark.parametrize("where", ["workspaceFolders", "rootUri", "rootPath"])
def test_the_environment_of_the_folder(where: str, tmp_path: Path) -> None:
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    folder = {
        "workspaceFolders": [{"uri": tmp_path.as_uri(), "name": "w"}],
        "rootUri": tmp_path.as_uri(),
        "rootPath": str(tmp_path),
    }[where]
    assert first_interpreter(message({}, **{where: folder})) == str(own)


@pytest.mark.parametrize(
    "body",
    [
        message({"interpreter": sys.executable, "trusted": False}),
        message({"interpreter": sys.executable, "verify": {"mode": "manual"}}),
        message({"interpreter": sys.executable}, method="shutdown"),
        message(None),
        message("text"),
        b'{"method": "initialize", "params": {"rootPath": "/tmp"}}',
        b'{"method": "initialize"}',
        b'{"id": 1, "result": null}',
        b"[1]",
        b"\xff",
        b"{",
        message({}, workspaceFolders=[{}]),
        message({}, workspaceFolders=3),
        message({}, rootUri=3),
    ],
)
def test_nothing_is_started_for_what_asks_for_nothing(body: bytes) -> None:
    assert first_interpreter(body) is None
