"""A filter over system calls, assembled here: what a run of user code may ask the kernel for.

The filter is a list of refusals. What it lets through is what a computation needs: memory, files that were
opened under Landlock's eyes, threads, clocks. A refused call fails with EPERM, so that user code gets a
``PermissionError`` with its line. Calls newer than the list fail as if the kernel did not have them.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from stile_engine.worker.syscalls import ARCHITECTURES, NEWEST, Architecture

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

_LOAD, _RETURN, _AND = 0x20, 0x06, 0x54
_EQUAL, _GREATER, _GREATER_EQUAL, _ANY_BIT = 0x15, 0x25, 0x35, 0x45

_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_GET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 21, 2

REFUSED: tuple[str, ...] = (
    # other endpoints: connections are made by nobody, in no family
    *"socket connect bind listen accept accept4 sendmsg sendmmsg".split(),
    # other programs and processes
    *"fork vfork execve execveat tkill rt_sigqueueinfo rt_tgsigqueueinfo".split(),
    *"pidfd_send_signal pidfd_open pidfd_getfd".split(),
    *"ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp setsid setpgid".split(),
    *"setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr migrate_pages move_pages".split(),
    # ways round this filter
    *"io_uring_setup io_uring_enter io_uring_register io_setup personality bpf perf_event_open userfaultfd".split(),
    # other views of the system
    *"unshare setns mount umount2 pivot_root chroot mount_setattr move_mount open_tree fsopen fsconfig".split(),
    *"fsmount fspick fanotify_init fanotify_mark name_to_handle_at open_by_handle_at lookup_dcookie".split(),
    # attributes of files, which Landlock does not judge: those of any file of the user's could be changed
    *"chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat".split(),
    *"setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr truncate mknod mknodat".split(),
    # memory and messages that outlive the process or escape its limits
    *"shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl".split(),
    *"mq_open mq_unlink keyctl add_key request_key memfd_secret".split(),
    # the machine itself
    *"swapon swapoff reboot kexec_load kexec_file_load init_module finit_module delete_module acct syslog".split(),
    *"settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup quotactl".split(),
    *"quotactl_fd iopl ioperm modify_ldt uselib nfsservctl sync syncfs".split(),
    # another identity
    *"setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset".split(),
)

ABSENT: tuple[str, ...] = ("clone3", "memfd_create", "fallocate")
"""Refused as if the kernel did not have them, so that libraries take their older way: ``clone`` shows its flags
to the filter, memory files and reserved blocks count against no limit."""

_CLONE_THREAD = 0x10000
_STREAM, _TYPE_MASK = 1, 0xF

FORBIDDEN_CONTROLS = {
    # PDEATHSIG, DUMPABLE, MM, CHILD_SUBREAPER, CAP_AMBIENT, PTRACER
    "prctl": (0, (1, 4, 35, 36, 47, 0x59616D61)),
    # F_SETOWN, F_SETSIG, F_SETOWN_EX: they send signals to others
    "fcntl": (1, (8, 10, 15)),
    # TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
    "ioctl": (1, (0x5412, 0x541C, 0x8901, 0x8902, 0x40086602, 0x401C5820)),
}
"""Call to the argument that selects what it does, and the selections that are refused."""

OWN_PROCESS_ONLY = {"kill": (), "tgkill": (), "prlimit64": (0,), "sched_setaffinity": (0,)}
"""Calls whose first argument is a process: this one, or one of the values that also mean it."""


@dataclass(frozen=True, slots=True)
class Instruction:
    code: int
    operand: int
    then: int = 0
    otherwise: int = 0

    def pack(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.then, self.otherwise, self.operand)


def architecture() -> Architecture | None:
    """That of this machine, if there is a table for it and the process is of its native kind."""
    return ARCHITECTURES.get(platform.machine()) if struct.calcsize("P") == 8 else None


def program(machine: Architecture, process: int) -> list[Instruction]:
    """The filter for one process. Every jump stays within its own rule."""
    return [*_frame(machine), *_rules(machine, process), _answer(_ALLOW)]


def _frame(machine: Architecture) -> Iterator[Instruction]:
    yield Instruction(_LOAD, _ARCHITECTURE_AT)
    yield Instruction(_EQUAL, machine.audit, then=1)
    yield _answer(_KILL_PROCESS)  # 32-bit calls have other numbers
    yield Instruction(_LOAD, _NUMBER_AT)
    if machine.foreign is not None:
        yield Instruction(_ANY_BIT, machine.foreign, otherwise=1)
        yield _answer(_KILL_PROCESS)
    yield Instruction(_GREATER, NEWEST, otherwise=1)
    yield _answer(_ERRNO | errno.ENOSYS)


def _rules(machine: Architecture, process: int) -> Iterator[Instruction]:
    numbers = machine.numbers
    for names, number in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for name in names:
            if name in numbers:
                yield Instruction(_EQUAL, numbers[name], otherwise=1)
                yield _answer(_ERRNO | number)
    # only threads of this process
    yield from _rule(numbers["clone"], _argument(0), [Instruction(_ANY_BIT, _CLONE_THREAD, 0, 1), _answer(_ALLOW)])
    # pairs for event loops; a datagram socket of a pair could be sent to any address
    stream = [Instruction(_AND, _TYPE_MASK), Instruction(_EQUAL, _STREAM, 0, 1), _answer(_ALLOW)]
    yield from _rule(numbers["socketpair"], _argument(1), stream)
    # without an address it is send(); the address is a pointer of two halves
    both = [Instruction(_EQUAL, 0, 0, 3), *_argument(4, high=True), Instruction(_EQUAL, 0, 0, 1), _answer(_ALLOW)]
    yield from _rule(numbers["sendto"], _argument(4), both)
    for name, others in OWN_PROCESS_ONLY.items():
        tests = [part for value in (process, *others) for part in (Instruction(_EQUAL, value, 0, 1), _answer(_ALLOW))]
        yield from _rule(numbers[name], _argument(0), tests)
    for name, (position, values) in FORBIDDEN_CONTROLS.items():
        refusals = [
            part for value in values for part in (Instruction(_EQUAL, value, 0, 1), _answer(_ERRNO | errno.EPERM))
        ]
        yield from _rule(numbers[name], _argument(position), refusals, otherwise=_ALLOW)


def _rule(
    number: int,
    load: list[Instruction],
    tests: list[Instruction],
    otherwise: int = _ERRNO | errno.EPERM,
) -> list[Instruction]:
    body = [*load, *tests, _answer(otherwise)]
    return [Instruction(_EQUAL, number, 0, len(body)), *body]


def _argument(position: int, high: bool = False) -> list[Instruction]:
    """The lower half of an argument, which is all that the kernel reads of an int (both machines are little-endian)."""
    return [Instruction(_LOAD, _ARGUMENTS_AT + 8 * position + (4 if high else 0))]


def _answer(value: int) -> Instruction:
    return Instruction(_RETURN, value)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def is_available(libc: ctypes.CDLL) -> bool:
    """Whether the kernel takes filters and there is a table for this machine."""
    return architecture() is not None and libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def install(libc: ctypes.CDLL, code: bytes) -> None:
    """For good, on the calling thread and all that it makes. ``PR_SET_NO_NEW_PRIVS`` must be set before.

    Raises:
        OSError: the kernel refused the filter.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = _Program(len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {errno.errorcode.get(number, number)}")


@functools.cache
def _template(machine: Architecture) -> tuple[bytes, tuple[int, ...]]:
    """The filter for no process, and where the number of one belongs: to build it takes longer than to install it."""
    found = program(machine, _NO_PROCESS)
    places = [8 * n + 4 for n, i in enumerate(found) if i.code == _EQUAL and i.operand == _NO_PROCESS]
    return b"".join(i.pack() for i in found), tuple(places)


_NO_PROCESS = 0x7FFFFFFF


def assembled(machine: Architecture, process: int) -> bytes:
    """The filter as the kernel reads it."""
    template, places = _template(machine)
    code = bytearray(template)
    for place in places:
        struct.pack_into("=I", code, place, process)
    return bytes(code)
