"""``stile/proofView``: types, normal forms and obligations at a position, as text and as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stile_engine.trace.report import KernelReport, Mathematics, Obligation
from stile_lsp.latex import words
from stile_lsp.lookup import entry_at, value_at
from stile_lsp.messages import PROOF_VIEW, Arguments
from stile_lsp.session import Entry
from stile_lsp.wording import explanation, repro

if TYPE_CHECKING:
    from stile_lsp.server import StileServer


def register(server: StileServer) -> None:
    @server.feature(PROOF_VIEW)
    def proof_view(params: Any) -> dict[str, Any] | None:
        arguments = Arguments(params)
        state = server.find_state(arguments.uri())
        if state is None:
            return None
        position = server.places(state.uri).ours(arguments.position())
        found = value_at(state, position)
        entry = found[2] if found is not None else entry_at(state, position)
        if entry is None:
            return None
        kernel = entry.shown
        view = _kernel_view(kernel)
        if found is not None:
            value = found[0]
            view["shapeType"] = _formula(value.shape_type)
            view["exprType"] = _formula(value.expr_type, value.formulas.get("exprType"))
            if kernel is None or position > entry.name_range.end:
                own = _formula(value.normal_form, value.formulas.get("normalForm"))
                view["normalForm"] = own or view["normalForm"]
        return view


def _kernel_view(kernel: KernelReport | None) -> dict[str, Any]:
    formulas = kernel.formulas if kernel else {}
    return {
        "shapeType": _formula(kernel.shape_type if kernel else None),
        "exprType": _formula(kernel.expr_type if kernel else None, formulas.get("exprType")),
        "normalForm": _formula(kernel.normal_form if kernel else None, formulas.get("normalForm")),
        "specNormalForm": _formula(kernel.spec_normal_form if kernel else None, formulas.get("specNormalForm")),
        "difference": _formula(kernel.difference if kernel else None, formulas.get("difference")),
        "repro": repro(kernel) if kernel else None,
        "literals": [_formula(f"{r.written} is read as {r.read}") for r in kernel.literals] if kernel else None,
        "obligations": [_formula(obligation_text(o)) for o in kernel.obligations] if kernel else None,
    }


def _formula(text: str | None, formula: Mathematics | None = None) -> dict[str, str] | None:
    """``text`` is spec syntax or words; without a formula LaTeX shows the same characters."""
    if not text:
        return None
    latex = formula.latex if formula else None
    return {"text": text, "unicode": formula.unicode if formula else text, "latex": latex or words(text)}


def obligation_text(obligation: Obligation) -> str:
    line = f" (line {obligation.range.start.line + 1})" if obligation.range is not None else ""
    detail = f": {obligation.detail}" if obligation.detail else ""
    return f"{obligation.kind}: {obligation.status}{line}{detail}"


_KEYS = {"kernel's normal form": "normalForm", "spec's normal form": "specNormalForm"}


def normal_form_text(entry: Entry) -> str:
    """The kernel beside its spec, for a client that only shows text."""
    kernel = entry.shown
    lines = [f"{entry.name}: {explanation(entry.status, kernel)}"]
    if kernel is None:
        return lines[0]
    if entry.stale:
        lines.append("(what follows is from before your last edit)")
    for title, text in (
        ("spec", kernel.spec),
        ("kernel's normal form", kernel.normal_form),
        ("spec's normal form", kernel.spec_normal_form),
        ("difference", kernel.difference),
    ):
        if text:
            lines += ["", f"{title}:", f"  {text}"]
        if text and (formula := kernel.formulas.get(_KEYS.get(title, ""))) is not None and formula.unicode != text:
            lines.append(f"  {formula.unicode}")
    if kernel.added_dims:
        sizes = ", ".join(f"{name} = {size}" for name, size in kernel.added_dims.items())
        lines += ["", f"further dims of the normal forms: {sizes}"]
    if kernel.literals:
        lines += ["", "literals and casts:", *(f"  {r.written} is read as {r.read}" for r in kernel.literals)]
    if kernel.obligations:
        lines += ["", "obligations:", *(f"  {obligation_text(o)}" for o in kernel.obligations)]
    if kernel.assumptions:
        lines += ["", "assumptions:", *(f"  {a.text} ({a.origin})" for a in kernel.assumptions)]
    if (program := repro(kernel)) is not None:
        lines += ["", "to see it, run:", "", program]
    return "\n".join(lines)
