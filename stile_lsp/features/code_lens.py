"""Over each kernel: its verdict, *Prove*, and *Normal form*."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from stile_engine.trace.report import Range, Status
from stile_lsp.messages import Places
from stile_lsp.session import Entry, FileState
from stile_lsp.wording import verdict

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

# The extension's own commands show their result in the editor; other clients get the server's.
CLIENT_COMMANDS = {"prove": "stile.prove", "normalForm": "stile.showNormalForm"}
SERVER_COMMANDS = {"prove": "stile.server.prove", "normalForm": "stile.server.normalForm"}


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        state = server.find_state(params.text_document.uri)
        if state is None or not server.settings.code_lens:
            return []
        commands = CLIENT_COMMANDS if server.client_profile.client_commands else SERVER_COMMANDS
        return list(lenses(state, server.places(state.uri), commands))


def lenses(state: FileState, places: Places, commands: dict[str, str]) -> Iterator[types.CodeLens]:
    for entry in state.entries:
        place = places.range(Range(entry.range.start, entry.range.start))
        position = places.position(entry.name_range.start)
        argument: list[Any] = [{"uri": state.uri, "position": {"line": position.line, "character": position.character}}]
        for title, command in _titles(entry, state):
            yield types.CodeLens(place, types.Command(title, commands[command], arguments=argument))


def _titles(entry: Entry, state: FileState) -> Iterator[tuple[str, str]]:
    status = entry.status
    waiting = status in (Status.QUEUED, Status.RUNNING)
    yield "… cancelling" if state.cancelling and waiting else verdict(status, entry.result, entry.moved), "normalForm"
    if entry.against is not None:
        yield f"against {entry.against.spec}: {verdict(entry.against.status, entry.against)}", "normalForm"
    yield "Prove", "prove"
    yield "Normal form", "normalForm"
