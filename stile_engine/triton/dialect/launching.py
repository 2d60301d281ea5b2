"""A launch of a typed kernel: it is proved for its constants first, then run, and its outputs carry their types on."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from stile_engine.decorator import being_checked
from stile_engine.errors import DimError, UnsupportedError, UsageError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim, registered_dims
from stile_engine.index.sizes import SizeProduct, affine_of, products_of_sizes
from stile_engine.spec.survey import survey
from stile_engine.spec.syntax import parse
from stile_engine.spec.syntax.tree import Operand
from stile_engine.term import expression as written
from stile_engine.term.expression import Node
from stile_engine.term.instantiate import Instantiation
from stile_engine.triton import adapter
from stile_engine.typed.array import TypedArray
from stile_engine.typed.claims import spec_value
from stile_engine.typed.library import Library
from stile_engine.typed.session import NotProvedError
from stile_engine.typed.shape import ExprType, ShapeType, Type, shape_of

if TYPE_CHECKING:
    from stile_engine.triton.dialect.kernel import TypedKernel

_SECONDS = 120

_verified: dict[tuple[str, str], str] = {}
"""By the kernel's text and its constants, what a proof in this process came to."""


class _NoArithmetic:
    """The numbers of an output belong to PyTorch: ``.arr`` has them."""

    def __getattr__(self, name: str) -> NoReturn:
        raise UnsupportedError("arithmetic on the output of a typed Triton kernel: take its tensor, .arr")


class TypedTensor(TypedArray):
    """A tensor with the type that the kernel that made it was proved to give it."""

    library: ClassVar[Library] = _NoArithmetic()  # type: ignore[assignment]


class Launcher:
    """``kernel[grid]``."""

    def __init__(self, kernel: TypedKernel, grid: Any) -> None:
        self._kernel, self._grid = kernel, grid

    def __call__(self, *inputs: Any, **constants: Any) -> Any:
        """Raises ``NotProvedError`` for constants with which the kernel is not proved, ``DimError`` for inputs whose
        sizes do not fit its dims."""
        kernel = self._kernel
        if being_checked():
            raise UnsupportedError(
                f"{kernel.__name__} is launched while its file is checked: launch it under "
                "if __name__ == '__main__':, or in a function"
            )
        values = {**kernel.constants, **constants}
        if unknown := sorted(set(constants) - set(inspect.signature(kernel.function).parameters)):
            raise UsageError(f"{kernel.__name__} has no parameter {unknown[0]}")
        if len(inputs) != len(kernel.inputs):
            raise UsageError(f"{kernel.__name__} takes {len(kernel.inputs)} inputs, not {len(inputs)}")
        require_proved(kernel, values)
        tensors = [i.arr if isinstance(i, TypedArray) else i for i in inputs]
        sizes = self._sizes(inputs, tensors)
        grid = self._checked_grid(values, sizes)
        outputs = [_empty(shape, kind, sizes, tensors) for shape, kind in zip(kernel.shapes, kernel.types, strict=True)]
        given = {parameter: sizes[name] for name, parameter in kernel.sizes.items()}
        kernel.compiled(values)[grid](*tensors, *outputs, **values, **given)
        typed = [self._typed(k, tensor, inputs) for k, tensor in enumerate(outputs)]
        return tuple(typed) if kernel.several else typed[0]

    def _sizes(self, inputs: tuple[Any, ...], tensors: list[Any]) -> dict[str, int]:
        """The size of each dim, as the inputs have it. Raises ``DimError`` where they do not agree."""
        kernel = self._kernel
        found: dict[str, int] = {}
        for name, given, tensor in zip(kernel.inputs, inputs, tensors, strict=True):
            dims = kernel.pointers[name].dims
            if isinstance(given, TypedArray) and given.st != shape_of(dims):
                raise DimError(
                    f"{name} has dims {shape_of(dims)}, and the array that is given for it has {given.st}",
                    code="dim-mismatch",
                )
            shape = tuple(tensor.shape)
            if len(shape) != len(dims):
                raise DimError(f"{name} has {len(dims)} dims, and the tensor {len(shape)}", code="dim-mismatch")
            if not tensor.is_contiguous():
                raise UsageError(f"the tensor for {name} is not contiguous: the kernel reads it row by row")
            for dim, size in zip(dims, shape, strict=True):
                _fits(dim, size, found.setdefault(dim.name, size), name)
        self._require_types(tensors)
        _require_equal(_dims(kernel), found)
        for shape in kernel.shapes:
            for dim in shape:
                if dim.name not in found:
                    if dim.concrete is None:
                        raise UsageError(f"no input of {kernel.__name__} tells the size of {dim.name}")
                    found[dim.name] = dim.concrete
        return found

    def _require_types(self, tensors: list[Any]) -> None:
        """The proof speaks of real numbers, and of integers of one width. Raises ``UsageError`` for other data."""
        from stile_engine.triton.dialect.kernel import dtype_name

        kernel = self._kernel
        known = {name: d.extent for name, d in registered_dims().items()}
        by_label = {
            _label(kernel, name): dtype_name(kernel.dtypes[name]) for name in kernel.inputs if name in kernel.dtypes
        }
        labels = survey([parse(s) for s in kernel.specs], known, by_label)
        for name, tensor in zip(kernel.inputs, tensors, strict=True):
            own = _label(kernel, name)
            found = str(tensor.dtype).removeprefix("torch.")
            if own in labels and labels[own].integer:
                wanted = by_label.get(own, "int32")
                if found != wanted:
                    raise UsageError(
                        f"{name} is proved for {wanted} data, and the tensor has {found}: convert it, or declare "
                        f'dtypes={{"{name}": "{found}"}}'
                    )
            elif not tensor.is_floating_point():
                raise UsageError(f"{name} is proved for real numbers, and the tensor has {found}: convert it")

    def _checked_grid(self, constants: Mapping[str, Any], sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The grid of the launch, which must be the one that was proved."""
        kernel = self._kernel
        if kernel.grid is None:
            raise UsageError(
                f"{kernel.__name__} declares no grid: give it to ttl.jit with grid=, it is a part of the proof"
            )
        wanted = _grid(kernel.grid, constants, sizes, kernel)
        found = _grid(self._grid, constants, sizes, kernel)
        if wanted != found:
            raise UsageError(f"{kernel.__name__} is proved on the grid {wanted}, and launched on {found}")
        return found

    def _typed(self, number: int, tensor: Any, inputs: tuple[Any, ...]) -> TypedTensor:
        kernel = self._kernel
        value = spec_value(kernel.specs[number])
        st = ShapeType(shape_of(kernel.shapes[number]))
        known = {_label(kernel, name): given for name, given in zip(kernel.inputs, inputs, strict=True)}
        nodes = {label: given.node for label, given in known.items() if isinstance(given, TypedArray)}
        node = _Composed(nodes)(value.node) if nodes else value.node
        return TypedTensor(Type(st, ExprType(node, st.extents)), tensor, None)


class _Composed(Instantiation):
    """An expression whose inputs are themselves expressions."""

    def __init__(self, inputs: Mapping[str, Node]) -> None:
        super().__init__({})
        self._inputs = inputs

    def _concerns(self, _axes: written.Axes) -> bool:
        return True

    def _build(self, node: Node) -> Node:
        if isinstance(node, written.Read) and node.tensor.name in self._inputs:
            inner = self._inputs[node.tensor.name]
            mapping = {d: i for d, i in zip(node.tensor.dims, node.index, strict=True) if d in inner.axes}
            return written.Reindex(inner, mapping, node.ranges) if mapping else inner
        return super()._build(node)


def require_proved(kernel: TypedKernel, constants: Mapping[str, Any]) -> None:
    """Check the kernel's file with these constants, once for each choice of them.

    In a process of its own: what runs kernels here may not be what compiles them (``TRITON_INTERPRET``).
    Raises ``NotProvedError`` unless the kernel is proved.
    """
    path = inspect.getsourcefile(kernel.function) or ""
    text = "".join(inspect.getsourcelines(kernel.function)[0])
    key = (f"{path}\n{text}", repr(sorted(constants.items())))
    message = _verified.get(key)
    if message is None:
        message = _verified[key] = _checked(kernel, path, text, constants)
    if message:
        named = ", ".join(f"{n}={v!r}" for n, v in constants.items())
        raise NotProvedError(f"{kernel.__name__} is launched with {named or 'no constants'}: {message}")


def _checked(kernel: TypedKernel, path: str, text: str, constants: Mapping[str, Any]) -> str:
    """What is wrong; empty where the kernel is proved."""
    try:
        with open(path, encoding="utf-8") as file:
            source = file.read()
    except OSError:
        return f"it cannot be verified, as its text is in no file ({path or 'unknown'})"
    if text not in source:
        return f"{path} has changed since it was imported: run the program again"
    line = inspect.getsourcelines(kernel.function)[1]
    try:
        asked = json.dumps({"path": path, "source": source, "line": line, "constants": dict(constants)})
    except TypeError:
        return "a constant that is no number and no text cannot be verified"
    environment = {n: v for n, v in os.environ.items() if n != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, "-m", "stile_engine.command.launch"]
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, env=environment, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the proof takes longer than {_SECONDS} s"
    lines = [n for n in done.stdout.splitlines() if n.startswith("{")]
    if done.returncode or not lines:
        return f"the verifier failed: {done.stderr.strip().splitlines()[-1:] or 'no reason is known'}"
    found = json.loads(lines[-1])
    return "" if found["status"] == "proved" else f"{found['status']}: {found['message']}"


def _fits(dim: Dim, size: int, known: int, name: str) -> None:
    if size != known:
        raise DimError(f"{dim.name} has size {size} in {name}, and {known} in an earlier input", code="dim-mismatch")
    if dim.concrete is not None and dim.concrete != size:
        raise DimError(f"{dim.name} has size {dim.concrete}, and {name} has {size}", code="dim-mismatch")
    if size < 1 or size % dim.multiple_of or size > dim.maximum:
        raise DimError(
            f"{dim.name} is a multiple of {dim.multiple_of} up to {dim.maximum}, and {name} has {size}",
            code="dim-mismatch",
        )


def _require_equal(dims: Mapping[str, Dim], sizes: Mapping[str, int]) -> None:
    """Dims that were declared with one symbolic size have one size."""
    first: dict[str, str] = {}
    for name, own in dims.items():
        if own.concrete is None and name in sizes:
            other = first.setdefault(own.symbol, name)
            if sizes[other] != sizes[name]:
                raise DimError(
                    f"{name} has the size of {other}, which is {sizes[other]}, and not {sizes[name]}",
                    code="dim-mismatch",
                )


def _grid(given: Any, constants: Mapping[str, Any], sizes: Mapping[str, int], kernel: TypedKernel) -> tuple[int, ...]:
    with products_of_sizes():
        found = given(dict(constants)) if callable(given) else given
    parts = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    unknowns = {d.symbol: sizes[n] // d.multiple_of for n, d in _dims(kernel).items() if d.concrete is None}
    return tuple(_number(p, unknowns) for p in parts)


def _dims(kernel: TypedKernel) -> dict[str, Dim]:
    return {d.name: d for p in kernel.pointers.values() for d in p.dims}


def _number(value: Any, unknowns: Mapping[str, int]) -> int:
    if isinstance(value, SizeProduct):
        total = 1
        for factor in value.factors:
            total *= factor.evaluate(unknowns)
        return total
    found: Affine = affine_of(value)
    return found.evaluate(unknowns)


def _label(kernel: TypedKernel, name: str) -> str:
    body = parse(kernel.inputs[name]).body
    return body.label.text if isinstance(body, Operand) and body.label is not None else name


def _empty(shape: tuple[Dim, ...], kind: Any, sizes: Mapping[str, int], tensors: list[Any]) -> Any:
    return adapter.empty(tuple(sizes[d.name] for d in shape), kind, tensors[0].device if tensors else None)
