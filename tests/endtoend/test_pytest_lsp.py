"""The server as an ordinary client library meets it, with the abilities of three editors."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
import texts
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

URI = "file:///tmp/pytest_lsp_kernels.py"

ROOT = Path(__file__).parents[2]


@pytest_lsp.fixture(
    params=["visual-studio-code", "neovim", "emacs"],
    config=ClientServerConfig(server_command=[sys.executable, "-m", "stile_lsp"]),
)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient) -> AsyncIterator[None]:
    @lsp_client.feature("stile/status")
    def on_status(*parameters: object) -> None:
        """Known to the client, so that it is not warned of."""

    @lsp_client.feature(types.WORKSPACE_CODE_LENS_REFRESH)
    @lsp_client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
    def on_refresh(*parameters: object) -> None:
        """Answered with nothing, as the protocol asks."""

    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities(request.param),
            workspace_folders=[types.WorkspaceFolder(ROOT.as_uri(), "root")],
            initialization_options={"stile": {"interpreter": sys.executable, "verify": {"debounce": 0}}},
        )
    )
    yield
    await lsp_client.shutdown_session()


async def verified(client: LanguageClient, text: str, version: int = 1) -> dict[str, str]:
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, types.LanguageKind.Python, version, text))
    )
    return await settled(client, version)


async def settled(client: LanguageClient, version: int) -> dict[str, str]:
    params = {"textDocument": {"uri": URI}, "version": version}
    kernels = await client.protocol.send_request_async("stile/waitUntilVerified", params)
    return {kernel["name"]: kernel["status"] for kernel in kernels}


def codes(diagnostics: object) -> list[object]:
    assert isinstance(diagnostics, list | tuple)
    return [diagnostic.code for diagnostic in diagnostics]


@pytest.mark.asyncio
async def test_a_session(client: LanguageClient) -> None:
    assert await asyncio.wait_for(verified(client, texts.BOTH), 20) == {"right": "proved", "wrong": "refuted"}
    document = types.TextDocumentIdentifier(URI)
    if (
        client.capabilities.text_document.diagnostic
        and not client.capabilities.text_document.publish_diagnostics.version_support
    ):
        report = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(document))
        assert codes(report.items) == ["not-equal"] and URI not in client.diagnostics
    else:
        assert codes(client.diagnostics[URI]) == ["not-equal"]

    line = texts.BOTH.splitlines().index("    tripled = X * 3")
    hover = await client.text_document_hover_async(types.HoverParams(document, types.Position(line, 6)))
    assert hover is not None and isinstance(hover.contents, types.MarkupContent)
    assert "M N" in hover.contents.value

    lenses = await client.text_document_code_lens_async(types.CodeLensParams(document))
    titles = [lens.command.title for lens in lenses or () if lens.command]
    assert any(title.startswith("✓ proved in") for title in titles)

    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, URI),
            [
                types.TextDocumentContentChangePartial(
                    types.Range(types.Position(line, 18), types.Position(line, 19)), "2"
                )
            ],
        )
    )
    assert await asyncio.wait_for(settled(client, 2), 20) == {"right": "proved", "wrong": "proved"}
