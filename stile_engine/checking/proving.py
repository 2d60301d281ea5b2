"""Who proves: the checks ask, and in a worker another process answers, one that has never run user code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from stile_engine.checking.mathematics import Typesetter
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.verdict import Range
from stile_engine.term.expression_text import expression_text
from stile_engine.term.notation.expression import formula_of_expression
from stile_engine.term.value import Value
from stile_engine.trace.report import KernelReport, Mathematics


class Role(StrEnum):
    """What the answer to a question means for the kernel."""

    CLAIM = "claim"
    """The kernel is right only if this is proved."""

    READING = "reading"
    """The claim before it, read in another way that is assumed to be meant."""

    PART = "part"
    """Only where to look: a tile of a claim that was not proved."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``actual`` equals ``spec``, for the kernel of this name at this place."""

    actual: Value
    spec: Value
    output: str
    sizes: Mapping[str, tuple[int, int]]
    details: bool
    kernel: str
    place: Range
    role: Role = Role.CLAIM


Prover: TypeAlias = Callable[[Question], Proof]


def prove_here(question: Question, confirmed: bool = True) -> Proof:
    """In this very process."""
    return prove_values(
        question.actual,
        question.spec,
        output=question.output,
        sizes=question.sizes,
        details=question.details,
        confirmed=confirmed,
    )


@dataclass(slots=True)
class Description:
    """What was proved of a kernel, as texts and formulas: what the first claim computes and its normal forms, and
    the first difference of any. To write them can take as long as the proof: the verdict does not wait for it."""

    normal_form: str | None = None
    spec_normal_form: str | None = None
    difference: str | None = None
    expr_type: str | None = None
    added_dims: dict[str, int | str] = field(default_factory=dict)
    formulas: dict[str, Mathematics] = field(default_factory=dict)
    typeset: Typesetter = field(default_factory=Typesetter)

    def add(self, actual: Value, proof: Proof) -> None:
        forms = proof.forms
        if forms is None:
            return
        if self.normal_form is None:
            extents = {d.name: d.extent for d in actual.dims}
            self.expr_type = expression_text(actual.node, extents)
            self.normal_form, self.spec_normal_form = forms.actual.text, forms.spec.text
            self.added_dims = {**forms.actual.added_dims, **forms.spec.added_dims}
            self.formulas["normalForm"] = self.typeset(forms.actual.formula)
            self.formulas["specNormalForm"] = self.typeset(forms.spec.formula)
            self.formulas["exprType"] = self.typeset(formula_of_expression(actual.node))
        if self.difference is None and forms.contrast is not None:
            self.difference = forms.difference
            self.formulas["difference"] = self.typeset(forms.contrast)

    def of(self, report: KernelReport) -> KernelReport:
        return replace(
            report,
            expr_type=self.expr_type,
            normal_form=self.normal_form,
            spec_normal_form=self.spec_normal_form,
            difference=self.difference,
            added_dims=self.added_dims,
            formulas=self.formulas,
        )
