"""``stile prove --batch``: one JSON object in and one out for each line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from stile_engine.errors import StileError
from stile_engine.index.dims import Dim
from stile_engine.pairs import prove


def prove_lines(lines: Iterable[str]) -> Iterator[str]:
    """``{"id", "dims", "a", "b"}`` to ``{"id", "status", "milliseconds"}``; a bad line has status *error*."""
    for line in lines:
        if line.strip():
            yield json.dumps(_answer(line), ensure_ascii=False)


def _answer(line: str) -> dict[str, Any]:
    start = time.perf_counter()
    identity: Any = None
    try:
        given = json.loads(line)
        if not isinstance(given, dict):
            raise ValueError("expected an object")
        identity = given.get("id")
        proof = prove(_text(given, "a"), _text(given, "b"), dims=_dims(given), details=False)
    except (StileError, ValueError, RecursionError) as error:
        return {"id": identity, "status": "error", "milliseconds": _since(start), "message": str(error)}
    return {"id": identity, "status": str(proof.status), "milliseconds": _since(start)}


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1e3, 3)


def _text(given: dict[str, Any], name: str) -> str:
    found = given.get(name)
    if not isinstance(found, str):
        raise ValueError(f"{name!r} must be an expression, not {found!r}")
    return found


def _dims(given: dict[str, Any]) -> dict[str, Any]:
    """Sizes by name; the text ``k`` or ``64*k`` stands for every size or every multiple."""
    found = given.get("dims", {})
    if not isinstance(found, dict):
        raise ValueError(f"'dims' must be an object of sizes, not {found!r}")
    return {name: _dim(name, size) for name, size in found.items()}


def _dim(name: str, size: object) -> Any:
    symbolic = symbolic_dim(name, size) if isinstance(size, str) else None
    if symbolic is not None:
        return symbolic
    if not isinstance(size, int):
        raise ValueError(f"the size of {name} must be a whole number or a text like '64*k', not {size!r}")
    return size


def symbolic_dim(name: str, size: str) -> Dim | None:
    """The dim of a size that is written ``k`` or ``64*k``; None for any other text. ``DimError`` for a bad name."""
    factor, star, unknown = size.replace(" ", "").rpartition("*")
    if unknown != "k" or (star and not (factor.isdecimal() and int(factor) > 0)):
        return None
    return Dim(name, multiple_of=int(factor or 1))
