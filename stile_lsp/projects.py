"""The imported project files of each open file, as they were last read.

Reading them is never the loop's own work. Until they are read nothing is known of what a kernel depends on, so
no result holds for another text, and no run begins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stile_engine.incremental.project import Project, read_project
from stile_engine.incremental.statement import Imported
from stile_lsp.outline import Outline


@dataclass(frozen=True, slots=True)
class _Known:
    imports: tuple[Imported, ...]
    project: Project


class Projects:
    """``told`` is called with a URI and the paths to watch whenever a project was read."""

    def __init__(self, told: Callable[[str, Iterable[str]], None]) -> None:
        self._told = told
        self._known: dict[str, _Known] = {}
        self._open: set[str] = set()

    def opened(self, uri: str) -> None:
        self._open.add(uri)

    def closed(self, uri: str) -> None:
        self._open.discard(uri)
        self._known.pop(uri, None)

    def of(self, uri: str, path: str, imports: tuple[Imported, ...]) -> Project:
        """What is known for these imports; an incomplete project where nothing is."""
        known = self._known.get(uri)
        if known is not None and known.imports == imports and known.project.path == os.path.abspath(path):
            return known.project
        return Project(path, is_complete=False)

    async def read(self, uri: str, outline: Outline, workspace: str | None) -> Project:
        """Reads the files again, where they may have changed."""
        project = await asyncio.to_thread(read_project, outline.path, outline.imports, workspace)
        if uri in self._open:
            self._known[uri] = _Known(outline.imports, project)
            self._told(uri, project.paths)
        return project
