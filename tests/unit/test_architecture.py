"""ARCHITECTURE.md speaks of the code that there is: its paths exist, and no part or dependency is left out."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w./-]+)`", TEXT))

SECTIONS = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]

BUILD_ONLY = {"numpy", "jax", "torch", "pytest", "pytest-asyncio", "pytest-timeout", "mypy", "ruff", "interegular"}
"""What is the subject of the project, or a tool that needs no reason here."""


def parts() -> list[str]:
    """Packages and modules directly in the engine, and the modules of the server."""
    found = []
    for package in ("stile_engine", "stile_lsp"):
        for entry in sorted((ROOT / package).iterdir()):
            if entry.suffix == ".py" and not entry.name.startswith("__"):
                found.append(f"{package}/{entry.name}")
            elif (entry / "__init__.py").exists():
                found.append(f"{package}/{entry.name}/")
    return found


MINOR = {
    f"stile_lsp/{name}.py"
    for name in (
        "client_profile interpreter latex lookup markdown messages progress settings static_check wording".split()
    )
}
"""Helpers of the server whose names and docstrings say all."""


@pytest.mark.parametrize("part", sorted(set(parts()) - MINOR))
def test_every_part_is_described(part: str) -> None:
    short = part.partition("/")[2]
    assert NAMED & {part, short, part.rstrip("/"), short.rstrip("/")} or short == "errors.py"


def test_every_path_exists() -> None:
    roots = [ROOT, ROOT / "stile_engine", ROOT / "stile_lsp", ROOT / "editors" / "vscode"]
    roots += [p for base in roots[1:] for p in base.rglob("*") if p.is_dir() and "node_modules" not in p.parts]
    paths = {name for name in NAMED if "/" in name or re.search(r"\.(py|md|ts|lark)$", name)}
    assert len(paths) > 50
    assert sorted(name for name in paths if not any((root / name).exists() for root in roots)) == []


def test_every_section_of_a_part_states_its_invariant_in_bold() -> None:
    described = [s for s in SECTIONS if re.match(r"`|The server|The extension", s)]
    assert len(described) >= 10
    assert [s.splitlines()[0] for s in described if not re.search(r"\*\*.+?\*\*", s)] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = [*project["dependencies"], *(d for group in project["optional-dependencies"].values() for d in group)]
    wanted = {re.split(r"[<>=~\[ ;]", line)[0] for line in written} - BUILD_ONLY
    browser = json.loads((ROOT / "tests" / "browser" / "package.json").read_text(encoding="utf-8"))
    wanted |= browser["devDependencies"].keys()
    rows = TEXT.partition("## Dependencies")[2]
    assert sorted(name for name in wanted if not re.search(rf"^\|[^|]*\b{re.escape(name)}\b", rows, re.MULTILINE)) == []
