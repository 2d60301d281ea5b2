"""What the tests of printing share: a normal form written down, read again, and held against itself."""

from __future__ import annotations

from collections.abc import Mapping

from stile_engine.index.affine import Affine
from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.proof.normalize import Normalizer
from stile_engine.spec.lower import lower
from stile_engine.term.atoms import Poly
from stile_engine.term.context import specialise
from stile_engine.term.guarded import Guarded, Infinite, Missing
from stile_engine.term.notation.spec_syntax import SpecText, spec_text

SAME, SAME_HERE, DIFFERENT = "the same term", "the same term at these indices", "another term"


def round_trip(text: str, dims: Mapping[str, Affine]) -> tuple[SpecText, str]:
    """The normal form of a spec in spec syntax, and whether reading that gives the identical term.

    Raises ``CannotSay`` where the normal form cannot be written down.
    """
    value = lower(text, dims).value
    form = Normalizer()(value.node)
    printed = spec_text(form, value.dims, dims)
    again = lower(printed.text, {**dims, **printed.added}).value
    assert again.dims == value.dims, f"{text}: printed as {printed.text}, which has {again.shape_type}"
    return printed, compared(form, Normalizer()(again.node), box_of(value.axes, dims))


def box_of(axes: Mapping[str, tuple[Affine, Affine]], dims: Mapping[str, Affine]) -> IndexSet:
    box = IndexSet.box(dict(axes))
    for extent in dims.values():
        if not extent.is_constant:
            box = box & IndexSet.box({v: (Affine.of(1), Affine.of(1 << 40)) for v in extent.variables})
    return box


def compared(form: Guarded, again: Guarded, box: IndexSet) -> str:
    found = SAME
    for p in form.pieces:
        for q in again.pieces:
            cell = p.guard & q.guard & box
            if cell is EMPTY:
                continue
            match p.value, q.value:
                case Poly(), Poly():
                    if p.value is q.value:
                        continue
                    if specialise(p.value, cell) is not specialise(q.value, cell):
                        return DIFFERENT
                    found = SAME_HERE
                case Infinite(), Infinite():
                    assert p.value == q.value, f"{p.value} is read as {q.value}"
                case Missing(), Missing():
                    pass
                case _:
                    raise AssertionError(f"{p.value} is read as {q.value} where {cell}")
    return found
