"""A counterexample on the kernel itself: Triton's interpreter runs it on the inputs of a witness, at small sizes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from stile_engine.index.affine import Affine
from stile_engine.proof.inputs import Profile
from stile_engine.proof.verdict import Witness
from stile_engine.trace.frontend import Launch, Parameter
from stile_engine.triton import adapter
from stile_engine.triton.memory import row_major
from stile_engine.triton.polynomials import Polynomial

if TYPE_CHECKING:
    import numpy as np

LARGEST = 64
"""Sizes above it are not run, and neither are more programs."""


class NotRun(Exception):
    """The kernel is not run on such a witness."""


def value_at(
    function: Any,
    parameters: Mapping[str, Parameter],
    launch: Launch,
    constants: Mapping[str, Any],
    grid: tuple[Polynomial, ...],
    strides: Mapping[str, tuple[Polynomial, ...]],
    symbols: Mapping[str, int],
    integers: Mapping[str, Polynomial],
    witness: Witness,
) -> float:
    """What the kernel leaves in its output at the index of the witness.

    ``symbols`` gives the numbers of unknown sizes; tensors lie without gaps, and strides without numbers are what
    that makes of them. Raises ``NotRun``.
    """
    output = parameters.get(witness.output or "")
    if output is None or not output.written:
        raise NotRun
    known = dict(symbols)
    arrays: dict[str, Any] = {}
    for name, parameter in parameters.items():
        shape = tuple(d.extent.evaluate(known) for d in parameter.dims)
        if any(n > LARGEST for n in shape) or parameter.dtype not in ("float32", "float64"):
            raise NotRun
        arrays[name] = _contents(parameter, shape, witness)
        _bind(strides.get(name, ()), parameter, known)
        if not parameter.dims and not parameter.written and name not in launch.pointers:
            arrays[name] = float(arrays[name])
    programs = tuple(n.evaluate(known) for n in grid)
    if not 0 < prod(programs) <= LARGEST:
        raise NotRun
    given: dict[str, Any] = {**arrays, **constants}
    for argument in adapter.arguments(function):
        if argument.name not in given:
            own = integers.get(argument.name, Polynomial.of(Affine.variable(f"#{argument.name}")))
            given[argument.name] = own.evaluate(known)
    adapter.interpret(function, given, programs)
    place = tuple(witness.index[d.name] for d in output.dims)
    return float(arrays[output.name][place])


def _contents(parameter: Parameter, shape: tuple[int, ...], witness: Witness) -> np.ndarray[Any, Any]:
    """The elements that the witness draws; what is only written holds no number before."""
    import numpy as np

    found: np.ndarray[Any, Any] = np.full(shape, np.nan, parameter.dtype)
    tensor = parameter.tensor
    if tensor is None:
        return found
    if tensor.integer or tensor.signs is not None:
        raise NotRun  # these are drawn so that declared facts hold
    spikes = frozenset((tensor, place) for place in witness.spikes.get(tensor.name, ()))
    # Where no value counts, as for elements that are never written, any inputs do.
    profile = Profile(witness.seed or 0, witness.drawn or "mixed", spikes)
    for place in np.ndindex(*shape):
        found[place] = float(profile(tensor, place))
    return found


def _bind(strides: tuple[Polynomial, ...], parameter: Parameter, known: dict[str, int]) -> None:
    """The numbers of unknown strides. Raises ``NotRun`` for strides that are not those of a tensor without gaps."""
    for own, wanted in zip(strides, row_major(tuple(d.extent for d in parameter.dims)), strict=False):
        number = wanted.evaluate(known)
        if own.affine is not None and len(own.affine.terms) == 1 and own.affine == Affine((own.affine.terms[0],)):
            name, factor = own.affine.terms[0]
            if isinstance(name, str) and factor == 1 and known.setdefault(name, number) == number:
                continue
        try:
            fits = own.evaluate(known) == number
        except KeyError:
            fits = False
        if not fits:
            raise NotRun
