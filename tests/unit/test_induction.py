"""Closed forms of loops: which are found, what they need of the inputs, and what they cost."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare
from stile_engine.index.work import budget
from stile_engine.proof import induction, prove
from stile_engine.proof.counterexamples import Counterexamples, Unsearched
from stile_engine.proof.evaluate import Evaluator
from stile_engine.proof.invariants import owed
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.numbers import Floats
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.shorter import running_cost, shorter
from stile_engine.spec.lower import lower
from stile_engine.term import expression as e
from stile_engine.term.expression import Carried, Node, Recurrence, bounds
from stile_engine.term.value import Value

_T, _Q, _H = (Affine.variable(v) for v in ("round.1", "q", "h"))
ROWS, TILE = 3, 4


class Kernel:
    """A loop over tiles of ``X:q k`` that carries rows, against a spec."""

    def __init__(self, spec: str, rounds: int, *initial: Node) -> None:
        sizes = {"q": Affine((), ROWS), "k": Affine((), rounds * TILE)}
        self.spec = lower(spec, sizes).value
        self.rounds = rounds
        self.tensor = e.Tensor("X", ("q", "k"), (sizes["q"], sizes["k"]))
        self.row: e.Axes = {"q": bounds(0, ROWS)}
        self.ranges: e.Axes = {**self.row, "round.1": bounds(0, rounds), "h": bounds(0, TILE)}
        self.recurrence = Recurrence("round.1", Affine((), rounds), (self.row,) * len(initial), initial, {})

    def carried(self, number: int = 0) -> Node:
        return Carried(self.recurrence, number, (_Q,), _T, self.ranges)

    def element(self, offset: int = 0) -> Node:
        return e.Read(self.tensor, (_Q, _T * TILE + _H + offset), self.ranges)

    def tile(self, reduction: str, body: Node | None = None) -> Node:
        return e.reduce(reduction, {"h": bounds(0, TILE)}, body or self.element(), ranges=self.ranges)

    def prove(self, *step: Node, result: int = 0) -> Proof:
        self.recurrence.step = step
        last = Carried(self.recurrence, result, (_Q,), Affine((), self.rounds), self.ranges)
        return prove_values(Value(self.spec.dims, last), self.spec)


def running_sum(rounds: int, spec: str = "sum[k](X:q k)") -> Kernel:
    return Kernel(spec, rounds, e.ZERO)


@pytest.mark.parametrize("rounds", [1, 3, 5000])
def test_a_sum_over_rounds(rounds: int) -> None:
    kernel = running_sum(rounds)
    assert kernel.prove(e.add(kernel.carried(), kernel.tile("sum"))).status == "proved"


def test_a_tile_too_many_is_refuted() -> None:
    kernel = running_sum(3, "sum[k where k < 8](X:q k)")
    proof = kernel.prove(e.add(kernel.carried(), kernel.tile("sum")))
    assert proof.status == "refuted" and proof.witness is not None


def test_the_cost_does_not_grow_with_the_rounds() -> None:
    spent = []
    for rounds in (7, 1_000_003):
        kernel = running_sum(rounds)
        with budget(None) as meter:
            assert kernel.prove(e.add(kernel.carried(), kernel.tile("sum"))).status == "proved"
        spent.append(meter.spent)
    assert spent[1] <= spent[0] + 5


def test_a_divisor_in_a_round_is_a_condition_on_the_inputs() -> None:
    kernel = Kernel("sum[k](X:q k)", 6, e.ZERO)
    one = e.divide(kernel.element(), kernel.element())
    tile = kernel.tile("sum", e.multiply(kernel.element(), one))
    proof = kernel.prove(e.add(kernel.carried(), tile))
    assert proof.status == "assumed"
    assert any("is not zero" in a.text for a in proof.assumptions)


def test_a_value_that_one_round_lacks_is_lacking_ever_after() -> None:
    kernel = running_sum(6)
    missing = e.select(compare(_T, "==", 2), e.NoValue("never written"), kernel.tile("sum"), kernel.ranges)
    proof = kernel.prove(e.add(kernel.carried(), missing))
    assert proof.status == "refuted"
    assert any("never written" in (o.detail or "") for o in proof.obligations)


def test_what_no_form_says_is_unrolled_and_what_cannot_be_is_unknown() -> None:
    kernel = Kernel("8 * sum[k where k < 4](X:q k)", 4, e.ZERO)
    step = e.select(compare(_T, "==", 0), kernel.tile("sum"), e.add(kernel.carried(), kernel.carried()), kernel.ranges)
    assert kernel.prove(step).status == "proved"
    kernel = Kernel("sum[k](X:q k)", induction.MOST_ROUNDS + 1, e.ZERO)
    proof = kernel.prove(e.apply("sin", e.add(kernel.carried(), kernel.tile("sum"))))
    assert proof.status == "unknown"
    assert "invariant" in (proof.obligations[0].detail or "")


def test_carries_that_are_made_of_one_another_are_unrolled() -> None:
    for rounds, value in ((4, "0"), (5, "1")):
        kernel = Kernel(f"0 * sum[k](X:q k) + {value}", rounds, e.ZERO, e.ONE)
        assert kernel.prove(kernel.carried(1), kernel.carried(0)).status == "proved"


def claimed(kernel: Kernel, invariant: Node) -> Proof:
    kernel.recurrence.invariant = (invariant,)
    return kernel.prove(e.add(kernel.carried(), kernel.tile("sum")))


def prefix(kernel: Kernel, past: Affine) -> Node:
    bound = {"k": bounds(0, kernel.rounds * TILE)}
    whole = e.Read(kernel.tensor, (_Q, Affine.variable("k")), {**kernel.ranges, **bound})
    return e.reduce("sum", bound, whole, compare(Affine.variable("k"), "<", past), kernel.ranges)


def test_an_invariant_is_checked_like_any_guess() -> None:
    big = induction.MOST_ROUNDS * 2
    right, wrong_start, wrong_step = running_sum(big), running_sum(big), running_sum(big)
    assert claimed(right, prefix(right, _T * TILE)).status == "proved"
    assert claimed(wrong_start, prefix(wrong_start, _T * TILE + 1)).status != "proved"
    assert claimed(wrong_step, prefix(wrong_step, _T * (TILE - 1))).status != "proved"


def test_a_claim_that_has_no_value_for_some_inputs_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    total = prefix(kernel, _T * TILE)
    partial = e.divide(e.multiply(total, total), total)
    assert claimed(kernel, partial).status == "proved"  # by the form that is guessed all the same
    monkeypatch.setattr(induction.recurrences, "closed_form", lambda *_: None)
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    assert claimed(kernel, prefix(kernel, _T * TILE)).status == "proved"
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    total = prefix(kernel, _T * TILE)
    assert claimed(kernel, e.divide(e.multiply(total, total), total)).status != "proved"


def test_an_open_loop_is_solved_once_for_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = running_sum(9)
    solved = []
    by_induction = induction._Loop.by_induction
    monkeypatch.setattr(induction._Loop, "by_induction", lambda loop: solved.append(1) or by_induction(loop))
    kernel.prove(e.add(kernel.carried(), kernel.tile("sum")))
    Normalizer()(Carried(kernel.recurrence, 0, (_Q,), Affine((), 9), kernel.ranges))
    assert len(solved) == 1


@pytest.mark.parametrize("rounds", [1_000, 10**6, 10**9])
def test_a_wrong_proof_about_a_long_loop_is_contradicted_with_few_rounds(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "are_equal", lambda *_: True)
    monkeypatch.setattr(Counterexamples, "run", Unsearched.run)
    kernel = running_sum(rounds, "2 * sum[k](X:q k)")
    proof = kernel.prove(e.add(kernel.carried(), kernel.tile("sum")))
    assert proof.status == "error"
    (witness,) = [o.witness for o in proof.obligations if o.status == "error"]
    assert witness is not None and witness.kernel != witness.spec
    assert rounds == 1_000 or witness.sizes == {"q": ROWS, "k": TILE}, "the sizes with one round"


@pytest.mark.parametrize("rounds", [1_000, 10**6])
def test_what_is_true_of_the_long_loop_alone_is_no_contradiction(rounds: int) -> None:
    # 0.9 of the number of elements is no number of a shorter loop
    elements = rounds * TILE
    kernel = running_sum(rounds, f"sum[k](X:q k) * (size(k) - {elements * 9 // 10}) / {elements // 10}")
    assert kernel.prove(e.add(kernel.carried(), kernel.tile("sum"))).status == "proved"


def test_shorter_loops_have_all_their_numbers_made_of_fewer_rounds() -> None:
    kernel = running_sum(1_000, "sum[k where k < 3996](X:q k) / 4000")
    kernel.recurrence.step = (e.add(kernel.carried(), kernel.tile("sum")),)
    last = Value(kernel.spec.dims, Carried(kernel.recurrence, 0, (_Q,), Affine((), 1_000), kernel.ranges))
    assert running_cost([last]) > 1_000 > running_cost([kernel.spec])
    for few, (made, spec) in zip((1, 2, 3), shorter([last, kernel.spec]), strict=True):
        assert isinstance(made.node, Carried)
        assert made.node.round == made.node.recurrence.rounds == Affine((), few)
        nodes = list(e.every_node(made.node, spec.node))
        assert {n.tensor.shape for n in nodes if isinstance(n, e.Read)} == {(Affine((), ROWS), Affine((), few * TILE))}
        assert few * TILE in {n.value for n in nodes if isinstance(n, e.Const)}
        point = Evaluator(Floats(), lambda *_: Fraction(1))(spec.node, {"q": 0})
        assert point == (few * TILE - 4) / (few * TILE)
    assert not list(shorter([kernel.spec]))


def statements(kernel: Kernel, *invariant: Node | None) -> list[tuple[str, str, Proof]]:
    kernel.recurrence.invariant = invariant
    kernel.recurrence.step = (e.add(kernel.carried(), kernel.tile("sum")),)
    found = owed(Carried(kernel.recurrence, 0, (_Q,), Affine((), kernel.rounds), kernel.ranges))
    return [(s.code, s.actual.shape_type, prove_values(s.actual, s.claimed)) for s in found]


def test_a_right_invariant_owes_nothing_more() -> None:
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    found = statements(kernel, prefix(kernel, _T * TILE))
    assert [(code, proof.status) for code, _, proof in found] == [
        ("invariant-base", "proved"),
        ("invariant-step", "proved"),
    ]


def test_an_invariant_that_starts_wrong_is_refuted_at_its_base() -> None:
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    (_, _, base), (_, _, step) = statements(kernel, prefix(kernel, _T * TILE + 1))
    assert base.status == "refuted" and base.witness is not None
    assert step.status == "refuted"  # the tile counts its first element again


def test_an_invariant_that_a_round_does_not_keep_is_refuted_with_the_round() -> None:
    kernel = running_sum(induction.MOST_ROUNDS * 2)
    (_, _, base), (_, shape, step) = statements(kernel, prefix(kernel, _T * (TILE - 1)))
    assert base.status == "proved"
    assert step.status == "refuted" and step.witness is not None
    assert "round.1" in shape and "round.1" in step.witness.index


def test_a_loop_without_a_claim_owes_nothing() -> None:
    assert statements(running_sum(9)) == []
    assert statements(running_sum(9), None) == []


def geometric(rounds: int) -> Kernel:
    """``c = c / 2 + sum of a tile`` has no form that is guessed; with a claim it is solved."""
    return Kernel("0 * sum[k](X:q k) + 1", rounds, e.ONE)


def test_a_right_invariant_solves_a_loop_that_no_guess_does() -> None:
    # c = 2 c**2 - c**4 starts at 1 and stays there; the squares hide that from every guess
    rounds = induction.MOST_ROUNDS * 2
    for invariant, status in ((None, "unknown"), (e.ONE, "proved")):
        kernel = geometric(rounds)
        square = e.Power(kernel.carried(), 2)
        kernel.recurrence.invariant = (invariant,)
        proof = kernel.prove(e.subtract(e.multiply(e.number(2), square), e.Power(square, 2)))
        assert proof.status == status


def test_carries_of_two_claims_are_both_used_in_each_step() -> None:
    rounds = induction.MOST_ROUNDS * 2
    kernel = Kernel("0 * sum[k](X:q k) + 1", rounds, e.ONE, e.ONE)
    kernel.recurrence.invariant = (e.ONE, e.ONE)
    crossed = (e.Power(kernel.carried(1), 2), e.Power(kernel.carried(0), 3))
    assert kernel.prove(*crossed).status == "proved"
    last = Carried(kernel.recurrence, 0, (_Q,), Affine((), rounds), kernel.ranges)
    assert [prove_values(s.actual, s.claimed).status for s in owed(last)] == ["proved"] * 4
    kernel.recurrence.invariant = (e.ONE, e.number(2))
    found = [(s.code, s.carry, prove_values(s.actual, s.claimed).status) for s in owed(last)]
    assert found == [
        ("invariant-base", 0, "proved"),
        ("invariant-step", 0, "refuted"),
        ("invariant-base", 1, "refuted"),
        ("invariant-step", 1, "refuted"),
    ]
