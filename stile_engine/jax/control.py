"""Calls, branches and loops. Loops are unrolled within a budget of rounds."""

from __future__ import annotations

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    TruthArray,
    Unreadable,
    axis,
    reindex,
)
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.array.structure import stacked
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER

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
    return machine.call(inner, operation.inputs, operation.site)


@handles("cond")
def branch(operation: Operation, machine: Machine) -> list[Array]:
    which, *operands = operation.inputs
    branches = operation.params["branches"]
    number = _scalar(which)
    if number is None:
        raise Unreadable("a branch that depends on data")
    # The index is clamped to the branches there are.
    return machine.call(branches[min(max(number, 0), len(branches) - 1)], operands, operation.site)


def _scalar(array: Array) -> int | None:
    if isinstance(array, IntegerArray):
        return array.constant
    if isinstance(array, TruthArray) and array.predicate in (ALWAYS, NEVER):
        return int(array.predicate == ALWAYS)
    return None


@handles("while")
def while_loop(operation: Operation, machine: Machine) -> list[Array]:
    condition_constants = int(operation.params["cond_nconsts"])
    body_constants = int(operation.params["body_nconsts"])
    inputs = list(operation.inputs)
    for_condition = inputs[:condition_constants]
    for_body = inputs[condition_constants : condition_constants + body_constants]
    carry = inputs[condition_constants + body_constants :]
    while True:
        machine.spend_step(operation.site)
        going = _scalar(machine.call(operation.params["cond_jaxpr"], [*for_condition, *carry], operation.site)[0])
        if going is None:
            raise Unreadable("a loop whose end depends on data")
        if not going:
            return carry
        carry = machine.call(operation.params["body_jaxpr"], [*for_body, *carry], operation.site)


@handles("scan")
def scan(operation: Operation, machine: Machine) -> list[Array]:
    constants_count, carry_count = int(operation.params["num_consts"]), int(operation.params["num_carry"])
    length, backwards = int(operation.params["length"]), bool(operation.params["reverse"])
    inputs = list(operation.inputs)
    constants = inputs[:constants_count]
    carry = inputs[constants_count : constants_count + carry_count]
    sequences = inputs[constants_count + carry_count :]
    outputs: list[list[Array]] = [[] for _ in operation.shapes[carry_count:]]
    if length == 0 and outputs:
        raise Unreadable("a scan of no rounds with outputs")
    for step in range(length - 1, -1, -1) if backwards else range(length):
        machine.spend_step(operation.site)
        current = [_element(sequence, step) for sequence in sequences]
        results = machine.call(operation.params["jaxpr"], [*constants, *carry, *current], operation.site)
        carry = results[:carry_count]
        for collected, result in zip(outputs, results[carry_count:], strict=True):
            collected.append(result)
    if backwards:
        for collected in outputs:
            collected.reverse()
    shapes = operation.shapes[carry_count:]
    return [*carry, *(stacked(parts, 0, shape) for parts, shape in zip(outputs, shapes, strict=True))]


def _element(sequence: Array, step: int) -> Array:
    shape = sequence.shape[1:]
    indices = [Affine((), step), *(axis(a) for a in range(len(shape)))]
    return reindex(sequence, indices, shape, sequence.origins[1:])
