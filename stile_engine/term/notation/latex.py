"""Formulas as LaTeX, laid out by sympy. sympy is loaded when the first one is asked for.

sympy is given expressions that it may not evaluate: the order and the form are those of the normal
form. What sympy has no notation for (reductions with a predicate, cases, brackets) prints itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Always, Predicate
from stile_engine.term.elements import element_of
from stile_engine.term.notation.conditions import LATEX, condition_text, index_text
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
    label_of,
)
from stile_engine.term.notation.naming import SIZE
from stile_engine.term.printing import is_long, quotient

_SIGNS = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min"}


def latex_text(formula: Formula) -> str | None:
    """The formula in LaTeX's mathematics mode; None where sympy is not installed."""
    try:
        import sympy
    except ImportError:
        return None
    try:
        return str(sympy.latex(_expression(formula), order="none"))
    except RecursionError:
        return None


@cache
def _layout() -> Any:
    """The class of sympy expressions that print a text of ours around their operands."""
    import sympy
    from sympy.printing.precedence import PRECEDENCE

    class Layout(sympy.Expr):  # type: ignore[misc]
        """``texts`` with the operands between them; ``binds`` names one of sympy's precedences."""

        is_commutative = True

        @property
        def precedence(self) -> int:
            return int(PRECEDENCE[str(self.args[0])])

        def _latex(self, printer: Any, exp: str | None = None) -> str:
            texts = str(self.args[1]).split("\0")
            shown = [printer._print(a) for a in self.args[2:]]
            text = "".join(t + (shown[i] if i < len(shown) else "") for i, t in enumerate(texts))
            return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    return Layout


def _laid_out(texts: list[str], operands: list[Any], binds: str) -> Any:
    from sympy.core.symbol import Str

    # all that tells two of them apart is an argument, for sympy takes equal arguments for equal expressions
    return _layout()(Str(binds), Str("\0".join(texts)), *operands)


def _expression(formula: Formula) -> Any:
    import sympy

    match formula:
        case Number(value) if is_long(value):
            return sympy.Symbol(quotient(value))
        case Number(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Name(text, is_words):
            if text == "…":
                return sympy.Symbol(r"\ldots{}")
            known = {"pi": sympy.pi, "inf": sympy.oo}.get(text)
            return (
                known
                if known is not None
                else sympy.Symbol(rf"\text{{{_words(text)}}}" if is_words else _letters(text))
            )
        case Entry(label, indices):
            name = _letters(label)
            return sympy.Symbol(f"{name}_{{{', '.join(map(_index, indices))}}}" if indices else f"{{{name}}}")
        case Index(index):
            return _laid_out([_index(index)], [], "Atom" if len(index.terms) == 1 and not index.constant else "Add")
        case Total(terms, folded):
            parts = [-_expression(t) if isinstance(t, Number) and minus else _signed(minus, t) for minus, t in terms]
            if folded:
                parts.append(sympy.Symbol(rf"\ldots \text{{{folded} more term{'s' if folded > 1 else ''}}}"))
            if not parts:
                return sympy.Integer(0)
            return sympy.Add(*parts, evaluate=False) if len(parts) > 1 else parts[0]
        case Product(over, under):
            return _product([_expression(f) for f in over], [_expression(f) for f in under])
        case Power(base, exponent):
            return sympy.Pow(
                _expression(base), sympy.Rational(exponent.numerator, exponent.denominator), evaluate=False
            )
        case Call("abs", (operand,)):
            return sympy.Abs(_expression(operand), evaluate=False)
        case Call("exp", (operand,)):
            return sympy.exp(_expression(operand), evaluate=False)
        case Call("max" | "min" as word, operands):
            shown = [_expression(o) for o in operands]
            return _laid_out([rf"\{word}\left(", *[", "] * (len(shown) - 1), r"\right)"], shown, "Func")
        case Call(function, (operand,)) if function in ("log", "sin", "cos", "erf", "floor"):
            return getattr(sympy, function)(_expression(operand), evaluate=False)
        case Call(function, operands):
            shown = [_expression(o) for o in operands]
            return _laid_out(
                [rf"\operatorname{{{_words(function)}}}\left(", *[", "] * (len(shown) - 1), r"\right)"], shown, "Func"
            )
        case Reduction(operation, bound, predicate, body):
            names = ", ".join(_letters(b) for b in bound)
            below = names if isinstance(predicate, Always) else rf"{names} : {_condition(predicate)}"
            sign = _SIGNS.get(operation, rf"\operatorname{{{_words(operation)}}}")
            open_, close = (r"\left(", r"\right)") if isinstance(body, Total | Cases) else ("", "")
            return _laid_out([rf"{sign}_{{{below}}} {open_}", close], [_expression(body)], "Mul")
        case Truth(predicate):
            return _laid_out([rf"\left[{_condition(predicate)}\right]"], [], "Atom")
        case Cases(cases):
            parts = [r"\begin{cases} "]
            for _, predicate in cases:
                reason = (
                    r"\text{otherwise}" if isinstance(predicate, Always) else rf"\text{{if }} {_condition(predicate)}"
                )
                parts.append(rf" & {reason} \\ ")
            parts[-1] = parts[-1].removesuffix(r" \\ ") + r" \end{cases}"
            return _laid_out(parts, [_expression(value) for value, _ in cases], "Atom")
        case Marked(part):
            return _laid_out([r"\boxed{", "}"], [_expression(part)], "Atom")
        case Unequal(left, right):
            return _laid_out(["", r" \ne ", ""], [_expression(left), _expression(right)], "Add")
    raise TypeError(type(formula).__name__)


def _signed(minus: bool, term: Formula) -> Any:
    """sympy writes a minus where the first factor of a product is negative."""
    import sympy

    if minus and term == Name("inf"):
        return sympy.S.NegativeInfinity
    found = _expression(term)
    if not minus:
        return found
    if isinstance(term, Product):
        over = [_expression(f) for f in term.over]
        under = [_expression(f) for f in term.under]
        if over and over[0].is_Rational:
            return _product([-over[0], *over[1:]], under)
        return _product([sympy.Integer(-1), *over], under)
    return sympy.Mul(sympy.Integer(-1), found, evaluate=False)


def _product(over: list[Any], under: list[Any]) -> Any:
    import sympy

    parts = [*over, *(sympy.Pow(u, sympy.Integer(-1), evaluate=False) for u in under)]
    if len(parts) > 1 and parts[0] == 1:
        del parts[0]
    return sympy.Mul(*parts, evaluate=False) if len(parts) > 1 else parts[0]


def _letters(name: str) -> str:
    """A name of one letter as it is, a longer one upright in itself."""
    text = name.rstrip("'")
    primes = "'" * (len(name) - len(text))
    shown = text.replace("_", r"\_").replace("#", r"\#").replace("$", r"\$")
    return (shown if len(text) == 1 else rf"\mathit{{{shown}}}") + primes


_SPECIAL = {c: f"\\{c}" for c in "_#$%&{}"} | {"\\": r"\textbackslash ", "^": r"\^{}", "~": r"\~{}"}


def _words(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


def _condition(predicate: Predicate) -> str:
    return condition_text(predicate, _variable, LATEX)


def _index(index: Affine) -> str:
    return index_text(index, _variable, LATEX)


def _variable(name: str) -> str:
    if name.startswith(SIZE):
        return rf"\left|{_letters(name[1:])}\right|"
    found = element_of(name)
    if found is None:
        return _letters(data.render(name))
    inverse = "^{-1}" if found.inverse else ""
    return f"{_letters(label_of(found.tensor))}{inverse}_{{{', '.join(map(_index, found.arguments))}}}"
