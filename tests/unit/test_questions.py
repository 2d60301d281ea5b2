"""What the answers of symbolic sizes may not do: decide a branch that differs from size to size."""

from __future__ import annotations

import pytest

import stile_engine
from stile_engine.check import check
from stile_engine.checking.instances import where_equal
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.trace.questions import Questions, answering
from stile_engine.trace.report import CheckRequest

HEAD = """
from stile_engine import dim, kernel
M, P, E = dim("M"), dim("P"), dim("E", multiple_of=2)
"""

FRAMEWORKS = pytest.mark.parametrize("framework", ["jax", "numpy"])


def status(framework: str, parameters: str, spec: str, body: str) -> str:
    lines = "\n".join("    " + line for line in body.split("\n"))
    imported = "import jax.numpy as jnp" if framework == "jax" else "import numpy as np"
    source = f"{imported}\n{HEAD}\n@kernel({spec!r}, backend={framework!r})\ndef f({parameters}):\n{lines}\n"
    report = check(CheckRequest("kernels.py", source))
    return report.kernels[0].status.value


WRONG_AT_ONE_SIZE = [
    "return 2 * X if X.shape[0] == 7 else X",
    "return X if X.shape[0] != 7 else 2 * X",
    "return 2 * X if 7 == X.shape[0] else X",
    "return 2 * X if X.shape == (7,) else X",
    "return 2 * X if X.shape[0] in (3, 7) else X",
    "return 2 * X if X.shape[0] in {3, 7} else X",
    "return {7: 2 * X}.get(X.shape[0], X)",
    "return X if X.shape[0] - 7 else 2 * X",
    "return X if X.shape[0] % 7 else 2 * X",
    "return X if bool(X.shape[0] // 3 - 2) else 2 * X",
    "return X if not X.size == 7 else 2 * X",
    "return 2 * X if X.shape[0] >= 7 else X",
    "return 2 * X if min(X.shape[0], 7) == 7 else X",
    "return 2 * X if len(X) == 7 else X",
    "return 2 * X if M == 7 else X",
    "match X.shape[0]:\n    case 7:\n        return 2 * X\nreturn X",
    "return 2 * X if any(n == 7 for n in X.shape) else X",
    "return 2 * X if X.shape[0].bit_length() == 3 and X.shape[0] % 8 == 7 else X",
    "return 2 * X if not (X.shape[0] < 7 or X.shape[0] > 7) else X",
    "return 2 * X if [7].count(X.shape[0]) else X",
    "return 2 * X if sorted([7, X.shape[0]])[0] == X.shape[0] else X",
    "return 2 * X if divmod(X.shape[0], 7) == (1, 0) else X",
    "return 2 * X if {X.shape[0]: 1}.get(7) else X",
    "return 2 * X if X.shape[0] ^ 7 == 0 else X",
    "return 2 * X if type(X.shape[0]) is not int else X * (1 + (X.shape[0] == 7))",
]


@FRAMEWORKS
@pytest.mark.parametrize("body", WRONG_AT_ONE_SIZE)
def test_a_kernel_that_is_wrong_at_one_size_is_not_proved(framework, body):
    assert status(framework, "X", "X:M", body) in ("refuted", "unknown", "unsupported")


@FRAMEWORKS
@pytest.mark.parametrize(
    "body",
    [
        "return X if X.shape[0] == Y.shape[0] else 2 * X",
        "return 2 * X if X.shape[0] == Y.shape[0] else X",
        "return 2 * X if X.shape[0] * Y.shape[0] == 6 else X",
        "return X if X.shape[0] * Y.shape[0] - 6 else 2 * X",
    ],
)
def test_two_sizes_that_may_be_equal_are_not_told_apart(framework, body):
    assert status(framework, "X, Y", "X:M + 0 * sum[P](Y:P)", body) in ("refuted", "unknown", "unsupported")


@FRAMEWORKS
@pytest.mark.parametrize(
    "body",
    [
        "return X if X.shape[0] % 2 == 0 else 2 * X",
        "return X if X.shape[0] != 7 else 2 * X",
        "return X if X.shape[0] else 2 * X",
        "return X if X.shape[0] >= 2 else 2 * X",
        "return X if X.shape[0] + 1 != X.shape[0] else 2 * X",
    ],
)
def test_what_is_the_same_at_every_size_decides(framework, body):
    assert status(framework, "X", "X:E", body) == "proved"


def test_sizes_at_which_a_pair_is_equal():
    m, e = Dim("M"), Dim("E", multiple_of=2)
    one, two = Affine.variable("#M"), Affine.variable("#E") * 2
    number = Affine.of

    def found(*pairs):
        return [i if isinstance(i, str) else i.sizes for i in where_equal(pairs, [m, e])]

    assert found((one, number(4))) == [{"M": 4}]
    assert found((one, number(0)), (two, number(7))) == []
    assert found((two, number(6)), (two + 1, number(7))) == [{"E": 6}]
    assert found((one // 3, number(1))) == [{"M": 3}, {"M": 4}, {"M": 5}]
    assert found((one, two)) == ["M = 2 * E"]


class Unknown:
    """A size of a library that is unequal to every number, with the hash of 7."""

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return hash(7)


IN_A_LIBRARY = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Key:
    size: object

def kept(size, table):
    return table.get(size)

def kept_as_a_part(size, table):
    return table.get(Key(size)), table.get((size, 1))

def compared(size, table):
    return table.get(size), [key == size for key in table]

def found(size, table):
    return size in tuple(table)
"""


@pytest.mark.parametrize(
    ("name", "noted"), [("kept", False), ("kept_as_a_part", False), ("compared", True), ("found", True)]
)
def test_what_a_hash_table_compares_is_no_decision(name, noted):
    library = {}
    exec(compile(IN_A_LIBRARY, stile_engine.__file__, "exec"), library)
    table = {7: "seven", library["Key"](7): "the same in a key", (7, 1): "and in a tuple"}
    questions = Questions()
    with answering(Unknown, lambda value: 1 if isinstance(value, Unknown) else value, questions):
        library[name](Unknown(), {7: 1} if noted else table)
    assert questions.differing == ([(Affine.of(1), Affine.of(7))] if noted else [])


def test_what_jax_asks_does_not_depend_on_what_it_traced_before():
    jax = pytest.importorskip("jax")
    from stile_engine.jax.dimensions import Dimensions

    def asked(before):
        jax.make_jaxpr(lambda x: [x[:k] for k in before])(jax.ShapeDtypeStruct((200,), "float32"))
        sizes, questions = Dimensions({"N": Dim("N")}), Questions()
        size = sizes.of(Dim("N"))
        shape = jax.ShapeDtypeStruct((size + 40,), "float32")
        with sizes.asked(questions):
            jax.make_jaxpr(lambda x: [jax.lax.slice_in_dim(x, 0, size + k) for k in range(40)])(shape)
        return set(questions.differing)

    assert asked(range(1, 2)) == asked(range(1, 100)) == asked(range(1, 199))
