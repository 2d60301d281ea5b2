"""Kernel files with Triton kernels, run by Triton's interpreter in a process of its own.

``TRITON_INTERPRET`` must be set before Triton is imported, and then nothing is compiled: so the process that runs
kernels is not the one that reads them. Run as a script it takes a file and prints one JSON object a line.
"""

from __future__ import annotations

import json
import math
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

# Sizes that are tried, where a dim has no fixed one: below a tile, several tiles, one, one more than a tile.
INSTANCES = (5, 70, 1, 33)

# How many of them a kernel is run with that should agree. One that should differ is run until it does.
_AGREEING = len(INSTANCES) if os.environ.get("STILE_TEST_TIER") == "full" else 2

_MOST_ELEMENTS = 20_000

_GUARD = 4096
"""Elements before and after each tensor that hold NaN and must keep it."""


def uses_triton(path: Path) -> bool:
    return any(line.startswith("import triton") for line in path.read_text(encoding="utf-8").splitlines())


def outcomes(path: Path, refuted: Collection[str]) -> dict[str, list[str]]:
    """By kernel, what each run came to: ``agrees``, ``differs``, or what was raised. ``refuted``: those that differ."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    root = Path(__file__).resolve().parent
    environment["PYTHONPATH"] = os.pathsep.join([str(root.parent), str(root), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), str(path), *refuted],
        capture_output=True,
        text=True,
        env=environment,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            found.setdefault(record["kernel"], []).append(record["outcome"])
    return found


# -- in the other process ----------------------------------------------------------------------


def main(path: str, *refuted: str) -> None:
    from stile_engine.decorator import recording_declarations
    from stile_engine.index.sizes import products_of_sizes

    with recording_declarations() as declarations, products_of_sizes():
        runpy.run_path(path)
    for declaration in [one for d in declarations for one in _configurations(d)]:
        name = _innermost(declaration.target).__name__
        for number in INSTANCES if name in refuted else INSTANCES[:_AGREEING]:
            sizes = _sizes(declaration, number)
            try:
                outcome = "agrees" if _agrees(declaration, sizes) else "differs"
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
            print(json.dumps({"kernel": name, "sizes": sizes, "outcome": outcome}), flush=True)
            if outcome != "agrees" or all(d.concrete is not None for d in declaration.dims.values()):
                break


def _configurations(declaration: Any) -> list[Any]:
    """The kernel with each configuration of ``triton.autotune``, which itself would need a device to measure on."""
    target = declaration.target
    if type(target).__name__ != "Autotuner":
        return [declaration]
    found = []
    for config in target.configs:
        known = {**config.kwargs, **declaration.options.get("consts", {})}
        found.append(replace(declaration, target=target.fn, options={**declaration.options, "consts": known}))
    return found


def _innermost(target: Any) -> Any:
    """The function of Python inside of all decorators."""
    while not hasattr(target, "__code__"):
        # the typed dialect's own kernel calls it otherwise
        target = target.fn if hasattr(target, "fn") else target.function
    return target


def _plain(declaration: Any) -> Any:
    """The kernel as Triton has it: a typed one is lowered for its constants."""
    made = getattr(declaration.target, "compiled", None)
    return declaration.target if made is None else made(dict(declaration.options.get("consts", {})))


def _sizes(declaration: Any, number: int) -> dict[str, int]:
    """Sizes from ``number`` on, every dim another one; the first ones small, where all of them would be too much."""
    texts = [*declaration.spec.values(), *dict(declaration.options.get("inputs", {})).values()]
    # The label of a tensor ("B:K N") may be the name of a dim as well, and names none.
    named = set(re.findall(r"\w+(?![\w:])", " ".join(map(str, texts))))
    found = {name: own.concrete or 1 for name, own in declaration.dims.items()}
    symbolic = {name: own for name, own in declaration.dims.items() if own.concrete is None}
    made = {name: own for name, own in symbolic.items() if own.symbol not in own.unknowns}
    # What other dims are made of counts as named.
    parts = {symbol.removeprefix("#") for name, own in made.items() if name in named for symbol in own.unknowns}
    named |= parts
    free = [name for name in symbolic if name not in made]
    waiting = [name for name in free if name in named]
    for k, name in enumerate(reversed(waiting)):
        own = declaration.dims[name]
        left = max(1, _MOST_ELEMENTS // math.prod(found[n] for n in named & found.keys()))
        # Of parts there are many in a size: it should not be larger than all others at every number.
        wanted = max(1, (number + k) // 16) if name in parts else min(number + k, max(2, left))
        found[name] = min(math.ceil(wanted / own.multiple_of) * own.multiple_of, own.maximum)
    of_symbol: dict[str, int] = {}
    for name in waiting:
        found[name] = of_symbol.setdefault(declaration.dims[name].symbol, found[name])
    found |= {name: of_symbol.get(declaration.dims[name].symbol, found[name]) for name in free}
    symbols = {declaration.dims[name].symbol: found[name] // declaration.dims[name].multiple_of for name in free}
    return found | {name: own.extent.evaluate(symbols) for name, own in made.items()}


def _agrees(declaration: Any, sizes: dict[str, int]) -> bool:
    import numpy as np
    import torch
    from grid_evaluation import grid
    from kernel_files import _numbers, _specs, by_element, compares_values

    from stile_engine.checking.parameters import declared_inputs, pair
    from stile_engine.index.dims import Dim
    from stile_engine.index.sizes import products_of_sizes
    from stile_engine.trace.standing import symbols_replaced

    fixed = {name: Dim(name, size) for name, size in sizes.items()}
    options = dict(declaration.options)
    known, specs = _specs(replace(declaration, dims=fixed))
    tensors = {label: t for spec in specs.values() for label, t in spec.tensors.items()}
    in_place = {name: tuple(d.name for d in spec.value.dims) for name, spec in specs.items()}
    target = _plain(declaration)
    heuristics = getattr(target, "values", {})  # which are computed at the launch
    parameters, _ = pair(
        _innermost(target),
        tensors,
        fixed,
        {**options, "scalars": {}, "consts": {**dict.fromkeys(heuristics), **_given(options)}},
        in_place,
        False,
        (),
        known,
    )
    generator = np.random.default_rng(len(sizes) + sum(sizes.values()))
    seed = 2 if max(sizes.values(), default=1) < 40 else 1  # of integers: an even one also draws marks such as -1
    buffers: dict[str, torch.Tensor] = {}
    views: dict[str, Any] = {}
    contents: dict[str, np.ndarray] = {}
    for p in parameters:
        shape = [d.concrete or 1 for d in p.dims]
        if p.tensor is not None and p.tensor.integer:
            whole = _numbers(p, generator, seed)
            contents[p.tensor.name] = whole
            views[p.name] = torch.asarray(whole)
            continue
        numbers = generator.standard_normal(shape)
        if p.tensor is not None and p.tensor.signs is not None and not p.tensor.signs & 1:
            numbers = np.abs(numbers)
        if p.tensor is not None:
            contents[p.tensor.name] = numbers
        if not p.dims and not p.written and p.name not in declared_inputs(options):
            views[p.name] = float(numbers)
            continue
        count = math.prod(shape)
        buffer = torch.full((count + 2 * _GUARD,), math.nan, dtype=torch.float32)
        view = buffer[_GUARD : _GUARD + count].view(shape)
        if p.tensor is not None:
            view.copy_(torch.asarray(numbers))
        buffers[p.name], views[p.name] = buffer, view
    unknowns = {d.symbol: sizes[name] // d.multiple_of for name, d in declaration.dims.items()}
    resolved = {name: _resolved(value, sizes, unknowns) for name, value in dict(options.get("scalars", {})).items()}
    for name, strides in dict(options.get("strides", {})).items():
        for own, stride in zip(strides, views[name].stride(), strict=True):
            if isinstance(own, str):
                resolved.setdefault(own, stride)
    constants = dict(options.get("consts", {}))
    grid_of = options["grid"]
    chosen = dict(constants)
    for name, choose in heuristics.items():
        chosen[name] = choose({**views, **resolved, **chosen})
    programs = grid_of
    if callable(grid_of):
        # Dims that come later in the file have no size here, and the grid names none of them.
        with (
            products_of_sizes(),
            symbols_replaced(
                grid_of,
                lambda size: size.affine.evaluate(unknowns) if size.affine.variables <= unknowns.keys() else size,
            ),
        ):
            programs = grid_of({**resolved, **chosen})
    launch = tuple(_resolved(n, sizes, unknowns) for n in programs)
    with np.errstate(all="ignore"):
        target[launch](**views, **resolved, **constants)
    for name, buffer in buffers.items():
        edges = torch.cat([buffer[:_GUARD], buffer[-_GUARD:]])
        if not bool(torch.isnan(edges).all()):
            raise IndexError(f"the kernel writes outside of {name}")
    same = True
    for name, spec in specs.items():
        data = any(t.integer for t in spec.tensors.values()) or compares_values(spec.value.node)
        wanted = by_element(spec.value, contents, seed) if data else grid(spec.value, contents)
        same = same and bool(np.allclose(views[name].numpy(), wanted, 2e-4, 2e-4, equal_nan=True))
    return same


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {**options.get("scalars", {}), **options.get("consts", {})}


def _resolved(value: Any, sizes: dict[str, int], unknowns: dict[str, int]) -> int:
    """A size, or a text, or an expression of sizes, as a number. ``unknowns`` are what sizes are multiples of."""
    if isinstance(value, str):
        return sizes[value]
    factors = getattr(value, "factors", None)
    if factors is not None:
        return math.prod(f.evaluate(unknowns) for f in factors)
    affine = getattr(value, "affine", None)
    return int(value) if affine is None else affine.evaluate(unknowns)


if __name__ == "__main__":
    main(*sys.argv[1:])
