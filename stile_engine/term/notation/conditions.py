"""Index expressions and predicates as they are written: chains of comparisons, remainders, in three styles.

An index expression keeps ``n - 2 * (n // 2)``; people write ``n % 2``. Two bounds of one variable are
one chain, ``4 <= n < 8``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate, negate

Namer = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Signs:
    """How one style writes operators; ``floor`` and ``remainder`` take the operand, and whether it is an atom."""

    times: str
    operators: Mapping[str, str]
    floor: Callable[[str, bool, int], str]
    remainder: Callable[[str, bool, int], str]
    both: str
    either: str
    true: str
    false: str


def _parenthesised(text: str, is_atom: bool) -> str:
    return text if is_atom else f"({text})"


SPEC = Signs(
    "*",
    {o: o for o in ("<", "<=", "==", "!=")},
    lambda text, is_atom, divisor: f"{_parenthesised(text, is_atom)} // {divisor}",
    lambda text, is_atom, divisor: f"{_parenthesised(text, is_atom)} % {divisor}",
    " && ",
    " || ",
    "0 == 0",
    "0 != 0",
)
UNICODE = Signs(
    "·",
    {"<": "<", "<=": "≤", "==": "=", "!=": "≠"},
    lambda text, is_atom, divisor: f"⌊{_parenthesised(text, is_atom)}/{divisor}⌋",
    lambda text, is_atom, divisor: f"{_parenthesised(text, is_atom)} mod {divisor}",
    " ∧ ",
    " ∨ ",
    "true",
    "false",
)
LATEX = Signs(
    " ",
    {"<": "<", "<=": r"\le", "==": "=", "!=": r"\ne"},
    lambda text, is_atom, divisor: rf"\left\lfloor \frac{{{text}}}{{{divisor}}} \right\rfloor",
    lambda text, is_atom, divisor: rf"{_parenthesised(text, is_atom)} \bmod {divisor}",
    r" \land ",
    r" \lor ",
    r"\top",
    r"\bot",
)


# -- index expressions -------------------------------------------------------------------------


def index_text(index: Affine, name: Namer, signs: Signs = SPEC) -> str:
    """``2*n + 1``, ``n % 4``; a floor or remainder that is multiplied stands in parentheses."""
    parts: list[tuple[int, str, bool]] = []
    plain, remainders, constant = _with_remainders(index)
    for atom, coefficient in plain.items():
        if isinstance(atom, str):
            parts.append((coefficient, name(atom), True))
        else:
            parts.append((coefficient, _divided(atom.numerator, atom.divisor, signs.floor, name, signs), False))
    for numerator, divisor, coefficient in remainders:
        parts.append((coefficient, _divided(numerator, divisor, signs.remainder, name, signs), False))
    parts.sort(key=lambda part: part[0] < 0)
    text = ""
    for coefficient, shown, is_atom in parts:
        magnitude = abs(coefficient)
        if magnitude != 1:
            shown = f"{magnitude}{signs.times}{_parenthesised(shown, is_atom)}"
        if not text:
            # a minus binds tighter than // and % where it stands first
            shown = f"({shown})" if coefficient < 0 and magnitude == 1 and not is_atom else shown
            text = f"-{shown}" if coefficient < 0 else shown
        else:
            text += f" - {shown}" if coefficient < 0 else f" + {shown}"
    if not text:
        return str(constant)
    return text if not constant else f"{text} {'-' if constant < 0 else '+'} {abs(constant)}"


def _divided(numerator: Affine, divisor: int, form: Callable[[str, bool, int], str], name: Namer, signs: Signs) -> str:
    text = index_text(numerator, name, signs)
    is_atom = not numerator.constant and len(numerator.terms) == 1 and numerator.terms[0][1] == 1
    return form(text, is_atom and isinstance(numerator.terms[0][0], str), divisor)


def _with_remainders(
    index: Affine,
) -> tuple[dict[str | FloorDiv, int], list[tuple[Affine, int, int]], int]:
    """Plain terms, remainders ``(numerator, divisor, coefficient)`` and the constant, of the same sum."""
    plain: dict[str | FloorDiv, int] = dict(index.terms)
    constant = index.constant
    remainders: list[tuple[Affine, int, int]] = []
    for atom, coefficient in index.terms:
        if isinstance(atom, str) or coefficient % atom.divisor or atom not in plain:
            continue
        times = -coefficient // atom.divisor
        inner = atom.numerator
        # t - d * (t // d) = t % d, where all of t is there
        if all(plain.get(a) == times * c for a, c in inner.terms):
            for a, _ in inner.terms:
                del plain[a]
            del plain[atom]
            constant -= times * inner.constant
            remainders.append((inner, atom.divisor, times))
    return plain, remainders, constant


# -- predicates --------------------------------------------------------------------------------


def condition_text(predicate: Predicate, name: Namer, signs: Signs = SPEC) -> str:
    """The predicate in one line; ``&&`` binds tighter than ``||``."""
    match predicate:
        case Always():
            return signs.true
        case Never():
            return signs.false
        case Or(operands):
            return signs.either.join(condition_text(o, name, signs) for o in operands)
        case And(operands):
            return _conjunction(operands, name, signs)
        case _:
            return _conjunction((predicate,), name, signs)


def _conjunction(operands: tuple[Predicate, ...], name: Namer, signs: Signs) -> str:
    bounds: dict[Affine, tuple[list[Affine], list[Affine]]] = {}
    shown: list[str] = []
    for operand in operands:
        match operand:
            case AtLeastZero(expression):
                variable, low, high = _bound(expression)
                lows, highs = bounds.setdefault(variable, ([], []))
                (lows if low is not None else highs).append(low if low is not None else high)  # type: ignore[arg-type]
            case EqualsZero(expression):
                shown.append(_equation(expression, "==", name, signs))
            case Not(EqualsZero(expression)):
                shown.append(_equation(expression, "!=", name, signs))
            case Or():
                shown.append(f"({condition_text(operand, name, signs)})")
            case Not(And(inner)):
                either = [condition_text(negate(o), name, signs) for o in inner]
                shown.append(f"({signs.either.join(either)})")
            case Not(Or(inner)):
                shown.extend(condition_text(negate(o), name, signs) for o in inner)
            case And(inner):
                shown.append(_conjunction(inner, name, signs))
            case Not(inner):
                shown.append(condition_text(negate(inner), name, signs))
            case _:
                shown.append(condition_text(operand, name, signs))
    chains = [c for v, (lows, highs) in bounds.items() for c in _chains(v, lows, highs, name, signs)]
    return signs.both.join([*chains, *shown])


def _bound(expression: Affine) -> tuple[Affine, Affine | None, Affine | None]:
    """``expression >= 0`` as ``low <= variable`` or ``variable <= high``, where that takes no minus."""
    names = [a for a, c in expression.terms if isinstance(a, str) and abs(c) == 1 and a.isidentifier()]
    for name in sorted(names, reverse=True):
        chosen = Affine.variable(name)
        below = expression.coefficient(name) == 1
        bound = chosen - expression if below else chosen + expression
        if all(c > 0 for _, c in bound.terms) and name not in bound.variables:
            return (chosen, bound, None) if below else (chosen, None, bound)
    positive = Affine(tuple((a, c) for a, c in expression.terms if c > 0), max(expression.constant, 0))
    if positive.terms:
        return positive, positive - expression, None
    negative = positive - expression
    return negative, None, positive


def _chains(variable: Affine, lows: list[Affine], highs: list[Affine], name: Namer, signs: Signs) -> list[str]:
    found = []
    middle = index_text(variable, name, signs)
    for i in range(max(len(lows), len(highs))):
        low = lows[i] if i < len(lows) else None
        high = highs[i] if i < len(highs) else None
        text = middle
        if high is not None:
            # v <= 7 reads as v < 8, v <= q - 1 as v < q
            strict = high.is_constant or high.constant == -1
            operator = signs.operators["<" if strict else "<="]
            text += f" {operator} {index_text(high + 1 if strict else high, name, signs)}"
        if low is not None:
            strict = low.constant == 1 and not low.is_constant
            operator = signs.operators["<" if strict else "<="]
            text = f"{index_text(low - 1 if strict else low, name, signs)} {operator} {text}"
        found.append(text)
    return found


def _equation(expression: Affine, operator: str, name: Namer, signs: Signs) -> str:
    shown = signs.operators[operator]
    for atom, coefficient in expression.terms:
        # t - d * (t // d) + r == 0 is t % d == -r, whatever the constant inside the floor was
        if isinstance(atom, FloorDiv) and abs(coefficient) == atom.divisor:
            part = atom.numerator - Affine(((atom, atom.divisor),))
            rest = expression - part if coefficient < 0 else expression + part
            if rest.is_constant:
                remainder = -rest.constant if coefficient < 0 else rest.constant
                inner = atom.numerator - atom.numerator.constant
                if 0 <= remainder < atom.divisor:
                    text = _divided(inner, atom.divisor, signs.remainder, name, signs)
                    return f"{text} {shown} {(remainder - atom.numerator.constant) % atom.divisor}"
    left = Affine(tuple((a, c) for a, c in expression.terms if c > 0), max(expression.constant, 0))
    right = left - expression
    if not left.terms or (right.terms and len(right.terms) < len(left.terms) and not right.constant):
        left, right = right, left
    return f"{index_text(left, name, signs)} {shown} {index_text(right, name, signs)}"
