"""Pallas: compiled parameters, places, independence of the grid's size, and versions that are not known."""

from __future__ import annotations

import textwrap

import pytest

jax = pytest.importorskip("jax")

from stile_engine.array.arrays import Unreadable  # noqa: E402
from stile_engine.check import check  # noqa: E402
from stile_engine.errors import UnsupportedError  # noqa: E402
from stile_engine.jax import references  # noqa: E402
from stile_engine.jax.pallas import adapter, launch  # noqa: E402
from stile_engine.trace.report import CheckRequest  # noqa: E402

HEAD = """
import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from stile_engine import dim, kernel
"""

SCALE = """
M, N = dim("M", {rows}), dim("N", 4)

def body(x_ref, o_ref):
    @pl.when(pl.program_id(0) == 0)
    def _():
        o_ref[...] = jnp.zeros_like(o_ref)
    o_ref[...] += jnp.sum(x_ref[...], axis=0)

@kernel("sum[M](X:M N)")
def total(X):
    return pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((4,), X.dtype),
        grid=({rows} // 2,),
        in_specs=[pl.BlockSpec((2, 4), lambda i: (i, 0))],
        out_specs=pl.BlockSpec((4,), lambda i: (0,)),
        compiler_params=pltpu.CompilerParams(dimension_semantics=("arbitrary",)),
    )(X)
"""


def only(source):
    source = textwrap.dedent(HEAD + source)
    (kernel,) = check(CheckRequest("kernels.py", source)).kernels
    return kernel, source.split("\n")


def test_compiled_kernels_are_read_without_being_run():
    kernel, _ = only(SCALE.format(rows=8))
    assert kernel.status == "proved"


def test_the_size_of_the_grid_does_not_matter():
    kernel, _ = only(SCALE.format(rows=2**20))
    assert kernel.status == "proved"


def test_places_inside_of_the_body_are_exact():
    _, lines = only(SCALE.format(rows=8))
    source = "\n".join(lines)
    report = check(CheckRequest("kernels.py", source))
    texts = {lines[v.range.start.line][v.range.start.character : v.range.end.character] for v in report.values}
    assert "jnp.sum(x_ref[...], axis=0)" in texts


def test_parameters_of_another_version_are_unsupported():
    with pytest.raises(UnsupportedError, match=jax.__version__):
        adapter.pallas_call({"jaxpr": None})


def test_block_kinds_that_are_not_known_are_unsupported():
    with pytest.raises(UnsupportedError, match="kind"):
        adapter._extent(object())


def test_program_ids_outside_of_a_kernel():
    with pytest.raises(Unreadable):
        launch._running()
    with pytest.raises(Unreadable):
        references.memory()


def test_the_version_is_one_that_was_tried():
    assert jax.__version__ in adapter.TRIED_VERSIONS
