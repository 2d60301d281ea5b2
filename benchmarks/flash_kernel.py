"""Typed flash attention, one tile of queries, written once for two verifiers, which share its vocabulary.

As a program it proves the kernel once and prints one JSON line: one proof for each process, so that no cache of
an earlier proof helps. It imports nothing but the verifier that it is told to use, which lets it run in an
environment where only that one is installed.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

TILE = 16
"""Keys in one tile; also the queries, and the size of the head."""

SPEC = "(softmax[n]((q d, n d -> q n) / 4), n d -> q d)"


@dataclass(frozen=True)
class Verifier:
    """``compare`` proves that a typed array equals a parsed spec. ``counting`` counts its operations."""

    typed: Any
    dim: Callable[[str, int], Any]
    scope: Callable[[], AbstractContextManager[Any]]
    parse: Callable[[str], Any]
    compare: Callable[[Any, Any], bool]
    counting: Callable[[], AbstractContextManager[Any]]


def stile() -> Verifier:
    import stile_engine.numpy as typed
    from stile_engine import dim
    from stile_engine.index import work
    from stile_engine.index.registry import scope
    from stile_engine.proof.prove import prove_values
    from stile_engine.proof.verdict import Status
    from stile_engine.typed.claims import spec_value

    return Verifier(
        typed,
        dim,
        lambda: scope(clear=True),
        spec_value,
        # Only the verdict, as from the other one: the printing of normal forms is left out.
        lambda array, spec: prove_values(array.value, spec, details=False).status is Status.PROVED,
        lambda: work.budget(None),
    )


def stile_verifier() -> Verifier:
    import stile
    import stile.numpy as typed

    return Verifier(
        typed,
        stile.dim,
        lambda: stile.scope(clear=True),
        stile.parse_spec_into_type,
        lambda array, spec: stile.verify_exprs_equivalent(spec.et, array.type.et),
        nullcontext,
    )


VERIFIERS = {"stile": stile, "stile-verifier": stile_verifier}


def divided_at_the_end(typed: Any, q: Any, n: Any, d: Any, tiles: int) -> Any:
    """The later form of the algorithm: the output stays a sum until the last tile."""
    queries, keys, values = typed.random.randn(q, d), typed.random.randn(n, d), typed.random.randn(n, d)
    maximum, total, output = -math.inf, 0, 0
    for low in range(0, tiles * TILE, TILE):
        high = low + TILE
        scores = typed.einsum(keys.slice(n, low, high), queries, "n d, q d -> n q") / 4
        new_maximum = typed.maximum(maximum, scores.max(n))
        weights = typed.exp(scores - new_maximum.repeat(n[low:high]))
        rescale = typed.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(n)
        output = output * rescale.repeat(d) + typed.einsum(weights, values.slice(n, low, high), "n q, n d -> d q")
        maximum = new_maximum
    return (output / total.repeat(d)).rearrange(q, d)


def divided_at_every_tile(typed: Any, q: Any, n: Any, d: Any, tiles: int) -> Any:
    """The first form of the algorithm, in which stile-verifier's own tests write it: after every tile the
    output is the attention over the keys so far."""
    queries, keys, values = typed.random.randn(q, d), typed.random.randn(n, d), typed.random.randn(n, d)
    maximum, total, output = -math.inf, 0, 0
    for low in range(0, tiles * TILE, TILE):
        high = low + TILE
        scores = typed.einsum(queries, keys.slice(n, low, high), "q d, n d -> n q") / 4
        tile_maximum = scores.max(n)
        weights = typed.exp(scores - tile_maximum.repeat(n[low:high]))
        new_maximum = typed.maximum(tile_maximum, maximum)
        old, new = typed.exp(maximum - new_maximum), typed.exp(tile_maximum - new_maximum)
        new_total = old * total + new * weights.sum(n)
        projected = typed.einsum(weights, values.slice(n, low, high), "n q, n d -> d q")
        output = ((total * old).repeat(d) * output + new.repeat(d) * projected) / new_total.repeat(d)
        maximum, total = new_maximum, new_total
    return output.rearrange(q, d)


FORMS = {"every-tile": divided_at_every_tile, "end": divided_at_the_end}


def warm_up(verifier: Verifier) -> None:
    """What is imported or built at the first proof of a process is no part of the measured one."""
    with verifier.scope():
        w = verifier.dim("w", 2)
        if not verifier.compare(verifier.typed.exp(verifier.typed.random.randn(w)), verifier.parse("exp(w)")):
            raise SystemExit("the warm-up proof failed")
    with verifier.scope():
        # one that is large enough to be evaluated on grids of numbers after its proof
        a, b, c = (verifier.dim(name, 32) for name in "abc")
        left, right = verifier.typed.random.randn(a, b), verifier.typed.random.randn(b, c)
        product = verifier.typed.einsum(left, right, "a b, b c -> a c")
        if not verifier.compare(product, verifier.parse("(a b, b c -> a c)")):
            raise SystemExit("the warm-up proof failed")


def measure(verifier: Verifier, form: str, tiles: int) -> dict[str, Any]:
    """Seconds for the proof alone: the kernel has been traced and the spec parsed."""
    warm_up(verifier)
    with verifier.scope():
        q, n, d = verifier.dim("q", TILE), verifier.dim("n", TILE * tiles), verifier.dim("d", TILE)
        result, spec = FORMS[form](verifier.typed, q, n, d, tiles), verifier.parse(SPEC)
        with verifier.counting() as counted:
            start = time.perf_counter()
            proved = verifier.compare(result, spec)
            seconds = time.perf_counter() - start
    operations = None if counted is None else counted.spent
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    return {"proved": proved, "seconds": seconds, "operations": operations, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verifier", choices=sorted(VERIFIERS))
    parser.add_argument("--form", choices=sorted(FORMS), default="every-tile")
    parser.add_argument("--tiles", type=int, default=32)
    options = parser.parse_args()
    print(json.dumps(measure(VERIFIERS[options.verifier](), options.form, options.tiles)))


if __name__ == "__main__":
    main()
