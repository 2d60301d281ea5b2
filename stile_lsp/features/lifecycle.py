"""initialize, initialized, shutdown, and the death of the client."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_lsp.client_profile import profile_of
from stile_lsp.interpreter import path_of
from stile_lsp.settings import updated

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0


def _folders(params: types.InitializeParams) -> list[Path]:
    if params.workspace_folders:
        return [path for folder in params.workspace_folders if (path := path_of(folder.uri)) is not None]
    if params.root_uri and (path := path_of(params.root_uri)) is not None:
        return [path]
    return [Path(params.root_path)] if params.root_path else []


def register(server: StileServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.client_profile = profile_of(params)
        server.folders = _folders(params)
        server.settings = updated(server.settings, params.initialization_options)
        server.encoding = server.chosen_encoding(params.capabilities)
        server.protocol.pulls_diagnostics = not server.client_profile.push_diagnostics
        if params.process_id:
            server.background(_end_with_client(server, params.process_id))

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = {path_of(folder.uri) for folder in params.event.removed}
        added = [path for folder in params.event.added if (path := path_of(folder.uri)) is not None]
        open_files = [document.uri for document in server.documents.all]
        before = {uri: (server.verifier.workspace_of(uri), server.verifier.interpreter_for(uri)) for uri in open_files}
        server.folders = [folder for folder in server.folders if folder not in removed] + added
        for uri in open_files:
            if before[uri] != (server.verifier.workspace_of(uri), server.verifier.interpreter_for(uri)):
                server.start_over(uri)
        server.background(server.verifier.close_unused())

    @server.feature(types.SHUTDOWN)
    def shutdown(params: None) -> None:
        server.background(server.stop())


async def _end_with_client(server: StileServer, process: int) -> None:
    """An editor that was killed closes no pipe that another process still holds; its process id tells."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            logger.error("the client is gone")
            server.protocol.exit_requested()
            return
        except PermissionError:
            continue
