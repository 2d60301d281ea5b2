"""Bubblewrap around a worker, where it is installed and works: namespaces of its own, a read-only file system.

It is a second wall: the first one, Landlock and seccomp, stands for every run by itself. Whether it works is
tried once: many systems have the program and do not let users make namespaces.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

PRIVATE_BYTES = 1 << 30
"""What all runs of a worker together may keep in their private folders, which are in memory here."""

_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    program: str

    @property
    def words(self) -> str:
        return "bubblewrap"

    def command(self, private: str) -> list[str]:
        """What stands before the command that runs inside; only ``private`` can be written, and is empty."""
        if os.geteuid() == 0:
            # In a user namespace root could not read what belongs to other users.
            namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
            rights = ["--cap-drop", "ALL", "--cap-add", "CAP_DAC_READ_SEARCH"]
        else:
            namespaces, rights = ["--unshare-all"], []
        view = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        folder = ["--size", str(PRIVATE_BYTES), "--tmpfs", private]
        return [self.program, *namespaces, *rights, "--die-with-parent", *view, *folder, "--"]


@functools.cache
def bubblewrap() -> Bubblewrap | None:
    """The program, if it makes a sandbox here."""
    program = shutil.which("bwrap") if sys.platform.startswith("linux") else None
    if program is None:
        return None
    found = Bubblewrap(program)
    with tempfile.TemporaryDirectory(prefix="stile-probe-") as folder:
        test = f'test -z "$(ls -A {folder})" && : > {folder}/new'
        try:
            tried = subprocess.run(
                [*found.command(folder), "/bin/sh", "-c", test],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found if tried.returncode == 0 and not os.listdir(folder) else None
