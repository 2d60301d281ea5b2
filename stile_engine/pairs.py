"""Two expressions of the spec language, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stile_engine.index.dims import Dim, unknowns_of
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.spec.lower import SpecError, declared, lower
from stile_engine.spec.syntax.parser import parse


class PairError(SpecError):
    """A ``SpecError`` that knows which of the two expressions it is about: ``actual`` or ``spec``."""

    def __init__(self, side: str, text: str, error: SpecError) -> None:
        super().__init__(error.message, error.start, error.end, error.expected, error.related)
        self.code = error.code
        self.side = side
        self.text = text


def prove(
    actual: str,
    spec: str,
    dims: Mapping[str, Any] | None = None,
    *,
    assume: str | Sequence[str] = (),
    details: bool = True,
) -> Proof:
    """Whether two expressions are equal: ``prove("X:Q + X:Q", "2 * X:Q", dims={"Q": 8})``.

    ``dims`` gives each dim's size, or a dim made by ``dim(…)``. Tensors of one label and the same dims are
    the same input on both sides, and so are unlabelled ones of the same number. The order of the dims does
    not count. ``assume`` are facts about the inputs, such as ``"I permutation of Q"``: premises of the
    equality. Raises ``SpecError`` with the characters at fault, ``DimError`` for a size that is none.
    """
    known = {name: size if isinstance(size, Dim) else Dim(name, size) for name, size in (dims or {}).items()}
    extents = {name: dim.extent for name, dim in known.items()}
    values = []
    trees = []
    facts = [assume] if isinstance(assume, str) else list(assume)
    for side, text in (("actual", actual), ("spec", spec)):
        try:
            trees.append(parse(text))
        except SpecError as error:
            raise PairError(side, text, error) from error
    # what an input is, the two expressions say together
    inputs = declared(trees, extents, facts)
    for (side, text), tree in zip((("actual", actual), ("spec", spec)), trees, strict=True):
        try:
            values.append(lower(tree, extents, known=inputs).value)
        except SpecError as error:
            raise PairError(side, text, error) from error
    ranges = unknowns_of(known.values())
    return prove_values(values[0], values[1], sizes=ranges, details=details, symmetric=True, known=extents)
