"""``stile/waitUntilVerified``: the answer comes when a version, or a later one, is settled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcContentModified

from stile_lsp.messages import WAIT_UNTIL_VERIFIED, Arguments
from stile_lsp.session import FileState

if TYPE_CHECKING:
    from stile_lsp.server import StileServer


class Waiters:
    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}

    def wait(self, uri: str, version: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(uri, []).append((version, future))
        return future

    def tell(self, state: FileState) -> None:
        if not state.is_settled or state.uri not in self._waiting:
            return
        left = []
        for version, future in self._waiting.pop(state.uri):
            if version <= state.version and not future.done():
                future.set_result(None)
            elif not future.done():
                left.append((version, future))
        if left:
            self._waiting[state.uri] = left

    def closed(self, uri: str) -> None:
        for _, future in self._waiting.pop(uri, ()):
            if not future.done():
                future.set_exception(JsonRpcContentModified("the document was closed"))

    def close(self) -> None:
        for uri in list(self._waiting):
            self.closed(uri)


def register(server: StileServer) -> None:
    @server.feature(WAIT_UNTIL_VERIFIED)
    async def wait_until_verified(params: Any) -> list[dict[str, Any]]:
        arguments = Arguments(params)
        uri, version = arguments.uri(), arguments.number("version")
        state = server.find_state(uri)
        if state is None:
            raise JsonRpcContentModified("the document is not open")
        if not state.is_settled or state.version < version:
            await server.waiters.wait(uri, version)
            state = server.find_state(uri)
            if state is None:
                raise JsonRpcContentModified("the document was closed")
        return server.publisher.statuses(state)
