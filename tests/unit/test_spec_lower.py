"""What specs mean: lowered, evaluated by brute force, and compared with direct computations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from spec_meaning import Number, meaning

from stile_engine.index.affine import Affine, constant
from stile_engine.spec.lower import lower
from stile_engine.spec.syntax import parse
from stile_engine.term.expression import Const, Reduce, Restrict, Tensor

CORPUS = Path(__file__).parent.parent / "corpus" / "pairs.jsonl"
SIZES = {"q": 3, "n": 4, "d": 2, "M": 2, "K": 6, "T": 3, "D": 4, "F": 2, "E": 2, "S": 5, "h": 4, "g": 2}
RANDOM = np.random.default_rng(7)
INF = math.inf


def rational(*dims: str) -> np.ndarray:
    """Small exact numbers of both signs, never zero."""
    shape = [SIZES[d] for d in dims]
    numbers = RANDOM.integers(1, 12, size=shape) * RANDOM.choice([-1, 1], size=shape)
    return np.vectorize(lambda x: Fraction(int(x), 4), otypes=[object])(numbers)


Q, K, V = rational("q", "d"), rational("n", "d"), rational("n", "d")
S, A, X, W = rational("q", "n"), rational("M", "K"), rational("T", "D"), rational("D")
P, U = np.abs(rational("K")), rational("K")
ARRAYS = {"Q": Q, "Kn": K, "V": V, "S": S, "A": A, "X": X, "W": W, "P": P, "U": U}
ARRAYS["alpha"] = np.array(Fraction(3, 2), dtype=object)
ZERO = Fraction(0)


def each(*dims: str) -> Callable[[Callable[..., Number | None]], np.ndarray]:
    """An array over whole dims from a function of their indices."""

    def build(function: Callable[..., Number | None]) -> np.ndarray:
        found = np.empty([SIZES[d] for d in dims], dtype=object)
        for place in np.ndindex(*found.shape):
            found[place] = function(*place)
        return found

    return build


def check(text: str, dims: str, expected: object) -> None:
    found_dims, found = meaning(text, SIZES, ARRAYS)
    assert " ".join(found_dims) == dims
    wanted = np.asarray(expected, dtype=object)
    assert found.shape == wanted.shape
    for place in np.ndindex(*found.shape):
        have, want = found[place], wanted[place]
        if want is None or have is None or math.isinf(want):
            assert have == want, (place, have, want)
        elif isinstance(want, Fraction):
            assert have == want and isinstance(have, Fraction), (place, have, want)
        else:
            assert float(have) == pytest.approx(float(want), rel=1e-12, abs=1e-12), (place, have, want)


# Arithmetic, numbers, functions


def test_arithmetic_is_exact_and_associates_to_the_left() -> None:
    check("P:K - U:K - 0.1", "K", P - U - Fraction(1, 10))
    check("P:K / U:K * 3 / 2", "K", P / U * 3 / 2)
    check("-U:K ** 2 + 1e-5", "K", -(U**2) + Fraction(1, 100000))
    check("U:K ** -2 * (2 - U:K)", "K", 1 / U**2 * (2 - U))
    check("(U:K - U:K) ** 0", "K", U**0)
    check("+".join(["U:K"] * 20) + "-P:K" * 21, "K", 20 * U - 21 * P)
    check("P:K - " + " - ".join(f"{i}" for i in range(1, 12)) + " + U:K", "K", P - 66 + U)


def test_infinities() -> None:
    check("inf", "", INF)
    check("-inf", "", -INF)
    check("-inf + P:K", "K", [-INF] * 6)
    check("inf - inf", "", None)
    check("0 * inf", "", None)
    check("1 / (U:K - U:K)", "K", [None] * 6)
    check("exp(-inf) + relu(-inf)", "", 0)
    check("log(P:K - P:K)", "K", [-INF] * 6)


def test_functions() -> None:
    check("exp(U:K) + pi", "K", [math.exp(u) + math.pi for u in U])
    check("sqrt(P:K) * rsqrt(P:K)", "K", [1.0] * 6)
    check("clamp(U:K, -1, P:K - 1)", "K", [min(max(u, Fraction(-1)), p - 1) for u, p in zip(U, P, strict=True)])
    check("clamp(U:K, 2, 1)", "K", [Fraction(1)] * 6)
    check("maximum(U:K, 0) - minimum(0, U:K) - abs(U:K) + relu(U:K)", "K", [max(u, ZERO) for u in U])
    check("sigmoid(U:K) * U:K - silu(U:K)", "K", [0.0] * 6)
    check("log2(exp2(U:K)) + floor(P:K)", "K", [float(u) + math.floor(p) for u, p in zip(U, P, strict=True)])


def test_sizes_and_scalars() -> None:
    check("size(K) * size(K[1:3])", "", Fraction(12))
    check("scalar(alpha) * U:K", "K", Fraction(3, 2) * U)
    check("zeros[K M]", "K M", [[ZERO] * 2] * 6)
    check("full[M K](U:K + 1)", "M K", [U + 1] * 2)
    check("zeros[]", "", ZERO)


# Dims, slices, order


def test_broadcasting_is_by_name_and_order_is_of_first_appearance() -> None:
    check("U:K * A:M K", "K M", (A * U).T)
    check("A:M K * U:K", "M K", A * U)
    check("U:K * A:M K -> M K", "M K", A * U)
    check("(U:K, A:M K -> M K)", "M K", A * U)
    check("let s = U:K in A:M K * s", "M K", A * U)


def test_slices_keep_the_coordinates_of_the_whole_dim() -> None:
    check("U:K[2:5] where K < 3", "K", [U[2], ZERO, ZERO])
    check("sum[K](U:K[2:5] where K != 3)", "", U[2] + U[4])
    check("sum[K[1:3]](U:K) + sum[K[2:4]](U:K[1:5])", "", U[1] + U[2] + U[2] + U[3])
    check("(A:M K[0:2], U:K[0:2] -> M)", "M", (A * U)[:, :2].sum(axis=1))
    check("(A:M[1:2] K -> K M[1:2])", "K M", A[1:2].T)


def test_predicate_dims_come_after_those_of_the_operands() -> None:
    check("where(n <= q, U:K[0:1], 0)", "K n q", [[[U[0] if n <= q else ZERO for q in range(3)] for n in range(4)]])
    shifted = each("q", "n")(lambda q, n: S[q, n] if n <= q + 1 else -INF)
    check("where(n <= q + size(n) - size(q), S:q n, -inf)", "q n", shifted)


# Contractions


def test_contractions() -> None:
    check("2 * (Q:q d, Kn:n d -> q n)", "q n", 2 * (Q @ K.T))
    check("(A:M K -> M)", "M", A.sum(axis=1))
    check("(A:M K, U:K -> )", "", (A * U).sum())
    check("(U:K, W:D -> D)", "D", U.sum() * W)
    check("(U:K -> M K)", "M K", [U] * 2)
    check("sum(A:M K, U:K -> M)", "M", (A * U).sum(axis=1))
    check("prod(A:M K, U:K -> M)", "M", (A * U).prod(axis=1))
    check("max(A:M K, U:K -> M)", "M", np.maximum(A, U).max(axis=1))
    check("min(A:M K, U:K -> K)", "K", np.minimum(A, U).min(axis=0))
    check("mean(A:M K -> M)", "M", A.sum(axis=1) / 6)
    check("mean(U:K -> M K)", "M K", [U] * 2)
    check("logsumexp(A:M K -> M)", "M", [math.log(sum(map(math.exp, row))) for row in A])
    check("exp(A:M K, U:K -> M)", "M", [math.exp(x) for x in (A * U).sum(axis=1)])


# Reductions


def test_reductions() -> None:
    check("sum[K](A:M K)", "M", A.sum(axis=1))
    check("max[K where K % 2 == 1](A:M K)", "M", A[:, 1::2].max(axis=1))
    check("min[K where 1 <= K < 3 or K == 5](A:M K)", "M", A[:, [1, 2, 5]].min(axis=1))
    check("prod[M](A:M K)", "K", A.prod(axis=0))
    check("mean[K where K // 2 == 1](U:K)", "", (U[2] + U[3]) / 2)
    check("sum[n where n <= q](S:q n)", "q", [S[q, : q + 1].sum() for q in range(3)])
    check("sum[K where K >= 4]((P:K -> K) + 1)", "", P[4:].sum() + 2)


def test_reduction_along_a_dim_on_which_the_operand_is_constant() -> None:
    check("sum[M]((U:K -> M K))", "K", 2 * U)
    check("mean[M]((U:K -> M K))", "K", U)
    check("prod[M where M < 1]((U:K -> M K))", "K", U)
    check("sum[n where n < q](zeros[n] + 1)", "q", [ZERO, Fraction(1), Fraction(2)])


def test_a_predicate_makes_the_value_vary_with_the_dims_it_names() -> None:
    check("sum[K where K < q](U:K)", "q", [ZERO, U[0], U[0] + U[1]])
    check("max[K where K < q](U:K)", "q", [-INF, U[0], max(U[0], U[1])])
    check("sum[K where q == q](U:K)", "q", [U.sum()] * 3)


def test_reductions_of_nothing() -> None:
    nothing = "[K where K < 0](U:K)"
    check("sum" + nothing, "", ZERO)
    check("prod" + nothing, "", Fraction(1))
    check("max" + nothing, "", -INF)
    check("min" + nothing, "", INF)
    check("logsumexp" + nothing, "", -INF)
    check("mean" + nothing, "", None)
    check("softmax" + nothing, "K", [None] * 6)


def test_the_body_is_not_evaluated_where_the_predicate_fails() -> None:
    check("sum[K where K > 2](1 / (where(K > 2, 1, 0) * P:K))", "", (1 / P[3:]).sum())
    check("where(K > 2, 1 / where(K > 2, P:K, 0), 7)", "K", [Fraction(7)] * 3 + list(1 / P[3:]))
    check("(1 / where(K > 2, P:K, 0)) where K > 2", "K", [ZERO] * 3 + list(1 / P[3:]))


# Softmax


def weights(row: np.ndarray, keep: Callable[[int], bool]) -> list[Number | None]:
    """Zero where ``keep`` fails, and no value at all where it fails everywhere."""
    kept = {i: math.exp(x) for i, x in enumerate(row) if keep(i)}
    return [kept.get(i, 0.0) / sum(kept.values()) if kept else None for i in range(len(row))]


def rows(keep: Callable[[int, int], bool]) -> list[list[Number | None]]:
    return [weights(row, lambda n, q=q: keep(q, n)) for q, row in enumerate(S)]


def test_softmax() -> None:
    check("softmax[n](S:q n)", "q n", rows(lambda q, n: True))
    check("softmax[n where n <= q](S:q n)", "q n", rows(lambda q, n: n <= q))
    # Row 0 has no point at all, so it has no value anywhere; in the other rows the rest is 0.
    check("softmax[n where n < q](S:q n)", "q n", rows(lambda q, n: n < q))
    check("softmax[K[1:3]](U:K)", "K", weights(U, lambda k: 1 <= k < 3))
    check("softmax[K[1:3] where K != 1](U:K[0:4])", "K", weights(U[:4], lambda k: k == 2))
    check("softmax[n](where(n <= q, S:q n, -inf))", "q n", rows(lambda q, n: n <= q))


def test_causal_attention() -> None:
    scores = (Q @ K.T).astype(float) / math.sqrt(2)
    shares = np.array([weights(scores[q], lambda n, q=q: n <= q) for q in range(3)], dtype=float)
    text = "(softmax[n where n <= q]((Q:q d, Kn:n d -> q n) / sqrt(size(d))), V:n d -> q d)"
    check(text, "q d", shares @ V.astype(float))


def test_windowed_exponentials_with_let() -> None:
    def expected(q: int) -> float:
        top = max(S[q, : q + 1])
        return sum(math.exp(S[q, n] - top) for n in range(4) if q - 2 < n <= q)

    text = "let s = S:q n in sum[n where q - 2 < n <= q](exp(s - max[n where n <= q](s)))"
    check(text, "q", [expected(q) for q in range(3)])


def test_rms_norm() -> None:
    def expected(t: int, d: int) -> float:
        return float(X[t, d]) / math.sqrt(float((X[t] ** 2).sum() / 4) + 1e-5) * float(W[d])

    check("X:T D * rsqrt(mean[D](X:T D ** 2) + 0.00001) * W:D", "T D", each("T", "D")(expected))


# Re-reading


def test_at() -> None:
    check("at[D := D + 2](X:T D) where D < 2", "T D", np.hstack([X[:, 2:], np.full((3, 2), ZERO)]))
    check("at[D := D + 2](W:D)", "D", [W[2], W[3], None, None])
    check("at[D := 3 - D](W:D)", "D", W[::-1])
    check("at[D := h // 2](W:D)", "h", [W[0], W[0], W[1], W[1]])
    check("at[T := 1](X:T D)", "D", X[1])
    check("(X:T D, at[T := q](X:T D) -> T q)", "T q", X @ X.T)
    check("at[n := q](S:q n)", "q", [S[i, i] for i in range(3)])
    check("at[D := T + 1](X:T D)", "T", [X[0, 1], X[1, 2], X[2, 3]])
    check("at[T := h + g](X:T D)", "h g D", each("h", "g", "D")(lambda h, g, d: X[h + g, d] if h + g < 3 else None))
    check("at[T := D - 1](X:T D[1:3])", "D", [X[0, 1], X[1, 2]])
    check("at[D := D](W:D[1:3])", "D", [None, W[1], W[2], None])
    check("at[M := T]((W:D -> M D))", "T D", [list(W), list(W), [None] * 4])


# let, tensors, order, what else the result tells


def test_let_binds_a_value() -> None:
    check("let s = sum[K](U:K) in s * s", "", U.sum() ** 2)
    check("let s = U:K in sum[K](s) - s", "K", U.sum() - U)
    check("let a = 2 in let a = a + 1 in a", "", Fraction(3))
    check("(let M = U:K in M) * A:M K", "K M", (A * U).T)


def test_unlabelled_tensors_are_numbered_from_left_to_right() -> None:
    sizes = {name: constant(size) for name, size in SIZES.items()}
    found = lower("(M K, K D -> M D) + M D", sizes)
    assert found.tensors == {
        "0": Tensor("0", ("M", "K"), (constant(2), constant(6))),
        "1": Tensor("1", ("K", "D"), (constant(6), constant(4))),
        "2": Tensor("2", ("M", "D"), (constant(2), constant(4))),
    }
    assert not found.hints
    arrays = {"0": U, "1": P}
    _, total = meaning("K - (let s = K in s * s)", SIZES, arrays)
    assert list(total) == list(U - P * P)


def test_the_same_unlabelled_tensor_twice_is_two_inputs_with_a_hint() -> None:
    text = "K + M K + K"
    found = lower(text, {name: constant(size) for name, size in SIZES.items()})
    assert list(found.tensors) == ["0", "1", "2"]
    (hint,) = found.hints
    assert (hint.start, hint.end) == (10, 11)
    assert "'K' stands for another input at each place" in hint.message


def test_decimals_are_listed_as_written() -> None:
    found = lower("0.10 * U:K + 2 + 1e-5", {"K": constant(6)})
    assert [(x.written, x.value, x.start, x.end) for x in found.literals] == [
        ("0.10", Fraction(1, 10), 0, 4),
        ("1e-5", Fraction(1, 100000), 17, 21),
    ]


def test_symbolic_sizes() -> None:
    size = Affine.variable("#L") * 16
    found = lower("sum[L[0:16] where L < size(L) - 4](X:q L) + size(L)", {"L": size, "q": constant(3)})
    assert found.value.shape_type == "q"
    assert found.tensors["X"].shape == (constant(3), size)
    assert found.value.node.axes == {"q": (constant(0), constant(3))}
    mask = lower("X:L where L < size(L) - 4", {"L": size}).value
    assert mask.node.axes == {"L": (constant(0), size)}


def test_a_tree_is_lowered_as_its_text() -> None:
    tree = parse("U:K + 1")
    assert lower(tree, {"K": constant(6)}).value.shape_type == "K"


def test_mean_counts_its_points() -> None:
    node = lower("mean[K where K < q](U:K)", {"K": constant(6), "q": constant(3)}).value.node
    total, count = node.operands
    assert isinstance(total, Reduce) and isinstance(count, Reduce)
    assert isinstance(count.body, Const) and count.body.value == 1
    assert (count.predicate, count.bound) == (total.predicate, total.bound)


def test_a_slice_in_the_bracket_narrows_the_body() -> None:
    sizes = {"K": constant(6), "q": constant(3)}
    node = lower("sum[K[1:3] where K < q](U:K)", sizes).value.node
    narrow = {"K": (constant(1), constant(3))}
    assert isinstance(node, Reduce) and isinstance(node.body, Restrict)
    assert (node.bound, node.body.axes) == (narrow, narrow)
    # The bound dim has no second range beside that of the bracket.
    assert node.ranges == {"q": (constant(0), constant(3))}


def test_the_whole_corpus_has_a_meaning() -> None:
    for line in CORPUS.read_text().splitlines():
        pair = json.loads(line)
        dims = {name: constant(size) for name, size in pair["dims"].items()}
        for side in ("a", "b"):
            value = lower(pair[side], dims).value
            assert value.node.axes.keys() <= value.axes.keys()


@pytest.mark.parametrize(
    ("text", "integers", "dims"),
    [
        ("gather[E](W:E D F, eid:T)", {"eid"}, "T D F"),
        ("scatter[S](Kp:T D, pos:T, cache:S D)", {"pos"}, "S D"),
        ("sum[n where n < len:q](X:q n)", {"len"}, "q"),
        ("where(X:M > 0, Y:M, 0)", set(), "M"),
        ("where(X:M > 0, X:M, 0)", set(), "M"),
        ("where(seg:q == segk:n, X:q n, 0)", {"seg", "segk"}, "q n"),
        ("at[K := I:M](X:K)", {"I"}, "M"),
    ],
)
def test_data_indices(text: str, integers: set[str], dims: str) -> None:
    sizes = {**SIZES, **{name: 6 for name in "E D F T S q n M K".split()}}
    found = lower(text, {name: constant(size) for name, size in sizes.items()})
    assert {name for name, tensor in found.tensors.items() if tensor.integer} == integers
    assert " ".join(d.name for d in found.value.dims) == dims
