"""The text of TTIR is read as Triton prints it, in all versions whose output is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stile_engine.triton.ttir.reader import TTIR, read_module, read_type
from stile_engine.triton.ttir.tree import Function, Operation, TtirError, Type

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "ttir").glob("*.txt"))


def function(name: str) -> Function:
    path = next(p for p in GOLDEN if p.name.startswith(name))
    (found,) = read_module(path.read_text(encoding="utf-8")).functions
    return found


def operations(name: str) -> list[Operation]:
    return [o for block in function(name).body.blocks for o in block.operations]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_every_operation_is_read_with_its_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (found,) = read_module(text).functions
    count, waiting = 0, [found.body]
    while waiting:
        for block in waiting.pop().blocks:
            for operation in block.operations:
                count += 1
                waiting += operation.regions
                assert operation.place is None or operation.place.line > 0
    # Each line of an operation ends with its place, as those of the function, the module and else-less braces do.
    lines = [
        s
        for s in map(str.strip, text.splitlines())
        if s.endswith(")") and " loc(" in s and not s.startswith(("#", "^"))
    ]
    closing = sum(s.startswith("}") for s in lines)
    loops = sum(o.name in ("scf.for", "scf.if", "tt.reduce", "tt.scan") for o in _all(found))
    assert count == len(lines) - closing + loops


def _all(found: Function) -> list[Operation]:
    result, waiting = [], [found.body]
    while waiting:
        for block in waiting.pop().blocks:
            for operation in block.operations:
                result.append(operation)
                waiting += operation.regions
    return result


def test_types() -> None:
    assert read_type("i32") == Type((), "i32")
    assert read_type("!tt.ptr<f16>") == Type((), "ptr", "f16")
    assert read_type("tensor<16x1x!tt.ptr<f32>>") == Type((16, 1), "ptr", "f32")
    assert read_type("tensor<128xi1>") == Type((128,), "i1")
    assert read_type("tensor<32x64xbf16>").is_float and not read_type("i64").is_float
    assert read_type("i64").width == 64 and read_type("index").width == 64


def test_a_loop_has_its_bounds_and_its_carries() -> None:
    loop = next(o for o in operations("attention") if o.name == "scf.for")
    assert len(loop.operands) == 3 + 3 and len(loop.results) == len(loop.result_types) == 3
    (block,) = loop.regions[0].blocks
    assert [p.type for p in block.parameters] == [Type((), "i32"), *loop.result_types]


def test_a_load_has_its_mask_and_other() -> None:
    load = next(o for o in operations("branches") if o.name == "tt.load")
    assert len(load.operands) == 3
    assert load.place is not None and load.place.name == "x"


def test_jumps_have_their_targets() -> None:
    jump = next(o for o in operations("branches") if o.name == "cf.cond_br")
    assert [s.label for s in jump.successors] == ["^bb1", "^bb2"]


def test_reductions_have_their_regions() -> None:
    reduction = next(o for o in operations("branches") if o.name == "tt.reduce")
    assert reduction.attributes["axis"] == 0
    assert [o.name for o in reduction.regions[0].blocks[0].operations] == ["arith.mulf", "tt.reduce.return"]


def test_a_place_in_a_library_leads_to_its_call() -> None:
    (scan,) = [
        o
        for b in operations("branches")
        for r in b.regions
        for k in r.blocks
        for o in k.operations
        if o.name == "tt.scan"
    ]
    assert scan.place is not None
    paths = [p.path for p in scan.place.chain()]
    assert paths[-1] == "kernels.py" and paths[0] != "kernels.py"


def test_casts_have_both_types() -> None:
    inner = [o for b in operations("attention") for r in b.regions for k in r.blocks for o in k.operations]
    cast = next(o for o in inner if o.name == "arith.truncf")
    assert cast.operand_types[0].element == "f32" and cast.result_types[0].element == "f16"


def test_what_is_no_ttir_is_refused_with_its_line() -> None:
    with pytest.raises(TtirError, match="could not be read: %a = = 5"):
        read_module("module {\n  tt.func public @f() {\n    %a = = 5 loc(unknown)\n  } loc(unknown)\n} loc(unknown)\n")


def test_the_tables_are_those_of_the_grammar() -> None:
    found = json.loads(TTIR.tables_file.read_text(encoding="utf-8"))
    assert found["made"] == TTIR.made(), "run python scripts/parser_tables.py"
    made, fresh = TTIR.by_tables(found), TTIR.from_grammar()
    for path in GOLDEN:
        text = path.read_text(encoding="utf-8")
        assert made.parse(text) == fresh.parse(text)
