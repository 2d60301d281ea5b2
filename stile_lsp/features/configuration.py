"""Settings: given at the start, pushed, or pulled; each change takes effect at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_lsp.settings import SECTION, Settings, updated

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)


def register(server: StileServer) -> None:
    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        if server.client_profile.configuration:
            server.background(_pull(server))

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def changed(params: types.DidChangeConfigurationParams) -> None:
        apply(server, updated(server.settings, params.settings))
        if server.client_profile.configuration:
            server.background(_pull(server))


async def _pull(server: StileServer) -> None:
    try:
        answer = await server.workspace_configuration_async(
            types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
        )
    except Exception as problem:
        logger.warning("the client does not give its settings: %s", problem)
        return
    apply(server, updated(server.settings, answer[0] if answer else None))


def apply(server: StileServer, settings: Settings) -> None:
    before = server.settings
    if settings == before:
        return
    interpreters = {document.uri: server.verifier.interpreter_for(document.uri) for document in server.documents.all}
    server.settings = settings
    for document in server.documents.all:
        other = server.verifier.interpreter_for(document.uri) != interpreters[document.uri]
        rerun = other or settings.trusted != before.trusted
        woken = settings.verify_mode == "onChange" != before.verify_mode and _has_stale(server, document.uri)
        if rerun:
            server.start_over(document.uri)
        elif woken:
            server.verifier.verify(document.uri)
    if settings.interpreter != before.interpreter:
        server.background(server.verifier.close_unused())
    server.publisher.refresh_soon()


def _has_stale(server: StileServer, uri: str) -> bool:
    state = server.find_state(uri)
    return state is not None and any(entry.stale for entry in state.entries)
