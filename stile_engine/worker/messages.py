"""What the client and the worker say to each other: frames, limits and the messages themselves.

A frame is a four-byte big-endian length and that many bytes of UTF-8 JSON, one object. All that comes
from a process that has run user code is parsed strictly and with bounds; nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.trace.codec import CodecError, Json, decode, encode
from stile_engine.trace.report import Diagnostic, KernelReport, Report, ValueInfo

FRAME_LIMIT = 64 << 20
"""Bytes in one frame."""

RESULT_LIMIT = 256 << 20
"""Bytes of frames in one run."""

OUTPUT_LIMIT = 4 << 20
"""Bytes that user code may print in one run before it is stopped."""

OUTPUT_KEPT = 64 << 10
"""Bytes of that output that are kept for the log."""

_HEADER = 4


class ProtocolError(Exception):
    """The other side sent bytes that are no message."""


def frame(payload: Mapping[str, Json]) -> bytes:
    body = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(body) > FRAME_LIMIT:
        raise ProtocolError(f"a message of {len(body)} bytes; at most {FRAME_LIMIT} are sent")
    return len(body).to_bytes(_HEADER, "big") + body


def parse(body: bytes) -> dict[str, object]:
    """One JSON object, with none of the extensions of Python's reader.

    Raises:
        ProtocolError: anything else.
    """
    try:
        payload = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise ProtocolError(f"a message is not JSON: {problem}") from None
    if not isinstance(payload, dict):
        raise ProtocolError(f"a message must be an object, not {type(payload).__name__}")
    return payload


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self, limit: int = RESULT_LIMIT) -> None:
        self._buffer = bytearray()
        self._left = limit

    def feed(self, data: bytes) -> Iterator[dict[str, object]]:
        """The messages completed by these bytes; those before a bad one still come.

        Raises:
            ProtocolError: a length or a body that no honest writer sends, or too much in all.
        """
        self._left -= len(data)
        if self._left < 0:
            raise ProtocolError("the run sent more results than are read")
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            length = int.from_bytes(self._buffer[:_HEADER], "big")
            if length > FRAME_LIMIT:
                raise ProtocolError(f"a message claims {length} bytes; at most {FRAME_LIMIT} are read")
            if len(self._buffer) < _HEADER + length:
                break
            body = bytes(self._buffer[_HEADER : _HEADER + length])
            del self._buffer[: _HEADER + length]
            yield parse(body)

    @property
    def is_between_frames(self) -> bool:
        return not self._buffer


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. ``wall`` and ``cpu`` are seconds, the others bytes."""

    wall: float = 10.0
    memory: int = 4096 << 20
    file_size: int = 256 << 20
    open_files: int = 256

    @property
    def cpu(self) -> int:
        # The wall limit is the one that the user set; the processor limit only catches a run whose client is gone.
        return int(self.wall) + 2


@dataclass(frozen=True, slots=True)
class Order:
    """What a process for one run is told beside the request. ``began``: when its client started to wait, by the
    clock that all processes share, in seconds."""

    limits: Limits
    began: float


@dataclass(frozen=True, slots=True)
class StartProblem:
    """Why no check can run under the interpreter.

    ``reason``: ``missing-module``, ``old-python``, ``no-interpreter``, ``broken`` (the process ended or
    hung while it was starting). ``command`` is a shell command that helps, where there is one.
    """

    reason: str
    message: str
    module: str | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can take runs. ``isolation`` is the guarantee in words, for the user; ``level`` is one of
    ``isolated``, ``partly isolated``, ``not isolated``, and ``escapes`` are what the probe could do."""

    python: str
    executable: str
    isolation: str
    versions: dict[str, str]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    level: str = "not isolated"
    escapes: tuple[str, ...] = ()
    is_compiled: bool = True
    """Whether the engine's bytecode was there, and need not be made again at the next start."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """The kernels that the run is about to check, all still *queued*."""

    kernels: tuple[KernelReport, ...]


@dataclass(frozen=True, slots=True)
class KernelDone:
    """A kernel has its verdict. It is sent again with its ``values`` once all kernels have theirs."""

    kernel: KernelReport
    diagnostics: tuple[Diagnostic, ...] = ()
    values: tuple[ValueInfo, ...] | None = ()
    """None: to follow."""


@dataclass(frozen=True, slots=True)
class Finished:
    report: Report


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine itself raised, or user code ended the process (``exit_code`` is then set)."""

    message: str
    traceback: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The process that ran the program sent what is no message: the program wrote on its channel."""

    message: str


RunMessage: TypeAlias = "Discovered | KernelDone | Finished | Failed | Spoiled"

_KINDS: dict[str, type] = {
    "ready": Ready,
    "start-problem": StartProblem,
    "discovered": Discovered,
    "kernel": KernelDone,
    "report": Finished,
    "failed": Failed,
    "spoiled": Spoiled,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_frame(message: Ready | StartProblem | RunMessage) -> bytes:
    return frame({"kind": _NAMES[type(message)], "body": encode(message)})


def run_message(payload: dict[str, object]) -> RunMessage:
    message = _message(payload)
    if not isinstance(message, Discovered | KernelDone | Finished | Failed | Spoiled):
        raise ProtocolError(f"{type(message).__name__} is not a message of a run")
    return message


def start_message(payload: dict[str, object]) -> Ready | StartProblem:
    message = _message(payload)
    if not isinstance(message, Ready | StartProblem):
        raise ProtocolError(f"{type(message).__name__} is not a message of a start")
    return message


def _message(payload: dict[str, object]) -> object:
    kind = payload.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS or payload.keys() != {"kind", "body"}:
        raise ProtocolError(f"unknown message {kind!r:.60}")
    try:
        return decode(_KINDS[kind], payload["body"])
    except CodecError as problem:
        raise ProtocolError(str(problem)) from None
