"""The server over real stdio, read by a client that rejects every stray byte."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
import texts
from interpreters import interpreter_without
from raw_client import RawClient, ServerError, StartClient


@pytest.fixture(scope="module")
def client() -> Iterator[RawClient]:
    """One server for all tests that leave it as it was; each test has a file of its own."""
    made = RawClient()
    made.initialize()
    yield made
    assert made.stop() == 0
    made.kill()


@pytest.fixture
def uri(request: pytest.FixtureRequest, client: RawClient) -> Iterator[str]:
    name = f"file:///tmp/{request.node.name.replace('[', '-').replace(']', '')}.py"
    yield name
    client.notify("textDocument/didClose", {"textDocument": {"uri": name}})


def at(text: str, needle: str, shift: int = 0) -> dict[str, int]:
    offset = text.index(needle) + shift
    before = text[:offset]
    return {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}


def place(uri: str, text: str, needle: str) -> dict[str, object]:
    return {"uri": uri, "position": at(text, needle)}


def under(text: str, found: dict[str, dict[str, int]]) -> str:
    """The text of a range on one line."""
    line = text.splitlines()[found["start"]["line"]]
    return line[found["start"]["character"] : found["end"]["character"]]


def test_verdicts(client: RawClient, uri: str) -> None:
    assert client.verify(uri, texts.BOTH) == {"right": "proved", "wrong": "refuted"}
    [diagnostic] = client.diagnostics(uri)
    assert diagnostic["code"] == "not-equal" and diagnostic["severity"] == 1
    assert diagnostic["data"]["kernel"] == "wrong"
    page = urlparse(diagnostic["codeDescription"]["href"])
    assert page.scheme == "file" and "not-equal" in Path(page.path).read_text()


def test_everything_published_carries_its_version(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    client.change(uri, 2, texts.BOTH.replace("* 3", "* 2"))
    assert client.settled(uri, 2) == {"right": "proved", "wrong": "proved"}
    for method in ("stile/status", "textDocument/publishDiagnostics"):
        versions = [params["version"] for params in client.of(method, uri)]
        assert versions == sorted(versions) and versions[-1] == 2
    for status in client.of("stile/status", uri):
        assert [kernel["name"] for kernel in status["kernels"]] == ["right", "wrong"]


def test_a_wrong_kernel_is_never_green(client: RawClient, uri: str) -> None:
    """Back and forth between right and wrong, faster than a run takes: no status of a wrong text says proved."""
    good = texts.HEAD + texts.RIGHT
    client.verify(uri, good)
    wrong_versions = set()
    for version in range(2, 30):
        wrong = version % 2 == 0
        if wrong:
            wrong_versions.add(version)
        client.change(uri, version, good.replace("X + X", "X + X + X") if wrong else good)
        time.sleep(0.01 * (version % 4))
    assert client.settled(uri, 29) == {"right": "proved"}
    shown = {(p["version"], p["kernels"][0]["status"]) for p in client.of("stile/status", uri)}
    assert not {(v, s) for v, s in shown if v in wrong_versions and s in ("proved", "assumed")}


def test_squiggle_under_the_operation(client: RawClient, uri: str) -> None:
    text = texts.HEAD + texts.MISMATCH
    assert client.verify(uri, text) == {"mismatch": "refuted"}
    found = {d["code"]: d for d in client.diagnostics(uri)}
    assert under(text, found["dim-mismatch"]["range"]) == "tile_a + tile_b"


def test_related_locations(uri: str, start: StartClient) -> None:
    client = start()
    client.initialize({"textDocument": {"publishDiagnostics": {"relatedInformation": True}}})
    text = texts.HEAD + texts.MISMATCH
    client.verify(uri, text)
    [mismatch] = [d for d in client.diagnostics(uri) if d["code"] == "dim-mismatch"]
    told = {under(text, related["location"]["range"]) for related in mismatch["relatedInformation"]}
    assert told == {"X.slice(M, 0, 4)", "Y.slice(M, 4, 8)"}
    assert client.stop() == 0


def test_hover_and_inlay_hints(client: RawClient, uri: str) -> None:
    text = texts.BOTH
    client.verify(uri, text)
    params = {"textDocument": {"uri": uri}}
    hover = client.request("textDocument/hover", {**params, "position": at(text, "doubled = ", 2)})
    assert hover["contents"]["kind"] == "markdown"
    value = hover["contents"]["value"]
    assert "ShapeType" in value and "M N" in value and "ExprType" in value
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    hints = client.request("textDocument/inlayHint", {**params, "range": whole})
    labels = {
        under(text, {"start": {**h["position"], "character": 4}, "end": h["position"]}): h["label"] for h in hints
    }
    assert labels == {"doubled": ": M N · f32", "tripled": ": M N · f32"}


def test_hover_on_a_kernel_shows_its_counterexample(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    params = {"textDocument": {"uri": uri}, "position": at(texts.BOTH, "wrong(X)")}
    value = client.request("textDocument/hover", params)["contents"]["value"]
    assert "refuted" in value and "value" in value


def test_lenses(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    lenses = client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    titles = [lens["command"]["title"] for lens in lenses]
    assert titles[0].startswith("✓ proved in ") and titles[0].endswith(("ms", " s"))
    assert titles[3].startswith("✗ refuted at ")
    assert titles[1:3] == titles[4:6] == ["Prove", "Normal form"]
    assert {lens["command"]["command"] for lens in lenses} == {"stile.server.prove", "stile.server.normalForm"}
    lines = {texts.BOTH.splitlines()[lens["range"]["start"]["line"]] for lens in lenses}
    assert all(line.startswith(("@kernel", "def")) for line in lines)


def test_lenses_name_the_commands_of_a_client_that_has_them(uri: str, start: StartClient) -> None:
    client = start(settings={"clientCommands": True})
    client.initialize()
    client.verify(uri, texts.BOTH)
    lenses = client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert {lens["command"]["command"] for lens in lenses} == {"stile.prove", "stile.showNormalForm"}
    assert client.stop() == 0


def test_document_symbols(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    symbols = client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    assert [symbol["name"] for symbol in symbols] == ["right", "wrong"]


def test_proof_view(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    view = client.request("stile/proofView", {"textDocument": {"uri": uri}, "position": at(texts.BOTH, "wrong(X)")})
    assert set(view) == {
        "shapeType",
        "exprType",
        "normalForm",
        "specNormalForm",
        "difference",
        "literals",
        "obligations",
        "repro",
    }
    assert view["normalForm"]["text"] != view["specNormalForm"]["text"]
    assert view["normalForm"]["latex"]
    assert any("refuted" in obligation["text"] for obligation in view["obligations"])
    nothing = client.request("stile/proofView", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}})
    assert nothing is None


def test_who_asks_again_at_every_status_ends_with_the_normal_forms(client: RawClient, uri: str) -> None:
    """They come after the verdict, and change no status: the statuses are told again."""
    place = {"textDocument": {"uri": uri}, "position": at(texts.BOTH, "wrong(X)")}
    client.open(uri, texts.BOTH)
    view = None
    while view is None or view["normalForm"] is None:  # no status comes any more: the test ends in a timeout
        client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["uri"] == uri)
        view = client.request("stile/proofView", place)
    assert view["specNormalForm"]["text"] != view["normalForm"]["text"]


def test_half_typed_code_keeps_the_others(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    broken = texts.BOTH.replace("tripled = X * 3", "tripled = (X * ")
    client.change(uri, 2, broken)
    found = client.settled(uri, 2)
    assert found["right"] == "proved" and found["wrong"] not in ("proved", "assumed")
    assert "python-syntax" in {d["code"] for d in client.diagnostics(uri)}
    client.change(uri, 3, texts.BOTH.replace("* 3", "* 2"))
    assert client.settled(uri, 3) == {"right": "proved", "wrong": "proved"}
    assert client.diagnostics(uri) == []


def test_old_results_are_marked_until_the_new_ones_come(client: RawClient, uri: str) -> None:
    text = texts.HEAD + texts.WRONG
    client.verify(uri, text)
    client.change(uri, 2, text.replace("tripled = X * 3", "tripled = X * 3\n    while True: pass"))
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "running")
    [old] = client.diagnostics(uri)
    assert old["data"]["stale"] and old["severity"] == 2
    client.change(uri, 3, text)
    assert client.settled(uri, 3) == {"wrong": "refuted"}
    [new] = client.diagnostics(uri)
    assert not new["data"]["stale"] and new["severity"] == 1


def test_prints_never_reach_the_wire(client: RawClient, uri: str) -> None:
    assert client.verify(uri, texts.HEAD + texts.PRINTS) == {"prints": "proved"}


def test_module_level_prints_and_exits(client: RawClient, uri: str) -> None:
    text = texts.HEAD + "import os\nos.write(1, b'Content-Length: 9\\r\\n\\r\\n')\n" + texts.RIGHT
    assert client.verify(uri, text) == {"right": "proved"}


def test_an_endless_kernel_times_out_at_its_line_and_the_rest_is_proved(uri: str, start: StartClient) -> None:
    client = start(settings={"verify": {"debounce": 0, "timeout": 4}})
    client.initialize()
    text = texts.HEAD + texts.RIGHT + texts.LOOP + texts.WRONG
    assert client.verify(uri, text) == {"right": "proved", "endless": "timeout", "wrong": "refuted"}
    [late] = [d for d in client.diagnostics(uri) if d["code"] == "timeout"]
    assert under(text, late["range"]) in ("while True:", "pass")
    lenses = client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert "⏱ timeout after 4 s" in {lens["command"]["title"] for lens in lenses}
    assert client.stop() == 0


def test_an_edit_ends_the_run_on_the_old_text(client: RawClient, uri: str) -> None:
    client.open(uri, texts.HEAD + texts.LOOP)
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "running")
    began = time.monotonic()
    client.change(uri, 2, texts.HEAD + texts.RIGHT)
    assert client.settled(uri, 2) == {"right": "proved"}
    assert time.monotonic() - began < 3


def test_cancel_is_shown_at_once_and_leaves_stale(client: RawClient, uri: str) -> None:
    client.open(uri, texts.HEAD + texts.LOOP)
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "running")
    began = time.monotonic()
    assert client.command("cancel", {"uri": uri}) == {"cancelled": 1}
    assert client.settled(uri) == {"endless": "stale"}
    assert time.monotonic() - began < 1
    assert "cancelling" in {p["kernels"][0]["message"] for p in client.of("stile/status", uri)}


def test_prove_commands_answer_at_once(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    run = client.command("prove", place(uri, texts.BOTH, "right(X)"))["run"]
    assert isinstance(run, int)
    assert client.settled(uri) == {"right": "proved", "wrong": "refuted"}
    assert client.command("proveAll", {"uri": uri})["run"] > run
    assert client.settled(uri) == {"right": "proved", "wrong": "refuted"}
    shown = [{k["name"]: k["status"] for k in p["kernels"]} for p in client.of("stile/status", uri)]
    assert {"right": "running", "wrong": "refuted"} in shown


def test_prove_against_another_spec(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    client.command("proveAgainst", {**place(uri, texts.BOTH, "wrong(X)"), "spec": "3 * X:M N"})
    answer = client.wait(
        lambda m: m.get("method") == "stile/status" and any("against" in k for k in m["params"]["kernels"])
    )
    wrong = answer["params"]["kernels"][1]
    assert wrong["status"] == "refuted"
    assert wrong["against"]["status"] == "proved" and wrong["against"]["spec"] == "3 * X:M N"


def test_normal_form_and_debug_information(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    text = client.command("normalForm", place(uri, texts.BOTH, "wrong(X)"))
    assert "wrong" in text and "spec's normal form" in text
    program = text.partition("to see it, run:")[2]
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip()
    debug = client.command("debugInformation")
    assert sys.executable in debug and "islpy" in debug and "isolated" in debug


def test_restart(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    client.command("restartWorker")
    assert client.settled(uri) == {"right": "proved", "wrong": "refuted"}


def test_unknown_commands_and_bad_arguments_are_refused(client: RawClient, uri: str) -> None:
    for name, argument in [("run", {}), ("prove", {}), ("prove", {"uri": uri, "position": 3}), ("cancel", {"uri": 4})]:
        with pytest.raises(ServerError) as error:
            client.command(name, argument)
        assert error.value.code == -32602


def test_waiting_for_a_version_that_is_still_to_come(client: RawClient, uri: str) -> None:
    client.verify(uri, texts.BOTH)
    waiting = client.start("stile/waitUntilVerified", {"textDocument": {"uri": uri}, "version": 2})
    with pytest.raises(TimeoutError):
        client.answer(waiting, 0.3)
    client.change(uri, 2, texts.HEAD + texts.RIGHT)
    assert [kernel["name"] for kernel in client.answer(waiting)] == ["right"]


def test_waiting_ends_when_the_document_closes(client: RawClient) -> None:
    uri = "file:///tmp/closing.py"
    client.open(uri, texts.HEAD + texts.LOOP)
    waiting = client.start("stile/waitUntilVerified", {"textDocument": {"uri": uri}, "version": 1})
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    with pytest.raises(ServerError) as error:
        client.answer(waiting)
    assert error.value.code == -32801
    client.drain()
    assert client.diagnostics(uri) == []


def test_a_file_opened_again_may_start_at_a_smaller_version(client: RawClient) -> None:
    uri = "file:///tmp/again.py"
    client.open(uri, texts.BOTH, version=7)
    client.settled(uri, 7)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    client.open(uri, texts.HEAD + texts.RIGHT, version=1)
    assert client.settled(uri, 1) == {"right": "proved"}


def test_a_file_without_kernels(client: RawClient, uri: str) -> None:
    assert client.verify(uri, "x = 1\n") == {}
    assert [d for d in client.diagnostics(uri) if d["severity"] < 3] == []


def test_untitled_documents(client: RawClient) -> None:
    uri = "untitled:Untitled-1"
    assert client.verify(uri, texts.BOTH) == {"right": "proved", "wrong": "refuted"}
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_pull_diagnostics(uri: str, start: StartClient) -> None:
    client = start()
    result = client.initialize(
        {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}
    )
    assert result["capabilities"]["diagnosticProvider"]
    client.verify(uri, texts.BOTH)
    report = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    assert report["kind"] == "full" and [item["code"] for item in report["items"]] == ["not-equal"]
    client.drain()
    assert client.of("textDocument/publishDiagnostics") == []
    assert any(asked["method"] == "workspace/diagnostic/refresh" for asked in client.asked)
    assert client.stop() == 0


def test_a_client_that_takes_versions_is_pushed_to(uri: str, start: StartClient) -> None:
    client = start()
    result = client.initialize({"textDocument": {"diagnostic": {}, "publishDiagnostics": {"versionSupport": True}}})
    assert "diagnosticProvider" not in result["capabilities"]
    client.verify(uri, texts.BOTH)
    client.drain()
    assert [d["code"] for d in client.diagnostics(uri)] == ["not-equal"]
    assert client.stop() == 0


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_position_encodings(encoding: str, width: int, uri: str, start: StartClient) -> None:
    client = start()
    result = client.initialize({"general": {"positionEncodings": [encoding]}})
    assert result["capabilities"]["positionEncoding"] == encoding
    text = texts.HEAD + texts.MISMATCH.replace("return tile_a + tile_b", "fox = '🦊'; return tile_a + tile_b")
    client.verify(uri, text)
    [found] = [d for d in client.diagnostics(uri) if d["code"] == "dim-mismatch"]
    assert found["range"]["start"]["character"] == len("    fox = '") + width + len("'; return ")
    assert client.stop() == 0


def test_incremental_edits_after_strange_line_ends(client: RawClient, uri: str) -> None:
    """Form feeds and U+2028 end no line; CR and CR LF do."""
    text = texts.HEAD.replace("\n", "\r\n") + "# a\x0cb \u2028 c\r" + texts.WRONG
    assert client.verify(uri, text) == {"wrong": "refuted"}
    line = text.replace("\r\n", "\n").replace("\r", "\n").split("\n").index("    tripled = X * 3")
    edit = {
        "range": {"start": {"line": line, "character": 18}, "end": {"line": line, "character": 19}},
        "text": "2",
    }
    client.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [edit]})
    assert client.settled(uri, 2) == {"wrong": "proved"}


def test_manual_mode(uri: str, start: StartClient) -> None:
    client = start(settings={"verify": {"mode": "manual", "debounce": 0}})
    client.initialize()
    assert client.verify(uri, texts.BOTH) == {"right": "stale", "wrong": "stale"}
    client.command("prove", place(uri, texts.BOTH, "right(X)"))
    assert client.settled(uri) == {"right": "proved", "wrong": "stale"}
    client.change(uri, 2, texts.BOTH.replace("X + X", "X + X + X"))
    assert client.settled(uri, 2) == {"right": "stale", "wrong": "stale"}
    assert client.stop() == 0


def test_on_save_mode(uri: str, start: StartClient) -> None:
    client = start(settings={"verify": {"mode": "onSave", "debounce": 0}})
    client.initialize()
    assert client.verify(uri, texts.BOTH) == {"right": "proved", "wrong": "refuted"}
    client.change(uri, 2, texts.BOTH.replace("* 3", "* 2"))
    assert client.settled(uri, 2) == {"right": "proved", "wrong": "stale"}
    client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    assert client.settled(uri, 2) == {"right": "proved", "wrong": "proved"}
    assert client.stop() == 0


def test_settings_are_pulled_pushed_and_live(uri: str, start: StartClient) -> None:
    given = {"inlayHints": {"shapes": False}}
    client = start(answers={"workspace/configuration": lambda params: [given]})
    client.initialize({"workspace": {"configuration": True}})
    client.wait(lambda m: m.get("method") == "workspace/configuration")
    client.verify(uri, texts.BOTH)
    whole = {
        "textDocument": {"uri": uri},
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}},
    }
    assert client.request("textDocument/inlayHint", whole) == []
    given.update({"inlayHints": {"shapes": True, "normalForm": True}})  # type: ignore[dict-item]
    client.notify("workspace/didChangeConfiguration", {"settings": {"stile": {"codeLens": False}}})
    client.wait(lambda m: m.get("method") == "workspace/configuration")
    client.drain()
    labels = [hint["label"] for hint in client.request("textDocument/inlayHint", whole)]
    assert ": M N · f32" in labels and any(label.startswith("= ") for label in labels)
    assert client.request("textDocument/codeLens", {"textDocument": {"uri": uri}}) == []
    assert client.stop() == 0


def test_a_folder_that_is_not_trusted_runs_nothing(uri: str, start: StartClient) -> None:
    head = texts.HEAD + "raise RuntimeError('this was run')\n"
    text = head + texts.RIGHT + texts.WRONG.replace("2 * X:M N", "2 * * X:M")
    client = start(settings={"trusted": False})
    client.initialize()
    assert client.verify(uri, text) == {"right": "unknown", "wrong": "error"}
    [diagnostic] = client.diagnostics(uri)
    assert diagnostic["code"] == "spec-syntax"
    assert client.command("proveAgainst", {**place(uri, text, "right(X)"), "spec": "X:M N"})
    client.drain()
    assert [d["code"] for d in client.diagnostics(uri)] == ["spec-syntax"]
    client.notify("workspace/didChangeConfiguration", {"settings": {"stile": {"trusted": True}}})
    client.drain(0.1)
    assert client.settled(uri)["right"] == "proved"
    assert any("this was run" in d["message"] for d in client.diagnostics(uri))
    assert client.stop() == 0


def test_an_interpreter_that_does_not_do(uri: str, start: StartClient) -> None:
    client = start(settings={"interpreter": "/nowhere/bin/python"})
    client.initialize()
    assert client.verify(uri, texts.BOTH) == {"right": "error", "wrong": "error"}
    [diagnostic] = client.diagnostics(uri)
    assert diagnostic["code"] == "import-error" and "/nowhere/bin/python" in diagnostic["message"]
    client.notify("workspace/didChangeConfiguration", {"settings": {"stile": {"interpreter": sys.executable}}})
    client.drain(0.1)
    assert client.settled(uri) == {"right": "proved", "wrong": "refuted"}
    assert client.stop() == 0


def test_a_missing_module_comes_with_an_action(tmp_path: Path, uri: str, start: StartClient) -> None:
    interpreter = interpreter_without("islpy", tmp_path)
    client = start(settings={"interpreter": interpreter})
    client.initialize()
    assert client.verify(uri, texts.BOTH) == {"right": "error", "wrong": "error"}
    [diagnostic] = client.diagnostics(uri)
    assert diagnostic["code"] == "import-error" and "-m pip install islpy" in diagnostic["message"]
    params = {
        "textDocument": {"uri": uri},
        "range": diagnostic["range"],
        "context": {"diagnostics": [diagnostic]},
    }
    [action] = client.request("textDocument/codeAction", params)
    assert action["title"] == f"Install islpy into {interpreter}"
    assert action["command"]["command"] == "stile.server.install"
    assert client.request("textDocument/codeAction", {**params, "context": {"diagnostics": []}}) == []
    assert client.stop() == 0


def test_a_missing_framework_comes_with_an_action(tmp_path: Path, uri: str, start: StartClient) -> None:
    interpreter = interpreter_without("jax", tmp_path)
    client = start(settings={"interpreter": interpreter})
    client.initialize()
    text = texts.BOTH + "import jax.numpy as jnp\n"
    assert client.verify(uri, text) == {"right": "proved", "wrong": "refuted"}
    [diagnostic] = [d for d in client.diagnostics(uri) if d["code"] == "import-error"]
    params = {"textDocument": {"uri": uri}, "range": diagnostic["range"], "context": {"diagnostics": [diagnostic]}}
    [action] = client.request("textDocument/codeAction", params)
    assert action["title"] == f"Install jax into {interpreter}"
    assert client.stop() == 0


def test_imported_files_that_change_on_disk(tmp_path: Path, start: StartClient) -> None:
    helper = tmp_path / "helper.py"
    helper.write_text("def scale(x):\n    return x + x\n")
    file = tmp_path / "main.py"
    text = texts.HEAD + "from helper import scale\n" + texts.RIGHT.replace("X + X", "scale(X)")
    file.write_text(text)
    client = start()
    client.initialize(rootUri=tmp_path.as_uri())
    uri = file.as_uri()
    assert client.verify(uri, text) == {"right": "proved"}
    time.sleep(0.3)
    helper.write_text("def scale(x):\n    return x + x + x\n")
    client.wait(lambda m: m.get("method") == "stile/status" and m["params"]["kernels"][0]["status"] == "refuted")
    assert client.stop() == 0


def test_progress_can_be_cancelled(uri: str, start: StartClient) -> None:
    client = start(settings={"verify": {"debounce": 0, "timeout": 30}})
    client.initialize({"window": {"workDoneProgress": True}})
    client.open(uri, texts.HEAD + texts.LOOP)
    begin = client.wait(lambda m: m.get("method") == "$/progress")["params"]
    assert begin["value"]["kind"] == "begin" and begin["value"]["cancellable"]
    client.notify("window/workDoneProgress/cancel", {"token": begin["token"]})
    end = client.wait(lambda m: m.get("method") == "$/progress" and m["params"]["value"]["kind"] == "end")
    assert end["params"]["token"] == begin["token"]
    assert client.settled(uri) == {"endless": "stale"}
    assert client.stop() == 0
