"""The laws that only the comparison uses, each against numbers: angles, roots, logarithms, quadratic forms.

What a law makes of a term must have the term's value, for negative, zero, small and large inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from law_checks import KINDS, Numbers, indices, normal_form_agrees, value_of
from term_values import Bounded, PolyEvaluator

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction
from stile_engine.index.predicate import evaluate as holds
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.proof.equality import are_equal
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.logs_apart import zero_by_exponentiating
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.numbers import HasNoValue, Undecided
from stile_engine.proof.roots import join_roots
from stile_engine.proof.truth import _by_its_sums
from stile_engine.term import signs
from stile_engine.term.angles import expand_angles
from stile_engine.term.atoms import Poly, SumAtom, of_mono
from stile_engine.term.order import Sign, sign_given, sign_of
from stile_engine.term.quadratic import at_least_zero
from stile_engine.term.ring import multiply, subtract
from stile_engine.term.signs import _sign_mono
from stile_engine.term.walk import all_atoms

_EXAMPLES = settings.default.max_examples
_SIZES = {"A": 2, "B": 3}
_DIGITS = 40


def term(text: str) -> Poly:
    """The normal form, which must be one term everywhere."""
    form = Normalizer()(value_of(text, _SIZES).node)
    assert len(form.pieces) == 1
    value = form.pieces[0].value
    assert isinstance(value, Poly)
    return value


def values(text: str, *terms: Poly) -> list[tuple[object, ...]]:
    """The values of the terms at every index and for all kinds of inputs, where they have one."""
    found = []
    for kind in KINDS:
        for at in indices(value_of(text, _SIZES)):
            evaluate = PolyEvaluator(Bounded(_DIGITS), Numbers(kind))
            try:
                found.append(tuple(evaluate(t, at) for t in terms))
            except (HasNoValue, Undecided):
                continue
    return found


def agree(text: str, new: Poly, old: Poly) -> None:
    compared = values(text, new, old)
    assert compared, text
    assert not any(disjoint(x, y) for x, y in compared), f"{text}: {old} became {new}"


ANGLE = st.lists(
    st.sampled_from(["XA:A", "XAB:A B", "2 * XA:A", "XA:A / 3", "pi / 2", "pi * XA:A", "1"]), min_size=1, max_size=3
)


@settings(max_examples=_EXAMPLES)
@given(ANGLE, ANGLE, st.sampled_from(["sin", "cos"]), st.sampled_from(["sin", "cos"]), st.booleans())
def test_sines_and_cosines_in_common_parts(first: list[str], second: list[str], f: str, g: str, minus: bool) -> None:
    product = f"{f}({' + '.join(first)}) * {g}({(' - ' if minus else ' + ').join(second)})"
    for text in (f"({product} + sin(XA:A) -> A B)", f"(sum[B](({product} -> A B)) -> A)"):
        old = term(text)
        agree(text, expand_angles(old), old)


POSITIVE = st.sampled_from(
    ["(XA:A ** 2 + 1)", "exp(XAB:A B)", "(1 + exp(XA:A))", "abs(XA:A)", "(XAB:A B ** 2 + XA:A ** 2)", "2", "XA:A", "6"]
)


@settings(max_examples=_EXAMPLES)
@given(st.lists(st.tuples(POSITIVE, st.sampled_from(["*", "/"])), min_size=2, max_size=4))
def test_products_of_roots(parts: list[tuple[str, str]]) -> None:
    text = "(1" + "".join(f" {op} sqrt({p})" for p, op in parts) + " + XAB:A B -> A B)"
    old = term(text)
    compared = values(text, join_roots(old), old)
    assert not any(disjoint(x, y) for x, y in compared), text


@settings(max_examples=_EXAMPLES)
@given(
    st.lists(
        st.tuples(POSITIVE, st.sampled_from(["+", "-"]), st.sampled_from(["1", "2", "0.5", "XA:A"])),
        min_size=2,
        max_size=4,
    )
)
def test_sums_of_logarithms_are_zero_only_where_they_are(parts: list[tuple[str, str, str]]) -> None:
    text = "(0" + "".join(f" {op} {c} * log({p})" for p, op, c in parts) + " -> A B)"
    form = Normalizer()(value_of(text, _SIZES).node)
    terms = [p.value for p in form.pieces if isinstance(p.value, Poly)]
    for old in terms:
        if old.terms and zero_by_exponentiating(old, lambda t: are_equal(t, term("0 * XA:A"), UNIVERSE)):
            assert all(not disjoint(x[0], Fraction(0)) for x in values(text, old)), text


MONOMIALS = ["1", "XA:A", "YA:A", "XAB:A B", "XA:A * YA:A", "exp(XA:A)", "XA:A ** 2", "abs(YA:A)"]
SUMS = ["sum[B](XAB:A B)", "sum[B](YAB:A B)", "1", "XA:A", "sum[B](XAB:A B * YAB:A B)"]
SQUARES = [
    "sum[B](XAB:A B ** 2)",
    "sum[B](YAB:A B ** 2)",
    "sum[B](XAB:A B) ** 2",
    "sum[B](XAB:A B) * sum[B](YAB:A B)",
    "sum[B where B < 2](XAB:A B) ** 2",
    "sum[B where B >= 2](XAB:A B) ** 2",
    "sum[B where B < 2](XAB:A B) * sum[B where B >= 1](XAB:A B)",
    "sum[B where B >= 1](XAB:A B ** 2)",
    "XA:A ** 2",
]
NUMBERS = st.sampled_from(["-3", "-2", "-1", "-0.5", "0.25", "0.5", "1", "2", "3", "6"])


def check_definite(text: str) -> bool:
    old = term(text)
    found = at_least_zero(old, lambda m: _sign_mono(m, {}, UNIVERSE))
    if found is None:
        return False
    for (value,) in values(text, old):
        below = value.b < 0 if hasattr(value, "b") else value < 0  # type: ignore[attr-defined, operator]
        zero = value == 0
        assert not below and not (found and zero is True), f"{text}: {value}"
    return True


@settings(max_examples=3 * _EXAMPLES)
@given(st.lists(st.tuples(NUMBERS, st.sampled_from(MONOMIALS), st.sampled_from(MONOMIALS)), min_size=2, max_size=6))
def test_quadratic_forms(parts: list[tuple[str, str, str]]) -> None:
    check_definite("(0" + "".join(f" + {c} * {m} * {n}" for c, m, n in parts) + " -> A B)")


@settings(max_examples=3 * _EXAMPLES)
@given(st.lists(st.tuples(NUMBERS, st.sampled_from(SUMS + SQUARES * 3)), min_size=2, max_size=6))
def test_quadratic_forms_of_sums(parts: list[tuple[str, str]]) -> None:
    check_definite("(0" + "".join(f" + {c} * {m}" for c, m in parts) + " -> A B)")


def test_the_forms_that_kernels_have_are_decided() -> None:
    for text, positive in (
        ("XA:A ** 2 + XA:A + 1", True),
        ("XA:A ** 2 - 2 * XA:A + 1", False),
        ("3 * sum[B](XAB:A B ** 2) - sum[B](XAB:A B) ** 2", False),
        ("mean[B](XAB:A B ** 2) - mean[B](XAB:A B) ** 2 + 0.00001", True),
        ("sum[B](XAB:A B ** 2) + 2 * sum[B](XAB:A B * YAB:A B) + sum[B](YAB:A B ** 2)", False),
        ("exp(2 * XA:A) - exp(XA:A) + 1", True),
        ("sum[B](XAB:A B ** 2) - sum[B where B < 2](XAB:A B) ** 2 / 2", False),
    ):
        assert at_least_zero(term(f"({text} -> A)"), lambda m: _sign_mono(m, {}, UNIVERSE)) is positive, text
    for text in ("XA:A ** 2 + 3 * XA:A + 1", "2 * sum[B](XAB:A B ** 2) - sum[B](XAB:A B) ** 2", "XA:A ** 2 - 1"):
        assert at_least_zero(term(f"({text} -> A)"), lambda m: _sign_mono(m, {}, UNIVERSE)) is None, text


def test_a_sum_beside_a_root_is_no_root_of_a_sum() -> None:
    old = term("(sqrt(XA:A ** 2 + 1) * sqrt(YA:A ** 2 + 1) -> A)")
    assert join_roots(old) is not old
    assert not subtract(multiply(old, old), term("((XA:A ** 2 + 1) * (YA:A ** 2 + 1) -> A)")).terms
    assert all(not isinstance(a, SumAtom) for a in all_atoms(old)) and of_mono(old.terms[0][0]) is old


MEMBERS = st.sampled_from(["XAB:A B", "-XAB:A B", "2 * XAB:A B - 1", "3", "-2", "YA:A", "0", "XAB:A B + YA:A"])
LATTICE = st.sampled_from(["maximum", "minimum"])


@st.composite
def piecewise(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return str(draw(MEMBERS))
    left, right = draw(piecewise(depth - 1)), draw(piecewise(depth - 1))
    if draw(st.booleans()):
        return f"{draw(LATTICE)}({left}, {right})"
    return f"({left} {draw(st.sampled_from(['+', '-']))} {right})"


@settings(max_examples=3 * _EXAMPLES)
@given(piecewise(), st.sampled_from(["max", "min"]), st.sampled_from(["", "** 2", "** 3"]))
def test_maxima_of_piecewise_linear_functions(body: str, reduction: str, exponent: str) -> None:
    text = f"({reduction}[B](((({body})) {exponent} -> A B)) -> A)"
    assert normal_form_agrees(value_of(text, _SIZES)), text


RISING = st.sampled_from(
    [
        "tanh({})",
        "softplus({})",
        "exp({})",
        "({}) ** 2",
        "({}) ** 3",
        "log(1 + exp({}))",
        "silu({})",
        "abs({})",
        "{} + softplus(-{})",
    ]
)


@settings(max_examples=_EXAMPLES)
@given(RISING, RISING, st.sampled_from(["XAB:A B", "-XAB:A B", "XAB:A B + YA:A", "XAB:A B / (1 - YA:A ** 2)"]))
def test_maxima_of_functions(outer: str, inner: str, argument: str) -> None:
    text = f"(max[B]({outer.replace('{}', inner.replace('{}', argument))}) -> A)"
    assert normal_form_agrees(value_of(text, _SIZES)), text
    body = inner.replace("{}", argument)
    tiles = f"(maximum(max[B where B < 2]({body}), max[B where B >= 1]({body})) -> A)"
    assert normal_form_agrees(value_of(tiles, _SIZES)), tiles


COMPARED = """
    XA:A|XA:A - 1|1 - XA:A|2 * XA:A + 1|XA:A + 1000|abs(XA:A) - 1|XA:A ** 2 - XA:A|-3 * XA:A - 1
""".strip().split("|")


@settings(max_examples=_EXAMPLES)
@given(st.sampled_from(COMPARED), st.sampled_from(COMPARED))
def test_signs_of_two_terms(first: str, second: str) -> None:
    """What is said of two signs holds of the signs of the numbers."""
    one, other = term(f"({first} -> A)"), term(f"({second} -> A)")
    tokens = [sign_of(t) for t in (one, other)]
    made = [data.datum(v) for v in {v for token in tokens for v in data.tokens_of(token.variables)}]
    if len(made) != 2 or not all(isinstance(m, Sign) for m in made):
        return
    relations = [r for m in made for r in m.relations(made)]
    seen = 0
    for numbers in values(f"({first} -> A)", *(m.term for m in made)):
        signs = [known_sign(n) for n in numbers]
        if None not in signs:
            point = {m.token: s for m, s in zip(made, signs, strict=True)}
            assert all(holds(r, point) for r in relations), (first, second, point)
            seen += 1
    assert seen


def test_a_number_above_one_is_not_below_minus_one() -> None:
    one, other = (sign_of(term(f"({text} -> A)")) for text in ("XA:A - 1", "XA:A + 1"))
    assert IndexSet.where(conjunction(compare(one, "==", 1), compare(other, "==", -1))).is_empty
    assert not IndexSet.where(conjunction(compare(one, "==", -1), compare(other, "==", 1))).is_empty


def known_sign(number: object) -> int | None:
    return (number > 0) - (number < 0) if isinstance(number, int | Fraction) else None


LINEAR = st.sampled_from(["XA:A", "-XA:A", "2 * XA:A", "XA:A - YA:A", "YA:A", "XA:A ** 2 - YA:A", "relu(XA:A)", "3"])


@settings(max_examples=_EXAMPLES)
@given(LINEAR, LINEAR, LINEAR, st.integers(-3, 3), st.integers(-3, 3))
def test_a_sign_beside_known_ones(first: str, second: str, third: str, more: int, less: int) -> None:
    """A term whose sign is told from those of others has it wherever they have theirs."""
    texts = [f"({first} + {more} -> A)", f"({second} + {less} -> A)", f"({third} + {first} -> A)"]
    terms = [term(text) for text in texts]
    # The terms have inputs of their own, by their labels: one text in which all of them stand.
    for numbers in values(f"({first} + {second} + {third} + XA:A + YA:A -> A)", *terms):
        exact = [x for x in numbers if isinstance(x, Fraction)]
        if len(exact) < len(numbers):
            continue
        masks = [signs.POSITIVE if x > 0 else signs.NEGATIVE if x < 0 else signs.ZERO_SIGN for x in exact]
        for wide in (0, signs.ZERO_SIGN):
            facts = {t: m | wide for t, m in zip(terms[1:], masks[1:], strict=True)}
            assert sign_given(terms[0], facts) & masks[0], (texts, exact)


@settings(max_examples=_EXAMPLES)
@given(
    st.sampled_from(["exp(XAB:A B)", "XAB:A B ** 2", "XAB:A B", "(exp(XAB:A B) + 1)"]),
    st.sampled_from(["B < A", "B < 2 * A - 1", "A + B == 1", "B <= A", "B < A && B > 0"]),
    st.sampled_from(["{}", "-2 * {}", "{} * exp(-XA:A)", "{} + sum[B](exp(XAB:A B))"]),
)
def test_signs_where_sums_run_over_nothing(body: str, domain: str, around: str) -> None:
    """A sign that emptiness decides is that of the numbers, and the cases cover all indices."""
    text = f"{around.format(f'sum[B where {domain}]({body})')} -> A"
    value = value_of(text, _SIZES)
    box = IndexSet.box({d.name: (d.low, d.high) for d in value.dims})
    (form,) = Normalizer()(value.node).pieces
    assert isinstance(form.value, Poly)
    cases = _by_its_sums(form.value, box)
    decided = 0
    for at in indices(value):
        (own,) = [s for guard, s in cases if not guard.is_disjoint(IndexSet.where(_at(at)))]
        assert isinstance(own, Affine)
        for kind in KINDS if own.is_constant else ():
            arithmetic = Bounded(_DIGITS)
            number = PolyEvaluator(arithmetic, Numbers(kind))(form.value, at)
            assert arithmetic.sign(number) == own.constant, (text, at, kind)
            decided += 1
    assert decided or body != "exp(XAB:A B)"


def _at(point: Mapping[str, int]) -> Predicate:
    return conjunction(*(compare(Affine.variable(name), "==", number) for name, number in point.items()))
