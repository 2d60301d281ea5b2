"""``ttl.jit``: a typed kernel, its declaration, and its launch."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from stile_engine.decorator import declare
from stile_engine.errors import UsageError
from stile_engine.index.dims import Dim, registered_dims
from stile_engine.spec.syntax import SpecError, parse
from stile_engine.spec.syntax.tree import Operand
from stile_engine.trace.location import user_site
from stile_engine.triton import adapter
from stile_engine.triton.claims import Claimed
from stile_engine.triton.dialect.lowering import Lowered, Lowering, Pointer, claim_helpers, size_name
from stile_engine.triton.sites import Generated, remember

_numbers = count()


def jit(
    *,
    spec: str | Sequence[str],
    inputs: Mapping[str, str],
    out_shape: Sequence[Any],
    out_dtype: Any = None,
    consts: Mapping[str, Any] | None = None,
    grid: Any = None,
    assume: str | Sequence[str] | None = None,
    dtypes: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], TypedKernel]:
    """A typed Triton kernel. Its parameters are the pointers of ``inputs`` in their order, then one for each output,
    then constants.

    ``spec`` says what the output is, ``inputs`` what lies behind each pointer (``{"a_ptr": "A:M K"}``), ``out_shape``
    the dims of the output. For several outputs ``spec``, ``out_shape`` and ``out_dtype`` are lists. ``consts`` are
    the values of constants unless a launch gives others, ``grid`` is the grid that is proved.
    """

    site = user_site()

    def decorate(function: Callable[..., Any]) -> TypedKernel:
        several = not isinstance(spec, str)
        specs = [spec] if isinstance(spec, str) else list(spec)
        shapes = [tuple(s) for s in out_shape] if several else [tuple(out_shape)]
        types = list(out_dtype) if several and isinstance(out_dtype, (list, tuple)) else [out_dtype] * len(specs)
        if not len(specs) == len(shapes) == len(types):
            raise UsageError(f"{len(specs)} specs, {len(shapes)} shapes and {len(types)} types of outputs")
        kernel = TypedKernel(
            function, specs, dict(inputs), shapes, types, dict(consts or {}), grid, several, dict(dtypes or {})
        )
        options = kernel.options()
        declare(
            kernel,
            dict(zip(kernel.outputs, specs, strict=True)),
            {**options, "assume": assume},
            site,
        )
        return kernel

    return decorate


class TypedKernel:
    """What ``ttl.jit`` makes: ``kernel[grid](*inputs, **constants)`` runs it and gives its outputs."""

    def __init__(
        self,
        function: Callable[..., Any],
        specs: Sequence[str],
        inputs: dict[str, str],
        shapes: Sequence[tuple[Any, ...]],
        types: Sequence[Any],
        constants: dict[str, Any],
        grid: Any,
        several: bool,
        dtypes: Mapping[str, str] | None = None,
    ) -> None:
        self.function, self.specs, self.inputs = function, tuple(specs), inputs
        self.constants, self.grid, self.several, self.types = constants, grid, several, tuple(types)
        self.dtypes = dict(dtypes or {})
        names = list(inspect.signature(function).parameters)
        given = list(inputs)
        if names[: len(given)] != given:
            raise UsageError(
                f"{function.__name__} begins with the parameters {', '.join(names[: len(given)])}, and inputs= names "
                f"{', '.join(given)}"
            )
        self.outputs = tuple(names[len(given) : len(given) + len(specs)])
        if len(self.outputs) < len(specs):
            raise UsageError(f"{function.__name__} has no parameter for {len(specs)} outputs after its inputs")
        self.shapes = tuple(tuple(_dim(d) for d in shape) for shape in shapes)
        self.pointers = {
            **{name: Pointer(name, _dims_of(name, text)) for name, text in inputs.items()},
            **{name: Pointer(name, shape) for name, shape in zip(self.outputs, self.shapes, strict=True)},
        }
        self.standing = _standing(function)
        self.sizes = self._sizes(frozenset(names))
        self._lowered: dict[tuple[tuple[str, Any], ...], tuple[Lowered, Any]] = {}
        self._compiled: dict[tuple[tuple[str, Any], ...], Any] = {}
        self.__wrapped__ = function
        self.__name__ = function.__name__
        signature = inspect.signature(function)
        extra = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in self.sizes.values()]
        function.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *extra]
        )

    def _sizes(self, names: frozenset[str]) -> dict[str, str]:
        """The parameter of each symbolic size: those of the tensors, and of the dims that the kernel names."""
        dims = {d.name: d for p in self.pointers.values() for d in p.dims}
        for value in self.standing.values():
            if isinstance(value, Dim):
                dims.setdefault(value.name, value)
        return {d.name: size_name(d, names) for d in dims.values() if d.concrete is None}

    def options(self) -> dict[str, Any]:
        """The declaration of the lowered kernel, as ``@kernel`` has it."""
        known = registered_dims()
        dtypes = {n: dtype_name(t) for n, t in zip(self.outputs, self.types, strict=True) if t is not None}
        return {
            "inputs": self.inputs,
            "outputs": {n: " ".join(d.name for d in s) for n, s in zip(self.outputs, self.shapes, strict=True)},
            "scalars": {parameter: known[name] for name, parameter in self.sizes.items()},
            "consts": self.constants,
            "dtypes": {**dtypes, **self.dtypes},
            "grid": self.grid,
            "backend": "triton",
            "typed": False,
        }

    # -- lowering --------------------------------------------------------------------------

    def lowered(self, constants: Mapping[str, Any]) -> Lowered:
        """Raises ``TraceError`` at the part of the text that breaks a rule."""
        return self._made(constants)[0]

    def source(self, **constants: Any) -> str:
        """The plain Triton that the kernel is, for these constants."""
        return "@triton.jit\n" + self.lowered({**self.constants, **constants}).text

    def compiled(self, constants: Mapping[str, Any]) -> Any:
        """The lowered kernel under ``triton.jit``."""
        key = _key(constants)
        if key not in self._compiled:
            self._compiled[key] = adapter.jitted(self._made(constants)[1])
        return self._compiled[key]

    def claims(self, constants: Mapping[str, Any]) -> tuple[Claimed, ...]:
        """What its loops' invariants say, by the numbers of their marks."""
        return self.lowered(constants).claims

    def _made(self, constants: Mapping[str, Any]) -> tuple[Lowered, Any]:
        key = _key(constants)
        if key not in self._lowered:
            lowered = Lowering(self.function, self.pointers, dict(constants), self.sizes, self.standing).run()
            self._lowered[key] = lowered, self._function(lowered)
        return self._lowered[key]

    def _function(self, lowered: Lowered) -> Any:
        """The lowered text as a function of Python, whose lines can be looked up."""
        language = adapter.language()
        closure = inspect.getclosurevars(self.function).nonlocals
        names: dict[str, Any] = {**self.function.__globals__, **closure, "tl": language}
        path = f"<typed {self.__name__} {next(_numbers)}>"
        helpers = claim_helpers(lowered.claims)
        if helpers:
            own = f"{path[:-1]} claims>"
            _cache(own, helpers)
            exec(compile(helpers, own, "exec"), names)
            names.update({n: adapter.jitted(f) for n, f in names.items() if n.startswith(adapter.CLAIM)})
        _cache(path, lowered.text)
        remember(path, Generated.of(lowered.path, lowered.text, lowered.tree))
        exec(compile(lowered.text, path, "exec"), names)
        return names[self.__name__]

    # -- launching -------------------------------------------------------------------------

    def __getitem__(self, grid: Any) -> Callable[..., Any]:
        from stile_engine.triton.dialect.launching import Launcher

        return Launcher(self, grid)

    def __call__(self, *_arguments: Any, **_options: Any) -> Any:
        raise UsageError(f"a Triton kernel is launched on a grid: {self.__name__}[grid](…)")

    def __repr__(self) -> str:
        return f"<typed Triton kernel {self.__name__}: {'; '.join(self.specs)}>"


def _standing(function: Any) -> dict[str, Any]:
    """The dims, numbers and texts that the kernel's names stand for now. A launch must run what was proved, whatever
    becomes of these names in between."""
    code = function.__code__
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    names = (*code.co_names, *code.co_freevars)
    return {n: known[n] for n in names if isinstance(known.get(n), Dim | int | float | str)}


def _cache(path: str, text: str) -> None:
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)


def _key(constants: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(constants.items(), key=lambda item: item[0]))


def _dim(value: Any) -> Dim:
    if not isinstance(value, Dim):
        raise UsageError(f"out_shape is made of dims, as in (M, N), not of {value!r}")
    return value


def _dims_of(name: str, text: str) -> tuple[Dim, ...]:
    known = registered_dims()
    try:
        body = parse(text).body
    except SpecError as error:
        raise UsageError(f"inputs={{{name!r}: {text!r}}}: {error.message}") from error
    if not isinstance(body, Operand):
        raise UsageError(f"inputs={{{name!r}: {text!r}}} must be one tensor over whole dims, such as 'X:M K'")
    missing = next((d.name.text for d in body.dims if d.name.text not in known), None)
    if missing is not None:
        raise UsageError(f"inputs={{{name!r}: {text!r}}}: there is no dim {missing!r}, declare it with dim()")
    return tuple(known[d.name.text] for d in body.dims)


def dtype_name(found: Any) -> str:
    """The name of a type, which may be one of PyTorch's."""
    text = found if isinstance(found, str) else getattr(found, "__name__", None) or str(found)
    return {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}.get(
        text.removeprefix("torch."), text.removeprefix("torch.")
    )


__all__ = ["TypedKernel", "jit"]
