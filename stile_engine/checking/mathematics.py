"""Formulas of a report: Unicode for all, LaTeX while the budget of the kernel lasts.

LaTeX is laid out by sympy, which takes a millisecond for what Unicode takes microseconds for. So it is
counted, in characters of the Unicode text: the same formulas get LaTeX on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from stile_engine.term.notation.formula import Formula
from stile_engine.term.notation.latex import latex_text
from stile_engine.term.notation.unicode import unicode_text
from stile_engine.trace.report import Mathematics

LATEX_CHARACTERS = 6_000
"""For all formulas of one kernel together."""

VALUES_CHARACTERS = 1_500
"""For the values inside a kernel together: there are many, and a hover shows Unicode."""

LONGEST = 2_000


@dataclass(slots=True)
class Typesetter:
    left: int = LATEX_CHARACTERS

    def __call__(self, formula: Formula) -> Mathematics:
        text = unicode_text(formula)
        if len(text) > min(LONGEST, self.left):
            return Mathematics(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
        self.left -= len(text)
        return Mathematics(text, latex_text(formula))
