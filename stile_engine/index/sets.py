"""Exact sets of integer index tuples (Presburger sets), decided by isl.

A set names its variables; it says nothing about variables that it does not name, so sets over
different variables combine freely. Sets are interned: the same set met twice is one object, so
equality of what was already compared is identity. All variables are isl *parameters*, which makes
isl align operands by name.

Variables whose name begins with ``#`` are sizes: every set that names one also says that it is at
least 1. isl is used from one thread only (it has one context for the process).

Data variables (``data.py``) are variables like any other here, with two differences. Sets are equal,
empty, or contained in one another *given what was declared of the data*. And a variable that a token
varies with cannot be projected out of a set that names the token: what is left is an opaque truth
value, whether some value of the variable lies in the set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import islpy as isl

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.cases import Case, cases_of, united
from stile_engine.index.isl_limits import COUNTING_TIERS, PARAM, SET, context, limited
from stile_engine.index.isl_reading import from_aff, integer, limits_of, parameter_names, solved
from stile_engine.index.isl_writing import (
    affine_text,
    constant_box,
    decoded_name,
    isl_name,
    link,
    of_text,
    polyhedron,
    predicate_text,
    symbolic_box,
)
from stile_engine.index.names import combined, is_bound
from stile_engine.index.predicate import And, AtLeastZero, EqualsZero, Predicate, compare, conjunction, in_range
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.work import BudgetExceeded, spend


def _is_linear(expression: Affine) -> bool:
    return all(isinstance(atom, str) for atom, _ in expression.terms)


@lru_cache(maxsize=65536)
def _where(predicate: Predicate, names: tuple[str, ...]) -> IndexSet:
    parts = predicate.operands if isinstance(predicate, And) else (predicate,)
    if all(isinstance(p, AtLeastZero | EqualsZero) and _is_linear(p.expression) for p in parts):
        spend()
        least = [p.expression for p in parts if isinstance(p, AtLeastZero)]
        return _intern(polyhedron(least, [p.expression for p in parts if isinstance(p, EqualsZero)], names))
    return _from_text(predicate_text(predicate), names)


_boxes: dict[tuple[tuple[str, tuple[Affine, Affine]], ...], IndexSet] = {}
_by_text: dict[str, IndexSet] = {}
_alike: dict[tuple[str, ...], list[IndexSet]] = {}
"""Sets that may be equal although their texts differ, by their variables."""
_outlined: dict[tuple[str, ...], dict[tuple[str, ...], list[IndexSet]]] = {}
"""The same where there are many of them, by their outlines as well."""


class IndexSet:
    """An exact set over named integer variables. Immutable and interned: compare with ``is``
    for identity of form and with ``equals`` for equality of meaning."""

    __slots__ = ("_digest", "_free", "_isl", "_memo", "text", "tokens", "variables")

    _isl: isl.Set
    _free: bool | None
    _memo: dict[tuple[Any, ...], Any]
    tokens: tuple[str, ...]
    """The data variables that the set names itself."""
    variables: frozenset[str]
    """All that membership varies with: what data variables are read at is among them."""
    text: str
    """Tells sets apart."""
    _digest: str | None

    @property
    def digest(self) -> str:
        """Orders sets by structure, with the names of bound variables last."""
        if self._digest is None:
            self._digest = _digest_of(self)
        return self._digest

    def __repr__(self) -> str:
        return describe(self)

    @property
    def raw(self) -> isl.Set:
        """The isl set, for the other files of this package."""
        return self._isl

    @staticmethod
    def where(predicate: Predicate) -> IndexSet:
        """The set of all tuples at which the predicate holds."""
        names = tuple(sorted(predicate_variables(predicate)))
        return _where(predicate, names)

    @staticmethod
    def box(ranges: Mapping[str, tuple[Affine, Affine]]) -> IndexSet:
        """All tuples with ``low <= variable < high`` for each variable."""
        if not ranges:
            return UNIVERSE
        key = tuple(ranges.items())
        found = _boxes.get(key)
        if found is not None:
            return found
        names: set[str] = set()
        for name, (low, high) in ranges.items():
            names |= {name} | low.variables | high.variables
        ordered = tuple(sorted(names))
        if all(_is_linear(low) and _is_linear(high) for low, high in ranges.values()):
            spend()
            found = _intern(constant_box(ranges, ordered) or symbolic_box(ranges, ordered))
        else:
            parts = [
                f"{affine_text(low)} <= {isl_name(name)} < {affine_text(high)}" for name, (low, high) in ranges.items()
            ]
            found = _from_text(" and ".join(parts), ordered)
        _boxes[key] = found
        return found

    # -- algebra ---------------------------------------------------------------------------

    def __and__(self, other: IndexSet) -> IndexSet:
        if self is other or other is UNIVERSE:
            return self
        return other if self is UNIVERSE else self._combined(isl.Set.intersect, other)

    def __or__(self, other: IndexSet) -> IndexSet:
        return self if self is other else self._combined(isl.Set.union, other)

    def __sub__(self, other: IndexSet) -> IndexSet:
        return EMPTY if self is other else self._combined(isl.Set.subtract, other)

    def _combined(self, operation: Callable[[isl.Set, isl.Set], isl.Set], other: IndexSet) -> IndexSet:
        key = (operation, other)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._combine(operation, other)
        return found

    @limited
    def _combine(self, operation: Callable[[isl.Set, isl.Set], isl.Set], other: IndexSet) -> IndexSet:
        spend()
        if operation is isl.Set.intersect and (self.tokens or other.tokens):
            return self._met(other)
        return _intern(operation(self._isl, other._isl))

    def _met(self, other: IndexSet) -> IndexSet:
        """The intersection of sets that name data: what is known of the one is not found out again."""
        tokens = data.tokens_of(self.variables | other.variables)
        first, second = (self, other) if ("cases", tokens) in self._memo else (other, self)
        cases = [c for case in first._cases(tokens) for c in case & second._isl]
        return _intern(self._isl.intersect(other._isl), cases) if cases else EMPTY

    def _cases(self, tokens: tuple[str, ...]) -> list[Case]:
        """The set with what was declared of these data."""
        key = ("cases", tokens)
        found: list[Case] | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = _cases(self._isl, tokens)
        return found

    def given(self, context: IndexSet) -> IndexSet:
        """A simpler set that agrees with this one inside the context; EMPTY if they do not meet."""
        if self is UNIVERSE or context is UNIVERSE:
            return self
        key = ("given", context)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._given(context)
        return found

    @limited
    def _given(self, context: IndexSet) -> IndexSet:
        spend()
        inside = self & context
        if inside is EMPTY:
            return EMPTY
        if context.issubset(self):
            return UNIVERSE
        if not self.tokens and not context.tokens:
            return _intern(inside._isl.gist(context._isl))
        # what the facts say of the context holds there too
        known = context._cases(data.tokens_of(self.variables | context.variables))
        return _intern(inside._isl.gist(_united(known, context._isl)))

    @property
    def case_count(self) -> int:
        """Of how many convex sets the set is put together."""
        return int(self._isl.n_basic_set())

    @property
    def is_empty(self) -> bool:
        return self is EMPTY

    @limited
    def is_disjoint(self, other: IndexSet) -> bool:
        if self is EMPTY or other is EMPTY:
            return True
        spend()
        if self._isl.is_disjoint(other._isl):
            return True
        if not self.tokens and not other.tokens:
            return False
        tokens = data.tokens_of(self.variables | other.variables)
        first, second = (self, other) if ("cases", tokens) in self._memo else (other, self)
        return not any(case.meets(second._isl) for case in first._cases(tokens))

    def issubset(self, other: IndexSet) -> bool:
        if self is other or self is EMPTY or other is UNIVERSE:
            return True
        key = ("subset", other)
        found: bool | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._is_subset(other)
        return found

    @limited
    def _is_subset(self, other: IndexSet) -> bool:
        spend()
        if self._isl.is_subset(other._isl):
            return True
        if not self.tokens and not other.tokens:
            return False
        tokens = data.tokens_of(self.variables | other.variables)
        return all(case.is_inside(other._isl) for case in self._cases(tokens))

    def equals(self, other: IndexSet) -> bool:
        return self is other or (self.issubset(other) and other.issubset(self))

    def project_out(self, names: Iterable[str]) -> IndexSet:
        """The tuples of the remaining variables for which some value of ``names`` lies in the set."""
        names = tuple(sorted(n for n in names if n in self.variables))
        if not names:
            return self
        found: IndexSet | None = None if self.tokens else self._memo.get(("project", names))
        return found if found is not None else self._project_out(names)

    @limited
    def _project_out(self, names: tuple[str, ...]) -> IndexSet:
        if self.tokens:
            from stile_engine.index.existence import some

            gone = frozenset(names)
            if any(t not in gone and not gone.isdisjoint(data.datum(t).variables) for t in self.tokens):
                return some(self, names)
            own = self.parameters
            names = tuple(n for n in names if n in own)
        if not names:
            return self
        key = ("project", names)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            spend()
            result = self._isl
            for name in names:
                result = result.project_out(PARAM, result.find_dim_by_name(PARAM, isl_name(name)), 1)
            found = self._memo[key] = _intern(result)
        return found

    def substitute(self, mapping: Mapping[str, Affine]) -> IndexSet:
        """The tuples at which the set holds once each variable is replaced, all at once."""
        if self.variables.isdisjoint(mapping):
            return self
        relevant = {v: e for v, e in mapping.items() if v in self.variables and _single_variable(e) != v}
        if not relevant:
            return self
        if self.tokens:
            own = self.parameters
            relevant = {v: e for v, e in data.extended(relevant, self.tokens).items() if v in own}
        ordered = tuple(relevant.items()) if len(relevant) == 1 else tuple(sorted(relevant.items(), key=_by_name))
        key = ("substitute", ordered)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._substituted(relevant)
        return found

    @limited
    def _substituted(self, relevant: Mapping[str, Affine]) -> IndexSet:
        spend()
        result = self._isl
        for position, name in enumerate(relevant):
            dim = result.find_dim_by_name(PARAM, isl_name(name))
            result = result.set_dim_name(PARAM, dim, f"t{position}")
        for position, expression in enumerate(relevant.values()):
            only = _single_variable(expression)
            if only is not None and result.find_dim_by_name(PARAM, isl_name(only)) < 0:
                dim = result.find_dim_by_name(PARAM, f"t{position}")
                result = result.set_dim_name(PARAM, dim, isl_name(only))
                continue
            result = result.intersect(link(f"t{position}", expression))
            result = result.project_out(PARAM, result.find_dim_by_name(PARAM, f"t{position}"), 1)
        return _intern(result)

    # -- questions -------------------------------------------------------------------------

    @limited
    def solve(self, name: str) -> Affine | None:
        """The expression that the set forces ``name`` to equal, where its constraints say so."""
        if name not in self.variables and not data.is_token(name):
            return None
        key = ("solve", name)
        if key in self._memo:
            known: Affine | None = self._memo[key]
            return known
        if self.tokens or data.is_token(name):
            return self._solve_with_data(name)
        if self._free is None:
            spend()
            self._free = bool(self._isl.affine_hull().plain_is_universe())
        if self._free:
            return None  # no equation holds in the set
        spend()
        found = self._memo[key] = solved(self._isl, name)
        return found

    @limited
    def _solve_with_data(self, name: str) -> Affine | None:
        spend(2)
        tokens = data.tokens_of(data.closure(self.variables | {name}))
        raw = _united(self._cases(tokens), self._isl)
        found = solved(raw, name) if raw.find_dim_by_name(PARAM, isl_name(name)) >= 0 else None
        self._memo["solve", name] = found
        return found

    def place_of(self, name: str, among: Iterable[str] = ()) -> Place | None:
        """The one value of ``name`` by data that take each value once: ``I[k] == s`` says that k is the place of s;
        or by data that mark segments: ``off[g] <= t < off[g + 1]`` says that g is the group of t. Of several such t
        one that none of the variables ``among`` name is preferred."""
        for token in self.tokens:
            datum = data.datum(token)
            value = self.solve(token) if name in datum.variables else None
            found = None if value is None or name in value.variables else datum.preimage(value)
            if found is None:
                continue
            coefficient = found.argument.coefficient(name)
            rest = found.argument - Affine.variable(name) * coefficient
            if coefficient not in (1, -1) or name in rest.variables:
                continue
            if self.issubset(IndexSet.where(found.inside)):
                # coefficient * name + rest = place
                return Place(name, (found.place - rest) * coefficient, IndexSet.where(found.possible), UNIVERSE)
        for token in self.tokens:
            datum = data.datum(token)
            marked = datum.segment() if name in datum.variables else None
            if marked is None:
                continue
            coefficient = marked.argument.coefficient(name)
            rest = marked.argument - Affine.variable(name) * coefficient
            if coefficient not in (1, -1) or name in rest.variables:
                continue
            # a variable may lie between them by constraints that say more
            plain = [Affine.variable(v) for v in sorted(self.parameters) if not data.is_token(v)]
            members = dict.fromkeys([*self._between(token, marked.high), *plain])
            for member in sorted(members, key=lambda m: not m.variables.isdisjoint(among)):
                inside = conjunction(marked.inside, in_range(member, marked.low, marked.high))
                if name in member.variables or not self.issubset(IndexSet.where(inside)):
                    continue
                value = (marked.group(member) - rest) * coefficient
                known = IndexSet.where(inside).substitute({name: value})
                return Place(name, value, IndexSet.where(marked.is_member(member)), known)
        return None

    @limited
    def _between(self, low: str, high: Affine) -> list[Affine]:
        """Expressions that the constraints say lie between the two, ``high`` not included; simple ones first."""
        raw = _united(self._cases(data.tokens_of(self.variables)), self._isl)
        found = limits_of(raw, low, upper=True)
        for token in data.tokens_of(high.variables):
            if high == Affine.variable(token):
                found += [limit - 1 for limit in limits_of(raw, token, upper=False)]
        return list(dict.fromkeys(found))

    @limited
    def allows(self, tokens: Iterable[str]) -> bool:
        """Whether at every tuple of the set the data may be what was declared of them."""
        raw = _with_declared(self._isl, tokens)
        for token in raw.get_var_names(PARAM):
            if data.is_token(decoded_name(str(token))):
                raw = raw.project_out(PARAM, raw.find_dim_by_name(PARAM, str(token)), 1)
        return bool(self._isl.is_subset(raw))

    @limited
    def without_data(self) -> IndexSet:
        """The tuples of all that is no data for which some numbers that the data may be, as far as what was declared
        of them goes, lie in the set. What the facts imply stands in no set over data: so it is said here again."""
        if not self.tokens:
            return self
        spend(2)
        raw = _with_declared(self._isl, data.tokens_of(data.closure(self.variables)))
        for name in raw.get_var_names(PARAM):
            if data.is_token(decoded_name(str(name))):
                raw = raw.project_out(PARAM, raw.find_dim_by_name(PARAM, str(name)), 1)
        return _intern(raw)

    @limited
    def allowed_values(self, token: str) -> int | None:
        """How many values the token may have at the tuples of the set; None where that is not bounded."""
        raw = _with_declared(self._isl, [token])
        for name in raw.get_var_names(PARAM):
            if decoded_name(str(name)) != token:
                raw = raw.project_out(PARAM, raw.find_dim_by_name(PARAM, str(name)), 1)
        values = raw.move_dims(SET, 0, PARAM, 0, raw.dim(PARAM))
        # isl counts what it finds between bounds: of a set without them it says 0
        return integer(values.count_val()) if values.is_bounded() else None

    @property
    def parameters(self) -> frozenset[str]:
        """The variables that the set itself names."""
        return frozenset(decoded_name(n) for n in parameter_names(self._isl))

    def count(self, names: Iterable[str]) -> int | None:
        """The number of tuples of ``names``; None unless the set is over these alone and finite, and
        not too large to be counted."""
        try:
            return self._count(tuple(sorted(names)))
        except BudgetExceeded:
            spend()  # the budget of the proof is not what was exceeded
            return None

    def _count(self, names: tuple[str, ...]) -> int | None:
        if not self.variables <= set(names) or self.tokens:
            return None
        if self is EMPTY:
            return 0
        if set(names) - self.variables:
            return None
        if not names:
            return 1
        spend()
        return self._number()

    @partial(limited, tiers=COUNTING_TIERS)
    def _number(self) -> int | None:
        moved = self._isl.move_dims(SET, 0, PARAM, 0, self._isl.dim(PARAM))
        if not moved.is_bounded():
            return None  # of some of these sets isl says that they have no member
        value = moved.count_val()
        return None if value.is_infty() or value.is_nan() else integer(value)

    @limited
    def intervals(self, name: str) -> tuple[tuple[IndexSet, Affine, Affine], ...] | None:
        """Cases ``(condition, low, high)`` such that the set is ``low <= name <= high`` in each
        case and empty outside them; None where the values of ``name`` are not one run."""
        if name not in self.variables:
            return None
        if self.tokens and (name not in self.parameters or any(name in data.datum(t).variables for t in self.tokens)):
            return None
        spend(4)
        dim = self._isl.find_dim_by_name(PARAM, isl_name(name))
        moved = self._isl.move_dims(SET, 0, PARAM, dim, 1)
        try:
            low = moved.dim_min(0)
            high = moved.dim_max(0)
        except isl.Error:
            return None
        cases: list[tuple[IndexSet, Affine, Affine]] = []
        covered = EMPTY
        for low_set, low_affine in low.get_pieces():
            for high_set, high_affine in high.get_pieces():
                condition = _intern(low_set.intersect(high_set).params())
                if condition.is_empty:
                    continue
                low_expression, high_expression = from_aff(low_affine), from_aff(high_affine)
                if low_expression is None or high_expression is None:
                    return None
                cases.append((condition, low_expression, high_expression))
                run = IndexSet.box({name: (low_expression, high_expression + 1)})
                covered = covered | (condition & run)
        return tuple(cases) if covered.equals(self) else None

    @limited
    def limits(self, name: str) -> tuple[int | None, int | None]:
        """Least and greatest value of a variable; None where there is none, or where a size decides."""
        if self is EMPTY or name not in self.variables:
            return None, None
        spend()
        moved = self._isl.move_dims(SET, 0, PARAM, 0, self._isl.dim(PARAM))
        place = [decoded_name(n) for n in parameter_names(self._isl)].index(name)
        low, high = moved.dim_min_val(place), moved.dim_max_val(place)
        return (integer(low) if low.is_int() else None, integer(high) if high.is_int() else None)

    @limited
    def sample(self, prefer_small: bool = True) -> dict[str, int] | None:
        """One tuple of the set, the lexicographically least where there is one."""
        if self is EMPTY:
            return None
        if not self.variables:
            return {}
        spend()
        names = [decoded_name(n) for n in parameter_names(self._isl)]
        moved = self._isl.move_dims(SET, 0, PARAM, 0, len(names))
        point = None
        if prefer_small and moved.is_bounded():
            point = moved.lexmin().sample_point()
        if point is None or point.is_void():
            point = moved.sample_point()
        if point.is_void():
            return None
        return {n: integer(point.get_coordinate_val(SET, i)) for i, n in enumerate(names)}

    def contains(self, point: Mapping[str, int]) -> bool:
        return not self.substitute({v: Affine((), point[v]) for v in self.parameters}).is_empty

    @limited
    def points(self, limit: int) -> list[dict[str, int]] | None:
        """All tuples in lexicographic order; None if there are more than ``limit`` or infinitely many."""
        total = self.count(self.variables)
        if total is None or total > limit:
            return None
        if self is EMPTY:
            return []
        if not self.variables:
            return [{}]
        names = [decoded_name(n) for n in parameter_names(self._isl)]
        moved = self._isl.move_dims(SET, 0, PARAM, 0, len(names))
        found: list[dict[str, int]] = []
        context.set_max_operations(0)  # there are no more points than the caller allows
        moved.foreach_point(
            lambda p: found.append({n: integer(p.get_coordinate_val(SET, i)) for i, n in enumerate(names)})
        )
        spend(len(found))
        return sorted(found, key=lambda p: [p[n] for n in sorted(p)])


@dataclass(frozen=True, slots=True)
class Place:
    """A variable that has one value at most: ``value``, where that is ``possible``. There ``known`` holds by what was
    declared of the data."""

    name: str
    value: Affine
    possible: IndexSet
    known: IndexSet

    def narrowed(self, domain: IndexSet) -> IndexSet:
        """The tuples of the other variables at which the domain has the value."""
        here = (domain & self.possible).substitute({self.name: self.value})
        # what is known holds only where the value is possible
        return here if self.known is UNIVERSE else here.given(self.known) & self.possible


def _by_name(item: tuple[str, Affine]) -> str:
    return item[0]


def _single_variable(expression: Affine) -> str | None:
    if expression.constant == 0 and len(expression.terms) == 1:
        atom, coefficient = expression.terms[0]
        if coefficient == 1 and isinstance(atom, str):
            return atom
    return None


@lru_cache(maxsize=65536)
@limited
def _from_text(text: str, names: tuple[str, ...]) -> IndexSet:
    spend()
    return _intern(of_text(text, names))


def _intern(raw: isl.Set, cases: list[Case] | None = None, simplified: bool = False) -> IndexSet:
    """The one object for this set. ``cases``: with what was declared of its data, where that is known already."""
    if raw.is_empty():
        return EMPTY
    raw = raw.coalesce().detect_equalities().remove_redundancies().drop_unused_params()
    count = raw.dim(PARAM)
    names = [str(raw.get_dim_name(PARAM, dim)) for dim in range(count)]  # parameters always have names
    if count > 1:
        ordered = sorted(names)
        if names != ordered:
            space = isl.Space.create_from_names(raw.get_ctx(), set=[], params=ordered)
            raw = raw.align_params(space)
            names = ordered
    if not simplified and data.any_known() and any(data.is_token(decoded_name(n)) for n in names):
        simpler = _given_data(raw, frozenset(decoded_name(n) for n in names), cases)
        if simpler is not None:
            return _intern(simpler, simplified=True)
    text = raw.to_str()
    found = _by_text.get(text)
    if found is not None:
        return found
    if raw.n_basic_set() > 1 or raw.involves_locals():
        # Unions and floor divisions have several texts: look for an equal set among look-alikes.
        alike = _look_alikes(raw, tuple(names))
        for other in alike:
            if raw.is_equal(other._isl):
                _by_text[text] = other
                return other
        made = _make(raw, text, names)
        alike.append(made)
    else:
        made = _make(raw, text, names)
    _by_text[text] = made
    return made


def _given_data(raw: isl.Set, names: frozenset[str], cases: list[Case] | None) -> isl.Set | None:
    """The set without what was declared of its data anyway, with the equations that follow from it; None
    where nothing was declared."""
    # what data are read at may be data of which something was declared
    tokens = data.tokens_of(data.closure(names))
    bounds, relations = _declared(tokens)
    if bounds is None and not relations:
        return None
    known = _united(_cases(raw, tokens) if cases is None else cases, raw)
    if known.is_empty():
        return known
    if relations:
        for identifier in parameter_names(known):
            if decoded_name(identifier) not in names:
                known = known.project_out(PARAM, known.find_dim_by_name(PARAM, identifier), 1)
        raw = raw.intersect(isl.Set.from_basic_set(known.affine_hull()))
    return raw if bounds is None else raw.intersect(bounds).gist(bounds)


def _cases(raw: isl.Set, tokens: tuple[str, ...]) -> list[Case]:
    """The set in cases, with what was declared of the data."""
    bounds, facts = _declared(tokens)
    return cases_of(raw if bounds is None else raw.intersect(bounds), facts)


def _closed(raw: isl.Set, tokens: tuple[str, ...]) -> isl.Set:
    """The set with what follows from the declared facts one by one."""
    return _united(_cases(raw, tokens), raw)


def _united(cases: list[Case], raw: isl.Set) -> isl.Set:
    """The cases as one set, ``raw`` being one that they are parts of."""
    found = united(cases)
    return raw.subtract(raw) if found is None else found


def _with_declared(raw: isl.Set, tokens: Iterable[str]) -> isl.Set:
    """The set with all that was declared of these data."""
    bounds, relations = _declared(tuple(sorted(tokens)))
    if bounds is not None:
        raw = raw.intersect(bounds)
    for alternatives in relations:
        fact = alternatives[0]
        for one in alternatives[1:]:
            fact = fact.union(one)
        raw = raw.intersect(fact)
    return raw


@lru_cache(maxsize=65536)
def _declared(tokens: tuple[str, ...]) -> tuple[isl.Set | None, tuple[tuple[isl.Set, ...], ...]]:
    """What was declared of the data: bounds of each by itself, and all else, each fact as its convex alternatives."""
    found = [data.datum(t) for t in tokens]
    bounds: isl.Set | None = None
    for predicate in dict.fromkeys(b for b in (d.bounds() for d in found) if b is not None):
        own = _of_predicate(predicate)
        bounds = own if bounds is None else bounds.intersect(own)
    relations = [_of_predicate(r) for r in dict.fromkeys(r for d in found for r in d.relations(found))]
    for one in found:
        for members, predicate in one.excluded(found):
            never = members._isl.intersect(of_text(predicate_text(predicate), (one.token,)))
            relations.append(never.complement())
    kept = [r for r in relations if not r.plain_is_universe()]
    return bounds, tuple(tuple(isl.Set.from_basic_set(part) for part in r.get_basic_sets()) for r in kept)


def _of_predicate(predicate: Predicate) -> isl.Set:
    return of_text(predicate_text(predicate), tuple(sorted(predicate_variables(predicate))))


def range_within(expression: Affine, context: IndexSet) -> tuple[int | None, int | None]:
    """The least and the greatest value of the expression at the tuples of the set, given what was declared of
    the data; None where there is no bound."""
    value = "?range"
    named = IndexSet.where(compare(Affine.variable(value), "==", expression)) & context
    raw = _closed(named._isl, data.tokens_of(named.variables | expression.variables))
    dim = raw.find_dim_by_name(PARAM, isl_name(value))
    if raw.is_empty() or dim < 0:
        return None, None
    moved = raw.move_dims(SET, 0, PARAM, dim, 1)
    found: list[int | None] = []
    for bound in (moved.dim_min_val(0), moved.dim_max_val(0)):
        found.append(None if bound.is_infty() or bound.is_neginfty() or bound.is_nan() else integer(bound))
    return found[0], found[1]


def declared_range(token: str) -> tuple[int | None, int | None]:
    """The least and the greatest integer that was declared for the data; None where there is no bound."""
    return range_within(Affine.variable(token), UNIVERSE)


_MOST_ALIKE = 12
"""An outline costs as much as about so many comparisons."""


def _look_alikes(raw: isl.Set, names: tuple[str, ...]) -> list[IndexSet]:
    """The list of the sets that may be equal to this one, and to which it is to be added."""
    alike = _alike.setdefault(names, [])
    if len(alike) < _MOST_ALIKE:
        return alike
    outlined = _outlined.get(names)
    if outlined is None:
        outlined = _outlined[names] = {}
        for other in alike:
            outlined.setdefault(_outline(other._isl, len(names)), []).append(other)
    return outlined.setdefault(_outline(raw, len(names)), [])


def _outline(raw: isl.Set, count: int) -> tuple[str, ...]:
    """What equal sets share: the extreme values of each variable."""
    moved = raw.move_dims(SET, 0, PARAM, 0, count)
    found: list[str] = []
    for dim in range(count):
        low = moved.dim_min_val(dim)
        high = moved.dim_max_val(dim)
        found += [str(low), str(high)]
    return tuple(found)


def _make(raw: isl.Set, text: str, names: list[str]) -> IndexSet:
    made = IndexSet.__new__(IndexSet)
    made._isl = raw
    own = frozenset(decoded_name(n) for n in names)
    made.tokens = data.tokens_of(own)
    made.variables = data.closure(own) if made.tokens else own
    made.text = text
    made._digest = None
    made._memo = {}
    made._free = None
    return made


def _digest_of(found: IndexSet) -> str:
    shown: dict[str, str] = {}
    names: list[str] = []
    parts: list[str] = []
    for encoded in parameter_names(found._isl):
        name = decoded_name(encoded)
        if is_bound(name):
            shown[encoded] = f"?{len(names)}"
            names.append(name)
        elif data.is_token(name):
            shown[encoded] = f"@{len(parts)}"
            parts.append(data.datum(name).digest)
    text = _WORD.sub(lambda word: shown.get(word[0], word[0]), found.text) if shown else found.text
    return combined(text, parts, names)


_WORD = re.compile(r"v[0-9A-Za-z_]*")

UNIVERSE = _make(isl.Set("{ : }"), "{ : }", [])
EMPTY = _make(isl.Set("{ : 0 = 1 }"), "{ : empty }", [])
_by_text["{ : }"] = UNIVERSE
_by_text[str(UNIVERSE._isl)] = UNIVERSE


def union(sets: Iterable[IndexSet]) -> IndexSet:
    total = EMPTY
    for one in sets:
        total = total | one
    return total


def describe(index_set: IndexSet, rename: Mapping[str, str] | None = None) -> str:
    """The set's constraints as text, for messages."""
    text = str(index_set._isl) if index_set is not EMPTY else "{ : false }"
    body = text[text.index("{") + 1 : text.rindex("}")].strip().removeprefix(":").strip()
    for encoded in sorted((isl_name(v) for v in index_set.parameters), key=len, reverse=True):
        name = decoded_name(encoded)
        body = _replace_word(body, encoded, data.render(name, lambda v: (rename or {}).get(v, v)))
    return body or "everywhere"


def _replace_word(text: str, word: str, replacement: str) -> str:
    # isl writes products without a sign: 2v_k
    text = re.sub(rf"(?<![A-Za-z_])(\d+){re.escape(word)}(?![A-Za-z0-9_])", rf"\g<1>*{replacement}", text)
    return re.sub(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", replacement, text)
