"""What the labels of a spec are: real or integer, and how large their integers may be.

An input is integer data if it is used as an index, is compared with an index, or is declared so.
What only meets constants or other real inputs in a comparison is real.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stile_engine.index.affine import Affine
from stile_engine.spec.syntax import tree

Dims = tuple[str, ...]


@dataclass(slots=True)
class Label:
    """One label of one or several specs that speak of the same inputs."""

    dims: Dims
    integer: bool = False
    real: bool = False
    """It stands in arithmetic, or is declared real."""
    spans: list[Affine] = field(default_factory=list)
    """Sizes of dims that it indexes, or indices of which it is compared with."""

    @property
    def span(self) -> Affine | None:
        constant = [s for s in self.spans if s.is_constant]
        if constant:
            return min(constant, key=lambda s: s.constant)
        return self.spans[0] if self.spans else None


def survey(
    specs: Iterable[tree.Spec],
    extents: Mapping[str, Affine],
    dtypes: Mapping[str, str] | None = None,
    inputs: Mapping[str, Dims] | None = None,
) -> dict[str, Label]:
    """The labels of all specs. ``dtypes`` are those that were declared, by label; ``index`` for one that a fact
    speaks of as an index."""
    found: dict[str, Label] = {}
    comparisons: list[tree.Comparison] = []
    numbers: set[str] = set()
    for spec in specs:
        indices: set[int] = set()
        for node, _ in tree.walk(spec):
            match node:
                case tree.Gather(dim=dim) | tree.Scatter(dim=dim):
                    operands = node.arguments.operands
                    if len(operands) > 1 and isinstance(operands[1], tree.Operand):
                        indices.add(id(operands[1]))
                        _index(found, operands[1], extents.get(dim.name.text))
                case tree.Operand(label=label, dims=dims) if label is not None:
                    own = found.setdefault(label.text, Label(_names(dims)))
                    own.real = own.real or id(node) not in indices
                case tree.Scalar(name=parameter):
                    found.setdefault(parameter.text, Label(())).real = True
                    numbers.add(parameter.text)
                case tree.At(dim=dim, index=index) | tree.IndexAt(dim=dim, index=index):
                    for part in _data(index):
                        _index(found, part, extents.get(dim.text))
                case tree.Comparison():
                    comparisons.append(node)
                    for part in _data(node):
                        found.setdefault(part.label.text, Label(_names(part.dims)))
    for name, own_dims in (inputs or {}).items():
        found.setdefault(name, Label(own_dims))
    for name, dtype in (dtypes or {}).items():
        if name in found and name not in numbers:
            found[name].integer |= "int" in dtype or (dtype == "index" and not found[name].real)
            found[name].real |= "float" in dtype
    _compared(found, comparisons, extents)
    return found


def _index(found: dict[str, Label], node: tree.Operand | tree.Data, extent: Affine | None) -> None:
    if node.label is None:
        return
    own = found.setdefault(node.label.text, Label(_names(node.dims)))
    own.integer = True
    if extent is not None:
        own.spans.append(extent)


def _compared(found: dict[str, Label], comparisons: Sequence[tree.Comparison], extents: Mapping[str, Affine]) -> None:
    changed = True
    while changed:
        changed = False
        for comparison in comparisons:
            labels = [found[p.label.text] for p in _data(comparison)]
            names = [p.name for p, _ in tree.walk(comparison) if isinstance(p, tree.Index)]
            whole = bool(names) or any(isinstance(p, tree.Size) for p, _ in tree.walk(comparison))
            whole = whole or any(label.integer for label in labels)
            distinct = len({p.label.text for p in _data(comparison)}) > 1
            whole = whole or (distinct and not any(label.real for label in labels))
            for label in labels if whole else ():
                label.spans += [extents[n] for n in names if n in extents and extents[n] not in label.spans]
                if not label.integer and not label.real:
                    label.integer = changed = True


def _data(root: tree.Syntax) -> list[tree.Data]:
    return [part for part, _ in tree.walk(root) if isinstance(part, tree.Data)]


def _names(dims: Iterable[tree.DimRef]) -> Dims:
    return tuple(d.name.text for d in dims)
