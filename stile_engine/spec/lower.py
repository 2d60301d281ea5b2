"""A spec as a value: its text checked for meaning and lowered to nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.spec.facts import Declared, declare, labels_of
from stile_engine.spec.operand import dim_names
from stile_engine.spec.survey import survey
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecError, SpecShapeError, SpecSyntaxError, SpecUnsupported
from stile_engine.spec.syntax.parser import parse
from stile_engine.spec.tensors import Hint, Tensors
from stile_engine.spec.values import Values
from stile_engine.term.expression import Node, Tensor, children
from stile_engine.term.value import Value

__all__ = [
    "Declared",
    "Hint",
    "LoweredSpec",
    "SpecError",
    "SpecLiteral",
    "SpecShapeError",
    "SpecSyntaxError",
    "SpecUnsupported",
    "declared",
    "lower",
]


def declared(
    specs: Sequence[str | tree.Spec],
    dims: Mapping[str, Affine],
    assume: Sequence[str] = (),
    dtypes: Mapping[str, str] | None = None,
    inputs: Mapping[str, tuple[str, ...]] | None = None,
) -> Declared:
    """What specs over the same inputs, and facts about them, say together. Raises ``SpecError``.

    ``dtypes`` are the types that were declared, by label, ``inputs`` the dims of labels that the specs need not name.
    """
    trees = [parse(s) if isinstance(s, str) else s for s in specs]
    types = dict(dtypes or {})
    for fact in assume:
        types.update({label: "index" for label in labels_of(fact) if label not in types})
    return declare(survey(trees, dims, types, inputs), dims, assume)


MAXIMUM_NODE_DEPTH = 200
"""Whatever reads a node recurses into it."""


@dataclass(frozen=True, slots=True)
class SpecLiteral:
    """A decimal as it was written, and the exact number that it is."""

    written: str
    value: Fraction
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LoweredSpec:
    value: Value
    tensors: dict[str, Tensor]
    """Labels, or the numbers of unlabelled tensors as text, in order of appearance."""
    hints: tuple[Hint, ...]
    literals: tuple[SpecLiteral, ...]


def lower(
    text_or_tree: str | tree.Spec,
    dims: Mapping[str, Affine],
    inputs: Mapping[str, tuple[str, ...]] | None = None,
    output_order: tuple[str, ...] | None = None,
    known: Declared | None = None,
) -> LoweredSpec:
    """The meaning of a spec.

    ``dims`` gives the extent of every dim that it may name, ``inputs`` the dims of labels that are
    declared elsewhere, ``output_order`` the order of the result's dims where something else than the
    spec fixes it. ``known`` is what several specs and the declared facts say of the inputs (``declared``);
    without it the spec alone tells which inputs are integers.

    Raises ``SpecSyntaxError``, ``SpecShapeError`` or ``SpecUnsupported``, all of them ``SpecError``
    with the characters at fault.
    """
    spec = parse(text_or_tree) if isinstance(text_or_tree, str) else text_or_tree
    tensors = Tensors(inputs or {}, known or Declared(survey([spec], dims), dims))
    values = Values(dims, tensors)
    operand = values.lower(spec.body)
    order = operand.dims if spec.arrow is None else values.arrow(spec.arrow, operand)
    if output_order is not None:
        by_name = {d.name: d for d in order}
        if sorted(output_order) != sorted(by_name):
            expected = " ".join(output_order) or "no dims"
            message = f"the output has {expected}, and the spec has {dim_names(order)}: expected the same dims"
            raise SpecShapeError(message, spec.start, spec.end, output_order)
        order = tuple(by_name[name] for name in output_order)
    if _depth(operand.node) > MAXIMUM_NODE_DEPTH:
        message = "the expression is nested too deeply: expected shorter products, or parts named with 'let'"
        raise SpecShapeError(message, spec.start, spec.end)
    literals = tuple(
        SpecLiteral(node.written, node.value, node.start, node.end)
        for node, _ in tree.walk(spec)
        if isinstance(node, tree.Number) and not node.written.isdigit()
    )
    return LoweredSpec(Value(order, operand.node), tensors.found, tuple(tensors.hints), literals)


def _depth(root: Node) -> int:
    """Nodes on the longest way down, each shared node counted once, without recursion."""
    depths: dict[int, int] = {}
    pending = [root]
    while pending:
        node = pending[-1]
        waiting = [c for c in children(node) if id(c) not in depths]
        if waiting:
            pending.extend(waiting)
            continue
        depths[id(node)] = 1 + max((depths[id(c)] for c in children(node)), default=0)
        pending.pop()
    return depths[id(root)]
