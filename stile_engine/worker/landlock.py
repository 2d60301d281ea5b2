"""Landlock: which files a process may open, until its end. See the kernel's ``landlock(7)``.

It binds the calling thread and what that thread makes later, so it is called while there is one thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on all machines
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << n for n in range(4))
_MAKE_DEVICE_OR_SOCKET = 1 << 6 | 1 << 9 | 1 << 11
_TRUNCATE = 1 << 14
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Number of rights of files by version: 2 adds moving between folders, 3 truncation, 5 controls of devices."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15

_NETWORK = 0b11
"""Since version 4: listening on and connecting to TCP ports."""
_SCOPES = 0b11
"""Since version 6: abstract sockets of others, signals to others."""

REQUIRED = 3
"""The first version that judges ``truncate``."""


def version(libc: ctypes.CDLL) -> int:
    """That of the kernel; 0 where it has none or does not let it be used."""
    found: int = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    return max(found, 0)


class Ruleset:
    """Reading below some paths, everything but programs below others, nothing else.

    Raises:
        OSError: the kernel refused a step.
    """

    def __init__(self, libc: ctypes.CDLL, known: int) -> None:
        self._libc = libc
        self._rights = (1 << _RIGHTS[min(known, 5)]) - 1
        attributes = struct.pack("=QQQ", self._rights, _NETWORK if known >= 4 else 0, _SCOPES if known >= 6 else 0)[
            : 8 if known < 4 else 16 if known < 6 else 24
        ]
        self._file: int = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
        if self._file < 0:
            raise _failure("landlock_create_ruleset")

    def allow_reading(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._allow(path, _READ_FILE | _READ_DIR)

    def allow_writing(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._allow(path, self._rights & ~_EXECUTE & ~_MAKE_DEVICE_OR_SOCKET)

    def _allow(self, path: str, rights: int) -> None:
        # What is not there, or cannot be looked at, needs no permission.
        with contextlib.suppress(FileNotFoundError, PermissionError, NotADirectoryError):
            found = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                if not stat.S_ISDIR(os.fstat(found).st_mode):
                    rights &= _OF_FILES
                rule = struct.pack("=Qi", rights & self._rights, found)
                if self._libc.syscall(_ADD_RULE, self._file, _PATH_BENEATH, rule, 0) != 0:
                    raise _failure(f"landlock_add_rule {path}")
            finally:
                os.close(found)

    def restrict(self) -> None:
        """For good. ``PR_SET_NO_NEW_PRIVS`` must be set before."""
        result = self._libc.syscall(_RESTRICT_SELF, self._file, 0)
        os.close(self._file)
        if result != 0:
            raise _failure("landlock_restrict_self")


def _failure(step: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{step}: {errno.errorcode.get(number, number)}")
