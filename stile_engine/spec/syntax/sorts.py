"""Predicates and index expressions share one ladder of the grammar; here each is held to its sort."""

from __future__ import annotations

from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecSyntaxError

TRUTH = (tree.Comparison, tree.Conjunction, tree.Disjunction, tree.Negation)


def check_sorts(root: tree.Syntax) -> None:
    """Raises ``SpecSyntaxError`` at the outermost part that is of the wrong sort."""
    for node, _ in tree.walk(root):
        match node:
            case tree.Masked(predicate=predicate) | tree.Choice(predicate=predicate):
                _truth(predicate)
            case tree.Reduction(predicate=predicate) if predicate is not None:
                _truth(predicate)
            case tree.Conjunction(operands=operands) | tree.Disjunction(operands=operands):
                for operand in operands:
                    _truth(operand)
            case tree.Negation(operand=operand):
                _truth(operand)
            case tree.Comparison(operands=operands) | tree.IndexChain(operands=operands):
                for operand in operands:
                    _number(operand)
            case tree.IndexNegative(operand=operand):
                _number(operand)
            case tree.At(index=index):
                _number(index)
            case tree.IndexAt(index=index, operand=operand):
                _number(index)
                _number(operand)
            case tree.DimRef(low=low, high=high) if low is not None and high is not None:
                _bound(low)
                _bound(high)


def _truth(node: tree.Condition) -> None:
    if not isinstance(node, TRUTH):
        message = "an index expression is neither true nor false: expected a comparison such as 'n <= q'"
        raise SpecSyntaxError(message, node.start, node.end, ("a comparison",))


def _number(node: tree.Condition) -> None:
    if isinstance(node, TRUTH):
        message = "a condition is not a number: expected an index expression such as 'n + 1'"
        raise SpecSyntaxError(message, node.start, node.end, ("an index expression",))


def _bound(node: tree.Condition) -> None:
    _number(node)
    for part, _ in tree.walk(node):
        if isinstance(part, tree.Data):
            message = f"the bound of a slice cannot read a tensor ('{part.label.text}')"
            raise SpecSyntaxError(message, part.start, part.end, ("an index expression without tensors",))
