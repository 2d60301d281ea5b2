"""The one way out for statuses and diagnostics: never an older version after a newer one, never the same twice.

Statuses are also told again when only what stands behind them came, as normal forms do after the verdict: a proof view
is asked for again on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from stile_engine.trace.report import KernelReport, Status, ValueInfo
from stile_lsp import messages
from stile_lsp.features.diagnostics import document_diagnostics
from stile_lsp.messages import Places
from stile_lsp.session import FileState
from stile_lsp.wording import explanation, verdict

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

REFRESH_SECONDS = 0.02
"""Refresh requests make the client ask again for a whole view, so those of one moment are sent as one."""


class Publisher:
    def __init__(self, server: StileServer) -> None:
        self._server = server
        self._versions: dict[str, int] = {}
        self._statuses: dict[str, dict[str, Any]] = {}
        self._diagnostics: dict[str, tuple[int, list[types.Diagnostic]]] = {}
        self._behind: dict[str, tuple[tuple[KernelReport | None, tuple[ValueInfo, ...]], ...]] = {}
        self._refresh_planned = False

    def publish(self, state: FileState) -> None:
        """Tells the client what changed since it was last told."""
        document = self._server.documents.find(state.uri)
        if document is None or document.version != state.version:
            return
        if state.version < self._versions.get(state.uri, state.version):
            return
        self._versions[state.uri] = state.version
        places = Places(document.index, self._server.encoding)
        payload = {"uri": state.uri, "version": state.version, "kernels": statuses(state, places)}
        # What hints, hovers and proof views show comes after the verdict, when no status changes any more.
        behind = tuple((entry.result, entry.values) for entry in state.entries)
        changed = payload != self._statuses.get(state.uri) or behind != self._behind.get(state.uri, ())
        # Kept also where they are equal: what is the same object need not be compared the next time.
        self._behind[state.uri] = behind
        if changed:
            self._statuses[state.uri] = payload
            self._server.protocol.notify(messages.STATUS, payload)
        found = document_diagnostics(state, places, self._server.client_profile)
        if (state.version, found) != self._diagnostics.get(state.uri):
            self._diagnostics[state.uri] = (state.version, found)
            changed = True
            if self._server.client_profile.push_diagnostics:
                self._server.text_document_publish_diagnostics(
                    types.PublishDiagnosticsParams(state.uri, found, state.version)
                )
        if changed:
            self.refresh_soon()

    def opened(self, uri: str) -> None:
        """A file that is opened again may start at any version."""
        for known in (self._versions, self._statuses, self._diagnostics, self._behind):
            known.pop(uri, None)

    def statuses(self, state: FileState) -> list[dict[str, Any]]:
        return statuses(state, self._server.places(state.uri))

    def closed(self, uri: str) -> None:
        """A closed file has no diagnostics."""
        self.opened(uri)
        if self._server.client_profile.push_diagnostics:
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def refresh_soon(self) -> None:
        if not self._refresh_planned:
            self._refresh_planned = True
            self._server.loop.call_later(REFRESH_SECONDS, self._refresh)

    def _refresh(self) -> None:
        self._refresh_planned = False
        if self._server.is_stopping:
            return
        profile = self._server.client_profile
        if profile.refreshes_code_lens:
            self._server.workspace_code_lens_refresh(None)
        if profile.refreshes_inlay_hints:
            self._server.workspace_inlay_hint_refresh(None)
        if profile.refreshes_diagnostics and not profile.push_diagnostics:
            self._server.workspace_diagnostic_refresh(None)


def statuses(state: FileState, places: Places) -> list[dict[str, Any]]:
    """All kernels of the file, as ``stile/status`` lists them."""
    found: list[dict[str, Any]] = []
    for entry in state.entries:
        status = entry.status
        text = "cancelling" if state.cancelling and status in (Status.QUEUED, Status.RUNNING) else None
        kernel: dict[str, Any] = {
            "name": entry.name,
            "range": places.json(entry.range),
            "status": str(status),
            "message": text or explanation(status, entry.result, entry.moved),
        }
        if entry.against is not None:
            answer = entry.against
            kernel["against"] = {
                "spec": answer.spec,
                "status": str(answer.status),
                "message": verdict(answer.status, answer),
            }
        found.append(kernel)
    return found
