"""Whatever a kernel does, through the editor's own path: a typed status in bounded time, and nobody else harmed.

Each case is a kernel between two good ones in a file of its own; another file that is open all the time keeps its
results, and the workspace, the secrets around it and the server stay what they were.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import texts
from processes import descendants, eventually
from raw_client import RawClient

from stile_engine.worker.sandbox import mechanisms

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or mechanisms().landlock < 3 or not mechanisms().seccomp,
    reason="this kernel has no Landlock 3 or no seccomp",
)

LIMIT = 2
"""Seconds that a run may take."""

SECRET = "hunter2-hunter2"


class Surroundings:
    """A workspace with what must not change, what lies around it, and the server that works there."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "project"
        self.home = root / "home"
        for folder in (self.workspace, self.home):
            folder.mkdir()
        (self.home / "secret").write_text(f"{SECRET} = 1\n")
        (self.workspace / "data.txt").write_text("data")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.client = RawClient(
            settings={"verify": {"debounce": 0, "timeout": 60}, "worker": {"memory": 512}, "cache": False},
            environment={"SECRET_TOKEN": SECRET},
        )
        self.client.initialize(rootUri=self.workspace.as_uri())
        self.other = (self.workspace / "other.py").as_uri()
        # The first run may have to wait for the worker to get warm; the others may not.
        self.client.open(self.other, texts.BOTH)
        assert self.client.settled(self.other, 1, 60) == {"right": "proved", "wrong": "refuted"}
        limit = {"stile": {"verify": {"timeout": LIMIT}}}
        self.client.notify("workspace/didChangeConfiguration", {"settings": limit})

    def check_unharmed(self) -> None:
        """The other file was not even looked at again, and all files are as they were."""
        told = self.client.of("stile/status", self.other)[-1]
        assert {k["name"]: k["status"] for k in told["kernels"]} == {"right": "proved", "wrong": "refuted"}
        assert (self.home / "secret").read_text().startswith(SECRET)
        assert (self.workspace / "data.txt").read_text() == "data"
        assert os.listdir(self.workspace) == ["data.txt"] and os.listdir(self.home) == ["secret"]
        assert all(SECRET not in str(message) for message in self.client.messages)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    made = Surroundings(tmp_path_factory.mktemp("around"))
    yield made
    # One zygote and what it keeps ready, whatever was left running by a hundred runs.
    assert eventually(lambda: len(descendants(made.client.process.pid)) <= 6)
    assert made.client.stop() == 0
    assert SECRET.encode() not in made.client.errors
    made.client.kill()
    made.listener.close()


ENDLESS = {
    "loop": "while True: pass",
    "sleep": "time.sleep(10**6)",
    "a call that keeps the interpreter": "3 ** 10 ** 9",
    "ignored signals": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 14, 15)]\nwhile True: pass",
    "a stopped process": "os.kill(os.getpid(), signal.SIGSTOP)",
    "busy threads": (
        "for _ in range(4): threading.Thread(target=exec, args=('while True: pass',)).start()\nwhile True: pass"
    ),
    "memory errors that are swallowed": (
        "kept = []\nwhile True:\n    try: kept.append(bytearray(1 << 26))\n    except MemoryError: pass"
    ),
    "interrupts that are swallowed": "while True:\n    try: time.sleep(1)\n    except BaseException: pass",
    "hostile comparisons": (
        "type('E', (), {'__eq__': lambda s, o: any(0 for _ in iter(int, 1)), '__hash__': None})() == X"
    ),
}

CRASHING = {
    "a segmentation fault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "a signal to itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "exit at once": "os._exit(0)",
    "exit at once with a code": "os._exit(7)",
    "all descriptors closed": "os.closerange(0, 64); time.sleep(60)",
    "a flood of output": "while True: os.write(1, b'x' * 65536)",
    "a flood of errors": "while True: os.write(2, b'x' * 65536)",
    "a flood of messages of the protocol": "while True: os.write(1, b'Content-Length: 2\\r\\n\\r\\n{}' * 4096)",
    "a flood of results": "while True: os.write(3, b'\\0\\0\\0\\2{}' * 4096)",
    "garbage for results": "os.write(3, b'x' * 64); time.sleep(60)",
    "half a result": "os.write(3, b'\\0\\0\\0\\x40{'); os._exit(0)",
    "a result that is too long": "os.write(3, b'\\xff\\xff\\xff\\xff'); time.sleep(60)",
    "a stack that is too deep for C": (
        "sys.setrecursionlimit(10**9)\nf = lambda n: functools.reduce(lambda a, b: f(n + 1), [1, 2])\nf(0)"
    ),
}

RAISING = {
    "exit": "sys.exit(3)",
    "exit with a text": "sys.exit('bye')",
    "an exception": "raise ValueError('no')",
    "an exception without a text": "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()",
    "an exception that shows itself badly": "raise type('E', (Exception,), {'__repr__': lambda s: 1 / 0})(1)",
    "an exception that lies about its type": "raise type('E' * 10**6, (Exception,), {})('x' * 10**7)",
    "an exception with the text of an answer": "raise ValueError('</script>![x](http://x/y) [run](command:x)')",
    "an exception that is none": "raise BaseExceptionGroup('g', [KeyboardInterrupt()])",
    "recursion": "f = lambda: f()\nf()",
    # Such bytes are not written, so that a machine where pages come slowly is at the limit before the deadline.
    "memory": "kept = []\nwhile True: kept.append(bytes(1 << 26))",
    "one large array": "bytearray(1 << 40)",
    "input": "input()",
    "fork": "while True: os.fork()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a program beside": "subprocess.run(['/bin/true'])",
    "threads": "for _ in range(10**6): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "a large file": "f = open(tempfile.gettempdir() + '/f', 'wb')\nwhile True: f.write(bytes(1 << 24))",
    "descriptors": "kept = []\nwhile True: kept.append(os.dup(1))",
    "writing at home": "open(HOME + '/new', 'w')",
    "writing in the workspace": "open(WORKSPACE + '/new', 'w')",
    "deleting files of the workspace": "os.unlink(WORKSPACE + '/data.txt')",
    "emptying files of the workspace": "os.truncate(WORKSPACE + '/data.txt', 0)",
    "a connection": "socket.create_connection(('127.0.0.1', PORT))",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "ending its parent": "os.kill(os.getppid(), 9)",
    "ending everybody": "os.kill(-1, 9)",
    "ending the server": "os.kill(SERVER, 9)",
    "a secret in a file": "raise ValueError(open(HOME + '/secret').read())",
    "a secret as a program": "exec(compile(open(HOME + '/secret').read(), HOME + '/secret', 'exec'))",
    "a secret of the server": "raise ValueError(open(f'/proc/{SERVER}/environ').read())",
    "a secret of the environment": "raise ValueError(os.environ['SECRET_TOKEN'])",
    "text that is no text": "raise ValueError('\\udcff\\0\\ud83d')",
}

HARMLESS = {
    "nothing to read": "assert os.read(0, 9) == b''",
    "a thread that is left behind": "threading.Thread(target=threading.Event().wait).start()",
    "a function for the end": "import atexit; atexit.register(threading.Event().wait)",
    "messages of the protocol": "os.write(1, b'Content-Length: 2\\r\\n\\r\\n{}')",
    "closed output": "sys.stdout.close(); sys.stderr = None",
    "other limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "a changed interpreter": "import builtins, json; json.dumps = builtins.len = lambda *a, **k: 1 / 0",
    "another working folder": "os.chdir('/')",
}

TYPED = {
    **{name: {"timeout"} for name in ENDLESS},
    **{name: {"crashed"} for name in CRASHING},
    **{name: {"error"} for name in RAISING},
    **{name: {"proved"} for name in HARMLESS},
    "a changed interpreter": {"crashed"},
    # It leaves ``sys.stderr`` changed for whatever runs after it.
    "closed output": {"unsupported"},
    # From Python 3.12 on the interpreter counts such calls as well.
    "a stack that is too deep for C": {"crashed", "error"},
}

CASES = {**ENDLESS, **CRASHING, **RAISING, **HARMLESS}

IMPORTS = "import ctypes, functools, os, signal, socket, subprocess, sys, tempfile, threading, time\n"


def file(around: Surroundings, body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    names = (
        f"HOME, WORKSPACE = {str(around.home)!r}, {str(around.workspace)!r}\n"
        f"PORT, SERVER = {around.listener.getsockname()[1]}, {around.client.process.pid}\n"
    )
    hostile = f'\n@kernel("2 * X:M N")\ndef hostile(X):\n{lines}    return X + X\n'
    return IMPORTS + texts.HEAD + names + texts.RIGHT + hostile + texts.RIGHT.replace("right", "after")


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_kernel(around: Surroundings, name: str) -> None:
    client = around.client
    uri = (around.workspace / f"{list(CASES).index(name)}.py").as_uri()
    began = time.monotonic()
    found = client.verify(uri, file(around, CASES[name]))
    took = time.monotonic() - began
    assert found.pop("hostile") in TYPED[name]
    assert found == {"right": "proved", "after": "proved"}
    # One run to the limit and one more for the kernel after it.
    assert took < 2 * LIMIT + 3
    if TYPED[name] <= {"timeout", "crashed", "error"}:
        told = [d for d in client.diagnostics(uri) if d["data"]["kernel"] == "hostile"]
        assert told and all(len(d["message"]) < 20_000 for d in told)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    around.check_unharmed()


MODULES = {
    "an endless module": ("while True: pass", "timeout"),
    "a module that exits": ("os._exit(0)", "crashed"),
    "a module that crashes": ("ctypes.string_at(0)", "crashed"),
    "a module that floods": ("while True: os.write(1, b'x' * 65536)", "crashed"),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_hostile_module(around: Surroundings, name: str) -> None:
    """All that is in the file gets the status, the other files keep theirs."""
    statement, status = MODULES[name]
    uri = (around.workspace / f"{name.replace(' ', '-')}.py").as_uri()
    text = IMPORTS + texts.HEAD + statement + "\n" + texts.RIGHT + texts.WRONG
    assert around.client.verify(uri, text) == {"right": status, "wrong": status}
    around.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    around.check_unharmed()
