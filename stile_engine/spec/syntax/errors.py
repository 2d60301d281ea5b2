"""What can be wrong with a spec, with the characters at fault."""

from __future__ import annotations

from stile_engine.errors import StileError


class SpecError(StileError):
    """A spec that says nothing, with the half-open range of characters ``[start, end)`` at fault.

    ``expected`` lists what could have stood there, in words. ``related`` are further ranges that the
    message speaks of, each with a remark: the bracket that is never closed, the other operand.
    """

    code = "spec-shape"

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        expected: tuple[str, ...] = (),
        related: tuple[tuple[int, int, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.expected = expected
        self.related = related


class SpecSyntaxError(SpecError):
    """The text is not a sentence of the grammar."""

    code = "spec-syntax"


class SpecShapeError(SpecError):
    """The text is a sentence without a meaning: dims, slices or operands that do not fit."""

    code = "spec-shape"


class SpecUnsupported(SpecError):
    """A sentence of the language that the engine does not model."""

    code = "unsupported"
