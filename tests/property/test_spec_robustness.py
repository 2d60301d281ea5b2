"""Whatever text is given, the answer is a tree or one error inside the text; and random specs mean what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_meaning import meaning

from stile_engine.index.affine import Affine, constant
from stile_engine.spec.lower import SpecError, lower
from stile_engine.spec.syntax import SpecSyntaxError, messages, parse, spans_of_names

WORDS = sorted(word.lower() for word in messages.RESERVED)
SYMBOLS = "+ - * / ** // % ( ) [ ] , : := = -> < <= > >= == != && || ! where where let in".split()
NAMES = "M K q n X Y S".split()
PIECES = st.sampled_from([*SYMBOLS, *NAMES, *NAMES, *WORDS, "0", "4", "2", "0.5", "1e-5", "X:M K", "K[0:4]", "(", ")"])
SOUP = st.lists(PIECES, max_size=30).map(" ".join)
DIMS = {**{name: constant(4) for name in "MKqn"}, "L": Affine.variable("#L") * 16}

SEEDS = [
    "(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)",
    "let S = (Q:q d, K:n d -> q n) in sum[n where q - 128 < n <= q](exp(S - max[n where n <= q](S)))",
    "X:M K[0:4] * rsqrt(mean[K[0:4]](X:M K[0:4] ** 2) + 1e-5) where !(K < 2 || M % 2 == 1)",
    "at[q := n + 1](X:q n) + clamp(zeros[n], -inf, scalar(a)) -> n",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good spec with a few pieces taken out, put in or doubled."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + draw(st.one_of(PIECES, st.just(""), st.text(max_size=2))) + text[end:]
    return text


ANY_TEXT = st.one_of(st.text(max_size=60), SOUP, mutated())


@settings(max_examples=1500, deadline=None)
@given(ANY_TEXT)
def test_any_text_is_a_tree_or_one_error_inside_it(text: str) -> None:
    try:
        spec = parse(text)
    except SpecSyntaxError as error:
        assert 0 <= error.start <= error.end <= len(text)
        assert error.code == "spec-syntax" and error.message
        assert all(error.expected) and "$END" not in error.message
    else:
        assert 0 <= spec.start < spec.end <= len(text)


@settings(max_examples=1500, deadline=None)
@given(ANY_TEXT)
def test_any_text_has_a_meaning_or_one_error_inside_it(text: str) -> None:
    try:
        value = lower(text, DIMS).value
    except SpecError as error:
        assert 0 <= error.start <= error.end <= len(text)
        assert error.code in ("spec-syntax", "spec-shape", "unsupported")
    else:
        assert all(value.axes[name] == bounds for name, bounds in value.node.axes.items())


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT)
def test_names_are_found_in_any_text(text: str) -> None:
    last = 0
    for name in spans_of_names(text):
        assert last <= name.start < name.end
        assert text[name.start : name.end] == name.name
        last = name.end


# Random specs, each built together with what it means

SIZES = {"a": 2, "b": 3, "c": 4}
Point = Mapping[str, int]
Value = Fraction | None


@dataclass(frozen=True)
class Meant:
    """A spec's text, the set of its dims, and its element as a function of the index."""

    text: str
    dims: frozenset[str]
    element: Callable[[Point], Value]


def strict(function: Callable[..., Value], *operands: Meant) -> Callable[[Point], Value]:
    """No value where an operand has none."""

    def element(point: Point) -> Value:
        values = [o.element(point) for o in operands]
        return None if None in values else function(*values)

    return element


def array_of(dims: tuple[str, ...], seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(-3, 4, size=[SIZES[d] for d in dims])
    return np.vectorize(Fraction, otypes=[object])(numbers)


def label_of(dims: tuple[str, ...]) -> str:
    return "T" + "".join(dims)


ARRAYS = {
    label_of(dims): array_of(dims, seed)
    for seed, dims in enumerate(p for count in (1, 2, 3) for p in itertools.permutations(SIZES, count))
}


def tensor(dims: tuple[str, ...]) -> Meant:
    array = ARRAYS[label_of(dims)]
    return Meant(f"{label_of(dims)}:{' '.join(dims)}", frozenset(dims), lambda p: array[tuple(p[d] for d in dims)])


TENSORS = st.permutations(sorted(SIZES)).flatmap(lambda p: st.integers(1, 3).map(lambda k: tensor(tuple(p[:k]))))
NUMBERS = st.integers(0, 5).map(lambda k: Meant(str(k), frozenset(), lambda p: Fraction(k)))
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    ">": lambda x, y: x > y,
}
Condition = tuple[str, frozenset[str], Callable[[Point], bool]]


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    left, right = draw(st.permutations(sorted(SIZES)))[:2]
    factor, shift = draw(st.integers(1, 3)), draw(st.integers(-2, 2))
    operator = draw(st.sampled_from(sorted(COMPARISONS)))
    test = COMPARISONS[operator]
    match draw(st.integers(0, 2)):
        case 0:
            return f"{left} {operator} {factor} * {right} + {shift}".replace("+ -", "- "), frozenset({left, right}), (
                lambda p: test(p[left], factor * p[right] + shift)
            )  # fmt: skip
        case 1:
            return f"({left} - {right}) // {factor} {operator} 0", frozenset({left, right}), (
                lambda p: test((p[left] - p[right]) // factor, 0)
            )  # fmt: skip
        case _:
            return f"!({left} % {factor} {operator} 1)", frozenset({left}), lambda p: not test(p[left] % factor, 1)


def quotient(x: Fraction, y: Fraction) -> Value:
    return x / y if y else None


def total_of(function: str, values: list[Value]) -> Value:
    if None in values:
        return None
    match function:
        case "sum":
            return sum(values, Fraction(0))
        case "mean":
            return quotient(sum(values, Fraction(0)), Fraction(len(values)))
        case _:
            return Fraction(np.prod(values)) if values else Fraction(1)


def points(dims: frozenset[str], around: Point) -> list[Point]:
    names = sorted(dims)
    return [
        {**around, **dict(zip(names, v, strict=True))} for v in itertools.product(*(range(SIZES[d]) for d in names))
    ]


@st.composite
def grown(draw: st.DrawFn, inner: st.SearchStrategy[Meant]) -> Meant:
    first = draw(inner)
    match draw(st.sampled_from(["+", "-", "*", "/", "power", "mask", "choice", "contract", "reduce", "let"])):
        case "power":
            return Meant(f"({first.text}) ** 2", first.dims, strict(lambda x: x**2, first))
        case "mask":
            text, named, holds = draw(conditions())
            return Meant(
                f"({first.text} where {text})",
                first.dims | named,
                lambda p: first.element(p) if holds(p) else Fraction(0),
            )
        case "choice":
            text, named, holds = draw(conditions())
            other = draw(inner)
            return Meant(
                f"where({text}, {first.text}, {other.text})",
                first.dims | other.dims | named,
                lambda p: (first if holds(p) else other).element(p),
            )
        case "contract":
            other = draw(inner)
            dims = frozenset(draw(st.sets(st.sampled_from(sorted(SIZES)))))
            body = strict(lambda x, y: x * y, first, other)
            bound = (first.dims | other.dims) - dims
            return Meant(
                f"({first.text}, {other.text} -> {' '.join(sorted(dims))})",
                dims,
                lambda p: total_of("sum", [body(i) for i in points(bound, p)]),
            )
        case "reduce" if first.dims:
            dim = draw(st.sampled_from(sorted(first.dims)))
            function = draw(st.sampled_from(["sum", "mean", "prod"]))
            text, named, holds = draw(conditions())
            return Meant(
                f"{function}[{dim} where {text}]({first.text})",
                (first.dims | named) - {dim},
                lambda p: total_of(function, [first.element(i) for i in points(frozenset({dim}), p) if holds(i)]),
            )
        case "let":
            return Meant(f"(let v = {first.text} in v * v)", first.dims, strict(lambda x: x * x, first))
        case "+" | "-" | "*" | "/" as operator:
            other = draw(inner)
            operations = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": quotient}
            return Meant(
                f"({first.text} {operator} {other.text})",
                first.dims | other.dims,
                strict(operations[operator], first, other),
            )
        case _:
            return first


@settings(max_examples=400, deadline=None)
@given(st.recursive(st.one_of(TENSORS, NUMBERS), lambda inner: grown(inner), max_leaves=5))
def test_random_specs_mean_what_they_say(meant: Meant) -> None:
    dims, found = meaning(meant.text, SIZES, ARRAYS)
    assert set(dims) == meant.dims
    for place in np.ndindex(*found.shape):
        assert found[place] == meant.element(dict(zip(dims, place, strict=True))), meant.text
