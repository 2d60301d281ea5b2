"""The grammar: what parses, into which tree, with which characters."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from lark import Lark

from stile_engine.grammar import Grammar
from stile_engine.index.dims import RESERVED_WORDS
from stile_engine.spec.syntax import messages, parse, spans_of_names, tree
from stile_engine.spec.syntax.parser import SPEC

CORPUS = Path(__file__).parent.parent / "corpus" / "pairs.jsonl"

EXAMPLES = """\
2 * (A:M N, B:N K -> M K)
6 * (M N, N K -> M K)
(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)
let S = (Q:q d, K:n d -> q n) in sum[n where q - 128 < n <= q](exp(S - max[n where n <= q](S)))
X:T D * rsqrt(mean[D](X:T D ** 2) + 0.00001) * W:D
silu(X:T D, G:D F -> T F) * (X:T D, U:D F -> T F)
sum[N](X:N where N // 4 == 1)
max(X:Q K, Y:Q K -> Q)
gather[E](W:E D F, eid:T)
scatter[S](Kp:T D, pos:T, cache:S D)
where(n <= q + size(n) - size(q), S:q n, -inf)
(X:q d, at[q := n](X:q d) -> q n)
at[D := D + 32](X:D) where D < 32
at[g := h // 4](K:g n d)
let a = let b = X:n in b + 1 in a * (a)
scatter[S, sum](Kp:T D, pos:T)
zeros[] + zeros[M K[0:8]] + full[M](scalar(alpha) + pi) - 2. * .5 + 1e-5
where(X:N > 0 && n < len:b, X:N, 0)
sum[K[4*i : 4*i + 4] where not (K % 2 == 1) or K // 4 != 2 and !(K == 0)](X:K)
logsumexp[K]((X:Q -> Q K)) -> Q
(A:M K, B:K M -> )""".splitlines()


def shape(node: object) -> object:
    """The tree without its spans, to compare with."""
    if isinstance(node, tree.Name):
        return node.text
    if isinstance(node, tree.Syntax):
        parts = [shape(getattr(node, f)) for f in node.__dataclass_fields__ if f not in ("start", "end")]
        return (type(node).__name__, *parts)
    return tuple(map(shape, node)) if isinstance(node, tuple) else node


def body(text: str) -> object:
    return shape(parse(text).body)


def written(text: str, kind: type[tree.Syntax]) -> list[str]:
    """The characters of every node of that kind, in order."""
    return [text[node.start : node.end] for node, _ in tree.walk(parse(text)) if isinstance(node, kind)]


def test_the_tables_are_those_of_the_grammar() -> None:
    found = json.loads(SPEC.tables_file.read_text(encoding="utf-8"))
    assert found["made"] == SPEC.made(), "run python scripts/parser_tables.py"
    made, fresh = SPEC.by_tables(found), SPEC.from_grammar()
    assert {str(r) for r in made.rules} == {str(r) for r in fresh.rules}
    for text in EXAMPLES:
        assert made.parse(text) == fresh.parse(text)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"made": 1}', "right but for the data", "right but cut"])
def test_without_tables_the_parser_is_made_of_the_grammar(content: str | None, tmp_path: Path) -> None:
    elsewhere = replace(SPEC, tables=tmp_path / "spec.tables.json")
    if content is not None:
        whole = elsewhere.text()
        if content == "right but for the data":
            content = json.dumps({**json.loads(whole), "data": {"parser": {}}})
        elif content == "right but cut":
            content = whole[: len(whole) // 2]
        elsewhere.tables_file.write_text(content, encoding="utf-8")
    assert elsewhere.parser().parse("sum[N](X:N)") == parse("sum[N](X:N)")


def test_tables_of_another_grammar_or_lark_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = replace(SPEC, tables=tmp_path / "spec.tables.json")
    found = json.loads(elsewhere.text())
    made: list[str] = []
    monkeypatch.setattr(Grammar, "by_tables", lambda *_: made.append("tables"))
    monkeypatch.setattr(Grammar, "from_grammar", lambda *_: made.append("grammar"))
    right = found["made"]
    for of in (right, {**right, "lark": "0.0"}, {**right, "grammar": "0"}, {**right, "options": {}}):
        elsewhere.tables_file.write_text(json.dumps({**found, "made": of}), encoding="utf-8")
        elsewhere.parser()
    assert made == ["tables", "grammar", "grammar", "grammar"]


def test_the_grammar_is_lalr_without_conflicts() -> None:
    # Strict mode makes an error of every conflict that lark would otherwise decide silently.
    Lark(SPEC.read(), parser="lalr", lexer="basic", start="spec", strict=True, keep_all_tokens=True)


def test_a_grammar_with_a_conflict_would_be_noticed() -> None:
    ambiguous = SPEC.read().replace("?item: LET", "?item: sum PLUS sum\n     | LET")
    with pytest.raises(Exception, match=r"(?i)conflict|ambigu"):
        Lark(ambiguous, parser="lalr", lexer="basic", start="spec", strict=True)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_parse_and_every_part_lies_in_its_whole(text: str) -> None:
    for padded in (text, f"  {text}\n"):
        spec = parse(padded)
        assert padded[spec.start : spec.end] == text
        for node, _ in tree.walk(spec):
            assert 0 <= node.start < node.end <= len(padded)
            last = node.start
            for child in tree.children(node):
                assert node.start <= child.start and child.end <= node.end
                assert child.start >= last
                last = child.start


def test_the_whole_corpus_parses() -> None:
    lines = CORPUS.read_text().splitlines()
    assert len(lines) >= 180
    for line in lines:
        pair = json.loads(line)
        parse(pair["a"])
        parse(pair["b"])


def test_where_binds_loosest() -> None:
    match parse("A + B where n < 3").body:
        case tree.Masked(body=tree.Sum(), predicate=tree.Comparison()):
            pass
        case other:
            pytest.fail(str(other))
    match parse("A + (B where n < 3)").body:
        case tree.Sum(operands=(tree.Operand(), tree.Masked())):
            pass
        case other:
            pytest.fail(str(other))
    match parse("let S = A where n < 1 in S where n < 2").body:
        case tree.Let(value=tree.Masked(), body=tree.Masked()):
            pass
        case other:
            pytest.fail(str(other))
    assert body("A where (n < 3)") == body("A where n < 3")


def test_where_the_function_and_where_the_mask_are_told_apart() -> None:
    match parse("where(n < 3, A, B) where n < 2").body:
        case tree.Masked(body=tree.Choice()):
            pass
        case other:
            pytest.fail(str(other))


def test_an_arrow_belongs_to_the_innermost_open_parenthesis() -> None:
    match parse("(A:M K, (B:K N, C:N L -> K L) -> M L) -> L M").body:
        case tree.Group(arguments=tree.Arguments(operands=(_, tree.Group(arguments=inner)), arrow=outer)):
            assert [d.name.text for d in inner.arrow.dims] == ["K", "L"]
            assert [d.name.text for d in outer.dims] == ["M", "L"]
        case other:
            pytest.fail(str(other))
    match parse("exp(A:M K, B:K N -> M N)").body:
        case tree.Call(arguments=tree.Arguments(operands=(_, _), arrow=tree.Arrow())):
            pass
        case other:
            pytest.fail(str(other))


def test_negation_powers_and_associativity() -> None:
    assert body("-A**2") == ("Negative", ("Power", body("A"), 2))
    assert body("(-A)**-2") == ("Power", ("Negative", body("A")), -2)
    assert body("A - B - C") == ("Sum", ("-", "-"), (body("A"), body("B"), body("C")))
    assert body("A - (B - C)") == ("Sum", ("-",), (body("A"), body("B - C")))
    assert body("A / B * -C") == ("Product", ("/", "*"), (body("A"), body("B"), ("Negative", body("C"))))


def test_tensors() -> None:
    def dim(name: str) -> tuple[object, ...]:
        return ("DimRef", name, None, None)

    assert body("X:M K") == ("Operand", "X", (dim("M"), dim("K")))
    assert body("M K") == ("Operand", None, (dim("M"), dim("K")))
    assert body("S") == ("Operand", None, (dim("S"),))
    assert body("X : M K[0 : 4] N") == (
        "Operand",
        "X",
        (dim("M"), ("DimRef", "K", ("Integer", 0), ("Integer", 4)), dim("N")),
    )
    assert body("summary:interval") == ("Operand", "summary", (dim("interval"),))


def test_numbers_are_exact() -> None:
    values = {text: parse(text).body for text in ("2", "2.", ".5", "1e-5", "0.1", "12.50e+1", "7E2")}
    assert {text: node.value for text, node in values.items()} == {
        "2": 2,
        "2.": 2,
        ".5": Fraction(1, 2),
        "1e-5": Fraction(1, 100000),
        "0.1": Fraction(1, 10),
        "12.50e+1": 125,
        "7E2": 700,
    }
    assert all(node.written == text for text, node in values.items())


def test_predicates() -> None:
    def predicate(text: str) -> object:
        return shape(parse(f"A where {text}").body.predicate)

    def index(name: str) -> tuple[object, ...]:
        return ("Index", name)

    assert predicate("0 <= K < 4") == ("Comparison", ("<=", "<"), (("Integer", 0), index("K"), ("Integer", 4)))
    assert predicate("a < b or c < d and not e == f") == predicate("a < b || ((c < d) && !(e == f))")
    assert predicate("(a + b) * 2 < -c % 3") == (
        "Comparison",
        ("<",),
        (
            ("IndexChain", ("*",), (("IndexChain", ("+",), (index("a"), index("b"))), ("Integer", 2))),
            ("IndexChain", ("%",), (("IndexNegative", index("c")), ("Integer", 3))),
        ),
    )
    assert predicate("seg:q b == size(d)") == (
        "Comparison",
        ("==",),
        (
            ("Data", "seg", (("DimRef", "q", None, None), ("DimRef", "b", None, None))),
            ("Size", ("DimRef", "d", None, None)),
        ),
    )


def test_spans_are_those_of_the_written_parts() -> None:
    text = "2 * (A:M K[0:4*2], B:K N -> M N) ** 2 + sum[K where 0 <= K](X:K)"
    assert written(text, tree.Operand) == ["A:M K[0:4*2]", "B:K N", "X:K"]
    assert written(text, tree.DimRef) == ["M", "K[0:4*2]", "K", "N", "M", "N", "K", "K"]
    assert written(text, tree.Group) == ["(A:M K[0:4*2], B:K N -> M N)"]
    assert written(text, tree.Arrow) == ["-> M N"]
    assert written(text, tree.Power) == ["(A:M K[0:4*2], B:K N -> M N) ** 2"]
    assert written(text, tree.Comparison) == ["0 <= K"]
    assert written(text, tree.Reduction) == ["sum[K where 0 <= K](X:K)"]
    # Parentheses around a part belong to its range.
    assert written("2 * ( A + B )", tree.Sum) == ["( A + B )"]
    assert written("A where ((n) < 3)", tree.Comparison) == ["((n) < 3)"]


def test_one_list_of_reserved_words() -> None:
    assert {word.lower() for word in messages.RESERVED} == RESERVED_WORDS


def test_the_syntax_imports_neither_the_engine_nor_a_framework() -> None:
    program = (
        "import sys, stile_engine.spec.syntax as s; s.parse('X:M K'); "
        "print([m for m in sys.modules if m.split('.')[0] in ('islpy', 'numpy', 'jax', 'mpmath')"
        " or m.startswith(('stile_engine.term', 'stile_engine.proof', 'stile_engine.index'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def kinds(text: str) -> list[str]:
    return [f"{n.name}={n.kind}" for n in spans_of_names(text) if n.kind != "operator"]


def test_names_of_a_spec() -> None:
    text = "let S = (Q:q d, q n -> n) in softmax[n[0:4] where n <= q](exp(S) - S:S) + scalar(S) * 0.5 where S < pi"
    assert kinds(text) == [
        *("let=keyword", "S=variable", "Q=label", "q=dim", "d=dim", "q=dim", "n=dim", "n=dim", "in=keyword"),
        *("softmax=function", "n=dim", "0=number", "4=number", "where=keyword", "n=dim", "q=dim"),
        *("exp=function", "S=variable", "S=label", "S=dim", "scalar=function", "S=parameter", "0.5=number"),
        *("where=keyword", "S=variable", "pi=number"),
    ]
    for name in spans_of_names(text):
        assert text[name.start : name.end] == name.name


def test_names_in_a_slice_are_dims() -> None:
    assert kinds("X:D[4*i : 4*i + 4] * where(i < 2, Y:D, 0)") == [
        *("X=label", "D=dim", "4=number", "i=dim", "4=number", "i=dim", "4=number"),
        *("where=function", "i=dim", "2=number", "Y=label", "D=dim", "0=number"),
    ]
    assert kinds("X:D[i : j]") == ["X=label", "D=dim", "i=dim", "j=dim"]
    assert kinds("sum[K where len:b < K](X:K)") == [
        *("sum=function", "K=dim", "where=keyword", "len=label", "b=dim", "K=dim", "X=label", "K=dim"),
    ]


def test_a_let_name_ends_with_its_let() -> None:
    assert kinds("(let S = X:n in S, S -> S)") == [
        *("let=keyword", "S=variable", "X=label", "n=dim", "in=keyword", "S=variable", "S=dim", "S=dim"),
    ]
    assert kinds("let a = let b = X:n in b in a * b") == [
        *("let=keyword", "a=variable", "let=keyword", "b=variable", "X=label", "n=dim", "in=keyword", "b=variable"),
        *("in=keyword", "a=variable", "b=dim"),
    ]


@pytest.mark.parametrize("text", EXAMPLES)
def test_names_agree_with_the_tree(text: str) -> None:
    expected: set[tuple[str, int, int]] = set()
    bound: set[str] = set()
    for node, _ in tree.walk(parse(text)):
        match node:
            case tree.Let(name=name):
                expected.add(("variable", name.start, name.end))
                bound.add(name.text)
            case tree.Operand(label=tree.Name() as label) | tree.Data(label=label):
                expected.add(("label", label.start, label.end))
            case tree.Operand(label=None, dims=(tree.DimRef(name=name, low=None),)) if name.text in bound:
                expected.add(("variable", name.start, name.end))
            case tree.Scalar(name=name):
                expected.add(("parameter", name.start, name.end))
            case tree.At(dim=name):
                expected.add(("dim", name.start, name.end))
            case tree.Index():
                expected.add(("dim", node.start, node.end))
            case tree.DimRef(name=name) if ("variable", name.start, name.end) not in expected:
                expected.add(("dim", name.start, name.end))
    found = {(n.kind, n.start, n.end) for n in spans_of_names(text) if text[n.start].isidentifier()}
    names = {n for n in found if n[0] in ("variable", "label", "parameter", "dim")}
    spans = {(start, end) for _, start, end in expected}
    # A parenthesised index has the range of its parentheses in the tree.
    assert {n for n in names if n[1:] in spans} == {e for e in expected if e[1:] in {n[1:] for n in names}}
    assert len(names) == len(expected)


def test_names_of_a_broken_spec() -> None:
    assert kinds("softmax[n where n <= (Q:q d @ $ exp(V:") == [
        *(
            "softmax=function",
            "n=dim",
            "where=keyword",
            "n=dim",
            "Q=label",
            "q=dim",
            "d=dim",
            "exp=function",
            "V=label",
        ),
    ]
    assert spans_of_names("") == []
    assert [(n.start, n.end) for n in spans_of_names("§§ X §")] == [(3, 4)]
