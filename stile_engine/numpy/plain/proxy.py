"""What the name ``np`` means inside a traced kernel.

Functions that have a model make and take symbolic arrays. The others run as usual on plain numbers and
stop the trace as soon as an array of the kernel reaches them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

# Each of these modules enters its functions into OPERATIONS.
from stile_engine.numpy.plain import (
    arranging,
    context,
    contraction,
    creation,
    elementwise,
    indexing,
    masks,
    ordering,
    reduction,
    rounding,
    special,
    structure,
    windows,
)
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray
from stile_engine.numpy.plain.structure import holds_symbolic

MODELLED = (
    arranging,
    contraction,
    creation,
    elementwise,
    indexing,
    masks,
    ordering,
    reduction,
    rounding,
    special,
    structure,
    windows,
)

_ALWAYS_SYMBOLIC = frozenset(
    """zeros ones full empty arange linspace eye identity tri indices array asarray asanyarray ascontiguousarray
    zeros_like ones_like full_like empty_like meshgrid copy""".split()
)
_QUERIES: dict[str, Callable[[Any], Any]] = {
    "shape": lambda a: a.shape,
    "ndim": lambda a: a.ndim,
    "size": lambda a: a.size,
    "iscomplexobj": lambda a: False,
}


class Function:
    """A function of NumPy, with the methods that a ufunc has."""

    def __init__(self, name: str, real: Any) -> None:
        self.__name__ = name
        self._real = real

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if any(isinstance(a, masks.Selection) for a in arguments):
            return masks.applied(self.__name__, arguments, options)
        model = OPERATIONS.get(self.__name__)
        symbolic = holds_symbolic(arguments) or holds_symbolic(options)
        if model is not None and (symbolic or self.__name__ in _ALWAYS_SYMBOLIC):
            return model(*arguments, **options)
        if not symbolic:
            return self._real(*arguments, **options)
        if self.__name__ in _QUERIES and len(arguments) == 1 and not options:
            return _QUERIES[self.__name__](arguments[0])
        context.unsupported(f"{_full_name(self.__name__)} is not modelled")

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        return Function(f"{self.__name__}.{name}", real) if callable(real) else real


def _full_name(name: str) -> str:
    return name if name.startswith("scipy.") else f"numpy.{name}"


class NumpyProxy(ModuleType):
    """Stands for ``numpy`` or SciPy, or for one of their submodules, in the globals of a traced kernel."""

    def __init__(self, module: ModuleType, prefix: str = "") -> None:
        super().__init__(module.__name__)
        self._module = module
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._module, name)
        if not self._prefix and name == "ndarray":
            return SymbolicArray
        if isinstance(real, ModuleType):
            return NumpyProxy(real, f"{self._prefix}{name}.")
        if self._prefix == "random.":
            return _random
        if not callable(real) or isinstance(real, type):
            return real
        return Function(f"{self._prefix}{name}", real)


def _random(*_arguments: Any, **_options: Any) -> Any:
    context.unsupported("a kernel that draws random numbers is no function of its inputs")


def stand_in(value: Any) -> Any:
    """What a global or captured value is replaced with; itself, unless it is NumPy or a function of it."""
    if isinstance(value, NumpyProxy):
        return value
    if isinstance(value, ModuleType):
        if value is np:
            return NumpyProxy(np)
        if value.__name__.startswith("numpy."):
            return NumpyProxy(value, value.__name__.removeprefix("numpy.") + ".")
        if value.__name__.split(".")[0] == "scipy":
            return NumpyProxy(value, value.__name__ + ".")
        return value
    name = getattr(value, "__name__", None)
    if isinstance(value, type) or not callable(value) or not isinstance(name, str):
        return value
    owner = getattr(value, "__module__", None)
    if (special_name := _of_scipy(value, name, owner)) is not None:
        return Function(special_name, value)
    if isinstance(value, np.ufunc) or (isinstance(owner, str) and owner.split(".")[0] == "numpy"):
        prefix = "" if getattr(np, name, None) is value else f"{owner}.".removeprefix("numpy.")
        return Function(f"{prefix}{name}", value)
    return value


def _of_scipy(value: Any, name: str, owner: object) -> str | None:
    """The public name of a function of SciPy, which is not imported to find out."""
    module = sys.modules.get("scipy.special")
    if module is not None and getattr(module, name, None) is value:
        return f"scipy.special.{name}"
    if isinstance(owner, str) and owner.split(".")[0] == "scipy":
        return f"{owner}.{name}"
    return None
