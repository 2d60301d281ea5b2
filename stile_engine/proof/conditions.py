"""Where values exist: conditions on inputs, compared between kernel and spec."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stile_engine.index.sets import EMPTY, IndexSet, describe
from stile_engine.proof.equality import are_equal
from stile_engine.term import binding
from stile_engine.term.atoms import Poly, PowerAtom, of_atom
from stile_engine.term.context import specialise
from stile_engine.term.elements import elements_of
from stile_engine.term.guarded import Condition
from stile_engine.term.order import sign_given, signs_within
from stile_engine.term.powers import primitive_part, without_positive
from stile_engine.term.printing import bind_names, show
from stile_engine.term.signs import NEGATIVE, ZERO_SIGN, is_nonzero, sign


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition in canonical form: ``kind`` of ``body`` for all ``bound``, over ``domain``."""

    kind: str
    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly

    @property
    def is_about_data(self) -> bool:
        """Whether it says something of integers that inputs hold: its domain has no members."""
        return self.kind in DATA_KINDS

    def text(self) -> str:
        if self.is_about_data:
            return self._data_text()
        words = {"nonzero": "is not zero", "nonnegative": "is not negative"}
        return f"{show(self.body, bind_names(self.bound, self.body, {}))} {words.get(self.kind, 'is positive')}"

    def _data_text(self) -> str:
        names = bind_names(self.bound, self.body, {})
        if self.kind == "unique":
            first = next(iter(elements_of(self.body.variables)), None)
            label = "the index" if first is None else first.tensor.name
            return f"{label} has no element twice"
        return f"{show(self.body, names)} lies in its dim (it does not where {describe(self.domain, names)})"


DATA_KINDS = ("inside", "unique")


def guarantees(conditions: Iterable[Condition], box: IndexSet) -> list[Requirement]:
    """The conditions that hold wherever there is a value: those that are known to be needed for it."""
    return requirements((c for c in conditions if c.exact), box)


def requirements(conditions: Iterable[Condition], box: IndexSet) -> list[Requirement]:
    """What remains of the conditions once all that the signs of terms show is dropped."""
    found: list[Requirement] = []
    for c in conditions:
        domain = c.domain & box
        if domain is EMPTY:
            continue
        about_data = c.kind in DATA_KINDS
        parts = [(c.kind, c.body)] if about_data else _parts(c.kind, specialise(c.body, domain), domain)
        for kind, body in parts:
            used = tuple(b for b in c.bound if b in body.variables)
            narrowed = domain.project_out([b for b in c.bound if b not in used])
            if used:
                names, narrowed, body = binding.canonical(used, narrowed, body)
            else:
                names = ()
            found.append(Requirement(kind, names, narrowed, body))
    return found


def _parts(kind: str, body: Poly, domain: IndexSet) -> list[tuple[str, Poly]]:
    """The condition on each factor by itself, without those that the signs settle: of terms by their form, and of
    terms that the domain compares (``x`` is positive where ``x > 0``)."""
    facts = signs_within(domain)
    if kind != "nonzero":
        mask = sign(body, facts, domain) & sign_given(body, facts)
        lacking = mask & NEGATIVE if kind == "nonnegative" else mask & (NEGATIVE | ZERO_SIGN)
        if not lacking:
            return []
        return [(kind, without_positive(body) if body.terms else body)]
    if not body.terms:
        return [(kind, body)]  # never met
    if is_nonzero(body, facts, domain):
        return []
    _, unit, rest = primitive_part(body, signed=True, invertible=True)
    parts: list[tuple[str, Poly]] = []
    for atom, _exponent in unit.factors:
        factor = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
        if not is_nonzero(factor, facts, domain):
            parts.append(("nonzero", factor))
    single = rest.single
    if single is not None:
        for atom, _exponent in single[0].factors:
            if not is_nonzero(of_atom(atom), facts, domain):
                parts.append(("nonzero", of_atom(atom)))
    elif not is_nonzero(rest, facts, domain):
        parts.append(("nonzero", rest))
    return parts


_IMPLIES = {
    "nonzero": ("nonzero", "positive"),
    "nonnegative": ("nonnegative", "positive", "logarithm"),
    "positive": ("positive",),
    "logarithm": ("logarithm", "positive"),
    "inside": ("inside",),
    "unique": ("unique",),
}


def unmet(mine: list[Requirement], given: list[Requirement]) -> list[Requirement]:
    """Those of ``mine`` that do not follow from ``given``."""
    return [r for r in mine if not _follows(r, given)]


def _follows(wanted: Requirement, given: list[Requirement]) -> bool:
    remaining = wanted.domain
    if wanted.is_about_data and not wanted.bound:
        for other in given:
            if other.is_about_data and not other.bound:
                remaining = remaining - other.domain  # for data that reach it nothing is owed
        return remaining is EMPTY
    for other in given:
        if other.kind not in _IMPLIES[wanted.kind] or other.bound != wanted.bound:
            continue
        if wanted.is_about_data and other.body is not wanted.body:
            continue
        common = remaining & other.domain
        if common is EMPTY:
            continue
        if other.body is wanted.body or wanted.is_about_data or are_equal(other.body, wanted.body, common):
            remaining = remaining - common
            if remaining is EMPTY:
                return True
    return False
