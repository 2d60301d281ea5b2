"""The part of isl that all files here share: kinds of dimensions, and limits on the steps that isl may take."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import islpy as isl

from stile_engine.index.work import BudgetExceeded, spend

_P = ParamSpec("_P")
_T = TypeVar("_T")

PARAM = isl.dim_type.param
SET = isl.dim_type.set
DIV = isl.dim_type.div

_TIERS = ((5_000, 0), (20_000, 100), (100_000, 1_000), (300_000, 25_000))
"""How many steps of its own isl may take, and what is charged to the budget for allowing so many."""

COUNTING_TIERS = ((20_000, 0), (200_000, 1_000))
"""What is not a product of runs is counted one by one."""

_FEW = 5_000
"""What a question may take whose answer is of use, and no more."""

context = isl.DEFAULT_CONTEXT


def _at_its_limit() -> bool:
    try:
        isl.Val.zero(context)
    except isl.Error:
        return True
    return False


def whole_answer(answer: _T) -> _T:
    """The answer, to be remembered: whatever is stored inside of a limited function goes through here, for what
    isl says at its limit may be a part of the answer, and a second attempt would find it stored."""
    isl.Val.zero(context)  # raises at the limit
    return answer


def text_of(raw: isl.Set) -> str:
    """The set as isl writes it: without a limit meanwhile, at which isl would write a part or end the process."""
    before = context.get_max_operations()
    whole_answer(None)
    context.set_max_operations(0)
    try:
        text: str = raw.to_str()
    finally:
        context.set_max_operations(before)
    return text


def limited(function: Callable[_P, _T], tiers: tuple[tuple[int, int], ...] | None = None) -> Callable[_P, _T]:
    """Try with few steps of isl, then with more, at a price. Raises ``BudgetExceeded`` where it is not enough.

    isl does not tell how many steps it took. Its limit, once reached, makes every later call fail until it is
    reset, and a few calls come back with a part of the answer or with nothing instead of an error: so each result
    counts only if isl can still allocate after it, and nothing is remembered before that is known (``whole_answer``).
    """

    @wraps(function)
    def attempt(*arguments: _P.args, **options: _P.kwargs) -> _T:
        whole_answer(None)  # the limit of the function that calls this one is not to be forgotten
        before = context.get_max_operations()
        try:
            for steps, price in tiers or _TIERS:
                if price:
                    spend(price)
                context.set_max_operations(steps)
                context.reset_operations()
                try:
                    found = function(*arguments, **options)
                except (isl.Error, TypeError):  # a number that could not be made comes as None
                    if not _at_its_limit():
                        raise
                else:
                    if not _at_its_limit():
                        return found
            raise BudgetExceeded("more steps than the set library is given for one set")
        finally:
            context.set_max_operations(before)
            context.reset_operations()

    return attempt


def at_once(question: Callable[[], bool]) -> bool | None:
    """The answer to a question of isl; None where it takes more than a few steps.

    Inside of a ``limited`` function: the steps up to here are forgotten.
    """
    whole_answer(None)
    before = context.get_max_operations()
    context.set_max_operations(_FEW)
    context.reset_operations()
    try:
        found = question()
        return None if _at_its_limit() else found
    except isl.Error:
        if not _at_its_limit():
            raise
        return None
    finally:
        context.set_max_operations(before)
        context.reset_operations()
