"""``stile prove --batch``: one JSON object in and one out for each line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from stile_engine.errors import StileError
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


def _dims(given: dict[str, Any]) -> dict[str, int]:
    found = given.get("dims", {})
    if not isinstance(found, dict) or not all(isinstance(v, int) for v in found.values()):
        raise ValueError(f"'dims' must be an object of sizes, not {found!r}")
    return found
