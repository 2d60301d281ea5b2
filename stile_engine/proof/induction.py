"""What a loop has computed after any number of rounds, by induction.

The carries are guessed in closed form, one after another, from one generic round in which they are
opaque; then one ordinary comparison checks all of them together: the state before round 0 is the
initial one, and the body turns the state before round t into the state before round t + 1, for every
t. Nothing rests on how a guess was found. A loop without a closed form is unrolled, if its number of
rounds is known and small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, in_range
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.index.work import BudgetExceeded, budget, spend
from stile_engine.proof import recurrences
from stile_engine.proof.conditions import requirements
from stile_engine.proof.equality import are_equal
from stile_engine.term import binding
from stile_engine.term.atoms import Poly, ReadAtom, of_atom, read_atom
from stile_engine.term.expression import Axes, Carried, Node, Recurrence, Tensor, bounds, children, every_node
from stile_engine.term.guarded import Condition, Element, Guarded, Missing, Piece, Unmodelled, everywhere, gather
from stile_engine.term.instantiate import Instantiation
from stile_engine.term.ring import substitute

MOST_ROUNDS = 4096
"""Rounds that are unrolled at most."""

_MOST_PIECES = 64
_GUESS_OPERATIONS = 60_000

Normalize = Callable[[Node], Guarded]
State = Callable[[int, Affine, Mapping[str, Affine]], Guarded]
"""Carry ``number`` before a round, its axes replaced by indices; both are expressions over other variables."""
WithState = Callable[[Recurrence, State, bool, Mapping[Node, Guarded]], Normalize]
"""The normal forms of expressions in a loop whose state is given. The third argument: expressions that do
not name the round have nothing to do with the state. The last one: expressions whose values are known."""


def solve(recurrence: Recurrence, normalize: Normalize, with_state: WithState, unrolled: bool = False) -> State:
    """The state of the loop at every round; where it cannot be told, every element is *unmodelled*.
    ``unrolled``: by writing it out, also where it has a closed form."""
    initial = [normalize(node) for node in recurrence.initial]
    loop = _Loop(recurrence, initial, normalize, with_state)
    found: tuple[Guarded, ...] | None = None
    try:
        with budget(_GUESS_OPERATIONS):
            found = None if unrolled else loop.by_induction()
    except (BudgetExceeded, ValueError, ArithmeticError):
        pass  # a guess whose terms have no value somewhere, or too long a one
    if found is not None:
        return _ByRound(recurrence, found)
    if recurrence.rounds.is_constant and recurrence.rounds.constant <= MOST_ROUNDS:
        return _Unrolled(recurrence, initial, normalize, with_state)
    reason = "no invariant of this loop was found, and its rounds are too many, or unknown, to be unrolled"
    unknown = everywhere(Unmodelled(reason, recurrence.location, supported=True))
    return lambda _number, _round, _index: unknown


@dataclass(frozen=True, slots=True)
class _ByRound:
    """A closed form over the loop's own variable."""

    recurrence: Recurrence
    forms: tuple[Guarded, ...]

    def __call__(self, number: int, round_: Affine, index: Mapping[str, Affine]) -> Guarded:
        return moved(self.forms[number], {**index, self.recurrence.variable: round_})


class _Unrolled:
    """The state after each round, one after the other."""

    def __init__(
        self, recurrence: Recurrence, initial: list[Guarded], normalize: Normalize, with_state: WithState
    ) -> None:
        self._recurrence = recurrence
        self._states = [tuple(initial)]
        body = with_state(recurrence, self, False, {})
        for round_ in range(recurrence.rounds.constant):
            spend()
            here = Instantiation({recurrence.variable: round_})
            self._states.append(tuple(body(here(node)) for node in recurrence.step))

    def __call__(self, number: int, round_: Affine, index: Mapping[str, Affine]) -> Guarded:
        if round_.is_constant:
            return moved(self._states[round_.constant][number], index)
        if len(self._states) > _MOST_PIECES:
            reason = "no invariant of this loop was found, and its rounds are too many to be told apart"
            return everywhere(Unmodelled(reason, self._recurrence.location, supported=True))
        pieces: list[tuple[IndexSet, Element]] = []
        conditions: list[Condition] = []
        for number_of_rounds, state in enumerate(self._states):
            here = IndexSet.where(compare(round_, "==", number_of_rounds))
            value = moved(state[number], index)
            pieces += [(p.guard & here, p.value) for p in value.pieces]
            conditions += [c.within(here) for c in value.conditions]
        return Guarded(gather(pieces, UNIVERSE), tuple(conditions))


class _Loop:
    """One search for closed forms."""

    def __init__(
        self, recurrence: Recurrence, initial: list[Guarded], normalize: Normalize, with_state: WithState
    ) -> None:
        self._recurrence = recurrence
        self._initial = initial
        self._normalize = normalize
        self._with_state = with_state
        self._round = recurrence.variable
        self._opaque = [_opaque_tensor(recurrence, number) for number in range(len(initial))]
        self._weights: dict[tuple[Poly, IndexSet], Poly] = {}
        self._shown: dict[int, Guarded] = {}
        """What the body makes of the carries whose closed forms have been shown already."""
        self._known: dict[Node, Guarded] = {}
        """The same as values of expressions of the body: the carry before the next round, in closed form."""

    def by_induction(self) -> tuple[Guarded, ...] | None:
        """Closed forms that hold: those that are claimed, and guessed ones for the other carries. A claim that says
        nothing of some elements, as of lanes past the end of a dim, is no closed form: that is guessed too."""
        claims = {k: self._normalize(c) for k, c in enumerate(self._recurrence.invariant) if c is not None}
        return self._checked({k: c for k, c in claims.items() if not self._is_partial(k, c)})

    def _is_partial(self, number: int, claim: Guarded) -> bool:
        box = self._before_rounds(number)
        return any(isinstance(p.value, Missing) and not (p.guard & box).is_empty for p in claim.pieces)

    def _before_rounds(self, number: int) -> IndexSet:
        """The elements of a carry before each round, and after the last one."""
        around = {**self._recurrence.outer, **self._recurrence.axes[number]}
        return IndexSet.box({**around, self._round: bounds(0, self._recurrence.rounds + 1)})

    def _checked(self, claims: Mapping[int, Guarded]) -> tuple[Guarded, ...] | None:
        forms = self._guess(claims)
        if forms is None:
            return None
        stepped = self._stepped(forms)
        for number, (form, after) in enumerate(zip(forms, stepped, strict=True)):
            if number not in self._shown and not self._holds(number, form, after):
                return None
        return self._with_conditions(forms, stepped)

    # -- guesses ---------------------------------------------------------------------------

    def _guess(self, claims: Mapping[int, Guarded]) -> tuple[Guarded, ...] | None:
        """A closed form for each carry; those that others are made of come first."""
        recurrence = self._recurrence
        found: dict[int, Guarded] = {}
        for number, claim in claims.items():
            if requirements(claim.conditions, self._before_rounds(number)):
                return None  # a claim that has no value for some inputs says nothing about these
            found[number] = claim
        direct = [{node.number for node in _carried(recurrence, step)} for step in recurrence.step]
        while len(found) < len(recurrence.step):
            waiting = [k for k in range(len(recurrence.step)) if k not in found]
            # what names only itself and what is known comes first; where there is none, names may still cancel
            ready = [k for k in waiting if not direct[k] - found.keys() - {k}] or waiting
            state = self._state({**{k: self._as_opaque(k) for k in range(len(recurrence.step))}, **found})
            body = self._with_state(recurrence, state, True, self._known)
            progress = False
            for number in ready:
                generic = body(recurrence.step[number])
                named = {read.tensor for read in _reads(generic)} & set(self._opaque)
                if named - {self._opaque[number]}:
                    continue  # made of a carry that is not known yet
                form = recurrences.closed_form(self._problem(number, found), generic)
                if form is None:
                    return None
                found[number] = form
                progress = True
                if direct[number] <= self._shown.keys() | {number} and not self._show(number, found):
                    return None
            if not progress:
                return None
        return tuple(found[number] for number in range(len(recurrence.step)))

    def _problem(self, number: int, found: Mapping[int, Guarded]) -> recurrences.Problem:
        recurrence = self._recurrence
        named = [node for node in _carried(recurrence, recurrence.step[number]) if node.number in found]
        known = [moved(found[n.number], dict(zip(recurrence.axes[n.number], n.index, strict=True))) for n in named]
        axes = recurrence.axes[number]
        inner = {**recurrence.outer, **axes, self._round: bounds(0, recurrence.rounds)}
        outer = {**recurrence.outer, **axes, self._round: bounds(0, recurrence.rounds + 1)}
        return recurrences.Problem(
            read_atom(self._opaque[number], tuple(Affine.variable(v) for v in axes)),
            self._round,
            self._initial[number],
            IndexSet.box(inner),
            IndexSet.box(outer),
            tuple(known),
            self._weights,
        )

    def _as_opaque(self, number: int) -> Guarded:
        axes = self._recurrence.axes[number]
        return everywhere(of_atom(read_atom(self._opaque[number], tuple(Affine.variable(v) for v in axes))))

    def _state(self, forms: Mapping[int, Guarded]) -> State:
        return lambda number, round_, index: moved(forms[number], {**index, self._round: round_})

    # -- the proof -------------------------------------------------------------------------

    def _show(self, number: int, forms: Mapping[int, Guarded]) -> bool:
        """Show the closed form of a carry that is made of itself and of carries with shown ones. The others may use
        it then: what the body makes of the carry is the carry before the next round."""
        recurrence = self._recurrence
        step = recurrence.step[number]
        after = self._with_state(recurrence, self._state(forms), True, self._known)(step)
        if not self._holds(number, forms[number], after):
            return False
        self._shown[number] = after
        if not isinstance(step, Carried):
            each = IndexSet.box(
                {**recurrence.outer, **recurrence.axes[number], self._round: bounds(0, recurrence.rounds)}
            )
            following = moved(forms[number], {self._round: Affine.variable(self._round) + 1})
            pieces = gather([(p.guard & each, p.value) for p in following.pieces], each)
            self._known[step] = Guarded(pieces, after.conditions)
        return True

    def _stepped(self, forms: tuple[Guarded, ...]) -> list[Guarded]:
        """What the body makes of the guessed state before a generic round."""
        body = self._with_state(self._recurrence, self._state(dict(enumerate(forms))), True, self._known)
        return [self._shown.get(k) or body(node) for k, node in enumerate(self._recurrence.step)]

    def _holds(self, number: int, form: Guarded, after: Guarded) -> bool:
        recurrence, variable = self._recurrence, Affine.variable(self._round)
        around = {**recurrence.outer, **recurrence.axes[number]}
        start = IndexSet.box(around)
        if not same(moved(form, {self._round: Affine()}, start), self._initial[number], start):
            return False
        each = IndexSet.box({**around, self._round: bounds(0, recurrence.rounds)})
        return same(moved(form, {self._round: variable + 1}, each), after, each)

    def _with_conditions(self, forms: tuple[Guarded, ...], stepped: list[Guarded]) -> tuple[Guarded, ...] | None:
        """The forms, with what earlier rounds needed of the inputs: round s < t of every carry involved."""
        recurrence = self._recurrence
        earlier = Affine.variable(self._round)
        result: list[Guarded] = []
        uses = [_uses(recurrence, number) for number in range(len(forms))]
        open_conditions: list[list[Condition]] = []
        for number, after in enumerate(stepped):
            box = IndexSet.box(
                {**recurrence.outer, **recurrence.axes[number], self._round: bounds(0, recurrence.rounds)}
            )
            left = requirements(after.conditions, box)
            open_conditions.append([Condition(r.kind, r.bound, r.domain, r.body, exact=False) for r in left])
        for number, form in enumerate(forms):
            conditions: list[Condition] = []
            for other in sorted(uses[number]):
                own = [_not_exact(c) for c in self._initial[other].conditions] + [
                    _at_some_round(c, self._round, earlier) for c in open_conditions[other]
                ]
                conditions += [self._seen_from(number, other, c) for c in own]
            result.append(Guarded(form.pieces, tuple(conditions)))
        return tuple(result)

    def _seen_from(self, number: int, other: int, condition: Condition) -> Condition:
        """A condition on an element of another carry, for every element of that carry: more than is needed
        where only some of them are used, which makes an assumption and never a proof."""
        if number == other and _is_elementwise(self._recurrence, number):
            return condition
        own = tuple(
            v for v in self._recurrence.axes[other] if v in condition.domain.variables | condition.body.variables
        )
        if not own:
            return condition
        domain = condition.domain & IndexSet.box({v: self._recurrence.axes[other][v] for v in own})
        renaming = binding.rename_apart(own)
        names = tuple(e.render() for e in renaming.values())
        return Condition(
            condition.kind,
            condition.bound + names,
            domain.substitute(renaming),
            substitute(condition.body, renaming),
            condition.source,
            exact=False,
        )


def same(left: Guarded, right: Guarded, box: IndexSet) -> bool:
    """Whether two guarded values are the same at every index of the box."""
    for p in left.pieces:
        for q in right.pieces:
            cell = p.guard & q.guard & box
            if cell is EMPTY:
                continue
            if isinstance(p.value, Unmodelled) or isinstance(q.value, Unmodelled):
                return False
            if isinstance(p.value, Missing) and isinstance(q.value, Missing):
                continue
            if isinstance(p.value, Poly) and isinstance(q.value, Poly):
                if not are_equal(p.value, q.value, cell, thorough=False):
                    return False
            elif p.value != q.value:
                return False
    return True


def moved(value: Guarded, mapping: Mapping[str, Affine], box: IndexSet = UNIVERSE) -> Guarded:
    """The value at other indices; only those in the box are asked for."""
    if all(e == Affine.variable(v) for v, e in mapping.items()):
        return value
    pieces = [(p.guard.substitute(mapping), p.value) for p in value.pieces]
    if box is not UNIVERSE and len(pieces) > 1:
        # outside, a term need not exist: the logarithm of a sum that is empty there
        pieces = [(guard, element) for guard, element in pieces if not guard.is_disjoint(box)]
    return Guarded(
        tuple(
            Piece(guard, substitute(element, mapping) if isinstance(element, Poly) else element)
            for guard, element in pieces
            if guard is not EMPTY  # where there is no index the term need not exist
        ),
        tuple(
            replace(c, domain=domain, body=substitute(c.body, mapping))
            for c in value.conditions
            for domain in [c.domain.substitute(mapping)]
            if domain is not EMPTY
        ),
    )


def _opaque_tensor(recurrence: Recurrence, number: int) -> Tensor:
    axes: Axes = recurrence.axes[number]
    # the lows of carries' axes are 0: their sizes are their highs
    return Tensor(f"carry {number} of {recurrence.variable}", tuple(axes), tuple(high for _, high in axes.values()))


def _reads(value: Guarded) -> set[ReadAtom]:
    found: set[ReadAtom] = set()
    for p in value.pieces:
        if isinstance(p.value, Poly):
            found |= p.value.reads
    return found


def _at_some_round(condition: Condition, variable: str, rounds: Affine) -> Condition:
    """The condition in every round before ``rounds``."""
    (name,) = binding.fresh()
    renaming = {variable: Affine.variable(name)}
    domain = condition.domain.substitute(renaming) & IndexSet.where(in_range(Affine.variable(name), 0, rounds))
    return Condition(
        condition.kind, (*condition.bound, name), domain, substitute(condition.body, renaming), exact=False
    )


def _not_exact(condition: Condition) -> Condition:
    return replace(condition, exact=False)


def _carried(recurrence: Recurrence, root: Node) -> list[Carried]:
    """The elements of the recurrence that an expression names; not those that they are made of in turn."""

    def own(node: Node) -> bool:
        return isinstance(node, Carried) and node.recurrence is recurrence

    nodes = every_node(root, below=lambda node: () if own(node) else children(node))
    return [node for node in nodes if isinstance(node, Carried) and own(node)]


def _uses(recurrence: Recurrence, number: int) -> set[int]:
    """The carries that carry ``number`` is made of, itself included."""
    found = {number}
    waiting = [number]
    while waiting:
        for node in _carried(recurrence, recurrence.step[waiting.pop()]):
            if node.number not in found:
                found.add(node.number)
                waiting.append(node.number)
    return found


def _is_elementwise(recurrence: Recurrence, number: int) -> bool:
    """Whether an element of the carry is made of the same element of it alone."""
    own = tuple(Affine.variable(v) for v in recurrence.axes[number])
    return all(node.index == own for node in _carried(recurrence, recurrence.step[number]) if node.number == number)
