"""What user code may not do, tried in the worker itself, with and without bubblewrap around it.

A kernel here is a function of the fake engine: it answers ``proved`` where the attempt failed as it must.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from processes import alive, eventually, runs

from stile_engine.trace.report import CheckRequest
from stile_engine.worker.bubblewrap import bubblewrap
from stile_engine.worker.client import EngineWorker
from stile_engine.worker.launch import Launcher, ZygoteLauncher
from stile_engine.worker.messages import Limits
from stile_engine.worker.outcome import OutcomeKind, RunResult
from stile_engine.worker.sandbox import mechanisms
from stile_engine.worker.spawn import SpawnLauncher

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or mechanisms().landlock < 3 or not mechanisms().seccomp,
    reason="this kernel has no Landlock 3 or no seccomp",
)

HEADER = """\
import ctypes, os, signal, socket, subprocess, sys, tempfile, threading, time

def refused(*attempts):
    for attempt in attempts:
        try:
            found = attempt()
        except OSError:
            continue
        raise SystemExit(f"not refused: {found!r}")
    return "proved"

"""

GOOD = "def k_good():\n    return 'proved'\n"


class Neighbourhood:
    """What lies around a workspace: secrets, services and processes of the same user."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "project"
        self.home = root / "home"
        for folder in (self.workspace, self.home / ".ssh"):
            folder.mkdir(parents=True)
        self.secret = self.home / ".ssh" / "id"
        self.secret.write_text("hunter2")
        self.data = self.workspace / "data.txt"
        self.data.write_text("the project's own")
        (self.workspace / "helper.py").write_text("ANSWER = 42\n")
        (self.workspace / "link").symlink_to(self.secret)
        self.agent = root / "agent.sock"
        self.listeners = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)]
        self.listeners[0].bind(str(self.agent))
        self.listeners[1].bind(("127.0.0.1", 0))
        for listener in self.listeners:
            listener.listen()
        self.port = self.listeners[1].getsockname()[1]
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(str(root / "log.sock"))
        self.log_path = root / "log.sock"

    def close(self) -> None:
        for listener in (*self.listeners, self.log):
            listener.close()

    def names(self) -> str:
        """The places as a prologue of the program."""
        return (
            f"WORKSPACE, HOME, SECRET, DATA = {str(self.workspace)!r}, {str(self.home)!r}, "
            f"{str(self.secret)!r}, {str(self.data)!r}\n"
            f"AGENT, LOG, PORT, SERVER = {str(self.agent)!r}, {str(self.log_path)!r}, {self.port}, {os.getpid()}\n"
        )


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Neighbourhood]:
    made = Neighbourhood(tmp_path)
    yield made
    made.close()


WALLS = ["run", "bubblewrap"]


@pytest.fixture(params=WALLS)
async def worker(request: pytest.FixtureRequest, packages: dict[str, str]) -> AsyncIterator[EngineWorker]:
    wrapped = request.param == "bubblewrap"
    if wrapped and bubblewrap() is None:
        pytest.skip("bubblewrap is not installed, or makes no namespaces here")

    def launcher(interpreter: str, wanted: Sequence[str], log: Callable[[str], None]) -> Launcher:
        return ZygoteLauncher(interpreter, wanted, log, packages, bubblewrapped=wrapped)

    made = EngineWorker(sys.executable, launcher=launcher)
    yield made
    await made.close()


async def run(worker: EngineWorker, around: Neighbourhood, body: str, wall: float = 5.0) -> RunResult:
    source = HEADER + around.names() + textwrap.dedent(body) + GOOD
    path = str(around.workspace / "kernel.py")
    return await worker.check(CheckRequest(path, source, workspace=str(around.workspace)), Limits(wall=wall))


def statuses(result: RunResult) -> str:
    return " ".join(f"{kernel.name}:{kernel.status}" for kernel in result.report.kernels)


REFUSED = {
    "secrets": "lambda: open(SECRET).read(), lambda: os.listdir(HOME), lambda: open('link').read()",
    "secrets by another way": (
        "lambda: os.link(SECRET, tempfile.gettempdir() + '/x'), "
        "lambda: os.rename(SECRET, tempfile.gettempdir() + '/x'), "
        "lambda: os.open(SECRET, os.O_RDWR), lambda: os.chdir(HOME) or open('.ssh/id').read(), "
        "lambda: os.chroot('/')"
    ),
    "passwords": "lambda: open('/etc/shadow').read(), lambda: open('/etc/passwd').read()",
    "writing": (
        "lambda: open('new', 'w'), lambda: open(DATA, 'a'), lambda: open(DATA, 'r+'), lambda: os.mkdir('folder'), "
        "lambda: open('/tmp/stile-was-here', 'w'), lambda: open('/dev/shm/stile-was-here', 'w'), "
        "lambda: os.symlink('a', 'b')"
    ),
    "deleting": (
        "lambda: os.unlink(DATA), lambda: os.rename(DATA, 'other'), lambda: os.rmdir(WORKSPACE), "
        "lambda: os.truncate(DATA, 0), lambda: os.replace(DATA, tempfile.gettempdir() + '/x')"
    ),
    "attributes": (
        "lambda: os.chmod(DATA, 0), lambda: os.utime(DATA), lambda: os.chown(DATA, 0, 0), "
        "lambda: os.setxattr(DATA, 'user.a', b'1'), lambda: os.fchmod(os.open(DATA, os.O_RDONLY), 0)"
    ),
    "connections": (
        "lambda: socket.create_connection(('127.0.0.1', PORT)), lambda: socket.socket(socket.AF_UNIX).connect(AGENT), "
        "lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), lambda: socket.socket(socket.AF_NETLINK), "
        "lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', LOG), "
        "lambda: socket.socketpair()[0].connect(AGENT), lambda: socket.socketpair()[0].sendmsg([b'x'])"
    ),
    "processes": (
        "lambda: os.fork(), lambda: os.execv('/bin/true', ['true']), lambda: subprocess.run(['/bin/true']), "
        "lambda: os.posix_spawn('/bin/true', ['true'], {}), lambda: os.fork() or os.setsid(), lambda: os.setsid(), "
        "lambda: os.setpgid(0, 0)"
    ),
    "signals": (
        "lambda: os.kill(os.getppid(), 9), lambda: os.kill(-1, 9), lambda: os.kill(0, 9), lambda: os.kill(SERVER, 0), "
        "lambda: os.killpg(os.getpgid(0), 9), lambda: signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)"
    ),
    "other processes": (
        "lambda: open(f'/proc/{os.getppid()}/environ').read(), lambda: open('/proc/1/environ').read(), "
        "lambda: os.listdir('/proc'), lambda: open(f'/proc/{os.getppid()}/mem', 'rb'), "
        "lambda: __import__('resource').prlimit(os.getppid(), 7, (0, 0)), lambda: os.setpriority(0, SERVER, 19), "
        "lambda: os.sched_setaffinity(os.getppid(), {0})"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_with_an_error_that_has_a_line(worker: EngineWorker, around: Neighbourhood, name: str) -> None:
    result = await run(worker, around, f"def k_it():\n    return refused({REFUSED[name]})\n")
    assert (statuses(result), result.outcome.message) == ("k_it:proved k_good:proved", "")
    assert around.secret.read_text() == "hunter2" and around.data.read_text() == "the project's own"
    assert sorted(os.listdir(around.workspace)) == ["data.txt", "helper.py", "link"]


LIBC_CALLS = {
    "outliving": "LIBC.prctl(1, 0, 0, 0, 0)",
    "becoming dumpable": "LIBC.prctl(4, 1, 0, 0, 0)",
    "namespaces": "LIBC.unshare(0x10000000)",
    "tracing": "LIBC.ptrace(16, os.getppid(), 0, 0)",
    "io_uring": "LIBC.syscall(425, 1, ctypes.create_string_buffer(200))",
    "memory files": "LIBC.memfd_create(b'x', 0)",
    "shared memory that stays": "LIBC.shmget(0, 4096, 0o1600)",
    "forking by number": "LIBC.syscall(57) if os.uname().machine == 'x86_64' else -1",
    "capabilities": "LIBC.capset(ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))",
    "mounting": "LIBC.mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
    "new calls": "LIBC.syscall(5000)",
    "owner of a descriptor": "LIBC.fcntl(0, 8, os.getppid())",
}


@pytest.mark.parametrize("name", LIBC_CALLS)
async def test_calls_below_python(worker: EngineWorker, around: Neighbourhood, name: str) -> None:
    body = f"""
    LIBC = ctypes.CDLL(None, use_errno=True)
    def k_it():
        return "proved" if ({LIBC_CALLS[name]}) == -1 else "refuted"
    """
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"


async def test_what_a_computation_needs_works(worker: EngineWorker, around: Neighbourhood) -> None:
    body = """
    def k_it():
        sys.path.insert(0, WORKSPACE)
        import asyncio, concurrent.futures, helper, json.tool, wave
        assert helper.ANSWER == 42 and open(DATA).read() == "the project's own"
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        assert os.path.expanduser("~") == tempfile.gettempdir() != HOME
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda n: n + 1, [1, 2])) == [2, 3]
        asyncio.run(asyncio.sleep(0.01))
        assert os.cpu_count() and time.time() and len(os.urandom(4)) == 4
        open(os.devnull, "w").write("x")
        return "proved"
    """
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"


async def test_threads_are_confined_too(worker: EngineWorker, around: Neighbourhood) -> None:
    body = """
    def k_it():
        found = []
        def attempt():
            found.append(refused(lambda: open(SECRET), lambda: os.listdir(HOME), lambda: socket.socket()))
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        return found[0]
    """
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"


async def test_secrets_are_nowhere_in_the_process(
    worker: EngineWorker, around: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-token")
    body = """
    def k_it():
        wanted = b"hunter2" + b"-token"
        seen = repr(os.environ).encode()
        try:
            seen += open("/proc/self/environ", "rb").read()
        except PermissionError:
            pass
        return "refuted" if wanted in seen else "proved"
    """
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"


async def test_nothing_stays_in_the_private_folder(worker: EngineWorker, around: Neighbourhood) -> None:
    body = """
    def k_it():
        os.mkdir(tempfile.gettempdir() + "/closed")
        folder = tempfile.gettempdir() + "/deep"
        for depth in range(40):
            os.mkdir(folder, 0o500 if depth == 39 else 0o700)
            folder += "/deep"
        open(tempfile.gettempdir() + "/file", "w").write("x" * 100_000)
        return refused(lambda: os.listdir(os.path.dirname(tempfile.gettempdir())))
    """
    before = set(private_folders())
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"
    (mine,) = set(private_folders()) - before

    def is_clean() -> bool:
        # That of the next run is made already, and empty.
        found = os.listdir(mine)
        return len(found) <= 1 and all(os.listdir(os.path.join(mine, name)) == [] for name in found)

    assert eventually(is_clean)
    await worker.close()
    assert eventually(lambda: mine not in private_folders())


def private_folders() -> list[str]:
    root = tempfile.gettempdir()
    return [os.path.join(root, name) for name in os.listdir(root) if name.startswith(f"stile-worker-{os.getpid()}-")]


async def test_folders_of_killed_clients_are_removed(packages: dict[str, str], around: Neighbourhood) -> None:
    gone = os.spawnv(os.P_NOWAIT, "/bin/true", ["true"])
    os.waitpid(gone, 0)
    left = tempfile.mkdtemp(prefix=f"stile-worker-{gone}-")
    Path(left, "file").write_text("x")
    worker = EngineWorker(sys.executable, launcher=lambda i, f, log: ZygoteLauncher(i, f, log, packages))
    assert statuses(await run(worker, around, "")) == "k_good:proved"
    await worker.close()
    assert eventually(lambda: not os.path.exists(left))


EXHAUSTING = {
    "fork bomb": ("while True: os.fork()", "error"),
    "thread bomb": (
        "kept = [threading.Thread(target=time.sleep, args=(60,)) for _ in range(100000)]\n"
        "    [t.start() for t in kept]\n    return 'proved'",
        "*",
    ),
    "memory": ("kept = []\n    while True: kept.append(bytearray(1 << 26))", "error"),
    "big file": ("f = open(tempfile.gettempdir() + '/f', 'wb')\n    while True: f.write(bytes(1 << 24))", "error"),
    "descriptors": ("kept = []\n    while True: kept.append(os.dup(1))", "error"),
    "recursion": ("k_it()", "error"),
    "stack": (
        "exec('(' * 90 + ')' * 90); repr(__import__('functools').reduce(lambda a, _: [a], range(10**6), []))",
        "*",
    ),
    "busy threads": (
        "kept = [threading.Thread(target=exec, args=('while True: pass',), daemon=True) for _ in range(4)]\n"
        "    [t.start() for t in kept]\n    while True: pass",
        "timeout",
    ),
}


@pytest.mark.parametrize("name", EXHAUSTING)
async def test_exhausting_code_ends_typed_and_hides_no_other(
    packages: dict[str, str], around: Neighbourhood, name: str
) -> None:
    statement, expected = EXHAUSTING[name]
    worker = EngineWorker(sys.executable, launcher=lambda i, f, log: ZygoteLauncher(i, f, log, packages))
    try:
        await run(worker, around, "")
        source = f"{HEADER}def k_first():\n    return 'proved'\ndef k_it():\n    {statement}\n{GOOD}"
        request = CheckRequest(str(around.workspace / "kernel.py"), source, workspace=str(around.workspace))
        began = time.monotonic()
        result = await worker.check(request, Limits(wall=2.0, memory=512 << 20))
        assert time.monotonic() - began < 8
        assert result.outcome.kind is not OutcomeKind.IMPORT_ERROR
        found = {kernel.name: str(kernel.status) for kernel in result.report.kernels}
        assert found.keys() == {"k_first", "k_it", "k_good"}
        assert (found["k_first"], found["k_good"]) == ("proved", "proved")
        assert found["k_it"] in ((expected,) if expected != "*" else ("error", "crashed", "timeout"))
        assert statuses(await run(worker, around, "")) == "k_good:proved"
    finally:
        await worker.close()


async def test_a_run_in_a_fresh_process_is_confined_too(packages: dict[str, str], around: Neighbourhood) -> None:
    worker = EngineWorker(sys.executable, launcher=lambda i, f, log: SpawnLauncher(i, f, log, packages))
    body = "def k_it():\n    return refused(lambda: open(SECRET), lambda: open('new', 'w'), lambda: os.fork())\n"
    assert statuses(await run(worker, around, body)) == "k_it:proved k_good:proved"
    assert worker.ready is not None and (worker.ready.level, worker.ready.escapes) == ("isolated", ())
    await worker.close()


async def test_where_nothing_confines_a_run_that_is_said(packages: dict[str, str], around: Neighbourhood) -> None:
    """As on another system than Linux: the code has the user's rights, and no word says anything else."""
    worker = EngineWorker(sys.executable, launcher=lambda i, f, log: SpawnLauncher(i, f, log, packages, elsewhere=True))
    body = "def k_it():\n    return 'proved' if open(SECRET).read() and not os.fork() == -1 else 'refuted'\n"
    assert "k_good:proved" in statuses(await run(worker, around, body))
    assert worker.ready is not None and worker.ready.level == "not isolated"
    for words in ("all that you can", "was not tried there", "memory is not limited"):
        assert words in worker.ready.isolation
    assert worker.ready.escapes
    await worker.close()


async def test_the_client_is_told_what_holds(worker: EngineWorker, around: Neighbourhood) -> None:
    await run(worker, around, "")
    assert worker.ready is not None
    assert (worker.ready.level, worker.ready.escapes) == ("isolated", ())
    assert worker.ready.isolation.startswith("isolated by Landlock")


async def test_a_killed_run_leaves_nothing(worker: EngineWorker, around: Neighbourhood) -> None:
    await run(worker, around, "")
    task = asyncio.ensure_future(run(worker, around, "def k_it():\n    while True: pass\n", wall=60))
    while not (running := runs(os.getpid())) and not task.done():
        await asyncio.sleep(0.01)
    assert running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.2)
    assert eventually(lambda: not alive(running) and not runs(os.getpid()))
    assert threading.active_count() < 20
