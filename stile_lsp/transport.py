"""The wire: standard input and output, guarded at the level of file descriptors, or one TCP connection.

A ``print`` of any library, or anything written to descriptor 1, must never get between two messages: editors
drop the connection at the first stray byte. So the protocol moves to a private copy of descriptor 1, and
descriptor 1 itself becomes standard error.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from dataclasses import dataclass
from typing import cast

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Streams:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def claim_standard_streams() -> tuple[int, int]:
    """Takes descriptors 0 and 1 for the protocol; whoever uses them afterwards gets /dev/null and stderr."""
    sys.stdout.flush()
    source, target = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return source, target


async def open_descriptors(source: int, target: int) -> Streams:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(_selectable(source, writing=False), "rb", buffering=0)
    )
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(_selectable(target, writing=True), "wb", buffering=0)
    )
    protocol = cast(asyncio.StreamReaderProtocol, protocol)
    return Streams(reader, asyncio.StreamWriter(transport, protocol, None, loop))


def _selectable(descriptor: int, writing: bool) -> int:
    """The descriptor, or for a regular file (a recorded session) a pipe that a thread copies to or from."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    read_end, write_end = os.pipe()
    source, target = (read_end, descriptor) if writing else (descriptor, write_end)

    def copy() -> None:
        while data := os.read(source, _CHUNK):
            while data:
                data = data[os.write(target, data) :]
        os.close(target)

    threading.Thread(target=copy, daemon=True, name="copy").start()
    return write_end if writing else read_end


async def accept_one(port: int) -> Streams:
    """The first connection to the port, on this machine only; the port that was taken is told on stderr."""
    connected: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()
        else:
            connected.set_result(Streams(reader, writer))

    server = await asyncio.start_server(on_connection, "127.0.0.1", port, limit=1 << 20)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", file=sys.stderr, flush=True)
    streams = await connected
    server.close()
    return streams
