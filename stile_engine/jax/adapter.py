"""The only file that touches interfaces of JAX that are not public, or that moved between versions.

Where one is missing the adapter says so once, by ``require``, and the kernel ends *unsupported* with
the version of JAX named; nothing else of the front end has to know.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax

from stile_engine.errors import UnsupportedError
from stile_engine.index.sizes import Size
from stile_engine.jax import dimensions
from stile_engine.trace.handlers import may_be_caught
from stile_engine.trace.location import Site, is_user_file
from stile_engine.trace.reflection import StandIn, stands_in

TRIED_VERSIONS = ("0.10.2",)
"""Versions of JAX that the test-suite has run against."""


@lru_cache(maxsize=1)
def _frames_of() -> Callable[[Any], Iterator[Any]]:
    try:
        from jax._src import source_info_util
    except ImportError as error:
        raise UnsupportedError(f"JAX {jax.__version__} has no source locations that this version can read") from error
    user_frames = getattr(source_info_util, "user_frames", None)
    if user_frames is None:
        raise UnsupportedError(f"JAX {jax.__version__} has no source locations that this version can read")
    # Newer versions take the traceback, older ones the whole source information.
    takes_traceback = "traceback" in next(iter(inspect.signature(user_frames).parameters))

    def frames(source_info: Any) -> Iterator[Any]:
        found = user_frames(source_info.traceback if takes_traceback else source_info)
        return iter(found)

    return frames


def require() -> None:
    """Raise ``UnsupportedError`` if this JAX lacks what the front end reads."""
    _frames_of()
    for name in ("Literal", "ClosedJaxpr", "Jaxpr"):
        if not hasattr(_core(), name):
            raise UnsupportedError(f"JAX {jax.__version__} has no {name} that this version can read")


@lru_cache(maxsize=1)
def _concrete() -> type | None:
    """The class of arrays outside of any trace, without the cost of making one."""
    try:
        from jax._src.array import ArrayImpl
    except ImportError:
        return None
    return ArrayImpl


def _is_instance(tracer: Any, kinds: Any) -> bool | None:
    """What tracers and arrays agree on: the kernel may run under ``jit`` or without."""
    concrete = _concrete()
    try:
        same = concrete is not None and isinstance(tracer, kinds) == issubclass(concrete, kinds)
    except TypeError:
        return None
    return isinstance(tracer, kinds) if same else None


def _has(tracer: Any, name: str) -> bool | None:
    concrete = _concrete()
    found = hasattr(tracer, name)
    return found if concrete is not None and hasattr(concrete, name) == found else None


stands_in(jax.core.Tracer, StandIn(_is_instance, _has))


@lru_cache(maxsize=1)
def _core() -> Any:
    import jax.extend.core

    return jax.extend.core


def equation_site(equation: Any, path: str) -> Site | None:
    """The expression in ``path`` that made an equation, innermost first; None where there is none."""
    return equation_places(equation, path)[0]


def equation_places(equation: Any, path: str) -> tuple[Site | None, Site | None]:
    """``equation_site``, and where the equation stands if that is in a helper function in another file of the user."""
    within: Site | None = None
    for frame in _frames_of()(equation.source_info):
        if frame.file_name == path:
            return _site_of_frame(frame), within
        if within is None and is_user_file(frame.file_name):
            within = _site_of_frame(frame)
    return None, within


def _site_of_frame(frame: Any) -> Site:
    if frame.start_line and frame.end_line:
        return Site(frame.file_name, frame.start_line, frame.end_line, frame.start_column, frame.end_column)
    return Site(frame.file_name, frame.start_line, frame.start_line, 0, 0)


def result_sites(jaxpr: Any, path: str) -> list[Site | None]:
    """For each result of a jaxpr the expression in ``path`` that made it."""
    inner = open_jaxpr(jaxpr)
    makers = {variable: equation for equation in inner.eqns for variable in equation.outvars}
    found = [None if is_literal(v) else makers.get(v) for v in inner.outvars]
    return [None if maker is None else equation_site(maker, path) for maker in found]


def defined_in(jaxpr: Any) -> str | None:
    """The file of the function that a jaxpr was made from."""
    information = getattr(open_jaxpr(jaxpr), "debug_info", None)
    text = getattr(information, "func_src_info", None)
    found = re.search(r" at (.*):\d+$", text) if isinstance(text, str) else None
    return found.group(1) if found else None


def library_function(jaxpr: Any) -> str | None:
    """The name of the function of JAX that a jaxpr was made from; None where it is not JAX's own."""
    import jax

    path = defined_in(jaxpr)
    if path is None or not Path(path).is_relative_to(Path(jax.__file__).parent):
        return None
    return str(open_jaxpr(jaxpr).debug_info.func_src_info).partition(" at ")[0]


def open_jaxpr(jaxpr: Any) -> Any:
    return jaxpr.jaxpr if isinstance(jaxpr, _core().ClosedJaxpr) else jaxpr


def constants(jaxpr: Any) -> Sequence[Any]:
    return jaxpr.consts if isinstance(jaxpr, _core().ClosedJaxpr) else ()


def is_literal(atom: Any) -> bool:
    return isinstance(atom, _core().Literal)


def shape_of(atom: Any) -> tuple[Size, ...]:
    """Raise ``UnsupportedError`` for something that is no array of known size (tokens, references, keys)."""
    shape = getattr(atom.aval, "shape", None)
    if shape is None:
        raise UnsupportedError(f"a value of type {atom.aval}")
    return dimensions.shape_of(shape)


def parameters(equation: Any) -> Mapping[str, Any]:
    """The parameters of an equation, with sizes as the engine has them."""
    found: Mapping[str, Any] = equation.params
    if not dimensions.current():
        return found
    return {name: dimensions.current().sizes(value) for name, value in found.items()}


def dtype_of(atom: Any) -> str:
    dtype = getattr(atom.aval, "dtype", None)
    return str(atom.aval) if dtype is None else _name_of(dtype)


@lru_cache(maxsize=256)
def _name_of(dtype: Any) -> str:
    """NumPy works it out anew each time, in Python."""
    return str(dtype)


def is_data_dependence(error: BaseException) -> bool:
    """Whether Python code looked at the numbers of an array: an ``if`` on data, ``float(x)``, NumPy on a tracer."""
    return isinstance(error, _DATA_DEPENDENCE)


_DATA_DEPENDENCE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


def undecided_size(error: BaseException) -> str | None:
    """What Python code asked of a symbolic size that has no one answer, and what to do; None for other errors."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    inconclusive = getattr(jax.errors, "InconclusiveDimensionOperation", None)
    if inconclusive is not None and isinstance(error, inconclusive):
        return (
            f"Python code here asks of a symbolic size what differs from size to size ({text}): give the dim a size, "
            "as in dim('N', 512), or say with multiple_of= what all of its sizes have in common"
        )
    if isinstance(error, (TypeError, AttributeError)) and "_DimExpr" in text:
        return (
            f"Python code here needs a number, and the size is symbolic ({text}): a Python loop is written out round "
            "by round, so give the dim a size, as in dim('N', 512), or use lax.fori_loop, which is read once"
        )
    return None


@contextmanager
def noting_caught_errors() -> Iterator[list[Exception]]:
    """Errors of data dependence that were made where code of the user may catch them."""
    noted: list[Exception] = []
    # A subclass need not call the initialiser of its base.
    kinds = {kind for base in _DATA_DEPENDENCE for kind in (base, *base.__subclasses__()) if "__init__" in vars(kind)}
    originals = [(kind, kind.__init__) for kind in kinds]

    def noting(original: Callable[..., None]) -> Callable[..., None]:
        def initialise(self: Exception, *arguments: Any, **options: Any) -> None:
            original(self, *arguments, **options)
            if may_be_caught():
                noted.append(self)

        return initialise

    for kind, original in originals:
        kind.__init__ = noting(original)
    try:
        yield noted
    finally:
        for kind, original in originals:
            kind.__init__ = original


def trace(function: Callable[..., Any], arguments: Sequence[tuple[tuple[Any, ...], str]]) -> tuple[Any, Any]:
    """The jaxpr of a function of arrays with these shapes and element types, and the tree of its results.

    Sizes are numbers, or dimensions of ``jax.export.symbolic_shape``.
    """
    make_struct: Any = jax.ShapeDtypeStruct
    structs = [make_struct(shape, jax.numpy.dtype(dtype)) for shape, dtype in arguments]
    with _whole_tracebacks(), _sizes_as_indices():
        closed, results = jax.make_jaxpr(function, return_shape=True)(*structs)
    return closed, results


@contextmanager
def _sizes_as_indices() -> Iterator[None]:
    """JAX takes symbolic sizes as bounds of slices and refuses them as indices (``x[x.shape[0] - 1]``), which it
    takes as arrays. Without the function that all indices go through it goes on refusing them."""
    try:
        from jax._src.numpy import indexing
    except ImportError:
        yield
        return
    original = getattr(indexing, "eliminate_deprecated_list_indexing", None)
    if original is None:
        yield
        return
    changed: Any = indexing

    def with_arrays(indices: Any) -> Any:
        if isinstance(indices, tuple):
            return original(tuple(jax.numpy.asarray(i) if dimensions.is_dimension(i) else i for i in indices))
        return original(jax.numpy.asarray(indices) if dimensions.is_dimension(indices) else indices)

    changed.eliminate_deprecated_list_indexing = with_arrays
    try:
        yield
    finally:
        changed.eliminate_deprecated_list_indexing = original


@contextmanager
def _whole_tracebacks() -> Iterator[None]:
    """JAX leaves its own frames in the exceptions that it raises: who raised one is seen from them."""
    before = getattr(jax.config, "jax_traceback_filtering", None)
    if before is None:
        yield
        return
    update: Any = jax.config.update
    update("jax_traceback_filtering", "off")
    try:
        yield
    finally:
        update("jax_traceback_filtering", before)


def leaves(results: Any) -> list[Any]:
    """The arrays of a tree of results in the order of the jaxpr's."""
    found: list[Any] = jax.tree_util.tree_leaves(results)
    return found


# -- references ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefSlice:
    """``pl.ds(start, size, stride)`` along one axis of a reference; ``start`` is a number or an array."""

    start: Any
    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class Indexer:
    """One ``ref.at[…]``: for each axis a slice, or an integer index whose shape broadcasts to ``integer_shape``."""

    indices: tuple[Any, ...]
    integer_shape: tuple[int, ...]


def unflatten(tree: Any, flat: Sequence[Any]) -> Any:
    return jax.tree_util.tree_unflatten(tree, list(flat))


def indexer(transform: Any) -> Indexer:
    """Raise ``UnsupportedError`` for views that are no indexing (bit casts, reshapes, transpositions)."""
    kind = type(transform).__name__
    indices, integer_shape = (getattr(transform, name, None) for name in ("indices", "int_indexer_shape"))
    if kind != "NDIndexer" or indices is None or integer_shape is None:
        raise UnsupportedError(f"a view of a reference by {kind}")
    found: list[Any] = []
    for index in indices:
        if type(index).__name__ != "Slice":
            found.append(index)
            continue
        if not isinstance(index.size, int) or not isinstance(index.stride, int):
            raise UnsupportedError("a slice of a reference whose size is not fixed")
        found.append(RefSlice(index.start, index.size, index.stride))
    if not all(isinstance(size, int) for size in integer_shape):
        raise UnsupportedError("an index of a reference whose shape is not fixed")
    return Indexer(tuple(found), tuple(integer_shape))


def with_constants_as_inputs(jaxpr: Any) -> Any:
    """An open jaxpr whose constants are its first inputs."""
    try:
        from jax._src.interpreters import partial_eval
    except ImportError as error:
        raise UnsupportedError(f"JAX {jax.__version__} has no partial_eval that this version can use") from error
    convert = getattr(partial_eval, "convert_constvars_jaxpr", None)
    if convert is None:
        raise UnsupportedError(f"JAX {jax.__version__} has no inputs for constants that this version can use")
    return convert(open_jaxpr(jaxpr))


def equations_for(jaxpr: Any, results: Collection[int]) -> Sequence[Any]:
    """The equations that these results of an open jaxpr depend on; all of them if one of those uses memory."""
    needed = {v for k, v in enumerate(jaxpr.outvars) if k in results and not is_literal(v)}
    found: list[Any] = []
    for equation in reversed(jaxpr.eqns):
        if needed.isdisjoint(equation.outvars):
            continue
        if equation.effects:
            return list(jaxpr.eqns)
        needed.update(v for v in equation.invars if not is_literal(v))
        found.append(equation)
    return found[::-1]


def written_inputs(jaxpr: Any) -> set[int]:
    """The numbers of the inputs of a jaxpr that are references which it may write to."""
    inner = open_jaxpr(jaxpr)
    found: set[int] = set()
    for effect in getattr(inner, "effects", ()):
        if type(effect).__name__ == "ReadEffect":
            continue
        where = getattr(effect, "input", getattr(effect, "input_index", None))
        if isinstance(where, int):
            found.add(where - len(inner.constvars))
        else:
            found.update(k for k, variable in enumerate(inner.invars) if variable is where)
    return found
