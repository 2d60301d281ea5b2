"""What is known of the value, or of the kernel, under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from stile_engine.trace.report import KernelReport, Obligation, ValueInfo
from stile_lsp.lookup import entry_at, holds, value_at
from stile_lsp.markdown import block, code, plain, shortened
from stile_lsp.session import Entry
from stile_lsp.wording import explanation, repro, verdict

if TYPE_CHECKING:
    from stile_lsp.server import StileServer


LONGEST_REPRO = 1500
"""Characters; half a program is of no use, and a hover is no place for a long one."""


def register(server: StileServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        state = server.find_state(params.text_document.uri)
        if state is None:
            return None
        places = server.places(state.uri)
        position = places.ours(params.position)
        if (found := value_at(state, position)) is not None:
            value, place, entry = found
            return _hover(value_text(value, entry.stale), places.range(place))
        entry_found = entry_at(state, position)
        if entry_found is not None and holds(entry_found.name_range, position):
            return _hover(kernel_text(entry_found), places.range(entry_found.name_range))
        return None


def _hover(text: str, place: types.Range) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), place)


def value_text(value: ValueInfo, stale: bool) -> str:
    name = f"{value.name}: " if value.name else ""
    dtype = f" · {value.dtype}" if value.dtype else ""
    parts = [block(f"{name}{value.dims}{dtype}", "stile")]
    if stale:
        parts.append("*from before your last edit*")
    parts.append(f"**ShapeType** {code(value.shape_type)}" if value.shape_type else "**ShapeType** scalar")
    if value.expr_type:
        parts.append(f"**ExprType** {code(shortened(value.expr_type))}")
    if value.normal_form:
        formula = value.formulas.get("normalForm")
        shown = formula.unicode if formula is not None else value.normal_form
        parts.append("**Normal form**\n" + block(shortened(shown), "stile"))
    if value.count > 1:
        parts.append(f"the last of {value.count} values here")
    return "\n\n".join(parts)


def kernel_text(entry: Entry) -> str:
    """The verdict with everything that it rests on."""
    kernel = entry.shown
    parts = [f"**{plain(entry.name)}** {plain(explanation(entry.status, kernel))}"]
    if kernel is None:
        return parts[0]
    if entry.stale:
        parts.append(f"*before your last edit: {plain(verdict(kernel.status, kernel))}*")
    if kernel.spec:
        parts.append("**Spec**\n" + block(kernel.spec, "stile"))
    if (formula := kernel.formulas.get("normalForm")) is not None:
        parts.append("**Normal form**\n" + block(shortened(formula.unicode), "stile"))
    if kernel.difference:
        parts.append("**Difference**\n" + block(shortened(kernel.difference), "stile"))
    if kernel.sizes:
        sizes = ", ".join(f"{name} = {size}" for name, size in kernel.sizes.items())
        parts.append(f"**Sizes** {code(sizes)}")
    lines = [plain(line) for line in _facts(kernel)] + [_obligation(obligation) for obligation in kernel.obligations]
    if lines:
        parts.append("\n".join(f"- {line}" for line in lines))
    if (program := repro(kernel)) is not None:
        short = len(program) <= LONGEST_REPRO
        parts.append(block(program, "python") if short else "*Normal form* shows a program that reproduces it")
    return "\n\n".join(parts)


def _facts(kernel: KernelReport) -> list[str]:
    facts = [f"given: {a.text}" if a.origin == "user" else f"assumed: {a.text}" for a in kernel.assumptions]
    return facts + [f"{literal.written} is read as {literal.read}" for literal in kernel.literals]


def _obligation(obligation: Obligation) -> str:
    text = f"{plain(obligation.kind)}: {plain(str(obligation.status))}"
    if obligation.detail:
        text += f": {plain(shortened(obligation.detail, 400))}"
    witness = obligation.witness
    if witness is not None:
        if witness.index:
            text += " at " + code(", ".join(f"{name}={value}" for name, value in witness.index.items()))
        if witness.kernel is not None and witness.spec is not None:
            text += f": the kernel gives {code(str(witness.kernel))}, the spec {code(str(witness.spec))}"
        if witness.set:
            text += f": {code(witness.set)}"
    return text
