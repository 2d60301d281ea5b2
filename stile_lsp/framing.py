"""Bytes to bodies of messages: headers read as the protocol allows them, and what is none passed over.

A client that writes nonsense gets an error for it and keeps its server: the next well-formed message is
answered as if nothing had been.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

LONGEST = 512 << 20
"""Bytes in one message; a text of that size is no file that anybody edits."""

_LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,18})\s*", re.IGNORECASE)


class BadHeader(Exception):
    """The headers of a message say no length that can be read."""


async def bodies(reader: asyncio.StreamReader) -> AsyncIterator[bytes | BadHeader]:
    """The bodies of all messages, until the stream ends; in place of what has no body, why."""
    while True:
        try:
            length = await _length(reader)
            if length is None:
                return
            yield await reader.readexactly(length)
        except BadHeader as problem:
            yield problem
        except (asyncio.IncompleteReadError, ConnectionError):
            return


async def _length(reader: asyncio.StreamReader) -> int | None:
    """What the headers of the next message say; None at the end of the stream."""
    length: int | None = None
    blank = True
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            raise BadHeader("a header has no end") from None
        if not line:
            return None
        if line.strip():
            blank = False
            if (match := _LENGTH.fullmatch(line)) is not None:
                length = int(match[1])
        elif length is not None:
            if length > LONGEST:
                raise BadHeader(f"a message claims {length} bytes; at most {LONGEST} are read")
            return length
        elif not blank:
            raise BadHeader("the headers of a message must say its Content-Length")
