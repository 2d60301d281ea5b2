"""Calls, branches and loops. A loop is read once, for a generic round, where that can be done, and
round by round, within a budget, where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    Shape,
    TruthArray,
    Unreadable,
    around,
    axis,
    decide,
    reindex,
)
from stile_engine.array.arrays import (
    integers as integer_array,
)
from stile_engine.array.choice import choose
from stile_engine.array.elementwise import floored_remainder, is_float, logarithm_of_sum
from stile_engine.array.loops import Body, Rolled, at_round, integer_steps, rounds_while, where_some
from stile_engine.array.operation import MOST_ROUNDS, Machine, Operation, handles
from stile_engine.array.structure import stacked
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, negate
from stile_engine.index.sizes import Size, SymbolicInteger
from stile_engine.jax import adapter, references
from stile_engine.term.expression import bounds

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


@handles(
    "jit",
    "pjit",
    "closed_call",
    "core_call",
    "call",
    "remat",
    "remat2",
    "checkpoint",
    "custom_jvp_call",
    "custom_vjp_call",
    "custom_vjp_call_jaxpr",
)
def call(operation: Operation, machine: Machine) -> list[Array]:
    """The body itself: derivatives and compilation do not change the value."""
    inner = next((operation.params[name] for name in _INNER if name in operation.params), None)
    if inner is None:
        raise Unreadable(f"a call without a body ({operation.name})")
    match adapter.library_function(inner):
        case "logaddexp":
            # Its body asks whether a difference is NaN, which numbers never are: it is log(exp(a) + exp(b)).
            return [logarithm_of_sum(operation)]
        case "remainder" if is_float(operation.dtypes[0]) and not references.references(operation.inputs):
            # Its body takes the truncated one and repairs its sign.
            return [floored_remainder(operation)]
    return machine.call(inner, operation.inputs, operation.site)


@handles("dim_as_value")
def size_as_number(operation: Operation, _machine: Machine) -> list[Array]:
    return [integer_array((), Affine.of(operation.params["dim"]))]


@handles("cond")
def branch(operation: Operation, machine: Machine) -> list[Array]:
    which, *operands = operation.inputs
    branches = operation.params["branches"]
    number = _scalar(which)
    last = len(branches) - 1
    if number is not None:
        # The index is clamped to the branches there are.
        return machine.call(branches[min(max(number, 0), last)], operands, operation.site)
    conditions = _branch_conditions(which, last)
    results = references.in_branches(
        [partial(machine.call, inner, operands, operation.site) for inner in branches], conditions
    )
    return [
        choose([(p, result[k]) for p, result in zip(conditions, results, strict=True)], shape)
        for k, shape in enumerate(operation.shapes)
    ]


def _branch_conditions(which: Array, last: int) -> list[Predicate]:
    """For each branch, when it is taken provided that none before it is."""
    if isinstance(which, TruthArray):
        return [negate(which.predicate), ALWAYS]
    if not isinstance(which, IntegerArray):
        raise Unreadable("a branch that depends on data")
    limit = [IntegerArray((), integers.always(Affine((), number))) for number in range(last)]
    return [*(integers.comparison(which, "<=", one, ()).predicate for one in limit), ALWAYS]


def _scalar(array: Array) -> int | None:
    if isinstance(array, IntegerArray):
        return array.constant
    if isinstance(array, TruthArray) and array.predicate in (ALWAYS, NEVER):
        return int(array.predicate == ALWAYS)
    return None


MOST_ALWAYS_UNROLLED = 2
"""Loops of so few rounds are read round by round: there is nothing to induct over."""


@handles("while")
def while_loop(operation: Operation, machine: Machine) -> list[Array]:
    condition_constants = int(operation.params["cond_nconsts"])
    body_constants = int(operation.params["body_nconsts"])
    inputs = list(operation.inputs)
    for_condition = inputs[:condition_constants]
    for_body = inputs[condition_constants : condition_constants + body_constants]
    carry = inputs[condition_constants + body_constants :]
    count = len(carry)
    held = references.carried(operation.params["body_jaxpr"], [*for_body, *carry])

    def condition(carries: Sequence[Array]) -> Array:
        with held.holding(carries[count:]):
            return machine.call(operation.params["cond_jaxpr"], [*for_condition, *carries[:count]], operation.site)[0]

    def body(carries: Sequence[Array], _round: Affine, only: frozenset[int] | None = None) -> list[Array]:
        with held.holding(carries[count:]):
            given = [*for_body, *carries[:count]]
            results = machine.call(operation.params["body_jaxpr"], given, operation.site, _own(only, count))
            return [*results, *held.contents()]

    carry = [*carry, *held.contents()]
    try:
        with machine.tentatively():
            after = _rolled_while(operation, machine, carry, condition, body, lambda only: body(carry, Affine(), only))
    except Unreadable as reason:
        after = _unrolled_while(operation, machine, carry, condition, body, reason)
    held.put(after[count:])
    return after[:count]


def _rolled_while(
    operation: Operation,
    machine: Machine,
    carry: list[Array],
    condition: Callable[[Sequence[Array]], Array],
    body: Body,
    first_round: Callable[[frozenset[int]], Sequence[Array]],
) -> list[Array]:
    variable = machine.round_variable()
    with machine.quietly():
        deltas = integer_steps(carry, first_round)
    with around({variable: bounds(0, 2**31)}):
        generic = [at_round(a, deltas.get(k), Affine.variable(variable)) for k, a in enumerate(carry)]
        some, rounds = rounds_while(condition(generic), variable)
    always = decide(some, ())
    if always is False:
        return carry
    if rounds.is_constant and rounds.constant <= MOST_ALWAYS_UNROLLED:
        raise Unreadable("a loop of few rounds")
    with machine.repeatedly(rounds.constant if rounds.is_constant else 1):
        loop = Rolled(variable, rounds, carry, deltas, body, operation.site)
    after = loop.carries()
    return after if always else where_some(some, after, carry)


def _unrolled_while(
    operation: Operation,
    machine: Machine,
    carry: list[Array],
    condition: Callable[[Sequence[Array]], Array],
    body: Body,
    reason: Unreadable,
) -> list[Array]:
    while True:
        machine.spend_step(operation.site)
        going = _scalar(condition(carry))
        if going is None:
            raise reason
        if not going:
            return carry
        carry = body(carry, Affine())


def _own(only: frozenset[int] | None, count: int) -> frozenset[int] | None:
    """Of the carries that are asked for those of the body itself: where memory is among them, all are read."""
    return only if only is not None and all(k < count for k in only) else None


@handles("scan")
def scan(operation: Operation, machine: Machine) -> list[Array]:
    constants_count, carry_count = int(operation.params["num_consts"]), int(operation.params["num_carry"])
    length: Size = operation.params["length"]
    backwards = bool(operation.params["reverse"])
    inputs = list(operation.inputs)
    constants = inputs[:constants_count]
    carry = inputs[constants_count : constants_count + carry_count]
    sequences = inputs[constants_count + carry_count :]
    shapes = operation.shapes[carry_count:]
    held = references.carried(operation.params["jaxpr"], inputs)

    def body(carries: Sequence[Array], round_: Affine, only: frozenset[int] | None = None) -> list[Array]:
        step = Affine.of(length) - 1 - round_ if backwards else round_
        current = [_element(sequence, step) for sequence in sequences]
        with held.holding(carries[carry_count:]):
            given = [*constants, *carries[:carry_count], *current]
            results = machine.call(operation.params["jaxpr"], given, operation.site, _own(only, carry_count))
            return [*results[:carry_count], *held.contents(), *results[carry_count:]]

    carry = [*carry, *held.contents()]
    first_round = lambda only: body(carry, Affine(), only)
    after, outputs = _scanned(operation, machine, carry, body, first_round, length, backwards, shapes)
    held.put(after[carry_count:])
    return [*after[:carry_count], *outputs]


def _scanned(
    operation: Operation,
    machine: Machine,
    carry: list[Array],
    body: Body,
    first_round: Callable[[frozenset[int]], Sequence[Array]],
    length: Size,
    backwards: bool,
    shapes: Sequence[Shape],
) -> tuple[list[Array], list[Array]]:
    """What is carried after the last round, and the outputs."""
    count = len(carry)
    fixed = None if isinstance(length, SymbolicInteger) else length

    if fixed is None or fixed > MOST_ALWAYS_UNROLLED:
        try:
            with machine.tentatively():
                with machine.quietly():
                    deltas = integer_steps(carry, first_round)
                with machine.repeatedly(1 if fixed is None else fixed):
                    loop = Rolled(machine.round_variable(), Affine.of(length), carry, deltas, body, operation.site)
                return loop.carries(), loop.stacked(shapes, backwards)
        except Unreadable as reason:
            if fixed is None:
                raise Unreadable(f"{reason}, in a loop of {length!r} rounds") from reason
            if fixed > MOST_ROUNDS:
                raise Unreadable(f"{reason}, in a loop of more than {MOST_ROUNDS} rounds") from reason
    outputs: list[list[Array]] = [[] for _ in shapes]
    assert fixed is not None
    if fixed == 0 and outputs:
        raise Unreadable("a scan of no rounds with outputs")
    for step in range(fixed):
        machine.spend_step(operation.site)
        results = body(carry, Affine((), step))
        carry = results[:count]
        for collected, result in zip(outputs, results[count:], strict=True):
            collected.append(result)
    if backwards:
        for collected in outputs:
            collected.reverse()
    return carry, [stacked(parts, 0, shape) for parts, shape in zip(outputs, shapes, strict=True)]


def _element(sequence: Array, step: Affine) -> Array:
    shape = sequence.shape[1:]
    indices = [step, *(axis(a) for a in range(len(shape)))]
    return reindex(sequence, indices, shape)
