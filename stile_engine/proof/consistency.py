"""Whether declared facts can hold at all: from facts that contradict each other everything follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import allowed_values, allows
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.sets import IndexSet
from stile_engine.term.comparison import Difference
from stile_engine.term.elements import Element, element
from stile_engine.term.expression import (
    Carried,
    IndexNumber,
    Node,
    Read,
    Reduce,
    Reindex,
    Scatter,
    Select,
    Tensor,
    every_node,
)
from stile_engine.term.facts import Bound, Permutation, Unique


def contradiction_of(inputs: Iterable[Tensor], sizes: Mapping[str, tuple[int, int]]) -> str | None:
    """The inputs whose facts no contents satisfy, where that shows; None where they may hold.

    What is looked at: all elements at one common index, and whether so many different ones can exist.
    """
    tensors = sorted(inputs, key=lambda t: t.name)
    for tensor in tensors:
        if tensor.signs == 0:
            return tensor.name
    integers = [t for t in tensors if t.integer and t.facts]
    if not integers:
        return None
    ranges = {d: (Affine(), s) for t in integers for d, s in zip(t.dims, t.shape, strict=True)}
    box = IndexSet.box(ranges) & IndexSet.box({v: (Affine((), a), Affine((), b)) for v, (a, b) in sizes.items()})
    tokens = [t for i in integers for t in element(i, tuple(Affine.variable(d) for d in i.dims)).variables]
    tokens = [t for t in tokens if data.is_token(t)]
    for token, tensor in zip(tokens, integers, strict=True):
        if not allows(box, [token]) or _too_many(tensor, box, token):
            return tensor.name
    if not allows(box, tokens):
        return " and ".join(t.name for t in integers)
    return None


def _too_many(tensor: Tensor, box: IndexSet, token: str) -> bool:
    """Whether all elements differ, and there are fewer integers that they may be than elements."""
    if not any(isinstance(f, Unique | Permutation) for f in tensor.facts):
        return False
    bound = next((f for f in tensor.facts if isinstance(f, Bound) and f.convex), None)
    count = 1
    for size in tensor.shape:
        if not size.is_constant:
            return False
        count *= size.constant
    values = allowed_values(box, token)
    return bound is not None and values is not None and values < count


def tensors_of(roots: Iterable[Node]) -> set[Tensor]:
    """All inputs that the expressions read, as indices too."""
    found: set[Tensor] = set()
    if not data.any_known():
        return {node.tensor for node in every_node(*roots) if type(node) is Read}
    for node in every_node(*roots):
        names: frozenset[str] = frozenset()
        match node:
            case Read(tensor, index):
                found.add(tensor)
                names = frozenset().union(*(i.variables for i in index)) if index else names
            case IndexNumber(index):
                names = index.variables
            case Carried(index=index, round=round_):
                names = round_.variables.union(*(i.variables for i in index))
            case Select(predicate) | Scatter(predicate=predicate) | Reduce(predicate=predicate):
                names = predicate_variables(predicate)
            case Reindex(_, mapping):
                names = frozenset().union(*(e.variables for e in mapping.values())) if mapping else names
        for token in data.tokens_of(names):
            datum = data.datum(token)
            if isinstance(datum, Element):
                found.add(datum.tensor)
            elif isinstance(datum, Difference):
                names = frozenset().union(*(e.variables for e in datum.mapping.values()), frozenset())
                found |= {d.tensor for t in data.tokens_of(names) if isinstance(d := data.datum(t), Element)}
    return found
