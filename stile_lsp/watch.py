"""Files that change outside of the editor: a change in an imported project file makes its importers stale.

Open files are verified from their buffers, so only what they import is watched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

logger = logging.getLogger(__name__)

QUIET_SECONDS = 0.1
"""A checkout changes many files at once; they are told together."""


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("opened", "closed_no_write"):
            return
        for name in (event.src_path, event.dest_path):
            if name:
                self._changed(name if isinstance(name, str) else name.decode(errors="surrogateescape"))


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

    def _arrange(self) -> None:
        if not self._files and not self._running:
            return
        if not self._running:
            # Before anything is watched: what cannot be is told by ``schedule`` then, folder by folder.
            self._observer.start()
            self._running = True
        # What is missing may come to be, first of all its folder.
        wanted = {_existing(path.parent) for files in self._files.values() for path in files}
        for directory in [d for d in self._watches if d not in wanted]:
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
        # A folder that was missing brings all that is looked for in it.
        is_missing_folder = path not in self._watches
        met = {
            file
            for files in self._files.values()
            for file in files
            if file == path or (is_missing_folder and path in file.parents)
        }
        if not met:
            return
        if not self._pending:
            self._loop.call_later(QUIET_SECONDS, self._tell)
        self._pending |= met

    def _tell(self) -> None:
        pending, self._pending = self._pending, set()
        self._arrange()
        concerned = frozenset(uri for uri, files in self._files.items() if files & pending)
        if concerned:
            self._changed(concerned)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
