"""What every spec is put together from: dims and slices, indices, predicates, numbers and inputs, as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import compare, in_range, rewritten, substitute, variables
from stile_engine.index.quantifier_free import predicate_of
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import (
    Poly,
    Rational,
    ReadAtom,
)
from stile_engine.term.elements import element_of
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Guarded
from stile_engine.term.notation.conditions import condition_text, index_text
from stile_engine.term.notation.naming import (
    SIZE,
    CannotSay,
    Dims,
    Names,
    Scope,
    in_sizes,
    joined,
    multiple_of,
    sizes_are_positive,
)
from stile_engine.term.value import DimRange

ITEM, SUM, TERM, UNARY, POWER, PRIMARY = range(6)
"""How tightly a text binds; an ITEM ends in ``where``."""


@dataclass(frozen=True, slots=True)
class Text:
    """A part of the text, how tightly it binds, and the dims that its value has."""

    text: str
    level: int
    dims: Dims

    def at(self, level: int) -> str:
        return f"({self.text})" if self.level < level else self.text


NONE = Dims()
_WORD = re.compile(r"[A-Za-z_]\w*")


class Parts:
    """Words for what a term names. Texts of terms are made in ``spec_syntax.py``."""

    def __init__(self, value: Guarded, dims: Sequence[DimRange], known: Mapping[str, Affine]) -> None:
        self.dims = tuple(dims)
        extents = {d.name: d.extent for d in dims}
        self.tensors = {r.tensor for p in value.pieces if isinstance(p.value, Poly) for r in p.value.reads}
        for tensor in sorted(self.tensors, key=lambda t: t.name):
            extents.update(zip(tensor.dims, tensor.shape, strict=True))
        self.slices = {d.name: d for d in dims if not d.is_whole}
        self.names = Names({**known, **extents}, reserved=frozenset(self.slices))
        self.box = IndexSet.box({d.name: (d.low, d.high) for d in dims})
        self.box = self.box & sizes_are_positive(self.names.dims)
        self.inputs: list[Tensor] = []
        """Unlabelled inputs that the text names."""

    # -- dims --------------------------------------------------------------------------------

    def _ref(self, name: str) -> str:
        found = self.slices.get(name)
        if found is None:
            return name
        return f"{name}[{self._index(found.low)}:{self._index(found.high)}]"

    def _ordered(self, names: Iterable[str]) -> Dims:
        """Dims of the value in its order, then others by name."""
        order = {d.name: i for i, d in enumerate(self.dims)}
        return Dims(sorted(names, key=lambda n: (order.get(n, len(order)), n)))

    def _list(self, names: Iterable[str]) -> str:
        return " ".join(self._ref(n) for n in self._ordered(names))

    def _right(self, names: Iterable[str]) -> str:
        """What stands right of an arrow, with a space before it."""
        found = self._list(names)
        return f" {found}" if found else ""

    def _spread(self, part: Text, dims: Iterable[str]) -> Text:
        """The value repeated along dims that it lacks."""
        lacking = Dims(dims) - part.dims
        if not lacking:
            return part
        wanted = self._ordered(part.dims | lacking)
        return Text(f"({part.text} ->{self._right(wanted)})", PRIMARY, wanted)

    def _spread_slices(self, part: Text, names: Dims) -> Text:
        """Names of sliced dims in a predicate would mean the whole dims: the operand gets the slices."""
        return self._spread(part, [n for n in names if n in self.slices])

    def _narrowed(self, part: Text, name: str) -> Text:
        """The value, which has the whole dim, on the slice of it."""
        other = self.names.temporary(name, part.dims)
        moved = Text(f"at[{name} := {other}]({part.text})", PRIMARY, Dims(other if d == name else d for d in part.dims))
        spread = self._spread(moved, [name])
        return Text(f"at[{other} := {name}]({spread.text})", PRIMARY, spread.dims - [other])

    # -- indices and predicates --------------------------------------------------------------

    def _name(self, variable: str) -> str:
        if variable.startswith(SIZE):
            return f"size({variable[1:]})"
        if variable.startswith("#"):
            return f"(size({variable[1:]}) // {self._multiple(variable)})"
        if data.is_token(variable):
            return self._datum(variable)
        if not variable.isidentifier():
            raise CannotSay("an axis without a name")
        return variable

    def _datum(self, token: str) -> str:
        """Data in an index can be named where they are read at their own dims: ``I:k``."""
        found = element_of(token)
        if found is None or found.inverse or found.tensor.name.isdigit():
            raise CannotSay("data that no input holds")
        if found.arguments != tuple(Affine.variable(d) for d in found.tensor.dims):
            raise CannotSay("data in an index that are read at other indices than their own")
        return f"{found.tensor.name}:{' '.join(found.tensor.dims)}"

    def _multiple(self, symbol: str) -> int:
        return multiple_of(symbol, self.names.dims)

    def _index(self, index: Affine) -> str:
        return index_text(self._in_sizes(index), self._name)

    def _in_sizes(self, index: Affine) -> Affine:
        return in_sizes(index, self.names.dims)

    def _condition(self, domain: IndexSet, scope: Scope, context: IndexSet) -> tuple[str, Dims]:
        """The set as a predicate, given what holds anyway, and the dims that it names."""
        predicate = substitute(predicate_of(domain.given(context)), scope)
        text = condition_text(rewritten(predicate, self._in_sizes), self._name)
        named = {v for v in variables(predicate) if v.isidentifier()}
        return text, Dims(w for w in _WORD.findall(text) if w in named)

    # -- numbers -----------------------------------------------------------------------------

    def _with_number(self, part: Text, number: Rational) -> Text:
        value = Fraction(number)
        if value == 1:
            return part
        over = part.at(POWER) if value.numerator == 1 else f"{value.numerator} * {part.at(POWER)}"
        return Text(over if value.denominator == 1 else f"{over} / {value.denominator}", TERM, part.dims)

    def _number(self, index: Affine) -> Text:
        """An index as a number: each part of it the size of a slice that is never negative nor too long."""
        parts: list[tuple[int, Text]] = []
        constant = index.constant
        for atom, coefficient in index.terms:
            if isinstance(atom, str) and atom.startswith("#"):
                size = Text(f"size({atom[1:]})", PRIMARY, NONE)
                parts.append((coefficient, self._with_number(size, Fraction(1, self._multiple(atom)))))
                continue
            found, below = self._slice_size(atom)
            parts.append((coefficient, found))
            constant -= coefficient * below
        if not parts:
            return Text(str(constant), PRIMARY if constant >= 0 else SUM, NONE)
        if len(parts) == 1 and parts[0][0] == 1 and not constant:
            return parts[0][1]
        text = ""
        for coefficient, part in parts:
            shown = self._with_number(part, abs(coefficient)).at(TERM)
            minus = coefficient < 0
            text = (f"-{shown}" if minus else shown) if not text else f"{text} {'-' if minus else '+'} {shown}"
        if constant:
            text += f" {'-' if constant < 0 else '+'} {abs(constant)}"
        return Text(text, SUM, joined(p.dims for _, p in parts))

    def _slice_size(self, atom: str | FloorDiv) -> tuple[Text, int]:
        """``size(q[0:q])``, and what was added to the index so that it is not negative."""
        own = Affine(((atom, 1),))
        if data.tokens_of(own.variables):
            raise CannotSay("data as a number")
        named = sorted(own.variables)
        box = IndexSet.box({v: (Affine(), self.names.extent(v)) for v in named})
        below = 0
        if isinstance(atom, FloorDiv):
            probe = Affine.variable("~value")
            span = (box & IndexSet.where(compare(probe, "==", own))).project_out(named)
            least, _ = span.limits("~value")
            if least is None:
                raise CannotSay("an index without limits")
            below = max(0, -least)
        whole = own + below
        for dim in dict.fromkeys([*named, *self.names.dims]):
            if box.issubset(IndexSet.where(in_range(whole, 0, self.names.extent(dim) + 1))):
                shown = self._index(whole)
                found = Text(f"size({dim}[0:{shown}])", PRIMARY, Dims(w for w in _WORD.findall(shown) if w in named))
                for name in named:
                    if name in self.slices:
                        found = self._narrowed(found, name)
                return found, below
        raise CannotSay("an index that is larger than every dim")

    # -- inputs ------------------------------------------------------------------------------

    def _read(self, atom: ReadAtom, scope: Scope) -> Text:
        tensor = atom.tensor
        if tensor.may_be_infinite:
            raise CannotSay(f"{tensor.name}, which may hold infinities")
        if not tensor.dims:
            return Text(f"scalar({tensor.name})", PRIMARY, NONE)
        wanted = {d: i.substitute(scope) for d, i in zip(tensor.dims, atom.index, strict=True)}
        moving = {d: i for d, i in wanted.items() if i != Affine.variable(d)}
        part = self._tensor(tensor, frozenset(moving))
        while moving:
            ready = [d for d, i in moving.items() if not (i.variables & moving.keys() - {d})]
            if not ready:
                # X[j, i] for X:i j: one of the two waits under another name
                d = min(moving)
                used = {*part.dims, *(v for i in moving.values() for v in i.variables)}
                other = self.names.temporary(d, used)
                part = self._reread(part, d, Affine.variable(other))
                moving[other] = moving.pop(d)
                continue
            d = min(ready)
            part = self._reread(part, d, moving.pop(d))
        return part

    def _tensor(self, tensor: Tensor, moving: frozenset[str]) -> Text:
        """The whole tensor, or the slices of it that the value has, along dims that are read as they are."""
        dims = Dims(tensor.dims)
        if tensor.name.isdigit():
            self.inputs.append(tensor)
            return Text(_mark(tensor), PRIMARY, dims)
        shown = " ".join(d if d in moving else self._ref(d) for d in tensor.dims)
        return Text(f"{tensor.name}:{shown}", PRIMARY, dims)

    def _reread(self, part: Text, dim: str, index: Affine) -> Text:
        shown = self._index(index)
        named = Dims(w for w in _WORD.findall(shown) if w in index.variables)
        part = self._spread_slices(part, named - [dim])
        arriving = named - (part.dims - [dim])
        dims = Dims(n for d in part.dims for n in (arriving if d == dim else [d]))
        found = Text(f"at[{dim} := {shown}]({part.text})", PRIMARY, dims)
        # the new dim is the whole one where the operand did not have it
        return self._narrowed(found, dim) if dim in named and dim in self.slices else found

    def _with_inputs(self, text: str) -> str:
        if not self.inputs:
            return text
        # A text numbers its unlabelled inputs from left to right.
        places = sorted((m.start(), int(t.name)) for t in set(self.inputs) for m in re.finditer(_mark(t), text))
        if [number for _, number in places] == list(range(len(places))):
            for tensor in self.inputs:
                dims = " ".join(self._ref(d) for d in tensor.dims)
                text = text.replace(_mark(tensor), dims if len(tensor.dims) == 1 else f"({dims})")
            return text
        by_number = {int(t.name): t for t in self.inputs}
        head = ""
        for number in range(max(by_number) + 1):
            name = f"t{number}"
            while name in self.names.dims or name in self.names.added:
                name += "_"
            found = by_number.get(number)
            # an input that the term does not read still counts
            head += f"let {name} = {' '.join(found.dims) if found else next(iter(self.names.dims))} in "
            if found is not None:
                if self.slices.keys() & set(found.dims):
                    raise CannotSay("a slice of an unlabelled input that is read twice")
                text = text.replace(_mark(found), name)
        return head + text


def _mark(tensor: Tensor) -> str:
    return f"\0{tensor.name}\0"
