"""didOpen, didChange, didSave, didClose: the text comes first, then what follows from it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_lsp import session
from stile_lsp.documents import Document, UnknownDocument
from stile_lsp.interpreter import display_path, path_of
from stile_lsp.outline import Outline, SyntaxProblem, outline

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)


STORM_PACE, STORM_QUIET = 0.04, 0.03
"""Seconds. Edits that follow one another faster than anyone types (a paste in pieces, a replacement in many places,
an agent) start no process each: after the last of them there is a moment of quiet, whatever the settings say."""


def _read(server: StileServer, document: Document, before: session.FileState | None) -> Outline | SyntaxProblem:
    path = display_path(document.uri)
    known = None if before is None else before.known
    index = document.index if document.source is document.text else None
    found = outline(document.source, path, before=known, index=index)
    if isinstance(found, Outline):
        found = found.among(server.projects.of(document.uri, path, found.imports))
    return found


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        given = params.text_document
        server.verifier.closed(given.uri)
        server.publisher.opened(given.uri)
        document = server.documents.open(given.uri, given.version, given.text)
        server.projects.opened(document.uri)
        server.attend(document.uri)
        state = session.opened(document.uri, document.version, _read(server, document, None))
        if server.settings.verify_mode != "manual":
            server.verifier.verify(document.uri, state=state)
        else:
            server.update(state)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        given = params.text_document
        try:
            document, edits = server.documents.change(given.uri, given.version, params.content_changes, server.encoding)
        except UnknownDocument:
            logger.warning("a change of %s, which is not open, is ignored", given.uri)
            return
        server.verifier.edited(document.uri)
        server.attend(document.uri)
        since = server.edited(document.uri)
        delay = max(server.settings.verify_debounce / 1000, STORM_QUIET if since < STORM_PACE else 0.0)
        before = server.state(document.uri)
        state = session.edited(before, document.version, _read(server, document, before), edits)
        if server.settings.verify_mode == "onChange":
            server.verifier.refresh(state, delay=delay)
        else:
            server.update(state)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        state = server.find_state(params.text_document.uri)
        if server.settings.verify_mode == "onSave" and state is not None:
            server.verifier.refresh(state)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        server.watch.told(path for change in params.changes if (path := path_of(change.uri)) is not None)
