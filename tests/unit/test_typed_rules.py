"""Typed arrays when a program is simply run: rules, messages, numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from grid_evaluation import grid

import stile_engine.numpy as tnp
from stile_engine import DimError, StileError, UnsupportedError, dim, scope
from stile_engine.errors import UsageError
from stile_engine.typed.session import NotProvedError

M, N, K = dim("M", 4), dim("N", 6), dim("K", 4)


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    with scope():
        dim("M", 4)
        dim("N", 6)
        dim("K", 4)
        yield


def array(*dims: Any, name: str | None = None) -> tnp.TypedNumpyArray:
    return tnp.random.randn(*dims, name=name)


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(StileError) as raised:
        action()
    return raised.value.code


def test_shape_type_prints_like_a_spec() -> None:
    x = array(M, N).slice(N, 2, 5)
    assert str(x.type.st) == "M N[2:5]"
    assert x.shape == (4, 3)
    assert x.arr.shape == (4, 3)


def test_expression_type() -> None:
    x = array(M, N, name="X")
    assert str(x.type.et) == "X:M N"
    assert str((tnp.exp(x) * 2).sum(N).type.et) == "sum[N](exp(X:M N) * 2)"
    assert str(tnp.einsum(x, x, "M N, M N -> N").type.et) == "(X:M N, X:M N -> N)"
    assert str(x.slice(N, 2, 4).type.et) == "X:M N[2:4]"
    assert str((x - 1).where("N <= M").type.et) == "(X:M N - 1 where N <= M)"


def test_message_says_what_came_from_where() -> None:
    left = array(M, N)
    right = array(M, K)
    with pytest.raises(DimError) as raised:
        left + right
    text = str(raised.value)
    assert "cannot add M N and M K" in text
    assert "only the left side has N, only the right side has K" in text
    assert text.count("test_typed_rules.py:") == 2
    assert raised.value.code == "dim-mismatch"


@pytest.mark.parametrize(
    ("hint", "action"),
    [
        (".rearrange(M, N)", lambda: array(M, N) + array(M, N).rearrange(N, M)),
        (".repeat on the right", lambda: array(M, N) * array(N)),
        ("N[0:3] and N[3:6] are different parts of N", lambda: array(M, N).slice(N, 0, 3) - array(M, N).slice(N, 3, 6)),
        ("must be the same dim with the same slice", lambda: array(M, N) @ array(M, N)),
        ("would stand twice", lambda: array(M, N) @ array(N, M)),
        ("calls operand 2 'N K', and it has dims K N", lambda: tnp.einsum(array(M, N), array(K, N), "M N, N K -> M K")),
        ("on the right is in no operand", lambda: tnp.einsum(array(M, N), "M N -> K")),
        ("stands twice on the right", lambda: tnp.einsum(array(M, N), "M N -> M M")),
        ("the array has dims M N", lambda: array(M, N).max(K)),
        ("cannot repeat along M", lambda: array(M, N).repeat(M)),
        ("all of which must stand", lambda: array(M, N).rearrange(M)),
        ("its dims say M = 4, N = 6", lambda: tnp.tensor(np.zeros((4, 5)), M, N)),
        ("stands twice in", lambda: array(M, M)),
    ],
)
def test_mismatches(hint: str, action: Callable[[], object]) -> None:
    with pytest.raises(DimError) as raised:
        action()
    assert hint in str(raised.value)


def test_equal_sizes_do_not_make_dims_meet() -> None:
    assert code_of(lambda: array(M) + array(K)) == "dim-mismatch"


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-1, 2), (3, 3), (4, 2)])
def test_slices_stay_inside(low: int, high: int) -> None:
    assert code_of(lambda: array(M, N).slice(N, low, high)) == "out-of-bounds"


def test_slices_of_slices_use_coordinates_of_the_whole_dim() -> None:
    x = array(N, name="X")
    part = x.slice(N, 2, 6).slice(N, 3, 5)
    assert str(part.type.st) == "N[3:5]"
    assert np.array_equal(part.arr, x.arr[3:5])
    assert code_of(lambda: x.slice(N, 2, 6).slice(N, 0, 2)) == "out-of-bounds"


def test_scalars_meet_anything() -> None:
    x = array(M, N)
    assert (x + x.sum(N).sum(M)).st == x.st
    assert (2 - x / np.sqrt(N)).st == x.st
    assert (np.float64(2.0) * x).st == x.st
    assert np.allclose((1 / x).arr, 1 / x.arr)


def test_untyped_arrays_do_not_mix() -> None:
    x = array(M, N)
    for other in (np.ones((4, 6)), "text", None):
        with pytest.raises(UsageError):
            x + other
        with pytest.raises(UsageError):
            other + x


def test_not_modelled() -> None:
    x = array(M, N)
    for action in (lambda: x.astype("int32"), lambda: bool(x)):
        with pytest.raises(UnsupportedError):
            action()


def test_an_index_is_made_by_runtime_index() -> None:
    x = array(M, N)
    for action in (
        lambda: x.gather(M, x),
        lambda: x.scatter(M, x),
        lambda: x.at[M, 0],
        lambda: x.at[M],
        lambda: x.block_at(M, x, 2),
        lambda: tnp.runtime_index("i", M, values_in=N, permutation=True),
    ):
        with pytest.raises(UsageError):
            action()


def test_gather_and_scatter_with_numbers() -> None:
    x = array(M, N)
    i = tnp.runtime_index("i", M, values_in=M, permutation=True, array=np.arange(int(M))[::-1].copy())
    assert np.array_equal(x.gather(M, i).arr, x.arr[::-1])
    assert np.array_equal(x.scatter(M, i).gather(M, i).arr, x.arr)
    assert np.array_equal(x.at[M, i].add(x).arr, x.arr + x.arr[::-1])
    tnp.tensor(x.arr, M, N, name="Z").scatter(M, i).gather(M, i).assert_equivalent("Z:M N")
    with pytest.raises(DimError, match="gather from all of it"):
        x.slice(M, 0, 2).gather(M, i)


def test_bad_predicates() -> None:
    x = array(M, N)
    assert code_of(lambda: x.where("N <=")) == "spec-syntax"
    assert code_of(lambda: x.where("nowhere < 3")) == "spec-shape"
    assert code_of(lambda: x.where("K < 3")) == "dim-mismatch"


@pytest.mark.parametrize(
    "compute",
    [
        lambda x, y: x + y * 2 - 1,
        lambda x, y: tnp.exp(x) / (1 + tnp.exp(y)),
        lambda x, y: tnp.maximum(x, y) - tnp.minimum(x, 0.5),
        lambda x, y: tnp.relu(x) + tnp.abs(y) + tnp.sigmoid(x),
        lambda x, y: tnp.sin(x) * tnp.cos(y) + tnp.sqrt(x * x),
        lambda x, y: x.slice(N, 1, 4).mean(N),
        lambda x, y: x.reduce("prod", M) + y.min(M) - y.max(M),
        lambda x, y: x.sum(N).repeat(K).rearrange(M, K),
        lambda x, y: x.where("N <= M or N == 5"),
        lambda x, y: x * tnp.mask(x.type.st, "(N + M) % 2 == 0", 0.5, -1),
        lambda x, y: tnp.einsum(x, y, "M N, M N -> N"),
        lambda x, y: tnp.einsum(x.slice(M, 1, 3), y.slice(M, 1, 3).rearrange(N, M), "M N, N M -> M"),
        lambda x, y: x @ y.rearrange(N, M).sum(M).repeat(K).rearrange(N, K),
        lambda x, y: tnp.zeros((M, N)) + tnp.full((M, N), 0.25) + x.astype("float64"),
        lambda x, y: -x,
    ],
)
def test_numbers_and_expressions_agree(compute: Callable[[Any, Any], Any]) -> None:
    x, y = array(M, N, name="X"), array(M, N, name="Y")
    result = compute(x, y)
    assert np.allclose(grid(result.value, {"X": x.arr, "Y": y.arr}), result.arr)


def test_unnamed_inputs_are_the_spec_s_unlabelled_tensors_in_order() -> None:
    a, b = array(M, N), array(N, K)
    (2 * (a @ b)).assert_equivalent("2 * (M N, N K -> M K)")
    with scope():
        c, d = array(M, N), array(M, N)
        (c - d).assert_equivalent("M N - M N")
        with pytest.raises(NotProvedError):
            (d - c).assert_equivalent("M N - M N")


def test_assertions_raise_with_the_reason() -> None:
    a, b = array(M, N), array(N, K)
    with pytest.raises(NotProvedError, match="kernel is 2 × spec") as raised:
        (2 * (a @ b)).assert_equivalent("(M N, N K -> M K)")
    assert raised.value.code == "not-equal"
    assert code_of(lambda: a.assert_equivalent("sum[N](M N)")) == "unreduced-dim"
    assert code_of(lambda: (a @ b).assert_equivalent("(M N, N K -> K M)")) == "dim-mismatch"


def test_assertion_with_an_overridden_dim() -> None:
    """Only the first keys, as a tile walk has seen them."""
    x = array(M, N, name="X")
    part = x.slice(N, 0, 4)
    part.sum(N).assert_equivalent("sum[N](X:M N)", N[:4])
    with pytest.raises(NotProvedError):
        part.sum(N).assert_equivalent("sum[N](X:M N)")
    (part.sum(N) / N).assert_equivalent("sum[N](X:M N) / size(N)", N[:4])


def test_assertion_on_a_tile_compares_at_its_own_indices() -> None:
    x = array(M, N, name="X")
    x.slice(M, 1, 3).assert_equivalent("X:M N")
    with pytest.raises(NotProvedError):
        x.slice(M, 1, 3).where("M != 2").assert_equivalent("X:M N")


def test_typed_result_collects_numbers() -> None:
    x = array(M, N, name="X")
    result = tnp.TypedResult("2 * X:M N")
    for m in range(M):
        result.assign(x.slice(M, m, m + 1) * 2)
    result.done()
    assert np.allclose(result.arr, 2 * x.arr)
    with pytest.raises(UsageError):
        result.assign(x)


@pytest.mark.parametrize(
    ("code", "tiles"),
    [
        ("coverage-gap", [(0, 2), (3, 4)]),
        ("coverage-gap", []),
        ("coverage-overlap", [(0, 2), (1, 4)]),
        ("coverage-overlap", [(0, 4), (0, 4)]),
    ],
)
def test_typed_result_is_covered_once(code: str, tiles: list[tuple[int, int]]) -> None:
    x = array(M, N, name="X")
    result = tnp.TypedResult("X:M N")
    for low, high in tiles:
        result.write_block(x.slice(M, low, high))
    assert code_of(result.done) == code


def test_wrong_tile_is_named() -> None:
    x = array(M, N, name="X")
    result = tnp.TypedResult("X:M N")
    result.assign(x.slice(M, 0, 2))
    result.assign(x.slice(M, 2, 4) * 3)
    with pytest.raises(NotProvedError, match=r"the part assigned here, M\[2:4\] N"):
        result.done()


def test_symbolic_dims_are_traced_without_numbers() -> None:
    size = dim("S", multiple_of=64)
    x = tnp.full((size,), 1.0)
    assert not x.has_data
    with pytest.raises(UnsupportedError):
        _ = x.arr
    assert str(x.slice(size, 0, 64).type.st) == "S[0:64]"
    assert code_of(lambda: x.slice(size, 0, 65)) == "out-of-bounds"
    with pytest.raises(UnsupportedError):
        array(size)


def test_scopes_and_questions() -> None:
    from stile_engine import expr_simplifies, mask_expr, reset_stile, runtime_scalar, verified

    @verified
    def inside() -> bool:
        x, y = array(M, N), array(M, N)
        return expr_simplifies(x + y, "M N + M N") and not expr_simplifies(x - y, "M N + M N")

    assert inside()
    assert inside(), "unnamed inputs count from 0 in each call"
    with verified(clear=True):
        dim("M", 9)
        with pytest.raises(StileError):
            expr_simplifies(array(dim("M", 9)), "N")
    x = array(M, N, name="X")
    assert expr_simplifies(x.rearrange(N, M), "X:M N")
    assert not expr_simplifies(x.sum(N), "X:M N")
    assert str(mask_expr((M, N), "N <= M")) == "(1 where N <= M)"
    with pytest.raises(UnsupportedError):
        verified(hardware="H100")
    with pytest.raises(UnsupportedError):
        runtime_scalar("count", 8)
    reset_stile()
    assert str(array(M).type.et) == "M"
