"""Random edits, broken text included, most of them while something runs: what is shown in the end is what a server
shows that has seen nothing but the last text."""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import texts
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from raw_client import RawClient

EXAMPLES, STEPS = (40, 60) if os.environ.get("STILE_TEST_TIER") == "full" else (5, 40)
"""How often, and how many edits each: 2,000 and more in the full tier."""

BASE = texts.HELPED + texts.RIGHT.replace("right", "outside").replace("X + X", "scale(X)").replace(
    "\n@", "\nfrom imported import scale\n@"
)

PIECES = (
    ("X + X", "X * 2"),
    ("X * 3", "X * 2"),
    ("X * 2", "X * 3"),
    ("SCALE = 2", "SCALE = 3"),
    ("SCALE = 3", "SCALE = 2"),
    ("x * SCALE", "SCALE * x"),
    ("return x", "return (x"),
    ("return (x", "return x"),
    ("@kernel", "# 🦊 é\n@kernel"),
    ("@kernel", "@ kernel"),
    ("\n\n", "\n\n\n"),
    ("def helper", "def helper2"),
    ("def helper2", "def helper"),
    ("def right", "def helped"),
    ("def helped", "def right"),
    ("M, N", "N, M"),
    ('"N", 4', '"N", 5'),
    ("    return", "\n    return"),
    ("\n", "\r\n"),
    ("import", "imp"),
    ("imp ", "import "),
    ("2 * X:M N", "2 * X:M"),
    ("2 * X:M", "2 * X:M N"),
    ("'''", ""),
    ("", "'''"),
    ("", "("),
    ("", "\x0c"),
    ("", "#"),
    ("", "\n"),
    ("", "x"),
)


class Servers:
    """The one that sees all edits, and the one that sees last texts only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.helper = folder / "imported.py"
        self.helper.write_text("def scale(x):\n    return x + x\n")
        self.files = 0
        self.edited, self.fresh = RawClient(), RawClient(settings={"cache": False})
        for client in (self.edited, self.fresh):
            client.initialize(rootUri=folder.as_uri())

    def close(self) -> None:
        for client in (self.edited, self.fresh):
            assert client.stop() == 0
            client.kill()
            assert b"Traceback" not in client.errors, client.errors.decode()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("edits"))
    yield made
    made.close()


def position(text: str, offset: int) -> dict[str, int]:
    before = text[:offset].replace("\r\n", "\n")
    return {"line": before.count("\n"), "character": len(before.rpartition("\n")[2].encode("utf-16-le")) // 2}


def shown(client: RawClient, uri: str, version: int) -> tuple[list[Any], list[Any]]:
    """Statuses and diagnostics, without how long anything took."""
    kernels = client.request("stile/waitUntilVerified", {"textDocument": {"uri": uri}, "version": version}, 60)
    client.drain(0.1)
    statuses = [{**kernel, "message": re.sub(r" in [\d.]+ m?s", "", kernel["message"])} for kernel in kernels]
    found = [(d["range"]["start"]["line"], d["range"], d["code"], d["severity"]) for d in client.diagnostics(uri)]
    return statuses, sorted((line, str(rest)) for line, *rest in found)


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


class Edits(RuleBasedStateMachine):
    servers: Servers

    def __init__(self) -> None:
        super().__init__()
        self.client = self.servers.edited
        self.servers.files += 1
        # Of one length, since the fresh server's messages name files of the same.
        self.uri = (self.servers.folder / f"k{self.servers.files:06d}.py").as_uri()
        self.text, self.version = BASE, 1
        self.client.messages.clear()
        self.client.open(self.uri, BASE)

    def put(self, first: int, last: int, new: str) -> None:
        """One edit, as an editor sends it."""
        inside = [n for n in (first, last) if self.text[n - 1 : n + 1] == "\r\n"]
        if inside:
            return  # no position lies between the two
        self.version += 1
        place = {"start": position(self.text, first), "end": position(self.text, last)}
        self.text = self.text[:first] + new + self.text[last:]
        self.client.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self.uri, "version": self.version},
                "contentChanges": [{"range": place, "text": new}],
            },
        )

    @rule(piece=st.sampled_from(PIECES), which=st.integers(0, 1000))
    def replace(self, piece: tuple[str, str], which: int) -> None:
        old, new = piece
        places = [n for n in range(len(self.text) + 1) if self.text.startswith(old, n)]
        if places and len(self.text) < 4000:
            at = places[which % len(places)]
            self.put(at, at + len(old), new)

    @rule(where=st.integers(0, 4000), length=st.integers(1, 3))
    def delete(self, where: int, length: int) -> None:
        first = where % (len(self.text) + 1)
        self.put(first, min(first + length, len(self.text)), "")

    @rule()
    def whole(self) -> None:
        """A formatter, or a checkout of the file."""
        self.text, self.version = BASE, self.version + 1
        self.client.change(self.uri, self.version, BASE)

    @rule(factor=st.integers(2, 3))
    def import_changes(self, factor: int) -> None:
        self.servers.helper.write_text("def scale(x):\n    return " + " + ".join(["x"] * factor) + "\n")

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2]))
    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    @rule()
    def settle(self) -> None:
        self.client.settled(self.uri, self.version, 60)

    @precondition(lambda self: self.version % 8 == 0)
    @rule()
    def compare(self) -> None:
        self.check()

    def check(self) -> None:
        time.sleep(0.25)  # until what changed on disk has been noticed
        statuses, diagnostics = shown(self.client, self.uri, self.version)
        fresh = self.servers.fresh
        fresh.messages.clear()
        fresh.open(self.uri, self.text)
        expected, expected_diagnostics = shown(fresh, self.uri, 1)
        fresh.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})
        if is_python(self.text):
            assert (statuses, diagnostics) == (expected, expected_diagnostics), self.text
            return
        # What a broken text no longer says is kept, and marked; nothing of it is green that is not.
        verdicts = {kernel["name"]: kernel["status"] for kernel in expected}
        for kernel in statuses:
            if kernel["status"] not in ("stale", "error"):
                assert verdicts.get(kernel["name"]) == kernel["status"], (kernel, self.text)

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})


@pytest.mark.timeout(1800)
def test_random_edits_end_as_a_fresh_verification_does(servers: Servers) -> None:
    Edits.servers = servers
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Edits,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=quiet,
            # The steps of a failure are shown; making them fewer would take longer than all tests may.
            phases=(Phase.generate,),
        ),
    )
