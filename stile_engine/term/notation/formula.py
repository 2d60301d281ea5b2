"""Terms as formulas: what Unicode and LaTeX have in common, short by default.

A formula is for reading. It says what the term says, with brackets for indicators and indices in
square brackets, and it folds what is long: a sum beyond ``MOST_TERMS`` ends in ``… 12 more terms``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, in_range, rewritten, substitute
from stile_engine.index.quantifier_free import predicate_of
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.atoms import (
    Atom,
    ConstantAtom,
    FunctionAtom,
    IndexAtom,
    MaxAtom,
    MaxPiece,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    ReadAtom,
    SumAtom,
)
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Element, Guarded, Infinite, Missing, Unmodelled
from stile_engine.term.notation.maxima import absolute_values, as_minimum
from stile_engine.term.notation.naming import CannotSay, in_sizes, multiple_of, sizes_are_positive
from stile_engine.term.printing import bind_names, size_of
from stile_engine.term.ring import negate

MOST_TERMS = 8
"""A sum with more terms is folded."""

MOST_PARTS = 400
"""Parts of one formula; what lies beyond is an ellipsis."""

Formula: TypeAlias = (
    "Number | Name | Entry | Index | Total | Product | Power | Call | Reduction | Truth | Cases | Marked | Unequal"
)


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    """A named constant, or words that stand for what has no formula."""

    text: str
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of an input; a scalar parameter has no indices."""

    label: str
    indices: tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index used as a number."""

    index: Affine


@dataclass(frozen=True, slots=True)
class Total:
    """Terms, each with whether it is subtracted; ``folded`` more are not shown."""

    terms: tuple[tuple[bool, Formula], ...]
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    over: tuple[Formula, ...]
    under: tuple[Formula, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    base: Formula
    exponent: Fraction


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    operands: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Reduction:
    """``sum``, ``prod``, ``max`` or ``min`` over the variables where the predicate holds."""

    operation: str
    bound: tuple[str, ...]
    predicate: Predicate
    body: Formula


@dataclass(frozen=True, slots=True)
class Truth:
    """1 where the predicate holds, else 0."""

    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Cases:
    """Values with the predicates under which they hold; the last may be ``ALWAYS``: otherwise."""

    cases: tuple[tuple[Formula, Predicate], ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A part in which this formula differs from the one that it is held against."""

    part: Formula


@dataclass(frozen=True, slots=True)
class Unequal:
    """Two formulas, of which only the difference is shown."""

    left: Formula
    right: Formula


ELLIPSIS = Name("…")
NOTHING = Name("no elements", is_words=True)
"""Of an array one of whose sizes is 0."""


def formula_of(value: Guarded, box: IndexSet = UNIVERSE, extents: Mapping[str, Affine] | None = None) -> Formula:
    """The pieces of a value, each where it holds given the ``box``; ``extents`` are the sizes of dims."""
    reads = {r for p in value.pieces if isinstance(p.value, Poly) for r in p.value.reads}
    sizes = {d: e for r in reads for d, e in zip(r.tensor.dims, r.tensor.shape, strict=True)} | dict(extents or {})
    builder = _Builder(extents=sizes, base=sizes_are_positive(sizes))
    box = box & builder.base
    if not value.pieces:
        return NOTHING
    pieces = [p for p in value.pieces if box is UNIVERSE or not box.is_disjoint(p.guard)] or list(value.pieces)
    if len(pieces) == 1:
        return builder.element(pieces[0].value)
    found = [(builder.element(p.value), builder.predicate(p.guard.given(box), {})) for p in pieces]
    # the piece that takes the most words is what holds otherwise
    found.sort(key=lambda case: (case[0] == Number(Fraction(0)), len(str(case[1]))))
    return Cases((*found[:-1], (found[-1][0], ALWAYS)))


def formula_of_element(value: Element, most_terms: int = MOST_TERMS, most_parts: int = MOST_PARTS) -> Formula:
    return _Builder(most_parts, most_terms).element(value)


@dataclass
class _Builder:
    left: int = MOST_PARTS
    most_terms: int = MOST_TERMS
    extents: Mapping[str, Affine] = field(default_factory=dict)
    base: IndexSet = UNIVERSE

    def predicate(self, domain: IndexSet, names: Mapping[str, str]) -> Predicate:
        return rewritten(substitute(predicate_of(domain), _scope(names)), self.in_sizes)

    def index(self, index: Affine, names: Mapping[str, str]) -> Affine:
        return self.in_sizes(index.substitute(_scope(names)))

    def in_sizes(self, index: Affine) -> Affine:
        known = {n: e for n, e in self.extents.items() if e.variables}
        try:
            return in_sizes(index, known)
        except CannotSay:
            return index

    def element(self, value: Element) -> Formula:
        match value:
            case Poly():
                return self.poly(value, {})
            case Infinite(sign=sign):
                return Name("inf") if sign > 0 else Total(((True, Name("inf")),))
            case Missing(reason=reason):
                return Name(f"no value ({reason})", is_words=True)
            case Unmodelled(reason=reason):
                return Name(f"not modelled ({reason})", is_words=True)

    def poly(self, operand: Poly, names: dict[str, str]) -> Formula:
        self.left -= 1
        if self.left < 0:
            return ELLIPSIS
        if not operand.terms:
            return Number(Fraction(0))
        ordered = sorted(operand.terms, key=lambda t: (_is_number(t[0]), t[1] < 0, _weight(t[0]), t[0].digest))
        magnitudes, rest = absolute_values(ordered)
        parts: list[tuple[bool, Formula]] = []
        for factor, inner in magnitudes[: self.most_terms]:
            shown = Call("abs", (self.poly(inner, names),))
            parts.append((factor < 0, _scaled(abs(Fraction(factor)), shown)))
        room = self.most_terms - len(parts)
        # one that is folded takes as much room as what it hides
        hidden = len(rest) - room if len(rest) > room + 1 else 0
        for m, c in rest[: len(rest) - hidden]:
            least = as_minimum(m) if c < 0 else None
            if least is not None:
                parts.append((False, _scaled(abs(Fraction(c)), self._maximum(least, names, least=True))))
            else:
                parts.append((c < 0, self._mono(m, -c if c < 0 else c, names)))
        if len(parts) == 1 and not hidden and not parts[0][0]:
            return parts[0][1]
        return Total(tuple(parts), hidden)

    def _mono(self, m: Mono, coefficient: Rational, names: dict[str, str]) -> Formula:
        value = Fraction(coefficient)
        over: list[Formula] = []
        under: list[Formula] = []
        for atom, exponent in sorted(m.factors, key=lambda f: (_rank(f[0]), f[0].digest)):
            if isinstance(atom, IndexAtom) and isinstance(exponent, int):
                # the unknown k of a size 64*k is size / 64
                value /= Fraction(self._multiple(atom)) ** exponent
            base = self.poly(atom.base, names) if isinstance(atom, PowerAtom) else self._atom(atom, names)
            size = abs(Fraction(exponent))
            (over if exponent > 0 else under).append(base if size == 1 else Power(base, size))
        if m.exponential is not None:
            over.append(Call("exp", (self.poly(m.exponential, names),)))
        if value.numerator != 1 or not over:
            over.insert(0, Number(Fraction(value.numerator)))
        if value.denominator != 1:
            under.insert(0, Number(Fraction(value.denominator)))
        return over[0] if len(over) == 1 and not under else Product(tuple(over), tuple(under))

    def _multiple(self, atom: IndexAtom) -> int:
        """What a number that is the unknown of a size is multiplied by to be the size."""
        ((part, _),) = atom.index.terms
        if not isinstance(part, str) or not part.startswith("#"):
            return 1
        try:
            return multiple_of(part, self.extents)
        except CannotSay:
            return 1

    def _atom(self, atom: Atom, names: dict[str, str]) -> Formula:
        match atom:
            case ReadAtom():
                return Entry(label_of(atom.tensor), tuple(self.index(i, names) for i in atom.index))
            case IndexAtom(index=index):
                if self._multiple(atom) > 1:
                    index = index * self._multiple(atom)
                return Index(self.index(index, names))
            case ConstantAtom(name=name):
                return Name(name)
            case FunctionAtom(name=name, argument=argument):
                return Call(name, (self.poly(argument, names),))
            case SumAtom():
                if not atom.bound:
                    return Truth(self.predicate(atom.domain.given(self.base), names))
                inner = bind_names(atom.bound, atom.body, names, atom.domain)
                return self._reduction(atom.operation, atom.bound, atom.domain, atom.body, inner)
            case MaxAtom():
                return self._maximum(atom, names, least=False)
        raise TypeError(type(atom).__name__)

    def _maximum(self, atom: MaxAtom, names: dict[str, str], least: bool) -> Formula:
        word = "min" if least else "max"
        if len(atom.pieces) == 1 and atom.pieces[0].bound:
            return self._family(atom.pieces[0], names, least)
        return Call(word, tuple(self._family(p, names, least) for p in sorted(atom.pieces, key=_size)))

    def _family(self, piece: MaxPiece, names: dict[str, str], least: bool) -> Formula:
        body = negate(piece.body) if least else piece.body
        inner = bind_names(piece.bound, body, names, piece.domain)
        if piece.bound:
            return self._reduction("min" if least else "max", piece.bound, piece.domain, body, inner)
        shown = self.poly(body, inner)
        if piece.domain is UNIVERSE:
            return shown
        nothing: Formula = Name("inf") if least else Total(((True, Name("inf")),))
        return Cases(((shown, self.predicate(piece.domain.given(self.base), names)), (nothing, ALWAYS)))

    def _reduction(
        self, word: str, bound: tuple[str, ...], domain: IndexSet, body: Poly, names: dict[str, str]
    ) -> Formula:
        whole = self.base
        for variable in bound:
            size = size_of(variable, body)
            if size is not None:
                whole = whole & IndexSet.where(in_range(Affine.variable(variable), 0, size))
        predicate = ALWAYS if whole.issubset(domain) else self.predicate(domain.given(whole), names)
        return Reduction(word, tuple(names[v] for v in bound), predicate, self.poly(body, names))


def label_of(tensor: Tensor) -> str:
    """Unlabelled inputs are numbered."""
    return f"#{tensor.name}" if tensor.name.isdigit() else tensor.name


def _scope(names: Mapping[str, str]) -> dict[str, Affine]:
    return {v: Affine.variable(n) for v, n in names.items()}


def _scaled(factor: Fraction, part: Formula) -> Formula:
    if factor == 1:
        return part
    over = (part,) if factor.numerator == 1 else (Number(Fraction(factor.numerator)), part)
    return Product(over, () if factor.denominator == 1 else (Number(Fraction(factor.denominator)),))


def _is_number(m: Mono) -> bool:
    return not m.factors and m.exponential is None


def _weight(m: Mono) -> tuple[int, str]:
    labels = sorted(r.tensor.name for r in m.reads)
    return len(m.reads) + m.height, ",".join(labels)


def _rank(atom: Atom) -> tuple[int, str]:
    order = (ConstantAtom, IndexAtom, ReadAtom, FunctionAtom, PowerAtom, MaxAtom, SumAtom)
    name = atom.tensor.name if isinstance(atom, ReadAtom) else ""
    return order.index(type(atom)), name


def _size(piece: MaxPiece) -> tuple[bool, int, str]:
    return bool(piece.body.terms), len(piece.body.terms), piece.digest
