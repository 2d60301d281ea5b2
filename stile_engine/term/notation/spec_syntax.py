"""Canonical terms in spec syntax, so that reading the text gives the very same term again.

What the language says in an indirect way only:

* a read at another index than the tensor's own dims is ``at[n := 2*m + 1](X:n)``;
* an index used as a number is the size of a slice, ``size(q[0:q])``;
* an indicator inside a term is ``sum((e where P) -> dims)``: with nothing to sum the cases become one term;
* a maximum of families that may be empty is ``max(maximum(a, b) -> dims)`` with -inf where there is nothing;
* an unlabelled input that is read twice is bound by ``let``.

A bound variable is written as the dim that it runs along. Where that dim is taken it is another dim of
the same size, and where there is none a further one, which ``SpecText.added`` lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import compare, in_range, rewritten, substitute, variables
from stile_engine.index.quantifier_free import predicate_of
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet, union
from stile_engine.term.atoms import (
    Atom,
    ConstantAtom,
    Factor,
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
    mono,
)
from stile_engine.term.elements import element_of
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Element, Guarded, Infinite, Missing, Piece
from stile_engine.term.notation.conditions import condition_text, index_text
from stile_engine.term.notation.maxima import as_minimum
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
from stile_engine.term.ring import negate
from stile_engine.term.value import DimRange

ITEM, SUM, TERM, UNARY, POWER, PRIMARY = range(6)
"""How tightly a text binds; an ITEM ends in ``where``."""

LONGEST = 20_000
"""Characters; a longer text is of no use to anybody."""


@dataclass(frozen=True, slots=True)
class SpecText:
    text: str
    added: Mapping[str, Affine]
    """Dims that the text names beside those that it was given, with their sizes."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A part of the text, how tightly it binds, and the dims that its value has."""

    text: str
    level: int
    dims: Dims

    def at(self, level: int) -> str:
        return f"({self.text})" if self.level < level else self.text


_NONE = Dims()
_WORD = re.compile(r"[A-Za-z_]\w*")


def spec_text(value: Guarded, dims: Sequence[DimRange], known: Mapping[str, Affine]) -> SpecText:
    """``value`` over ``dims`` as a spec. ``known`` are the sizes of further dims that may be named.

    Raises ``CannotSay`` where the language has no words.
    """
    return _Speller(value, dims, known).whole(value)


class _Speller:
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

    # -- the whole ------------------------------------------------------------------------------

    def whole(self, value: Guarded) -> SpecText:
        for d in self.dims:
            if not d.name.isidentifier():
                raise CannotSay("an axis without a name")
        pieces = [p for p in value.pieces if not self.box.is_disjoint(p.guard)]
        found = self._cases(pieces or list(value.pieces))
        wanted = [d.name for d in self.dims]
        text = found.text
        if set(wanted) != set(found.dims):
            text = f"({text} ->{self._right(wanted)})" if wanted else text
        elif list(found.dims) != wanted:
            text += f" -> {self._list(wanted)}"
        text = self._with_inputs(text)
        if len(text) > LONGEST:
            raise CannotSay("a term of this length")
        return SpecText(text, dict(self.names.added))

    def _cases(self, pieces: list[Piece]) -> _Text:
        """Nested ``where``; the piece whose guard is the hardest to write, or a zero, needs none."""

        def effort(piece: Piece) -> tuple[bool, int]:
            is_zero = isinstance(piece.value, Poly) and piece.value.is_zero
            return is_zero, len(self._condition(piece.guard, {}, self.box)[0])

        ordered = sorted(pieces, key=effort)
        last = ordered.pop()
        is_zero = isinstance(last.value, Poly) and last.value.is_zero
        total = self._element(last.value, last.guard)
        for i, piece in enumerate(reversed(ordered)):
            chosen = self._element(piece.value, piece.guard)
            condition, named = self._condition(piece.guard, {}, self.box)
            chosen = self._spread_slices(chosen, named - total.dims)
            dims = chosen.dims | total.dims | named
            if is_zero and i == 0:
                total = _Text(f"{chosen.at(SUM)} where {condition}", ITEM, dims)
            else:
                total = _Text(f"where({condition}, {chosen.text}, {total.text})", PRIMARY, dims)
        return total

    def _element(self, value: Element, guard: IndexSet) -> _Text:
        match value:
            case Poly():
                return self.poly(value, {}, self.box & guard)
            case Infinite(sign=sign):
                return _Text("inf", PRIMARY, _NONE) if sign > 0 else _Text("-inf", UNARY, _NONE)
            case Missing():
                return _Text("0 / 0", TERM, _NONE)
        raise CannotSay("a value without a model")

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

    # -- dims -----------------------------------------------------------------------------------

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

    def _spread(self, part: _Text, dims: Iterable[str]) -> _Text:
        """The value repeated along dims that it lacks."""
        lacking = Dims(dims) - part.dims
        if not lacking:
            return part
        wanted = self._ordered(part.dims | lacking)
        return _Text(f"({part.text} ->{self._right(wanted)})", PRIMARY, wanted)

    def _spread_slices(self, part: _Text, names: Dims) -> _Text:
        """Names of sliced dims in a predicate would mean the whole dims: the operand gets the slices."""
        return self._spread(part, [n for n in names if n in self.slices])

    def _narrowed(self, part: _Text, name: str) -> _Text:
        """The value, which has the whole dim, on the slice of it."""
        other = self.names.temporary(name, part.dims)
        moved = _Text(
            f"at[{name} := {other}]({part.text})", PRIMARY, Dims(other if d == name else d for d in part.dims)
        )
        spread = self._spread(moved, [name])
        return _Text(f"at[{other} := {name}]({spread.text})", PRIMARY, spread.dims - [other])

    # -- indices and predicates -----------------------------------------------------------------

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

    # -- polynomials ----------------------------------------------------------------------------

    def poly(self, operand: Poly, scope: Scope, context: IndexSet) -> _Text:
        if not operand.terms:
            return _Text("0", PRIMARY, _NONE)
        parts = [self._mono(m, c if c > 0 else -c, scope, context, c < 0) for m, c in operand.terms]
        parts.sort(key=lambda p: (p[2], p[1], len(p[0].text), p[0].text))
        if len(parts) == 1:
            part, negative, _ = parts[0]
            return _Text(f"-{part.at(UNARY)}", SUM, part.dims) if negative else part
        text = ""
        for part, negative, _ in parts:
            # a subtracted product needs no parentheses, a subtracted sum would
            shown = part.at(TERM)
            text = (f"-{shown}" if negative else shown) if not text else f"{text} {'-' if negative else '+'} {shown}"
            if len(text) > LONGEST:
                raise CannotSay("a term of this length")
        return _Text(text, SUM, joined(p.dims for p, _, _ in parts))

    def _mono(
        self, m: Mono, coefficient: Rational, scope: Scope, context: IndexSet, negative: bool
    ) -> tuple[_Text, bool, bool]:
        """The product, whether it is subtracted, and whether it is a number (numbers come last)."""
        number = not m.factors and m.exponential is None
        flipped = as_minimum(m) if negative else None
        if flipped is not None:
            body = self._maximum(flipped, scope, context, least=True)
            return self._with_number(body, coefficient), False, number
        indicators = [a for a, _ in m.factors if isinstance(a, SumAtom) and not a.bound]
        if indicators:
            domain = UNIVERSE
            for indicator in indicators:
                domain = domain & indicator.domain
            rest = mono(tuple(f for f in m.factors if f[0] not in indicators), m.exponential)
            inside = self._mono(rest, coefficient, scope, context & domain, False)[0]
            return self._masked(inside, domain, scope, context), negative, number
        moved = self._moved_inside(m, context)
        if moved is not None:
            atom, rest = moved
            return self._with_number(self._sum(atom, scope, context, rest), coefficient), negative, number
        return self._product(m, coefficient, scope, context), negative, number

    def _masked(self, inside: _Text, domain: IndexSet, scope: Scope, context: IndexSet) -> _Text:
        condition, named = self._condition(domain, scope, self._outer(context))
        inside = self._spread_slices(inside, named)
        dims = self._ordered(inside.dims | named)
        return _Text(f"sum({inside.at(SUM)} where {condition} ->{self._right(dims)})", PRIMARY, dims)

    def _moved_inside(self, m: Mono, context: IndexSet) -> tuple[SumAtom, Mono] | None:
        """A sum that the other factors are better written inside of: beside a sum over nothing they
        need not have a value, and what is written outside has to."""
        for atom, exponent in m.factors:
            if not isinstance(atom, SumAtom) or atom.operation != "sum" or exponent != 1:
                continue
            if context.issubset(atom.domain.project_out(atom.bound)):
                continue
            rest = mono(tuple(f for f in m.factors if f[0] is not atom), m.exponential)
            if not _has_value(rest, context):
                return atom, rest
        return None

    def _with_number(self, part: _Text, number: Rational) -> _Text:
        value = Fraction(number)
        if value == 1:
            return part
        over = part.at(POWER) if value.numerator == 1 else f"{value.numerator} * {part.at(POWER)}"
        return _Text(over if value.denominator == 1 else f"{over} / {value.denominator}", TERM, part.dims)

    def _product(self, m: Mono, coefficient: Rational, scope: Scope, context: IndexSet) -> _Text:
        value = Fraction(coefficient)
        over: list[_Text] = []
        under: list[_Text] = []
        apart: list[_Text] = []
        for atom, exponent in _in_order_of_inputs(m.factors):
            if isinstance(atom, IndexAtom) and isinstance(exponent, int) and (symbol := _symbol(atom)) is not None:
                # the unknown k of a size 64*k is size / 64
                value /= Fraction(self._multiple(symbol)) ** exponent
                shown = f"size({symbol[1:]})"
                if abs(exponent) != 1:
                    shown += f"**{abs(exponent)}"
                (over if exponent > 0 else under).append(_Text(shown, POWER, _NONE))
                continue
            if exponent < -1 and _is_expanded(atom):
                # 1 / P**2 would write the square out
                over.append(self._power(atom, exponent, scope, context))
                continue
            part = self._power(atom, -exponent if exponent < 0 else exponent, scope, context)
            if exponent > 0:
                over.append(part)
            elif isinstance(atom, PowerAtom) and isinstance(exponent, int):
                apart.append(part)  # 1 / (P * Q) would write the product out
            else:
                under.append(part)
        for parts in (over, under, apart):
            parts.sort(key=lambda t: (len(t.text), t.text))
        if m.exponential is not None:
            inner = self.poly(m.exponential, scope, context)
            over.append(_Text(f"exp({inner.text})", PRIMARY, inner.dims))
        dims = joined(t.dims for t in (*over, *under, *apart))
        if value.numerator != 1 or not over:
            over.insert(0, _Text(str(value.numerator), PRIMARY, _NONE))
        if value.denominator != 1:
            under.insert(0, _Text(str(value.denominator), PRIMARY, _NONE))
        if len(over) == 1 and not under and not apart:
            return _Text(over[0].text, over[0].level, dims)
        text = " * ".join(t.at(POWER) for t in over)
        if len(under) > 1:
            text += f" / ({' * '.join(t.at(POWER) for t in under)})"
        elif under:
            text += f" / {under[0].at(POWER)}"
        for part in apart:
            text += f" / {part.at(POWER)}"
        return _Text(text, TERM, dims)

    # -- atoms ----------------------------------------------------------------------------------

    def _power(self, atom: Atom, exponent: Rational, scope: Scope, context: IndexSet) -> _Text:
        base = self.poly(atom.base, scope, context) if isinstance(atom, PowerAtom) else self._atom(atom, scope, context)
        if exponent == 1:
            return base
        if isinstance(exponent, int):
            return _Text(f"{base.at(PRIMARY)}**{exponent}", POWER, base.dims)
        if exponent.denominator == 2:
            root = f"sqrt({base.text})"
            if exponent.numerator == 1:
                return _Text(root, PRIMARY, base.dims)
            return _Text(f"{root}**{exponent.numerator}", POWER, base.dims)
        over = "" if exponent.numerator == 1 else f" * {exponent.numerator}"
        return _Text(f"exp(log({base.text}){over} / {exponent.denominator})", PRIMARY, base.dims)

    def _atom(self, atom: Atom, scope: Scope, context: IndexSet) -> _Text:
        match atom:
            case ReadAtom():
                return self._read(atom, scope)
            case IndexAtom():
                return self._number(atom.index.substitute(scope))
            case ConstantAtom(name=name):
                return _Text(name, PRIMARY, _NONE)
            case FunctionAtom(name=name, argument=argument):
                if name == "trunc":
                    raise CannotSay("trunc")
                inner = self.poly(argument, scope, context)
                return _Text(f"{name}({inner.text})", PRIMARY, inner.dims)
            case SumAtom():
                return self._sum(atom, scope, context, None)
            case MaxAtom():
                return self._maximum(atom, scope, context, least=False)
        raise TypeError(type(atom).__name__)

    def _read(self, atom: ReadAtom, scope: Scope) -> _Text:
        tensor = atom.tensor
        if tensor.may_be_infinite:
            raise CannotSay(f"{tensor.name}, which may hold infinities")
        if not tensor.dims:
            return _Text(f"scalar({tensor.name})", PRIMARY, _NONE)
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

    def _tensor(self, tensor: Tensor, moving: frozenset[str]) -> _Text:
        """The whole tensor, or the slices of it that the value has, along dims that are read as they are."""
        dims = Dims(tensor.dims)
        if tensor.name.isdigit():
            self.inputs.append(tensor)
            return _Text(_mark(tensor), PRIMARY, dims)
        shown = " ".join(d if d in moving else self._ref(d) for d in tensor.dims)
        return _Text(f"{tensor.name}:{shown}", PRIMARY, dims)

    def _reread(self, part: _Text, dim: str, index: Affine) -> _Text:
        shown = self._index(index)
        named = Dims(w for w in _WORD.findall(shown) if w in index.variables)
        part = self._spread_slices(part, named - [dim])
        arriving = named - (part.dims - [dim])
        dims = Dims(n for d in part.dims for n in (arriving if d == dim else [d]))
        found = _Text(f"at[{dim} := {shown}]({part.text})", PRIMARY, dims)
        # the new dim is the whole one where the operand did not have it
        return self._narrowed(found, dim) if dim in named and dim in self.slices else found

    def _number(self, index: Affine) -> _Text:
        """An index as a number: each part of it the size of a slice that is never negative nor too long."""
        parts: list[tuple[int, _Text]] = []
        constant = index.constant
        for atom, coefficient in index.terms:
            if isinstance(atom, str) and atom.startswith("#"):
                size = _Text(f"size({atom[1:]})", PRIMARY, _NONE)
                parts.append((coefficient, self._with_number(size, Fraction(1, self._multiple(atom)))))
                continue
            found, below = self._slice_size(atom)
            parts.append((coefficient, found))
            constant -= coefficient * below
        if not parts:
            return _Text(str(constant), PRIMARY if constant >= 0 else SUM, _NONE)
        if len(parts) == 1 and parts[0][0] == 1 and not constant:
            return parts[0][1]
        text = ""
        for coefficient, part in parts:
            shown = self._with_number(part, abs(coefficient)).at(TERM)
            minus = coefficient < 0
            text = (f"-{shown}" if minus else shown) if not text else f"{text} {'-' if minus else '+'} {shown}"
        if constant:
            text += f" {'-' if constant < 0 else '+'} {abs(constant)}"
        return _Text(text, SUM, joined(p.dims for _, p in parts))

    def _slice_size(self, atom: str | FloorDiv) -> tuple[_Text, int]:
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
                found = _Text(f"size({dim}[0:{shown}])", PRIMARY, Dims(w for w in _WORD.findall(shown) if w in named))
                for name in named:
                    if name in self.slices:
                        found = self._narrowed(found, name)
                return found, below
        raise CannotSay("an index that is larger than every dim")

    # -- reductions -----------------------------------------------------------------------------

    def _outer(self, context: IndexSet) -> IndexSet:
        return self.box

    def _sum(self, atom: SumAtom, scope: Scope, context: IndexSet, factor: Mono | None) -> _Text:
        """``sum`` or ``prod``; ``factor`` is written inside."""
        body = atom.body
        if factor is not None:
            from stile_engine.term.atoms import of_mono
            from stile_engine.term.ring import multiply

            body = multiply(of_mono(factor), body)
        inner = self.names.bind(atom.bound, [body], atom.domain, context, scope)
        text = self.poly(body, inner, context & atom.domain)
        return self._reduction(atom.operation, atom.bound, atom.domain, text, inner)

    def _reduction(self, word: str, bound: tuple[str, ...], domain: IndexSet, body: _Text, inner: Scope) -> _Text:
        ranges = UNIVERSE
        for variable in bound:
            shown = inner[variable]
            (name,) = shown.variables
            low = shown.constant
            ranges = ranges & IndexSet.where(in_range(Affine.variable(variable), low, self.names.extent(name) + low))
        names = [next(iter(inner[v].variables)) for v in bound]
        always = (ranges & self.box).issubset(domain)
        condition, named = ("", _NONE) if always else self._condition(domain, inner, ranges & self.box)
        body = self._spread_slices(body, named)
        body = self._spread(body, names)
        dims = (body.dims | named) - names
        if len(bound) == 1:
            where = f" where {condition}" if condition else ""
            return _Text(f"{word}[{names[0]}{where}]({body.text})", PRIMARY, dims)
        dims = self._ordered(dims)
        if not condition:
            head = "" if word == "sum" else word
            return _Text(f"{head}({body.text} ->{self._right(dims)})", PRIMARY, dims)
        nothing = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}[word]
        masked = f"where({condition}, {body.text}, {nothing})" if word != "sum" else f"{body.at(SUM)} where {condition}"
        return _Text(f"{word}({masked} ->{self._right(dims)})", PRIMARY, dims)

    def _maximum(self, atom: MaxAtom, scope: Scope, context: IndexSet, least: bool) -> _Text:
        word, both, nothing = ("min", "minimum", "inf") if least else ("max", "maximum", "-inf")
        pieces = atom.pieces
        if not least and len(pieces) == 2 and any(_is_zero(p) for p in pieces):
            other = next(p for p in pieces if not _is_zero(p))
            if context.issubset(other.domain.project_out(other.bound)):
                found = self._family(other, scope, context, word, nothing)
                return _Text(f"relu({found.text})", PRIMARY, found.dims)
        cases = self._cases_of_one(pieces, scope, context, word, nothing, least)
        if cases is not None:
            return cases
        parts = [self._family(p, scope, context, word, nothing, least) for p in pieces]
        parts.sort(key=lambda t: (len(t.text), t.text))
        text = parts[0].text
        for part in parts[1:]:
            text = f"{both}({text}, {part.text})"
        dims = joined(p.dims for p in parts)
        full = all(context.issubset(p.domain.project_out(p.bound)) for p in pieces)
        if full or (len(pieces) == 1 and pieces[0].bound):
            return _Text(text, PRIMARY, dims)
        # families that may be empty: one maximum of all, not one for each case
        dims = self._ordered(dims)
        return _Text(f"{word}({text} ->{self._right(dims)})", PRIMARY, dims)

    def _cases_of_one(
        self, pieces: tuple[MaxPiece, ...], scope: Scope, context: IndexSet, word: str, nothing: str, least: bool
    ) -> _Text | None:
        """Families along one dim that never meet are cases of one maximum: ``max[n](where(P, f, g))``."""
        if len(pieces) < 2 or any(len(p.bound) != 1 for p in pieces):
            return None
        bodies = [negate(p.body) if least else p.body for p in pieces]
        scopes = [self.names.bind(p.bound, [b], p.domain, context, scope) for p, b in zip(pieces, bodies, strict=True)]
        indices = [s[p.bound[0]] for p, s in zip(pieces, scopes, strict=True)]
        common = Affine.variable("~case")
        domains = [p.domain.substitute({p.bound[0]: common}) for p in pieces]
        if any(i != indices[0] for i in indices) or indices[0].constant or not _disjoint(domains):
            return None
        (name,) = indices[0].variables
        ranges = IndexSet.where(in_range(common, 0, self.names.extent(name)))
        total: _Text | None = None
        if not (ranges & self.box).issubset(union(domains)):
            total = _Text(nothing, UNARY, _NONE)
        for piece, body, inner, domain in zip(pieces, bodies, scopes, domains, strict=True):
            text = self.poly(body, inner, context & piece.domain)
            if total is None:
                total = text
                continue
            condition, named = self._condition(domain, {**inner, "~case": Affine.variable(name)}, ranges & self.box)
            text = self._spread_slices(text, named)
            shown = f"where({condition}, {text.text}, {total.text})"
            total = _Text(shown, PRIMARY, text.dims | total.dims | named)
        assert total is not None
        total = self._spread(total, [name])
        return _Text(f"{word}[{name}]({total.text})", PRIMARY, total.dims - [name])

    def _family(
        self, piece: MaxPiece, scope: Scope, context: IndexSet, word: str, nothing: str, least: bool = False
    ) -> _Text:
        body = negate(piece.body) if least else piece.body
        inner = self.names.bind(piece.bound, [body], piece.domain, context, scope)
        text = self.poly(body, inner, context & piece.domain)
        if piece.bound:
            return self._reduction(word, piece.bound, piece.domain, text, inner)
        if context.issubset(piece.domain):
            return text
        condition, named = self._condition(piece.domain, scope, self.box)
        text = self._spread_slices(text, named)
        return _Text(f"where({condition}, {text.text}, {nothing})", PRIMARY, text.dims | named)


def _symbol(atom: IndexAtom) -> str | None:
    """The unknown of a size, where that alone is the number."""
    ((part, _),) = atom.index.terms
    return part if isinstance(part, str) and part.startswith("#") else None


def _disjoint(domains: list[IndexSet]) -> bool:
    return all(a.is_disjoint(b) for i, a in enumerate(domains) for b in domains[i + 1 :])


def _mark(tensor: Tensor) -> str:
    return f"\0{tensor.name}\0"


def _is_zero(piece: MaxPiece) -> bool:
    return not piece.bound and piece.domain is UNIVERSE and piece.body.is_zero


def _in_order_of_inputs(factors: Sequence[Factor]) -> list[Factor]:
    """Reads of unlabelled inputs change places so that the inputs come in their order, which needs no names."""
    found = list(factors)
    places = [i for i, (a, _) in enumerate(found) if isinstance(a, ReadAtom) and a.tensor.name.isdigit()]
    reads = sorted((found[i] for i in places), key=lambda f: int(f[0].tensor.name) if isinstance(f[0], ReadAtom) else 0)
    for place, read in zip(places, reads, strict=True):
        found[place] = read
    return found


def _is_expanded(atom: Atom) -> bool:
    """Whether a whole power of the atom is written out: that of a sum, of a relu, of a cosine."""
    return isinstance(atom, PowerAtom | MaxAtom) or (isinstance(atom, FunctionAtom) and atom.name == "cos")


def _has_value(m: Mono, context: IndexSet) -> bool:
    """Whether what stands in the product certainly has a finite value at every index of the context."""
    return all(_factor_has_value(f, context) for f in m.factors) and (
        m.exponential is None or _poly_has_value(m.exponential, context)
    )


def _poly_has_value(operand: Poly, context: IndexSet) -> bool:
    return all(_has_value(m, context) for m, _ in operand.terms)


def _factor_has_value(factor: Factor, context: IndexSet) -> bool:
    atom, exponent = factor
    match atom:
        case ReadAtom():
            sizes = zip(atom.index, atom.tensor.shape, strict=True)
            return all(context.issubset(IndexSet.where(in_range(i, 0, size))) for i, size in sizes)
        case PowerAtom():
            return exponent > 0 and _poly_has_value(atom.base, context)
        case FunctionAtom():
            return _poly_has_value(atom.argument, context)
        case SumAtom():
            inside = context & atom.domain
            return exponent > 0 and (inside is EMPTY or _poly_has_value(atom.body, inside))
        case MaxAtom():
            rows = UNIVERSE
            for p in atom.pieces:
                reached = p.domain.project_out(p.bound)
                rows = reached if rows is UNIVERSE else rows | reached
                inside = context & p.domain
                if inside is not EMPTY and not _poly_has_value(p.body, inside):
                    return False
            return context.issubset(rows)
        case IndexAtom():
            return exponent > 0 or context.is_disjoint(IndexSet.where(compare(atom.index, "==", 0)))
        case _:
            return True
