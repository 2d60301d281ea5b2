"""How long ``stile check`` takes for 500 kernels in 50 files: ``python benchmarks/many_kernels.py``.

The files are made in a temporary folder, half of them NumPy and half JAX, each with ten kernels: element by
element, softmax, RMS norm, a product in tiles, attention in tiles, a helper of the file, one wrong kernel. Timed
is the whole command: with an empty cache, with all results kept, and after an edit of one helper. The exit
status is 1 if a target is missed or a verdict is not the expected one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measurement import ROOT, setting

HEAD = """from stile_engine import dim, kernel
{imports}

Q, N, D = dim("Q", 8), dim("N", {size}), dim("D", 4)
TILE = 8


def helper(x):
    return x * {scale}
"""

KERNELS = {
    "sum_of_two": ("X:Q D + Y:Q D", "X, Y", "return X + Y"),
    "scaled": ("{scale} * X:Q D", "X", "return helper(X)"),
    "softmax": (
        "softmax[N](X:Q N)",
        "X",
        "e = np.exp(X - np.max(X, axis=1, keepdims=True))\n    return e / np.sum(e, axis=1, keepdims=True)",
    ),
    "rmsnorm": (
        "X:Q D / sqrt(mean[D](X:Q D * X:Q D) + 1e-5)",
        "X",
        "return X / np.sqrt(np.mean(X * X, axis=1, keepdims=True) + 1e-5)",
    ),
    "product": ("(X:Q N, Y:N D -> Q D)", "X, Y", "return X @ Y"),
    "product_in_tiles": (
        "(X:Q N, Y:N D -> Q D)",
        "X, Y",
        "out = np.zeros((Q, D))\n    for k in range(0, N, TILE):\n"
        "        out = out + X[:, k:k + TILE] @ Y[k:k + TILE]\n    return out",
    ),
    "attention": (
        "(softmax[N]((A:Q D, B:N D -> Q N)), C:N D -> Q D)",
        "A, B, C",
        "s = A @ B.T\n    e = np.exp(s - np.max(s, axis=1, keepdims=True))\n"
        "    return (e @ C) / np.sum(e, axis=1, keepdims=True)",
    ),
    "flash_attention": (
        "(softmax[N]((A:Q D, B:N D -> Q N)), C:N D -> Q D)",
        "A, B, C",
        "m, total, out = np.full((Q, 1), -np.inf), np.zeros((Q, 1)), np.zeros((Q, D))\n"
        "    for k in range(0, N, TILE):\n        s = A @ B[k:k + TILE].T\n"
        "        new = np.maximum(m, np.max(s, axis=1, keepdims=True))\n"
        "        e, old = np.exp(s - new), np.exp(m - new)\n"
        "        total = total * old + np.sum(e, axis=1, keepdims=True)\n"
        "        out = out * old + e @ C[k:k + TILE]\n        m = new\n    return out / total",
    ),
    "variance": (
        "mean[D](X:Q D * X:Q D) - mean[D](X:Q D) * mean[D](X:Q D)",
        "X",
        "m = np.mean(X, axis=1, keepdims=True)\n    return np.mean((X - m) * (X - m), axis=1)",
    ),
    "wrong": ("2 * X:Q D", "X", "return X + X + X"),
}

IMPORTS = {"numpy": "import numpy as np", "jax": "import jax.numpy as np"}


def text_of(number: int) -> str:
    framework = "numpy" if number % 2 == 0 else "jax"
    values = {"imports": IMPORTS[framework], "size": 16 + 8 * (number % 4), "scale": 2 + number}
    parts = [HEAD.format(**values)]
    for name, (spec, parameters, body) in KERNELS.items():
        spec = spec.format(**values)
        parts.append(f'\n\n@kernel("{spec}")\ndef {name}({parameters}):\n    {body}\n')
    return "".join(parts)


def check(folder: Path, jobs: int, cache: Path) -> tuple[float, dict[str, int]]:
    """Seconds of the whole command, and the kernels by verdict."""
    command = [sys.executable, "-m", "stile_engine", "check", str(folder), "--jobs", str(jobs), "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--timeout", "60"], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=600
    )
    seconds = time.perf_counter() - began
    if done.returncode != 1:  # one kernel in ten is wrong
        raise SystemExit(f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds, {name: count for name, count in json.loads(done.stdout)["summary"].items() if count}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    count: int = options.files
    expected = {"proved": count * (len(KERNELS) - 1), "refuted": count}
    missed = False
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place, "project"), Path(place, "cache")
        folder.mkdir()
        (folder / "pyproject.toml").write_text("")
        for number in range(count):
            (folder / f"kernels_{number:03}.py").write_text(text_of(number))
        rows = [("cold", 60.0), ("cached", 2.0), ("one helper edited", None)]
        for what, target in rows:
            if target is None:
                edited = folder / "kernels_000.py"
                edited.write_text(edited.read_text().replace("return x * 2", "return 2 * x"))
            seconds, found = check(folder, options.jobs, cache)
            late = target is not None and seconds > target
            missed = missed or late or found != expected
            goal = "" if target is None else f"≤ {target:g} s: {'missed' if late else 'reached'}"
            print(f"{count * len(KERNELS)} kernels in {count} files, {what}: {seconds:.2f} s  {goal}  {found}")
    print(setting())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
