"""What the extension bundles is enough for the server, and for the worker under a bare interpreter."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The worker takes these from the user's interpreter, which the user is told of when one is missing.
FROM_THE_USER = {"islpy", "numpy", "jax", "jaxlib", "torch", "triton"}

# The command line is not part of the extension.
COMMAND_LINE = {"click", "rich"}

# Import names of what bundled-requirements.txt lists, where they differ from the names of the packages.
IMPORT_NAMES = {"attrs": {"attr", "attrs"}, "cattrs": {"cattr", "cattrs"}}


def bundled() -> set[str]:
    lines = (ROOT / "editors" / "vscode" / "bundled-requirements.txt").read_text().splitlines()
    packages = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {name for package in packages for name in IMPORT_NAMES.get(package, {package})}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.module.partition(".")[0]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ["stile_engine", "stile_lsp"])
def test_all_that_is_imported_is_bundled_or_the_users(package: str) -> None:
    known = bundled() | FROM_THE_USER | sys.stdlib_module_names | {"stile_engine", "stile_lsp", "__future__"}
    missing = {
        (str(file.relative_to(ROOT)), name)
        for file in modules(package)
        for name in imported(file)
        if name not in known and not (name in COMMAND_LINE and (file.stem == "cli" or "command" in file.parts))
    }
    assert missing == set()


def test_the_lock_names_a_version_of_everything_bundled() -> None:
    locked = {line.partition("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    lines = (ROOT / "editors" / "vscode" / "bundled-requirements.txt").read_text().splitlines()
    assert {line.strip() for line in lines if line.strip() and not line.startswith("#")} <= locked


def test_the_launcher_is_readable_for_an_old_python() -> None:
    """An interpreter that is too old must get as far as the sentence that says so."""
    launcher = ROOT / "editors" / "vscode" / "launcher" / "start_server.py"
    ast.parse(launcher.read_text(), feature_version=(3, 4))
    assert "3.11" in launcher.read_text()
