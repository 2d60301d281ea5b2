"""What ``check.py`` and the front ends say to one another.

A front end takes a ``KernelTask`` and a ``Recorder``, runs the kernel once on symbolic arrays, notes
what it meets in the recorder, and returns the kernel's results. It decides nothing about verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from stile_engine.errors import StileError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import Predicate
from stile_engine.term.expression import Node, Tensor
from stile_engine.term.value import Value
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Recorder


def axis_variable(axis: int) -> str:
    """The index variable of an axis of a plain array, which has no dim names: ``$0``, ``$1`` …"""
    return f"${axis}"


@dataclass(frozen=True, slots=True)
class PlainArray:
    """A result of a plain kernel: ``node`` over the axis variables ``$0 … $(rank-1)``, each from 0 to its size.

    ``site`` is the operation that made it, ``name`` the parameter that it was written to in place.
    """

    shape: tuple[Affine, ...]
    node: Node
    site: Site | None = None
    name: str | None = None


IN_THE_CALLED = "in the function that is called here"
"""Said of a place in another file of the user, below the one that a message is about."""

KernelResult: TypeAlias = "PlainArray | Value"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a kernel as the spec knows it.

    ``tensor`` names the spec's input; ``dims`` are its dims in axis order (none for a scalar); ``dtype``
    is the declared element type. ``written``: an output in place, whose contents before the launch are
    ``tensor``, or unknown where that is None.
    """

    name: str
    tensor: Tensor | None
    dims: tuple[Dim, ...]
    dtype: str = "float32"
    written: bool = False
    site: Site | None = None
    """Where the parameter stands in the signature."""
    outside: bool = False
    """No parameter, but a tensor that the function reaches by this path, as ``self.weight``."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a kernel on pointers is started: the numbers that it is given, apart from its tensors.

    ``constants`` are fixed when the kernel is compiled, ``scalars`` are integers given at run time, by dim or by
    number; ``strides`` gives the strides of a parameter, by name or by number; ``pointers`` are the parameters
    that are declared as tensors, also those without dims.
    """

    constants: Mapping[str, Any] = field(default_factory=dict)
    scalars: Mapping[str, Any] = field(default_factory=dict)
    strides: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    grid: Any = None
    pointers: frozenset[str] = frozenset()


Dims: TypeAlias = "tuple[Dim, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """Constants that are chosen when a kernel is launched, as ``triton.autotune`` does.

    ``when`` says, over the unknowns of the sizes, at which of them they are, and each of ``conditions`` holds there.
    """

    constants: Mapping[str, Any]
    name: str
    conditions: tuple[Predicate, ...]
    when: Predicate
    grid: tuple[Any, ...] | None = None
    """The grid, where it too is one of several."""


@dataclass(frozen=True, slots=True)
class KernelTask:
    """``function`` is the object that the user decorated; ``constants`` are its further arguments.

    ``spec`` is the value that the results are compared with: where there is one, a typed result that
    names no spec of its own is held to it.
    """

    name: str
    function: Any
    parameters: tuple[Parameter, ...]
    dims: dict[str, Dim]
    path: str
    constants: dict[str, Any] = field(default_factory=dict)
    spec_text: str | None = None
    spec: Value | None = None
    several: bool | None = None
    """Whether the spec is a tuple of specs; None where that is not known."""
    launch: Launch | None = None
    """For kernels on pointers."""

    def items(self, returned: Any) -> tuple[Any, ...]:
        """What the kernel returned, one by one. Raises ``TraceError`` for a tuple of one array where the spec
        describes the array itself: whoever calls the kernel would have to unpack it."""
        if not isinstance(returned, (tuple, list)):
            return (returned,)
        if len(returned) == 1 and self.several is False:
            kind = type(returned).__name__
            message = f"the kernel returns a {kind} of one array, and its spec describes an array"
            raise TraceError(f"{message}: return the array itself, or write the spec as a tuple", code="spec-shape")
        return tuple(returned)


class FrontEnd(Protocol):
    """Results in the order of the spec's; a kernel that only fills typed results returns none."""

    name: str

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]: ...


class TraceError(StileError):
    """The trace had to stop: an operation without a model, or a rule that the kernel breaks.

    ``code`` tells which. ``site`` is the place in the user's text; where it is None the frame of the
    user's file that the exception passed through is taken.
    """

    code = "unsupported"

    def __init__(
        self,
        message: str,
        site: Site | None = None,
        *,
        code: str | None = None,
        related: tuple[tuple[Site, str], ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.site = site
        self.related = related
