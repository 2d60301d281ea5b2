"""What no user should do to a server, done to it: each ends in bounded time, and the final state is the true one."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest
import texts
from processes import alive, descendants, eventually
from raw_client import StartClient

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

VERDICTS = {"right": "proved", "helped": "proved", "wrong": "refuted"}


def test_two_servers_on_one_workspace_and_one_cache(start: StartClient, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def double(x):\n    return x + x\n")
    text = texts.HEAD + "from helper import double\n" + texts.RIGHT.replace("X + X", "double(X)") + texts.WRONG
    clients = [start(), start()]
    uri = (tmp_path / "k.py").as_uri()
    for client in clients:
        client.initialize(rootUri=tmp_path.as_uri())
        client.open(uri, text)
    for version in range(2, 12):
        for number, client in enumerate(clients):
            client.change(uri, version, text.replace("X * 3", f"X * {3 + (version + number) % 4}"))
    for client in clients:
        client.change(uri, 20, text)
        assert client.settled(uri, 20, 60) == {"right": "proved", "wrong": "refuted"}
    (tmp_path / "helper.py").write_text("def double(x):\n    return x + x + x\n")
    for client in clients:
        client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "refuted")
        assert client.stop() == 0


def resources(process: int) -> tuple[int, int, int]:
    """Kibibytes, threads and descriptors."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]), int(fields["Threads"]), len(os.listdir(f"/proc/{process}/fd"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts what Linux tells of a process")
def test_memory_threads_and_descriptors_stay_flat(start: StartClient, tmp_path: Path) -> None:
    client = start()
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    client.open(uri, texts.HELPED)
    client.settled(uri, 1, 60)
    seen = []
    for version in range(2, 302):
        changed = (
            texts.HELPED.replace("X * 3", f"X * {version}")
            if version % 3
            else "# edit\n" * (version % 9) + texts.HELPED
        )
        client.change(uri, version, changed)
        if version % 10 == 0:
            client.settled(uri, version, 60)
            client.messages.clear()
        if version in (100, 300):
            client.settled(uri, version, 60)
            client.drain(0.5)
            seen.append(resources(client.process.pid))
    (memory, threads, files), (memory_after, threads_after, files_after) = seen
    assert memory_after <= memory + 15_000
    assert threads_after <= threads + 2
    assert files_after <= files + 4
    assert client.stop() == 0


def test_views_are_answered_during_a_storm(start: StartClient, tmp_path: Path) -> None:
    client = start()
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    client.open(uri, texts.HELPED)
    client.settled(uri, 1, 60)
    for version in range(2, 202):
        client.change(uri, version, texts.HELPED.replace("X * 3", f"X * {version}"))
        if version % 20 == 0:
            found = client.request("textDocument/codeLens", {"textDocument": {"uri": uri}}, 5)
            assert found
    assert client.settled(uri, 201, 60) == {"right": "proved", "helped": "proved", "wrong": "refuted"}
    assert len(descendants(client.process.pid)) < 12
    assert client.stop() == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "before",
    ["# 🦊🦊 é\n", "# \x0c form feed\n\x0c", "X = '''\u2028'''\n", "\ufeff", "# tab\there\n", "# crlf\r\n\r\n"],
)
def test_ranges_after_strange_characters(start: StartClient, tmp_path: Path, encoding: str, before: str) -> None:
    client = start()
    client.initialize({"general": {"positionEncodings": [encoding]}}, rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    text = texts.HEAD + texts.WRONG.replace("    tripled", "    fox = '🦊'; tripled")
    assert client.verify(uri, text) == {"wrong": "refuted"}
    moved = before + text
    client.change(uri, 2, moved)
    assert client.settled(uri, 2) == {"wrong": "refuted"}
    client.drain()
    [squiggle] = [d for d in client.diagnostics(uri) if d["code"] == "not-equal"]
    line = moved.replace("\r\n", "\n").split("\n")[squiggle["range"]["start"]["line"]]
    raw = line.encode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding])
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    start_at, end_at = (squiggle["range"][side]["character"] * width for side in ("start", "end"))
    shown = raw[start_at:end_at].decode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding])
    assert shown in ("tripled", "X * 3"), (line, shown)
    assert client.stop() == 0


def test_a_file_of_five_megabytes(start: StartClient, tmp_path: Path) -> None:
    client = start(settings={"verify": {"debounce": 0, "timeout": 60}})
    client.initialize(rootUri=tmp_path.as_uri())
    small, large = (tmp_path / "small.py").as_uri(), (tmp_path / "large.py").as_uri()
    client.open(large, texts.HELPED + "\n" + "# nothing but words in a comment, over and over again\n" * 95_000)
    assert client.verify(small, texts.HELPED)["right"] == "proved"
    assert client.settled(large, 1, 60)["right"] == "proved"
    assert client.stop() == 0


def test_imports_that_cannot_be_read_and_names_that_go_away(start: StartClient, tmp_path: Path) -> None:
    client = start()
    client.initialize(rootUri=tmp_path.as_uri())
    (tmp_path / "helper.py").write_bytes(b"\xff\xfe not python")
    text = texts.HEAD + "import helper\n" + texts.RIGHT
    uri = (tmp_path / "k.py").as_uri()
    client.open(uri, text)
    client.settled(uri, 1)
    (tmp_path / "helper.py").unlink()
    (tmp_path / "helper.py").mkdir()
    client.change(uri, 2, text + "# one\n")
    client.settled(uri, 2)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    renamed = (tmp_path / "renamed.py").as_uri()
    assert client.verify(renamed, texts.HELPED)["right"] == "proved"
    assert client.stop() == 0


STAGES = [0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3]
"""Seconds after an edit: before the run has a process, while it is given the text, traces, proves, and describes."""


@linux
def test_workers_that_are_killed_at_every_stage(start: StartClient, tmp_path: Path) -> None:
    """No verdict is wrong, none is waited for in vain, and the next edit finds everything in order."""
    client = start(settings={"cache": False})
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    assert client.verify(uri, texts.HELPED) == VERDICTS
    version = 1
    stages = STAGES if os.environ.get("STILE_TEST_TIER") == "full" else STAGES[::3]
    for number, moment in enumerate(stages):
        version += 1
        client.change(uri, version, texts.HELPED.replace("SCALE = 2", f"SCALE = {number + 3}"))
        time.sleep(moment)
        for process in descendants(client.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        found = client.settled(uri, version)
        # A run that was lost before it had begun is made again; one that had begun has ended with what it had found.
        assert found["helped"] in ("refuted", "crashed")
        assert (found["right"], found["wrong"]) == ("proved", "refuted") or "crashed" in found.values()
        version += 1
        client.change(uri, version, texts.HELPED + f"# {number}\n")
        assert client.settled(uri, version) == VERDICTS
    assert client.stop() == 0


@linux
def test_a_worker_that_is_killed_before_there_is_a_file(start: StartClient, tmp_path: Path) -> None:
    """It is started ahead, and nobody has waited for it yet: another one does its work."""
    client = start(settings={"cache": False})
    client.initialize(rootUri=tmp_path.as_uri())
    begun = descendants(client.process.pid)
    assert begun
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert eventually(lambda: not alive(begun))
    assert client.verify((tmp_path / "k.py").as_uri(), texts.HELPED) == VERDICTS
    assert client.stop() == 0


@linux
def test_workers_that_are_killed_while_they_start(start: StartClient, tmp_path: Path) -> None:
    client = start(settings={"cache": False})
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    client.open(uri, texts.HELPED)
    assert eventually(lambda: bool(descendants(client.process.pid)), 10)
    for _ in range(2):
        # The second time there is one only if the server had not asked for the first when that ended.
        eventually(lambda: bool(descendants(client.process.pid)), 1)
        for process in descendants(client.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    found = client.settled(uri, 1, 60)
    assert found == VERDICTS or set(found.values()) == {"error"}
    client.change(uri, 2, texts.HELPED + "# again\n")
    assert client.settled(uri, 2, 60) == VERDICTS
    assert client.stop() == 0


@linux
@pytest.mark.parametrize("size", [0, 1000])
def test_a_full_disk(start: StartClient, tmp_path: Path, size: int) -> None:
    """A limit on the size of files stands in for it: nothing can be kept, and no verdict depends on that."""
    client = start(environment={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    limit = resource.RLIM_INFINITY
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (size, limit))
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    found = client.verify(uri, texts.HELPED)
    if size:
        assert found == VERDICTS
        client.change(uri, 2, texts.HELPED.replace("X * 3", "X * 2"))
        assert client.settled(uri, 2) == {**VERDICTS, "wrong": "proved"}
    else:
        # Not even a folder for temporary files can be found.
        assert set(found.values()) == {"error"}
        assert any("temporary folder" in d["message"] for d in client.diagnostics(uri))
        resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        client.change(uri, 2, texts.HELPED + "# there is room again\n")
        assert client.settled(uri, 2) == VERDICTS
    assert client.stop() == 0


@pytest.mark.parametrize("place", ["a file", "nowhere", "read-only"])
def test_a_cache_that_cannot_be_written(start: StartClient, tmp_path: Path, place: str) -> None:
    cache = tmp_path / "cache"
    if place == "a file":
        cache.write_text("")
    elif place == "nowhere":
        cache = Path("/proc/nowhere")
    else:
        cache.mkdir(mode=0o500)
    client = start(environment={"XDG_CACHE_HOME": str(cache)})
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    assert client.verify(uri, texts.HELPED) == VERDICTS
    client.change(uri, 2, texts.HELPED + "# once more\n")
    assert client.settled(uri, 2) == VERDICTS
    assert client.stop() == 0
    assert b"Traceback" not in client.errors


def test_a_file_that_is_renamed_deleted_and_comes_back(start: StartClient, tmp_path: Path) -> None:
    """What is open is verified from its buffer, whatever becomes of the file."""
    client = start()
    client.initialize(rootUri=tmp_path.as_uri())
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.write_text(texts.HELPED)
    assert client.verify(old.as_uri(), texts.HELPED) == VERDICTS
    old.rename(new)
    gone = [{"uri": old.as_uri(), "type": 3}, {"uri": new.as_uri(), "type": 1}]
    client.notify("workspace/didChangeWatchedFiles", {"changes": gone})
    client.change(old.as_uri(), 2, texts.HELPED.replace("X * 3", "X * 2"))
    assert client.settled(old.as_uri(), 2) == {**VERDICTS, "wrong": "proved"}
    client.notify("textDocument/didClose", {"textDocument": {"uri": old.as_uri()}})
    client.drain()
    assert client.diagnostics(old.as_uri()) == []
    assert client.verify(new.as_uri(), texts.HELPED) == VERDICTS
    new.unlink()
    tmp_path.chmod(0o000)
    try:
        client.change(new.as_uri(), 2, texts.HELPED + "# the folder cannot be read\n")
        found = client.settled(new.as_uri(), 2)
    finally:
        tmp_path.chmod(0o700)
    assert found == VERDICTS
    assert client.stop() == 0


def test_what_is_looked_at_goes_first(start: StartClient, tmp_path: Path) -> None:
    """All kernels of a file have to be verified again: the one under edit first, then those on the screen."""
    client = start(settings={"cache": False})
    client.initialize(rootUri=tmp_path.as_uri())
    names = [f"k{number}" for number in range(8)]
    text = texts.HEAD + "".join(texts.RIGHT.replace("right", name) for name in names)
    uri = (tmp_path / "k.py").as_uri()
    assert set(client.verify(uri, text).values()) == {"proved"}
    line = text[: text.index("def k5")].count("\n")
    screen = {"start": {"line": line, "character": 0}, "end": {"line": line + 2, "character": 0}}
    client.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": screen})
    edited = text.replace("def k7(X):\n    doubled = X + X", "def k7(X):\n    doubled = X * 2")
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": edited.replace('"N", 4', '"N", 5')}]},
    )
    client.settled(uri, 2)
    client.drain()
    seen: list[str] = []
    for told in client.of("stile/status", uri):
        if told["version"] == 2:
            done = [k["name"] for k in told["kernels"] if k["status"] == "proved" and k["name"] not in seen]
            seen += done
    assert sorted(seen) == names
    assert seen.index("k5") < min(seen.index(name) for name in ("k0", "k1", "k2", "k3", "k4"))
    assert client.stop() == 0
