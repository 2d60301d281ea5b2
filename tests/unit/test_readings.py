"""What a report lists of literals and casts: every float that is read as another number, every cast of floats."""

from __future__ import annotations

import pytest

from stile_engine.check import check
from stile_engine.trace.recording import Recorder
from stile_engine.trace.report import CheckRequest, LiteralReading, Status

HEAD = (
    "from stile_engine import dim, kernel\nimport numpy as np\nimport jax.numpy as jnp\nimport torch\nM = dim('M', 4)\n"
)


def readings(spec: str, body: str) -> tuple[LiteralReading, ...]:
    source = f"{HEAD}\n@kernel({spec!r})\ndef k(X):\n    return {body}\n"
    (kernel,) = check(CheckRequest("k.py", source)).kernels
    assert kernel.status is Status.PROVED, kernel.message
    return kernel.literals


@pytest.mark.parametrize(
    ("spec", "body", "expected"),
    [
        ("X:M * 0.1", "np.multiply(X, 0.1)", [("0.1", "1 / 10")]),
        ("X:M / 3", "np.multiply(X, 0.3333333333333333)", [("0.3333333333333333", "1 / 3")]),
        ("X:M * 0.5 + 2", "np.multiply(X, 0.5) + 2.0", []),
        ("X:M", "X.astype(np.float16)", [("cast from float32 to float16", "the same number")]),
        ("X:M", "jnp.abs(X) * 0 + X.astype(jnp.bfloat16)", [("cast from float32 to bfloat16", "the same number")]),
        ("X:M + 0.1", "jnp.add(X, 0.1)", [("0.1", "1 / 10")]),
        ("X:M", "X.to(torch.bfloat16) + 0 * torch.abs(X)", [("cast from float32 to bfloat16", "the same number")]),
    ],
)
def test_what_is_listed(spec: str, body: str, expected: list[tuple[str, str]]) -> None:
    found = readings(spec, body)
    assert [(r.written, r.read) for r in found if "to float32" not in r.written] == expected
    assert all(r.range is not None and r.range.start.line == 8 for r in found)


def test_equal_literals_have_one_reading_in_a_kernel() -> None:
    """0.33333334 is a third in single precision, and a decimal in double: the first reading counts for both."""
    third = 0.3333333432674408
    one = Recorder()
    assert one.literal(third, 32, None).text == "1 / 3"
    assert one.literal(third, 64, None).text == "1 / 3"
    assert one.literal(-third, 64, None).text == "-1 / 3"
    other = Recorder()
    assert other.literal(third, 64, None).text == other.literal(third, 32, None).text != "1 / 3"
