"""The dims and the type of every assigned array behind its name, and by a setting its normal form at the line's end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lsprotocol import types

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import LineIndex, survivor
from stile_lsp.markdown import shortened
from stile_lsp.messages import Places
from stile_lsp.session import FileState
from stile_lsp.settings import Settings

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

LONGEST = 120

_SHORT = {"bfloat": "bf", "float": "f", "uint": "u", "int": "i", "complex": "c"}


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        state = server.find_state(params.text_document.uri)
        if state is None:
            return []
        index = server.documents.get(state.uri).index
        first, last = params.range.start.line, params.range.end.line
        # Editors ask for hints on what is on the screen.
        server.attend(state.uri, Range(Position(first, 0), Position(last, 0)))
        return list(hints(state, server.settings, server.places(state.uri), index, first, last))


def short_dtype(dtype: str) -> str:
    """``f32`` for ``float32``, as JAX writes types; what has no number keeps its name."""
    kind = dtype.rstrip("0123456789")
    return _SHORT.get(kind, kind) + dtype[len(kind) :]


def hints(
    state: FileState, settings: Settings, places: Places, index: LineIndex, first: int, last: int
) -> Iterator[types.InlayHint]:
    seen: set[Position] = set()
    for entry in state.entries:
        for value in entry.values:
            if value.name_range is None:
                continue
            # Nothing is shown where the text was edited: a hint that jumps while one types is worse than none.
            name = survivor(value.name_range, entry.edits) if entry.edits else value.name_range
            if name is None or not first <= name.start.line <= last or name.end in seen:
                continue
            seen.add(name.end)
            if settings.inlay_shapes:
                yield types.InlayHint(
                    places.position(name.end),
                    f": {value.dims or 'scalar'}" + (f" · {short_dtype(value.dtype)}" if value.dtype else ""),
                    kind=types.InlayHintKind.Type,
                    padding_left=False,
                )
            if settings.inlay_normal_form and value.normal_form:
                line = value.range.end.line + name.start.line - value.name_range.start.line
                end = index.position(index.offset(Position(line, 1 << 30)))
                yield types.InlayHint(
                    places.position(end), f"= {shortened(value.normal_form, LONGEST)}", padding_left=True
                )
