"""Diagnostics: pushed with their version, and pulled by clients that cannot take versions.

Results of a text that has changed since stay where they were, one degree weaker and marked, until the
new ones come.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_engine.trace.report import Diagnostic
from stile_lsp.documents import Edit, shift
from stile_lsp.interpreter import path_of
from stile_lsp.messages import Places
from stile_lsp.session import FileState
from stile_lsp.wording import explanation

if TYPE_CHECKING:
    from stile_lsp.client_profile import ClientProfile
    from stile_lsp.server import StileServer

SOURCE = "stile"

_CODE = re.compile(r"[a-z]+(-[a-z]+)*")

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}

_WEAKER = {
    types.DiagnosticSeverity.Error: types.DiagnosticSeverity.Warning,
    types.DiagnosticSeverity.Warning: types.DiagnosticSeverity.Information,
}


def document_diagnostics(state: FileState, places: Places, profile: ClientProfile) -> list[types.Diagnostic]:
    found: list[types.Diagnostic] = []
    for diagnostic in state.file_diagnostics:
        stale = bool(state.file_edits)
        found.append(_translated(diagnostic, state, state.file_edits, stale, places, profile))
    for entry in state.entries:
        found.extend(_translated(d, state, entry.edits, entry.stale, places, profile) for d in entry.diagnostics)
        if entry.against is not None:
            found.append(
                types.Diagnostic(
                    places.range(entry.name_range),
                    f"against {entry.against.spec}: {explanation(entry.against.status, entry.against)}",
                    types.DiagnosticSeverity.Information,
                    source=SOURCE,
                )
            )
    return found


def _translated(
    diagnostic: Diagnostic,
    state: FileState,
    edits: tuple[Edit, ...],
    stale: bool,
    places: Places,
    profile: ClientProfile,
) -> types.Diagnostic:
    severity = _SEVERITIES.get(diagnostic.severity, types.DiagnosticSeverity.Error)
    return types.Diagnostic(
        places.range(shift(diagnostic.range, edits)),
        f"(before your edit) {diagnostic.message}" if stale else diagnostic.message,
        _WEAKER.get(severity, severity) if stale else severity,
        code=diagnostic.code,
        code_description=_page(diagnostic.code),
        source=SOURCE,
        related_information=list(_related(diagnostic, state, edits, places)) if profile.related_information else None,
        data={"kernel": diagnostic.kernel, "stale": stale},
    )


def _related(
    diagnostic: Diagnostic, state: FileState, edits: tuple[Edit, ...], places: Places
) -> Iterable[types.DiagnosticRelatedInformation]:
    own = path_of(state.uri)
    for related in diagnostic.related:
        path = related.location.path
        if path is None or (own is not None and path == str(own)):
            uri, found = state.uri, places.range(shift(related.location.range, edits))
        else:
            # Positions of another file are given as they are: its text is not here to convert them by.
            raw = related.location.range
            uri = _uri(path)
            found = types.Range(
                types.Position(raw.start.line, raw.start.character), types.Position(raw.end.line, raw.end.character)
            )
        yield types.DiagnosticRelatedInformation(types.Location(uri, found), related.message)


def _uri(path: str) -> str:
    return Path(path).absolute().as_uri()


@cache
def _page(code: str) -> types.CodeDescription | None:
    """The page of a code: beside the server in a checkout and in the extension, else where the wheel puts it."""
    if not _CODE.fullmatch(code):
        return None
    folders = (Path(__file__).parents[2] / "docs" / "codes", Path(sys.prefix) / "share" / "stile" / "codes")
    page = next((p for folder in folders if (p := folder / f"{code}.md").exists()), None)
    return types.CodeDescription(page.as_uri()) if page is not None else None


def register(server: StileServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=False, identifier=SOURCE),
    )
    async def pull(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        """All that is known now; while a run is under way, a refresh follows, or its end is waited for by a client
        that cannot be told to ask again."""
        uri = params.text_document.uri
        state = server.find_state(uri)
        if state is not None and not state.is_settled and not server.client_profile.refreshes_diagnostics:
            await server.waiters.wait(uri, state.version)
            state = server.find_state(uri)
        places = None if state is None else server.places(uri)
        found = [] if state is None or places is None else document_diagnostics(state, places, server.client_profile)
        name = hashlib.blake2b(repr(found).encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
        if params.previous_result_id == name:
            return types.RelatedUnchangedDocumentDiagnosticReport(name)
        return types.RelatedFullDocumentDiagnosticReport(found, result_id=name)
