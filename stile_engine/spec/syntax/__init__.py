"""The syntax of specs: text to parse tree. Imports lark and the standard library alone, for the server's sake."""

from stile_engine.spec.syntax.errors import SpecError, SpecShapeError, SpecSyntaxError, SpecUnsupported
from stile_engine.spec.syntax.names import NameSpan, spans_of_names
from stile_engine.spec.syntax.parser import parse
from stile_engine.spec.syntax.tree import Spec

__all__ = [
    "NameSpan",
    "Spec",
    "SpecError",
    "SpecShapeError",
    "SpecSyntaxError",
    "SpecUnsupported",
    "parse",
    "spans_of_names",
]
