"""The kernels of a file, for outlines and breadcrumbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from stile_lsp.wording import verdict

if TYPE_CHECKING:
    from stile_lsp.server import StileServer


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbol(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        state = server.find_state(params.text_document.uri)
        if state is None:
            return []
        places = server.places(state.uri)
        return [
            types.DocumentSymbol(
                entry.name,
                types.SymbolKind.Function,
                places.range(entry.range),
                places.range(entry.name_range),
                detail=verdict(entry.status, entry.result, entry.moved),
            )
            for entry in state.entries
        ]
