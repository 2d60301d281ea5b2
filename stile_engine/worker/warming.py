"""What the parent of all runs does before the first one, and each run's processes before their text: a first check
takes its time from lazy imports, and a first one in a fork from the pages that it has to copy."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence

import stile_engine.check
import stile_engine.proof.prove
from stile_engine.trace.report import CheckRequest

WARM_TEXTS = {
    "numpy": """
from stile_engine import dim, kernel
import numpy as np
import stile_engine.numpy as tnp

L, M, N = dim("L", 4096), dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    weights = np.exp(X - np.max(X, axis=0, keepdims=True))
    return weights / np.sum(weights, axis=0, keepdims=True)


@kernel("sum[M](softmax[M](X:M N) * Y:M N)", typed=True)
def warm_typed(X, Y):
    result = tnp.TypedResult("sum[M](softmax[M](X:M N) * Y:M N)")
    maximum, total, output = -np.inf, 0, 0
    for row in range(0, M, 2):
        tile = X.slice(M, row, row + 2)
        new_maximum = tnp.maximum(maximum, tile.max(M))
        weights = tnp.exp(tile - new_maximum.repeat(M[row : row + 2]).rearrange(M[row : row + 2], N))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(M)
        output = output * rescale + (weights * Y.slice(M, row, row + 2)).sum(M)
        maximum = new_maximum
    result.assign(output / total)
    result.done()
    return result


@kernel("2 * X:M N")
def warm_wrong(X):
    return X * 3


@kernel("sum[L](X:L N)")
def warm_wrong_large(X):
    return 2 * np.sum(X, axis=0)


P, Q, R = dim("P", 16), dim("Q", 32), dim("R", 8)
PRODUCT = "(softmax[Q]((A:P R, B:Q R -> P Q) / sqrt(size(R))), C:Q R -> P R)"


@kernel(PRODUCT, typed=True)
def warm_large(A, B, C):
    result = tnp.TypedResult(PRODUCT)
    maximum, total, output = -np.inf, 0, 0
    for start in range(0, Q, 16):
        scores = tnp.einsum(B.slice(Q, start, start + 16), A, "Q R, P R -> Q P") / np.sqrt(R)
        new_maximum = tnp.maximum(maximum, scores.max(Q))
        weights = tnp.exp(scores - new_maximum.repeat(Q[start : start + 16]))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(Q)
        output = output * rescale.repeat(R) + tnp.einsum(
            weights, C.slice(Q, start, start + 16), "Q P, Q R -> R P"
        )
        maximum = new_maximum
    result.assign((output / total.repeat(R)).rearrange(P, R))
    result.done()
    return result
""",
    "jax": """
from stile_engine import dim, kernel
import jax.numpy as jnp

M, N = dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    weights = jnp.exp(X - jnp.max(X, axis=0, keepdims=True))
    return weights / jnp.sum(weights, axis=0, keepdims=True)


P, Q, R = dim("P", 6), dim("Q", 8), dim("R", 2)


@kernel("(softmax[Q](A:P R, B:Q R -> P Q), C:Q R -> P R)")
def warm_large(A, B, C):
    maximum, total, output = jnp.full((6, 1), -float("inf")), jnp.zeros((6, 1)), jnp.zeros((6, 2))
    for start in range(0, 8, 4):
        scores = A @ B[start : start + 4].T
        new_maximum = jnp.maximum(maximum, scores.max(axis=1, keepdims=True))
        weights, rescale = jnp.exp(scores - new_maximum), jnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(axis=1, keepdims=True)
        output = output * rescale + weights @ C[start : start + 4]
        maximum = new_maximum
    return output / total
""",
    "torch": """
from stile_engine import dim, kernel
import torch
import torch.nn.functional as F

M, N = dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    out = torch.empty_like(X)
    weights = torch.exp(X - X.amax(dim=0, keepdim=True))
    out[:] = weights / weights.sum(dim=0, keepdim=True)
    return out


@kernel("(X:M N, Y:M N -> M)")
def warm_product(X, Y):
    return torch.where(torch.arange(N) < 5, F.softmax(X, -1) * 0 + X, 0.0) @ Y[:1].T[:, 0] * 0 + (X * Y).sum(-1)


P, Q, R = dim("P", 6), dim("Q", 8), dim("R", 2)


@kernel("(softmax[Q](A:P R, B:Q R -> P Q), C:Q R -> P R)")
def warm_large(A, B, C):
    maximum, total, output = torch.full((6, 1), -float("inf")), torch.zeros((6, 1)), torch.zeros((6, 2))
    for start in range(0, 8, 4):
        scores = A @ B[start : start + 4].T
        new_maximum = torch.maximum(maximum, scores.amax(dim=1, keepdim=True))
        weights, rescale = torch.exp(scores - new_maximum), torch.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(dim=1, keepdim=True)
        output = output * rescale + weights @ C[start : start + 4]
        maximum = new_maximum
    return output / total
""",
    "triton": """
from stile_engine import cdiv, dim, kernel
import triton
import triton.language as tl

M, N = dim("M"), dim("N")


@kernel(
    {"out_ptr": "(X:M N, X:M N -> M)"},
    inputs={"x_ptr": "X:M N"},
    scalars={"m": M, "n": N},
    grid=(cdiv(M, 8),),
)
@triton.jit
def warm(x_ptr, out_ptr, m, n):
    rows = tl.program_id(0) * 8 + tl.arange(0, 8)
    total = tl.zeros((8,), tl.float32)
    for start in range(0, n, 16):
        columns = start + tl.arange(0, 16)
        mask = (rows[:, None] < m) & (columns[None, :] < n)
        x = tl.load(x_ptr + rows[:, None] * n + columns[None, :], mask=mask, other=0.0)
        total += tl.sum(x * x, axis=1)
    tl.store(out_ptr + rows, total, mask=rows < m)
""",
}
"""Small checks for each framework: most of the time of a first trace goes into lazy imports."""

_FIRST = {"numpy": ("warm", "warm_typed", "warm_large"), "jax": ("warm",), "torch": ("warm", "warm_product")}
"""The kernels that the first verdict waits for, where it is not all of them."""

_PACKAGES = ("stile_engine.proof", "stile_engine.checking", "stile_engine.trace", "stile_engine.array")

FRONT_ENDS = {
    "numpy": ("numpy", "stile_engine.numpy"),
    "jax": ("jax", "jax.numpy", "stile_engine.jax"),
    "torch": ("torch", "stile_engine.torch"),
    "triton": ("triton", "stile_engine.triton"),
}


def installed_versions() -> dict[str, str]:
    """Of the packages that verdicts rest on."""
    return {name: version for name in ("islpy", *FRONT_ENDS) if (version := _version(name))}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def prepare(frameworks: list[str]) -> tuple[list[str], list[str]]:
    """Imports and warms for verdicts; what is shown beside them is warmed when there is time.

    What is not installed is only noted, for a kernel that needs it says so itself.
    """
    gc.disable()
    missing: list[str] = []
    notes: list[str] = []
    for framework in frameworks:
        try:
            for module in FRONT_ENDS.get(framework, (framework,)):
                importlib.import_module(module)
        except ImportError as problem:
            missing.append(framework)
            notes.append(f"{framework}: {problem}")
            continue
        if text := WARM_TEXTS.get(framework):
            notes.extend(f"warm-up of {framework}: {line}" for line in warm(text, _FIRST.get(framework, ())))
    with contextlib.suppress(ImportError):
        # Values are compared on grids of it, whatever framework a kernel is written in.
        importlib.import_module("numpy")
    for package in _PACKAGES:
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
            # What a warm-up does not come to load is loaded as well: every child would have to do it again.
            importlib.import_module(f"{package}.{found.name}")
    # Long-lived objects leave the collector's lists: a collection in a child would copy every page of them.
    # Hardly any of them is garbage, and to look for it would take a tenth of the start.
    gc.freeze()
    gc.enable()
    stile_engine.proof.prove.objects_are_frozen = True
    return missing, notes


def is_compiled() -> bool:
    """Whether the engine's modules have their bytecode on disk, as far as it is loaded."""
    specs = [module.__spec__ for name, module in list(sys.modules.items()) if name.startswith("stile_engine.")]
    return all(os.path.exists(spec.cached) for spec in specs if spec is not None and spec.cached)


def warm(text: str, select: tuple[str, ...] = ()) -> list[str]:
    """Checks kernels of a text; returns what went otherwise than it should, for the log."""
    try:
        report = stile_engine.check.check(CheckRequest(path="<warm-up>", source=text, select=select, details=False))
    except Exception:
        # The checks to come will meet the same error and report it where the user sees it.
        return [traceback.format_exc()]
    return [
        f"{kernel.name} is {kernel.status}: {kernel.message}"
        for kernel in report.kernels
        if kernel.status != ("refuted" if kernel.name.startswith("warm_wrong") else "proved")
    ]


def later(frameworks: Sequence[str]) -> list[CheckRequest]:
    """What is checked when nobody waits, with everything that an editor shows: kernel by kernel, since somebody may
    come."""
    return [
        CheckRequest(path="<warm-up>", source=WARM_TEXTS[name], select=(kernel.name,))
        for name in frameworks
        for kernel in stile_engine.check.discover(WARM_TEXTS[name], "<warm-up>")
    ]


def rehearsal(frameworks: Sequence[str]) -> CheckRequest | None:
    """What the processes of a run check before they are given its text: they are warm, but every page that they
    write to for the first time is copied, which takes longer than many proofs."""
    name = next((name for name in reversed(frameworks) if name in WARM_TEXTS), None)
    if name is None:
        return None
    select = ("warm", "warm_large") if name == "numpy" else ()
    return CheckRequest(path="<rehearsal>", source=WARM_TEXTS[name], select=select, details=False)
