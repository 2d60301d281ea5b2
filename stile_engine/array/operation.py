"""One primitive operation as the handlers see it, and the table of handlers.

The primitives are those of XLA, which most array languages can be lowered to; ``params`` has their names too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from stile_engine.array.arrays import (
    Array,
    Shape,
    UnknownArray,
    Unreadable,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.meeting import meet
from stile_engine.array.sizes import same_shape
from stile_engine.array.values import parts_of
from stile_engine.index.affine import Affine
from stile_engine.index.sizes import is_fixed, same_size
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Violation


@dataclass(frozen=True, slots=True)
class Operation:
    """``shapes`` and ``dtypes`` are those of the results."""

    name: str
    params: Mapping[str, Any]
    inputs: Sequence[Array]
    shapes: Sequence[Shape]
    dtypes: Sequence[str]
    site: Site | None

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    @property
    def unknown_input(self) -> UnknownArray | None:
        return next((i for i in self.inputs if isinstance(i, UnknownArray)), None)


class Machine(Protocol):
    """What handlers of control flow need of the interpreter."""

    def call(
        self, jaxpr: Any, inputs: Sequence[Array], site: Site | None, only: frozenset[int] | None = None
    ) -> list[Array]:
        """Read an inner jaxpr. ``site`` is the place of the call. Results that are not in ``only`` may be unknown."""

    def spend_step(self, site: Site | None) -> None:
        """Account for one round of an unrolled loop."""

    def violation(self, violation: Violation) -> None:
        """A rule that the kernel breaks, whatever its inputs are."""

    def round_variable(self) -> str:
        """A name for the round of a loop that nothing else has."""

    def quietly(self) -> AbstractContextManager[None]:
        """What is read inside is not shown to anyone."""

    def repeatedly(self, rounds: int) -> AbstractContextManager[None]:
        """What is read once inside is computed so many times."""

    def tentatively(self) -> AbstractContextManager[None]:
        """What is read inside is not shown if it ends in ``Unreadable``."""


MOST_ROUNDS = 4096
"""Rounds of loops that are read one by one, in all loops of a kernel together."""

Handler: TypeAlias = Callable[[Operation, Machine], list[Array]]

HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register the model of the primitives of these names."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


def handles_pointwise(*names: str) -> Callable[[Handler], Handler]:
    """``handles`` for primitives on each element, whose operands may have size 1 where the result has more."""

    def register(handler: Handler) -> Handler:
        def widening(operation: Operation, machine: Machine) -> list[Array]:
            inputs = [_widened(i, operation.shape) for i in operation.inputs]
            meet_pointwise(inputs, operation.shape)
            return handler(replace(operation, inputs=inputs), machine)

        handles(*names)(widening)
        return handler

    return register


def spread(array: Array, shape: Shape) -> Array:
    """Broadcast to a shape, axes of size 1 and missing leading axes included."""
    missing = len(shape) - len(array.shape)
    indices = [Affine() if is_fixed(size, 1) else axis(a + missing) for a, size in enumerate(array.shape)]
    return reindex(array, indices, shape)


def meet_pointwise(operands: Sequence[Array], shape: Shape) -> None:
    """The operands are taken together element by element; those without axes fit anything."""
    together = [parts_of(operand) for operand in operands if operand.shape]
    if len(together) > 1:
        meet(together, ranges_of(shape))


def _widened(array: Array, shape: Shape) -> Array:
    """The array read at index 0 of its axes of size 1 that the result has more of."""
    if same_shape(array.shape, shape) or len(array.shape) != len(shape):
        return array
    kept = [same_size(own, size) for own, size in zip(array.shape, shape, strict=True)]
    if any(not same and not is_fixed(own, 1) for own, same in zip(array.shape, kept, strict=True)):
        raise Unreadable("operands of different sizes")
    indices = [axis(number) if same else Affine() for number, same in enumerate(kept)]
    return reindex(array, indices, shape)
