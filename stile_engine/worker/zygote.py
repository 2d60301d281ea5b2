"""The warmed parent of all runs under one interpreter with one set of frameworks (Linux only).

It imports the engine and the frameworks once, runs every tracer once on a text of its own, and then only
forks: a process for each run. It never runs a text of the user's, and a child never runs a second one.
The process of the next run is made ahead of it and rehearses (``child.py``), so that nobody waits for that.
Forking is safe only while the process has a single thread and no framework has started its backend,
so this is asserted before every fork.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import stile_engine.check
from stile_engine.trace.report import CheckRequest
from stile_engine.worker import child, probe, sandbox
from stile_engine.worker.folders import removal
from stile_engine.worker.messages import Ready, frame, to_frame
from stile_engine.worker.warming import WARM_TEXTS, installed_versions, is_compiled, later, prepare, rehearsal

_FIRST_SECONDS = 1.0
"""How long the first run is waited for before something is done ahead of it."""


def main(config: dict[str, Any]) -> int:
    """Serves the control socket ``channel`` until it closes. Called by ``bootstrap``."""
    # Inside of a namespace the parent has another number; it is bubblewrap's, which ends with ours.
    sandbox.die_with_parent(os.getppid() if config.get("around") else config["parent"])
    sandbox.adopt_orphans()
    # Inside of bubblewrap this is the only folder that can be written.
    tempfile.tempdir = config.get("private")
    channel = socket.socket(fileno=config["channel"])
    begun = config["frameworks"]
    missing, notes = prepare(begun)
    frameworks = _wanted(channel)
    if left := [name for name in frameworks if name not in begun]:
        more, noted = prepare(left)
        missing, notes = missing + more, notes + noted
    versions = installed_versions()
    found = probe.probe(config["packages"], around=config.get("around"), within=config.get("private"))
    channel.send(
        to_frame(
            Ready(
                platform.python_version(),
                sys.executable,
                str(found),
                versions,
                tuple(missing),
                tuple(notes),
                str(found.level),
                found.open,
                is_compiled(),
            )
        )
    )
    warmed = [name for name in frameworks if name in WARM_TEXTS and name not in missing]
    cell = child.Cell.of(config["packages"])
    Zygote(channel, cell, config.get("private"), later(warmed), rehearsal(warmed) if not notes else None).serve()
    # Frameworks print leak notes from a regular exit.
    os._exit(0)


def _wanted(channel: socket.socket) -> list[str]:
    """The frameworks that are to be loaded, of which some may be by now. Waits until somebody asks for them."""
    data = channel.recv(4096)
    if not data:
        os._exit(0)
    frameworks: list[str] = json.loads(data)["frameworks"]
    return frameworks


def thread_count() -> int:
    return len(os.listdir("/proc/self/task"))


@dataclass(frozen=True, slots=True)
class _Process:
    """A process for one run. ``rope``: what it is to do goes in, and its end says that it has told its verdicts."""

    number: int
    rope: socket.socket
    private: str | None


class Zygote:
    """The loop: commands come as packets on the control socket, with descriptors attached to ``run``."""

    def __init__(
        self,
        channel: socket.socket,
        cell: child.Cell,
        private: str | None,
        later: Sequence[CheckRequest] = (),
        rehearsal: CheckRequest | None = None,
    ) -> None:
        self._later = list(later)
        """What is still to be checked with everything that an editor shows, between two commands."""

        self._is_first_over = False
        """Whether the first run has told its verdicts, or does not come: until then nothing is done ahead, for
        it would come first."""

        self._rehearsal = rehearsal
        """What a process checks before it is given a run; None: processes are made when there is a run."""

        self._channel = channel
        self._cell = cell
        self._private = private
        self._folders = 0
        self._cleaners: set[int] = set()
        self._processes: dict[int, _Process] = {}
        self._runs: dict[int, int] = {}
        """Process id to number of the run."""
        self._spare: _Process | None = None
        self._is_spare_wanted = rehearsal is not None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, lambda number, stack: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        while True:
            channel = self._channel.fileno()
            ropes = {p.rope.fileno(): p for p in self._processes.values() if p.rope.fileno() >= 0}
            wait = None if not self._is_work_left else 0 if self._is_first_over else _FIRST_SECONDS
            readable, _, _ = select.select([channel, self._wake_read, *ropes], [], [], wait)
            if not readable:
                self._is_first_over = True
                self._work_ahead()
            if self._wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            for rope in ropes.keys() & set(readable):
                self._let_go(ropes[rope])
            if channel in readable and not self._receive():
                return

    def _work_ahead(self) -> None:
        """What can be done while nobody waits: a step that whoever comes then can wait for."""
        if self._is_spare_wanted:
            self._is_spare_wanted = False
            if self._spare is None and thread_count() == 1:
                self._spare = self._make(self._rehearsal)
        elif self._later:
            with contextlib.suppress(Exception):  # the checks to come meet it where the user sees it
                stile_engine.check.check(self._later.pop(0))
            gc.freeze()
            if not self._later and self._spare is not None:
                # The next one has all of this from its parent.
                spare, self._spare = self._spare, None
                _kill(spare.number)

    @property
    def _is_work_left(self) -> bool:
        """Where verdicts are waited for, as in a check of many files, it would only keep them waiting."""
        busy = any(p.rope.fileno() >= 0 for p in self._processes.values() if p.number in self._runs)
        return (self._is_spare_wanted or bool(self._later)) and not busy

    def _receive(self) -> bool:
        """Takes one command; False when the client is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._channel, 4096, 3)
        if not data:
            self._kill_all()
            return False
        command = json.loads(data)
        match command["command"]:
            case "run":
                self._run(command["run"], json.dumps(command["order"]).encode(), descriptors)
            case "kill":
                for process, run in self._runs.items():
                    if run == command["run"]:
                        _kill(process)
        return True

    def _run(self, run: int, order: bytes, descriptors: list[int]) -> None:
        """Gives the run to the process that was made ahead, or to a new one."""
        spare, self._spare = self._spare, None
        try:
            if spare is None or not self._give(spare, order, descriptors):
                if thread_count() != 1:
                    # A forked copy of a process with threads can hang on a lock that no thread will ever release.
                    self._send({"event": "unfit", "run": run, "reason": f"{thread_count()} threads before a fork"})
                    os._exit(1)
                spare = self._make(None)
                self._give(spare, order, descriptors)
            self._runs[spare.number] = run
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _give(self, process: _Process, order: bytes, descriptors: list[int]) -> bool:
        """Whether it could still be reached."""
        if process.rope.fileno() < 0:
            return False
        try:
            socket.send_fds(process.rope, [order], descriptors)
        except OSError:
            return False
        return True

    def _make(self, rehearsal: CheckRequest | None) -> _Process:
        parent = os.getpid()
        private = self._private_folder()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = os.fork()
        if process == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                child.run_alone(self._cell, parent, private, theirs.fileno(), rehearsal)
            finally:
                os._exit(70)
        theirs.close()
        made = self._processes[process] = _Process(process, ours, private)
        return made

    def _let_go(self, process: _Process) -> None:
        """Its verdicts are out: what it still does leaves time to make the next one."""
        process.rope.close()
        self._is_first_over = True
        self._is_spare_wanted = self._rehearsal is not None and process is not self._spare

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            process = ended.si_pid
            run = self._runs.pop(process, None)
            self._cleaners.discard(process)
            # Still a zombie, so the number cannot have gone to another group: what the run left behind ends here.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            if run is not None:
                self._send({"event": "ended", "run": run, "status": status})
            if (known := self._processes.pop(process, None)) is not None:
                if known is self._spare:
                    # Not made anew before the next run: it might end like this every time.
                    self._spare = None
                self._let_go(known)
                self._remove_private_folder(known.private)
            self._kill_strays()

    def _private_folder(self) -> str | None:
        if self._private is None:
            return None
        self._folders += 1
        folder = os.path.join(self._private, str(self._folders))
        os.mkdir(folder, 0o700)
        return folder

    def _remove_private_folder(self, folder: str | None) -> None:
        if folder is None:
            return
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(folder)
            except OSError:
                # Whatever the run left there may take long to delete, so nobody waits for it.
                command = removal(folder)
                self._cleaners.add(os.posix_spawn(command[0], command, {"PATH": "/usr/bin:/bin"}, setpgroup=0))

    def _kill_strays(self) -> None:
        """Ends descendants that left their run's process group; they are children of this process by now."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                known = [int(word) for word in file.read().split()]
        except OSError:
            return
        for process in known:
            if process not in self._processes and process not in self._cleaners:
                _kill(process)

    def _kill_all(self) -> None:
        for process in self._processes:
            _kill(process)

    def _send(self, event: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._channel.send(frame(event))


def _kill(process: int) -> None:
    # SIGKILL at once: user code may ignore every other signal. The group may not exist yet, so the process too.
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(process, signal.SIGKILL)
