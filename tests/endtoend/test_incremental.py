"""What an edit verifies again, seen by a client: which kernels leave their verdicts, and which keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import texts
from raw_client import RawClient, StartClient

THREE = texts.HEAD + texts.RIGHT + texts.WRONG + texts.RIGHT.replace("right", "third")
VERDICTS = {"right": "proved", "wrong": "refuted", "third": "proved"}


@pytest.fixture
def client(start: StartClient, tmp_path: Path) -> RawClient:
    made = start()
    made.initialize(rootUri=tmp_path.as_uri())
    return made


def moments(client: RawClient, uri: str, since: int) -> list[dict[str, str]]:
    """All statuses of the file that came since a version, in order."""
    client.drain(0.4)
    told = (m["params"] for m in client.messages if m.get("method") == "stile/status")
    return [{k["name"]: k["status"] for k in p["kernels"]} for p in told if p["uri"] == uri and p["version"] >= since]


def verified_again(found: list[dict[str, str]]) -> set[str]:
    return {name for moment in found for name, status in moment.items() if status in ("queued", "running")}


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("M, N = dim", "# a comment\n\n\nM, N = dim", ""),
        ("    tripled = X * 3\n", "    # inside of a kernel\n\n    tripled = (X\n    * 3)  # and after\n", ""),
        ("    tripled = X * 3\n", "    tripled = X * 4\n", "wrong"),
        ("\n@kernel", "\ndef nobody(x):\n    return x\n\n@kernel", ""),
        ("\n@kernel", "\nprint('everything may depend on it')\n\n@kernel", "right wrong third"),
        ('dim("N", 4)', 'dim("N", 5)', "right wrong third"),
    ],
)
def test_what_an_edit_verifies_again(client: RawClient, tmp_path: Path, old: str, new: str, again: str) -> None:
    uri = (tmp_path / "k.py").as_uri()
    assert client.verify(uri, THREE) == VERDICTS
    if "(X\n" in new:
        again = "wrong"  # the tokens are others
    client.change(uri, 2, THREE.replace(old, new, 1))
    assert client.settled(uri, 2) == VERDICTS
    assert verified_again(moments(client, uri, 2)) == set(again.split())


def test_ranges_move_with_a_comment_at_once(client: RawClient, tmp_path: Path) -> None:
    uri = (tmp_path / "k.py").as_uri()
    client.verify(uri, THREE)
    client.change(uri, 2, "# one\n# two\n" + THREE)
    first = client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["version"] == 2)
    lines = ("# one\n# two\n" + THREE).split("\n")
    for kernel in first["params"]["kernels"]:
        start, end = kernel["range"]["start"]["line"], kernel["range"]["end"]["line"]
        assert f"def {kernel['name']}(" in lines[start + 1] and lines[start].startswith("@")
        assert "return" in lines[end]
    client.drain()
    squiggles: list[Any] = [d for d in client.diagnostics(uri) if d["code"] == "not-equal"]
    assert squiggles and not any("before your edit" in d["message"] for d in squiggles)


def test_an_edit_that_is_taken_back_brings_the_verdict_back(client: RawClient, tmp_path: Path) -> None:
    uri = (tmp_path / "k.py").as_uri()
    client.verify(uri, THREE)
    client.change(uri, 2, THREE.replace("X * 3", "X * "))
    assert client.settled(uri, 2)["wrong"] in ("error", "stale")
    client.change(uri, 3, THREE)
    assert client.settled(uri, 3) == VERDICTS


def test_a_changed_import_concerns_its_dependents_alone(client: RawClient, tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("def double(x):\n    return x + x\n\ndef other(x):\n    return x\n")
    for number in range(20):
        (tmp_path / f"module{number}.py").write_text(f"def unrelated{number}(x):\n    return x\n")
    names = ", ".join(f"module{number}" for number in range(20))
    text = texts.HEAD + f"import {names}\nfrom helpers import double, other\n"
    text += texts.RIGHT.replace("X + X", "double(X)") + texts.RIGHT.replace("right", "alone")
    uri = (tmp_path / "k.py").as_uri()
    assert client.verify(uri, text) == {"right": "proved", "alone": "proved"}
    client.drain(0.3)
    client.messages.clear()
    # A checkout: many files at once, of which one changes what one kernel does.
    for number in range(20):
        (tmp_path / f"module{number}.py").write_text(f"def unrelated{number}(x):\n    return -x\n")
    (tmp_path / "helpers.py").write_text("def double(x):\n    return x + x + x\n\ndef other(x):\n    return -x\n")
    found = client.wait(
        lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "refuted"
    )
    assert {k["name"]: k["status"] for k in found["params"]["kernels"]} == {"right": "refuted", "alone": "proved"}
    assert verified_again(moments(client, uri, 1)) == {"right"}


def test_what_rests_on_the_surroundings_is_verified_at_every_edit(client: RawClient, tmp_path: Path) -> None:
    (tmp_path / "scale.txt").write_text("2")
    head = texts.HEAD + f"SCALE = int(open({str(tmp_path / 'scale.txt')!r}).read())\n"
    text = head + texts.RIGHT.replace("X + X", "X * SCALE")
    uri = (tmp_path / "k.py").as_uri()
    assert client.verify(uri, text) == {"right": "proved"}
    (tmp_path / "scale.txt").write_text("3")
    client.change(uri, 2, text + "# a comment\n")
    assert client.settled(uri, 2) == {"right": "refuted"}


def test_a_kernel_that_timed_out_gets_another_chance(start: StartClient, tmp_path: Path) -> None:
    client = start(settings={"verify": {"debounce": 0, "timeout": 5}})
    client.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    text = texts.HEAD + texts.RIGHT + texts.LOOP
    assert client.verify(uri, text) == {"right": "proved", "endless": "timeout"}
    client.change(uri, 2, "# a comment\n" + text)
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][1]["status"] == "running")
    assert client.settled(uri, 2) == {"right": "proved", "endless": "timeout"}


def test_hints_are_asked_for_again_once_they_are_known(start: StartClient, tmp_path: Path) -> None:
    """They come after the verdict, when nothing else changes any more."""
    client = start()
    client.initialize({"workspace": {"inlayHint": {"refreshSupport": True}}}, rootUri=tmp_path.as_uri())
    uri = (tmp_path / "k.py").as_uri()
    client.verify(uri, THREE)
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": THREE.count("\n"), "character": 0}}

    def refreshes() -> int:
        return sum(asked["method"] == "workspace/inlayHint/refresh" for asked in client.asked)

    before = 0
    while not client.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": whole}):
        client.drain(0.05)
        before = refreshes()
    client.drain()
    assert refreshes() > before
