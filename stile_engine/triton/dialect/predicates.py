"""A predicate over dims as an expression of a kernel, on the places of its lanes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate


def condition_of(
    predicate: Predicate, places: Mapping[str, ast.expr], sizes: Mapping[str, tuple[str, int]]
) -> ast.expr:
    """``places`` gives the expression for the index along a dim, ``sizes`` for the unknown of a symbolic size its
    parameter and what the unknown counts. Raises ``LookupError`` that says what has no place."""
    match predicate:
        case Always() | Never():
            first = next(iter(places.values()), ast.Constant(0))
            operator = ast.GtE() if isinstance(predicate, Always) else ast.Lt()
            same = ast.BinOp(copy.deepcopy(first), ast.Sub(), copy.deepcopy(first))
            return ast.Compare(same, [operator], [ast.Constant(0)])
        case AtLeastZero(expression):
            return ast.Compare(_index(expression, places, sizes), [ast.GtE()], [ast.Constant(0)])
        case EqualsZero(expression):
            return ast.Compare(_index(expression, places, sizes), [ast.Eq()], [ast.Constant(0)])
        case Not(operand):
            inner = condition_of(operand, places, sizes)
            return ast.Compare(inner, [ast.Eq()], [ast.Constant(False)])
        case And(operands):
            return _joined(ast.BitAnd(), [condition_of(o, places, sizes) for o in operands])
        case Or(operands):
            return _joined(ast.BitOr(), [condition_of(o, places, sizes) for o in operands])
    raise TypeError(type(predicate).__name__)


def _joined(operator: ast.operator, parts: list[ast.expr]) -> ast.expr:
    found = parts[0]
    for part in parts[1:]:
        found = ast.BinOp(found, operator, part)
    return found


def _index(expression: Affine, places: Mapping[str, ast.expr], sizes: Mapping[str, tuple[str, int]]) -> ast.expr:
    total: ast.expr | None = None
    for atom, coefficient in expression.terms:
        if not isinstance(atom, str):
            # Below zero the machine rounds to the other side than the spec language.
            raise LookupError("divides an index, which has no model here")
        factor: ast.expr
        if atom in places:
            factor = copy.deepcopy(places[atom])
        elif atom in sizes:
            name, multiple = sizes[atom]
            factor = ast.Name(name, ast.Load())
            if multiple != 1:
                factor = ast.BinOp(factor, ast.FloorDiv(), ast.Constant(multiple))
        else:
            raise LookupError(f"names {atom.removeprefix('#')}, which is no dim of the mask")
        if abs(coefficient) != 1:
            factor = ast.BinOp(ast.Constant(abs(coefficient)), ast.Mult(), factor)
        if total is None:
            total = factor if coefficient > 0 else ast.UnaryOp(ast.USub(), factor)
        else:
            total = ast.BinOp(total, ast.Add() if coefficient > 0 else ast.Sub(), factor)
    if total is None:
        return ast.Constant(expression.constant)
    if expression.constant:
        operator = ast.Add() if expression.constant > 0 else ast.Sub()
        total = ast.BinOp(total, operator, ast.Constant(abs(expression.constant)))
    return total
