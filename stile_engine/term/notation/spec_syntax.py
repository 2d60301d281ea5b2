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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import in_range
from stile_engine.index.sets import UNIVERSE, IndexSet, union
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
from stile_engine.term.guarded import Element, Guarded, Infinite, Missing, Piece
from stile_engine.term.notation.maxima import as_minimum
from stile_engine.term.notation.naming import (
    CannotSay,
    Scope,
    joined,
)
from stile_engine.term.notation.spec_parts import ITEM, NONE, POWER, PRIMARY, SUM, TERM, UNARY, Parts, Text
from stile_engine.term.presence import has_value
from stile_engine.term.printing import is_long
from stile_engine.term.ring import negate
from stile_engine.term.value import DimRange

LONGEST = 20_000
"""Characters; a longer text is of no use to anybody."""


@dataclass(frozen=True, slots=True)
class SpecText:
    text: str
    added: Mapping[str, Affine]
    """Dims that the text names beside those that it was given, with their sizes."""


def spec_text(value: Guarded, dims: Sequence[DimRange], known: Mapping[str, Affine]) -> SpecText:
    """``value`` over ``dims`` as a spec. ``known`` are the sizes of further dims that may be named.

    Raises ``CannotSay`` where the language has no words.
    """
    return _Speller(value, dims, known).whole(value)


class _Speller(Parts):
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

    def _cases(self, pieces: list[Piece]) -> Text:
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
                total = Text(f"{chosen.at(SUM)} where {condition}", ITEM, dims)
            else:
                total = Text(f"where({condition}, {chosen.text}, {total.text})", PRIMARY, dims)
        return total

    def _element(self, value: Element, guard: IndexSet) -> Text:
        match value:
            case Poly():
                return self.poly(value, {}, self.box & guard)
            case Infinite(sign=sign):
                return Text("inf", PRIMARY, NONE) if sign > 0 else Text("-inf", UNARY, NONE)
            case Missing():
                return Text("0 / 0", TERM, NONE)
        raise CannotSay("a value without a model")

    # -- polynomials ----------------------------------------------------------------------------

    def poly(self, operand: Poly, scope: Scope, context: IndexSet) -> Text:
        if not operand.terms:
            return Text("0", PRIMARY, NONE)
        parts = [self._mono(m, c if c > 0 else -c, scope, context, c < 0) for m, c in operand.terms]
        parts.sort(key=lambda p: (p[2], p[1], len(p[0].text), p[0].text))
        if len(parts) == 1:
            part, negative, _ = parts[0]
            return Text(f"-{part.at(UNARY)}", SUM, part.dims) if negative else part
        text = ""
        for part, negative, _ in parts:
            # a subtracted product needs no parentheses, a subtracted sum would
            shown = part.at(TERM)
            text = (f"-{shown}" if negative else shown) if not text else f"{text} {'-' if negative else '+'} {shown}"
            if len(text) > LONGEST:
                raise CannotSay("a term of this length")
        return Text(text, SUM, joined(p.dims for p, _, _ in parts))

    def _mono(
        self, m: Mono, coefficient: Rational, scope: Scope, context: IndexSet, negative: bool
    ) -> tuple[Text, bool, bool]:
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

    def _masked(self, inside: Text, domain: IndexSet, scope: Scope, context: IndexSet) -> Text:
        condition, named = self._condition(domain, scope, self.box)
        inside = self._spread_slices(inside, named)
        dims = self._ordered(inside.dims | named)
        return Text(f"sum({inside.at(SUM)} where {condition} ->{self._right(dims)})", PRIMARY, dims)

    def _moved_inside(self, m: Mono, context: IndexSet) -> tuple[SumAtom, Mono] | None:
        """A sum that the other factors are better written inside of: beside a sum over nothing they
        need not have a value, and what is written outside has to."""
        for atom, exponent in m.factors:
            if not isinstance(atom, SumAtom) or atom.operation != "sum" or exponent != 1:
                continue
            if context.issubset(atom.domain.project_out(atom.bound)):
                continue
            rest = mono(tuple(f for f in m.factors if f[0] is not atom), m.exponential)
            if not has_value(rest, context):
                return atom, rest
        return None

    def _product(self, m: Mono, coefficient: Rational, scope: Scope, context: IndexSet) -> Text:
        value = Fraction(coefficient)
        over: list[Text] = []
        under: list[Text] = []
        apart: list[Text] = []
        for atom, exponent in _in_order_of_inputs(m.factors):
            if isinstance(atom, IndexAtom) and isinstance(exponent, int) and (symbol := _symbol(atom)) is not None:
                # the unknown k of a size 64*k is size / 64
                value /= Fraction(self._multiple(symbol)) ** exponent
                shown = f"size({symbol[1:]})"
                if abs(exponent) != 1:
                    shown += f"**{abs(exponent)}"
                (over if exponent > 0 else under).append(Text(shown, POWER, NONE))
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
            over.append(Text(f"exp({inner.text})", PRIMARY, inner.dims))
        dims = joined(t.dims for t in (*over, *under, *apart))
        if is_long(value):
            raise CannotSay("a number of many digits")
        if value.numerator != 1 or not over:
            over.insert(0, Text(str(value.numerator), PRIMARY, NONE))
        if value.denominator != 1:
            under.insert(0, Text(str(value.denominator), PRIMARY, NONE))
        if len(over) == 1 and not under and not apart:
            return Text(over[0].text, over[0].level, dims)
        text = " * ".join(t.at(POWER) for t in over)
        if len(under) > 1:
            text += f" / ({' * '.join(t.at(POWER) for t in under)})"
        elif under:
            text += f" / {under[0].at(POWER)}"
        for part in apart:
            text += f" / {part.at(POWER)}"
        return Text(text, TERM, dims)

    # -- atoms ----------------------------------------------------------------------------------

    def _power(self, atom: Atom, exponent: Rational, scope: Scope, context: IndexSet) -> Text:
        base = self.poly(atom.base, scope, context) if isinstance(atom, PowerAtom) else self._atom(atom, scope, context)
        if exponent == 1:
            return base
        if isinstance(exponent, int):
            return Text(f"{base.at(PRIMARY)}**{exponent}", POWER, base.dims)
        if exponent.denominator == 2:
            root = f"sqrt({base.text})"
            if exponent.numerator == 1:
                return Text(root, PRIMARY, base.dims)
            return Text(f"{root}**{exponent.numerator}", POWER, base.dims)
        over = "" if exponent.numerator == 1 else f" * {exponent.numerator}"
        return Text(f"exp(log({base.text}){over} / {exponent.denominator})", PRIMARY, base.dims)

    def _atom(self, atom: Atom, scope: Scope, context: IndexSet) -> Text:
        match atom:
            case ReadAtom():
                return self._read(atom, scope)
            case IndexAtom():
                return self._number(atom.index.substitute(scope))
            case ConstantAtom(name=name):
                return Text(name, PRIMARY, NONE)
            case FunctionAtom(name=name, argument=argument):
                if name == "trunc":
                    raise CannotSay("trunc")
                inner = self.poly(argument, scope, context)
                return Text(f"{name}({inner.text})", PRIMARY, inner.dims)
            case SumAtom():
                return self._sum(atom, scope, context, None)
            case MaxAtom():
                return self._maximum(atom, scope, context, least=False)
        raise TypeError(type(atom).__name__)

    # -- reductions -----------------------------------------------------------------------------

    def _sum(self, atom: SumAtom, scope: Scope, context: IndexSet, factor: Mono | None) -> Text:
        """``sum`` or ``prod``; ``factor`` is written inside."""
        body = atom.body
        if factor is not None:
            from stile_engine.term.atoms import of_mono
            from stile_engine.term.ring import multiply

            body = multiply(of_mono(factor), body)
        inner = self.names.bind(atom.bound, [body], atom.domain, context, scope)
        text = self.poly(body, inner, context & atom.domain)
        return self._reduction(atom.operation, atom.bound, atom.domain, text, inner)

    def _reduction(self, word: str, bound: tuple[str, ...], domain: IndexSet, body: Text, inner: Scope) -> Text:
        ranges = UNIVERSE
        for variable in bound:
            shown = inner[variable]
            (name,) = shown.variables
            low = shown.constant
            ranges = ranges & IndexSet.where(in_range(Affine.variable(variable), low, self.names.extent(name) + low))
        names = [next(iter(inner[v].variables)) for v in bound]
        always = (ranges & self.box).issubset(domain)
        condition, named = ("", NONE) if always else self._condition(domain, inner, ranges & self.box)
        body = self._spread_slices(body, named)
        body = self._spread(body, names)
        dims = (body.dims | named) - names
        if len(bound) == 1:
            where = f" where {condition}" if condition else ""
            return Text(f"{word}[{names[0]}{where}]({body.text})", PRIMARY, dims)
        dims = self._ordered(dims)
        if not condition:
            head = "" if word == "sum" else word
            return Text(f"{head}({body.text} ->{self._right(dims)})", PRIMARY, dims)
        nothing = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}[word]
        masked = f"where({condition}, {body.text}, {nothing})" if word != "sum" else f"{body.at(SUM)} where {condition}"
        return Text(f"{word}({masked} ->{self._right(dims)})", PRIMARY, dims)

    def _maximum(self, atom: MaxAtom, scope: Scope, context: IndexSet, least: bool) -> Text:
        word, both, nothing = ("min", "minimum", "inf") if least else ("max", "maximum", "-inf")
        pieces = atom.pieces
        if not least and len(pieces) == 2 and any(_is_zero(p) for p in pieces):
            other = next(p for p in pieces if not _is_zero(p))
            if context.issubset(other.domain.project_out(other.bound)):
                found = self._family(other, scope, context, word, nothing)
                return Text(f"relu({found.text})", PRIMARY, found.dims)
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
            return Text(text, PRIMARY, dims)
        # families that may be empty: one maximum of all, not one for each case
        dims = self._ordered(dims)
        return Text(f"{word}({text} ->{self._right(dims)})", PRIMARY, dims)

    def _cases_of_one(
        self, pieces: tuple[MaxPiece, ...], scope: Scope, context: IndexSet, word: str, nothing: str, least: bool
    ) -> Text | None:
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
        total: Text | None = None
        if not (ranges & self.box).issubset(union(domains)):
            total = Text(nothing, UNARY, NONE)
        for piece, body, inner, domain in zip(pieces, bodies, scopes, domains, strict=True):
            text = self.poly(body, inner, context & piece.domain)
            if total is None:
                total = text
                continue
            condition, named = self._condition(domain, {**inner, "~case": Affine.variable(name)}, ranges & self.box)
            text = self._spread_slices(text, named)
            shown = f"where({condition}, {text.text}, {total.text})"
            total = Text(shown, PRIMARY, text.dims | total.dims | named)
        assert total is not None
        total = self._spread(total, [name])
        return Text(f"{word}[{name}]({total.text})", PRIMARY, total.dims - [name])

    def _family(
        self, piece: MaxPiece, scope: Scope, context: IndexSet, word: str, nothing: str, least: bool = False
    ) -> Text:
        body = negate(piece.body) if least else piece.body
        inner = self.names.bind(piece.bound, [body], piece.domain, context, scope)
        text = self.poly(body, inner, context & piece.domain)
        if piece.bound:
            return self._reduction(word, piece.bound, piece.domain, text, inner)
        if context.issubset(piece.domain):
            return text
        condition, named = self._condition(piece.domain, scope, self.box)
        text = self._spread_slices(text, named)
        return Text(f"where({condition}, {text.text}, {nothing})", PRIMARY, text.dims | named)


def _symbol(atom: IndexAtom) -> str | None:
    """The unknown of a size, where that alone is the number."""
    ((part, _),) = atom.index.terms
    return part if isinstance(part, str) and part.startswith("#") else None


def _disjoint(domains: list[IndexSet]) -> bool:
    return all(a.is_disjoint(b) for i, a in enumerate(domains) for b in domains[i + 1 :])


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
