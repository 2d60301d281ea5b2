"""Shapes of results against the spec's, where sizes are symbolic."""

from __future__ import annotations

import pytest

from stile_engine.checking.results import ResultMismatch, fit
from stile_engine.index.affine import Affine
from stile_engine.index.dims import dim
from stile_engine.index.registry import scope
from stile_engine.index.sizes import render_sizes
from stile_engine.term.expression import ONE
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import PlainArray

N = Affine.variable("#N")
RANGES = {"#N": (1, 1000)}
SPEC = Value((DimRange("N", Affine(), N, N),), ONE)


def test_two_expressions_of_one_size_agree():
    halves = N // 2 + (N + 1) // 2
    assert halves != N
    assert fit(PlainArray((halves,), ONE), SPEC, RANGES).dims == SPEC.dims


def test_sizes_that_differ_are_told_at_the_smallest():
    with pytest.raises(ResultMismatch, match=r"at the smallest sizes at which they differ, \(8,\) and \(9,\)"):
        whole = N // 2 * 2
        fit(PlainArray((whole,), ONE), SPEC, {"#N": (8, 1000)})


def test_sizes_beyond_the_range_do_not_count():
    whole = N // 2 * 2
    assert fit(PlainArray((whole,), ONE), SPEC, {"#N": (2, 2)}).dims == SPEC.dims


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (N * 64, "N"),
        (N * 128 + 1, "2 * N + 1"),
        (N * 4, "N // 16"),
        (N * -4, "-N // 16"),
        (N * 3, "3 * (N // 64)"),
        ((N * 64 + 3) // 128, "(N + 3) // 128"),
        (N // 3 * -2 + 5, "-2 * ((N // 64) // 3) + 5"),
        (N * -64 + 7, "-N + 7"),
    ],
)
def test_sizes_are_written_in_terms_of_the_dim(expression, text):
    with scope(clear=True):
        dim("N", multiple_of=64)
        assert render_sizes(expression) == text


def test_the_texts_of_sizes_mean_what_they_stand_for():
    with scope(clear=True):
        dim("N", multiple_of=64)
        for expression in (N * 64, N * 128 + 1, N * 4, N * -4, N * 3 - 2, (N * 64 + 3) // 5 * 2 - N * 32):
            for unknown in (1, 2, 7):
                wanted = expression.evaluate({"#N": unknown})
                assert eval(render_sizes(expression), {"N": 64 * unknown}) == wanted
