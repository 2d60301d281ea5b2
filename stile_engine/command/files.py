"""The files that a command is asked to check."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"})


class NoSuchPath(Exception):
    """A path of the command line that is neither a file nor a folder."""


def python_files(paths: Iterable[Path]) -> list[Path]:
    """Files as given; in folders those that can hold kernels, in alphabetical order. Raises ``NoSuchPath``."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(_inside(path)))
        elif path.is_file():
            found.append(path)
        else:
            raise NoSuchPath(f"there is no file or folder {path}")
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [n for n in folders if n not in _SKIPPED and not n.startswith(".")]
        for name in names:
            file = Path(root, name)
            if name.endswith(".py") and _may_hold_kernels(file):
                yield file


def _may_hold_kernels(file: Path) -> bool:
    try:
        return b"stile_engine" in file.read_bytes()
    except OSError:
        return True


def workspace_of(file: Path) -> Path:
    """The nearest folder above with a project file, else the file's own."""
    for folder in file.resolve().parents:
        if any((folder / mark).exists() for mark in ("pyproject.toml", "setup.py", ".git")):
            return folder
    return file.resolve().parent
