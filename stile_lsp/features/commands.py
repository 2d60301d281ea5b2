"""``workspace/executeCommand``: each command starts something and answers at once.

Nothing long happens inside of a command: a client that cancels one would get its answer while the work went on.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from stile_lsp.features.proof_view import normal_form_text
from stile_lsp.lookup import entry_at
from stile_lsp.messages import Arguments
from stile_lsp.progress import run_of_token
from stile_lsp.session import Entry, FileState

if TYPE_CHECKING:
    from stile_lsp.server import StileServer


def _at(server: StileServer, arguments: Arguments) -> tuple[FileState, Entry | None]:
    """The file's state, and the kernel at the position."""
    uri = arguments.uri()
    state = server.find_state(uri)
    if state is None:
        raise JsonRpcInvalidParams(f"{uri} is not open")
    position = server.places(uri).ours(arguments.position())
    return state, entry_at(state, position)


def register(server: StileServer) -> None:
    @server.command("stile.server.prove")
    def prove(argument: Any = None) -> dict[str, Any]:
        """Checks the kernel at the position, also in mode *manual*."""
        state, entry = _at(server, Arguments(argument))
        if entry is None:
            raise JsonRpcInvalidParams("there is no kernel at this position")
        if state.run is not None and not state.run.select:
            return {"run": state.run.number}  # the whole file is being checked already
        return {"run": server.verifier.verify(state.uri, select=(entry.name,), afresh=True)}

    @server.command("stile.server.proveAgainst")
    def prove_against(argument: Any = None) -> dict[str, Any]:
        """Compares the kernel at the position with another spec than its own."""
        arguments = Arguments(argument)
        state, entry = _at(server, arguments)
        if entry is None:
            raise JsonRpcInvalidParams("there is no kernel at this position")
        spec = arguments.text("spec")
        return {"run": server.verifier.ask(state.uri, entry.name_range.start.line, spec)}

    @server.command("stile.server.proveAll")
    def prove_all(argument: Any = None) -> dict[str, Any]:
        uri = Arguments(argument or {}).optional_text("uri")
        chosen = [document.uri for document in server.documents.all if uri in (None, document.uri)]
        if uri is not None and not chosen:
            raise JsonRpcInvalidParams(f"{uri} is not open")
        runs = [server.verifier.verify(name, afresh=True) for name in chosen]
        return {"run": runs[-1] if runs else None, "runs": runs}

    @server.command("stile.server.normalForm")
    def normal_form(argument: Any = None) -> str:
        _, entry = _at(server, Arguments(argument))
        return normal_form_text(entry) if entry is not None else "There is no kernel at this position."

    @server.command("stile.server.cancel")
    def cancel(argument: Any = None) -> dict[str, Any]:
        arguments = Arguments(argument or {})
        return {"cancelled": server.verifier.cancel(arguments.optional_text("uri"), arguments.optional_number("run"))}

    @server.command("stile.server.restartWorker")
    async def restart_worker(argument: Any = None) -> dict[str, Any]:
        """Ends all processes that run user code, and checks every open file again."""
        await server.verifier.restart()
        runs = [server.verifier.verify(document.uri, afresh=True) for document in server.documents.all]
        return {"run": runs[-1] if runs else None, "runs": runs}

    @server.command("stile.server.debugInformation")
    def debug_information(argument: Any = None) -> str:
        return debug_text(server)

    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def progress_cancelled(params: types.WorkDoneProgressCancelParams) -> None:
        if (run := run_of_token(params.token)) is not None:
            server.verifier.cancel(None, run)


def debug_text(server: StileServer) -> str:
    """Versions, interpreters and settings; nothing of the user's text."""
    lines = [
        f"stile-lsp {server.version} under Python {platform.python_version()} ({sys.executable})",
        f"{platform.platform()}; positions in {server.encoding}",
        f"settings: {server.settings}",
        f"client: {server.client_profile}",
    ]
    for worker in server.verifier.workers:
        lines.append(f"worker: {worker.interpreter}: {worker.state}")
        if (ready := worker.ready) is not None:
            found = ", ".join(f"{name} {version}" for name, version in ready.versions.items())
            lines.append(f"  Python {ready.python}; {found}; {ready.isolation}")
            lines.extend(f"  missing: {name}" for name in ready.missing)
    if (outcome := server.verifier.last_outcome) is not None:
        lines.append(f"last run: {outcome.kind} {outcome.message}".rstrip())
    for document in server.documents.all:
        state = server.state(document.uri)
        verdicts = ", ".join(f"{entry.name} {entry.status}" for entry in state.entries)
        lines.append(f"open: version {document.version}, {len(document.text)} characters: {verdicts or 'no kernels'}")
        lines.extend(f"  note: {note}" for note in state.notes)
    return "\n".join(lines)
