"""Tries to break out of the sandbox, so that what users are told of it was seen and not assumed.

Each escape is harmless where it succeeds. They are tried in a process that was confined like one that runs
user code, with a planted secret as the file of somebody else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stile_engine.worker import landlock, policy, sandbox
from stile_engine.worker.sandbox import Mechanisms


class Level(StrEnum):
    """In users' words."""

    ISOLATED = "isolated"
    PARTLY = "partly isolated"
    NOT = "not isolated"


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the probe found. ``open`` are the escapes that succeeded, in words."""

    level: Level
    open: tuple[str, ...]
    by: tuple[str, ...]
    """The mechanisms in use."""

    def __str__(self) -> str:
        if self is _ELSEWHERE:
            return f"{self.level}: {self.open[0]}"
        with_what = f" by {', '.join(self.by)}" if self.by else ""
        if self.level is Level.ISOLATED:
            return f"isolated{with_what}: kernels read the interpreter and the workspace, and nothing else"
        return f"{self.level}{with_what}: kernels can {'; '.join(self.open)}"


NOT_PROBED = Isolation(Level.PARTLY, ("do what was not tried",), ())

_ELSEWHERE = Isolation(
    Level.NOT,
    (
        "kernels can do all that you can: read and write your files, use the network, start programs. Each is run in "
        "a process of its own under a deadline; its memory is not limited. A sandbox for this system was not tried "
        "there, so verify only code that you would run",
    ),
    (),
)
"""Where there is no Linux: said in words, since nothing is tried."""

SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that is none of the process's business, its folder, and a process of the same user."""

    secret: str
    folder: str
    other: int


def _read(place: _Place) -> None:
    with open(place.secret, "rb") as file:
        file.read(1)


def _list_home(place: _Place) -> None:
    os.listdir(os.path.expanduser("~"))


def _write(place: _Place) -> None:
    with open(place.secret, "ab"):
        pass


def _create(place: _Place) -> None:
    with open(os.path.join(place.folder, "new"), "xb"):
        pass


def _truncate(place: _Place) -> None:
    os.truncate(place.secret, 1)


def _change_mode(place: _Place) -> None:
    os.chmod(place.secret, 0o600)


def _change_times(place: _Place) -> None:
    os.utime(place.secret)


def _delete(place: _Place) -> None:
    os.unlink(place.secret)


def _socket(family: int, kind: int) -> Callable[[_Place], None]:
    def attempt(place: _Place) -> None:
        socket.socket(family, kind).close()

    return attempt


def _send_to_anyone(place: _Place) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.close()
    other.close()


def _fork(place: _Place) -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _execute(place: _Place) -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-V"], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, 1)])
    os.waitpid(child, 0)


def _signal(place: _Place) -> None:
    os.kill(place.other, 0)


def _limit(place: _Place) -> None:
    if not hasattr(resource, "prlimit"):
        raise OSError("no prlimit here")
    resource.prlimit(place.other, resource.RLIMIT_CORE)


def _environment_of_other(place: _Place) -> None:
    with open(f"/proc/{place.other}/environ", "rb") as file:
        file.read(1)


def _memory_of_other(place: _Place) -> None:
    with open(f"/proc/{place.other}/mem", "rb"):
        pass


def _new_namespace(place: _Place) -> None:
    _call("unshare", 0x10000000)


def _outlive(place: _Place) -> None:
    _call("prctl", 1, 0, 0, 0, 0)


def _io_uring(place: _Place) -> None:
    _call("syscall", 425, 1, ctypes.create_string_buffer(256))


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


_FILES: dict[str, Callable[[_Place], None]] = {
    "read your files": _read,
    "list your home folder": _list_home,
    "write to your files": _write,
    "create files": _create,
    "truncate your files": _truncate,
    "change modes of your files": _change_mode,
    "change times of your files": _change_times,
    "delete your files": _delete,
}
_NETWORK: dict[str, Callable[[_Place], None]] = {
    "open connections": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "send datagrams": _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "talk to local services": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "send to local services": _send_to_anyone,
}
_PROCESSES: dict[str, Callable[[_Place], None]] = {
    "fork": _fork,
    "start programs": _execute,
    "signal other processes": _signal,
    "change limits of other processes": _limit,
    "read the environment of other processes": _environment_of_other,
    "read the memory of other processes": _memory_of_other,
    "make namespaces": _new_namespace,
    "outlive the verifier": _outlive,
    "use io_uring": _io_uring,
}
ESCAPES = {**_FILES, **_NETWORK, **_PROCESSES}
"""In users' words after "kernels can", in the order of the attempts."""


def attempt_all(place: _Place) -> list[str]:
    """The escapes that succeed in this process."""
    succeeded = []
    for words, escape in ESCAPES.items():
        with contextlib.suppress(OSError, AttributeError):
            escape(place)
            succeeded.append(words)
    return succeeded


def probe(
    packages: dict[str, str] | None = None,
    *,
    offered: Mechanisms | None = None,
    around: str | None = None,
    within: str | None = None,
) -> Isolation:
    """Confines a forked child like one that runs user code, lets it try every escape, and says what it could do.

    Only in a process with a single thread. ``around`` names a sandbox that this process itself is in,
    ``within`` a folder that it can write to.
    """
    if not sandbox.ON_LINUX:
        return elsewhere()
    offered = sandbox.mechanisms() if offered is None else offered
    folder = tempfile.mkdtemp(prefix="stile-probe-", dir=within)
    try:
        private = os.path.join(folder, "private")
        os.mkdir(private)
        secret = os.path.join(folder, "secret")
        with open(secret, "wb") as file:
            file.write(b"secret")
        open_ways = _ask_child(_Place(secret, folder, os.getpid()), private, packages or {}, offered)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return judged(open_ways, tuple(_names(offered, around)))


def elsewhere() -> Isolation:
    """What holds where there is no Linux."""
    return _ELSEWHERE


def judged(open_ways: Sequence[str] | None, by: Sequence[str]) -> Isolation:
    """The level of what the escapes came to; None where the child did not answer."""
    if open_ways is None:
        return Isolation(Level.NOT, ("do what could not be found out: the sandbox did not start",), tuple(by))
    if not open_ways:
        return Isolation(Level.ISOLATED, (), tuple(by))
    files = {"read your files", "write to your files"}.intersection(open_ways)
    network = any(words in _NETWORK for words in open_ways)
    return Isolation(Level.NOT if files and network else Level.PARTLY, tuple(open_ways), tuple(by))


def _names(offered: Mechanisms, around: str | None) -> Iterator[str]:
    if offered.landlock:
        weak = "" if offered.landlock >= landlock.REQUIRED else f" (version {landlock.REQUIRED} is needed)"
        yield f"Landlock {offered.landlock}{weak}"
    if offered.seccomp:
        yield "seccomp"
    if around is not None:
        yield around


def _ask_child(place: _Place, private: str, packages: dict[str, str], offered: Mechanisms) -> list[str] | None:
    readable = [*policy.SYSTEM, *policy.interpreter_paths(packages), private]
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            sandbox.confine(readable, private, offered)
            os.write(answer, json.dumps(attempt_all(place)).encode())
        finally:
            os._exit(0)
    os.close(answer)
    with open(answers, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    return [words for words in json.loads(text) if words in ESCAPES] if text else None
