"""Dims are integers with a name; their slices are checked when they are made."""

from __future__ import annotations

import copy
import operator
import pickle
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stile_engine import Dim, DimError, StileError, UnsupportedError, cdiv, dim, kernel, scope
from stile_engine.index.affine import Affine
from stile_engine.index.dims import RESERVED_WORDS, registered_dims
from stile_engine.index.sizes import affine_of, products_of_sizes, size_of


def test_a_size_is_an_integer() -> None:
    q = Dim("q", 48)
    assert (q // 16, -(-q // 32), q * 2, 2 * q, q - 1, list(range(0, q, 16))) == (3, 2, 96, 96, 47, [0, 16, 32])
    assert isinstance(q, int) and q == 48 and hash(q) == hash(48) and f"{q}" == "48" and cdiv(q, 32) == 2
    assert np.zeros((q, 2)).shape == (48, 2) and (np.ones(3) / q).shape == (3,) and float(np.sqrt(Dim("p", 16))) == 4.0
    assert (q.name, q.concrete, q.extent) == ("q", 48, Affine((), 48))


def test_a_symbolic_size_is_affine() -> None:
    n = Dim("N", multiple_of=64)
    unknown = Affine.variable("#N")
    assert n.concrete is None and n.extent == unknown * 64
    assert affine_of(n // 16) == unknown * 4
    assert affine_of(-(-n // 64)) == unknown and affine_of(cdiv(n, 128)) == -((unknown * -64) // 128)
    assert affine_of(2 * n - 64 + n % 64) == unknown * 128 - 64
    assert n - n == 0 and n >= 64 and n > 0 and not n < 64 and n >= 64 and n != 0 and n == n


def test_two_dims_of_one_symbolic_size() -> None:
    n = Dim("N", multiple_of=4, max=64)
    m = Dim("M", n)
    assert m.name == "M" and m.concrete is None and m.extent == n.extent and m == n and m - n == 0
    assert (m.symbol, m.symbol_range, m.size_text) == (n.symbol, (1, 16), "N")
    again = pickle.loads(pickle.dumps(m))
    assert (again.name, again.extent, again.symbol) == ("M", n.extent, "#N")
    assert Dim("K", m).symbol == "#N" and Dim("L", Dim("P", 8)).concrete == 8
    with pytest.raises(DimError, match="the size of N"):
        Dim("M", n, max=8)


@pytest.mark.parametrize(
    "use",
    [
        lambda n: range(0, n, 64),
        lambda n: int(n),
        lambda n: n == 128,
        lambda n: n > 64,
        lambda n: n * n,
        lambda n: n // 0,
        lambda n: np.zeros(n),
        lambda n: float(n),
    ],
)
def test_what_a_symbolic_size_cannot_do_is_said(use: Any) -> None:
    with pytest.raises(UnsupportedError) as raised:
        use(Dim("N", multiple_of=64))
    assert "N" in raised.value.message and raised.value.code == "unsupported"


def test_slices() -> None:
    q, n = Dim("q", 48), Dim("N", multiple_of=64)
    assert str(q[0:16]) == "q[0:16]" and q[0:48].is_whole and q[:] == q[0:48] and q[16:].low == Affine((), 16)
    assert q[0:16] != Dim("n", 48)[0:16] and hash(q[0:16]) == hash(Dim("q", 48)[0:16])
    assert n[0:64].size == Affine((), 64) and n[0 : n - 1].high == n.extent - 1
    assert q[np.int64(3) : np.int32(5)].size == Affine((), 2)


@pytest.mark.parametrize(
    "cut",
    [
        lambda q, n: q[0:0],
        lambda q, n: q[5:3],
        lambda q, n: q[-1:3],
        lambda q, n: q[0:49],
        lambda q, n: q[48:],
        lambda q, n: q[0:8:2],
        lambda q, n: q[3],
        lambda q, n: q["a":"b"],
        lambda q, n: q[0.0:3.0],
        lambda q, n: n[0:65],
        lambda q, n: n[0 : n + 1],
        lambda q, n: n[64:n],
    ],
)
def test_slices_that_are_no_slices(cut: Any) -> None:
    with pytest.raises(DimError) as raised:
        cut(Dim("q", 48), Dim("N", multiple_of=64))
    assert raised.value.code == "dim-mismatch"


@pytest.mark.parametrize("name", ["sum", "where", "1a", "", "a b", "class", "é", 3, *sorted(RESERVED_WORDS)])
def test_names_that_no_spec_could_say(name: Any) -> None:
    with pytest.raises(DimError):
        Dim(name, 4)


@pytest.mark.parametrize("size", [0, -1, 2.0, "4", True])
def test_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(DimError):
        Dim("q", size)


def test_the_reserved_words_are_those_of_the_language() -> None:
    from stile_engine.spec.syntax import messages

    words = {token.lower() for token in messages.RESERVED}
    assert words == RESERVED_WORDS


def test_copies_are_the_same_dim() -> None:
    for found in (Dim("q", 4), Dim("N", multiple_of=8, max=64)):
        assert copy.deepcopy(found) is found
        loaded = pickle.loads(pickle.dumps(found))
        assert (loaded.name, loaded.extent, loaded.symbol_range) == (found.name, found.extent, found.symbol_range)


def test_bounds_of_a_symbolic_size_are_shown() -> None:
    assert Dim("N", multiple_of=64).size_text == "64*k, k >= 1"
    assert Dim("N", max=2**40).size_text == f"k, k >= 1, N <= {2**40}"
    assert Dim("N", multiple_of=64, max=256).symbol_range == (1, 4)
    with pytest.raises(DimError):
        Dim("N", multiple_of=64, max=63)


def test_declarations_end_with_their_scope() -> None:
    with scope(clear=True):
        dim("q", 4)
        with scope():
            dim("n", 8)
            assert set(registered_dims()) == {"q", "n"}
        assert set(registered_dims()) == {"q"}
        with scope(clear=True):
            assert not registered_dims()


def test_the_decorator_gives_back_the_object_itself() -> None:
    def f(x: int) -> int:
        return x

    assert kernel("X:Q")(f) is f
    thing = object()
    assert kernel({"out": "X:Q"}, inputs={"a": "X:Q"}, grid=(1,))(thing) is thing
    with pytest.raises(StileError):
        kernel("X:Q", backend="fortran")


def test_a_kernel_file_imports_no_framework() -> None:
    program = "import sys; from stile_engine import dim, kernel, cdiv, scope, Dim; kernel('X:Q')(print); " + (
        "print({'numpy', 'jax', 'islpy', 'lark', 'mpmath', 'rich', 'argparse', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("number", [5.0, 5 + 0j, Fraction(5), np.int64(5), np.float32(5)])
def test_a_symbolic_size_meets_numbers_of_every_type(number: Any) -> None:
    size: Any = size_of(Dim("N").extent)
    for ask in (operator.eq, operator.ne):
        with pytest.raises(UnsupportedError):
            ask(size, number)
        with pytest.raises(UnsupportedError):
            ask(number, size)
    assert (size * 2 == number) is False and (size * 2 != number) is True
    for other in (5.5, float("nan"), float("inf"), "5", None):
        assert (size == other) is False and (size != other) is True


def test_a_symbolic_size_is_ordered_among_fractions() -> None:
    size: Any = size_of(Dim("N", multiple_of=16).extent)
    assert size > 15.5 and size >= 16.0 and not size < 15.5 and 0.5 <= size < float("inf")
    assert not size <= float("-inf")
    for ask, other in ((operator.gt, 16.0), (operator.le, 16.5), (operator.lt, 1e5), (operator.ge, 16.5)):
        with pytest.raises(UnsupportedError):
            ask(size, other)


def test_a_symbolic_size_is_not_rounded_to_tens() -> None:
    size: Any = size_of(Dim("N").extent)
    assert round(size) is size and round(size, 2) is size
    with pytest.raises(UnsupportedError):
        round(size, -1)


def test_a_symbolic_size_is_not_compared_with_arrays() -> None:
    size: Any = size_of(Dim("N").extent)
    with pytest.raises(UnsupportedError):
        _ = size in np.array([1, 2])


def test_a_dim_of_as_many_as_there_are_tiles() -> None:
    n = dim("n")
    assert affine_of(dim("tiles", cdiv(n, 16))).extremes({"#n": (Affine((), 1), Affine((), 65))}) == (1, 4)
    with pytest.raises(DimError, match="must be at least 1"):
        dim("whole", n // 16)


@given(
    st.integers(-40, 40),
    st.integers(-40, 40),
    st.integers(-9, 9),
    st.integers(2, 9),
    st.integers(0, 8),
    st.integers(-9, 9),
    st.integers(1, 12),
)
def test_the_ends_of_a_quotient_beside_its_own_numerator(
    factor: int, constant: int, inside: int, divisor: int, shift: int, times: int, count: int
) -> None:
    x = Affine.variable("x")
    value = x * factor + constant + ((x * inside + shift) // divisor) * times
    found = value.extremes({"x": (Affine(), Affine((), count))})
    numbers = [value.evaluate({"x": k}) for k in range(count)]
    assert found is not None and found[0] <= min(numbers) and found[1] >= max(numbers)


def test_a_product_of_sizes_says_what_to_do() -> None:
    m, n = dim("rows"), dim("columns")
    with products_of_sizes(), pytest.raises(UnsupportedError, match=r"dim\('columns', 512\), or, where .* by one dim"):
        cdiv(m * n, 128)
    with pytest.raises(
        UnsupportedError, match=r"is not affine: give one of them a number, as in dim\('columns', 512\)"
    ):
        m * n
