"""What helps when no check can run under the interpreter: installing the module that it lacks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from stile_lsp.messages import Arguments
from stile_lsp.progress import Progress

if TYPE_CHECKING:
    from stile_lsp.server import StileServer

logger = logging.getLogger(__name__)

INSTALL = "stile.server.install"


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        concerned = [d for d in params.context.diagnostics if d.code == "import-error"]
        missing = server.verifier.missing_module(uri)
        if missing is None or not concerned:
            return []
        interpreter, module = missing
        command = types.Command(f"Install {module}", INSTALL, arguments=[{"uri": uri}])
        title = f"Install {module} into {interpreter}"
        return [types.CodeAction(title, types.CodeActionKind.QuickFix, concerned, is_preferred=True, command=command)]

    @server.command(INSTALL)
    def install(argument: Any = None) -> dict[str, Any]:
        """Installs what the interpreter of the file lacks. Only the user's click leads here."""
        uri = Arguments(argument).uri()
        missing = server.verifier.missing_module(uri)
        if missing is None:
            raise JsonRpcInvalidParams("nothing is known to be missing")
        if not server.settings.trusted:
            raise JsonRpcInvalidParams("this folder is not trusted")
        server.background(_install(server, uri, *missing))
        return {"run": None}


async def _install(server: StileServer, uri: str, interpreter: str, module: str) -> None:
    """pip under the user's interpreter, then everything again."""
    async with Progress(server, uri, 0, f"Stile: installing {module}"):
        process = await asyncio.create_subprocess_exec(
            interpreter,
            *("-m", "pip", "install", module),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    logger.info("pip install %s: %s", module, output.decode(errors="replace"))
    if process.returncode != 0:
        last = output.decode(errors="replace").strip().rpartition("\n")[2]
        server.tell(f"Stile: installing {module} failed: {last}", types.MessageType.Error)
        return
    server.tell(f"Stile: {module} is installed.")
    await server.verifier.restart()
    for document in server.documents.all:
        server.verifier.verify(document.uri, afresh=True)
