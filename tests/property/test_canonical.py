"""A normal form is canonical: made again, or with its bound variables under other names, it is the same object."""

from __future__ import annotations

from hypothesis import Phase, event, given, settings
from law_checks import value_of
from random_specs import SIZES, Tree, trees
from test_loops import Loop, loops

from stile_engine.index.affine import Affine
from stile_engine.index.names import bound_names
from stile_engine.index.predicate import ALWAYS, compare
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.normalize import Normalizer
from stile_engine.term import binding
from stile_engine.term import expression as e
from stile_engine.term.atoms import MaxAtom, Poly, SumAtom, of_atom
from stile_engine.term.extrema import Family, greatest
from stile_engine.term.rewrite import rebuild
from stile_engine.term.ring import substitute
from stile_engine.term.sums import product_over, sum_over
from stile_engine.term.value import Value
from stile_engine.term.walk import all_atoms, inside

_EXAMPLES = settings.default.max_examples
_PHASES = (Phase.generate,)


def families_in(value: Value) -> int:
    """How many families the normal form has, all of which were made again."""
    families = 0
    with budget(40_000):
        for piece in Normalizer()(value.node).pieces:
            if isinstance(piece.value, Poly):
                families += assert_canonical(piece.value)
    return families


def check(value: Value) -> None:
    try:
        families = families_in(value)
    except BudgetExceeded:
        event("over the budget")
    else:
        event("many families" if families > 2 else f"{families} families")


def assert_canonical(operand: Poly) -> int:
    """The number of families in the term, each of which was made again."""
    families = 0
    for atom in all_atoms(operand):
        if not isinstance(atom, SumAtom | MaxAtom):
            continue
        families += 1
        assert rebuild(atom, inside(atom)) is of_atom(atom), atom.digest
        assert _under_fresh_names(atom) is of_atom(atom), atom.digest
    one, other = (_under_bound_names(operand, number) for number in (7, 11))
    assert one.height == other.height
    assert _under_bound_names(one, 11) is other
    return families


def _under_fresh_names(atom: SumAtom | MaxAtom) -> Poly:
    if isinstance(atom, SumAtom):
        renaming = binding.rename_apart(atom.bound)
        names = tuple(e.render() for e in renaming.values())
        domain, body = atom.domain.substitute(renaming), substitute(atom.body, renaming)
        return sum_over(names, domain, body) if atom.operation == "sum" else product_over(names, domain, body, 1)
    families = []
    for p in atom.pieces:
        renaming = binding.rename_apart(p.bound)
        names = tuple(e.render() for e in renaming.values())
        families.append(Family(names, p.domain.substitute(renaming), substitute(p.body, renaming)))
    return greatest(families)


def _under_bound_names(operand: Poly, number: int) -> Poly:
    """The term as the body of a binder of this number, which binds all its variables."""
    free = sorted(operand.variables)
    return substitute(
        operand, {v: Affine.variable(n) for v, n in zip(free, bound_names(number, len(free)), strict=True)}
    )


@settings(max_examples=2 * _EXAMPLES, phases=_PHASES)
@given(trees(depth=3), SIZES)
def test_normal_forms_of_expressions_are_canonical(tree: Tree, sizes: dict[str, int]) -> None:
    check(value_of(str(tree), sizes))


@settings(max_examples=_EXAMPLES, phases=_PHASES)
@given(loops())
def test_normal_forms_of_loops_are_canonical(value: Value) -> None:
    check(value)


def test_a_choice_that_a_name_would_flip() -> None:
    """A sum of maxima, of which one form has fewer binders inside than the other: the name of the bound
    variable went by their number, and the form by the name."""
    loop = Loop(2, 2, (e.NEGATIVE_INFINITY, e.ZERO))
    round_, row, lane = (Affine.variable(v) for v in ("round.1", "q", "h"))
    place = round_ * 2 + lane
    least = e.apply("maximum", loop.tile("min", compare(lane, "==", 0), "exp"), e.ZERO)
    highest = e.apply(
        "maximum",
        loop.tile("sum", compare(place, "<=", row + 2), "neg"),
        loop.tile("max", compare(round_, ">=", 1), "neg"),
    )
    first = e.add(e.add(loop.tile("sum", compare(place, "<=", row), None), loop.carried(0)), highest)
    assert families_in(loop.close(first, e.apply("minimum", loop.tile("sum", ALWAYS, "neg"), least))) == 2
