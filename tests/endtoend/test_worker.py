"""Whatever user code does to its process, the client gets a typed outcome in time and the next run works."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shlex
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from interpreters import interpreter_without
from processes import alive, descendants, eventually, parents, runs

from stile_engine.trace.report import CheckRequest
from stile_engine.worker.ahead import Ahead
from stile_engine.worker.client import CheckSession, EngineWorker, WorkerState, frameworks
from stile_engine.worker.launch import Launcher, ZygoteLauncher
from stile_engine.worker.messages import Limits
from stile_engine.worker.outcome import OutcomeKind, RunResult
from stile_engine.worker.spawn import SpawnLauncher

linux = pytest.mark.skipif(sys.platform != "linux", reason="the zygote is for Linux")

HEADER = "import ctypes, os, signal, sys, time\n"

GOOD = "def k_good():\n    return 'proved'\n"

BEFORE_AND_AFTER = "def k_before():\n    return 'proved'\n", "def k_after():\n    return 'proved'\n"


def make_worker(kind: type[Launcher], packages: dict[str, str], logged: list[str]) -> EngineWorker:
    def launcher(interpreter: str, wanted: Sequence[str], log: Callable[[str], None]) -> Launcher:
        return kind(interpreter, wanted, log, packages)  # type: ignore[call-arg]

    return EngineWorker(sys.executable, log=logged.append, launcher=launcher)


@pytest.fixture
def logged() -> list[str]:
    return []


@pytest.fixture(params=[pytest.param(ZygoteLauncher, marks=linux), SpawnLauncher])
async def worker(
    request: pytest.FixtureRequest, packages: dict[str, str], logged: list[str]
) -> AsyncIterator[EngineWorker]:
    made = make_worker(request.param, packages, logged)
    yield made
    await made.close()


@pytest.fixture
async def zygote(packages: dict[str, str], logged: list[str]) -> AsyncIterator[EngineWorker]:
    made = make_worker(ZygoteLauncher, packages, logged)
    yield made
    await made.close()


async def run(worker: EngineWorker, body: str, *, wall: float = 5.0, path: str = "/tmp/kernel.py") -> RunResult:
    source = HEADER + textwrap.dedent(body)
    return await worker.check(CheckRequest(path, source), Limits(wall=wall))


def statuses(result: RunResult) -> str:
    return " ".join(f"{kernel.name}:{kernel.status}" for kernel in result.report.kernels)


def codes(result: RunResult) -> list[str]:
    return [diagnostic.code for diagnostic in result.report.diagnostics]


async def test_results_come_back(worker: EngineWorker) -> None:
    result = await run(worker, "def k_a():\n    return 'proved'\ndef k_b():\n    return 'refuted'\n")
    assert result.outcome.kind is OutcomeKind.FINISHED
    assert statuses(result) == "k_a:proved k_b:refuted"
    assert codes(result) == ["not-equal"]
    assert [value.kernel for value in result.report.values] == ["k_a", "k_b"]


HOSTILE = {
    "crash": ("ctypes.string_at(0)", OutcomeKind.CRASHED, "k_before:proved k_it:crashed k_after:proved", "SIGSEGV"),
    "abort": ("os.abort()", OutcomeKind.CRASHED, "k_before:proved k_it:crashed k_after:proved", "SIGABRT"),
    "exit-at-once": ("os._exit(0)", OutcomeKind.EXITED, "k_before:proved k_it:crashed k_after:proved", "code 0"),
    "exit": ("sys.exit(3)", OutcomeKind.EXITED, "k_before:proved k_it:crashed k_after:proved", "code 3"),
    "raises": ("raise ValueError('no')", OutcomeKind.FAILED, "k_before:proved k_it:error k_after:proved", "no"),
    "hostile-text": (
        "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
        OutcomeKind.FAILED,
        "k_before:proved k_it:error k_after:proved",
        "text could not be made",
    ),
    "flood": (
        "while True: os.write(1, b'x' * 65536)",
        OutcomeKind.OUTPUT_LIMIT,
        "k_before:proved k_it:crashed k_after:proved",
        "4 MiB",
    ),
    "garbage": (
        "os.write(3, b'x' * 64); time.sleep(60)",
        OutcomeKind.PROTOCOL_ERROR,
        "k_before:proved k_it:crashed k_after:proved",
        "bytes",
    ),
    "half-a-message": (
        "os.write(3, b'\\0\\0\\0\\x40{'); os._exit(0)",
        OutcomeKind.PROTOCOL_ERROR,
        "k_before:proved k_it:crashed k_after:proved",
        "middle",
    ),
    "closes-all": (
        "os.closerange(0, 10); time.sleep(60)",
        OutcomeKind.EXITED,
        "k_before:proved k_it:crashed k_after:proved",
        "closed",
    ),
    "memory": (
        "x = bytearray(1 << 40)",
        OutcomeKind.FAILED,
        "k_before:proved k_it:error k_after:proved",
        "MemoryError",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_kernels_end_typed_and_hide_no_other(zygote: EngineWorker, name: str) -> None:
    statement, kind, expected, message = HOSTILE[name]
    before, after = BEFORE_AND_AFTER
    result = await run(zygote, f"{before}def k_it():\n    {statement}\n{after}")
    assert (result.outcome.kind, statuses(result)) == (kind, expected)
    assert message in result.outcome.message
    assert statuses(await run(zygote, GOOD)) == "k_good:proved"


HANGS = {
    "loop": ("while True: pass", True),
    "sleep": ("time.sleep(1000)", True),
    "ignores-signals": ("[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n    while True: pass", True),
    "stops-itself": ("os.kill(os.getpid(), signal.SIGSTOP)", False),
    "holds-the-interpreter": ("3 ** 10 ** 9", True),
}


@pytest.mark.parametrize("name", HANGS)
async def test_endless_kernels_are_stopped_in_time(zygote: EngineWorker, name: str) -> None:
    statement, has_line = HANGS[name]
    await run(zygote, GOOD)
    before, after = BEFORE_AND_AFTER
    began = time.monotonic()
    result = await run(zygote, f"{before}def k_it():\n    {statement}\n{after}", wall=0.5)
    assert time.monotonic() - began < 1.5
    assert result.outcome.kind is OutcomeKind.TIMEOUT
    assert statuses(result) == "k_before:proved k_it:timeout k_after:proved"
    assert codes(result) == ["timeout"]
    if has_line:
        lines = (HEADER + before).count("\n") + 1 + statement.count("\n")
        assert result.outcome.line == lines
        assert result.report.diagnostics[0].range.start.line == lines


async def test_an_endless_module_is_stopped_once(zygote: EngineWorker) -> None:
    await run(zygote, GOOD)
    began = time.monotonic()
    result = await run(zygote, f"while True:\n    pass\n{GOOD}{BEFORE_AND_AFTER[0]}", wall=0.5)
    assert time.monotonic() - began < 1.5
    assert statuses(result) == "k_good:timeout k_before:timeout"
    assert codes(result) == ["timeout"]


async def test_a_run_that_is_stopped_after_its_last_verdict_is_no_error_of_the_text(zygote: EngineWorker) -> None:
    waits = "import functools, time\nafterwards = functools.partial(time.sleep, 9)\n"
    result = await run(zygote, waits + GOOD, wall=0.5)
    assert statuses(result) == "k_good:proved"
    assert [(d.code, d.severity) for d in result.report.diagnostics] == [("timeout", "information")]
    assert "every kernel has its verdict" in result.report.diagnostics[0].message


async def test_a_path_outside_of_ascii_still_gives_the_line(zygote: EngineWorker) -> None:
    result = await run(zygote, "def k_it():\n    ctypes.string_at(0)\n", path="/tmp/größe 🦊.py")
    assert result.outcome.line == 2


async def test_prints_reach_the_log_and_nothing_else(worker: EngineWorker, logged: list[str]) -> None:
    result = await run(
        worker,
        """
        def k_it():
            print("hello")
            os.write(1, b"Content-Length: 5\\r\\n\\r\\n")
            return "proved"
        """,
    )
    assert statuses(result) == "k_it:proved"
    await asyncio.sleep(0.3)
    assert any("hello" in text and "Content-Length" in text for text in logged)


async def test_input_is_empty(worker: EngineWorker) -> None:
    result = await run(worker, "def k_it():\n    return 'proved' if os.read(0, 9) == b'' else 'refuted'\n")
    assert statuses(result) == "k_it:proved"


@linux
async def test_no_run_sees_another(zygote: EngineWorker) -> None:
    mark = "import builtins\nbuiltins.mark = 1\n"
    await run(zygote, mark + GOOD)
    result = await run(
        zygote, "import builtins\ndef k_it():\n    return 'refuted' if hasattr(builtins, 'mark') else 'proved'\n"
    )
    assert statuses(result) == "k_it:proved"


@linux
async def test_the_environment_is_scrubbed(zygote: EngineWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    body = """
    def k_it():
        text = open("/proc/self/environ").read() + repr(os.environ)
        return "refuted" if "hunter2" in text or "CUDA_VISIBLE_DEVICES" not in text else "proved"
    """
    assert statuses(await run(zygote, body)) == "k_it:proved"


@linux
async def test_a_lost_zygote_is_replaced(zygote: EngineWorker) -> None:
    await run(zygote, GOOD)
    launcher = zygote.launchers[0]
    assert isinstance(launcher, ZygoteLauncher) and launcher.process_id is not None
    os.kill(launcher.process_id, signal.SIGKILL)
    assert statuses(await run(zygote, GOOD)) == "k_good:proved"
    assert zygote.launchers[0] is not launcher


async def test_who_stops_waiting_ends_no_start(packages: dict[str, str]) -> None:
    """Every edit ends the run before it: a start that ended with it would begin anew at each key."""
    made: list[Launcher] = []

    def launcher(interpreter: str, wanted: Sequence[str], log: Callable[[str], None]) -> Launcher:
        made.append(ZygoteLauncher(interpreter, wanted, log, packages))
        return made[-1]

    worker = EngineWorker(sys.executable, launcher=launcher)
    for _ in range(3):
        waiting = asyncio.create_task(run(worker, GOOD))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert statuses(await run(worker, GOOD)) == "k_good:proved"
    assert len(made) == 1
    await worker.close()


async def test_a_worker_closed_while_it_starts_leaves_no_process(packages: dict[str, str]) -> None:
    before = descendants(os.getpid())
    worker = EngineWorker(sys.executable, launcher=lambda i, f, log: ZygoteLauncher(i, f, log, packages))
    waiting = asyncio.create_task(run(worker, GOOD))
    await asyncio.sleep(0.2)
    waiting.cancel()
    await worker.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for _ in range(500):
        if descendants(os.getpid()) <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("processes are left")


PROVED = "from stile_engine import dim, kernel\nN = dim('N', 4)\n@kernel('2 * X:N')\ndef k(X):\n    return X + X\n"


@linux
@pytest.mark.parametrize(("imported", "name"), [("import numpy as np\n", "numpy"), ("import jax.numpy\n", "jax")])
async def test_a_process_begun_ahead_serves_whatever_is_asked_first(imported: str, name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    ahead = Ahead(sys.executable, lambda text: None)
    await ahead.begin()
    begun = set(parents())
    worker = EngineWorker(sys.executable, launcher=ahead)
    source = imported + PROVED
    assert statuses(await worker.check(CheckRequest("/tmp/kernel.py", source), Limits())) == "k:proved"
    launcher = worker.launchers[0]
    assert isinstance(launcher, ZygoteLauncher) and launcher.process_id in begun
    assert worker.ready is not None and worker.ready.missing == () and worker.ready.notes == ()
    assert statuses(await worker.check(CheckRequest("/tmp/kernel.py", source), Limits())) == "k:proved"
    ahead.close()
    await worker.close()


@linux
async def test_a_process_begun_ahead_under_another_interpreter_ends() -> None:
    before = descendants(os.getpid())
    ahead = Ahead(sys.executable, lambda text: None)
    await ahead.begin()
    # Of what was there before some may end meanwhile: other tests leave it behind for a moment.
    begun = descendants(os.getpid()) - before
    ahead("/nowhere/python", ["numpy"], lambda text: None)
    assert begun
    for _ in range(500):
        if descendants(os.getpid()) <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it still runs")


async def test_what_cannot_be_begun_ahead_is_told_to_who_needs_it() -> None:
    ahead = Ahead("/nowhere/python", lambda text: None)
    await ahead.begin()
    worker = EngineWorker("/nowhere/python", launcher=ahead)
    result = await run(worker, GOOD)
    assert result.outcome.kind is OutcomeKind.IMPORT_ERROR
    assert "/nowhere/python" in result.outcome.message
    ahead.close()
    await worker.close()


@linux
async def test_a_worker_that_has_threads_is_not_forked(tmp_path: Path, packages: dict[str, str]) -> None:
    """A forked copy of a process with threads may hang for ever; fresh processes do the work instead."""
    engine = tmp_path / "stile_engine"
    engine.mkdir()
    for entry in (Path(packages["stile_engine"]) / "stile_engine").iterdir():
        (engine / entry.name).symlink_to(entry.resolve())
    (engine / "check.py").unlink()
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    fake = (Path(__file__).parent / "fake_engine" / "check.py").read_text()
    (engine / "check.py").write_text(fake + threads)
    logged: list[str] = []
    with_threads = {**packages, "stile_engine": str(tmp_path)}
    worker = EngineWorker(
        sys.executable,
        log=logged.append,
        launcher=lambda i, f, log: ZygoteLauncher(i, f, log, with_threads),
        fallback=lambda i, f, log: SpawnLauncher(i, f, log, with_threads),
    )
    assert statuses(await run(worker, GOOD)) == "k_good:proved"
    assert any("2 threads" in text for text in logged) and any("fresh process" in text for text in logged)
    await worker.close()


async def test_a_cancelled_run_is_gone(worker: EngineWorker) -> None:
    await run(worker, GOOD)
    task = asyncio.ensure_future(run(worker, "def k_it():\n    while True: pass\n", wall=60))
    while not (running := runs(os.getpid())) and not task.done():
        await asyncio.sleep(0.01)
    assert running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    end = time.monotonic() + 2
    while alive(running) and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert not alive(running) and not runs(os.getpid())


@linux
async def test_the_process_of_the_next_run_is_made_ahead(zygote: EngineWorker) -> None:
    """It has rehearsed, knows no text yet, and is used once."""
    await run(zygote, GOOD)
    await asyncio.sleep(0.5)
    waiting = descendants(os.getpid())
    task = asyncio.ensure_future(run(zygote, "def k_it():\n    while True: pass\n", wall=60))
    await asyncio.sleep(0.5)
    assert len(runs(os.getpid()) & waiting) == 2, "the one that proves and the one that runs the text"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert statuses(await run(zygote, GOOD)) == "k_good:proved"


@pytest.fixture
def uncompiled(tmp_path: Path, packages: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An engine without bytecode, as it comes in a bundle."""
    if shutil.which("bwrap") is None:
        pytest.skip("without bubblewrap the interpreter keeps its bytecode")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    engine = tmp_path / "stile_engine"
    shutil.copytree(Path(packages["stile_engine"]) / "stile_engine", engine, ignore=shutil.ignore_patterns("*.pyc"))
    return {**packages, "stile_engine": str(tmp_path)}


@linux
async def test_bytecode_is_made_once(uncompiled: dict[str, str], logged: list[str]) -> None:
    """It is compiled at the first start, outside of the sandbox's read-only view."""
    engine = Path(uncompiled["stile_engine"])

    def missing() -> list[Path]:
        tag = f"{sys.implementation.cache_tag}.pyc"
        return [p for p in engine.rglob("*.py") if not (p.parent / "__pycache__" / f"{p.stem}.{tag}").exists()]

    worker = make_worker(ZygoteLauncher, uncompiled, logged)
    assert statuses(await run(worker, GOOD)) == "k_good:proved"
    assert worker.ready is not None and not worker.ready.is_compiled
    while missing():
        await asyncio.sleep(0.05)
    await worker.restart()
    assert statuses(await run(worker, GOOD)) == "k_good:proved"
    assert worker.ready.is_compiled
    await worker.close()


@linux
async def test_what_makes_the_bytecode_ends_with_its_maker(uncompiled: dict[str, str], logged: list[str]) -> None:
    def makers() -> list[str]:
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = file.read_bytes()
                if b"compileall" in line and uncompiled["stile_engine"].encode() in line:
                    found.append(file.parent.name)
        return found

    worker = make_worker(ZygoteLauncher, uncompiled, logged)
    assert statuses(await run(worker, GOOD)) == "k_good:proved"
    assert len(makers()) == 1
    await worker.close()
    async with asyncio.timeout(2):
        while makers():
            await asyncio.sleep(0.02)


@linux
async def test_a_process_that_ended_before_its_run_is_replaced(zygote: EngineWorker) -> None:
    for number in (signal.SIGKILL, signal.SIGSEGV):
        await run(zygote, GOOD)
        await asyncio.sleep(0.5)
        table = parents()
        leaves = {
            process for process in descendants(os.getpid()) - set(table.values()) if table[process] != os.getpid()
        }
        assert len(leaves) == 1, "the zygote, the one that is to prove, and below it the one that is to run a text"
        (tracer,) = leaves
        os.kill(table[tracer] if number == signal.SIGKILL else tracer, number)
        await asyncio.sleep(0.2)
        assert statuses(await run(zygote, GOOD)) == "k_good:proved"


@linux
async def test_finished_kernels_are_told_before_the_rest(zygote: EngineWorker) -> None:
    told: list[str] = []
    source = HEADER + "def k_a():\n    return 'proved'\ndef k_b():\n    while True: pass\n"
    await zygote.check(CheckRequest("/tmp/k.py", source), Limits(wall=0.5), lambda m: told.append(type(m).__name__))
    assert told[:2] == ["Discovered", "KernelDone"]


@linux
async def test_nothing_is_left_open(zygote: EngineWorker) -> None:
    await run(zygote, GOOD)
    await asyncio.sleep(0.3)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        await run(zygote, GOOD)
    await asyncio.sleep(0.3)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_runs_get_processes_that_were_made_ahead(packages: dict[str, str], logged: list[str]) -> None:
    """A run that is not needed any longer takes no process from the next one, and there is always one more."""
    worker = make_worker(SpawnLauncher, packages, logged)
    await run(worker, GOOD)
    before = descendants(os.getpid())
    hasty = [asyncio.ensure_future(run(worker, GOOD)) for _ in range(20)]
    await asyncio.sleep(0.05)
    for task in hasty[:-1]:
        task.cancel()
    assert statuses(await hasty[-1]) == "k_good:proved"
    results = await asyncio.gather(*(run(worker, GOOD) for _ in range(3)))
    assert [statuses(result) for result in results] == ["k_good:proved"] * 3
    end = time.monotonic() + 5
    while len(descendants(os.getpid()) - before) > 2 and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert len(descendants(os.getpid()) - before) <= 2
    await worker.close()
    assert logged == [] or not any("Traceback" in text for text in logged)


async def test_a_process_made_ahead_that_was_ended_is_replaced(packages: dict[str, str], logged: list[str]) -> None:
    worker = make_worker(SpawnLauncher, packages, logged)
    await run(worker, GOOD)
    for _ in range(2):
        await asyncio.sleep(0.3)
        for process in descendants(os.getpid()):
            os.kill(process, signal.SIGKILL)
        assert statuses(await run(worker, GOOD)) == "k_good:proved"
    await worker.close()


@linux
@pytest.mark.parametrize("moment", ["warming", "running"])
async def test_the_end_of_its_maker_ends_a_process_without_the_means_of_linux(tmp_path: Path, moment: str) -> None:
    """Also while it warms itself or runs, and whatever it runs: the process beside it ends the group."""
    script, marker = tmp_path / "client.py", tmp_path / "running"
    text = f"open({str(marker)!r}, 'w').close()\n3 ** 10 ** 9\n"
    script.write_text(
        "import asyncio, sys\n"
        "from stile_engine.trace.report import CheckRequest\n"
        "from stile_engine.worker.client import EngineWorker\n"
        "from stile_engine.worker.messages import Limits\n"
        "worker = EngineWorker(sys.executable)\n"
        f"asyncio.run(worker.check(CheckRequest('/tmp/k.py', {text!r}), Limits(wall=60)))\n"
    )
    environment = {**os.environ, "STILE_WORKER": "elsewhere", "PYTHONPATH": os.pathsep.join(sys.path)}
    client = await asyncio.create_subprocess_exec(sys.executable, str(script), env=environment)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (marker.exists() if moment == "running" else len(descendants(client.pid)) > 2):
        await asyncio.sleep(0.02)
    processes = descendants(client.pid)
    assert len(processes) > 2, "one runs the text, one judges, one keeps the folder"
    assert marker.exists() == (moment == "running")
    client.kill()
    await client.wait()
    end = time.monotonic() + 2
    while alive(processes) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    assert not alive(processes)


async def test_states_are_told(packages: dict[str, str]) -> None:
    seen: list[WorkerState] = []
    worker = EngineWorker(
        sys.executable, on_state=seen.append, launcher=lambda i, f, log: ZygoteLauncher(i, f, log, packages)
    )
    await run(worker, GOOD)
    await worker.restart()
    await worker.close()
    assert seen == [
        WorkerState.READY,
        WorkerState.BUSY,
        WorkerState.READY,
        WorkerState.RESTARTING,
        WorkerState.STARTING,
        WorkerState.EXITED,
    ]


@pytest.mark.parametrize("kind", [ZygoteLauncher, SpawnLauncher])
async def test_an_interpreter_that_is_not_there(kind: type[Launcher]) -> None:
    worker = EngineWorker("/nowhere/python", launcher=kind)
    result = await run(worker, GOOD)
    assert result.outcome.kind is OutcomeKind.IMPORT_ERROR
    assert "/nowhere/python" in result.outcome.message
    assert codes(result) == ["import-error"]
    await worker.close()


@pytest.mark.parametrize("kind", [ZygoteLauncher, SpawnLauncher])
async def test_a_missing_module_is_named_with_the_command_that_helps(kind: type[Launcher], tmp_path: Path) -> None:
    worker = EngineWorker(interpreter_without("islpy", tmp_path), launcher=kind)
    result = await run(worker, "from stile_engine import kernel\n" + GOOD)
    assert result.outcome.kind is OutcomeKind.IMPORT_ERROR
    assert result.outcome.command == f"{shlex.quote(sys.executable)} -m pip install islpy"
    assert result.outcome.command in result.report.diagnostics[0].message
    await worker.close()


async def test_an_interpreter_that_ends_at_once_is_reported(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'no licence' >&2\nexit 3\n")
    script.chmod(0o755)
    worker = EngineWorker(str(script), launcher=ZygoteLauncher)
    result = await run(worker, GOOD)
    assert result.outcome.kind is OutcomeKind.IMPORT_ERROR
    assert "no licence" in result.outcome.message
    await worker.close()


def test_frameworks_of_a_text() -> None:
    assert frameworks("import numpy as np") == ("numpy",)
    assert frameworks("import jax.numpy as jnp") == ("numpy", "jax")
    assert frameworks("from stile_engine import jax as sj") == ("numpy", "jax")
    assert frameworks("def f(:\nimport jax\n") == ("numpy", "jax")
    assert frameworks("text = 'import jax'") == ("numpy",)


def test_blocking_use(packages: dict[str, str]) -> None:
    before = descendants(os.getpid())
    session = CheckSession(sys.executable, launcher=lambda i, f, log: ZygoteLauncher(i, f, log, packages))
    with session:
        requests = [CheckRequest(f"/tmp/{n}.py", f"def k_{n}():\n    return 'proved'\n") for n in range(5)]
        results = list(session.check_all(requests, Limits(), jobs=2))
        assert [statuses(r) for r in results] == [f"k_{n}:proved" for n in range(5)]
    assert eventually(lambda: descendants(os.getpid()) <= before)
