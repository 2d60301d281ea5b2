"""The files of the project that a text imports, directly or through others, as they are on disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from stile_engine.incremental.module import NOT_PYTHON, Chunk, read_module
from stile_engine.incremental.statement import Imported

MAXIMUM_FILES = 500
_KEPT = 2000
_YOUNG = 1_000_000_000
"""Nanoseconds. A file that changes twice within one tick of the clock has one stamp, so what is young is read again."""

Stamp: TypeAlias = tuple[int, int, int, int]

_known: dict[str, tuple[Stamp, SourceFile]] = {}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """``chunks`` is None where the file is no Python, and ``digest`` is of its bytes."""

    path: str
    digest: str
    chunks: tuple[Chunk, ...] | None


@dataclass(frozen=True, slots=True)
class Project:
    """``files`` are there and imported; ``absent`` are places where an imported module would be looked for."""

    path: str
    files: tuple[SourceFile, ...] = ()
    absent: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()
    is_complete: bool = True
    """Whether all imports were followed."""

    stamps: dict[str, Stamp] = field(default_factory=dict)

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(file.path for file in self.files) | self.absent

    def is_unchanged(self) -> bool:
        """Whether the files on disk still are what was read."""
        for file in self.files:
            stamp = stamp_of(file.path)
            if stamp is None or stamp != self.stamps[file.path]:
                return False
            if (found := read_source(file.path, stamp)) is None or found.digest != file.digest:
                return False
        return not any(os.path.exists(path) for path in self.absent)


def stamp_of(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def candidates(module: str, importer: str, roots: Sequence[str]) -> Iterator[str]:
    """Where the files of an imported module would lie in the project, whether they exist or not."""
    level = len(module) - len(module.lstrip("."))
    folder = os.path.dirname(importer)
    if level:
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        bases = [folder]
    else:
        bases = list(dict.fromkeys([folder, *roots]))
    parts = [part for part in module.lstrip(".").split(".") if part]
    for base in bases:
        if level and not parts:
            yield os.path.join(base, "__init__.py")
        for count in range(1, len(parts) + 1):
            place = os.path.join(base, *parts[:count])
            yield place + ".py"
            yield os.path.join(place, "__init__.py")


def package_root(path: str) -> str | None:
    """The folder that holds the outermost package around the file."""
    folder = os.path.dirname(path)
    found = None
    while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.basename(folder).isidentifier():
        folder = os.path.dirname(folder)
        found = folder
    return found


def import_roots(path: str, workspace: str | None) -> tuple[str, ...]:
    """The folders that are put on the search path when the file is checked."""
    folders = (os.path.dirname(path), workspace, package_root(path))
    return tuple(dict.fromkeys(os.path.abspath(folder) for folder in folders if folder))


def is_engine(module: str) -> bool:
    """Whether a module is found in the engine before any search path is looked at."""
    return module.partition(".")[0] == "stile_engine"


def modules_of(imported: Imported) -> Iterator[str]:
    """The modules that one imported name may load: of ``from a import b``, also ``a.b``."""
    yield imported.module
    if imported.attribute is not None and imported.attribute != "*":
        separator = "" if imported.module.endswith(".") else "."
        yield imported.module + separator + imported.attribute


def read_project(path: str, imports: Iterable[Imported], workspace: str | None) -> Project:
    """Follows the imports. Reads files, so it is not for an event loop."""
    path = os.path.abspath(path)
    roots = import_roots(path, workspace)
    files: dict[str, SourceFile] = {}
    stamps: dict[str, Stamp] = {}
    absent: set[str] = {_outside_of_packages(path)}
    # A package runs its own file before any module in it.
    waiting = [(path, module) for i in imports if not is_engine(i.module) for module in modules_of(i)]
    waiting += [(place, "") for place in _packages_around(path)]
    seen = set(waiting)
    while waiting and len(files) < MAXIMUM_FILES:
        importer, module = waiting.pop()
        for place in candidates(module, importer, roots) if module else (importer,):
            if place in files or place in absent or (place == path and module):
                continue
            stamp = stamp_of(place)
            source = None if stamp is None else read_source(place, stamp)
            if stamp is None or source is None:
                absent.add(place)  # also where no such folder is: a package may come to hide a module
                continue
            files[place], stamps[place] = source, stamp
            for chunk in source.chunks or ():
                for imported in chunk.facts.imports:
                    names = () if is_engine(imported.module) else tuple(modules_of(imported))
                    fresh = [(place, name) for name in names if (place, name) not in seen]
                    seen.update(fresh)
                    waiting.extend(fresh)
    complete = not waiting and all(file.chunks is not None for file in files.values())
    ordered = tuple(files[name] for name in sorted(files))
    return Project(path, ordered, frozenset(absent), roots, complete, stamps)


def _outside_of_packages(path: str) -> str:
    """The file that would make a package of the first folder around the file that is none."""
    folder = os.path.dirname(path)
    while os.path.isfile(place := os.path.join(folder, "__init__.py")) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return place


def _packages_around(path: str) -> Iterator[str]:
    folder = os.path.dirname(path)
    while os.path.isfile(place := os.path.join(folder, "__init__.py")) and folder != os.path.dirname(folder):
        yield place
        folder = os.path.dirname(folder)


def read_source(path: str, stamp: Stamp) -> SourceFile | None:
    known = _known.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    try:
        chunks: tuple[Chunk, ...] | None = read_module(data.decode("utf-8-sig")).chunks
    except NOT_PYTHON:  # nor are bytes that are no UTF-8
        chunks = None
    found = SourceFile(path, hashlib.blake2b(data, digest_size=16).hexdigest(), chunks)
    if len(_known) >= _KEPT:
        _known.clear()
    if time.time_ns() - stamp[0] > _YOUNG:
        _known[path] = (stamp, found)
    return found
