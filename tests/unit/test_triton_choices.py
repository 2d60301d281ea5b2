"""``triton.autotune`` and ``triton.heuristics``: which constants are proved, at which sizes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_files import report_of

from stile_engine.trace.report import KernelReport

HEAD = """
import triton
import triton.language as tl
from stile_engine import cdiv, dim, kernel
N = dim("N")
FLAT = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, grid=lambda META: (cdiv(N, META["BLOCK"]),))
OUT = {"out_ptr": "2 * X:N"}
def tiles(*sizes, **more):
    return [triton.Config({"BLOCK": n}, **more) for n in sizes]
def that_divide(configs, named_args, **kwargs):
    return [c for c in configs if named_args["n"] % c.kwargs["BLOCK"] == 0]
def that_fit(configs, named_args, **kwargs):
    return [c for c in configs if c.kwargs["BLOCK"] <= kwargs["n"]] or configs[:1]
"""
MASKED = "tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)"
UNMASKED = "tl.store(out_ptr + o, 2 * tl.load(x_ptr + o))"


def checked(tmp_path: Path, decorator: str, body: str, consts: str = "", parameters: str = "") -> KernelReport:
    source = f"""{HEAD}
@kernel(OUT, **FLAT{consts})
@{decorator}
@triton.jit
def f(x_ptr, out_ptr, n, BLOCK: tl.constexpr{parameters}):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    {body}
"""
    (found,) = report_of(tmp_path / "file.py", source).kernels
    return found


@pytest.mark.parametrize(
    ("decorator", "body", "consts", "said"),
    [
        ("triton.autotune(tiles(64, 128), key=['n'])", MASKED, "", "with BLOCK=64; with BLOCK=128"),
        ("triton.autotune(tiles(16, 32, 64, 128), key=[])", MASKED, "", "with each of 4 configurations"),
        # Warps are no other values.
        ("triton.autotune(tiles(64) + tiles(64, num_warps=8), key=['n'])", MASKED, "", "with BLOCK=64"),
        ("triton.autotune(tiles(64, 128), key=['n'])", MASKED, ", consts={'BLOCK': 128}", ""),
        # Of functions that choose, each answer is proved for its sizes.
        (
            "triton.autotune(tiles(1, 64, 128), key=['n'], prune_configs_by={'early_config_prune': that_divide})",
            UNMASKED,
            "",
            "for all sizes, with at most 2**30 elements in each tensor; with BLOCK=1; with BLOCK=64; with BLOCK=128",
        ),
        ("triton.heuristics({'BLOCK': lambda a: 64 if a['n'] % 64 == 0 else 1})", UNMASKED, "", "with BLOCK=64"),
        ("triton.heuristics({'BLOCK': lambda a: 16 * a['x_ptr'].ndim})", MASKED, "", "with BLOCK=16"),
        ("triton.heuristics({'BLOCK': lambda a: 32 if a['x_ptr'] is None else 64})", MASKED, "", "with BLOCK=64"),
    ],
)
def test_each_choice_is_proved(tmp_path: Path, decorator: str, body: str, consts: str, said: str) -> None:
    found = checked(tmp_path, decorator, body, consts)
    assert found.status.value == "proved", found.message
    assert said in found.message, found.message


@pytest.mark.parametrize(
    ("decorator", "body", "consts", "sizes", "said"),
    [
        ("triton.autotune(tiles(64, 128), key=['n'])", "if BLOCK == 64: " + MASKED, "", 1, "with BLOCK=128"),
        ("triton.heuristics({'BLOCK': lambda a: 64 if a['n'] % 32 == 0 else 1})", UNMASKED, "", 32, "with BLOCK=64"),
        ("triton.heuristics({'BLOCK': lambda a: 64 if a['n'] == 65 else 1})", UNMASKED, "", 65, "with BLOCK=64"),
        # Odd sizes are no dim: a counterexample must have one.
        ("triton.heuristics({'BLOCK': lambda a: 64 if a['n'] % 2 != 0 else 1})", UNMASKED, "", 1, "with BLOCK=64"),
    ],
)
def test_the_choice_that_is_wrong_is_named(
    tmp_path: Path, decorator: str, body: str, consts: str, sizes: int, said: str
) -> None:
    found = checked(tmp_path, decorator, body, consts)
    wrong = [o for o in found.obligations if o.status.value == "refuted"]
    assert found.status.value == "refuted" and wrong
    for obligation in wrong:
        assert obligation.witness is not None and obligation.witness.sizes.get("N", sizes) == sizes
        assert said in (obligation.detail or "")


def test_a_counterexample_at_sizes_where_another_choice_is_made_is_none(tmp_path: Path) -> None:
    prune = "triton.autotune(tiles(64, 128), key=['n'], prune_configs_by={'early_config_prune': that_fit})"
    found = checked(tmp_path, prune, MASKED.replace("mask=o < n)", "mask=(o < n) & ((BLOCK == 64) | (n > 50)))"))
    assert found.status.value == "unknown"
    assert "with BLOCK=128" in found.message and "is not known" in found.message


@pytest.mark.parametrize(
    ("decorator", "consts", "said"),
    [
        (
            "triton.heuristics({'BLOCK': lambda a: triton.next_power_of_2(a['n'])})",
            "",
            "the heuristic BLOCK asks what is known at a launch only (the bits of the symbolic size",
        ),
        ("triton.heuristics({'BLOCK': lambda a: a['n']})", "", "gives N, which has no fixed value"),
        (
            "triton.heuristics({'BLOCK': lambda a: 64 if a['x_ptr'].data_ptr() % 16 == 0 else 32})",
            "",
            "x_ptr.data_ptr, a tensor of which only the shape and the type are known",
        ),
        ("triton.autotune(tiles(64, pre_hook=lambda a: a['x_ptr'].zero_()), key=[])", "", "Config(pre_hook=…)"),
        ("triton.autotune(tiles(64), key=[], pre_hook=lambda *a, **k: None)", "", "autotune(pre_hook=…)"),
        (
            "triton.autotune(tiles(32, 64), key=['n'], prune_configs_by={'early_config_prune': that_divide})",
            "",
            "early_config_prune leaves no configuration at some sizes",
        ),
        ("triton.heuristics({'BLOCK': lambda a: a['missing']})", "", "KeyError: 'missing'"),
        ("triton.heuristics({'BLOCK': lambda a: {100: 64}.get(a['n'], 32)})", "", "looked up among numbers"),
        (
            # What is chosen for one n is used for all of them.
            "triton.autotune(tiles(1, 64), key=[], prune_configs_by={'early_config_prune': that_divide})",
            "",
            "early_config_prune asks for sizes that key=[] of triton.autotune does not name",
        ),
    ],
)
def test_what_only_a_launch_knows_is_refused_by_name(tmp_path: Path, decorator: str, consts: str, said: str) -> None:
    found = checked(tmp_path, decorator, MASKED, consts)
    assert found.status.value == "unsupported"
    assert (said in found.message and "consts=" in found.message) or "leaves no" in found.message, found.message


def test_what_is_asked_for_must_be_a_configuration(tmp_path: Path) -> None:
    tuned = "triton.autotune([triton.Config({'BLOCK': 64, 'E': e}) for e in (1, 2)], key=[])"
    body = "tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=(o < n) & (E != 3))"
    assert checked(tmp_path, tuned, body, ", consts={'BLOCK': 64}", ", E: tl.constexpr").status.value == "proved"
    assert checked(tmp_path, tuned, body, ", consts={'E': 1}", ", E: tl.constexpr").status.value == "proved"
    assert (
        checked(tmp_path, tuned, body, ", consts={'E': 3, 'BLOCK': 64}", ", E: tl.constexpr").status.value == "refuted"
    )
    found = checked(tmp_path, tuned, body, ", consts={'E': 3}", ", E: tl.constexpr")
    assert found.status.value == "unsupported" and found.message == "no configuration of triton.autotune has E=3"


def test_grids_that_sizes_choose(tmp_path: Path) -> None:
    """``min(programs, tiles)`` is a grid of each, for the sizes at which it is the smaller one."""
    grid = "grid=lambda META: (min(4, cdiv(N, META['BLOCK'])),)"
    source = f"""{HEAD.replace('grid=lambda META: (cdiv(N, META["BLOCK"]),)', grid)}
@kernel(OUT, **FLAT, consts={{"BLOCK": 16, "STEP": 4}})
@triton.jit
def f(x_ptr, out_ptr, n, BLOCK: tl.constexpr, STEP: tl.constexpr):
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), STEP):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        {MASKED}
"""
    assert grid in source
    (right,) = report_of(tmp_path / "file.py", source).kernels
    assert right.status.value == "proved" and "grid=(4,)" in right.message, right.message
    (wrong,) = report_of(tmp_path / "file.py", source.replace('"STEP": 4', '"STEP": 5')).kernels
    witness = next(o.witness for o in wrong.obligations if o.status.value == "refuted")
    assert witness is not None and witness.sizes == {"N": 65} and "grid=(4,)" in wrong.message


def in_place(tmp_path: Path, consts: str, configs: str, more: str) -> KernelReport:
    source = f"""{HEAD}
@kernel({{"x_ptr": "2 * X:N"}}, **FLAT{consts})
@triton.autotune({configs}, key=["n"]{more})
@triton.jit
def f(x_ptr, n, BLOCK: tl.constexpr = 64):
    o = tl.program_id(0) * BLOCK + tl.arange(0, 64)
    tl.store(x_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)
"""
    (found,) = report_of(tmp_path / "file.py", source).kernels
    return found


@pytest.mark.parametrize(
    ("consts", "configs", "more", "status"),
    [
        # The runs that choose double x once each.
        ("", "tiles(64, 64, num_warps=8)", "", "unsupported"),
        ("", "tiles(64, 64, num_warps=8)", ", reset_to_zero=['x_ptr']", "unsupported"),
        ("", "tiles(64, 64, num_warps=8)", ", restore_value=['x_ptr']", "proved"),
        ("", "tiles(64)", "", "proved"),
        (", consts={'BLOCK': 64}", "tiles(64, 32)", "", "proved"),
        # Warps alone are chosen in this way as well.
        (", consts={'BLOCK': 64}", "[triton.Config({}, num_warps=w) for w in (4, 8)]", "", "unsupported"),
    ],
)
def test_what_a_tuned_kernel_changes_in_place_is_restored(
    tmp_path: Path, consts: str, configs: str, more: str, status: str
) -> None:
    found = in_place(tmp_path, consts, configs, more)
    assert found.status.value == status, found.message
    assert status == "proved" or "restore_value=['x_ptr']" in found.message


@pytest.mark.parametrize(
    "grid",
    [
        "lambda c: ({40: 1}.get(N, cdiv(N, 16)),)",
        "lambda c: (1 if N in {40} else cdiv(N, 16),)",
        "lambda c: (1 if str(N) == '40' else cdiv(N, 16),)",
        "lambda c: (1 if f'{c[\"n\"]:d}' == '40' else cdiv(N, 16),)",
        "caught",
    ],
)
def test_a_grid_that_goes_on_without_an_answer_is_not_believed(tmp_path: Path, grid: str) -> None:
    """At 40 elements, or below 1,000, another grid is launched than for a size of which nothing is known."""
    source = f"""{HEAD}
def caught(c):
    try:
        few = int(N) == 40
    except Exception:
        few = False
    return (1 if few else cdiv(N, 16),)

@kernel(OUT, inputs={{"x_ptr": "X:N"}}, scalars={{"n": N}}, grid={grid})
@triton.jit
def f(x_ptr, out_ptr, n):
    o = tl.program_id(0) * 16 + tl.arange(0, 16)
    {MASKED}
"""
    (found,) = report_of(tmp_path / "file.py", source).kernels
    assert found.status == "unsupported" and "symbolic" in found.message, found.message


@pytest.mark.parametrize("choice", ["len(seen.append(0) or seen) > 1", "random.random()", "next(counted) > 0"])
def test_what_is_chosen_by_chance_or_by_what_ran_before_is_not_believed(tmp_path: Path, choice: str) -> None:
    source = f"""{HEAD}
import itertools, random
seen, counted = [], itertools.count()
@kernel(OUT, **FLAT, consts={{"BLOCK": 64}})
@triton.heuristics({{"MASKED": lambda a: 10 * ({choice})}})
@triton.jit
def f(x_ptr, out_ptr, n, BLOCK: tl.constexpr, MASKED: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    {MASKED}
"""
    (found,) = report_of(tmp_path / "file.py", source).kernels
    assert found.status == "unsupported" and "asked again" in found.message, found.message
