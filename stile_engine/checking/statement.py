"""What a report says of the statement that was proved: the sizes it holds for, and forms for reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stile_engine.index.dims import DEFAULT_MAXIMUM, Dim
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.forms import Form
from stile_engine.proof.normalize import Normalizer
from stile_engine.term.expression import Tensor
from stile_engine.term.value import Value

EVERY_TENSOR = "every tensor"
"""Beside the sizes of dims, where one is symbolic: the bound on all of them together, part of the statement."""

NORMAL_FORM_OPERATIONS = 20_000
"""Budget for the normal forms of all values of a kernel together; they are only shown."""


def sizes_of(dims: Mapping[str, Dim], values: Sequence[Value], tensors: Sequence[Tensor] = ()) -> dict[str, int | str]:
    """The dims that the statement speaks of, with their sizes as reports show them."""
    names = [d.name for v in values for d in v.dims] + [name for t in tensors for name in t.dims]
    found = {name: dims[name].size_text for name in dict.fromkeys(names) if name in dims}
    if any(isinstance(size, str) for size in found.values()):
        found[EVERY_TENSOR] = f"<= 2**{DEFAULT_MAXIMUM.bit_length() - 1} elements"
    return found


def normal_form_of(details: bool, dims: Mapping[str, Dim]) -> Callable[[Value], Form | None]:
    """Normal forms, while the budget lasts. ``dims`` are those whose sizes may stand in one."""
    if not details:
        return lambda value: None

    normalize = Normalizer()
    extents = {name: dim.extent for name, dim in dims.items()}
    left = NORMAL_FORM_OPERATIONS

    def form(value: Value) -> Form | None:
        nonlocal left
        if left <= 0:
            return None
        try:
            with budget(left) as meter:
                found = Form(normalize(value.node), value.dims, extents)
                found.text, found.formula  # noqa: B018
                return found
        except BudgetExceeded:
            return None
        finally:
            left -= meter.spent

    return form
