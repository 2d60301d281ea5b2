"""Files that change outside of the editor: a change in an imported project file makes its importers stale.

Open files are verified from their buffers, so only what they import is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

logger = logging.getLogger(__name__)

QUIET_SECONDS = 0.1
"""A checkout changes many files at once; they are told together."""


class _Handler(FileSystemEventHandler):
    """Lets through, in the observer's thread, what somebody follows: folders may be busy with other files."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self.followed: frozenset[str] = frozenset()

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A folder is "modified" whenever anything in it comes or goes, which is told by itself.
        if event.event_type in ("opened", "closed_no_write") or (event.is_directory and event.event_type == "modified"):
            return
        for found in (event.src_path, event.dest_path):
            name = found if isinstance(found, str) else found.decode(errors="surrogateescape")
            if name in self.followed:
                self._changed(name)


class Watch:
    """Tells which open files are concerned by a change on disk. ``changed`` is called on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, changed: Callable[[frozenset[str]], None]) -> None:
        self._loop = loop
        self._changed = changed
        self._files: dict[str, frozenset[Path]] = {}
        self._watches: dict[Path, ObservedWatch] = {}
        self._observer = Observer()
        self._observer.daemon = True
        self._running = False
        self._pending: set[Path] = set()
        self._renewed: set[Path] = set()
        self._handler = _Handler(self._from_thread)

    def follow(self, uri: str, paths: Iterable[str]) -> None:
        """Watches what the file imports, in place of what it imported before."""
        found = frozenset(Path(path) for path in paths)
        if self._files.get(uri) != found:
            self._files[uri] = found
            self._arrange()

    def forget(self, uri: str) -> None:
        if self._files.pop(uri, None):
            self._arrange()

    def stop(self) -> None:
        if self._running:
            self._observer.stop()

    def told(self, paths: Iterable[Path]) -> None:
        """Changes that the client reported."""
        for path in paths:
            self._note(path)

    def _arrange(self, renewed: Container[Path] = ()) -> None:
        """``renewed``: folders that came or went; a watch is one of a folder and not of its name."""
        if not self._files and not self._running:
            return
        if not self._running:
            # Before anything is watched: what cannot be is told by ``schedule`` then, folder by folder.
            self._observer.start()
            self._running = True
        wanted = {folder for found in self._files.values() if found for folder in _folders(found)}
        files = {path for found in self._files.values() for path in found}
        self._handler.followed = frozenset(str(place) for path in files for place in (path, *path.parents))
        for directory in [d for d in self._watches if d not in wanted or d in renewed]:
            with contextlib.suppress(OSError, KeyError):  # it may be gone
                self._observer.unschedule(self._watches.pop(directory))
        for directory in wanted - self._watches.keys():
            try:
                self._watches[directory] = self._observer.schedule(self._handler, str(directory), recursive=False)
            except OSError as problem:
                logger.warning("changes in %s go unseen: %s", directory, problem)

    def _from_thread(self, name: str) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, Path(name))

    def _note(self, path: Path) -> None:
        # A folder that comes or goes takes with it all that is looked for in it.
        met = {file for files in self._files.values() for file in files if file == path or path in file.parents}
        if not met:
            return
        if not self._pending:
            self._loop.call_later(QUIET_SECONDS, self._tell)
        self._pending |= met
        self._renewed.add(path)

    def _tell(self) -> None:
        pending, self._pending = self._pending, set()
        renewed, self._renewed = self._renewed, set()
        self._arrange({d for d in self._watches if d in renewed or not renewed.isdisjoint(d.parents)})
        concerned = frozenset(uri for uri, files in self._files.items() if files & pending)
        if concerned:
            self._changed(concerned)


def _folders(files: frozenset[Path]) -> set[Path]:
    """The folders of the files with those between them, and the one above all: a folder that is replaced by another
    is seen in the one that it lies in. What is missing may come to be, so the nearest folder stands for it."""
    folders = {_existing(path.parent) for path in files}
    top = Path(os.path.commonpath(folders)).parent
    return {place for folder in folders for place in (folder, *folder.parents) if place.is_relative_to(top)}


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
