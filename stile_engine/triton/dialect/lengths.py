"""How long a slice ``lo:hi`` of a kernel's text is: the difference of two expressions, as a polynomial in names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Monomial = tuple[str, ...]
"""A product of factors, by their texts, sorted; the empty one is 1."""

_DEPTH = 12


@dataclass(frozen=True)
class Length:
    """A sum of ``coefficient * monomial``; ``nodes`` are the factors as expressions."""

    terms: Mapping[Monomial, int]
    nodes: Mapping[str, ast.expr]

    @staticmethod
    def number(value: int) -> Length:
        return Length({(): value} if value else {}, {})

    @staticmethod
    def factor(node: ast.expr) -> Length:
        text = ast.unparse(node)
        return Length({(text,): 1}, {text: node})

    def plus(self, other: Length, sign: int = 1) -> Length:
        total = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total[monomial] = total.get(monomial, 0) + sign * coefficient
        return Length({m: c for m, c in total.items() if c}, {**self.nodes, **other.nodes})

    def times(self, other: Length) -> Length:
        total: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                both = tuple(sorted((*left, *right)))
                total[both] = total.get(both, 0) + a * b
        return Length({m: c for m, c in total.items() if c}, {**self.nodes, **other.nodes})

    @property
    def names(self) -> frozenset[str]:
        """The factors that are left."""
        return frozenset(f for monomial in self.terms for f in monomial)

    def value(self, numbers: Mapping[str, int]) -> int:
        """Raises ``KeyError`` for a factor without a number."""
        total = 0
        for monomial, coefficient in self.terms.items():
            for factor in monomial:
                coefficient *= numbers[factor]
            total += coefficient
        return total

    def expression(self) -> ast.expr:
        """As Python, with what counts up first."""
        found: ast.expr | None = None
        for monomial, coefficient in sorted(self.terms.items(), key=lambda t: (t[1] < 0, t[0])):
            parts: list[ast.expr] = [self.nodes[f] for f in monomial]
            if abs(coefficient) != 1 or not parts:
                parts.insert(0, ast.Constant(abs(coefficient)))
            term = parts[0]
            for part in parts[1:]:
                term = ast.BinOp(term, ast.Mult(), part)
            if found is None:
                found = term if coefficient > 0 else ast.UnaryOp(ast.USub(), term)
            else:
                found = ast.BinOp(found, ast.Add() if coefficient > 0 else ast.Sub(), term)
        return found or ast.Constant(0)


def length_of(node: ast.expr, meaning: Callable[[str], ast.expr | None], depth: int = 0) -> Length:
    """The expression as a polynomial. ``meaning`` gives what a name is bound to once and for all, where it is."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return Length.number(value)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            sign = 1 if isinstance(operator, ast.Add) else -1
            return length_of(left, meaning, depth).plus(length_of(right, meaning, depth), sign)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return length_of(left, meaning, depth).times(length_of(right, meaning, depth))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Length.number(0).plus(length_of(operand, meaning, depth), -1)
        case ast.Name(id=name) if depth < _DEPTH and (bound := meaning(name)) is not None:
            return length_of(bound, meaning, depth + 1)
    return Length.factor(node)
