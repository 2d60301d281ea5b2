"""What a check met beyond the texts that it was given: files, sockets, other programs.

Watched through the interpreter's own audit events, while user code runs. A result that may rest on such things
must not be kept for later.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from stile_engine.trace.location import is_user_file

_LISTINGS = frozenset({"os.listdir", "os.scandir", "glob.glob", "glob.glob/2", "os.walk", "os.fwalk"})
_OTHERS = {
    "socket.connect": "opens a connection",
    "socket.getaddrinfo": "looks up a host",
    "socket.bind": "opens a connection",
    "subprocess.Popen": "starts a program",
    "os.system": "starts a program",
    "os.exec": "starts a program",
    "os.posix_spawn": "starts a program",
    "os.fork": "starts a process",
    "sqlite3.connect": "opens a database",
    "ctypes.dlopen": "loads a library",
    "os.putenv": "changes the environment",
    "os.unsetenv": "changes the environment",
}
_EVENTS = frozenset({"open", *_LISTINGS, *_OTHERS})

_LOADERS = ("<frozen importlib", "<frozen zipimport")


@dataclass(slots=True)
class Met:
    """``reasons`` are sentences without their subject; ``sources`` files whose text was read as a module's."""

    reasons: list[str] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)

    def add(self, reason: str) -> None:
        if reason not in self.reasons and len(self.reasons) < 20:
            self.reasons.append(reason)


_current: Met | None = None
_is_hooked = False


@contextmanager
def watching() -> Iterator[Met]:
    """What is met inside. An audit hook cannot be taken away again, so it is made once and looks away otherwise."""
    global _current, _is_hooked
    if not _is_hooked:
        _is_hooked = True
        sys.addaudithook(_hook)
    before, _current = _current, Met()
    try:
        yield _current
    finally:
        _current = before


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    met = _current
    if met is None or event not in _EVENTS:
        return
    if event == "open":
        _opened(met, arguments[0], sys._getframe(1).f_code.co_filename)
    elif event in _LISTINGS:
        folder = arguments[0] if arguments else None
        if not sys._getframe(1).f_code.co_filename.startswith(_LOADERS) and not _is_fixed(folder):
            met.add(f"lists the files of {folder or 'the current folder'}")
    elif event != "ctypes.dlopen" or not _is_fixed(arguments[0], names_are_fixed=True):
        met.add(_OTHERS[event])


def _opened(met: Met, path: Any, opener: str) -> None:
    if not isinstance(path, (str, bytes)):
        return  # a descriptor was opened before, by its name
    name = path if isinstance(path, str) else path.decode(errors="replace")
    if opener.startswith(_LOADERS):
        return
    if _is_fixed(name):
        return  # also as a module's text: what asks for a stack reads those of all callers
    if opener.endswith(("linecache.py", "tokenize.py")) and name.endswith(".py"):
        met.sources.add(name)
    else:
        met.add(f"reads the file {name}")


def _fixed_folders() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    paths.add(str(Path(__file__).parents[1]))
    own = {str(Path(p).resolve()) for p in paths} | paths
    return (*(f"{p}/" for p in sorted(own)), "/proc/", "/sys/", "/dev/", "/usr/", "/lib/", "/etc/")


_FIXED = _fixed_folders()


def _is_fixed(path: Any, names_are_fixed: bool = False) -> bool:
    """Whether a path belongs to the installation, which is told apart by its versions."""
    if not isinstance(path, str):
        return path is None and names_are_fixed
    if "/" not in path:
        return names_are_fixed
    return path.startswith(_FIXED)


def loaded_sources(checked: ModuleType) -> set[str]:
    """The files of the user's own modules that are loaded, without the module under check."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        if module is checked:
            continue
        file = getattr(module, "__file__", None)
        # PyTorch's namespaces of operators call themselves _ops.py and _classes.py, which are no files
        if isinstance(file, str) and is_user_file(file) and (os.path.isabs(file) or os.path.exists(file)):
            found.add(file)
    return found
