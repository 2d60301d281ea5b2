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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

import islpy as isl

from stile_engine.index import data, runs
from stile_engine.index.affine import Affine
from stile_engine.index.cases import Case
from stile_engine.index.declared import declared_cases, given_data, united_cases
from stile_engine.index.isl_limits import COUNTING_TIERS, PARAM, SET, at_once, context, limited, text_of, whole_answer
from stile_engine.index.isl_reading import from_aff, integer, parameter_names, projected, solved
from stile_engine.index.isl_writing import (
    constant_box,
    decoded_name,
    isl_name,
    link,
    of_run,
    raw_of,
    run_text,
    symbolic_box,
)
from stile_engine.index.names import combined, is_bound
from stile_engine.index.predicate import Predicate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.runs import Run
from stile_engine.index.work import BudgetExceeded, spend


@lru_cache(maxsize=65536)
@limited
def _where(predicate: Predicate, names: tuple[str, ...]) -> IndexSet:
    spend()
    return interned(raw_of(predicate, names))


_boxes: dict[tuple[tuple[str, tuple[Affine, Affine]], ...], IndexSet] = {}
_by_text: dict[str, IndexSet] = {}
_alike: dict[tuple[str, ...], list[IndexSet]] = {}
"""Sets that may be equal although their texts differ, by their variables."""
_in_vain: Counter[tuple[str, ...]] = Counter()
"""How many comparisons have been given up, by the variables."""
_outlined: dict[tuple[str, ...], dict[tuple[str, ...], list[IndexSet]]] = {}
"""The same where there are many of them, by their outlines as well."""


class IndexSet:
    """An exact set over named integer variables. Immutable and interned: compare with ``is``
    for identity of form and with ``equals`` for equality of meaning."""

    __slots__ = ("_digest", "_free", "_made", "_memo", "_run", "text", "tokens", "variables")

    _made: isl.Set | None
    """As isl has it; runs are given to isl when it is asked about one."""
    _run: Run | None
    """What the set is, where that is known to be a run of at least two numbers."""
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
    def _isl(self) -> isl.Set:
        if self._made is None:
            assert self._run is not None
            self._made = of_run(self._run)
        return self._made

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
        if (run := runs.run_of(ranges)) is not None:
            spend()
            found = _boxes[key] = _of_run(run)
            return found
        names: set[str] = set()
        for name, (low, high) in ranges.items():
            names |= {name} | low.variables | high.variables
        found = _box(tuple(sorted(ranges.items())), tuple(sorted(names)))
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
            found = self._memo[key] = self._combined_runs(operation, other) or self._combine(operation, other)
            if found is not EMPTY and not found.tokens:
                self._remember(operation, other, found)
        return found

    def _remember(self, operation: Callable[[isl.Set, isl.Set], isl.Set], other: IndexSet, found: IndexSet) -> None:
        """What follows of the sets from what was made of them, so that isl is not asked for it."""
        if operation is isl.Set.intersect:
            other._memo[operation, self] = found
            parts = [(found, self), (found, other)]
        elif operation is isl.Set.subtract:
            found._memo["disjoint", other] = True
            parts = [(found, self)]
        else:
            other._memo[operation, self] = found
            parts = [(self, found), (other, found)]
        for part, whole in parts:
            part._memo["subset", whole] = True
            part._memo[isl.Set.intersect, whole] = part

    def _combined_runs(self, operation: Callable[[isl.Set, isl.Set], isl.Set], other: IndexSet) -> IndexSet | None:
        mine, theirs = self._run, other._run
        if mine is None or theirs is None or mine.name != theirs.name:
            return None
        found = _ON_RUNS[operation](mine, theirs)
        if found is None:
            return None
        spend()
        return _of_run(found)

    @limited
    def _combine(self, operation: Callable[[isl.Set, isl.Set], isl.Set], other: IndexSet) -> IndexSet:
        spend()
        if operation is isl.Set.intersect and (self.tokens or other.tokens):
            return self._met(other)
        return interned(operation(self._isl, other._isl))

    def _met(self, other: IndexSet) -> IndexSet:
        """The intersection of sets that name data: what is known of the one is not found out again."""
        tokens = data.tokens_of(self.variables | other.variables)
        first, second = (self, other) if ("cases", tokens) in self._memo else (other, self)
        cases = [c for case in first.cases(tokens) for c in case & second._isl]
        return interned(self._isl.intersect(other._isl), cases) if cases else EMPTY

    def cases(self, tokens: tuple[str, ...]) -> list[Case]:
        """The set with what was declared of these data."""
        key = ("cases", tokens)
        found: list[Case] | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = whole_answer(declared_cases(self._isl, tokens))
        return found

    def given(self, context: IndexSet) -> IndexSet:
        """A simpler set that agrees with this one inside the context; EMPTY if they do not meet."""
        if self is UNIVERSE or context is UNIVERSE:
            return self
        key = ("given", context)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            about = context if self.tokens else context.about(self.variables)
            found = self._memo[key] = self._given(context) if about is context else self.given(about)
        return found

    def about(self, names: frozenset[str]) -> IndexSet:
        """What the set says of these variables: a set that agrees with it except for conditions on other variables
        that have nothing to do with them. What names no others, and no data, is the same inside of both."""
        if self is EMPTY or self.tokens or names >= self.variables:
            return self
        kept = frozenset().union(*(part for part in self._parts() if not part.isdisjoint(names)))
        if len(kept) == len(self.variables):
            return self
        return self._only(kept) if kept else UNIVERSE

    def _only(self, kept: frozenset[str]) -> IndexSet:
        """Without the conditions on other variables, none of which names one of these."""
        key = ("only", kept)
        found: IndexSet | None = self._memo.get(key)
        if found is None:
            result = projected(self._isl, map(isl_name, sorted(self.variables - kept)))
            names = [isl_name(n) for n in sorted(kept)]
            text = text_of(result)
            found = _by_text.get(text)
            if found is None:
                # a part of what has been simplified is simple
                found = _by_text[text] = _make(result, text, sorted(names))
            self._memo[key] = found
        return found

    @property
    def _is_convex(self) -> bool:
        if self._run is not None:
            return True
        return not self.tokens and self._isl.n_basic_set() == 1 and not self._isl.involves_locals()

    def _parts(self) -> tuple[frozenset[str], ...]:
        """The variables, by the conditions that speak of several of them together."""
        key = ("parts",)
        found: tuple[frozenset[str], ...] | None = self._memo.get(key)
        if found is None:
            found = self._memo[key] = whole_answer(_parts_of(self))
        return found

    @limited
    def _given(self, context: IndexSet) -> IndexSet:
        spend()
        inside = self & context
        if inside is EMPTY:
            return EMPTY
        # a convex set has one form: where it lies inside of another, what they share is the set itself
        if inside is context or (not context._is_convex and context.issubset(self)):
            return UNIVERSE
        if not self.tokens and not context.tokens:
            return interned(inside._isl.gist(context._isl))
        # what the facts say of the context holds there too
        known = context.cases(data.tokens_of(self.variables | context.variables))
        return interned(inside._isl.gist(united_cases(known, context._isl)))

    @property
    def case_count(self) -> int:
        """Of how many convex sets the set is put together."""
        return int(self._isl.n_basic_set())

    @property
    def is_empty(self) -> bool:
        return self is EMPTY

    def is_disjoint(self, other: IndexSet) -> bool:
        if self is EMPTY or other is EMPTY:
            return True
        if self is UNIVERSE or other is UNIVERSE:
            return False
        key = ("disjoint", other)
        found: bool | None = self._memo.get(key)
        if found is None:
            one = self if other.tokens else self.about(other.variables)
            another = other if self.tokens else other.about(self.variables)
            whole = one is self and another is other
            found = self._memo[key] = self._is_disjoint(other) if whole else one.is_disjoint(another)
        return found

    @limited
    def _is_disjoint(self, other: IndexSet) -> bool:
        spend()
        mine, theirs = self._run, other._run
        if mine is not None and theirs is not None and mine.name == theirs.name:
            return mine.high <= theirs.low or theirs.high <= mine.low
        if self._isl.is_disjoint(other._isl):
            return True
        if not self.tokens and not other.tokens:
            return False
        tokens = data.tokens_of(self.variables | other.variables)
        first, second = (self, other) if ("cases", tokens) in self._memo else (other, self)
        return not any(case.meets(second._isl) for case in first.cases(tokens))

    def issubset(self, other: IndexSet) -> bool:
        if self is other or self is EMPTY or other is UNIVERSE:
            return True
        key = ("subset", other)
        found: bool | None = self._memo.get(key)
        if found is None:
            about = self if other.tokens else self.about(other.variables)
            found = self._memo[key] = self._is_subset(other) if about is self else about.issubset(other)
        return found

    @limited
    def _is_subset(self, other: IndexSet) -> bool:
        spend()
        mine, theirs = self._run, other._run
        if mine is not None and theirs is not None and mine.name == theirs.name:
            return runs.is_inside(mine, theirs)
        if self._isl.is_subset(other._isl):
            return True
        if not self.tokens and not other.tokens:
            return False
        tokens = data.tokens_of(self.variables | other.variables)
        return all(case.is_inside(other._isl) for case in self.cases(tokens))

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
        if found is None and self._run is not None:
            spend()
            found = self._memo[key] = UNIVERSE  # it has members
        if found is None:
            spend()
            found = self._memo[key] = interned(projected(self._isl, map(isl_name, names)))
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
            found = self._memo[key] = self._moved_run(relevant) or self._substituted(relevant)
        return found

    def _moved_run(self, relevant: Mapping[str, Affine]) -> IndexSet | None:
        if self._run is None:
            return None
        found = runs.moved(self._run, relevant[self._run.name])
        if found is None:
            return None
        spend()
        if isinstance(found, bool):
            return UNIVERSE if found else EMPTY
        return _of_run(found)

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
            result = projected(result.intersect(link(f"t{position}", expression)), [f"t{position}"])
        return interned(result)

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
            self._free = whole_answer(self._run is not None or bool(self._isl.affine_hull().plain_is_universe()))
        if self._free:
            return None  # no equation holds in the set
        spend()
        found = self._memo[key] = whole_answer(solved(self._isl, name))
        return found

    @limited
    def _solve_with_data(self, name: str) -> Affine | None:
        spend(2)
        tokens = data.tokens_of(data.closure(self.variables | {name}))
        raw = united_cases(self.cases(tokens), self._isl)
        found = solved(raw, name) if raw.find_dim_by_name(PARAM, isl_name(name)) >= 0 else None
        self._memo["solve", name] = whole_answer(found)
        return found

    @property
    def parameters(self) -> frozenset[str]:
        """The variables that the set itself names."""
        return self.variables if self._run is not None else frozenset(map(decoded_name, parameter_names(self._isl)))

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
        if self._run is not None:
            return self._run.high - self._run.low
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
                condition = interned(low_set.intersect(high_set).params())
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


def _parts_of(found: IndexSet) -> tuple[frozenset[str], ...]:
    if not found._is_convex:
        return (found.variables,)  # of cases, each has its own
    parts: list[frozenset[str]] = []
    conditions = found.text[found.text.index("{") :].split(" and ")
    for own in (frozenset(decoded_name(n) for n in _WORD.findall(condition)) for condition in conditions):
        together = [part for part in parts if not part.isdisjoint(own)]
        parts = [part for part in parts if part.isdisjoint(own)]
        parts.append(own.union(*together))
    return tuple(parts)


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
def _box(ranges: tuple[tuple[str, tuple[Affine, Affine]], ...], names: tuple[str, ...]) -> IndexSet:
    spend()
    return interned(constant_box(dict(ranges), names) or symbolic_box(dict(ranges), names))


def interned(raw: isl.Set, cases: list[Case] | None = None, simplified: bool = False) -> IndexSet:
    """The one object for this set. ``cases``: with what was declared of its data, where that is known already."""
    if raw.is_empty():
        return whole_answer(EMPTY)
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
        simpler = given_data(raw, frozenset(decoded_name(n) for n in names), cases)
        if simpler is not None:
            return interned(simpler, simplified=True)
    text = text_of(raw)
    found = _by_text.get(text)
    if found is not None:
        return found
    if (raw.n_basic_set() > 1 or raw.involves_locals()) and _in_vain[tuple(names)] < _MOST_IN_VAIN:
        # Unions and floor divisions have several texts: look for an equal set among look-alikes.
        alike = _look_alikes(raw, tuple(names))
        comparable = True
        for other in list(alike):
            equal = at_once(partial(raw.is_equal, other._isl))
            if equal:
                _by_text[text] = other
                return other
            if equal is None:
                _in_vain[tuple(names)] += 1
                # Equal sets may be two objects, which costs a proof at worst. The one with more parts would hardly be
                # compared with any other, and all later sets would pay for it.
                if raw.n_basic_set() > other._isl.n_basic_set():
                    comparable = False
                    break
                alike.remove(other)
        made = whole_answer(_make(raw, text, names))
        if comparable:
            alike.append(made)
    else:
        made = _make(raw, text, names)
    _by_text[text] = made
    return made


_MOST_IN_VAIN = 64
"""Then sets over the same variables are compared no more: their texts alone tell them apart."""

_MOST_ALIKE = 12
"""An outline costs as much as about so many comparisons."""


def _look_alikes(raw: isl.Set, names: tuple[str, ...]) -> list[IndexSet]:
    """The list of the sets that may be equal to this one, and to which it is to be added."""
    alike = _alike.setdefault(names, [])
    if len(alike) < _MOST_ALIKE:
        return alike
    outlined = _outlined.get(names)
    if outlined is None:
        # Kept from the beginning: where one is too hard for isl the next set does not begin anew. What is not in it is
        # compared with no other.
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


def _of_run(run: Run) -> IndexSet:
    if run.high - run.low < 2:
        ends = {run.name: (Affine.of(run.low), Affine.of(run.high))}
        return EMPTY if run.high <= run.low else interned(symbolic_box(ends, (run.name,)))
    text = run_text(run)
    found = _by_text.get(text)
    if found is None:
        found = _by_text[text] = _make(None, text, [isl_name(run.name)])
    found._run = run
    return found


_ON_RUNS: Mapping[Callable[[isl.Set, isl.Set], isl.Set], Callable[[Run, Run], Run | None]] = {
    isl.Set.intersect: runs.met,
    isl.Set.union: runs.joined,
    isl.Set.subtract: runs.without,
}


def _make(raw: isl.Set | None, text: str, names: list[str]) -> IndexSet:
    made = IndexSet.__new__(IndexSet)
    made._made = raw
    made._run = None
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
    for encoded in parameter_names(found._isl) if found._run is None else map(isl_name, found.variables):
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
