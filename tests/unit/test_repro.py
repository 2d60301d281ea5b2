"""Every counterexample comes with a program that shows it, without this project."""

from __future__ import annotations

import pytest
from repro_runs import number, run, same
from test_corpus import FALSE, proof

from stile_engine.index.affine import constant
from stile_engine.proof.prove import prove_values
from stile_engine.proof.verdict import Status, Witness
from stile_engine.spec.lower import lower


def check(witnesses: list[Witness]) -> None:
    programs = [w.repro for w in witnesses if w.repro is not None]
    assert len(programs) == len(witnesses)
    for witness, (kernel, spec) in zip(witnesses, run(programs), strict=True):
        assert same(kernel, number(witness.kernel)), f"kernel {kernel}, not {witness.kernel}:\n{witness.repro}"
        assert same(spec, number(witness.spec)), f"spec {spec}, not {witness.spec}:\n{witness.repro}"
        differ = not same(kernel, spec) or "mpmath" in (witness.repro or "")
        assert differ, f"both print {kernel}:\n{witness.repro}"


def test_every_counterexample_of_the_corpus_runs() -> None:
    witnesses = [w for p in FALSE for w in [proof(p).witness] if w is not None and w.repro is not None]
    assert len(witnesses) >= 0.9 * len(FALSE)
    check(witnesses)


AWKWARD = {
    "division by zero has no value": ("X:Q / (Y:Q - Y:Q + 1)", "X:Q / (Y:Q * 0)"),
    "a quotient whose divisor is zero at some inputs": ("X:Q / relu(X:Q)", "X:Q / abs(X:Q)"),
    "rsqrt of zero": ("rsqrt(relu(X:Q)) * 0 + 1", "relu(X:Q) * 0 + 1"),
    "a negative power of zero": ("relu(X:Q) ** -2 * 0 + 1", "1 + 0 * X:Q"),
    "log of a negative": ("log(X:Q - 1000) * 0 + 1", "X:Q * 0 + 1"),
    "root of a negative": ("sqrt(X:Q - 1000) * 0 + 1", "X:Q * 0 + 1"),
    "infinities": ("where(Q < 2, -inf, X:Q)", "where(Q < 1, -inf, X:Q)"),
    "inf - inf": ("where(Q < 1, -inf, X:Q) - where(Q < 1, -inf, Y:Q)", "X:Q - Y:Q"),
    "underflow": ("exp(X:Q - 2000)", "0 * X:Q"),
    "overflow": ("exp(1000 + X:Q ** 2) / exp(1000)", "exp(X:Q ** 2 + 1)"),
    "absorption": ("(X:Q + 1e30) - 1e30", "X:Q + 1"),
    "a tiny difference": ("X:Q + 1e-18", "X:Q"),
    "a dim named like the program's own names": ("X:sum e + 1", "X:sum e"),
    "names that are no identifiers": ("sum[n](X:n * Y:n)", "sum[n](X:n + Y:n)"),
}


@pytest.mark.parametrize("title", AWKWARD)
def test_awkward_values_print_what_the_witness_says(title: str) -> None:
    dims = {"Q": constant(3), "n": constant(3), "e": constant(2), "i": constant(2)}
    first, second = (text.replace("X:sum e", "X:i e") for text in AWKWARD[title])
    found = prove_values(lower(first, dims).value, lower(second, dims).value)
    assert found.status is Status.REFUTED or title in MAY_STAY_OPEN, found
    if found.witness is not None and found.witness.repro is not None:
        check([found.witness])


MAY_STAY_OPEN = {
    "division by zero has no value",
    "a negative power of zero",
    "rsqrt of zero",
    "log of a negative",
    "root of a negative",
    "inf - inf",
    "a quotient whose divisor is zero at some inputs",
}
