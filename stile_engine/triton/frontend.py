"""Triton kernels: lowered by the front half of Triton's own compiler, then read operation by operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from stile_engine.array.arrays import Unreadable, around
from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import DEFAULT_MAXIMUM, DependentDim, Dim, unknowns_of
from stile_engine.index.sizes import SizeProduct, SymbolicInteger, affine_of
from stile_engine.proof.instances import Sizes
from stile_engine.proof.verdict import Status, Witness
from stile_engine.term.expression import Read, Tensor, bounds
from stile_engine.trace.frontend import Choice, KernelResult, KernelTask, Launch, Parameter, TraceError
from stile_engine.trace.recording import Recorder
from stile_engine.triton import adapter, claims, control, descriptors, machine, operations, reals, transfers
from stile_engine.triton.choices import choices, launched
from stile_engine.triton.context import Context
from stile_engine.triton.grid import Grid, NeedsGroup, NeedsSplit, NeedsTiles
from stile_engine.triton.interpreter import Reader
from stile_engine.triton.memory import Memory, order_of, row_major
from stile_engine.triton.polynomials import Polynomial, product
from stile_engine.triton.results import outputs, refuse_untold
from stile_engine.triton.running import NotRun, value_at
from stile_engine.triton.sites import Sites
from stile_engine.triton.ttir.reader import read_module
from stile_engine.triton.ttir.tree import Function
from stile_engine.triton.values import Pointer, Value, real, whole
from stile_engine.triton.watch import Watch

# Importing these modules fills the table of models.
MODELS = (claims, control, descriptors, machine, operations, reals, transfers)

_MOST_SPLITS = 8

_TYPES = {
    "float16": "fp16",
    "bfloat16": "bf16",
    "float32": "fp32",
    "float64": "fp64",
    "bool": "i1",
    **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)},
}


class TritonFrontEnd:
    name = "triton"

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        """What the launch leaves in each output, in the order of the parameters.

        Raises ``TraceError`` (unsupported) at the operation without a model, and notes in the recorder what else
        is owed: bounds, races, overflow.
        """
        adapter.require()
        launch = task.launch or Launch()
        function = adapter.compiled_function(task.function, launch.constants)
        kernel = _Launched(task, function, launch)
        text = adapter.lower(function, kernel.types, kernel.constants)
        module = read_module(text)
        public = [f for f in module.functions if adapter.CLAIM not in f.name]
        if len(public) != 1:
            raise TraceError("a helper function that the compiler does not put in place (noinline)")
        return kernel.read(public[0], recorder)

    def choices(
        self,
        function: Any,
        launch: Launch,
        tensors: Mapping[str, tuple[tuple[Dim, ...], str]],
        unknowns: Mapping[str, tuple[int, int]],
        in_place: Collection[str],
    ) -> tuple[Choice, ...]:
        """What ``triton.autotune`` and ``triton.heuristics`` may choose beside the constants of the launch."""
        return choices(function, launch.constants, launch.scalars, tensors, unknowns, launch.grid, in_place)

    def rerun(self, task: KernelTask, witness: Witness) -> float | None:
        """What Triton's interpreter computes at the index of a counterexample; None where it is not run on it."""
        launch = task.launch or Launch()
        function = adapter.compiled_function(task.function, launch.constants)
        try:
            return _Launched(task, function, launch).rerun(witness)
        except NotRun:
            return None


class _Launched:
    """One kernel with the arguments that its declaration gives it."""

    def __init__(self, task: KernelTask, function: Any, launch: Launch) -> None:
        self.task, self.function, self.launch = task, function, launch
        self.parameters = {p.name: p for p in task.parameters}
        self.sites = Sites(task.path)
        claimed = getattr(task.function, "claims", None)
        self.claims = () if claimed is None else claimed(launch.constants)
        self.types: dict[str, str] = {}
        self.constants: dict[str, Any] = {}
        self.symbols: dict[str, tuple[int, int]] = unknowns_of(task.dims.values())
        self.unknown: set[str] = set()
        """The strides without a number."""
        self.strides = {name: self._strides(name, given) for name, given in launch.strides.items()}
        # Of the dims that tensors have. A size that is made of others is bounded by the tensors that have it.
        lying = [d for p in task.parameters for d in p.dims]
        named = {d.name for d in lying} | {v.removeprefix("#") for d in lying for v in d.extent.variables}
        own = [d.maximum for d in task.dims.values() if d.name in named and not isinstance(d, DependentDim)]
        self.most_elements = max([DEFAULT_MAXIMUM, *own])
        self._arguments()

    # -- arguments -------------------------------------------------------------------------

    def _arguments(self) -> None:
        named = {s for given in self.launch.strides.values() for s in given if isinstance(s, str)}
        for argument in adapter.arguments(self.function):
            name = argument.name
            if name in self.parameters:
                self.types[name] = self._type(self.parameters[name])
            elif name in self.launch.scalars:
                self.types[name] = "i32" if self._fits(self.launch.scalars[name]) else "i64"
                if argument.constexpr:
                    self.constants[name] = self._number(name, self.launch.scalars[name])
            elif name in self.launch.constants:
                value = self.launch.constants[name]
                self.constants[name] = _constant(name, value)
            elif name in named:
                self.types[name] = "i32"
                if argument.constexpr:
                    raise UnsupportedError(f"the stride {name} is a constexpr: give it a number with consts=")
            elif argument.has_default:
                self.constants[name] = argument.default
            else:
                kind = "constexpr" if argument.constexpr else "parameter"
                option = "consts" if argument.constexpr else "inputs, scalars or consts"
                raise TraceError(f"the {kind} {name} has no value: give it one with {option}=")

    def _type(self, parameter: Parameter) -> str:
        kind = _TYPES.get(parameter.dtype)
        if kind is None:
            raise UnsupportedError(f"data of type {parameter.dtype}")
        return kind if not parameter.dims and not parameter.written and not self._is_pointer(parameter) else f"*{kind}"

    def _is_pointer(self, parameter: Parameter) -> bool:
        return parameter.name in self.launch.pointers

    def _fits(self, value: Any) -> bool:
        found = size_polynomial(value).extremes({s: bounds(low, high + 1) for s, (low, high) in self.symbols.items()})
        return found is None or (found[0] >= -(2**31) and found[1] < 2**31)

    def _number(self, name: str, value: Any) -> int:
        found = size_polynomial(value).affine
        if found is None or not found.is_constant:
            raise UnsupportedError(
                f"{name} is a constexpr and {value!r} has no fixed size: declare the dim with a size, or make "
                f"{name} a runtime argument"
            )
        return found.constant

    def _strides(self, name: str, given: tuple[Any, ...]) -> tuple[Polynomial, ...]:
        found: list[Polynomial] = []
        for one in given:
            if isinstance(one, str):
                number = self.launch.constants.get(one, self.launch.scalars.get(one))
                if number is None:
                    self.unknown.add(f"#{one}")
                    self.symbols[f"#{one}"] = (1, DEFAULT_MAXIMUM)
                    found.append(Polynomial.of(Affine.variable(f"#{one}")))
                    continue
                one = number
            found.append(size_polynomial(one))
        return tuple(found)

    # -- running ---------------------------------------------------------------------------

    def rerun(self, witness: Witness) -> float:
        dims = {d.name: d for d in self.task.dims.values() if d.concrete is None and d.name in witness.sizes}
        symbols = {d.symbol: witness.sizes[n] // d.multiple_of for n, d in dims.items()}
        integers = {name: size_polynomial(value) for name, value in self.launch.scalars.items()}
        return value_at(
            self.function,
            self.parameters,
            self.launch,
            self.constants,
            self._grid(),
            self.strides,
            symbols,
            integers,
            witness,
        )

    # -- reading ---------------------------------------------------------------------------

    def read(self, function: Function, recorder: Recorder) -> tuple[KernelResult, ...]:
        """A loop that is dealt out to the programs is read tile by tile, or, where that cannot be, as any other."""
        grid = Grid.of(self._grid())
        try:
            return self._taken_apart(function, grid, recorder)
        except TraceError:
            if not grid.dealt:
                raise
            found = list(recorder.checks)
            try:
                return self._taken_apart(function, replace(Grid.of(self._grid()), deals=False), recorder)
            except TraceError:
                recorder.checks[:] = found
            raise

    def _taken_apart(self, function: Function, grid: Grid, recorder: Recorder) -> tuple[KernelResult, ...]:
        for _ in range(_MOST_SPLITS):
            trial = Recorder(numbers=recorder.numbers)
            try:
                results = self._read(function, grid, trial)
            except (NeedsSplit, NeedsGroup, NeedsTiles) as needed:
                try:
                    match needed:
                        case NeedsSplit():
                            grid.split(needed.name, needed.divisor)
                        case NeedsGroup():
                            grid.group(needed.name, needed.length)
                        case NeedsTiles():
                            grid.deal(needed.name, needed.program, needed.count)
                except Unreadable as reason:
                    raise TraceError(str(reason)) from reason
                continue
            finally:
                recorder.checks[:] = trial.checks
                recorder.claims[:] = trial.claims
                recorder.values, recorder.loops = trial.values, trial.loops
            recorder.readings.update(trial.readings)
            return results
        raise TraceError("program ids that are taken apart too often")

    def _read(self, function: Function, grid: Grid, recorder: Recorder) -> tuple[KernelResult, ...]:
        sizes = self._sizes()
        grid.turns.clear()
        ranges = {s: bounds(low, high + 1) for s, (low, high) in self.symbols.items()}
        context = Context(ranges, list(grid.facts), strides=frozenset(self.unknown))
        watch = Watch(sizes, context, self.most_elements, self._contiguous(), grid.numbers(), grid.products())
        reader = Reader(context, grid, recorder, self.sites, watch, self.task.dims, self.claims)
        memories, arguments = self._values(function)
        try:
            with around(grid.launched()):
                reader.run(function, arguments)
                programs = grid.variables()
                refuse_untold(reader.traffic, grid.opaque())
                results, checks = outputs(memories, reader.traffic, programs, sizes)
        except (Unreadable, TraceError) as reason:
            # What is wrong all the same stays wrong.
            recorder.checks.extend(c for c in watch.checks() if c.status is Status.REFUTED)
            if isinstance(reason, TraceError):
                raise
            raise TraceError(str(reason), reader.site) from reason
        recorder.checks.extend([*watch.checks(), *checks])
        return tuple(results)

    def _sizes(self) -> Sizes:
        extents: dict[str, Affine] = {}
        shapes: set[tuple[Affine, ...]] = set()
        for p in self.task.parameters:
            shapes.add(tuple(d.extent for d in p.dims))
            extents.update({d.name: d.extent for d in p.dims})
        for value in self.launch.scalars.values():
            if isinstance(value, Dim):
                extents.setdefault(value.name, value.extent)
        used = {v for e in extents.values() for v in e.variables}
        ranges = {s: r for s, r in self.symbols.items() if s in used}
        return Sizes(ranges, {d: e for d, e in extents.items() if e.variables}, frozenset(shapes))

    def _contiguous(self) -> dict[str, Polynomial]:
        """The symbolic strides of tensors without gaps; a name that several share has the value of the first."""
        found: dict[str, Polynomial] = {}
        for name, given in self.strides.items():
            parameter = self.parameters.get(name)
            if parameter is None:
                continue
            for own, stride in zip(given, row_major(tuple(d.extent for d in parameter.dims)), strict=False):
                if own.affine is not None and len(own.affine.terms) == 1 and own.affine.terms[0][0] in self.unknown:
                    found.setdefault(str(own.affine.terms[0][0]), stride)
        return found

    def _grid(self) -> tuple[Polynomial, ...]:
        given = self.launch.grid
        if given is None:
            raise TraceError(
                "a Triton kernel needs the grid that it is launched on: give it with grid=", code="spec-shape"
            )
        if callable(given):
            given = launched(given, self.launch.scalars, self.constants)
        given = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        if not 1 <= len(given) <= 3:
            raise TraceError(f"a grid has one to three axes, not {len(given)}")
        return tuple(self._size(value) for value in given)

    def _values(self, function: Function) -> tuple[list[Memory], dict[str, Value]]:
        memories: list[Memory] = []
        values: dict[str, Value] = {}
        for parameter in function.parameters:
            name = parameter.name.removeprefix("%")
            own = self.parameters.get(name)
            if parameter.type.is_pointer:
                if own is None:
                    raise TraceError(f"the pointer {name} is no input and no output of the spec")
                memory = self._memory(own)
                memories.append(memory)
                values[parameter.name] = Pointer((), memory, whole((), 0, 64))
            elif parameter.type.is_float:
                if own is None or own.tensor is None:
                    raise TraceError(f"the number {name} is no scalar of the spec: write scalar({name}) there")
                values[parameter.name] = real((), Read(own.tensor, (), {}))
            else:
                values[parameter.name] = whole((), self._integer(name), parameter.type.width)
        order = {p.name: k for k, p in enumerate(self.task.parameters)}
        return sorted(memories, key=lambda m: order[m.name]), values

    def _integer(self, name: str) -> Polynomial:
        if name in self.launch.scalars:
            return self._size(self.launch.scalars[name])
        return Polynomial.of(Affine.variable(f"#{name}"))

    def _require_room(self, name: str, shape: tuple[Affine, ...], strides: tuple[Polynomial, ...]) -> None:
        """Raise where strides that are given leave open whether two elements share an address. Strides without a
        number are those of some tensor whose elements do not."""
        known = [k for k, s in enumerate(strides) if not any(str(a) in self.unknown for m, _ in s.terms for a in m)]
        if (
            len(set(map(str, strides))) != len(strides)
            and any(n != Affine((), 1) for n in shape)
            and len(known) < len(strides)
        ):
            raise TraceError(f"strides={{{name!r}: …}} names one stride for two dims")
        walked = [k for k in known if shape[k] != Affine((), 1)]
        walked.sort(key=lambda k: order_of(strides[k]))
        for outer, inner in pairwise(walked):
            room = strides[outer] - strides[inner] * Polynomial.of(shape[inner])
            if not all(c.is_constant and c.constant >= 0 for _, c in room.terms):
                raise TraceError(
                    f"strides of {name} with which elements may share an address: {strides[outer]} for one dim, and "
                    f"{strides[inner]} for one of {shape[inner].render(lambda v: v.removeprefix('#'))} elements"
                )

    def _size(self, value: Any) -> Polynomial:
        found = size_polynomial(value)
        unknown = sorted(
            {v for m, _ in found.terms for a in m for v in Affine(((a, 1),)).variables} - self.symbols.keys()
        )
        if unknown:
            raise TraceError(
                f"the size {value!r} is made of {unknown[0].removeprefix('#')}, which is no dim of this kernel"
            )
        return found

    def _memory(self, parameter: Parameter) -> Memory:
        shape = tuple(d.extent for d in parameter.dims)
        strides = self.strides.get(parameter.name) or row_major(shape)
        if len(strides) != len(shape):
            raise TraceError(
                f"strides={{{parameter.name!r}: …}} gives {len(strides)} strides, and the tensor has {len(shape)} dims",
            )
        self._require_room(parameter.name, shape, strides)
        elements = parameter.tensor or Tensor(parameter.name, tuple(d.name for d in parameter.dims), shape)
        own = (parameter.dtype, parameter.written, elements, parameter.site)
        return Memory(parameter.name, parameter.tensor, shape, strides, *own)


def _constant(name: str, value: Any) -> Any:
    """A constexpr as Triton takes it: a dim with a size is a number."""
    if isinstance(value, Dim):
        if value.concrete is None:
            raise UnsupportedError(f"the constexpr {name} is the dim {value!r}, which has no fixed size")
        return value.concrete
    return value


def size_polynomial(value: Any) -> Polynomial:
    """A size as a polynomial. Raises ``TraceError`` for what is no whole number."""
    if isinstance(value, SizeProduct):
        return product([Polynomial.of(factor) for factor in value.factors])
    if isinstance(value, bool) or not (isinstance(value, SymbolicInteger) or hasattr(value, "__index__")):
        raise TraceError(f"a grid is made of whole numbers and sizes, not of {value!r}")
    return Polynomial.of(affine_of(value))
