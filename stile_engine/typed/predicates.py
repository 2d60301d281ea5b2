"""Predicates over dims as they stand in ``.where("n <= q")`` and ``mask``."""

from __future__ import annotations

from stile_engine.errors import StileError, UsageError
from stile_engine.index.dims import registered_dims
from stile_engine.index.predicate import Predicate
from stile_engine.spec.indices import Indices
from stile_engine.spec.syntax import SpecError, parse
from stile_engine.spec.syntax.tree import Masked
from stile_engine.typed.shape import ShapeType

_PREFIX = "0 where "


class PredicateError(StileError):
    """A predicate that is no sentence of the spec language, or names what is no dim."""

    code = "spec-syntax"


def parse_predicate(text: str, st: ShapeType) -> Predicate:
    """The predicate; it may name every declared dim, in coordinates of the whole dim. Raises ``PredicateError``."""
    if not isinstance(text, str):
        raise UsageError(f"a predicate is a text such as 'n <= q', not {text!r}")
    extents = {name: d.extent for name, d in registered_dims().items()} | st.extents
    try:
        body = parse(_PREFIX + text).body
        if not isinstance(body, Masked):
            raise PredicateError(f"{text!r} is no predicate")
        return Indices(extents).predicate(body.predicate)
    except SpecError as error:
        column = max(error.start - len(_PREFIX), 0)
        raise PredicateError(
            f"in the predicate {text!r}, at character {column}: {error.message}", code=error.code
        ) from error
