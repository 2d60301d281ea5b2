"""What ``stile prove`` loads for a small pair: nothing that it does not need, since users wait for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import json, sys
sys.argv = ["stile", "prove", *json.load(sys.stdin)]
from stile_engine.cli import main
try:
    main()
except SystemExit:
    pass
loaded = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps([sorted(loaded), sorted(m for m in sys.modules if m.startswith("stile_engine."))]))
"""

OWN_DEPENDENCIES = {"click", "islpy", "lark", "stile_engine"}
TO_REFUTE = {"gmpy2", "mpmath"}
"""Exact arithmetic, for a counterexample."""
OF_DEPENDENCIES = {"interegular", "regex", "typing_extensions"}
"""What the parser's library and the set library bring along, where they are installed."""
NEVER = {"numpy", "jax", "torch", "triton", "sympy", "rich", "pygls", "lsprotocol", "watchdog", "scipy"}
PARTS = {"cli", "command", "errors", "grammar", "index", "pairs", "proof", "spec", "term"}


def loaded(*arguments: str) -> tuple[set[str], set[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], input=json.dumps(arguments), capture_output=True, text=True, check=True
    )
    answer, _, last = done.stdout.rstrip().rpartition("\n")
    modules, own = json.loads(last)
    return set(modules), {name.split(".")[1] for name in own}, answer


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("sum[N](X:N)", "sum[N where N < 3](X:N) + sum[N where N >= 3](X:N)", "✓ proved"),
        ("sum[N](exp(X:N))", "sum[N where N != 3](exp(X:N))", "✗ refuted"),
    ],
)
def test_a_small_pair_loads_little(first: str, second: str, verdict: str) -> None:
    modules, parts, answer = loaded(first, second, "--dim", "N=8")
    assert verdict in answer
    assert modules & NEVER == set()
    # names with an underscore are those of an installation, not of a library
    needed = OWN_DEPENDENCIES | OF_DEPENDENCIES | (TO_REFUTE if "refuted" in verdict else set())
    assert {m for m in modules if not m.startswith("_")} <= needed
    assert parts <= (PARTS | {"trace"} if "refuted" in verdict else PARTS)
