"""What a client may send in which order, and what it gets for that which is no message: one answer, and no trouble."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import texts
from processes import eventually
from raw_client import Message, RawClient, ServerError, StartClient

URI = "file:///tmp/protocol.py"

PLACE = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}


@pytest.fixture(scope="module")
def client() -> Iterator[RawClient]:
    """One server for all of them: each test shows as well that the ones before did it no harm."""
    made = RawClient(settings={"cache": False})
    made.initialize()
    made.open(URI, texts.BOTH)
    made.settled(URI)
    yield made
    assert made.stop() == 0
    assert eventually(lambda: not made._errors_thread.is_alive())
    assert not re.search(rb"ERROR|Traceback", made.errors), made.errors.decode()
    assert not [m for m in made.messages if m.get("method") == "window/showMessage"]
    made.kill()


def sent(client: RawClient, body: bytes, header: bytes | None = None) -> Message:
    """The answer to raw bytes, which is the next message with an id, or with none at all."""
    assert client.process.stdin is not None
    client.process.stdin.write((b"Content-Length: %d\r\n\r\n" % len(body) if header is None else header) + body)
    client.process.stdin.flush()
    return client.wait(lambda m: "method" not in m)


def request(number: object, **more: object) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": "textDocument/hover", "params": PLACE, **more}
    return json.dumps(message).encode()


NONSENSE: dict[str, tuple[bytes, object, int]] = {
    "not JSON": (b"{not json", None, -32700),
    "not UTF-8": (b"\xff\xfe{}", None, -32700),
    "nothing": (b"", None, -32700),
    "NaN": (b'{"jsonrpc": "2.0", "id": NaN}', None, -32700),
    "too deep": (b"[" * 100_000, None, -32700),
    "no object": (b'"text"', None, -32600),
    "a batch": (b"[" + request(7) + b"]", None, -32600),
    "nothing in it": (b"{}", None, -32600),
    "no method": (b'{"jsonrpc": "2.0", "id": 7}', 7, -32600),
    "a method that is none": (request(7, method=5), 7, -32600),
    "another version": (request(7, jsonrpc="1.0"), 7, -32600),
    "no id": (request(None), None, -32600),
    "a fraction as id": (request(1.5), None, -32600),
    "an object as id": (request({"a": 1}), None, -32600),
    "truth as id": (request(True), None, -32600),
    "no parameters": (request(7, params=None), 7, -32602),
    "other parameters": (request(7, params=[1]), 7, -32602),
    "a text as line": (request(7, params={**PLACE, "position": {"line": "one", "character": 0}}), 7, -32602),
    "a line below zero": (request(7, params={**PLACE, "position": {"line": -1, "character": 0}}), 7, -32602),
    "an unknown method": (request("seven", method="no/such"), "seven", -32601),
    "an unknown method of the protocol": (request(7, method="$/such"), 7, -32601),
    "a second initialize": (request(7, method="initialize", params={"capabilities": {}}), 7, -32600),
    "an unknown command": (request(7, method="workspace/executeCommand", params={"command": "no"}), 7, -32602),
    "a command without arguments": (
        request(7, method="workspace/executeCommand", params={"command": "stile.server.prove"}),
        7,
        -32602,
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_cannot_be_served_is_refused_by_its_number(client: RawClient, name: str) -> None:
    body, number, code = NONSENSE[name]
    answer = sent(client, body)
    assert (answer["id"], answer["error"]["code"]) == (number, code)
    assert client.request("textDocument/documentSymbol", {"textDocument": {"uri": URI}})


HEADERS = {
    "none": b"\r\ngarbage\r\n\r\n",
    "below zero": b"Content-Length: -5\r\n\r\n",
    "no number": b"Content-Length: x\r\n\r\n",
    "too long": b"Content-Length: 999999999999\r\n\r\n",
    "no end": b"x" * (3 << 20) + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_say_no_length(client: RawClient, name: str) -> None:
    assert sent(client, b"", HEADERS[name])["error"]["code"] == -32700
    assert client.request("textDocument/documentSymbol", {"textDocument": {"uri": URI}})


@pytest.mark.parametrize("header", [b"content-length: %d\r\n\r\n", b"X-A: b\r\nContent-Length:%d \r\nX-C: d\r\n\r\n"])
def test_headers_as_the_protocol_allows_them(client: RawClient, header: bytes) -> None:
    body = request("it")
    assert sent(client, body, header % len(body)) == {"jsonrpc": "2.0", "id": "it", "result": None}


def test_messages_in_pieces_and_several_at_once(client: RawClient) -> None:
    assert client.process.stdin is not None
    one = b"Content-Length: %d\r\n\r\n%b" % (len(request("a")), request("a"))
    for byte in one[:30], one[30:]:
        client.process.stdin.write(byte)
        client.process.stdin.flush()
    client.process.stdin.write(one.replace(b'"a"', b'"b"') + one.replace(b'"a"', b'"c"'))
    client.process.stdin.flush()
    assert [client.wait(lambda m: "method" not in m)["id"] for _ in "abc"] == ["a", "b", "c"]


def test_what_needs_no_answer_gets_none(client: RawClient) -> None:
    client.drain()
    before = len(client.messages)
    for method, params in [
        ("no/such", {}),
        ("$/such", None),
        ("$/cancelRequest", {"id": 12345}),
        ("$/setTrace", {"value": "verbose"}),
        ("$/setTrace", {"value": "of another kind"}),
        ("window/workDoneProgress/cancel", {"token": "unknown"}),
        ("workspace/didChangeConfiguration", {}),
        ("workspace/didChangeConfiguration", {"settings": {"stile": {"verify": {"timeout": "x"}}}}),
        ("workspace/didChangeWatchedFiles", {"changes": [{"uri": "no uri", "type": 1}]}),
        ("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [{"uri": "z:z", "name": ""}]}}),
        ("textDocument/didChange", {"textDocument": {"uri": "file:///other", "version": 2}, "contentChanges": []}),
        ("textDocument/didClose", {"textDocument": {"uri": "file:///other"}}),
        ("textDocument/didSave", {"textDocument": {"uri": "file:///other"}}),
    ]:
        client.notify(method, params)
    client.send({"id": 999, "result": None})
    client.send({"id": None, "error": {"code": 1, "message": "unknown"}})
    client.drain(0.5)
    assert client.messages[before:] == []


def test_before_initialize_only_exit_is_served(start: StartClient) -> None:
    client = start()
    client.open(URI, texts.BOTH)
    for method in ("textDocument/hover", "shutdown"):
        with pytest.raises(ServerError) as refused:
            client.request(method, PLACE if method != "shutdown" else None)
        assert refused.value.code == -32002
    with pytest.raises(ServerError) as refused:
        client.request("initialize", {})
    assert refused.value.code == -32602
    client.initialize()
    assert client.request("textDocument/documentSymbol", {"textDocument": {"uri": URI}}) == []
    client.notify("exit")
    assert client.process.wait(5) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"initializationOptions": [1], "workspaceFolders": None, "rootPath": "/tmp"},
        {"initializationOptions": None, "workspaceFolders": [{"uri": "untitled:x", "name": ""}], "rootUri": "no uri"},
    ],
)
def test_strange_clients(start: StartClient, more: dict[str, Any]) -> None:
    client = start()
    capabilities = {"general": {"positionEncodings": ["of another kind"]}, "textDocument": {"unheard": 1}}
    assert client.initialize(capabilities, **more)["capabilities"]["positionEncoding"] == "utf-16"
    assert client.stop() == 0


def test_cancelled_requests_are_answered_as_such(client: RawClient) -> None:
    waiting = client.start("stile/waitUntilVerified", {"textDocument": {"uri": URI}, "version": 1000})
    client.notify("$/cancelRequest", {"id": waiting})
    with pytest.raises(ServerError) as cancelled:
        client.answer(waiting)
    assert cancelled.value.code == -32800


def test_versions_that_do_not_grow(client: RawClient) -> None:
    """The order of the messages counts: what came last is the text, and no version is taken back."""
    uri = "file:///tmp/versions.py"
    wrong = texts.BOTH.replace("X + X", "X + X + X")
    client.open(uri, texts.BOTH, version=5)
    assert client.settled(uri, 5) == {"right": "proved", "wrong": "refuted"}
    for version, text, expected in ((3, wrong, "refuted"), (5, texts.BOTH, "proved"), (5, wrong, "refuted")):
        client.change(uri, version, text)
        assert client.settled(uri, 5)["right"] == expected
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": None}, "contentChanges": [{"text": texts.BOTH}]},
    )
    assert client.settled(uri, 5)["right"] == "proved"
    for method in ("stile/status", "textDocument/publishDiagnostics"):
        assert {told["version"] for told in client.of(method, uri)} == {5}
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_a_change_that_cannot_be_read_leaves_nothing_green(start: StartClient) -> None:
    client = start()
    client.initialize()
    assert client.verify(URI, texts.BOTH)["right"] == "proved"
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": 5, "text": None}]}
    client.notify("textDocument/didChange", change)
    client.wait(lambda m: m.get("method") == "window/showMessage")
    assert client.of("stile/status", URI)[-1]["kernels"] == []
    assert client.diagnostics(URI) == []
    client.change(URI, 3, texts.BOTH)
    client.open(URI, texts.BOTH, version=4)
    assert client.settled(URI, 4) == {"right": "proved", "wrong": "refuted"}
    assert client.stop() == 0


ODD_URIS = [
    "untitled:Untitled 1",
    "",
    "file:///tmp/a%20b%F0%9F%A6%8A.py",
    "file:///tmp/%FF.py",
    "file://another-machine/share/x.py",
    "file:///",
    "http://[no uri",
    "git:/tmp/x.py?%7B%22a%22%3A1%7D",
    "file:///tmp/with%00nul.py",
    "file:relative.py",
]


def test_uris_of_all_kinds(client: RawClient) -> None:
    for uri in ODD_URIS:
        assert client.verify(uri, texts.HEAD + texts.RIGHT) == {"right": "proved"}, uri
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


ODD_TEXTS = {
    "half of a surrogate pair": texts.BOTH.replace("def wrong", "# \ud83d\ndef wrong"),
    "byte order mark": "\ufeff" + texts.BOTH,
    "old line ends": texts.BOTH.replace("\n", "\r"),
    "a long line": f"x = '{'a' * 300_000}'\n" + texts.BOTH,
    "deep": "x = " + "(" * 5000 + ")" * 5000 + "\n" + texts.BOTH,
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_texts_of_all_kinds(client: RawClient, name: str) -> None:
    uri = f"file:///tmp/{name.replace(' ', '-')}.py"
    assert client.verify(uri, ODD_TEXTS[name]) == {"right": "proved", "wrong": "refuted"}
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_a_nul_or_a_binary_file_is_no_python(client: RawClient) -> None:
    for text in (texts.BOTH.replace("X * 3", "X * 3\0"), "\x7fELF" * 100):
        uri = f"file:///tmp/binary{len(text)}.py"
        assert client.verify(uri, text).get("wrong") in (None, "error")
        assert [d["code"] for d in client.diagnostics(uri)][:1] == ["python-syntax"]
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_pulled_diagnostics_wait_for_the_verdict_and_are_told_once(start: StartClient) -> None:
    """For a client that cannot be told to ask again."""
    client = start()
    client.initialize({"textDocument": {"diagnostic": {}}})
    client.open(URI, texts.BOTH)
    asked = {"textDocument": {"uri": URI}}
    report = client.request("textDocument/diagnostic", asked)
    assert [item["code"] for item in report["items"]] == ["not-equal"]
    again = client.request("textDocument/diagnostic", {**asked, "previousResultId": report["resultId"]})
    assert again == {"kind": "unchanged", "resultId": report["resultId"]}
    client.change(URI, 2, texts.BOTH.replace("X * 3", "X * 2"))
    after = client.request("textDocument/diagnostic", {**asked, "previousResultId": report["resultId"]})
    assert after["kind"] == "full" and after["items"] == []
    waiting = client.start("textDocument/diagnostic", asked)
    client.notify("textDocument/didClose", asked)
    assert client.answer(waiting)["items"] == []
    assert client.stop() == 0


def test_a_message_of_twenty_megabytes(client: RawClient) -> None:
    uri = "file:///tmp/large-message.py"
    client.open(uri, "# " + "x" * (20 << 20) + "\n" + texts.HEAD + texts.RIGHT)
    assert client.settled(uri, 1, 60) == {"right": "proved"}
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_views_of_files_that_are_not_open(client: RawClient) -> None:
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 5, "character": 0}}
    unknown = {"textDocument": {"uri": "file:///not/open.py"}}
    assert client.request("textDocument/hover", {**unknown, "position": place["start"]}) is None
    assert client.request("textDocument/codeLens", unknown) == []
    assert client.request("textDocument/documentSymbol", unknown) == []
    assert client.request("textDocument/inlayHint", {**unknown, "range": place}) == []
    assert client.request("textDocument/codeAction", {**unknown, "range": place, "context": {"diagnostics": []}}) == []
    with pytest.raises(ServerError) as refused:
        client.request("stile/waitUntilVerified", {**unknown, "version": 1})
    assert refused.value.code == -32801


def test_a_folder_that_leaves_the_workspace_takes_its_modules_along(start: StartClient, tmp_path: Path) -> None:
    """No verdict stays that rests on what could be imported before."""
    (tmp_path / "one" / "inside").mkdir(parents=True)
    (tmp_path / "helper.py").write_text("def double(x):\n    return x * 3\n")
    (tmp_path / "one" / "helper.py").write_text("def double(x):\n    return x + x\n")
    text = texts.HEAD + "from helper import double\n" + texts.RIGHT.replace("X + X", "double(X)")
    uri = (tmp_path / "one" / "inside" / "k.py").as_uri()
    whole, one = ({"uri": folder.as_uri(), "name": folder.name} for folder in (tmp_path, tmp_path / "one"))
    client = start()
    client.initialize(workspaceFolders=[whole, one])
    assert client.verify(uri, text) == {"right": "proved"}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [one]}})
    assert client.settled(uri) == {"right": "refuted"}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [one], "removed": [whole]}})
    assert client.settled(uri) == {"right": "proved"}
    assert client.stop() == 0


def test_another_interpreter_in_manual_mode_leaves_nothing_as_it_was(start: StartClient) -> None:
    client = start()
    client.initialize()
    assert client.verify(URI, texts.BOTH) == {"right": "proved", "wrong": "refuted"}

    def set_to(**settings: object) -> None:
        client.notify("workspace/didChangeConfiguration", {"settings": {"stile": settings}})

    set_to(interpreter="/nowhere/python", verify={"mode": "manual"})
    assert client.settled(URI) == {"right": "stale", "wrong": "stale"}
    set_to(verify={"mode": "onChange"})
    assert client.settled(URI) == {"right": "error", "wrong": "error"}
    [told] = client.diagnostics(URI)
    assert told["message"] == "the interpreter /nowhere/python cannot be started: No such file or directory"
    set_to(interpreter=sys.executable)
    assert client.settled(URI) == {"right": "proved", "wrong": "refuted"}
    assert client.stop() == 0


def test_a_client_that_refuses_what_it_said_it_could(start: StartClient) -> None:
    client = start()
    client._reply = lambda asked: client.send({"id": asked["id"], "error": {"code": -32601, "message": "no"}})  # type: ignore[method-assign]
    able = {"refreshSupport": True}
    client.initialize(
        {
            "window": {"workDoneProgress": True},
            "workspace": {"configuration": True, "codeLens": able, "inlayHint": able, "diagnostics": able},
        }
    )
    assert client.verify(URI, texts.HEAD + texts.LOOP + texts.RIGHT) == {"endless": "timeout", "right": "proved"}
    assert client.of("window/showMessage") == [] and client.of("$/progress") == []
    assert client.stop() == 0
    assert b"Traceback" not in client.errors


def test_a_client_that_answers_nothing(start: StartClient) -> None:
    client = start()
    client._reply = lambda asked: None  # type: ignore[method-assign]
    client.initialize({"window": {"workDoneProgress": True}, "workspace": {"configuration": True}})
    assert client.verify(URI, texts.BOTH) == {"right": "proved", "wrong": "refuted"}
    assert client.stop() == 0
