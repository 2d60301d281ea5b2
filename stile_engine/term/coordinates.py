"""Coordinates of families: the indices at which inputs are read become the bound variables.

A family runs over its bound variables, but what it consists of are the elements that it reads:
``X[2*m], m < 8`` and ``X[k], k < 16, k even`` are one family, and so are ``X[16*a + b] * U[a]`` over two
variables and ``X[k] * U[k // 16]`` over one. So the smallest number of read indices that determine all
bound variables is made the variables, and all other indices are written as expressions in them. Which
expressions those are depends on the graph of the function alone, and of several choices the one with the
least digest is kept: the result does not depend on the variables that the family came with.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.graphs import are_coupled, exact_value, is_function, value_of, with_values
from stile_engine.index.names import fresh_name
from stile_engine.index.sets import IndexSet
from stile_engine.index.work import BudgetExceeded, spend
from stile_engine.term.atoms import Atom, IndexAtom, Poly, Rational, ReadAtom, of_atom, ratio, read_atom
from stile_engine.term.elements import Element, element, elements_of, place_of
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import of_affine, scale, substitute

_MOST_TRIED = 24


@dataclass(frozen=True, slots=True)
class Family:
    """``body`` for all ``bound`` in ``domain``, and the ``graph`` of these over the variables that there were."""

    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly
    graph: IndexSet


@dataclass(frozen=True, slots=True)
class Uses:
    """``indices`` at which a family reads and that name its bound variables. ``plain``: each is one variable,
    shifted or turned round. ``one_to_one``: each variable is such an index."""

    indices: tuple[Affine, ...]
    plain: bool
    one_to_one: bool


@lru_cache(maxsize=65536)
def uses_of(bound: tuple[str, ...], body: Poly) -> Uses:
    """The read indices that name a bound variable, and none that is bound deeper inside."""
    names = frozenset(bound)
    outer = body.variables | names
    found: dict[Affine, None] = {}
    waiting = [i for read in body.reads for i in read.index]
    waiting += [i for e in elements_of(body.variables) for i in e.arguments]
    while waiting:
        index = waiting.pop()
        moving = _moving_data(index, names)
        if moving:
            # what such data are read at, and what stands beside them
            waiting += [i for e in moving for i in e.arguments]
            index = index - _sum_of(index, moving)
        if not index.variables.isdisjoint(names) and index.variables <= outer:
            found[index] = None
    indices = tuple(sorted(found, key=lambda i: i.digest))
    alone = [_alone(i, names) for i in indices]
    return Uses(indices, None not in alone, names <= set(alone))


def _moving_data(index: Affine, names: frozenset[str]) -> list[Element]:
    """The elements of integer inputs among the addends of an index that vary with the variables."""
    own = frozenset(atom for atom, _ in index.terms if isinstance(atom, str))
    return [e for e in elements_of(own) if not e.variables.isdisjoint(names)]


def _sum_of(index: Affine, parts: list[Element]) -> Affine:
    """The addends of the index that these elements make."""
    return Affine(tuple((e.token, index.coefficient(e.token)) for e in sorted(parts, key=lambda e: e.token)))


def _alone(index: Affine, names: frozenset[str]) -> str | None:
    """The only bound variable of the index, if that is the variable shifted or turned round."""
    own = index.variables & names
    if len(own) > 1:
        return None
    (name,) = own
    return name if index.coefficient(name) in (1, -1) and not index.mentions_in_floor(name) else None


def by_reads(bound: tuple[str, ...], domain: IndexSet, body: Poly, distinct: bool) -> list[Family]:
    """The family in all choices of read indices as its variables, or nothing where it is best left as it is.
    ``distinct``: every tuple of the bound variables counts, and not only every value of the body."""
    found_uses = uses_of(bound, body)
    uses, plain = found_uses.indices, found_uses.plain
    if not uses or data_moves(bound, domain) or (plain and (len(bound) < 2 or not are_coupled(domain, bound))):
        return []
    try:
        return _choices(bound, domain, body, uses, plain, distinct)
    except BudgetExceeded:
        spend()  # the budget of the proof is not what was exceeded, or this tells
        return []


def _choices(
    bound: tuple[str, ...], domain: IndexSet, body: Poly, uses: tuple[Affine, ...], plain: bool, distinct: bool
) -> list[Family]:
    kept = tuple(v for v in bound if all(v not in use.variables for use in uses))
    if any(v not in body.variables for v in kept):
        return []  # to be counted, and no coordinate
    moving = tuple(v for v in bound if v not in kept)
    own = _new_names(len(uses), domain.variables | body.variables)
    largest = len(moving) - 1 if plain else len(uses)
    tried = 0
    for count in range(largest + 1):
        found: list[Family] = []
        for chosen in combinations(uses, count):
            tried += 1
            if tried > _MOST_TRIED:
                return found
            family = _moved(kept, moving, domain, body, uses, dict(zip(own, chosen, strict=False)), distinct)
            if family is not None:
                found.append(family)
        if found:
            return found
    return []


def _new_names(count: int, taken: frozenset[str]) -> tuple[str, ...]:
    """The same ones for every choice, and for every family that is written another way."""
    first = 1
    while not taken.isdisjoint(names := tuple(fresh_name(first + i) for i in range(count))):
        first += count
    return names


def _moved(
    kept: tuple[str, ...],
    moving: tuple[str, ...],
    domain: IndexSet,
    body: Poly,
    uses: tuple[Affine, ...],
    chosen: dict[str, Affine],
    distinct: bool,
) -> Family | None:
    """The family with ``chosen`` as its variables, in place of ``moving``."""
    graph = with_values(domain, chosen.items())
    one_to_one = is_function(graph, moving)
    if distinct and not one_to_one:
        return None
    image = graph.project_out(moving)
    # every index as the only expression of its graph
    value = fresh_name(0)
    indices = {use: Affine.variable(name) for name, use in chosen.items()}
    for use in uses:
        if use in indices:
            continue
        own_graph = with_values(graph, [(value, use)]).project_out(moving)
        if not one_to_one and not is_function(own_graph, (value,)):
            return None
        found = value_of(own_graph, value)
        if found is None:
            return None
        indices[use] = found
    body = _with_indices(body, indices)
    left = [v for v in moving if v in body.variables]
    if left and not one_to_one:
        return None
    mapping: dict[str, Affine] = {}
    for name in left:
        found = value_of(graph.project_out([v for v in moving if v != name]), name)
        if found is None:
            return None
        mapping[name] = found
    body = _settled(substitute(body, mapping), image) if mapping else body
    return Family((*kept, *chosen), image, body, graph)


def _with_indices(body: Poly, indices: dict[Affine, Affine]) -> Poly:
    names = frozenset().union(*(i.variables for i in indices))

    def rewritten(index: Affine) -> Affine:
        found = indices.get(index)
        if found is not None:
            return found
        moving = _moving_data(index, names)
        if not moving:
            return index
        left = index - _sum_of(index, moving)
        total = indices.get(left, left)
        for own in moving:
            arguments = tuple(rewritten(i) for i in own.arguments)
            made = place_of(own.tensor, *arguments) if own.inverse else element(own.tensor, arguments)
            total = total + made * index.coefficient(own.token)
        return total

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, ReadAtom):
            return None
        moved = tuple(rewritten(i) for i in atom.index)
        return None if moved == atom.index else of_atom(read_atom(atom.tensor, moved))

    return transform(body, change)


def _settled(body: Poly, image: IndexSet) -> Poly:
    """The term with divisions that stand for numbers written as fractions where nothing is cut off."""
    value = fresh_name(0)

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, IndexAtom) or not atom.index.variables <= image.variables:
            return None
        if not any(isinstance(part, FloorDiv) for part, _ in atom.index.terms):
            return None
        exact = exact_value(with_values(image, [(value, atom.index)]), value)
        if exact is None:
            return None
        numerator, divisor = exact
        by: Rational = ratio(Fraction(1, divisor))
        return scale(of_affine(numerator), by)

    return transform(body, change)


def data_moves(bound: tuple[str, ...], domain: IndexSet) -> bool:
    """Whether data that vary with a bound variable have a say in which of its values there are."""
    return any(not data.datum(token).variables.isdisjoint(bound) for token in domain.tokens)
