"""That a typed array equals a spec: stated to the recorder in a check, proved at once when simply run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from stile_engine.index.affine import Affine
from stile_engine.index.data import tokens_of
from stile_engine.index.data_questions import range_within
from stile_engine.index.dims import registered_dims, unknowns_of
from stile_engine.index.sets import UNIVERSE
from stile_engine.index.sizes import render_sizes, size_bounds
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.verdict import Status
from stile_engine.spec.lower import Declared, declared, lower
from stile_engine.spec.syntax import parse
from stile_engine.spec.syntax.tree import DimRef, Spec, Syntax, children
from stile_engine.term.expression import Restrict
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Claim
from stile_engine.typed import session
from stile_engine.typed.array import TypedArray, difference
from stile_engine.typed.session import NotProvedError
from stile_engine.typed.shape import ShapeType, dim_text


def spec_value(text: str, overrides: Sequence[DimRange] = ()) -> Value:
    """The value of a spec over the dims declared so far. Raises ``SpecError``."""
    extents = {name: d.extent for name, d in registered_dims().items()}
    tree = parse(override_dims(text, overrides))
    return lower(tree, extents, known=_known(tree, extents)).value


def _known(tree: Spec, extents: Mapping[str, Affine]) -> Declared:
    """What the typed inputs of integers are declared to be."""
    indices = session.known_indices()
    known = declared([tree], extents, dtypes=dict.fromkeys(indices, "int32"))
    known.facts.update({name: list(index.tensor.facts) for name, index in indices.items()})
    return known


def override_dims(text: str, overrides: Sequence[DimRange]) -> str:
    """The spec with every whole occurrence of the overridden dims replaced by the slice."""
    by_name = {d.name: d for d in overrides if not d.is_whole}
    if not by_name:
        return text
    ends: list[tuple[int, str]] = []

    def visit(node: Syntax) -> None:
        if isinstance(node, DimRef) and node.low is None and node.high is None and node.name.text in by_name:
            dim = by_name[node.name.text]
            ends.append((node.end, f"[{render_sizes(dim.low)}:{render_sizes(dim.high)}]"))
        for child in children(node):
            # size(D) speaks of the whole dim
            if type(node).__name__ != "Size":
                visit(child)

    visit(parse(text))
    for end, insertion in sorted(ends, reverse=True):
        text = text[:end] + insertion + text[end:]
    return text


def misfit(st: ShapeType, spec: ShapeType) -> tuple[str, str] | None:
    """``(code, message)`` if an array with these dims cannot be compared with a spec that has those."""
    if unreduced := [dim_text(d) for d in st if d.name not in spec.names]:
        return "unreduced-dim", (
            f"the array has dims {st} and the spec {spec}: {', '.join(unreduced)} must be reduced completely first"
        )
    if st.names != spec.names:
        return "dim-mismatch", f"the array has dims {st} and the spec {spec}: {difference(st, spec)}"
    for dim, whole in zip(st, spec, strict=True):
        if dim.extent != whole.extent:
            return "dim-mismatch", (
                f"the size of {dim.name} is {render_sizes(dim.extent)} in the array and "
                f"{render_sizes(whole.extent)} in the spec"
            )
        for room in (dim.low - whole.low, whole.high - dim.high):
            least = _least(room)
            if least is None or least < 0:
                return "dim-mismatch", f"{dim_text(dim)} of the array does not lie in {dim_text(whole)} of the spec"
    return None


def _least(room: Affine) -> int | None:
    """The least value of a distance; where data give it, by what is declared of them."""
    return range_within(room, UNIVERSE)[0] if tokens_of(room.variables) else size_bounds(room)[0]


def restricted(spec: Value, st: ShapeType) -> Value:
    """The spec on the ranges of a tile."""
    if tuple(spec.dims) == tuple(st):
        return spec
    return Value(tuple(st), Restrict(spec.node, st.axes))


def claim_equivalent(array: TypedArray, text: str, overrides: Sequence[DimRange], site: Site | None) -> None:
    spec = spec_value(text, overrides)
    problem = misfit(array.st, ShapeType(spec.dims))
    if problem is not None:
        code, message = problem
        session.violate(code, message, site, ((array.site, f"the array has dims {array.st}"),), array.poisoned)
        return
    if array.poisoned:
        return
    state(Claim(array.value, restricted(spec, array.st), site, text))


def state(claim: Claim) -> None:
    """Record a claim in a check; otherwise prove it now, or raise ``NotProvedError``."""
    current = session.active()
    if current is not None:
        current.recorder.claim(claim)
        return
    proof = prove_claim(claim)
    if proof.status is Status.PROVED:
        return
    if proof.status is Status.ASSUMED:
        assumed = "; ".join(a.text for a in proof.assumptions)
        warnings.warn(f"{claim.spec_text!r} is proved only under assumptions: {assumed}", stacklevel=4)
        return
    where = ""
    for part in claim.parts:
        found = prove_claim(part)
        if found.status is not Status.PROVED:
            proof, where = found, f"\n  {part.site}: the part assigned here, {ShapeType(part.actual.dims)}"
            break
    detail = "; ".join(o.detail for o in proof.obligations if o.detail and o.status is not Status.PROVED)
    code = "not-equal" if proof.status is Status.REFUTED else "not-proved"
    verdict = "is not equal to" if proof.status is Status.REFUTED else "could not be proved equal to"
    raise NotProvedError(
        f"the array {verdict} the spec {claim.spec_text!r}: {detail or proof.status}{where}", code=code
    )


def prove_claim(claim: Claim) -> Proof:
    """The proof of a claim under the ranges of the symbolic sizes declared so far."""
    sizes = unknowns_of(registered_dims().values())
    return prove_values(claim.actual, claim.spec, sizes=sizes)
