"""The nearest cause of a refutation, in the words of the user.

Told from the two normal forms, in turn: a sign, a constant factor, sets that differ or that are counted more
than once, operands or indices in the wrong order, sums of exponentials that were not rescaled, one term that
is left out, added or of the wrong sign. A cause never decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

from stile_engine.index.affine import Affine
from stile_engine.index.sets import EMPTY, IndexSet, describe
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.equality import are_equal
from stile_engine.proof.inputs import Spikes
from stile_engine.term.atoms import (
    Atom,
    Factor,
    MaxAtom,
    Poly,
    ReadAtom,
    SumAtom,
    of_atom,
    of_mono,
    ratio,
    read_atom,
)
from stile_engine.term.context import specialise
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Element
from stile_engine.term.printing import bind_names, quotient, show
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import scale, substitute, subtract
from stile_engine.term.walk import all_atoms, inside

_OPERATIONS = 20_000
_LONGEST = 80
_MOST_TENSORS = 6


@dataclass(frozen=True, slots=True)
class Cause:
    """``text`` for the user; ``set`` in words where sets differ, ``sets`` themselves, and the inputs read there."""

    text: str | None = None
    set: str | None = None
    sets: tuple[IndexSet, ...] = ()
    spikes: Spikes = frozenset()


def nearest_cause(left: Element, right: Element, cell: IndexSet, sizes: Callable[[str], str] = str) -> Cause:
    """Why ``left``, of the kernel, is not ``right``, of the spec, in the cell. ``sizes`` rewrites texts of sets."""
    if not isinstance(left, Poly) or not isinstance(right, Poly):
        return Cause()
    try:
        with budget(_OPERATIONS):
            return _cause(specialise(left, cell), specialise(right, cell), cell, sizes)
    except BudgetExceeded:
        return Cause()


def _cause(left: Poly, right: Poly, cell: IndexSet, sizes: Callable[[str], str]) -> Cause:
    differing = tuple(_domains(subtract(left, right)))
    factor = _factor(left, right, cell)
    if factor == -1:
        return Cause("kernel is spec with the opposite sign", sets=differing)
    if factor is not None:
        text = quotient(factor) if factor.denominator == 1 else f"({quotient(factor)})"
        return Cause(f"kernel is {text} × spec", sets=differing)
    found = _set_difference(left, right, cell, sizes)
    if found is not None:
        text, where, spikes = found
        return Cause(f"kernel {text}", f"kernel {text}", (where, *differing), spikes)
    return Cause(_swapped(left, right) or _not_rescaled(left, right) or _one_term(left, right), sets=differing)


def _factor(left: Poly, right: Poly, cell: IndexSet) -> Fraction | None:
    """The number c with left = c * right, other than 1."""
    if not left.terms or len(left.terms) != len(right.terms):
        return None
    factor = Fraction(left.terms[0][1]) / Fraction(right.terms[0][1])
    if factor == 1 or not are_equal(left, scale(right, ratio(factor)), cell, thorough=False):
        return None
    return factor


# -- sets ----------------------------------------------------------------------------------

_Key = tuple[tuple[str, ...], Poly]


@dataclass(frozen=True, slots=True)
class _Family:
    """The members that sums and maxima take of one body: all of them, and those that a sum takes twice."""

    once: IndexSet = EMPTY
    twice: IndexSet = EMPTY


def _domains(difference: Poly) -> Iterator[IndexSet]:
    """The domains met in what is left: only where one of them has members can the two differ."""
    for atom in sorted(all_atoms(difference), key=lambda a: a.digest):
        if isinstance(atom, SumAtom):
            yield atom.domain
        elif isinstance(atom, MaxAtom):
            yield from (p.domain for p in atom.pieces)


def _families(operand: Poly) -> dict[_Key, _Family]:
    parts: list[tuple[tuple[str, ...], IndexSet, Poly]] = []
    for atom in all_atoms(operand):
        if isinstance(atom, SumAtom) and atom.bound:
            parts.append((atom.bound, atom.domain, atom.body))
        elif isinstance(atom, MaxAtom):
            parts += [(p.bound, p.domain, p.body) for p in atom.pieces if p.bound]
    found: dict[_Key, _Family] = {}
    for bound, domain, body in sorted(parts, key=lambda f: (f[2].digest, f[1].digest)):
        known = found.get((bound, body), _Family())
        found[bound, body] = _Family(known.once | domain, known.twice)
    for atom in _doubled(operand):
        known = found[atom.bound, atom.body]
        found[atom.bound, atom.body] = _Family(known.once, known.twice | atom.domain)
    return found


def _doubled(operand: Poly) -> Iterator[SumAtom]:
    """Sums with twice the coefficient of another one of the same body beside them: the form of an overlap."""
    for current in _polynomials(operand):
        groups: dict[tuple[object, ...], list[tuple[Fraction, SumAtom]]] = {}
        for m, c in current.terms:
            sums = [a for a, e in m.factors if isinstance(a, SumAtom) and a.bound and e == 1]
            for atom in sums:
                rest: tuple[Factor, ...] = tuple(f for f in m.factors if f[0] is not atom)
                groups.setdefault((rest, m.exponential, atom.bound, atom.body), []).append((Fraction(c), atom))
        for group in groups.values():
            yield from (atom for c, atom in group if any(c == 2 * other for other, _ in group))


def _polynomials(operand: Poly) -> Iterator[Poly]:
    yield operand
    for atom in sorted(all_atoms(operand), key=lambda a: a.digest):
        yield from inside(atom)


def _set_difference(
    left: Poly, right: Poly, cell: IndexSet, sizes: Callable[[str], str]
) -> tuple[str, IndexSet, Spikes] | None:
    mine, theirs = _families(left), _families(right)
    for (bound, body), own in mine.items():
        other = theirs.get((bound, body))
        if other is None:
            continue
        for where, words in (
            (other.once - own.once, "never visits {}"),
            (own.once - other.once, "also visits {}"),
            (own.twice - other.twice, "counts {} twice"),
            (other.twice - own.twice, "counts {} only once"),
        ):
            where = where & cell
            if where is not EMPTY:
                if words.startswith("never") and _met_twice(left, body, where):
                    words = "counts {} twice"
                shown = sizes(describe(where.given(cell), bind_names(bound, body, {}, own.once | other.once)))
                return words.format(shown), where, _reads_at(body, where)
    return None


def _met_twice(operand: Poly, body: Poly, where: IndexSet) -> bool:
    """Whether the members of a sum that are missing stand beside it, each by itself and with a factor of two."""
    points = where.points(4) if where.variables else None
    if not points:
        return False
    members = [substitute(body, {v: Affine((), x) for v, x in p.items()}) for p in points]
    monos = {m: c for current in _polynomials(operand) for m, c in current.terms}
    return all(len(member.terms) == 1 and monos.get(member.terms[0][0]) == 2 for member in members)


def _reads_at(body: Poly, where: IndexSet) -> Spikes:
    point = where.sample()
    if point is None:
        return frozenset()
    at = substitute(body, {v: Affine((), x) for v, x in point.items()})
    reads = {(r.tensor, tuple(i.constant for i in r.index)) for r in at.reads if all(i.is_constant for i in r.index)}
    return frozenset(reads)


# -- operands ------------------------------------------------------------------------------


def _swapped(left: Poly, right: Poly) -> str | None:
    """Two inputs, or two indices of one, that change places."""
    reads = sorted(right.reads, key=lambda r: r.digest)
    tensors = list({r.tensor: None for r in reads})[:_MOST_TENSORS]
    for one, two in combinations(tensors, 2):
        if one.shape == two.shape:
            away = replace(one, name=f"{one.name} ")  # no input is called like this
            exchanged = right
            for old, new in ((one, away), (two, one), (away, two)):
                exchanged = _reread(exchanged, old, new)
            if exchanged is left:
                first, second = sorted((one.name, two.name))
                return f"kernel has {first} and {second} swapped"
    for tensor in tensors:
        for i, j in combinations(range(len(tensor.dims)), 2):
            if tensor.shape[i] == tensor.shape[j]:
                away = replace(tensor, name=f"{tensor.name} ")
                if _reread(_reread(right, tensor, away, (i, j)), away, tensor) is left:
                    return f"kernel reads {tensor.name} with {tensor.dims[i]} and {tensor.dims[j]} swapped"
    return None


def _reread(operand: Poly, old: Tensor, new: Tensor, turned: tuple[int, int] = (0, 0)) -> Poly:
    """The term with another tensor in place of one, and two of its indices exchanged."""
    i, j = turned

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, ReadAtom) or atom.tensor != old:
            return None
        index = list(atom.index)
        if i != j:
            index[i], index[j] = index[j], index[i]
        return of_atom(read_atom(new, tuple(index)))

    return transform(operand, change)


# -- terms ---------------------------------------------------------------------------------


def _not_rescaled(left: Poly, right: Poly) -> str | None:
    """Sums of one body under different maxima side by side: what was summed before the maximum rose was not
    multiplied by ``exp(m_old - m_new)``."""
    if _has_unscaled(left) and not _has_unscaled(right):
        return "kernel adds sums of exponentials under different maxima: exp(m_old - m_new) is missing"
    return None


def _has_unscaled(operand: Poly) -> bool:
    for current in _polynomials(operand):
        shifts: dict[tuple[tuple[str, ...], Poly], set[Poly]] = {}
        for m, _ in current.terms:
            if m.exponential is None:
                continue
            for atom, exponent in m.factors:
                if isinstance(atom, SumAtom) and atom.bound and exponent == 1:
                    shifts.setdefault((atom.bound, atom.body), set()).add(m.exponential)
        for exponents in shifts.values():
            for one, two in combinations(sorted(exponents, key=lambda p: p.digest), 2):
                if any(isinstance(a, MaxAtom) for a in all_atoms(subtract(one, two))):
                    return True
    return False


def _one_term(left: Poly, right: Poly) -> str | None:
    """One term that is left out, added, or of the wrong sign or size."""
    mine, theirs = dict(left.terms), dict(right.terms)
    different = [m for m in {**mine, **theirs} if mine.get(m) != theirs.get(m)]
    if len(different) != 1 or len(mine) + len(theirs) < 3:
        return None
    m = different[0]
    text = show(of_mono(m))
    if len(text) > _LONGEST:
        return None
    if m not in mine:
        return f"kernel lacks the term {show(scale(of_mono(m), theirs[m]))}"
    if m not in theirs:
        return f"kernel has the term {show(scale(of_mono(m), mine[m]))}, and spec has not"
    if mine[m] == -theirs[m]:
        return f"kernel has {text} with the opposite sign"
    return f"kernel has {show(scale(of_mono(m), mine[m]))} for {show(scale(of_mono(m), theirs[m]))}"
