"""Kernels of ``unit/triton_data_kernels.txt`` and their variants, run by Triton's interpreter in a process of its own.

What is expected is written out here in NumPy, group by group and sequence by sequence: it shares nothing with the
specs, nor with what evaluates them. The data satisfy what a kernel declares, and nothing that it does not declare:
lengths that no fact bounds are too long, slots that nothing makes unique repeat. Run as a script it takes a file and
prints one JSON object a line.
"""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

_GUARD = 8192
"""Elements before and after each tensor: NaN, which must stay, and 0 for integers."""

_SEEDS = (7, 8, 9)

B, T, S, H, D, PAGE = 3, 23, 31, 2, 16, 4
OFFSETS = np.array([0, 5, 5, T], np.int32)
"""Of three groups of tokens, one empty and one of more than a tile."""


def outcomes(path: Path) -> dict[str, str]:
    """By kernel ``agrees``, ``differs``, or which tensor it writes outside of."""
    root = Path(__file__).resolve().parent
    paths = [str(root.parent), str(root), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(Path(__file__).resolve()), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {record["kernel"]: record["outcome"] for record in records}


@dataclass(frozen=True)
class Run:
    """A launch: the tensors by parameter, integer ones among them, what ``output`` holds first and afterwards."""

    tensors: Mapping[str, np.ndarray]
    scalars: Mapping[str, int]
    grid: tuple[int, ...]
    output: str
    expected: np.ndarray
    before: np.ndarray | None = None


# -- in the other process ----------------------------------------------------------------------


def ragged(name: str, numbers: np.random.Generator) -> Run:
    size = 70
    lengths = np.array([0, size, 65], np.int32)
    if name == "ragged_sum_of_any_length":
        lengths[0] = size + 5
    x = numbers.standard_normal((B, size), np.float32)
    tensors = {"x_ptr": x, "len_ptr": lengths}
    if name == "rows_up_to_their_length":
        before = numbers.standard_normal((B, size), np.float32)
        expected = before.copy()
        for b in range(B):
            expected[b, : lengths[b]] = 2 * x[b, : lengths[b]]
        return Run(tensors, {"n": size}, (B, math.ceil(size / 64)), "out_ptr", expected, before)
    expected = np.array([x[b, : lengths[b]].sum() for b in range(B)])
    return Run(tensors, {"stride": size}, (B,), "out_ptr", expected)


def cache_write(name: str, numbers: np.random.Generator) -> Run:
    x = numbers.standard_normal((T, D), np.float32)
    slots = numbers.permutation(S)[:T].astype(np.int32)
    slots[0] = S - 1 if S - 1 not in slots else slots[0]
    if name == "cache_write_to_any_slots":
        slots[1] = slots[0]
    if name == "cache_write_anywhere":
        slots[0] = S + 2
    before = numbers.standard_normal((S, D), np.float32)
    expected = before.copy()
    for t in reversed(range(T)):  # the other order than the interpreter's: programs have none
        if slots[t] < S:
            expected[slots[t]] = x[t]
    by_blocks = name == "cache_write_by_blocks"
    grid = (math.ceil(T / 16),) if by_blocks else (T,)
    tensors = {"x_ptr": x, "slot_ptr": slots if by_blocks else slots.astype(np.int64)}
    return Run(tensors, {"count": T} if by_blocks else {}, grid, "cache_ptr", expected, before)


def scatter_add(name: str, numbers: np.random.Generator) -> Run:
    x = numbers.standard_normal((T, D), np.float32)
    slots = numbers.integers(0, S, T, np.int32)
    slots[1] = slots[0]
    before = numbers.standard_normal((S, D), np.float32)
    expected = before.copy()
    for t in range(T):
        expected[slots[t]] += x[t]
    return Run({"x_ptr": x, "slot_ptr": slots}, {}, (T,), "y_ptr", expected, before)


def grouped(name: str, numbers: np.random.Generator) -> Run:
    depth, columns = 20, 18
    x = numbers.standard_normal((T, depth), np.float32)
    w = numbers.standard_normal((B, depth, columns), np.float32)
    expected = np.concatenate([x[OFFSETS[e] : OFFSETS[e + 1]] @ w[e] for e in range(B)])
    grid = (B, math.ceil(T / 16), math.ceil(columns / 16))
    tensors = {"x_ptr": x, "w_ptr": w, "off_ptr": OFFSETS}
    return Run(tensors, {"k": depth, "f": columns}, grid, "out_ptr", expected)


def segments(name: str, numbers: np.random.Generator) -> Run:
    w = numbers.standard_normal(B, np.float32)
    expected = np.concatenate([np.full(OFFSETS[e + 1] - OFFSETS[e], w[e]) for e in range(B)])
    return Run({"w_ptr": w, "off_ptr": OFFSETS}, {}, (B,), "out_ptr", expected)


def paged(name: str, numbers: np.random.Generator) -> Run:
    pages, width = 10, 3
    q = numbers.standard_normal((B, H, D), np.float32)
    k, v = numbers.standard_normal((2, pages, PAGE, H, D), np.float32)
    table = numbers.permutation(pages)[: B * width].reshape(B, width).astype(np.int32)
    lengths = np.array([1, PAGE * width, PAGE + 2], np.int32)
    expected = np.empty_like(q)
    for b in range(B):
        keys, values = (t[table[b]].reshape(width * PAGE, H, D)[: lengths[b]] for t in (k, v))
        for h in range(H):
            expected[b, h] = weights(keys[:, h] @ q[b, h] / 4) @ values[:, h]
    tensors = {"q_ptr": q, "k_ptr": k, "v_ptr": v, "table_ptr": table, "len_ptr": lengths}
    return Run(tensors, {"width": width}, (B, H), "out_ptr", expected)


def packed(name: str, numbers: np.random.Generator) -> Run:
    q, k, v = numbers.standard_normal((3, T, H, D), np.float32)
    expected = np.empty_like(q)
    for first, end in pairwise(OFFSETS):
        for t in range(first, end):
            seen = slice(first, t + 1 if "causal" in name else end)
            for h in range(H):
                expected[t, h] = weights(k[seen, h] @ q[t, h] / 4) @ v[seen, h]
    tensors = {"q_ptr": q, "k_ptr": k, "v_ptr": v, "cu_ptr": OFFSETS}
    return Run(tensors, {}, (math.ceil(T / 16), B, H), "out_ptr", expected)


def weights(scores: np.ndarray) -> np.ndarray:
    """The softmax of a vector."""
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


FAMILIES = {
    "ragged": ragged,
    "rows_up": ragged,
    "rows_of": segments,
    "cache": cache_write,
    "scatter": scatter_add,
    "grouped": grouped,
    "paged": paged,
    "packed": packed,
}
"""By how a kernel's name begins, what it is run on."""


def family(name: str) -> Callable[[str, np.random.Generator], Run]:
    (found,) = (made for start, made in FAMILIES.items() if name.startswith(start + "_"))
    return found


def outcome(target: Any, run: Run, constants: Mapping[str, int]) -> str:
    import torch

    buffers: dict[str, Any] = {}
    views: dict[str, Any] = {}
    before = np.full(run.expected.shape, math.nan, np.float32) if run.before is None else run.before
    for name, array in {**run.tensors, run.output: before}.items():
        own = torch.asarray(np.ascontiguousarray(array))
        edge = math.nan if own.dtype.is_floating_point else 0
        buffers[name] = buffer = torch.full((own.numel() + 2 * _GUARD,), edge, dtype=own.dtype)
        views[name] = buffer[_GUARD : _GUARD + own.numel()].view(own.shape)
        views[name].copy_(own)
    target[run.grid](**views, **run.scalars, **constants)
    for name, buffer in buffers.items():
        edges = torch.cat([buffer[:_GUARD], buffer[-_GUARD:]])
        if not bool((torch.isnan(edges) if edges.dtype.is_floating_point else edges == 0).all()):
            return f"writes outside of {name}"
    for name, array in run.tensors.items():
        if not np.array_equal(views[name].numpy(), array):
            return f"writes {name}"
    return "agrees" if np.allclose(views[run.output].numpy(), run.expected, 1e-4, 1e-4) else "differs"


def main(path: str) -> None:
    from stile_engine.decorator import recording_declarations

    with recording_declarations() as declarations:
        runpy.run_path(path)
    warnings.simplefilter("ignore")  # 0 / 0 in wrong kernels
    for declaration in declarations:
        name = declaration.target.fn.__name__
        # some mistakes show on some numbers only: weights need no scaling where the greatest one comes first
        runs = (family(name)(name, np.random.default_rng(seed)) for seed in _SEEDS)
        each = (outcome(declaration.target, run, dict(declaration.options.get("consts", {}))) for run in runs)
        found = next((text for text in each if text != "agrees"), "agrees")
        print(json.dumps({"kernel": name, "outcome": found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
