"""Kernel files that say in comments what must be found in them, and are executed as well.

On the line of a ``def``: ``# proved``, ``# refuted``, ``# unsupported`` …, with ``: TEXT`` if the verdict's
message or details must contain a text. On any line: ``# error[CODE]`` or ``# warning[CODE]``.
"""

from __future__ import annotations

import io
import re
import runpy
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from grid_evaluation import grid

from stile_engine.check import check
from stile_engine.checking.backend import infer
from stile_engine.checking.instances import smallest, symbolic_dims
from stile_engine.checking.methods import bound, called, owner_of, tensors_of
from stile_engine.checking.parameters import declared_inputs, dtypes_by_label, pair
from stile_engine.decorator import Declaration, recording_declarations
from stile_engine.errors import StileError
from stile_engine.index.predicate import ALWAYS
from stile_engine.proof.contents import integer
from stile_engine.proof.evaluate import Evaluator
from stile_engine.proof.numbers import Floats, HasNoValue
from stile_engine.spec.lower import Declared, LoweredSpec, declared, lower
from stile_engine.term.comparison import compared
from stile_engine.term.expression import Node, Scatter, Tensor, every_node
from stile_engine.term.value import Value
from stile_engine.trace.frontend import Parameter
from stile_engine.trace.recording import Recorder
from stile_engine.trace.report import CheckRequest, Report
from stile_engine.trace.standing import symbols_replaced
from stile_engine.typed.session import checking
from stile_engine.typed.shape import ShapeType, dim_range

_VERDICT = re.compile(r"#\s*(proved|assumed|refuted|unknown|unsupported|error)\b(?!\[)(?::\s*(.*\S))?")
_DIAGNOSTIC = re.compile(r"#\s*(error|warning|information|hint)\[([a-z-]+)\](?::\s*([^#]*[^#\s]))?")
# Diagnostics that only repeat a kernel's verdict; the verdict itself is what is compared.
_OF_VERDICTS = frozenset({"not-equal", "not-proved", "undefined-value", "assumption"})


@dataclass(frozen=True)
class Expectation:
    line: int
    what: str
    text: str | None


def expectations(source: str) -> tuple[list[Expectation], list[Expectation]]:
    """``(verdicts, diagnostics)`` with lines from 0; a diagnostic's ``what`` is ``severity[code]``."""
    verdicts, diagnostics = [], []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0] - 1
        for found in _DIAGNOSTIC.finditer(token.string):
            diagnostics.append(Expectation(line, f"{found[1]}[{found[2]}]", found[3]))
        if found := _VERDICT.match(token.string):
            verdicts.append(Expectation(line, found[1], found[2]))
    return verdicts, diagnostics


@cache
def report_of(path: Path, source: str | None = None) -> Report:
    """Of the file as it lies there, or with another text. The same object each time: reports are not changed."""
    return check(CheckRequest(str(path), path.read_text() if source is None else source))


def mismatches(source: str, report: Report) -> Iterator[str]:
    """What the report says otherwise than the comments."""
    verdicts, diagnostics = expectations(source)
    if not verdicts:
        yield "the file expects nothing"
    by_line = {v.line: v for v in verdicts}
    for kernel in report.kernels:
        expected = by_line.pop(kernel.name_range.start.line, None)
        said = [kernel.message, *(o.detail or "" for o in kernel.obligations)]
        said += [o.witness.set or "" for o in kernel.obligations if o.witness is not None]
        if expected is None:
            yield f"{kernel.name} is {kernel.status}, and nothing is expected of it"
        elif kernel.status.value != expected.what:
            yield f"{kernel.name} is {kernel.status}, expected {expected.what}: {said}"
        elif expected.text is not None and not any(expected.text in text for text in said):
            yield f"{kernel.name}: expected {expected.text!r} in {said}"
    for left in by_line.values():
        yield f"line {left.line + 1}: no kernel, expected {left.what}"
    waiting = list(diagnostics)
    for found in report.diagnostics:
        key = f"{found.severity}[{found.code}]"
        match = next((d for d in waiting if d.line == found.range.start.line and d.what == key), None)
        if match is not None:
            waiting.remove(match)
            if match.text is not None and match.text not in found.message:
                yield f"line {match.line + 1}: expected {match.text!r} in {found.message!r}"
        elif found.code not in _OF_VERDICTS:
            yield f"line {found.range.start.line + 1}: unexpected {key}: {found.message}"
    for left in waiting:
        yield f"line {left.line + 1}: expected {left.what}"


# Execution


@dataclass(frozen=True)
class Executable:
    """A kernel as a program finds it, without the verifier."""

    declaration: Declaration
    expected: Expectation
    broken_rule: bool
    """A typed kernel in which a rule is expected to be broken."""

    @property
    def name(self) -> str:
        return str(getattr(self.declaration.target, "__name__", type(self.declaration.target).__name__))


def executables(path: Path) -> list[Executable]:
    source = path.read_text()
    verdicts, diagnostics = expectations(source)
    with recording_declarations() as declarations:
        module = SimpleNamespace(**runpy.run_path(str(path)))
    found = []
    for declaration in declarations:
        target = called(declaration.target)
        owner = owner_of(target, module)
        runnable = replace(declaration, target=target if owner is None else bound(target, owner, module))
        code = getattr(target, "__wrapped__", target).__code__
        lines = {line for _, _, line in code.co_lines() if line is not None}
        if target is not declaration.target and declaration.site is not None:
            lines = {declaration.site.lineno, declaration.site.end_lineno}  # an object that is called
        expected = next(v for v in verdicts if v.line + 1 >= min(lines) and v.line < max(lines))
        _, typed = infer(runnable.target, dict(declaration.options))
        broken = typed and any(d.line + 1 in lines and d.what.startswith("error[") for d in diagnostics)
        found.append(Executable(runnable, expected, broken))
    return found


def _specs(declaration: Declaration) -> tuple[Declared, dict[str | None, LoweredSpec]]:
    extents = {name: d.extent for name, d in declaration.dims.items()}
    spec = declaration.spec
    texts = spec if isinstance(spec, dict) else {None: spec}
    facts = declaration.options.get("assume", ())
    options = declaration.options
    known = declared(
        list(texts.values()),
        extents,
        [facts] if isinstance(facts, str) else facts,
        dtypes_by_label(options),
        {i.label: i.dims for i in declared_inputs(options).values()},
    )
    return known, {name: lower(text, extents, known=known) for name, text in texts.items()}


def _numbers(parameter: Parameter, generator: np.random.Generator, seed: int) -> np.ndarray:
    """Contents of a parameter: integers satisfy what is declared of them, and so do the signs of numbers."""
    shape = [d.concrete or 0 for d in parameter.dims]
    tensor = parameter.tensor
    if tensor is None or not tensor.integer:
        found = generator.standard_normal(shape)
        signs = 7 if tensor is None or tensor.signs is None else tensor.signs
        return found if signs & 1 else np.abs(found)
    filled = np.zeros(shape, parameter.dtype)
    for position in np.ndindex(*shape):
        filled[position] = integer(tensor, position, seed, {})
    return filled


def compares_values(root: Node) -> bool:
    """Whether a comparison of numbers or a scatter stands anywhere in the expression."""
    return any(isinstance(n, Scatter) or compared(getattr(n, "predicate", ALWAYS)) for n in every_node(root))


@dataclass(frozen=True)
class _Given:
    """The arrays of a run as the inputs of the evaluator."""

    arrays: dict[str, np.ndarray]
    seed: int

    def __call__(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        return Fraction(float(self.arrays[tensor.name][position]))


def by_element(value: Value, inputs: dict[str, np.ndarray], seed: int) -> np.ndarray:
    """What an expression says, element by element; nan where it has no value."""
    evaluator = Evaluator(Floats(), _Given(inputs, seed), steps=5_000_000)
    found = np.full([(d.high - d.low).constant for d in value.dims], np.nan)
    for position in np.ndindex(*found.shape):
        index = {d.name: d.low.constant + p for d, p in zip(value.dims, position, strict=True)}
        try:
            found[position] = evaluator(value.node, index)
        except HasNoValue:
            continue
    return found


def execute(kernel: Executable, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``(what the kernel computes, what its spec says)`` on random numbers. Raises what the kernel raises."""
    declaration = kernel.declaration
    known, specs = _specs(declaration)
    tensors = {name: tensor for spec in specs.values() for name, tensor in spec.tensors.items()}
    in_place = {n: tuple(d.name for d in s.value.dims) for n, s in specs.items() if n is not None}
    target = declaration.target
    parameters, constants = pair(
        target, tensors, declaration.dims, declaration.options, in_place, False, tensors_of(target), known
    )
    generator = np.random.default_rng(seed)
    arrays = {p.name: _numbers(p, generator, seed + 1) for p in parameters}
    inputs = {p.tensor.name: arrays[p.name].copy() for p in parameters if p.tensor is not None}
    (output, spec), *_ = specs.items()
    data = any(t.integer for t in spec.tensors.values()) or compares_values(spec.value.node)
    wanted = by_element(spec.value, inputs, seed + 1) if data else grid(spec.value, inputs)
    framework, typed = infer(declaration.target, dict(declaration.options))
    if typed:
        return _run_typed(declaration.target, parameters, arrays, constants), wanted
    if framework in ("jax", "pallas"):
        return _run_jax(declaration.target, arrays, constants), wanted
    if framework == "torch":
        return _run_torch(declaration.target, parameters, arrays, constants, output), wanted
    with np.errstate(all="ignore"), memory_without_a_value():
        returned = declaration.target(**arrays, **constants)
    return np.asarray(returned if output is None else arrays[output]), wanted


@contextmanager
def memory_without_a_value() -> Iterator[None]:
    """Fresh memory often happens to hold the right numbers; here it holds none."""
    real = np.empty, np.empty_like
    np.empty = lambda shape, dtype=float, order="C": np.full(shape, np.nan, dtype, order)  # type: ignore[assignment]
    np.empty_like = lambda a: np.full(a.shape, np.nan, a.dtype)  # type: ignore[assignment]
    try:
        yield
    finally:
        np.empty, np.empty_like = real  # type: ignore[assignment]


def _run_typed(
    target: Any, parameters: tuple[Parameter, ...], arrays: dict[str, Any], constants: dict[str, Any]
) -> Any:
    from stile_engine.numpy.binding import functions

    # With numbers, and without a proof for every result on the way.
    with checking(recorder := Recorder(), carries_data=True):
        arguments = {}
        for p in parameters:
            assert p.tensor is not None
            st = ShapeType(dim_range(d) for d in p.dims)
            arguments[p.name] = functions.reading(p.tensor, st, arrays[p.name], None)
        returned = target(**arguments, **constants)
    if recorder.violations:
        raise StileError(recorder.violations[0].message, code=recorder.violations[0].code)
    if any(not c.complete for c in recorder.coverage):
        raise StileError("coverage", code="coverage-gap")
    return np.asarray(returned.arr)


def _run_jax(target: Any, arrays: dict[str, Any], constants: dict[str, Any]) -> Any:
    import jax

    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        return np.asarray(target(**{n: jax.numpy.asarray(a) for n, a in arrays.items()}, **constants))
    finally:
        jax.config.update("jax_enable_x64", before)


def _run_torch(
    target: Any,
    parameters: tuple[Parameter, ...],
    arrays: dict[str, Any],
    constants: dict[str, Any],
    output: str | None,
) -> Any:
    import torch

    from stile_engine.torch.frontend import tensor_at

    before = torch.get_default_dtype()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_default_dtype(torch.float64)
    # Fresh memory often happens to hold the right numbers; in this mode it holds none.
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        for p in parameters:
            if p.outside:
                tensor_at(target, p.name).data = torch.asarray(arrays[p.name])
        tensors = {p.name: torch.asarray(arrays[p.name]) for p in parameters if not p.outside}
        returned = target(**tensors, **constants)
        # Kernels convert to float32 on the way: more digits than that do not count.
        return (returned if output is None else tensors[output]).detach().float().numpy()
    finally:
        torch.set_default_dtype(before)
        torch.use_deterministic_algorithms(deterministic)


OF_THE_ORDER = ("is written by programs", "comes back to", "lies outside of it")
"""What is wrong with a grid of programs that an interpreter computes all the same: it runs them one by one, and
moves blocks that lie outside back in."""


def contradiction(kernel: Executable) -> str | None:
    """How a run of the kernel contradicts the verdict that its comment expects; None if it does not.

    A kernel with symbolic sizes is run at several: one that is proved is right at all of them, one that is
    refuted is wrong, or cannot be run, at one of them at least.
    """
    if kernel.expected.what not in ("proved", "assumed", "refuted") or kernel.expected.text in OF_THE_ORDER:
        return None
    _, specs = _specs(kernel.declaration)
    tensors = [t for s in specs.values() for t in s.tensors.values()]
    symbolic = symbolic_dims(kernel.declaration.dims, [s.value for s in specs.values()], tensors)
    if not symbolic:
        return _contradiction(kernel)
    found: list[str | None] = []
    for instance in smallest(symbolic, tensors):
        if None in found and kernel.expected.what == "refuted":
            break
        declaration = kernel.declaration
        at_instance = replace(kernel, declaration=replace(declaration, dims={**declaration.dims, **instance.dims}))
        with symbols_replaced(called(declaration.target), instance.of):
            try:
                found.append(_contradiction(at_instance))
            except (TypeError, ValueError) as error:
                found.append(None if kernel.expected.what == "refuted" else f"{kernel.name} at {instance}: {error}")
    if kernel.expected.what == "refuted":
        return None if None in found else found[0]
    return next((f for f in found if f is not None), None)


def _contradiction(kernel: Executable) -> str | None:
    try:
        actual, wanted = execute(kernel)
    except StileError as error:
        return None if kernel.broken_rule else f"{kernel.name} raises {error}"
    if kernel.broken_rule:
        return f"{kernel.name} breaks a rule, and its run raises nothing"
    tolerance = 1e-5 if actual.dtype == np.float32 else 1e-9
    same = actual.shape == wanted.shape and bool(np.allclose(actual, wanted, tolerance, tolerance, equal_nan=True))
    if same == (kernel.expected.what == "refuted"):
        return f"{kernel.name} is expected to be {kernel.expected.what}; its run {'agrees' if same else 'differs'}"
    return None
