"""What a process that is about to run user code takes from itself first.

``begin`` gives it its own session and death with its parent, ``arrange_descriptors`` the descriptors that it may
use and no others, ``limit_resources`` its limits; ``confine`` takes away its privileges, the files outside of what
it may read, and all system calls that reach other processes, the network or the machine. How far that went on this
kernel is not assumed: ``probe.py`` tries.

The calls must be made while the process has one thread, in this order.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import math
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stile_engine.worker import landlock, seccomp
from stile_engine.worker.messages import Limits

RESULT_DESCRIPTOR = 3
FAULT_DESCRIPTOR = 4
"""Of the process that runs user code."""

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

_CAP_DAC_READ_SEARCH = 2

ON_LINUX = sys.platform.startswith("linux")

# Looked up once in the parent: the first use of ctypes takes milliseconds.
_LIBC = ctypes.CDLL(None, use_errno=True) if ON_LINUX else None


def _prctl(option: int, argument: int) -> None:
    if _LIBC is not None and _LIBC.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int) -> None:
    """Ends this process when its parent ends, also if that has happened already.

    The signal is sent when the *thread* that made this process ends, so processes are only made in
    threads that live as long as their process.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end_with(rope: socket.socket) -> None:
    """Ends this process and its group when the other end of the rope is closed: its maker may be killed, and not
    every system tells its children. Returns at once, and takes nothing from the rope."""
    closed = select.poll()
    closed.register(rope.fileno(), 0)  # an end is told without being asked for

    def wait() -> None:
        with contextlib.suppress(OSError):
            while not any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in closed.poll()):
                pass
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="rope").start()


def as_elsewhere() -> None:
    """From here on this process does without all that Linux offers, as it would on another system."""
    global ON_LINUX, _LIBC
    ON_LINUX, _LIBC = False, None


def adopt_orphans() -> None:
    """Orphaned descendants become children of this process, so that it can end and reap them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def arrange_descriptors(*descriptors: int) -> None:
    """They get the numbers from 0 upwards, in this order; all others are closed."""
    # Moved out of the way first: one may have the number that another must get.
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 64) for descriptor in descriptors]
    for target, source in enumerate(high):
        os.dup2(source, target, inheritable=False)
    os.closerange(len(high), _highest_descriptor() + 1)


def _highest_descriptor() -> int:
    for directory in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return max(int(name) for name in os.listdir(directory))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """What this kernel offers: the version of Landlock (0 for none), filters over system calls."""

    landlock: int = 0
    seccomp: bool = False


def mechanisms() -> Mechanisms:
    """Asks the kernel; nothing is applied."""
    if _LIBC is None:
        return Mechanisms()
    return Mechanisms(landlock.version(_LIBC), seccomp.is_available(_LIBC))


def prepare() -> None:
    """Does once what every ``confine`` of this process's children would do."""
    machine = seccomp.architecture()
    if machine is not None:
        seccomp.assembled(machine, 0)


def begin(parent: int) -> None:
    """The part that needs no knowledge of the run: a session of its own, and an end with ``parent``.

    Raises:
        OSError: a step failed; the caller must not run user code then.
    """
    with contextlib.suppress(PermissionError):  # already the leader of its session
        os.setsid()
    if ON_LINUX:
        die_with_parent(parent)
        _prctl(_PR_SET_DUMPABLE, 0)


def confine(readable: Sequence[str], private: str | None, offered: Mechanisms) -> None:
    """Leaves the process nothing but computing, reading below ``readable``, and its ``private`` folder.

    Raises:
        OSError: a mechanism that the kernel offers did not work; the caller must not run user code then.
    """
    if not ON_LINUX or _LIBC is None:
        return
    _drop_capabilities()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if offered.landlock:
        rules = landlock.Ruleset(_LIBC, offered.landlock)
        rules.allow_reading(readable)
        rules.allow_writing(["/dev/null", *([private] if private is not None else [])])
        rules.restrict()
    machine = seccomp.architecture()
    if offered.seccomp and machine is not None:
        seccomp.install(_LIBC, seccomp.assembled(machine, os.getpid()))


def use_private_folder(private: str, environment: dict[str, str]) -> None:
    """Libraries look for these when they first need them; what the shell had set was never passed on."""
    os.environ.update(environment)
    tempfile.tempdir = private


def _drop_capabilities() -> None:
    """Root keeps one: to read what belongs to other users, of the files that it may read at all. The bounding set
    needs no change, since no program is ever started."""
    if _LIBC is None or os.geteuid() != 0:
        return
    kept = 1 << _CAP_DAC_READ_SEARCH
    header = struct.pack("=II", 0x20080522, 0)
    # effective, permitted, inheritable: the lower halves, then the upper ones
    for sets in (struct.pack("=6I", kept, kept, 0, 0, 0, 0), bytes(24)):
        if _LIBC.capset(header, sets) == 0:
            return
    number = ctypes.get_errno()
    raise OSError(number, f"capset: {os.strerror(number)}")


def limit_resources(limits: Limits) -> None:
    """From now on: what the process has used before does not count."""
    _limit(resource.RLIMIT_CORE, 0)
    cpu = math.ceil(time.process_time()) + limits.cpu
    _limit(resource.RLIMIT_CPU, cpu, cpu + 2)
    _limit(resource.RLIMIT_FSIZE, limits.file_size)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    if ON_LINUX:
        # Data is what the code really allocates. The address space is only a backstop: the start of a framework's
        # backend maps gigabytes that it never touches.
        total, data = _memory_in_use()
        _limit(resource.RLIMIT_DATA, data + limits.memory)
        _limit(resource.RLIMIT_AS, total + limits.memory + (4 << 30))


def _memory_in_use() -> tuple[int, int]:
    with open("/proc/self/statm", "rb") as file:
        fields = file.read().split()
    page = resource.getpagesize()
    return int(fields[0]) * page, int(fields[5]) * page


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(kind)[1]
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(kind, (min(soft, hard), hard))
