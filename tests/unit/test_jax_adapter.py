"""What the JAX front end rests on, and what happens where it is not there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest

pytest.importorskip("jax")

from stile_engine.check import check
from stile_engine.jax import adapter
from stile_engine.trace.report import CheckRequest, Report

HEADER = """\
from functools import partial
import jax, jax.numpy as jnp
from jax import lax
from stile_engine import dim, kernel

M, N = dim("M", 6), dim("N", 4)
"""


@pytest.fixture
def fresh_adapter() -> Iterator[None]:
    adapter._frames_of.cache_clear()
    yield
    adapter._frames_of.cache_clear()


def run(body: str) -> Report:
    return check(CheckRequest("/nowhere/k.py", HEADER + textwrap.dedent(body)))


def places(report: Report, code: str) -> list[tuple[int, str]]:
    return [(d.range.start.line, d.message) for d in report.diagnostics if d.code == code]


SIMPLE = "@kernel('exp(X:M)')\ndef f(X):\n    return jnp.exp(X)\n"


def test_a_version_without_locations_is_unsupported(monkeypatch: pytest.MonkeyPatch, fresh_adapter: None) -> None:
    from jax._src import source_info_util

    monkeypatch.delattr(source_info_util, "user_frames")
    (kernel,) = run(SIMPLE).kernels
    assert kernel.status == "unsupported" and "JAX" in kernel.message


def test_locations_by_source_information(monkeypatch: pytest.MonkeyPatch, fresh_adapter: None) -> None:
    """Older versions take the whole source information where newer ones take its traceback."""
    from jax._src import source_info_util

    newer = source_info_util.user_frames
    monkeypatch.setattr(source_info_util, "user_frames", lambda source_info: newer(source_info.traceback))
    report = run("@kernel('X:M')\ndef f(X):\n    return lax.erf_inv(X)\n")
    assert [line for line, _ in places(report, "unsupported")] == [8]


def test_a_cached_library_function_is_told_at_its_own_call() -> None:
    body = """
    @kernel("X:M")
    def first(X):
        return jnp.where(jnp.arange(6) < 9, X, 0.0)

    @kernel("X:M")
    def second(X):
        y = X * 1

        return jnp.where(lax.erf_inv(y) > 0, y, 0.0)
    """
    report = run(body)
    assert {k.name: k.status for k in report.kernels} == {"first": "proved", "second": "unsupported"}
    ((line, message),) = places(report, "unsupported")
    assert "erf_inv" in message and (HEADER + textwrap.dedent(body)).split("\n")[line].strip().startswith("return")


def test_a_compiled_helper_is_told_at_its_own_lines() -> None:
    body = """
    @jax.jit
    def helper(x):
        return lax.erf_inv(x)

    @kernel("X:M")
    def f(X):
        return helper(X) + 0.0
    """
    ((line, _),) = places(run(body), "unsupported")
    assert "lax.erf_inv" in (HEADER + textwrap.dedent(body)).split("\n")[line]


def test_loops_count_their_rounds() -> None:
    body = """
    @kernel("8 * X:M")
    def f(X):
        return lax.fori_loop(0, 3, lambda i, c: c + c, X)
    """
    report = run(body)
    assert report.kernels[0].status == "proved"
    source = (HEADER + textwrap.dedent(body)).split("\n")
    counts = {
        source[v.range.start.line][v.range.start.character : v.range.end.character]: v.count for v in report.values
    }
    assert counts["c + c"] == 3


def test_a_loop_that_is_too_long_names_its_line() -> None:
    body = """
    @kernel("X:M")
    def f(X):
        return lax.fori_loop(0, 100_000, lambda i, c: c * 0.5, X)
    """
    ((line, message),) = places(run(body), "not-proved")
    assert "rounds" in message and "fori_loop" in (HEADER + textwrap.dedent(body)).split("\n")[line]


def test_static_arguments_and_defaults() -> None:
    body = """
    @kernel("X:M * 3")
    @partial(jax.jit, static_argnames=("factor", "flag"))
    def f(X, factor=3, *, flag=True):
        return X * factor if flag else X
    """
    assert run(body).kernels[0].status == "proved"


def test_literals_that_are_read_are_listed_with_their_place() -> None:
    body = """
    @kernel("exp(X:M)")
    def f(X):
        return jnp.exp2(X * 1.44269504)
    """
    (kernel,) = run(body).kernels
    assert kernel.status == "proved"
    (literal,) = kernel.literals
    assert literal.range is not None and "log(2)" in literal.read


def test_trees_of_results() -> None:
    body = """
    @kernel(("X:M", "2 * X:M", "3 * X:M"))
    def f(X):
        return X, [2 * X, (3 * X,)]

    @kernel(("X:M", "X:M"))
    def g(X):
        return X
    """
    report = run(body)
    assert {k.name: k.status for k in report.kernels} == {"f": "proved", "g": "refuted"}
