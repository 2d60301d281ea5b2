"""One call of an aten operation as the models see it, and the table of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from stile_engine.array.arrays import Array, Shape

Results: TypeAlias = "Array | Sequence[Array | None]"
"""One array for each tensor that the operation returns; None stands for one without a model."""


class Machine(Protocol):
    """What models need of the trace."""

    def array(self, value: Any) -> Array:
        """The elements of a tensor, or a number of the source text as an array of no axes."""

    def write(self, tensor: Any, elements: Array) -> None:
        """Replace the elements of a tensor."""

    def cast(self, source: str, target: str) -> None:
        """A conversion between floating types is listed: on real numbers it changes nothing."""

    def note(self, written: str, read: str) -> None:
        """A reading that differs from what is written is listed with the verdict."""


@dataclass(frozen=True, slots=True)
class Call:
    """``name`` is the operation without its overload; ``given`` are its arguments by the names of the schema.

    ``shapes`` and ``dtypes`` are those of the results.
    """

    name: str
    given: Mapping[str, Any]
    shapes: Sequence[Shape]
    dtypes: Sequence[str]
    machine: Machine

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    @property
    def dtype(self) -> str:
        return self.dtypes[0]

    def array(self, name: str) -> Array:
        return self.machine.array(self.given[name])

    def optional(self, name: str) -> Array | None:
        value = self.given.get(name)
        return None if value is None else self.machine.array(value)

    def shape_of(self, name: str) -> Shape:
        return tuple(self.given[name].shape)


Model: TypeAlias = Callable[[Call], Results]

MODELS: dict[str, Model] = {}

SELECTING = frozenset(
    """_unsafe_view amax amin bernoulli cat channel_shuffle clamp clamp_max clamp_min clone constant_pad_nd copy cummax
    cummin diag_embed embedding empty empty_like flip fmax fmin full full_like gather index index_copy index_fill
    index_select kthvalue masked_fill max maximum median min minimum new_empty new_full pixel_shuffle
    pixel_unshuffle relu repeat roll scalar_tensor scatter sort stack topk tril triu where""".split()
)
"""Operations whose results are elements of their operands. What others compute in integers must fit into their type,
beyond which the machine wraps around."""


def models(*names: str) -> Callable[[Model], Model]:
    """Register the model of the aten operations of these names, in all of their overloads."""

    def register(model: Model) -> Model:
        for name in names:
            MODELS[name] = model
        return model

    return register
