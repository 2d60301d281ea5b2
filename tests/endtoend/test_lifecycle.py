"""How the server ends, and that it takes all of its processes with it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import texts
from processes import alive, descendants, eventually
from raw_client import RawClient, ServerError, StartClient, read_message

URI = "file:///tmp/lifecycle.py"

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def busy_client(start: StartClient) -> tuple[RawClient, set[int]]:
    """A server with an endless run under way, and the processes under it."""
    client = start(settings={"verify": {"debounce": 0, "timeout": 60}})
    client.initialize()
    client.open(URI, texts.HEAD + texts.LOOP)
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "running")
    assert eventually(lambda: len(descendants(client.process.pid)) >= 2, 20), "the zygote and the run"
    return client, descendants(client.process.pid)


def folders(prefix: str) -> list[str]:
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(prefix)]


@linux
def test_shutdown_with_work_in_flight(start: StartClient) -> None:
    client, processes = busy_client(start)
    waiting = client.start("stile/waitUntilVerified", {"textDocument": {"uri": URI}, "version": 1})
    began = time.monotonic()
    assert client.request("shutdown") is None
    answered = [m for m in client.messages if m.get("id") == waiting and "method" not in m]
    assert "error" in (answered or [client.wait(lambda m: m.get("id") == waiting)])[0]
    client.notify("exit")
    assert client.process.wait(5) == 0
    assert time.monotonic() - began < 2
    assert eventually(lambda: not alive(processes))


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server_leaves_no_process_and_no_folder(number: signal.Signals, start: StartClient) -> None:
    client, processes = busy_client(start)
    mine = f"stile-worker-{client.process.pid}-"
    assert folders(mine)
    client.process.send_signal(number)
    assert eventually(lambda: not alive(processes) and not folders(mine), 2)
    client.kill()


@linux
def test_the_end_of_input_is_an_exit(start: StartClient) -> None:
    client, processes = busy_client(start)
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert client.process.wait(5) == 1
    assert eventually(lambda: not alive(processes))


def test_exit_without_shutdown_is_an_error(start: StartClient) -> None:
    client = start()
    client.initialize()
    client.notify("exit")
    assert client.process.wait(5) == 1


def test_requests_after_shutdown_are_refused(start: StartClient) -> None:
    client = start()
    client.initialize()
    client.request("shutdown")
    with pytest.raises(ServerError) as error:
        client.request("textDocument/hover", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}})
    assert error.value.code == -32600
    client.notify("exit")
    assert client.process.wait(5) == 0


def test_the_server_ends_with_the_process_of_its_client(start: StartClient) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as editor:
        client = start()
        client.initialize(processId=editor.pid)
        assert editor.stdin is not None
        editor.stdin.close()
        editor.wait(5)
        assert client.process.wait(5) == 1


def test_a_session_logs_no_trouble(start: StartClient) -> None:
    client = start()
    client.initialize()
    client.verify(URI, texts.BOTH)
    assert client.stop() == 0
    assert eventually(lambda: not client._errors_thread.is_alive())
    assert b"right proved, wrong refuted" in client.errors
    assert not re.search(rb"ERROR|WARNING|Traceback", client.errors)


def test_prints_in_the_server_itself_go_to_stderr(tmp_path: Path, start: StartClient) -> None:
    """The guard is at the level of descriptors: also what C code writes to 1 stays off the wire."""
    site = tmp_path / "sitecustomize.py"
    site.write_text(
        "import sys\n"
        "if 'stile_lsp' in ' '.join(sys.orig_argv):\n"
        "    import stile_lsp.outline as o, os\n"
        "    real = o.outline\n"
        "    def noisy(text, *rest, **more):\n"
        "        print('python'); os.write(1, b'raw'); return real(text, *rest, **more)\n"
        "    import stile_lsp.features.synchronization as s\n"
        "    s.outline = noisy\n"
    )
    client = start(environment={"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"})
    client.initialize()
    client.verify(URI, texts.BOTH)
    assert client.stop() == 0
    assert eventually(lambda: b"python" in client.errors and b"raw" in client.errors)


def test_tcp() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "stile_lsp", "--tcp", "0"], stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stderr is not None
    port = re.search(rb":(\d+)$", process.stderr.readline().strip())
    assert port is not None
    with socket.create_connection(("127.0.0.1", int(port[1]))) as connection:
        stream = connection.makefile("rwb")
        for body in (
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"capabilities":{}}}',
            b'{"jsonrpc":"2.0","id":2,"method":"shutdown"}',
            b'{"jsonrpc":"2.0","method":"exit"}',
        ):
            stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        stream.flush()
        answers = [read_message(stream), read_message(stream)]  # type: ignore[arg-type]
    assert [answer and answer["id"] for answer in answers] == [1, 2]
    assert process.wait(5) == 0
    process.stderr.close()


@linux
def test_many_edits_leave_nothing_behind(start: StartClient) -> None:
    client = start()
    client.initialize()
    client.verify(URI, texts.BOTH)
    time.sleep(0.5)

    def counts() -> tuple[int, int, int]:
        base = Path("/proc") / str(client.process.pid)
        return (
            len(list((base / "fd").iterdir())),
            len(list((base / "task").iterdir())),
            len(descendants(client.process.pid)),
        )

    before = counts()
    for version in range(2, 60):
        client.change(URI, version, texts.BOTH + f"\n# {version}\n" + "x = (" * (version % 7 == 0))
    client.settled(URI, 59)
    assert eventually(lambda: all(now <= then for now, then in zip(counts(), before, strict=True)))
    assert client.stop() == 0
