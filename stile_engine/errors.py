"""Exceptions that users can meet. Each carries one of the codes that have a page under docs/codes/."""

from __future__ import annotations


class StileError(Exception):
    """Base of all exceptions of this package."""

    code = "internal-error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def message(self) -> str:
        return str(self.args[0])


class DimError(StileError, ValueError):
    """A dim, a slice or two operands that do not fit."""

    code = "dim-mismatch"


class UnsupportedError(StileError, NotImplementedError):
    """Something that the engine does not model. It never counts as proved."""

    code = "unsupported"


class UsageError(StileError, TypeError):
    """The interface was called in a way that has no meaning."""

    code = "exception"
