"""Which Python runs the user's kernels: the setting, else ``.venv`` in the folder, else PATH."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse


def path_of(uri: str) -> Path | None:
    """The path of a file URI; None for untitled and virtual documents, other machines, and what is no URI."""
    try:
        parts = urlparse(uri)
    except ValueError:
        return None
    path = unquote(parts.path)
    is_here = parts.scheme == "file" and parts.netloc in ("", "localhost")
    return Path(path) if is_here and path and "\0" not in path else None


def display_path(uri: str) -> str:
    """What stands for the file in tracebacks and reports."""
    path = path_of(uri)
    return str(path) if path is not None else uri


def folder_of(path: Path | None, folders: Sequence[Path]) -> Path | None:
    """The innermost workspace folder that holds the file; without a path, the first folder."""
    if path is None:
        return folders[0] if folders else None
    holding = [folder for folder in folders if path.is_relative_to(folder)]
    return max(holding, key=lambda folder: len(folder.parts), default=None)


def resolve(setting: str, folder: Path | None) -> str:
    """The interpreter's path. A path that does not exist is kept: the user must see what is wrong with it."""
    if setting:
        text = setting.replace("${workspaceFolder}", str(folder or ""))
        path = Path(text).expanduser()
        if not path.is_absolute() and folder is not None and os.sep in text:
            path = folder / path
        if path.is_dir():
            path = path / "bin" / "python"
        return str(path) if os.sep in str(path) else shutil.which(text) or text
    if folder is not None and (own := folder / ".venv" / "bin" / "python").exists():
        return str(own)
    return shutil.which("python3") or shutil.which("python") or sys.executable
