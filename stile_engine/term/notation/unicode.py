"""Formulas on one line of Unicode: ``∑[n ≤ q] exp(S[q, n])``, ``√(x² + 1)``, ``a if P, else b``."""

from __future__ import annotations

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Always, Predicate
from stile_engine.term.notation.conditions import UNICODE, condition_text, index_text
from stile_engine.term.notation.formula import (
    Call,
    Cases,
    Entry,
    Formula,
    Index,
    Marked,
    Name,
    Number,
    Power,
    Product,
    Reduction,
    Total,
    Truth,
    Unequal,
)
from stile_engine.term.notation.naming import SIZE
from stile_engine.term.printing import quotient

_ANY, _SUM, _TERM, _FACTOR, _ATOM = range(5)
_SIGNS = {"sum": "∑", "prod": "∏"}
_NAMES = {"pi": "π", "inf": "∞"}
_SUPERSCRIPTS = str.maketrans("0123456789-/", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ")


def unicode_text(formula: Formula) -> str:
    """The formula on one line."""
    return _show(formula, _ANY)


def _show(formula: Formula, level: int) -> str:
    text, own = _form(formula)
    return f"({text})" if own < level else text


def _form(formula: Formula) -> tuple[str, int]:
    match formula:
        case Number(value):
            return quotient(value), _ATOM if value.denominator == 1 and value >= 0 else _TERM
        case Name(text, _):
            return _NAMES.get(text, text), _ATOM
        case Entry(label, indices):
            return (f"{label}[{', '.join(map(_index, indices))}]" if indices else label), _ATOM
        case Index(index):
            return _index(index), _ATOM if len(index.terms) == 1 and not index.constant else _SUM
        case Total(terms, folded):
            shown = ""
            for minus, term in terms:
                part = _show(term, _TERM)
                shown = (f"-{part}" if minus else part) if not shown else f"{shown} {'-' if minus else '+'} {part}"
            if folded:
                shown = f"{shown} + … {folded} more term{'s' if folded > 1 else ''}".removeprefix(" + ")
            return shown or "0", _SUM
        case Product(over, under):
            shown = "·".join(_show(f, _FACTOR) for f in over) or "1"
            if not under:
                return shown, _TERM
            below = _show(under[0], _FACTOR) if len(under) == 1 else f"({'·'.join(_show(f, _FACTOR) for f in under)})"
            return f"{shown} / {below}", _TERM
        case Power(base, exponent):
            if exponent.denominator == 2:
                root = (
                    f"√{_show(base, _ATOM)}" if isinstance(base, Number | Name | Entry) else f"√({_show(base, _ANY)})"
                )
                return (root if exponent.numerator == 1 else f"({root}){_raised(str(exponent.numerator))}"), _FACTOR
            return f"{_show(base, _ATOM)}{_raised(str(exponent))}", _FACTOR
        case Call("abs", (operand,)):
            return f"|{_show(operand, _ANY)}|", _ATOM
        case Call(function, operands):
            return f"{function}({', '.join(_show(o, _SUM) for o in operands)})", _ATOM
        case Reduction(operation, bound, predicate, body):
            sign = _SIGNS.get(operation, operation)
            return f"{sign}[{_binder(bound, predicate)}] {_show(body, _TERM)}", _TERM
        case Truth(predicate):
            return f"[{_condition(predicate)}]", _ATOM
        case Cases(cases):
            parts = [
                f"{_show(value, _SUM)} {'otherwise' if isinstance(p, Always) else f'if {_condition(p)}'}"
                for value, p in cases
            ]
            return "; ".join(parts), _ANY
        case Marked(part):
            return f"⟪{_show(part, _ANY)}⟫", _ATOM
        case Unequal(left, right):
            return f"{_show(left, _SUM)}  ≠  {_show(right, _SUM)}", _ANY
    raise TypeError(type(formula).__name__)


def _binder(bound: tuple[str, ...], predicate: Predicate) -> str:
    names = ", ".join(bound)
    return names if isinstance(predicate, Always) else f"{names}: {_condition(predicate)}"


def _condition(predicate: Predicate) -> str:
    return condition_text(predicate, _name, UNICODE)


def _index(index: Affine) -> str:
    return index_text(index, _name, UNICODE)


def _name(variable: str) -> str:
    """Data are shown as the element that they are, ``I[k]``, and the size of N as ``|N|``."""
    return f"|{variable[1:]}|" if variable.startswith(SIZE) else data.render(variable)


def _raised(text: str) -> str:
    return text.translate(_SUPERSCRIPTS)
