"""What the client can do, read once from ``initialize``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lsprotocol import types


@dataclass(frozen=True, slots=True)
class ClientProfile:
    push_diagnostics: bool = True
    related_information: bool = False
    configuration: bool = False
    refreshes_code_lens: bool = False
    refreshes_inlay_hints: bool = False
    refreshes_diagnostics: bool = False
    progress: bool = False
    client_commands: bool = False
    """The client has the extension's own commands, which ask the user for what is missing."""


def profile_of(params: types.InitializeParams) -> ClientProfile:
    capabilities = params.capabilities
    document = capabilities.text_document or types.TextDocumentClientCapabilities()
    workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
    window = capabilities.window or types.WindowClientCapabilities()
    publish = document.publish_diagnostics
    options = params.initialization_options
    own = options.get("stile") if isinstance(options, Mapping) else None
    return ClientProfile(
        # A verdict is about one version. Pushed diagnostics carry it and come at the moment of the verdict, so only
        # a client that can pull, and cannot take versions, pulls. Both at once would show everything twice.
        push_diagnostics=document.diagnostic is None or bool(publish and publish.version_support),
        related_information=bool(publish and publish.related_information),
        configuration=bool(workspace.configuration),
        refreshes_code_lens=bool(workspace.code_lens and workspace.code_lens.refresh_support),
        refreshes_inlay_hints=bool(workspace.inlay_hint and workspace.inlay_hint.refresh_support),
        refreshes_diagnostics=bool(workspace.diagnostics and workspace.diagnostics.refresh_support),
        progress=bool(window.work_done_progress),
        client_commands=isinstance(own, Mapping) and own.get("clientCommands") is True,
    )
