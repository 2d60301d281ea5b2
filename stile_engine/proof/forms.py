"""The normal forms of the two sides of a proof, for reading: worked out when somebody asks for them.

Nothing here bears on a verdict. Writing a form down has a budget of its own, and what does not fit in
it, or has no words in the spec language, is folded between ``⟨`` and ``⟩``, which no spec has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from stile_engine.index.affine import Affine
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import render_sizes
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.term.atoms import Poly
from stile_engine.term.context import specialise
from stile_engine.term.guarded import Element, Guarded
from stile_engine.term.notation.contrast import contrast
from stile_engine.term.notation.formula import ELLIPSIS, Formula, formula_of
from stile_engine.term.notation.naming import CannotSay
from stile_engine.term.notation.spec_syntax import spec_text
from stile_engine.term.notation.unicode import unicode_text
from stile_engine.term.value import DimRange, Value

OPERATIONS = 40_000
"""Budget for writing one form down."""

T = TypeVar("T")


@dataclass(frozen=True)
class Form:
    """The normal form of one value."""

    value: Guarded
    dims: tuple[DimRange, ...]
    known: Mapping[str, Affine] = field(default_factory=dict)

    @cached_property
    def _spec(self) -> tuple[str, Mapping[str, Affine]]:
        try:
            found = _within_budget(lambda: spec_text(self.value, self.dims, self.known))
        except CannotSay:
            found = None
        if found is None:
            return f"⟨{unicode_text(self.formula)}⟩", {}
        return found.text, found.added

    @property
    def text(self) -> str:
        """Spec syntax; a text between ``⟨`` and ``⟩`` is no spec."""
        return self._spec[0]

    @property
    def added_dims(self) -> dict[str, int | str]:
        """Dims that only the text names, for a second index along a dim, with their sizes."""
        return {n: e.constant if e.is_constant else render_sizes(e) for n, e in self._spec[1].items()}

    @cached_property
    def formula(self) -> Formula:
        box = IndexSet.box({d.name: (d.low, d.high) for d in self.dims})
        return _within_budget(lambda: formula_of(self.value, box, {**self.known, **_extents(self.dims)})) or ELLIPSIS


@dataclass(frozen=True)
class Forms:
    """Both sides, and two terms that are not seen to be equal where there are some."""

    actual: Form
    spec: Form
    unequal: tuple[IndexSet, Element, Element] | None = None

    @cached_property
    def contrast(self) -> Formula | None:
        """Both terms with only their difference, at the indices where they differ."""
        if self.unequal is None:
            return None
        cell, left, right = self.unequal

        def found() -> Formula:
            sides = [specialise(e, cell) if isinstance(e, Poly) else e for e in (left, right)]
            return contrast(sides[0], sides[1])

        return _within_budget(found)

    def latex(self) -> dict[str, str]:
        """What there is, by ``actual``, ``spec`` and ``difference``. Loads sympy."""
        from stile_engine.term.notation.latex import latex_text

        formulas = {"actual": self.actual.formula, "spec": self.spec.formula, "difference": self.contrast}
        found = {name: latex_text(f) for name, f in formulas.items() if f is not None}
        return {name: text for name, text in found.items() if text is not None}

    @property
    def difference(self) -> str | None:
        return unicode_text(self.contrast) if self.contrast is not None else None


def forms_of(
    actual: Value,
    mine: Guarded,
    spec: Value,
    theirs: Guarded,
    known: Mapping[str, Affine],
    unequal: tuple[IndexSet, Element, Element] | None,
) -> Forms:
    extents = {**known, **_extents(actual.dims), **_extents(spec.dims)}
    return Forms(Form(mine, actual.dims, extents), Form(theirs, spec.dims, extents), unequal)


def _extents(dims: Sequence[DimRange]) -> dict[str, Affine]:
    return {d.name: d.extent for d in dims if d.name.isidentifier()}


def _within_budget(work: Callable[[], T]) -> T | None:
    try:
        with budget(OPERATIONS):
            return work()
    except (BudgetExceeded, RecursionError):
        return None
