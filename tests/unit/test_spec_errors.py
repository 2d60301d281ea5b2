"""What is wrong with a spec: the code, the exact characters, and the words.

In the tables ``⟦…⟧`` marks the characters at fault; ``⟦⟧`` is the place where the text ends too early.
"""

from __future__ import annotations

import pytest

from stile_engine.errors import StileError
from stile_engine.index.affine import Affine, constant
from stile_engine.spec.lower import SpecError, lower
from stile_engine.spec.syntax import SpecSyntaxError, parse

DIMS = {
    **{name: constant(size) for name, size in {"M": 4, "K": 8, "N": 6, "q": 4, "n": 8, "d": 2}.items()},
    "L": Affine.variable("#L") * 16,
}

SYNTAX = [
    ("⟦⟧", "the spec is empty: expected a value"),
    ("⟦  ⟧", "the spec is empty"),
    ("X:M +⟦⟧", "ends too early: expected a value"),
    ("X:M + ⟦*⟧ 2", "unexpected '*': expected a value"),
    ("(X:M K⟦⟧", "the '(' at character 1 is not closed"),
    ("2 * (X:M, (Y:K⟦⟧", "the '(' at character 11 is not closed"),
    ("(X:M⟦]⟧", "unexpected ']': expected a dim name, an operator, '->', ',', ')', '[' or 'where'; the '('"),
    ("X:M⟦)⟧", "this ')' closes nothing"),
    ("sum[K⟦(⟧X:K)", "expected '[', ']' or 'where'"),
    ("X:M ⟦sum⟧", "'sum' is a reserved word and cannot be a dim name"),
    ("⟦sum⟧:M", "'sum' is a reserved word and cannot be a label"),
    ("A:M + ⟦pi⟧:M", "'pi' is a reserved word and cannot be a label"),
    ("let ⟦max⟧ = 1 in 2", "'max' is a reserved word and cannot be a name for the value"),
    ("scalar(⟦size⟧)", "'size' is a reserved word and cannot be the name of a parameter"),
    ("sum[⟦at⟧](X:M)", "'at' is a reserved word and cannot be a dim name"),
    ("X:M where ⟦in⟧ < 4", "'in' is a reserved word"),
    ("(X:M K -> M ⟦or⟧)", "'or' is a reserved word and cannot be a dim name"),
    ("exp ⟦X⟧:M", "expected '(' after the reserved word 'exp'"),
    ("max ⟦M⟧", "expected '(' or '[' after the reserved word 'max'"),
    ("X:⟦⟧", "ends too early: expected a dim name"),
    ("X:⟦2⟧", "unexpected '2': expected a dim name"),
    ("X:M ⟦5⟧", "unexpected '5': expected a dim name, an operator"),
    ("2⟦x⟧", "a product is written with '*'"),
    ("(X:M) ⟦Y⟧:M", "a product is written with '*'"),
    ("X:M ⟦@⟧ Y:M", "'@' cannot stand in a spec: a matrix product is written '(A:M K, B:K N -> M N)'"),
    ("X:M ⟦^⟧ 2", "a power is written '**'"),
    ("X:M where M < 2 ⟦&⟧ M > 0", "'and' is written '&&'"),
    ("⟦α⟧:M", "names are made of ASCII letters, digits and '_'"),
    ("X:M + ⟦$⟧", "'$' cannot stand in a spec"),
    ("X:M⟦\x00⟧", r"'\x00' cannot stand in a spec"),
    ("X:M ** ⟦2.0⟧", "unexpected '2.0': expected an integer or '-'"),
    ("X:M ** ⟦n⟧", "expected an integer"),
    ("X:M ⟦//⟧ 2", "'//' is for index expressions; values are divided by '/'"),
    ("X:M where M ⟦/⟧ 2 == 0", "an index is divided by '//'"),
    ("X:M ⟦<⟧ 3", "a comparison stands after 'where'"),
    ("X:M where ⟦M⟧", "expected a comparison such as 'n <= q'"),
    ("X:M where M < 2 && ⟦M + 1⟧", "an index expression is neither true nor false"),
    ("X:M where !⟦M⟧", "an index expression is neither true nor false"),
    ("X:M where ⟦(M < 2)⟧ + 1 < 3", "a condition is not a number"),
    ("X:M where M < ⟦(M < 2 || M > 3)⟧", "a condition is not a number"),
    ("X:M where M < ⟦0.5⟧", "unexpected '0.5': expected an index expression"),
    ("X:M where M ⟦where⟧ M < 2", "unexpected 'where'"),
    ("X:M where M ⟦=⟧ 2", "unexpected '='"),
    ("X:K[⟦(Y:M)⟧ : 4]", "the bound of a slice cannot read a tensor ('Y')"),
    ("X:K[0:4⟦:⟧8]", "unexpected ':'"),
    ("X:K[0⟦]⟧", "expected an operator or ':'"),
    ("X:K[⟦⟧", "expected an index expression; the '[' at character 4 is not closed"),
    ("X:K[ ⟦:⟧4]", "unexpected ':': expected an index expression"),
    ("X:K[0:K ⟦<⟧ 4]", "unexpected '<': expected an operator or ']'"),
    ("X:K[0:⟦(K < 4)⟧]", "a condition is not a number"),
    ("let S ⟦:⟧ 2 in S", "unexpected ':': expected '='"),
    ("let S = X:M⟦⟧", "expected a dim name, an operator, '[', 'where' or 'in'"),
    ("let S = X:M in⟦⟧", "expected a value"),
    ("X:M - ⟦let⟧ S = Y:M in S", "inside an expression a 'let' stands in parentheses"),
    ("X:M ⟦in⟧ Y:M", "'in' belongs to a 'let'"),
    ("sum[K](⟦)⟧", "expected a value"),
    ("sum[⟦]⟧(X:K)", "expected a dim name"),
    ("softmax⟦(⟧X:K)", "expected '[' after the reserved word 'softmax'"),
    ("scatter[K, ⟦foo⟧](X:K)", "expected the name of a reduction"),
    ("at[K ⟦=⟧ 3](X:K)", "expected ':='"),
    ("(X:M -> ⟦,⟧)", "expected a dim name or ')'"),
    ("(X:M -> M⟦,⟧ K)", "unexpected ','"),
    ("X:M -> M ⟦->⟧ M", "unexpected '->'"),
    ("size(⟦2⟧)", "expected a dim name"),
    ("⟦1e999⟧ * X:M", "a number has at most 400 digits"),
    ("⟦1e-99999999999⟧", "an exponent between ±400"),
    (f"⟦{'9' * 401}⟧", "at most 400 digits"),
    (f"X:M ** ⟦{'9' * 5000}⟧", "at most 400 digits"),
    (f"X:M where M < ⟦{'9' * 5000}⟧", "at most 400 digits"),
    ("-" * 64 + "⟦" + "-" * 936 + "1⟧", "nested too deeply"),
    ("(" * 5000 + "⟦⟧", "the '(' at character 5000 is not closed"),
    ("+".join(["M"] * 32768) + "+" + "⟦M⟧", "the spec has 65537 characters: expected at most 65536"),
]

SHAPE = [
    ("X:M ⟦Z⟧", "'Z' is not a dim: the dims are K, L, M, N, d, n, q"),
    ("X:⟦mm⟧", "'mm' is not a dim"),
    ("X:M + sum[⟦Q⟧](Y:q)", "did you mean 'q'?"),
    ("X:M where ⟦j⟧ < 2", "'j' is not a dim"),
    ("size(⟦j⟧)", "'j' is not a dim"),
    ("X:M ⟦M⟧", "M stands twice in this list"),
    ("X:M K[0:4] ⟦K[4:8]⟧", "K stands twice in this list"),
    ("(X:M K -> K M ⟦K⟧)", "K stands twice in this list"),
    ("zeros[M ⟦M⟧]", "M stands twice"),
    ("X:M K -> M ⟦M⟧", "M stands twice"),
    ("X:K + ⟦X:M⟧", "X stands here with M: expected X:K, which it has elsewhere in this spec"),
    ("X:M K * ⟦X:K M⟧", "expected X:M K"),
    ("X:M + scalar(⟦X⟧)", "X stands here with no dims (a scalar): expected X:M"),
    ("scalar(X) + ⟦X:M⟧", "expected scalar(X)"),
    ("X:M + ⟦K⟧", "this tensor is unlabelled, one before it is labelled"),
    ("M K * ⟦X:M⟧", "this tensor is labelled, one before it is unlabelled"),
    ("X:K[0:4] + ⟦Y:K⟧", "the whole K meets the slice K[0:4]"),
    ("X:M K + ⟦Y:K[0:4] * 2⟧", "the slice K[0:4] meets the whole K"),
    ("X:K[0:4] * ⟦Y:K[4:8]⟧", "different slices of K are different operands"),
    ("(X:M K, ⟦Y:K[0:4] N⟧ -> M N)", "the slice K[0:4] meets the whole K"),
    ("maximum(X:K[0:4], ⟦Y:K⟧)", "different slices of K"),
    ("where(K < 4, X:K[0:4], ⟦Y:K⟧)", "different slices of K"),
    ("X:K[0:4] + ⟦sum[M](Y:K M)⟧", "different slices of K"),
    ("sum[n where n < M](X:n) + ⟦Y:M[0:2]⟧", "the slice M[0:2] meets the whole M"),
    ("X:K[0:⟦9⟧]", "this slice ends after 8, the size of K: K[0:9]"),
    ("X:K[⟦-1⟧:4]", "this slice starts before 0: K[-1:4]"),
    ("X:⟦K[4:4]⟧", "this slice is empty or negative: K[4:4]"),
    ("X:⟦K[5:2]⟧", "this slice is empty or negative"),
    ("X:L[0:⟦17⟧]", "ends after 16 * L, the size of L for some sizes: L[0:17]"),
    ("sum[⟦K⟧](2)", "broadcast it first: (… -> … K)"),
    ("sum[⟦K⟧](X:M)", "the operand has no K, it has M: expected one of its dims; to repeat it along K, broadcast"),
    ("mean[⟦K⟧](2)", "the operand has no K, it has no dims"),
    ("softmax[⟦K⟧](X:M)", "the operand has no K"),
    ("sum[⟦K[0:6]⟧](X:K[2:8])", "K[0:6] is not inside the operand's own K[2:8]"),
    ("⟦sum⟧(X:K)", "over which dim? expected sum[dim](…), or sum(… -> dims)"),
    ("sum[K]⟦(X:K, Y:K)⟧", "sum[…] takes one value, or a contraction '(a, b -> dims)': found 2"),
    ("mean(X:M K, ⟦Y:M K⟧ -> M)", "mean has no operation that combines values"),
    ("logsumexp(X:M K, ⟦Y:M K⟧ -> M)", "expected one operand before '->'"),
    ("exp⟦(X:M, Y:M)⟧", "exp takes one value"),
    ("maximum⟦(X:M)⟧", "maximum takes two values: found 1"),
    ("minimum⟦(X:M, Y:M -> M)⟧", "minimum takes two values: found a contraction, which is one value"),
    ("clamp⟦(X:M, 1)⟧", "clamp takes three values: found 2"),
    ("⟦(X:M, Y:M)⟧", "expected '-> dims' before ')'"),
    ("2 * ⟦(X:M K, Y:K)⟧", "expected '-> dims'"),
    ("(X:M K[0:4] -> ⟦K⟧)", "left of '->' stands the slice K[0:4]: expected K[0:4], found K"),
    ("(X:M K -> ⟦K[0:4]⟧)", "left of '->' stands the whole K: expected K, found K[0:4]"),
    ("X:M K ⟦-> M⟧", "a trailing '->' only fixes the order of the dims, and K is missing"),
    ("X:M -> M ⟦K⟧", "a trailing '->' only fixes the order of the dims, and the value has M: expected no K"),
    ("X:M where ⟦M * K⟧ < 2", "(M) * (K) is not affine: expected a constant as one of the two factors"),
    ("X:M where ⟦M * size(L)⟧ < 2", "is not affine"),
    ("X:M where M // ⟦K⟧ < 2", "expected a positive constant after '//', found K"),
    ("X:M where M % ⟦0⟧ < 2", "expected a positive constant after '%', found 0"),
    ("X:M where M // ⟦-2⟧ < 2", "found -2"),
    ("full[M](⟦X:M K⟧)", "the value has the whole K: expected only dims of full[M]"),
    ("full[M[0:2]](⟦X:M⟧)", "the value has the whole M"),
    ("let M = X:K in Y:⟦M⟧", "'M' is here the value that 'let' binds, which hides a dim of that name"),
    ("let S = X:K in sum[K where ⟦S⟧ < 2](S)", "'S' is here the value that 'let' binds"),
    ("let S = X:K in ⟦S[0:4]⟧", "'S' is the value that 'let' binds"),
    ("at[⟦N⟧ := K](X:M)", "the operand has no N, it has M"),
    ("at[⟦j⟧ := K](X:M)", "'j' is not a dim"),
    ("at[M := K]⟦(X:M, Y:M)⟧", "at[…] takes one value"),
    ("⟦" + " * ".join(["X:M"] * 300) + "⟧", "nested too deeply"),
    ("⟦I:M⟧ + gather[K](X:K, I:M)", "in no arithmetic"),
    ("gather[K](X:K, ⟦2 * I:M⟧)", "a tensor of integers"),
    ("gather[K]⟦(X:K)⟧", "gather[D](src, idx)"),
    ("gather[⟦K⟧](X:M, I:M)", "the operand has no K"),
    ("scatter[K](X:M, I:M, ⟦Y:M⟧)", "expected the whole K"),
    ("⟦X:M⟧ + at[K := X:M](Y:K)", "in no arithmetic"),
]

UNSUPPORTED = [
    ("2 * scatter[K, ⟦mean⟧](X:M, I:M)", "expected sum, prod, max or min"),
    ("scatter[⟦K[0:4]⟧](X:M, I:M)", "a slice is not modelled"),
    ("gather[⟦K[0:4]⟧](X:K, I:M)", "from a slice"),
    ("gather[K](X:K, ⟦I:M[1:3]⟧)", "read over whole dims"),
    ("X:K[⟦4*q⟧ : 4*q + 4]", "a slice whose bounds vary with q is not modelled"),
]


def split(marked: str) -> tuple[str, int, int]:
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    return marked.replace("⟦", "").replace("⟧", ""), start, end


def check(error: SpecError, marked: str, code: str, fragment: str) -> None:
    text, start, end = split(marked)
    assert fragment in error.message
    found = text[: error.start] + "⟦" + text[error.start : error.end] + "⟧" + text[error.end :]
    assert found == marked
    assert (error.start, error.end) == (start, end)
    assert error.code == code
    assert isinstance(error, StileError)
    for low, high, remark in error.related:
        assert 0 <= low < high <= len(text) and remark
    # Names of terminals belong to the grammar, not into a message.
    assert "__" not in error.message.replace(text, "") and "$END" not in error.message
    for word in ("LPAR", "RSQB", "NAME", "INT", "ARROW"):
        assert word not in error.message


@pytest.mark.parametrize(("marked", "fragment"), SYNTAX, ids=lambda value: value[:40])
def test_syntax(marked: str, fragment: str) -> None:
    with pytest.raises(SpecSyntaxError) as caught:
        parse(split(marked)[0])
    check(caught.value, marked, "spec-syntax", fragment)


@pytest.mark.parametrize(("marked", "fragment"), SHAPE, ids=lambda value: value[:40])
def test_shape(marked: str, fragment: str) -> None:
    with pytest.raises(SpecError) as caught:
        lower(split(marked)[0], DIMS)
    check(caught.value, marked, "spec-shape", fragment)


@pytest.mark.parametrize(("marked", "fragment"), UNSUPPORTED, ids=lambda value: value[:40])
def test_unsupported(marked: str, fragment: str) -> None:
    with pytest.raises(SpecError) as caught:
        lower(split(marked)[0], DIMS)
    check(caught.value, marked, "unsupported", fragment)


def test_expected_lists_the_alternatives() -> None:
    with pytest.raises(SpecSyntaxError) as caught:
        parse("(X:M -> M, K)")
    assert caught.value.expected == ("a dim name", "')'", "'['")
    assert "expected a dim name, ')' or '['" in caught.value.message
    with pytest.raises(SpecError) as caught_shape:
        lower("X:J", DIMS)
    assert caught_shape.value.expected == ("K", "L", "M", "N", "d", "n", "q")


def test_the_other_operand_is_related() -> None:
    text = "X:K[0:4] + Y:K"
    with pytest.raises(SpecError) as caught:
        lower(text, DIMS)
    ((start, end, remark),) = caught.value.related
    assert (text[start:end], remark) == ("X:K[0:4]", "this has the slice K[0:4]")


def test_the_bracket_that_is_open_is_related() -> None:
    text = "2 * (X:M, Y:M"
    with pytest.raises(SpecSyntaxError) as caught:
        parse(text)
    ((start, end, _),) = caught.value.related
    assert (start, end) == (4, 5)


def test_declared_inputs_hold() -> None:
    lower("X:M K + X:M K", DIMS, inputs={"X": ("M", "K"), "Z": ("N",)})
    with pytest.raises(SpecError) as caught:
        lower("1 + X:K M", DIMS, inputs={"X": ("M", "K")})
    check(caught.value, "1 + ⟦X:K M⟧", "spec-shape", "expected X:M K, which it is declared with")


def test_the_output_order_must_be_one_of_the_same_dims() -> None:
    assert lower("X:M K", DIMS, output_order=("K", "M")).value.shape_type == "K M"
    for order in (("M",), ("M", "K", "N"), ("M", "M"), ()):
        with pytest.raises(SpecError) as caught:
            lower(" X:M K ", DIMS, output_order=order)
        check(caught.value, " ⟦X:M K⟧ ", "spec-shape", "the spec has M K: expected the same dims")


def test_deep_specs_have_a_meaning_or_a_clean_error() -> None:
    assert lower("+".join(["X:M"] * 5000), DIMS).value.shape_type == "M"
    assert lower("(" * 3000 + "X:M" + ")" * 3000, DIMS).value.shape_type == "M"
    for unit, close in (("exp(", ")"), ("let S = X:M in ", ""), ("-", ""), ("1 / (2 * ", ")"), ("(M, ", " -> M)")):
        for count in (8, 30, 60, 100, 1000):
            try:
                lower(unit * count + "1" + close * count, DIMS)
            except SpecError as error:
                assert "nested too deeply" in error.message, unit
                assert count > 8
            else:
                assert count < 100
