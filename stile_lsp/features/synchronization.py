"""didOpen, didChange, didSave, didClose: the text comes first, then what follows from it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_lsp import session
from stile_lsp.documents import Document, UnknownDocument
from stile_lsp.interpreter import path_of
from stile_lsp.outline import Outline, outline

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)


def _follow_imports(server: StileServer, document: Document, found: object) -> None:
    path = path_of(document.uri)
    if path is not None and isinstance(found, Outline):
        roots = [folder for folder in server.folders if path.is_relative_to(folder)]
        server.background(server.watch.follow(document.uri, path, found.imports, roots))


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        given = params.text_document
        server.verifier.closed(given.uri)
        server.publisher.opened(given.uri)
        document = server.documents.open(given.uri, given.version, given.text)
        found = outline(document.text)
        state = session.opened(document.uri, document.version, found)
        if server.settings.verify_mode != "manual":
            server.verifier.verify(document.uri, state=state)
        else:
            server.update(state)
        _follow_imports(server, document, found)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        given = params.text_document
        try:
            document, edits = server.documents.change(given.uri, given.version, params.content_changes, server.encoding)
        except UnknownDocument:
            logger.warning("a change of %s, which is not open, is ignored", given.uri)
            return
        server.verifier.edited(document.uri)
        found = outline(document.text)
        before = server.state(document.uri)
        state = session.edited(before, document.version, found, edits)
        if server.settings.verify_mode == "onChange":
            server.verifier.verify(document.uri, delay=server.settings.verify_debounce / 1000, state=state)
        else:
            server.update(state)
        if before.known is None or not isinstance(found, Outline) or found.imports != before.known.imports:
            _follow_imports(server, document, found)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        if server.settings.verify_mode == "onSave" and server.find_state(params.text_document.uri) is not None:
            server.verifier.verify(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.verifier.closed(uri)
        server.documents.close(uri)
        server.forget(uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        server.watch.told(path for change in params.changes if (path := path_of(change.uri)) is not None)
