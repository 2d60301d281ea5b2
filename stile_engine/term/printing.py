"""Canonical terms as text, close to spec syntax.

A bound variable is shown under the name of the dim that it indexes; a read whose indices are its
own dims is ``X:M K``, any other ``X[2*m + 1, k]``. A domain that is the whole dim is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import in_range
from stile_engine.index.sets import UNIVERSE, IndexSet, describe
from stile_engine.term.atoms import (
    Atom,
    ConstantAtom,
    FunctionAtom,
    IndexAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    ReadAtom,
    SumAtom,
)

_SUM, _PRODUCT, _POWER, _ATOM = range(4)


_MOST_BITS = 256


def is_long(number: Rational) -> bool:
    """Whether the number has more digits than anybody reads."""
    return max(number.numerator.bit_length(), number.denominator.bit_length()) > _MOST_BITS


def digits(number: int) -> str:
    """The number, a long one to four digits: ``1.268e+4512``. Python itself refuses to write out more than 4,300."""
    if not is_long(number):
        return str(number)
    exponent = math.log10(abs(number))
    return f"{'-' if number < 0 else ''}{10 ** (exponent % 1):.3f}e+{math.floor(exponent)}"


def quotient(number: Rational) -> str:
    """The number as ``3`` or ``3/4``, with the digits of long ones left out."""
    over = digits(number.numerator)
    return over if number.denominator == 1 else f"{over}/{digits(number.denominator)}"


def show(operand: Poly, names: Mapping[str, str] | None = None) -> str:
    """The term as one line of text."""
    return _poly(operand, dict(names or {}), _SUM)


def _set(domain: IndexSet, names: Mapping[str, str]) -> str:
    return describe(domain, names)


def _poly(operand: Poly, names: dict[str, str], level: int) -> str:
    if not operand.terms:
        return "0"
    rendered = sorted(
        ((_mono(m, c if c > 0 else -c, names), c < 0, m) for m, c in operand.terms),
        key=lambda item: (not item[2].factors and item[2].exponential is None, item[1], len(item[0]), item[0]),
    )
    if len(rendered) == 1:
        text, negative, _ = rendered[0]
        if negative:
            text = "-" + text
            return f"({text})" if level > _SUM else text
        if level >= _POWER and (" * " in text or " / " in text or "**" in text or text[0].isdigit()):
            return f"({text})" if not text.isdigit() else text
        return text
    out = ""
    for text, negative, _ in rendered:
        if not out:
            out = f"-{text}" if negative else text
        else:
            out += f" - {text}" if negative else f" + {text}"
    return f"({out})" if level > _SUM else out


def _mono(m: Mono, coefficient: Rational, names: dict[str, str]) -> str:
    over: list[str] = []
    under: list[str] = []
    value = Fraction(coefficient)
    if value.numerator != 1:
        over.append(digits(value.numerator))
    if value.denominator != 1:
        under.append(digits(value.denominator))
    entries = [(_atom(a, names, -e if e < 0 else e), e) for a, e in m.factors]
    for text, e in sorted(entries, key=lambda item: (len(item[0]), item[0])):
        (over if e > 0 else under).append(text)
    if m.exponential is not None:
        over.append(f"exp({_poly(m.exponential, names, _SUM)})")
    head = " * ".join(over) or "1"
    if not under:
        return head
    return f"{head} / {under[0]}" if len(under) == 1 else f"{head} / ({' * '.join(under)})"


def _atom(atom: Atom, names: dict[str, str], exponent: Rational) -> str:
    if isinstance(atom, PowerAtom):
        text = _poly(atom.base, names, _POWER)
        inner = _poly(atom.base, names, _SUM)
    else:
        text = inner = _plain(atom, names)
    if exponent == 1:
        return text
    if exponent == Fraction(1, 2):
        return f"sqrt({inner})"
    if isinstance(exponent, int):
        return f"{text}**{exponent}"
    half = Fraction(exponent) * 2
    if half.denominator == 1:
        return f"sqrt({inner})**{half.numerator}"
    return f"{text}**({exponent})"


def _plain(atom: Atom, names: dict[str, str]) -> str:
    match atom:
        case ReadAtom():
            return _read(atom, names)
        case IndexAtom():
            return _index(atom.index, names)
        case ConstantAtom():
            return atom.name
        case FunctionAtom():
            return f"{atom.name}({_poly(atom.argument, names, _SUM)})"
        case SumAtom():
            if not atom.bound:
                return f"(1 where {_set(atom.domain, names)})"
            inner = bind_names(atom.bound, atom.body, names, atom.domain)
            return _reduction(atom.operation, atom.bound, atom.domain, _poly(atom.body, inner, _SUM), atom.body, inner)
        case MaxAtom():
            parts = []
            for p in atom.pieces:
                inner = bind_names(p.bound, p.body, names, p.domain)
                body = _poly(p.body, inner, _SUM)
                if p.bound:
                    parts.append(_reduction("max", p.bound, p.domain, body, p.body, inner))
                elif p.domain is UNIVERSE:
                    parts.append(body)
                else:
                    parts.append(f"where({_set(p.domain, inner)}, {body}, -inf)")
            if len(parts) == 1:
                return parts[0]
            if len(parts) == 2:
                if "0" in parts:
                    parts.remove("0")
                    return f"relu({parts[0]})"
                return f"maximum({parts[0]}, {parts[1]})"
            text = parts[0]
            for part in parts[1:]:
                text = f"maximum({text}, {part})"
            return text
    raise TypeError(type(atom).__name__)


def _reduction(
    name: str, bound: tuple[str, ...], domain: IndexSet, body: str, inside: Poly, names: Mapping[str, str]
) -> str:
    whole = UNIVERSE
    for variable in bound:
        size = size_of(variable, inside)
        if size is not None:
            whole = whole & IndexSet.where(in_range(Affine.variable(variable), 0, size))
    condition = "" if whole.issubset(domain) else f" where {_set(domain.given(whole), names)}"
    return f"{name}[{', '.join(names[v] for v in bound)}{condition}]({body})"


def size_of(variable: str, inside: Poly) -> Affine | None:
    """The size of the axis that the variable runs along, if it is an index of an input by itself."""
    for read in sorted(inside.reads, key=lambda r: r.digest):
        for index, size in zip(read.index, read.tensor.shape, strict=True):
            if index == Affine.variable(variable):
                return size
    return None


def bind_names(
    bound: tuple[str, ...], body: Poly, names: dict[str, str], domain: IndexSet = UNIVERSE
) -> dict[str, str]:
    """Names for bound variables: the dim they index, primed if that is taken in the body or the domain."""
    inner = dict(names)
    taken = {inner.get(v, v) for v in body.variables | domain.variables if v not in bound} | set(names.values())
    for variable in bound:
        wanted = _dim_of(variable, body) or "i"
        name = wanted
        while name in taken:
            name += "'"
        taken.add(name)
        inner[variable] = name
    return inner


def _dim_of(variable: str, body: Poly) -> str | None:
    best: tuple[int, str] | None = None
    for read in sorted(body.reads, key=lambda r: r.digest):
        for index, dim in zip(read.index, read.tensor.dims, strict=True):
            if variable in index.variables:
                rank = 0 if index == Affine.variable(variable) else 1
                if best is None or (rank, dim) < best:
                    best = (rank, dim)
    return best[1] if best else None


def _read(atom: ReadAtom, names: Mapping[str, str]) -> str:
    shown = [_index(i, names) for i in atom.index]
    label = atom.tensor.name
    if not shown:
        return f"scalar({label})"
    if [s.rstrip("'") for s in shown] == list(atom.tensor.dims):
        dims = " ".join(shown)
        return f"({dims})" if label.isdigit() else f"{label}:{dims}"
    return f"{'#' if label.isdigit() else ''}{label}[{', '.join(shown)}]"


def _index(index: Affine, names: Mapping[str, str]) -> str:
    return index.render(lambda v: data.render(v, lambda n: names.get(n, n))).replace(" * ", "*")
