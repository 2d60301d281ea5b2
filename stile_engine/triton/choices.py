"""What the decorators around a kernel choose at a launch: ``triton.autotune`` and ``triton.heuristics``.

Their functions are the user's, and run when a kernel is launched. Here they run on the sizes of the declaration; a
question that is answered differently for different sizes is answered in both ways, each for its sizes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias, TypeVar

from stile_engine.errors import StileError, UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction, negate, variables
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import SizeProduct, SymbolicInteger, products_of_sizes, render_sizes
from stile_engine.term.expression import bounds
from stile_engine.trace.frontend import Choice, Dims, TraceError
from stile_engine.trace.location import Site, is_user_file
from stile_engine.trace.questions import AS_TEXT
from stile_engine.trace.standing import symbols_replaced

_WRAPPERS = ("Autotuner", "Heuristics")
_MOST_WAYS = 256
"""Ways in which a launch may go, that are looked at."""

T = TypeVar("T")
_Way: TypeAlias = "tuple[dict[str, Any], tuple[Any, ...] | None]"
"""Constants, and the grid where it is one of several."""


def choices(
    target: Any,
    given: Mapping[str, Any],
    scalars: Mapping[str, Any],
    tensors: Mapping[str, tuple[Dims, str]],
    unknowns: Mapping[str, tuple[int, int]],
    grid: Any = None,
    in_place: Collection[str] = (),
) -> tuple[Choice, ...]:
    """Every choice of constants that the decorators may make, and of grids; none where they leave none open.

    ``given`` are constants that the declaration fixes: these are asked for, and nothing is chosen for them. ``scalars``
    are the integers of the launch, ``tensors`` the dims and element types of what lies behind pointers, ``unknowns``
    the ranges of what symbolic sizes are made of, ``in_place`` the tensors that are inputs and outputs. Raises
    ``TraceError`` for what cannot be told before a launch.
    """
    wrappers = _wrappers(target)
    names = [p.name for p in _innermost(target).params] if wrappers else []
    for wrapper in wrappers:
        if type(wrapper).__name__ == "Autotuner":
            _require_restored(wrapper, given, names, in_place)
    if not any(_open(w, given, names) for w in wrappers) and _grid(grid, scalars, given) is not None:
        return ()
    found: dict[str, list[tuple[_Way, tuple[Predicate, ...]]]] = {}

    def launch(oracle: _Oracle) -> _Way | None:
        chosen = _launch(wrappers, names, given, scalars, tensors, oracle)
        if chosen is None or _grid(grid, scalars, {**given, **chosen}) is not None:
            return None if chosen is None else (chosen, None)
        sizes = {name: oracle.size(value) for name, value in scalars.items()}
        with symbols_replaced(grid, oracle.size):
            return chosen, _grid(grid, sizes, {**given, **chosen})

    ways = _every_way(launch, unknowns)
    # Once more: what was chosen by chance, or by what ran before, is chosen otherwise at the next launch.
    if repr(_every_way(launch, unknowns)) != repr(ways):
        raise TraceError(
            "the decorators choose otherwise when they are asked again", _site(wrappers[0] if wrappers else grid)
        )
    for way, conditions in ways:
        if way is not None:
            found.setdefault(repr((sorted(way[0].items()), way[1])), []).append((way, conditions))
    if not found:
        raise TraceError(f"no configuration of triton.autotune has {_named(given)}", _site(wrappers[0]))
    if not any(constants or grid is not None for ways in found.values() for (constants, grid), _ in ways):
        return ()
    return tuple(_choice(*ways[0][0], [conditions for _, conditions in ways]) for ways in found.values())


def _choice(constants: dict[str, Any], grid: tuple[Any, ...] | None, ways: Sequence[tuple[Predicate, ...]]) -> Choice:
    common = tuple(c for c in ways[0] if all(c in other for other in ways[1:]))
    name = _named(constants if grid is None else {**constants, "grid": grid})
    return Choice(constants, name, common, disjunction(*(conjunction(*way) for way in ways)), grid)


def _grid(grid: Any, scalars: Mapping[str, Any], constants: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The grid of a launch as the declaration's function computes it; None where that asks what sizes leave open.

    Whatever else is wrong with the function is told where the grid is needed.
    """
    if not callable(grid):
        return ()
    try:
        return launched(grid, scalars, constants)
    except UnsupportedError:
        return None
    except Exception:
        return ()


def launched(
    grid: Callable[[dict[str, Any]], Any], scalars: Mapping[str, Any], constants: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The grid that a function gives.

    Raises ``UnsupportedError`` where it asks what symbolic sizes leave open, also where it goes on all the same.
    """
    refused: list[UnsupportedError] = []

    def size(value: Any) -> Any:
        plain = isinstance(value, SymbolicInteger) and not isinstance(value, _Watched) and value.affine.terms
        return _Asked(value.affine, refused) if plain else value

    with products_of_sizes(), symbols_replaced(grid, size):
        found = grid({**{name: size(value) for name, value in scalars.items()}, **constants})
    if refused:
        raise refused[0]
    own = tuple(found) if isinstance(found, tuple | list) else (found,)
    return tuple(SymbolicInteger(n.affine) if isinstance(n, _Watched) else n for n in own)


def _wrappers(target: Any) -> list[Any]:
    """The decorators above the kernel, the outermost first."""
    found: list[Any] = []
    while type(target).__name__ in _WRAPPERS and type(target).__module__.startswith("triton."):
        found.append(target)
        target = target.fn
    return found


def _innermost(target: Any) -> Any:
    wrappers = _wrappers(target)
    return wrappers[-1].fn if wrappers else target


def _open(wrapper: Any, given: Mapping[str, Any], names: Sequence[str]) -> bool:
    if type(wrapper).__name__ == "Heuristics":
        return any(name not in given for name in wrapper.values)
    return any(name not in given for config in wrapper.configs for name in _constants(config, names))


def _constants(config: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in config.all_kwargs().items() if name in names}


def _named(constants: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in constants.items())


def _require_restored(wrapper: Any, given: Mapping[str, Any], names: Sequence[str], in_place: Collection[str]) -> None:
    """To choose, the launch runs the kernel many times with each configuration: of what it changes in place the last
    run finds what the others have left. Only ``restore_value`` keeps it; ``reset_to_zero`` loses what was there."""
    constants = [_constants(config, names) for config in wrapper.configs]
    possible = [own for own in constants if all(_same(given[n], v) for n, v in own.items() if n in given)]
    asked_for = any(constants) and all(n in given for own in constants for n in own)
    if len(possible) < 2 or asked_for:
        return
    for name in in_place:
        if name not in wrapper.restore_value or name in wrapper.reset_to_zero:
            raise TraceError(
                f"triton.autotune runs the kernel several times to choose a configuration, and what {name} holds "
                f"before the launch is not kept: give triton.autotune restore_value=[{name!r}]"
            )


# -- one launch --------------------------------------------------------------------------------


def _launch(
    wrappers: Sequence[Any],
    names: Sequence[str],
    given: Mapping[str, Any],
    scalars: Mapping[str, Any],
    tensors: Mapping[str, tuple[Dims, str]],
    oracle: _Oracle,
) -> dict[str, Any] | None:
    """What the decorators choose as the oracle answers; None where that is not what was asked for."""
    arguments: dict[str, Any] = {name: _Argument(name, "of which nothing is known") for name in names}
    arguments |= {name: _Tensor(name, *own, oracle) for name, own in tensors.items()}
    arguments |= {name: oracle.size(value) for name, value in scalars.items()}
    arguments |= given
    chosen: dict[str, Any] = {}
    for wrapper in wrappers:
        if type(wrapper).__name__ == "Autotuner":
            own = _tuned(wrapper, names, given, arguments, oracle)
            if own is None:
                return None
        else:
            own = _computed(wrapper, given, arguments)
        chosen |= own
        arguments |= own
    return chosen


def _tuned(
    wrapper: Any, names: Sequence[str], given: Mapping[str, Any], arguments: Mapping[str, Any], oracle: _Oracle
) -> dict[str, Any] | None:
    configs = list(wrapper.configs)
    for option in ("pre_hook", "post_hook"):
        if getattr(wrapper, f"user_defined_{option}", False):
            _refuse(f"triton.autotune({option}=…) runs code beside each launch", wrapper, names)
    prune = wrapper.early_config_prune
    if prune is not None and len(configs) > 1:
        told = {name: value for name, value in arguments.items() if name in names}
        configs = _called("early_config_prune", prune, lambda: prune(list(configs), dict(told), **told), given)
        if not isinstance(configs, list | tuple) or not all(hasattr(c, "all_kwargs") for c in configs):
            raise TraceError("early_config_prune does not return a list of configurations", _site(prune))
        if not configs:
            raise TraceError("early_config_prune leaves no configuration at some sizes", _site(prune))
        _require_key(wrapper, arguments, oracle, prune)
    if any(config.pre_hook is not None for config in configs):
        _refuse("triton.Config(pre_hook=…) runs code before each launch", wrapper, names)
    open_ones: list[dict[str, Any]] = []
    for config in configs:
        constants = _constants(config, names)
        if all(_same(given[name], value) for name, value in constants.items() if name in given):
            own = {name: value for name, value in constants.items() if name not in given}
            # They may differ in warps and stages, which no value depends on.
            if own not in open_ones:
                open_ones.append(own)
    return open_ones[oracle.choose(len(open_ones))] if open_ones else None


def _require_key(wrapper: Any, arguments: Mapping[str, Any], oracle: _Oracle, prune: Any) -> None:
    """What is pruned is kept for every later launch with the same ``key=``: the sizes that were asked for must be
    told by the key, or a configuration runs at sizes at which it would not have been chosen."""
    sizes = [arguments[name].affine for name in wrapper.keys if isinstance(arguments.get(name), _Size)]
    # A number c * N + d tells N.
    told = {v for a in sizes if len(a.terms) == 1 and isinstance(a.terms[0][0], str) for v in a.variables}
    for question in oracle.asked:
        if not variables(question) <= told and not oracle.is_settled(question):
            raise TraceError(
                f"early_config_prune asks for sizes that key={list(wrapper.keys)} of triton.autotune does not name: "
                "a configuration that was chosen at other sizes is used again. Name them there, or give consts=",
                _site(prune),
            )


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _computed(wrapper: Any, given: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, function in wrapper.values.items():
        if name in given:
            continue
        told = {**arguments, **chosen}
        value = _called(f"the heuristic {name}", function, lambda f=function, t=told: f(dict(t)), [name])  # type: ignore[misc]
        if isinstance(value, SymbolicInteger | SizeProduct | _Argument):
            reason = f"the heuristic {name} gives {value}, which has no fixed value"
            raise TraceError(f"{reason}: give it one with consts={{{name!r}: …}}", _site(function))
        chosen[name] = value
    return chosen


def _called(what: str, function: Any, call: Callable[[], T], names: Sequence[str] | Mapping[str, Any]) -> T:
    try:
        return call()
    except _TooMany:
        raise
    except StileError as error:
        reason = error.message
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    wanted = ", ".join(f"{name!r}: …" for name in names) if not isinstance(names, Mapping) else "…"
    raise TraceError(
        f"{what} asks what is known at a launch only ({reason}): give consts={{{wanted}}}", _site(function)
    )


def _refuse(what: str, wrapper: Any, names: Sequence[str]) -> NoReturn:
    tuned = [n for c in wrapper.configs for n in _constants(c, names)]
    wanted = ", ".join(f"{name!r}: …" for name in dict.fromkeys(tuned))
    raise TraceError(f"{what}, which is not modelled: give the constants to prove with consts={{{wanted}}}")


def _site(function: Any) -> Site | None:
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    if code is None:
        return None
    return Site(code.co_filename, code.co_firstlineno, code.co_firstlineno, 0, 0)


# -- questions ---------------------------------------------------------------------------------


class _TooMany(StileError):
    """More ways than are looked at."""

    code = "unsupported"


class _Oracle:
    """Answers the questions of one launch: first as told, then with the first answer there is."""

    def __init__(self, told: tuple[int, ...], unknowns: Mapping[str, tuple[int, int]]) -> None:
        self.answers: list[tuple[int, int]] = []
        """Each answer, and how many there are."""
        self.conditions: list[Predicate] = []
        self.asked: list[Predicate] = []
        self.refused: list[UnsupportedError] = []
        """What no answer was given to: a function may catch the error and go on."""
        self._told = told
        self._unknowns = unknowns
        self._known: dict[Predicate, bool] = {}

    def choose(self, count: int) -> int:
        if count == 1:
            return 0
        place = len(self.answers)
        answer = self._told[place] if place < len(self._told) else 0
        self.answers.append((answer, count))
        return answer

    def decide(self, question: Predicate) -> bool:
        """Whether it holds, at sizes at which all earlier answers are right."""
        self.asked.append(question)
        known = self._known.get(question)
        if known is None:
            where = self._box() & IndexSet.where(conjunction(*self.conditions))
            holds = where & IndexSet.where(question)
            if holds.is_empty or where.issubset(holds):
                known = not holds.is_empty
            else:
                known = self.choose(2) == 0
                self.conditions.append(question if known else negate(question))
            self._known[question] = known
        return known

    def is_settled(self, question: Predicate) -> bool:
        """Whether it has one answer at all sizes."""
        holds = self._box() & IndexSet.where(question)
        return holds.is_empty or self._box().issubset(holds)

    def _box(self) -> IndexSet:
        return IndexSet.box({v: bounds(low, high + 1) for v, (low, high) in self._unknowns.items()})

    def size(self, value: Any) -> Any:
        """A size as the user's functions see it."""
        if isinstance(value, SymbolicInteger):
            return _Size(value.affine, self) if value.affine.terms else value.affine.constant
        return _Argument(str(value), "of which nothing is known") if isinstance(value, SizeProduct) else value


def _every_way(
    launch: Callable[[_Oracle], T], unknowns: Mapping[str, tuple[int, int]]
) -> list[tuple[T, tuple[Predicate, ...]]]:
    found: list[tuple[T, tuple[Predicate, ...]]] = []
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        told = waiting.pop()
        oracle = _Oracle(told, unknowns)
        found.append((launch(oracle), tuple(oracle.conditions)))
        if oracle.refused:
            raise oracle.refused[0]
        if len(found) > _MOST_WAYS:
            raise _TooMany(f"the decorators choose in more than {_MOST_WAYS} ways: give some constants with consts=")
        answers = [a for a, _ in oracle.answers]
        for place in reversed(range(len(told), len(answers))):
            more = range(1, oracle.answers[place][1])
            waiting += [(*answers[:place], other) for other in reversed(more)]
    return found


class _Watched(SymbolicInteger):
    """A symbolic size in the hands of the user's functions. What is asked of it in vain is noted in ``refused``, for a
    function may catch the error and go on."""

    def __init__(self, affine: Affine, refused: list[UnsupportedError]) -> None:
        super().__init__(affine)
        self.refused = refused

    def _noted(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except UnsupportedError as error:
            self.refused.append(error)
            raise

    def _refuse(self, what: str) -> NoReturn:
        error = UnsupportedError(what)
        self.refused.append(error)
        raise error

    def __hash__(self) -> int:
        # A dictionary or a set would take it for another number than every one that it has.
        self._refuse(f"the size {render_sizes(self.affine)} is symbolic, and is looked up among numbers")

    def __index__(self) -> NoReturn:
        self._noted(super().__index__)

    __int__ = __float__ = __index__

    def _text(self, asker: str) -> str:
        if is_user_file(asker):
            self._refuse(AS_TEXT)
        return render_sizes(self.affine)

    def __repr__(self) -> str:
        return self._text(sys._getframe(1).f_code.co_filename)

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return format(self._text(sys._getframe(1).f_code.co_filename), form)

    def __ne__(self, other: object) -> bool:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found


class _Size(_Watched):
    """One whose comparisons are answered by an oracle."""

    def __init__(self, affine: Affine, oracle: _Oracle) -> None:
        super().__init__(affine, oracle.refused)
        self._oracle = oracle

    def _symbolic(self, affine: Affine) -> SymbolicInteger:
        return _Size(affine, self._oracle)

    def _compare(self, other: object, least: int) -> bool | None:
        affine = self._other(other)
        if affine is None:
            return super()._compare(other, least)
        return self._oracle.decide(compare(self.affine - affine, ">=", least))

    def __eq__(self, other: object) -> bool:
        affine = self._other(other)
        return super().__eq__(other) if affine is None else self._oracle.decide(compare(self.affine, "==", affine))

    __hash__ = _Watched.__hash__


class _Asked(_Watched):
    """One whose comparisons have an answer only where all sizes have the same."""

    def _symbolic(self, affine: Affine) -> SymbolicInteger:
        return _Asked(affine, self.refused)

    def _compare(self, other: object, least: int) -> bool | None:
        return self._noted(lambda: super(_Asked, self)._compare(other, least))

    def __eq__(self, other: object) -> bool:
        return self._noted(lambda: super(_Asked, self).__eq__(other))

    __hash__ = _Watched.__hash__


class _Argument:
    """An argument of the launch that is known to be there, and no more."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{self._name}, {self._what}")

    __bool__ = __index__ = __int__ = __float__ = __len__ = __iter__ = __hash__ = __getitem__ = __call__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __and__ = __or__ = __neg__ = _refuse

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise UnsupportedError(f"{self._name}.{attribute}, {self._what}")

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__


class _Tensor(_Argument):
    """A tensor, of which the shape and the element type are known."""

    def __init__(self, name: str, dims: Dims, dtype: str, oracle: _Oracle) -> None:
        super().__init__(name, "a tensor of which only the shape and the type are known")
        self.shape = tuple(oracle.size(d.size) for d in dims)
        self.ndim = len(dims)
        self._dtype = dtype

    @property
    def dtype(self) -> Any:
        torch = sys.modules.get("torch")
        if torch is None:
            raise UnsupportedError(f"{self._name}.dtype, and this file does not import torch")
        return getattr(torch, self._dtype)

    def size(self, axis: int | None = None) -> Any:
        return self.shape if axis is None else self.shape[axis]

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> Any:
        total: Any = 1
        for size in self.shape:
            total = total * size
        return total
