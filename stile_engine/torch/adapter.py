"""The only file that touches interfaces of PyTorch that are not public, or that moved between versions.

A version that was not tried, or one that lacks an interface, makes the kernel *unsupported* with the version
named; nothing else of the front end has to know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import torch

from stile_engine.errors import UnsupportedError
from stile_engine.torch.storage import Window
from stile_engine.trace.reflection import StandIn, stands_in

TRIED_VERSIONS = ("2.13",)
"""Versions of PyTorch, without the last number, that the test-suite has run against."""

Handler: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""An operation, its arguments and its options to its result."""


@dataclass(frozen=True, slots=True)
class Interfaces:
    """What is used of PyTorch beyond its public interface."""

    fake_mode: Any
    fake_tensor: Any
    dispatch_mode: Any
    function_mode: Any
    without_modes: Any
    decompositions: Mapping[Any, Callable[..., Any]]
    data_errors: tuple[type[BaseException], ...]


@lru_cache(maxsize=1)
def interfaces() -> Interfaces:
    """Raises ``UnsupportedError`` for a version that was not tried."""
    version = str(torch.__version__)
    if ".".join(version.split(".")[:2]) not in TRIED_VERSIONS:
        raise UnsupportedError(
            f"PyTorch {version} was not tried with this version; it reads kernels of PyTorch "
            f"{', '.join(TRIED_VERSIONS)}"
        )
    try:
        from torch._decomp import decomposition_table
        from torch._subclasses import fake_tensor
        from torch.overrides import TorchFunctionMode
        from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

        errors = tuple(
            getattr(fake_tensor, name)
            for name in (
                "DataDependentOutputException",
                "DynamicOutputShapeException",
                "UnsupportedFakeTensorException",
                "UnsupportedOperatorException",
            )
        )
        return Interfaces(
            fake_tensor.FakeTensorMode,
            fake_tensor.FakeTensor,
            TorchDispatchMode,
            TorchFunctionMode,
            _disable_current_modes,
            decomposition_table,
            errors,
        )
    except (ImportError, AttributeError) as error:
        raise UnsupportedError(f"PyTorch {version} lacks something that this version reads: {error}") from error


def require() -> None:
    """Raise ``UnsupportedError`` if this PyTorch cannot be read; make its tensors of a trace known."""
    stands_in(interfaces().fake_tensor, StandIn(_is_instance, _has))
    _import_the_rest()


@lru_cache(maxsize=1)
def _import_the_rest() -> None:
    """Parts that PyTorch imports when they are first used, which must not happen in the middle of a trace."""
    with Modes(lambda f, a, k: f(*a, **k), lambda f, a, k: f(*a, **k)).active():
        torch.zeros(2, 2).softmax(0).sum()


def _is_instance(tensor: Any, kinds: Any) -> bool | None:
    """As of the plain tensor that the kernel has at run time."""
    if isinstance(kinds, tuple):
        answers = [_is_instance(tensor, kind) for kind in kinds]
        return True if True in answers else None if None in answers else False
    if kinds in (torch.Tensor, object):
        return True
    # classes of tensors answer for themselves, by type or device: parameters, buffers, legacy types
    module = str(getattr(kinds, "__module__", ""))
    if not isinstance(kinds, type) or module.split(".")[0] == "torch":
        return None
    try:
        return issubclass(torch.Tensor, kinds)
    except TypeError:
        return None


def _has(tensor: Any, name: str) -> bool | None:
    own = hasattr(torch.Tensor, name)
    return own if own == hasattr(tensor, name) else None


# -- modes ---------------------------------------------------------------------------------


class Modes:
    """The modes of one trace: tensors without numbers, and two handlers that see every call."""

    def __init__(self, dispatched: Handler, called: Handler) -> None:
        known = interfaces()
        self._fake = known.fake_mode(allow_non_fake_inputs=True)
        dispatch_mode: Any = known.dispatch_mode
        function_mode: Any = known.function_mode

        class Dispatching(dispatch_mode):  # type: ignore[misc]
            def __torch_dispatch__(
                self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
            ) -> Any:
                return dispatched(function, args, kwargs or {})

        class Calling(function_mode):  # type: ignore[misc]
            def __torch_function__(
                self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
            ) -> Any:
                return called(function, args, kwargs or {})

        self._dispatching = Dispatching()
        self._calling = Calling()

    @contextmanager
    def active(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            # A compiled helper runs as the Python that it was compiled from.
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            # Layers of whole networks that this library has in one piece are dispatched step by step without it.
            stack.enter_context(_step_by_step())
            for mode in (self._fake, self._dispatching, self._calling):
                stack.enter_context(mode)
            yield

    def again(self) -> AbstractContextManager[Any]:
        """Inside of a handler: operations are seen by it once more."""
        found: AbstractContextManager[Any] = self._dispatching
        return found

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        """A tensor without numbers."""
        with self._fake:
            return torch.empty(tuple(shape), dtype=dtype)

    def stand_in(self, tensor: Any) -> Any:
        """For a tensor with numbers the same one without; views of one storage stay views of one storage."""
        with _no_modes():
            return self._fake.from_tensor(tensor)


@contextmanager
def _no_modes() -> Iterator[None]:
    with interfaces().without_modes(), torch._C.DisableTorchFunction():
        yield


@contextmanager
def _step_by_step() -> Iterator[None]:
    """Without the library that computes whole layers; what it would compute is then unknown where it is used."""
    read, write = (getattr(torch._C, f"_{verb}_mkldnn_enabled", None) for verb in ("get", "set"))
    if read is None or write is None:
        yield
        return
    before = read()
    write(False)
    try:
        yield
    finally:
        write(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """What PyTorch logs about operations that do not fit is told by the exception as well."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def is_traced(tensor: Any) -> bool:
    """Whether the tensor holds no numbers."""
    return isinstance(tensor, interfaces().fake_tensor)


def is_module(value: Any) -> bool:
    return isinstance(value, torch.nn.Module)


def statistics(module: Any) -> list[tuple[str, Any]]:
    """What a module of layers has learned by running, with the names."""
    return [(n, t) for n, t in module.named_buffers() if n.rpartition(".")[2] in ("running_mean", "running_var")]


def is_parameter(tensor: Any) -> bool:
    return isinstance(tensor, torch.nn.Parameter)


# -- tensors -------------------------------------------------------------------------------


def storage_of(tensor: Any) -> tuple[int, Any]:
    """The identity of the memory under a tensor, which holds as long as the second is kept."""
    storage = tensor.untyped_storage()
    return int(storage._cdata), storage


def storage_count(tensor: Any) -> int:
    """How many elements of the tensor's type its storage has room for."""
    return int(tensor.untyped_storage().nbytes()) // int(tensor.element_size())


def window(tensor: Any) -> Window:
    return Window(tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()))


def dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def dtype_of(name: str) -> Any:
    return getattr(torch, name)


def numbers(tensor: Any) -> Any:
    """The numbers of a tensor as a NumPy array. Raises ``UnsupportedError`` where NumPy has no such type."""
    with _no_modes():
        plain = tensor.detach()
        if plain.dtype == torch.bfloat16:
            plain = plain.float()
        if not plain.dtype.is_complex and plain.layout == torch.strided and plain.device.type == "cpu":
            return plain.numpy()
    raise UnsupportedError(
        f"a tensor of {dtype_name(tensor.dtype)} on {tensor.device} that is made outside of the kernel"
    )


def whole_storage(tensor: Any) -> Any:
    """All that lies in the memory under a tensor, as a vector."""
    with _no_modes():
        return tensor.detach().as_strided((storage_count(tensor),), (1,), 0)


# -- operations ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operator:
    """``name`` is the operation without overload and without the mark of working in place."""

    name: str
    arguments: tuple[tuple[str, Any], ...]
    """With the defaults."""
    written: tuple[str, ...]
    looks_only: bool
    """The results are views, and nothing is written."""
    changes_shape: bool
    """Works in place on the shape alone."""
    decomposition: Callable[..., Any] | None
    composite: bool = False
    """PyTorch itself has it in terms of others, and dispatches those outside of a handler."""


@lru_cache(maxsize=4096)
def operator(function: Any) -> Operator:
    schema = function._schema
    packet = str(function.overloadpacket.__name__)
    written = tuple(a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write)
    in_place = packet.endswith("_") and not packet.endswith("__")
    arguments = tuple((str(a.name), a.default_value) for a in schema.arguments)
    shape_only = torch.Tag.inplace_view in function.tags
    return Operator(
        packet[:-1] if in_place else packet,
        arguments,
        written,
        bool(function.is_view) and not written,
        shape_only,
        None if written else interfaces().decompositions.get(function),
        torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd"),
    )


def one_by_one(known: Operator, function: Any) -> Callable[[tuple[Any, ...], Mapping[str, Any]], Any] | None:
    """An operation on lists of tensors (``_foreach_add``) as the operation on each of them; None for others."""
    if not known.name.startswith("_foreach_"):
        return None
    name = known.name.removeprefix("_foreach_")
    name = {"norm": "linalg_vector_norm"}.get(name, name)
    in_place = bool(known.written)
    single = getattr(torch.ops.aten, f"{name}_" if in_place else name, None)
    if single is None:
        return None
    names = [n for n, _ in known.arguments]

    def run(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        found = []
        for number in range(len(given[names[0]])):
            part = {n: v[number] if isinstance(v, (list, tuple)) else v for n, v in given.items()}
            positional = [part.pop(n) for n in names if n in part and n not in ("alpha", "value", "scalars", "dtype")]
            rest = {"value" if n == "scalars" else n: v for n, v in part.items() if v is not None}
            if "value" in rest and name not in ("addcmul", "addcdiv"):
                positional.append(rest.pop("value"))
            found.append(single(*positional, **rest))
        return None if in_place else found

    return run


def is_query(function: Any) -> bool:
    """Whether the operation only asks something of a tensor that is the same in a run."""
    return str(getattr(function, "namespace", "")) == "prim"


def bound(known: Operator, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name; those left out have their defaults."""
    given = dict(known.arguments)
    given.update(zip((name for name, _ in known.arguments), args, strict=False))
    given.update(kwargs)
    return given


def is_data_dependence(error: BaseException) -> bool:
    return isinstance(error, interfaces().data_errors)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The value with its tensors replaced, in lists, tuples and mappings."""
    if is_tensor(value):
        return function(value)
    if type(value) in (list, tuple):
        return type(value)(mapped(function, v) for v in value)
    if type(value) is dict:
        return {k: mapped(function, v) for k, v in value.items()}
    return value


def tensors_in(value: Any) -> list[Any]:
    if is_tensor(value):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for part in value for t in tensors_in(part)]
    return []


def uncompiled(target: Any) -> Any:
    """The Python function that ``torch.compile`` was given."""
    return getattr(target, "_torchdynamo_orig_callable", target)


@lru_cache(maxsize=1)
def _whole() -> dict[Any, tuple[str, tuple[str, ...]]]:
    """Functions that are read by their definition, with the names of their arguments: what they are lowered to
    depends on the machine, has numbers in it that were rounded on the way, or flattens axes that have a meaning."""
    functional = torch.nn.functional
    attention = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
    normalization = ("input", "normalized_shape", "weight", "eps")
    return {
        functional.scaled_dot_product_attention: ("scaled_dot_product_attention", attention),
        functional.rms_norm: ("rms_norm", normalization),
        torch.rms_norm: ("rms_norm", normalization),
        functional.linear: ("linear", ("input", "weight", "bias")),
        torch.matmul: ("matmul", ("self", "other")),
        torch.Tensor.matmul: ("matmul", ("self", "other")),
        torch.Tensor.__matmul__: ("matmul", ("self", "other")),
        torch.einsum: ("einsum", ("equation",)),
    }


def whole(function: Any) -> tuple[str, tuple[str, ...]] | None:
    """The name of the model and of the arguments, for a function that is read by its definition."""
    try:
        return _whole().get(function)
    except TypeError:
        return None


def is_plain_call(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a function can be read by its definition: not into memory that is there already, nor under a
    transformation, whose tensors are others than those of the trace."""
    if kwargs.get("out") is not None or (name == "einsum" and not (args and isinstance(args[0], str))):
        return False
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor
    return not any(wrapped(t) for t in tensors_in([*args, *kwargs.values()]))


WRAPPERS = ("torch/overrides.py", "torch/_tensor.py")
"""Files of PyTorch that stand between a method of a tensor that is written in Python and its caller."""


def _getter(name: str) -> Any:
    return getattr(getattr(torch.Tensor, name, None), "__get__", None)


@lru_cache(maxsize=1)
def _questions() -> dict[Any, str]:
    """What a tensor answers otherwise without numbers than with them, or on another device."""
    found: dict[Any, str] = {}
    for name in "is_cuda is_cpu is_xpu is_mps is_meta is_mtia is_ipu is_vulkan is_maia".split():
        getter = _getter(name)
        if getter is not None:
            found[getter] = f"whether a tensor has {name}"
    methods = "data_ptr numpy __array__ __dlpack__ __repr__ __format__ __reduce_ex__ untyped_storage storage"
    for name in methods.split():
        method = getattr(torch.Tensor, name, None)
        if method is not None:
            found[method] = f"Tensor.{name}"
    return found


def question(function: Any) -> str | None:
    """What the code asks that only a run can answer; None for all other calls."""
    try:
        return _questions().get(function)
    except TypeError:
        return None
