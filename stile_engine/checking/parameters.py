"""Which parameter of a kernel is which input of its spec, and what the others are given."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stile_engine.errors import StileError, UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.sizes import SizeProduct, SymbolicInteger
from stile_engine.spec.lower import Declared
from stile_engine.spec.syntax import parse
from stile_engine.spec.syntax.errors import SpecError
from stile_engine.spec.syntax.tree import Operand
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import Blocks
from stile_engine.trace.frontend import Launch, Parameter

_OF_LAUNCHES = {
    "grid": "grid= belongs to Triton kernels: other kernels say themselves on which grid they run",
    "strides": "strides= belongs to kernels on pointers (Triton)",
}

_DTYPES = frozenset("float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split())


class DeclarationError(StileError):
    """The decorator and the kernel do not fit together."""

    code = "spec-shape"


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """``inputs={"x_ptr": "X:M K"}``: label and dims of one parameter."""

    label: str
    dims: tuple[str, ...]


def refuse_unmodelled(options: Mapping[str, Any], framework: str) -> None:
    """Raise ``UnsupportedError`` for an option that would otherwise be passed over in silence."""
    for name, reason in _OF_LAUNCHES.items():
        if name in options and framework != "triton":
            raise UnsupportedError(reason)


def launch_of(options: Mapping[str, Any], dims: Mapping[str, Dim]) -> Launch:
    """How a kernel on pointers is started, from its declaration. Raises ``DeclarationError``."""
    strides: dict[str, tuple[Any, ...]] = {}
    for name, given in dict(options.get("strides", {})).items():
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise DeclarationError(
                f"strides={{{name!r}: {given!r}}}: expected one stride for each dim, as in ('stride_m', 1)"
            )
        for one in given:
            if not isinstance(one, (str, int, SymbolicInteger)) or isinstance(one, bool):
                raise DeclarationError(
                    f"strides={{{name!r}: …}}: a stride is a parameter's name or a number, not {one!r}"
                )
        strides[name] = tuple(given)
    return Launch(
        dict(options.get("consts", {})),
        _scalars(options, dims),
        strides,
        options.get("grid"),
        frozenset(declared_inputs(options)),
    )


def declared_inputs(options: Mapping[str, Any]) -> dict[str, DeclaredInput]:
    """The ``inputs=`` option read as tensors of the spec language. Raises ``DeclarationError``."""
    found: dict[str, DeclaredInput] = {}
    for name, text in dict(options.get("inputs", {})).items():
        if not isinstance(text, str):
            raise DeclarationError(f"inputs={{{name!r}: …}} needs a text such as 'X:M K', not {text!r}")
        try:
            body = parse(text).body
        except SpecError as error:
            raise DeclarationError(f"inputs={{{name!r}: {text!r}}}: {error.message}") from error
        if not isinstance(body, Operand) or any(d.low is not None or d.high is not None for d in body.dims):
            raise DeclarationError(f"inputs={{{name!r}: {text!r}}} must be one tensor over whole dims, such as 'X:M K'")
        label = name if body.label is None else body.label.text
        found[name] = DeclaredInput(label, tuple(d.name.text for d in body.dims))
    return found


def kernel_signature(function: Any) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"an object of type {type(function).__name__} without a signature") from error


def pair(
    function: Any,
    tensors: Mapping[str, Tensor],
    dims: Mapping[str, Dim],
    options: Mapping[str, Any],
    in_place: Mapping[str, tuple[str, ...]],
    method: bool,
    attributes: Collection[str] = (),
    known: Declared | None = None,
) -> tuple[tuple[Parameter, ...], dict[str, Any]]:
    """The kernel's parameters in signature order, and the values of its other arguments.

    Labels pair with parameters by name or by ``inputs=``; unlabelled tensors are the parameters in the
    order of the signature. ``known`` is what was declared of the inputs,
    ``in_place`` gives the dims of outputs that the kernel writes into a parameter,
    ``attributes`` the tensors of the object whose method the kernel is: they are found by their labels as well,
    and everything else that the kernel reaches by a path, ``inputs={"layer.weight": "W:O I"}``.
    Raises ``DeclarationError``, or ``UnsupportedError`` for a kind of parameter without a model.
    """
    declared = declared_inputs(options)
    constants = {**dict(options.get("consts", {})), **_scalars(options, dims)}
    given_strides = [s for strides in dict(options.get("strides", {})).values() for s in strides if isinstance(s, str)]
    constants.update((name, None) for name in given_strides if name not in constants)
    dtypes = dict(options.get("dtypes", {}))
    parameters = list(kernel_signature(function).parameters.values())
    if method and parameters:
        parameters = parameters[1:]
    names = [p.name for p in parameters]
    paths = [name for name in declared if "." in name]
    for given in (set(declared) - set(paths), constants, dtypes, in_place):
        if missing := sorted(set(given) - set(names)):
            raise DeclarationError(f"the kernel has no parameter {missing[0]!r}; it has {', '.join(names) or 'none'}")
    numbered = [name for name in tensors if name.isdigit()]
    waiting = dict(tensors)
    found: list[Parameter] = []
    for parameter in parameters:
        name = parameter.name
        if name in constants:
            continue
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise UnsupportedError(f"the parameter {name} can only be given by position")
        tensor: Tensor | None
        own_dims: tuple[str, ...]
        if name in declared:
            tensor = waiting.pop(declared[name].label, None) or _unused(declared[name], dims, known)
            own_dims = declared[name].dims
        elif name in in_place:
            tensor = waiting.pop(name, None)
            own_dims = in_place[name] if tensor is None else tensor.dims
        elif name in waiting:
            tensor = waiting.pop(name)
            own_dims = tensor.dims
        elif numbered and not _is_optional(parameter):
            tensor = waiting.pop(numbered.pop(0))
            own_dims = tensor.dims
        elif _is_optional(parameter):
            continue
        else:
            raise DeclarationError(_no_input(name, waiting))
        own = tuple(_dim(d, dims) for d in own_dims)
        found.append(Parameter(name, tensor, own, _dtype(dtypes, name, tensor), name in in_place))
    for path in paths:
        tensor = waiting.pop(declared[path].label, None) or _unused(declared[path], dims, known)
        found.append(Parameter(path, tensor, tuple(_dim(d, dims) for d in tensor.dims), outside=True))
    for label in [label for label in waiting if label in attributes]:
        tensor = waiting.pop(label)
        found.append(Parameter(f"self.{label}", tensor, tuple(_dim(d, dims) for d in tensor.dims), outside=True))
    left = [label for label, tensor in waiting.items() if not _is_told_by_others(tensor)]
    if left:
        raise DeclarationError(_no_parameter(left[0], names))
    return tuple(found), constants


def _is_told_by_others(tensor: Tensor) -> bool:
    """Whether an input is a name for what another one says, so that no parameter need hold it: the group of each
    element, where groups are given by their offsets."""
    return any(isinstance(fact, Blocks) for fact in tensor.facts)


def _is_optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _no_input(name: str, waiting: Mapping[str, Tensor]) -> str:
    hint = f"; the spec's inputs without a parameter are {', '.join(waiting)}" if waiting else ""
    return (
        f"the parameter {name!r} is no input of the spec{hint}: name it like its label, or pair them with "
        f"inputs={{{name!r}: 'LABEL:DIMS'}}, or give it a value with consts={{{name!r}: …}}"
    )


def _no_parameter(label: str, names: list[str]) -> str:
    what = f"number {label} of the unlabelled inputs" if label.isdigit() else f"the input {label!r}"
    return f"{what} of the spec has no parameter; the kernel has {', '.join(names) or 'none'}"


def _unused(declared: DeclaredInput, dims: Mapping[str, Dim], known: Declared | None) -> Tensor:
    shape = tuple(_dim(d, dims).extent for d in declared.dims)
    if known is None:
        return Tensor(declared.label, declared.dims, shape)
    return known.tensor(declared.label, declared.dims, shape)


def _dim(name: str, dims: Mapping[str, Dim]) -> Dim:
    if name not in dims:
        raise DeclarationError(f"there is no dim {name!r}: declare it with dim({name!r}, SIZE)")
    return dims[name]


def dtypes_by_label(options: Mapping[str, Any]) -> dict[str, str]:
    """The declared types by the labels of the spec."""
    declared = declared_inputs(options)
    given = dict(options.get("dtypes", {}))
    return {declared[n].label if n in declared else n: _dtype_name(found) for n, found in given.items()}


def _dtype_name(found: Any) -> str:
    return found if isinstance(found, str) else getattr(found, "__name__", str(found))


def _dtype(dtypes: Mapping[str, Any], name: str, tensor: Tensor | None) -> str:
    index = tensor is not None and tensor.integer
    found = dtypes.get(name, "int32" if index else "float32")
    text = _dtype_name(found)
    if index and "int" not in text:
        raise DeclarationError(
            f"dtypes={{{name!r}: {found!r}}}: the spec uses {name} as an index, expected an integer type"
        )
    if text not in _DTYPES:
        raise DeclarationError(f"dtypes={{{name!r}: {found!r}}}: expected one of {', '.join(sorted(_DTYPES))}")
    return str(text)


def _scalars(options: Mapping[str, Any], dims: Mapping[str, Dim]) -> dict[str, Any]:
    """Sizes and other integers given at launch, by dim, by number or by the name of a dim."""
    found: dict[str, Any] = {}
    for name, value in dict(options.get("scalars", {})).items():
        if isinstance(value, str):
            found[name] = _dim(value, dims) if value.isidentifier() else _affine(name, value)
        elif isinstance(value, (int, SymbolicInteger, SizeProduct)) and not isinstance(value, bool):
            found[name] = value
        else:
            raise DeclarationError(f"scalars={{{name!r}: {value!r}}}: expected a dim or a whole number")
    return found


def _affine(name: str, text: str) -> Any:
    try:
        return Affine((), int(text)).constant
    except ValueError as error:
        raise UnsupportedError(f"scalars={{{name!r}: {text!r}}}: only dims and numbers are modelled yet") from error
