"""Triton kernels in which data say where elements lie and how many there are: verdicts as their comments have them, and
what the kernels compute when Triton's interpreter runs them."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest
from triton_data_runs import outcomes

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

FILE = Path(__file__).with_name("triton_data_kernels.txt")

_EXPECTED = re.compile(r"^def (\w+)\(.*\):  # (\w+)(?:: (.*))?$", re.MULTILINE)

GROUPED, PAGED, PACKED = "grouped_matmul", "paged_decode", "packed_attention_of_all"

CAUSAL = ('"out_ptr": VARLEN', '"out_ptr": CAUSAL')
"""The spec of the packed attention in which a token sees those before it only."""
BEFORE = ("(rows[:, None] >= 0)", "(c[None, :] <= rows[:, None])")

VARIANTS: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    # experts of the mixture
    "grouped_by_the_first_expert": (GROUPED, "refuted", (("w_ptr + e * k * f", "w_ptr"),)),
    "grouped_by_the_next_expert": (
        GROUPED,
        "refuted: reads w_ptr out of bounds",
        (("w_ptr + e * k * f", "w_ptr + (e + 1) * k * f"),),
    ),
    "grouped_from_row_0": (GROUPED, "refuted: write the same element of out_ptr", (("row = start + ", "row = "),)),
    "grouped_rows_from_0": (GROUPED, "refuted", (("x_ptr + r[:, None]", "x_ptr + (r - start)[:, None]"),)),
    "grouped_into_the_next_group": (
        GROUPED,
        "refuted: write the same element of out_ptr",
        (("acc, mask=(r[:, None] < end)", "acc, mask=(r[:, None] < end + 1)"),),
    ),
    "grouped_of_whole_tiles": (
        GROUPED,
        "refuted: writes out_ptr out of bounds",
        (("acc, mask=(r[:, None] < end) & ", "acc, mask="),),
    ),
    "grouped_of_one_tile": (GROUPED, "refuted: never visits", (("range(0, k, BK)", "range(0, BK, BK)"),)),
    "grouped_up_to_the_length": (GROUPED, "refuted: never written", (("+ e + 1)", "+ e + 1) - start"),)),
    # pages of the cache
    "paged_by_half_pages": (PAGED, "refuted", (("page * PAGE + o", "page * (PAGE // 2) + o"),)),
    "paged_without_the_length": (
        PAGED,
        "refuted",
        (
            (
                'tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))',
                "tl.sum(q[None, :] * k, 1) * 0.25",
            ),
        ),
    ),
    "paged_by_the_first_table": (PAGED, "refuted", (("table_ptr + b * width + i", "table_ptr + i"),)),
    "paged_by_first_elements": (PAGED, "refuted", (("page * PAGE + o", "page * PAGE + 0 * o"),)),
    "paged_without_the_table": (PAGED, "refuted: reads k_ptr out of bounds", (("(page * PAGE", "(i * PAGE"),)),
    "paged_without_the_last_page": (PAGED, "refuted: never visits", (("tl.cdiv(length, PAGE)", "length // PAGE"),)),
    "paged_not_rescaled": (PAGED, "refuted", (("acc = acc * alpha", "acc = acc"),)),
    # packed sequences
    "packed_causal": (PACKED, "proved", (CAUSAL, BEFORE)),
    "packed_causal_not_masked": (PACKED, "refuted: also visits", (CAUSAL,)),
    "packed_causal_strictly": (PACKED, "refuted", (CAUSAL, (BEFORE[0], BEFORE[1].replace("<=", "<")))),
    "packed_causal_from_the_start": (PACKED, "refuted", (CAUSAL, (BEFORE[0], "(c[None, :] <= first + rows[:, None])"))),
    "packed_values_from_0": (PACKED, "refuted", (("v_ptr + ((first + c[:, None])", "v_ptr + ((c[:, None])"),)),
    "packed_keys_from_0": (
        PACKED,
        "refuted: never visits",
        (("k_ptr + ((first + c[None, :])", "k_ptr + ((c[None, :])"),),
    ),
    "packed_without_the_length": (
        PACKED,
        "refuted",
        (("visible = (c[None, :] < length)", "visible = (c[None, :] >= 0)"),),
    ),
    "packed_of_whole_tiles": (
        PACKED,
        "refuted: writes out_ptr out of bounds",
        (("acc / l[:, None], mask=rows[:, None] < length", "acc / l[:, None]"),),
    ),
    "packed_up_to_the_end": (PACKED, "refuted: reads q_ptr out of bounds", (("+ b + 1) - first", "+ b + 1)"),)),
}
"""Kernels that differ from one of the file: which one, the verdict (and what is said), and what is replaced by what."""


@cache
def source() -> str:
    """The file, and the variants of its kernels behind it."""
    text = FILE.read_text(encoding="utf-8")
    blocks = {found[1]: block for block in text.split("\n\n\n") if (found := _EXPECTED.search(block))}
    made = []
    for name, (base, verdict, changes) in VARIANTS.items():
        block = blocks[base]
        for old, new in changes:
            assert old in block, f"{name}: {old}"
            block = block.replace(old, new)
        made.append(re.sub(r"^def \w+(.*:)  # .*$", rf"def {name}\1  # {verdict}", block, flags=re.MULTILINE))
    return "\n\n\n".join([text.rstrip("\n"), *(block.rstrip("\n") for block in made)]) + "\n"


def test_verdicts_are_those_of_the_comments() -> None:
    expected = {name: (status, text) for name, status, text in _EXPECTED.findall(source())}
    report = check(CheckRequest("/nowhere/kernels.py", source(), details=False))
    assert {k.name: k.status.value for k in report.kernels} == {name: status for name, (status, _) in expected.items()}
    for kernel in report.kernels:
        said = " ".join(o.detail or "" for o in kernel.obligations)
        assert expected[kernel.name][1] in said, f"{kernel.name}: {said}"
        if kernel.status.value == "refuted":
            assert any(o.witness for o in kernel.obligations), f"{kernel.name}: {said}"


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")
def test_the_verdicts_are_what_the_interpreter_computes(tmp_path: Path) -> None:
    """A proved kernel agrees with NumPy on data that satisfy what it declares; of no other kernel do all of them."""
    path = tmp_path / "kernels.py"
    path.write_text(source(), encoding="utf-8")
    found = outcomes(path)
    expected = {name: status for name, status, _ in _EXPECTED.findall(source())}
    assert found.keys() == expected.keys()
    agreeing = {name for name, outcome in found.items() if outcome == "agrees"}
    assert agreeing == {name for name, status in expected.items() if status == "proved"}, found
