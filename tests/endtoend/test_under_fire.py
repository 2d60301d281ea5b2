"""What no user should do to a server, done to it: each ends in bounded time, and the final state is the true one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import texts
from processes import descendants
from raw_client import StartClient

BASE = (
    texts.HEAD
    + "SCALE = 2\n\ndef helper(x):\n    return x * SCALE\n"
    + texts.RIGHT
    + texts.RIGHT.replace("right", "helped").replace("X + X", "helper(X)")
    + texts.WRONG
)


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
    client.open(uri, BASE)
    client.settled(uri, 1, 60)
    seen = []
    for version in range(2, 302):
        changed = BASE.replace("X * 3", f"X * {version}") if version % 3 else "# edit\n" * (version % 9) + BASE
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
    client.open(uri, BASE)
    client.settled(uri, 1, 60)
    for version in range(2, 202):
        client.change(uri, version, BASE.replace("X * 3", f"X * {version}"))
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
    # A byte order mark in front of a text is no Python; the others change nothing.
    if before != "\ufeff":
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
    client.open(large, BASE + "\n" + "# nothing but words in a comment, over and over again\n" * 95_000)
    assert client.verify(small, BASE)["right"] == "proved"
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
    assert client.verify(renamed, BASE)["right"] == "proved"
    assert client.stop() == 0
