"""Reports survive the way to JSON and back; anything that is no report is refused."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stile_engine.trace.codec import CodecError, decode, encode, finite
from stile_engine.trace.report import (
    Assumption,
    CheckRequest,
    Diagnostic,
    KernelReport,
    LiteralReading,
    Location,
    Obligation,
    Position,
    Range,
    RelatedLocation,
    Report,
    Status,
    ValueInfo,
    Witness,
)
from stile_engine.worker.messages import FRAME_LIMIT, FrameReader, ProtocolError, frame, parse, run_message

names = st.text(max_size=8)
positions = st.builds(Position, st.integers(0, 10**6), st.integers(0, 10**6))
ranges = st.builds(Range, positions, positions)
optional_ranges = st.none() | ranges
numbers = st.floats(allow_nan=False, allow_infinity=False)
statuses = st.sampled_from(Status)
witnesses = st.builds(
    Witness,
    st.dictionaries(names, st.integers()),
    st.none() | names,
    st.dictionaries(names, st.integers()),
    st.none() | numbers | st.sampled_from(["nan", "inf", "-inf"]),
    st.none() | numbers,
    st.none() | st.integers(),
    st.none() | names,
    st.none() | names,
)
obligations = st.builds(
    Obligation, names, statuses, optional_ranges, st.none() | names, numbers, st.none() | names, st.none() | witnesses
)
kernels = st.builds(
    KernelReport,
    names,
    st.none() | names,
    statuses,
    ranges,
    ranges,
    names,
    st.none() | names,
    st.dictionaries(names, st.integers() | names),
    st.lists(st.builds(Assumption, names, names, optional_ranges), max_size=2).map(tuple),
    st.lists(st.builds(LiteralReading, names, names, optional_ranges), max_size=2).map(tuple),
    numbers,
    numbers,
    st.lists(obligations, max_size=2).map(tuple),
)
related = st.builds(RelatedLocation, st.builds(Location, ranges, st.none() | names), names)
diagnostics = st.builds(
    Diagnostic, names, names, ranges, names, st.none() | names, st.lists(related, max_size=2).map(tuple)
)
values = st.builds(ValueInfo, ranges, names, names, names, names, st.none() | names, st.none() | names, optional_ranges)
reports = st.builds(
    Report,
    names,
    st.lists(kernels, max_size=2).map(tuple),
    st.lists(diagnostics, max_size=2).map(tuple),
    st.lists(values, max_size=2).map(tuple),
    numbers,
    st.lists(names, max_size=2).map(tuple),
)


@given(reports)
def test_reports_survive(report: Report) -> None:
    text = json.dumps(encode(report), allow_nan=False)
    assert decode(Report, json.loads(text)) == report


def test_requests_survive() -> None:
    request = CheckRequest("/a.py", "x", ("k",), 3, "X:M", workspace="/")
    assert decode(CheckRequest, json.loads(json.dumps(encode(request)))) == request


def test_numbers_that_json_lacks_are_strings() -> None:
    assert [finite(x) for x in (1.5, math.inf, -math.inf, math.nan)] == [1.5, "inf", "-inf", "nan"]
    assert encode(Witness(kernel=math.inf, spec=math.nan))["kernel"] == "inf"  # type: ignore[index,call-overload]


GOOD: dict[str, Any] = encode(  # type: ignore[assignment]
    Report("/a.py", (KernelReport("k", None, Status.PROVED, *(2 * (Range(Position(0, 0), Position(0, 1)),))),))
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("path",), 3),
        (("path",), None),
        (("kernels",), {}),
        (("kernels", 0), None),
        (("kernels", 0, "status"), "green"),
        (("kernels", 0, "status"), True),
        (("kernels", 0, "range", "start", "line"), True),
        (("kernels", 0, "range", "start", "line"), 1.0),
        (("kernels", 0, "range", "start", "line"), "1"),
        (("kernels", 0, "sizes"), {"N": 1.5}),
        (("kernels", 0, "sizes"), {"N": 1 << 300}),
        (("kernels", 0, "prove_milliseconds"), "fast"),
        (("kernels", 0, "message"), "x" * (5 << 20)),
        (("milliseconds",), []),
        (("notes",), ["a"] * 300_000),
        (("surprise",), 1),
    ],
)
def test_what_is_no_report_is_refused(path: tuple[str | int, ...], value: object) -> None:
    data = json.loads(json.dumps(GOOD))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(CodecError):
        decode(Report, data)


def test_a_missing_field_is_refused() -> None:
    data = json.loads(json.dumps(GOOD))
    del data["kernels"][0]["status"]
    with pytest.raises(CodecError, match="status"):
        decode(Report, data)


@given(st.binary(max_size=200))
def test_bytes_are_messages_or_a_protocol_error(data: bytes) -> None:
    try:
        for payload in FrameReader().feed(data):
            run_message(payload)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nul", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"n": ' + b"9" * 10_000 + b"}", b"\xff"],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(body)


@given(st.lists(st.dictionaries(names, st.integers() | names, max_size=3), max_size=5), st.data())
def test_frames_come_out_as_they_went_in(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    reader, found = FrameReader(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found == payloads
    assert reader.is_between_frames


def test_messages_before_a_bad_one_still_come() -> None:
    found = []
    with pytest.raises(ProtocolError):
        for payload in FrameReader().feed(frame({"a": 1}) + b"garbage that is no frame"):
            found.append(payload)
    assert found == [{"a": 1}]


def test_limits_hold() -> None:
    with pytest.raises(ProtocolError):
        list(FrameReader().feed((FRAME_LIMIT + 1).to_bytes(4, "big")))
    with pytest.raises(ProtocolError):
        list(FrameReader(limit=10).feed(b"\0\0\0\x40" + b" " * 20))


def test_a_long_report_is_read_quickly() -> None:
    place = Range(Position(1, 2), Position(3, 4))
    value = ValueInfo(place, "k", "q d", "q d", "exp(X:q d)" * 5, name="x", name_range=place)
    report = replace(Report("/a.py"), values=(value,) * 2000)
    data = json.loads(json.dumps(encode(report)))
    began = time.perf_counter()
    decode(Report, data)
    assert time.perf_counter() - began < 1.0
