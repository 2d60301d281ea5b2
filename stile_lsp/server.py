"""The language server: wiring only. What it knows is in ``session``, what it shows in ``features``."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder
from pygls.exceptions import JsonRpcParseError

from stile_engine.incremental.project import Project
from stile_engine.trace.report import KernelReport, Range, Status
from stile_engine.worker.client import WorkerClient
from stile_lsp import messages, session
from stile_lsp.client_profile import ClientProfile
from stile_lsp.documents import UTF16, Documents
from stile_lsp.features import (
    code_actions,
    code_lens,
    commands,
    configuration,
    diagnostics,
    document_symbols,
    hover,
    inlay_hints,
    lifecycle,
    proof_view,
    synchronization,
    waiting,
)
from stile_lsp.framing import BadHeader
from stile_lsp.messages import Places
from stile_lsp.projects import Projects
from stile_lsp.protocol import BaseServer
from stile_lsp.publish import Publisher
from stile_lsp.session import FileState
from stile_lsp.settings import Settings
from stile_lsp.verifier import Verifier, engine_worker
from stile_lsp.watch import Watch
from stile_lsp.wording import explanation

logger = logging.getLogger(__name__)

FEATURES = (
    lifecycle,
    configuration,
    synchronization,
    diagnostics,
    hover,
    inlay_hints,
    code_lens,
    document_symbols,
    commands,
    code_actions,
    proof_view,
    waiting,
)


def version() -> str:
    try:
        return importlib.metadata.version("stile-lsp")
    except importlib.metadata.PackageNotFoundError:
        return "bundled"


class StileServer(BaseServer):
    """What the features share: documents, their states, the verifier, settings and the client's abilities."""

    def __init__(self, make_worker: Callable[[StileServer, str], WorkerClient] = engine_worker) -> None:
        super().__init__("stile", version())
        self.documents = Documents()
        self.settings = Settings()
        self.client_profile = ClientProfile()
        self.encoding: str = UTF16
        self.folders: list[Path] = []
        self.is_stopping = False
        self.verifier = Verifier(self)
        self.publisher = Publisher(self)
        self.waiters = waiting.Waiters()
        self.projects = Projects(self._follow)
        self.visible: dict[str, Range] = {}
        """What the client last asked hints for: the part of the file that is on the screen."""
        self._attention: dict[str, float] = {}
        self._edited: dict[str, float] = {}
        self._make_worker = make_worker
        self._states: dict[str, FileState] = {}
        self._watch: Watch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for feature in FEATURES:
            feature.register(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "the server is not running"
        return self._loop

    @property
    def watch(self) -> Watch:
        assert self._watch is not None, "the server is not running"
        return self._watch

    def make_worker(self, interpreter: str) -> WorkerClient:
        return self._make_worker(self, interpreter)

    def attend(self, uri: str, visible: Range | None = None) -> None:
        """Somebody edits the file, or looks at it."""
        self._attention[uri] = time.monotonic()
        if visible is not None:
            self.visible[uri] = visible

    def edited(self, uri: str) -> float:
        """Notes an edit; how many seconds ago the one before it was."""
        now = time.monotonic()
        before, self._edited[uri] = self._edited.get(uri, 0.0), now
        return now - before

    def attention_to(self, uri: str) -> float:
        """When somebody last edited the file or looked at it; later is greater."""
        return self._attention.get(uri, 0.0)

    def find_state(self, uri: str) -> FileState | None:
        return self._states.get(uri)

    def state(self, uri: str) -> FileState:
        return self._states[uri]

    def places(self, uri: str) -> Places:
        return Places(self.documents.get(uri).index, self.encoding)

    def update(self, state: FileState) -> None:
        """Puts the next state of a file in place and tells everyone who wants to know."""
        self._states[state.uri] = state
        self.publisher.publish(state)
        self.waiters.tell(state)

    def forget(self, uri: str) -> None:
        for known in (self._states, self.visible, self._attention, self._edited):
            known.pop(uri, None)
        self.watch.forget(uri)
        self.projects.closed(uri)
        self.publisher.closed(uri)
        self.waiters.closed(uri)

    def close(self, uri: str) -> None:
        """The client has the file no longer open."""
        if self.documents.find(uri) is None:
            return
        self.verifier.closed(uri)
        self.documents.close(uri)
        self.forget(uri)

    def lose(self, uri: str) -> None:
        """The text of an open file is not known any longer: nothing that was said of it holds."""
        document = self.documents.find(uri)
        if document is None:
            return
        self.close(uri)
        self.protocol.notify(messages.STATUS, {"uri": uri, "version": document.version, "kernels": []})
        message = f"Stile: an edit of {uri.rpartition('/')[2]} could not be read; close and open the file again."
        self.tell(message, types.MessageType.Error)

    def _follow(self, uri: str, paths: Iterable[str]) -> None:
        self.watch.follow(uri, paths)

    def on_disk_change(self, uris: frozenset[str]) -> None:
        """Imported files changed: what depends on the change is stale, and checked again as the mode says."""
        for uri in uris:
            self.background(self._reread(uri))

    async def _reread(self, uri: str) -> None:
        state = self.find_state(uri)
        if state is None or state.known is None:
            return
        project = await self.projects.read(uri, state.known, self.verifier.workspace_of(uri))
        state = self.find_state(uri)
        if state is None or state.known is None or state.known.project == project:
            return
        if state.run is not None:
            # It may have begun before the change.
            self.verifier.edited(uri)
            state = session.unplanned(state)
        state = session.reprojected(state, project)
        if self.settings.verify_mode != "manual":
            self.verifier.refresh(state, delay=self.settings.verify_debounce / 1000)
        else:
            self.update(state)

    def start_over(self, uri: str) -> None:
        """What is not in any text has changed: no result of the file holds, and it is read and run anew."""
        self.verifier.edited(uri)
        self.projects.closed(uri)
        self.projects.opened(uri)
        state = session.unplanned(session.outdated(self.state(uri)))
        if state.known is not None:
            state = session.reprojected(state, Project(state.known.path, is_complete=False))
        if self.settings.verify_mode != "manual":
            self.verifier.verify(uri, afresh=True, state=state)
        else:
            self.update(state)

    def tell(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        self.window_show_message(types.ShowMessageParams(kind, message))

    async def serve(self, messages: AsyncIterator[bytes | BadHeader], writer: asyncio.StreamWriter) -> int:
        """Serves one client and returns the exit status that the protocol asks for."""
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(self._loop, self.on_disk_change)
        self.protocol.lost = self.lose
        self.protocol.set_writer(writer)
        reading = self._loop.create_task(self._read(messages))
        self.protocol.exit_requested = functools.partial(_cancel_soon, reading)
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await self.stop()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        return 0 if self.protocol.was_shut_down else 1

    async def _read(self, messages: AsyncIterator[bytes | BadHeader]) -> None:
        async for body in messages:
            if isinstance(body, BadHeader):
                self.protocol.refuse(None, JsonRpcParseError(str(body)))
            else:
                self.protocol.take(body)

    def chosen_encoding(self, capabilities: types.ClientCapabilities) -> str:
        """The first of the client's encodings that is one of the three; UTF-16 for a client that names none."""
        chosen = ServerCapabilitiesBuilder.choose_position_encoding(capabilities)
        return chosen.value if isinstance(chosen, types.PositionEncodingKind) else str(chosen)

    def tell_answer(self, kernel: KernelReport, spec: str) -> None:
        good = kernel.status in (Status.PROVED, Status.ASSUMED)
        kind = types.MessageType.Info if good else types.MessageType.Warning
        self.tell(f"{kernel.name} against {spec}: {explanation(kernel.status, kernel)}", kind)

    async def stop(self) -> None:
        """Ends all work. User code is killed, never asked."""
        if self.is_stopping:
            return
        self.is_stopping = True
        await self.verifier.close()
        self.watch.stop()
        self.waiters.close()
        for task in list(self.tasks):
            task.cancel()


def _cancel_soon(task: asyncio.Task[None]) -> None:
    # Not at once: the request comes from a message that the task itself is handling.
    asyncio.get_running_loop().call_soon(task.cancel)
