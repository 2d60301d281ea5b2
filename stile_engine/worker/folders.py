"""Private folders of runs: made by the client, one for each worker, and gone when nobody needs them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile

_PREFIX = "stile-worker-"

_REMOVE = 'chmod -R u+rwX -- "$0"; exec rm -rf -- "$0"'
"""Deleting is left to programs that do it at any depth, and open what its maker closed to everybody."""


def abandoned_folders() -> list[str]:
    """Those of clients that were killed."""
    root = tempfile.gettempdir()
    with contextlib.suppress(OSError):
        found = [os.path.join(root, name) for name in os.listdir(root) if name.startswith(_PREFIX)]
        return [folder for folder in found if _is_abandoned(folder)]
    return []


def make_folder() -> str:
    """A new folder for a worker's runs."""
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def guard(folder: str) -> subprocess.Popen[bytes]:
    """A process that removes the folder when its standard input ends, as it does with this process at the latest:
    also one that is killed leaves nothing behind. The runs are given a moment to end first."""
    command = ["/bin/sh", "-c", f"read nothing; sleep 0.1; {_REMOVE}", folder]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def removal(folder: str) -> list[str]:
    """The command that removes a folder and all that is in it."""
    return ["/bin/sh", "-c", _REMOVE, folder]


def _is_abandoned(folder: str) -> bool:
    """Whether it is ours and its client has ended."""
    process = os.path.basename(folder).removeprefix(_PREFIX).partition("-")[0]
    try:
        if os.lstat(folder).st_uid != os.getuid() or not process.isdecimal():
            return False
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
