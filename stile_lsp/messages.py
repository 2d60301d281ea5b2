"""The server's own messages as plain JSON, and the translation of reports into the protocol's types."""

from __future__ import annotations

from collections.abc import Mapping

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import UTF16, LineIndex

STATUS = "stile/status"
ISOLATION = "stile/isolation"
PROOF_VIEW = "stile/proofView"
WAIT_UNTIL_VERIFIED = "stile/waitUntilVerified"


class Places:
    """Translates the positions of one document to the client's encoding and back."""

    def __init__(self, index: LineIndex, encoding: str) -> None:
        self._index = index
        self._encoding = encoding

    def position(self, position: Position) -> types.Position:
        found = self._index.convert(position, UTF16, self._encoding)
        return types.Position(found.line, found.character)

    def range(self, found: Range) -> types.Range:
        return types.Range(self.position(found.start), self.position(found.end))

    def json(self, found: Range) -> dict[str, dict[str, int]]:
        converted = self.range(found)
        return {
            "start": {"line": converted.start.line, "character": converted.start.character},
            "end": {"line": converted.end.line, "character": converted.end.character},
        }

    def ours(self, position: types.Position) -> Position:
        return self._index.convert(Position(position.line, position.character), self._encoding, UTF16)


class Arguments:
    """The one object that a command or a message of ours carries, checked where it is read."""

    def __init__(self, data: object) -> None:
        if not isinstance(data, Mapping):
            raise JsonRpcInvalidParams(f"expected one object, got {type(data).__name__}")
        self._data = data

    def text(self, name: str) -> str:
        value = self._data.get(name)
        if not isinstance(value, str):
            raise JsonRpcInvalidParams(f"expected a string as {name!r}")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._data.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        value = self._data.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise JsonRpcInvalidParams(f"expected an integer as {name!r}")
        return value

    def optional_number(self, name: str) -> int | None:
        return None if self._data.get(name) is None else self.number(name)

    def object(self, name: str) -> Arguments:
        return Arguments(self._data.get(name))

    def uri(self) -> str:
        return self.object("textDocument").text("uri") if "textDocument" in self._data else self.text("uri")

    def position(self) -> types.Position:
        place = self.object("position")
        return types.Position(max(place.number("line"), 0), max(place.number("character"), 0))
