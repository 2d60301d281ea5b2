"""Sums that read the same elements several times: each as often as it is read.

``sum over k < 12 of X[k // 4]`` is ``4 * sum over a < 3 of X[a]``: the indices that are read do not
determine the bound variables, so each of them counts as often as there are values of the variables for it.
"""

from __future__ import annotations

from stile_engine.index.graphs import is_function, lengths, with_values
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import ONE, Mono, Poly, of_mono
from stile_engine.term.coordinates import by_reads, data_moves, uses_of
from stile_engine.term.ring import multiply, of_affine, total_of

_MOST_CASES = 8


def by_multiplicity(bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly | None:
    """The sum over the indices that are read, where several values of the bound variables read the same."""
    from stile_engine.term.sums import sum_over

    body = of_mono(m)
    found = uses_of(bound, body)
    uses = found.indices
    if found.one_to_one or data_moves(bound, domain):
        return None
    moving = tuple(v for v in bound if any(v in use.variables for use in uses))
    if not moving or len(moving) < len(bound):
        return None
    # names of no variable, since the graph is only asked about
    every = [(f"?{i}", use) for i, use in enumerate(uses)]
    if is_function(with_values(domain, every), moving):
        return None
    for family in by_reads(bound, domain, body, distinct=False):
        numbers = _numbers(moving, family.graph)
        if numbers is not None:
            return total_of([sum_over(family.bound, c, multiply(family.body, n)) for c, n in numbers])
    return None


def _numbers(names: tuple[str, ...], graph: IndexSet) -> list[tuple[IndexSet, Poly]] | None:
    """How many values the names have together, as cases of the other variables; None where that is no polynomial
    on a few of them."""
    cases: list[tuple[IndexSet, Poly]] = [(graph, ONE)]
    # those that the others determine go first: of them there is one value
    for name in sorted(names, key=lambda n: not is_function(graph, (n,))):
        following: list[tuple[IndexSet, Poly]] = []
        for domain, number in cases:
            if name not in number.variables and is_function(domain, (name,)):
                following.append((domain.project_out([name]), number))
                continue
            runs = lengths(domain, name) if name not in number.variables else None
            if runs is None:
                return None
            following += [(condition, multiply(number, of_affine(length))) for condition, length in runs]
        cases = following
        if len(cases) > _MOST_CASES:
            return None
    return cases
