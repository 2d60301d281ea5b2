"""What a run may read: the interpreter with its libraries, and the workspace of the checked file.

A home folder, the root of the file system or a folder that everybody writes into is no workspace: of such a
folder only the Python files directly in it and the packages there are readable.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType

from stile_engine.checking.failures import SANDBOXED

SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/os-release",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
    "/sys/devices/system",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/proc/self",
)
"""Libraries and what they ask of the machine; of ``/proc`` only this process and nothing of others."""

_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run", "/mnt", "/media", "/home", "/root", "/Users")


def is_wide(path: str) -> bool:
    """Whether a folder holds more than one project: the user's home or above, or a place for everybody."""
    path = os.path.realpath(path)
    above = os.path.join(path, "")
    return path in _SHARED or any(path == home or home.startswith(above) for home in _homes())


@functools.cache
def _homes() -> tuple[str, ...]:
    return tuple(os.path.realpath(path) for path in (os.path.expanduser("~"), os.environ.get("TMPDIR", "/tmp")))


def interpreter_paths(packages: Mapping[str, str]) -> list[str]:
    """The interpreter, all that it can import, and the engine's own ``packages`` (name to directory)."""
    found = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *sys.path, *_editable()]
    found += [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    own = [os.path.join(directory, name) for name, directory in packages.items()]
    return _distinct([*(path for path in found if path and not is_wide(path)), *own])


def _editable() -> Iterator[str]:
    """Packages that were installed as links to their sources."""
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping = getattr(module, "MAPPING", None)
        if isinstance(mapping, dict):
            yield from (path for path in mapping.values() if isinstance(path, str))


def workspace_paths(path: str, workspace: str | None) -> tuple[list[str], dict[str, str]]:
    """What of the checked file's surroundings is readable, and the modules of folders that are too wide to be
    listed, by name."""
    readable: list[str] = []
    modules: dict[str, str] = {}
    for folder in _folders(path, workspace):
        if is_wide(folder):
            found = _modules_in(folder)
            modules |= found
            readable += [os.path.dirname(f) if os.path.basename(f) == "__init__.py" else f for f in found.values()]
        else:
            readable.append(folder)
    return _distinct(readable), modules


def _folders(path: str, workspace: str | None) -> Iterator[str]:
    if workspace and os.path.isdir(workspace):
        yield workspace
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return
    yield folder
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
        yield folder


_MOST = 300


def _modules_in(folder: str) -> dict[str, str]:
    """Name to file of what could be imported from a folder."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue  # it may lead to anything
            name, extension = os.path.splitext(entry.name)
            if extension == ".py" and name.isidentifier():
                found[name] = entry.path
            elif entry.name.isidentifier() and os.path.isfile(os.path.join(entry.path, "__init__.py")):
                found.setdefault(entry.name, os.path.join(entry.path, "__init__.py"))
            if len(found) == _MOST:
                break
    return found


class ListedModules:
    """Finds modules in folders that the sandbox does not let anyone list."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self._files.get(name) if path is None else None
        return None if file is None else importlib.util.spec_from_file_location(name, file)


def private_environment(folder: str) -> dict[str, str]:
    """Where libraries keep caches, settings and temporary files: in the run's own folder."""
    inside = {name: folder for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    caches = ("TRITON_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
    return {**inside, **dict.fromkeys(caches, folder), "USER": "stile", "LOGNAME": "stile", SANDBOXED: "1"}


def _distinct(paths: Iterable[str]) -> list[str]:
    """Without what lies below another one of them."""
    real = {os.path.realpath(path) for path in paths}
    return sorted(path for path in real if not any(parent in real for parent in _parents(path)))


def _parents(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:
        path = parent
        yield path
