"""The start of the server's process, in an order in which nobody waits for anything twice.

The first message says under which interpreter kernels will be run. The process for that takes as long to get ready as
this one, so it is started before the modules of the server are loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import importlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from stile_engine.worker.ahead import Ahead
from stile_engine.worker.client import WorkerKind, worker_kind
from stile_lsp import transport
from stile_lsp.framing import BadHeader, bodies
from stile_lsp.interpreter import path_of, resolve
from stile_lsp.settings import Settings, updated
from stile_lsp.transport import Streams

logger = logging.getLogger(__name__)

_FIRST_SECONDS = 0.05
"""How long the first message is waited for: a client writes it as soon as there is a process to read it."""

_MEANWHILE = ("cattrs", "lark", "stile_engine.worker.kept", "stile_lsp.session")
"""Modules of the server that are loaded while the system starts the worker's process."""


def main() -> None:
    """Entry of ``stile-lsp`` and ``python -m stile_lsp``."""
    parser = argparse.ArgumentParser(prog="stile-lsp", description="The language server of Stile.")
    parser.add_argument("--stdio", action="store_true", help="speak over standard input and output (the default)")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="wait for one connection on this local port")
    parser.add_argument("--log", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    options, _ = parser.parse_known_args()
    if options.version:
        from stile_lsp.server import version

        print(version())
        return
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # pygls tells every message at its levels, and every refusal as an error with a traceback; ours are in `protocol`.
    logging.getLogger("pygls").setLevel(logging.DEBUG if options.log == "debug" else logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)

    if options.tcp is None:
        source, target = transport.claim_standard_streams()

    @contextlib.asynccontextmanager
    async def open_streams() -> AsyncIterator[Streams]:
        if options.tcp is not None:
            streams = await transport.accept_one(options.tcp)
        else:
            streams = await transport.open_descriptors(source, target)
        try:
            yield streams
        finally:
            streams.writer.close()

    status = 1
    try:
        status = asyncio.run(_serve(open_streams))
    except KeyboardInterrupt:
        status = 130
    finally:
        sys.stderr.flush()
        # Nothing that is left may delay the end: all user processes are dead by now.
        os._exit(status)


async def _serve(open_streams: Callable[[], contextlib.AbstractAsyncContextManager[Streams]]) -> int:
    # What is loaded stays: looking for garbage among it would take a fifth of the time.
    gc.disable()
    async with open_streams() as streams:
        messages = bodies(streams.reader)
        first = asyncio.ensure_future(_next(messages))
        await asyncio.wait({first}, timeout=_FIRST_SECONDS)
        ahead = await _begun(first.result()) if first.done() else None
        from stile_lsp.server import StileServer
        from stile_lsp.verifier import engine_worker

        server = StileServer(functools.partial(engine_worker, launcher=ahead))
        gc.freeze()
        gc.enable()
        try:
            return await server.serve(_joined(first, messages), streams.writer)
        finally:
            if ahead is not None:
                ahead.close()


async def _begun(body: bytes | BadHeader | None) -> Ahead | None:
    """The worker that the client will need first, on its way; None where that is not known."""
    interpreter = first_interpreter(body) if isinstance(body, bytes) else None
    if interpreter is None or worker_kind() is not WorkerKind.FORKED:
        return None
    try:
        ahead = Ahead(interpreter, lambda text: logger.info("%s", text))
        begun = asyncio.ensure_future(ahead.begin())
        for module in _MEANWHILE:
            await asyncio.sleep(0)
            importlib.import_module(module)
        await begun
    except Exception:
        # Without it the server only takes longer to its first verdict.
        logger.exception("the worker could not be started ahead")
        return None
    return ahead


def first_interpreter(body: bytes) -> str | None:
    """The interpreter of the first folder, where the message is an ``initialize`` that lets its files be run."""
    try:
        message = json.loads(body)
        params = message["params"] if message["method"] == "initialize" else {}
        # Whether files may be run could also be told later, so nothing is guessed of a client that tells nothing here.
        settings = updated(Settings(), {**params["initializationOptions"]})
        folders = params.get("workspaceFolders") or []
        root = folders[0]["uri"] if folders else params.get("rootUri")
        folder = path_of(root) if root else Path(params["rootPath"]) if params.get("rootPath") else None
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not settings.trusted or settings.verify_mode == "manual":
        return None
    return resolve(settings.interpreter, folder)


async def _next(messages: AsyncIterator[bytes | BadHeader]) -> bytes | BadHeader | None:
    return await anext(messages, None)


async def _joined(
    first: asyncio.Future[bytes | BadHeader | None], messages: AsyncIterator[bytes | BadHeader]
) -> AsyncIterator[bytes | BadHeader]:
    body = await first
    if body is not None:
        yield body
        async for body in messages:
            yield body
