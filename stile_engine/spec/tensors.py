"""The inputs that a spec names: labels with one dim list each, or numbers in order of appearance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stile_engine.index.affine import Affine
from stile_engine.spec.facts import Declared
from stile_engine.spec.operand import axes
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecShapeError, SpecUnsupported
from stile_engine.term.elements import element
from stile_engine.term.expression import Node, Read, Tensor
from stile_engine.term.value import DimRange


@dataclass(frozen=True, slots=True)
class Hint:
    """A remark on a spec that has a meaning, though perhaps not the one that was meant."""

    message: str
    start: int
    end: int


class Tensors:
    """``declared`` are the dims of inputs that are known from elsewhere, by label; ``known`` is what is known of
    their contents."""

    def __init__(self, declared: Mapping[str, tuple[str, ...]], known: Declared) -> None:
        self.declared = declared
        self.known = known
        self.found: dict[str, Tensor] = {}
        self.hints: list[Hint] = []
        self._first: dict[str, tree.Syntax] = {}
        self._labelled: tree.Syntax | None = None
        self._unlabelled: dict[tuple[DimRange, ...], tree.Syntax] = {}
        self._count = 0

    def read(self, node: tree.Operand, dims: Sequence[DimRange]) -> Node:
        """The tensor's element at the index of each dim; its shape is that of the whole dims."""
        tensor = self._tensor(node, dims)
        if tensor.integer:
            message = f"{tensor.name} is integer data, used as an index: expected it in no arithmetic"
            raise SpecShapeError(message, node.start, node.end)
        return Read(tensor, tuple(Affine.variable(d.name) for d in dims), axes(dims))

    def index(self, node: tree.Operand, dims: Sequence[DimRange], span: Affine) -> Affine:
        """The element of an integer input at the index of each dim; ``span`` is the size of what it indexes."""
        if any(not d.is_whole for d in dims):
            message = "an index is read over whole dims: a slice of integer data is not modelled"
            raise SpecUnsupported(message, node.start, node.end)
        tensor = self._tensor(node, dims, integer=True, span=span)
        return element(tensor, tuple(Affine.variable(d.name) for d in dims))

    def datum(self, node: tree.Data, dims: Sequence[DimRange]) -> Affine | None:
        """The element of an input in a predicate or an index; None if the input is real."""
        own = self.known.labels.get(node.label.text)
        if own is None or not own.integer:
            return None
        return self.index(tree.Operand(node.start, node.end, node.label, node.dims), dims, Affine())

    def _tensor(
        self, node: tree.Operand, dims: Sequence[DimRange], integer: bool = False, span: Affine | None = None
    ) -> Tensor:
        name = self._number(node, tuple(dims)) if node.label is None else self._label(node, dims)
        tensor = self.known.tensor(name, tuple(d.name for d in dims), tuple(d.extent for d in dims), integer)
        if node.label is None and span is not None:
            # of a label all that is known comes from one place: every part of a spec means the same contents
            tensor = replace(tensor, span=span)
        self.found[name] = tensor
        return tensor

    def scalar(self, name: tree.Name) -> Node:
        self._same_dims(name, name.text, ())
        tensor = self.found.setdefault(name.text, self.known.tensor(name.text, (), ()))
        return Read(tensor, (), {})

    def _label(self, node: tree.Operand, dims: Sequence[DimRange]) -> str:
        assert node.label is not None
        if self._unlabelled:
            self._mixed(node, next(iter(self._unlabelled.values())))
        self._labelled = self._labelled or node
        self._same_dims(node, node.label.text, tuple(d.name for d in dims))
        return node.label.text

    def _number(self, node: tree.Operand, dims: tuple[DimRange, ...]) -> str:
        if self._labelled is not None:
            self._mixed(node, self._labelled)
        if self._unlabelled.setdefault(dims, node) is not node:
            text = " ".join(d.name for d in dims)
            message = (
                f"'{text}' stands for another input at each place; label it, as in 'X:{text}', if one input is meant"
            )
            self.hints.append(Hint(message, node.start, node.end))
        self._count += 1
        return str(self._count - 1)

    def _same_dims(self, node: tree.Syntax, label: str, dims: tuple[str, ...]) -> None:
        first = self._first.setdefault(label, node)
        known = self.found[label].dims if label in self.found else self.declared.get(label)
        if known is not None and known != dims:
            written = " ".join(dims) if dims else "no dims (a scalar)"
            expected = f"{label}:{' '.join(known)}" if known else f"scalar({label})"
            origin = "it has elsewhere in this spec" if label in self.found else "it is declared with"
            message = f"{label} stands here with {written}: expected {expected}, which {origin}"
            related = ((first.start, first.end, f"{expected} stands here"),) if label in self.found else ()
            raise SpecShapeError(message, node.start, node.end, (expected,), related)

    def _mixed(self, node: tree.Operand, other: tree.Syntax) -> None:
        here, there = ("labelled", "unlabelled") if node.label is not None else ("unlabelled", "labelled")
        message = (
            f"this tensor is {here}, one before it is {there}: expected labels on all tensors of a spec or on none"
        )
        raise SpecShapeError(message, node.start, node.end, (), ((other.start, other.end, f"this one is {there}"),))
