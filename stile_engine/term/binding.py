"""Canonical names and coordinates for bound variables.

A bound variable is shifted so that one read of its body has it as the plain index (*global
coordinates*): ``K[16*j + t], 0 <= t < 16`` becomes ``K[r], 16*j <= r < 16*j + 16``. All tiles of
one reduction then have one body and differ only in their domains. Which read is chosen does not
depend on the names or the offset that the variable came with: all choices are made and the one
with the least digest is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import permutations, product
from math import prod
from typing import TypeAlias

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import binder_number, bound_names, fresh_name, is_finished
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import IndexAtom, Mono, Poly, mono, poly
from stile_engine.term.coordinates import by_reads
from stile_engine.term.ring import substitute

_counter = 100_000
_MOST_PERMUTED = 5


def fresh(count: int = 1) -> tuple[str, ...]:
    """Names that occur nowhere else; they never stay in a finished term."""
    global _counter
    _counter += count
    return tuple(fresh_name(_counter - i) for i in range(count))


def rename_apart(bound: tuple[str, ...]) -> dict[str, Affine]:
    return {v: Affine.variable(n) for v, n in zip(bound, fresh(len(bound)), strict=True)}


def canonical(
    bound: tuple[str, ...], domain: IndexSet, body: Poly, distinct: bool = True
) -> tuple[tuple[str, ...], IndexSet, Poly]:
    """The same family with canonical coordinates, order and names of its bound variables. ``distinct``: how
    often a value of the body occurs matters."""
    by_reads = _by_reads(bound, domain, body, distinct)
    if by_reads is not None:
        return named(*by_reads)
    names = _names(bound, domain, body)
    domain, body = _in_coordinates(bound, names, domain, body)
    # In its new coordinates the body may have fewer binders inside: a lower number is enough then.
    while (lower := _names(names, domain, body)) < names:
        names, bound = lower, names
        domain, body = _in_coordinates(bound, names, domain, body)
    return names, domain, body


def named(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> tuple[tuple[str, ...], IndexSet, Poly]:
    """The family in the same coordinates and order, with canonical names."""
    while bound != (names := _names(bound, domain, body)):
        if is_finished(bound[0]) and _height(domain, body) < binder_number(bound) < binder_number(names):
            break
        renaming = {v: Affine.variable(n) for v, n in zip(bound, names, strict=True)}
        bound, domain, body = names, domain.substitute(renaming), substitute(body, renaming)
    return bound, domain, body


def _by_reads(
    bound: tuple[str, ...], domain: IndexSet, body: Poly, distinct: bool
) -> tuple[tuple[str, ...], IndexSet, Poly] | None:
    """The family over the indices that it reads, where that is not plain already."""
    choices = by_reads(bound, domain, body, distinct)
    if not choices:
        return None
    found = [(c.bound, *_ordered(c.bound, c.domain, c.body)) for c in choices]
    return min(found, key=lambda f: _choice_key(*f))


_Key: TypeAlias = tuple[int, list[str], str, int, int, str]


def _choice_key(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> _Key:
    """By what varies with the bound variables, apart from numbers: other coordinates make sums of numbers, and
    each of their terms must come to the same choice. ``X[k] * Y[k // 2]`` over even k is preferred to
    ``X[2*m] * Y[m]``: odd ones join it."""
    names = frozenset(bound)
    reads = (index for read in body.reads for index in read.index)
    stretch = sum(abs(c) - 1 for index in reads for part, c in index.terms if part in names)
    shapes = {_without_numbers(m, names) for m, _ in body.terms}
    falling = sum(c < 0 for _, c in body.terms)
    return stretch, sorted(shapes), domain.digest, len(body.terms), falling, body.digest


def _without_numbers(m: Mono, names: frozenset[str]) -> str:
    factors = [(a, e) for a, e in m.factors if a.variables & names and not isinstance(a, IndexAtom)]
    moving = None
    if m.exponential is not None:
        moving = poly({t: c for t, c in m.exponential.terms if t.variables & names})
    return mono(tuple(factors), moving if moving is not None and moving.terms else None).digest


def _in_coordinates(
    bound: tuple[str, ...], names: tuple[str, ...], domain: IndexSet, body: Poly
) -> tuple[IndexSet, Poly]:
    plan = None if domain.tokens else _plan(bound, names, body)
    if plan is not None:
        return domain.substitute(dict(plan[0])), plan[1]
    choices = None if domain.tokens else _choices(bound, body)
    if choices is not None:
        moves = [dict(zip(bound, choice, strict=True)) for choice in product(*choices)]
        found = [_moved(bound, names, domain, body, move) for move in moves]
        return min(found, key=lambda f: _choice_key(names, *f))
    # Names first, so that every later choice by digest sees the same names whatever came in.
    mapping = {v: Affine.variable(n) for v, n in zip(_order(bound, domain, body)[0], names, strict=True)}
    domain, body = domain.substitute(mapping), substitute(body, mapping)
    for name in names:
        domain, body = _shift(name, names, domain, body)
    return _ordered(names, domain, body)


def _ordered(names: tuple[str, ...], domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly]:
    """The names given out in the order that makes the least digest."""
    orders = _order(names, domain, body)
    if orders == [names]:
        return domain, body
    renamings = [{v: Affine.variable(n) for v, n in zip(order, names, strict=True)} for order in orders]
    return min(((domain.substitute(r), substitute(body, r)) for r in renamings), key=_digest)


def _digest(family: tuple[IndexSet, Poly]) -> str:
    return family[1].digest + family[0].digest


_Offset: TypeAlias = tuple[int, Affine]
_MOST_MOVES = 16


def _choices(bound: tuple[str, ...], body: Poly) -> list[list[_Offset]] | None:
    """The ways in which reads name each of several variables, where one has more than one and none
    depends on another: then the choices for all of them are compared together, since one after the
    other they would depend on the coordinates that the variables came with."""
    if len(bound) < 2:
        return None
    indices = _indices(body)
    found = [list(_offsets(name, bound, indices, body.variables)) for name in bound]
    if all(len(ways) < 2 for ways in found) or not 1 <= prod(len(ways) for ways in found) <= _MOST_MOVES:
        return None
    if any(not rest.variables.isdisjoint(bound) for ways in found for _, rest in ways):
        return None
    return found


def _moved(
    bound: tuple[str, ...], names: tuple[str, ...], domain: IndexSet, body: Poly, move: dict[str, _Offset]
) -> tuple[IndexSet, Poly]:
    # new = coefficient * old + rest with coefficient 1 or -1
    mapping = {v: (Affine.variable(n) - move[v][1]) * move[v][0] for v, n in zip(bound, names, strict=True)}
    return _ordered(names, domain.substitute(mapping), substitute(body, mapping))


def _height(domain: IndexSet, body: Poly) -> int:
    return max(body.height, data.height_of(domain.variables))


def _names(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> tuple[str, ...]:
    """Names of the least binder number above all inside that no free variable has."""
    height = _height(domain, body) + 1
    names = bound_names(height, len(bound))
    if body.variables.isdisjoint(names) and domain.variables.isdisjoint(names):
        return names  # most often nothing has them
    free = data.without(body.variables | domain.variables, bound)
    while True:
        names = bound_names(height, len(bound))
        if free.isdisjoint(names):
            return names
        height += 1


@lru_cache(maxsize=65536)
def _plan(
    bound: tuple[str, ...], names: tuple[str, ...], body: Poly
) -> tuple[tuple[tuple[str, Affine], ...], Poly] | None:
    """The renaming and the new body, where they do not depend on the domain: most tiles of a
    reduction share one body, so this is worked out once for all of them."""
    if len(bound) != 1:
        return None
    (old,), (new,) = bound, names
    offsets = _offsets(old, bound, _indices(body), body.variables)
    if len(offsets) > 1 or (not offsets and _strided(old, bound, body) is not None):
        return None
    value = Affine.variable(new)
    if offsets:
        ((coefficient, rest),) = offsets
        # new = coefficient * old + rest with coefficient 1 or -1
        value = (value - rest) * coefficient
    mapping = {old: value}
    return tuple(mapping.items()), substitute(body, mapping)


def _indices(body: Poly) -> list[Affine]:
    """All that inputs are read at in the term, data in its indices included."""
    reads = [index for read in sorted(body.reads, key=lambda r: r.digest) for index in read.index]
    return [*reads, *_data_indices(data.tokens_of(body.variables))] if data.any_known() else reads


def _data_indices(tokens: tuple[str, ...]) -> list[Affine]:
    return [index for token in tokens for _, index in data.datum(token).reads()]


def _offsets(
    name: str, bound: tuple[str, ...], indices: list[Affine], outer: frozenset[str]
) -> dict[tuple[int, Affine], None]:
    """The ways ``coefficient * name + rest``, coefficient 1 or -1, in which inputs are read at the variable."""
    offsets: dict[tuple[int, Affine], None] = {}
    for index in indices:
        coefficient = index.coefficient(name)
        if coefficient not in (1, -1) or not all(v in outer or v in bound for v in index.variables):
            continue
        rest = Affine(tuple(term for term in index.terms if term[0] != name), index.constant)
        if name not in rest.variables:
            offsets[coefficient, rest] = None
    return offsets


def _shift(name: str, bound: tuple[str, ...], domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly]:
    offsets = _offsets(name, bound, _indices(body), body.variables)
    if not offsets and domain.tokens:
        offsets = _offsets(name, bound, _data_indices(domain.tokens), domain.variables)
    if not offsets:
        strided = _strided(name, bound, body)
        if strided is None:
            return domain, body
        offsets[strided] = None
    if len(offsets) == 1 and next(iter(offsets)) == (1, Affine()):
        return domain, body
    best: tuple[_Key, IndexSet, Poly] | None = None
    own = Affine.variable(name)
    for coefficient, rest in offsets:
        # new = coefficient * old + rest, so old = (new - rest) / coefficient
        if coefficient in (1, -1):
            old = (own - rest) * coefficient
            moved_body = substitute(body, {name: old})
            moved_domain = domain.substitute({name: old})
        else:
            old = (own - rest) // coefficient
            moved_body = substitute(body, {name: old})
            moved_domain = _stretch(name, domain, coefficient, rest)
        key = _choice_key(bound, moved_domain, moved_body)
        if best is None or key < best[0]:
            best = (key, moved_domain, moved_body)
    assert best is not None
    return best[1], best[2]


def _is_outer(index: Affine, body: Poly, bound: tuple[str, ...]) -> bool:
    """Whether the index names no variable that is bound deeper inside the body."""
    return all(v in body.variables or v in bound for v in index.variables)


def _strided(name: str, bound: tuple[str, ...], body: Poly) -> tuple[int, Affine] | None:
    """A read at ``c * name + rest`` with c > 1, where that is the only way ``name`` occurs."""
    found: tuple[int, Affine] | None = None
    for read in sorted(body.reads, key=lambda r: r.digest):
        for index in read.index:
            if name not in index.variables:
                continue
            coefficient = index.coefficient(name)
            if coefficient < 2 or index.mentions_in_floor(name) or not _is_outer(index, body, bound):
                return None
            this = (coefficient, index - Affine.variable(name) * coefficient)
            if found is not None and found != this:
                return None
            found = this
    if found is None or _occurs_as_number(name, body):
        return None
    return found


def _occurs_as_number(name: str, body: Poly) -> bool:
    if any(name in data.datum(t).variables for t in data.tokens_of(body.variables)):
        return True
    probe = fresh(1)[0]
    moved = substitute(body, {name: Affine.variable(probe)})
    in_reads = any(probe in i.variables for r in moved.reads for i in r.index)
    if not in_reads:
        return True
    from stile_engine.term.walk import index_numbers

    return any(probe in i.variables for i in index_numbers(moved))


def _stretch(name: str, domain: IndexSet, coefficient: int, rest: Affine) -> IndexSet:
    """The image of the domain under ``new = coefficient * old + rest`` (one to one)."""
    from stile_engine.index.predicate import compare

    old = fresh(1)[0]
    moved = domain.substitute({name: Affine.variable(old)})
    link = IndexSet.where(compare(Affine.variable(name), "==", Affine.variable(old) * coefficient + rest))
    return (moved & link).project_out([old])


def _order(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> list[tuple[str, ...]]:
    """Orders of the variables worth trying: sorted by how they are used, ties permuted."""
    if len(bound) == 1:
        return [bound]
    signature: dict[str, str] = {}
    for name in bound:
        uses: list[str] = []
        for read in body.reads:
            for axis, index in enumerate(read.index):
                if name in index.variables:
                    shown = index.render(_marker(name, bound))
                    uses.append(f"{read.tensor.name}/{axis}/{shown}")
        if data.any_known():
            tokens = data.tokens_of(body.variables | domain.variables)
            own = [i for i in _data_indices(tokens) if name in i.variables]
            uses += [i.render(lambda v: data.render(v, _marker(name, bound))) for i in own]  # noqa: B023
        signature[name] = ";".join(sorted(uses))
    groups: dict[str, list[str]] = {}
    for name in sorted(bound, key=lambda n: signature[n]):
        groups.setdefault(signature[name], []).append(name)
    orders: list[tuple[str, ...]] = [()]
    for members in groups.values():
        if len(members) <= _MOST_PERMUTED:
            options = [tuple(p) for p in permutations(sorted(members))]
        else:
            options = [tuple(sorted(members))]
        orders = [done + option for done in orders for option in options]
        if len(orders) > 120:
            orders = orders[:1]
    return orders


def _marker(name: str, bound: tuple[str, ...]) -> Callable[[str], str]:
    return lambda other: "*" if other == name else ("?" if other in bound or is_finished(other) else other)
