"""Words in LaTeX. Formulas come as LaTeX from the worker; the server has no mathematics."""

from __future__ import annotations

_SPECIAL = {c: f"\\{c}" for c in "_#$%&{}"} | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}


def words(text: str) -> str:
    """The very characters of a text; lines stay lines."""
    lines = ("".join(_SPECIAL.get(c, c) for c in line) for line in text.split("\n"))
    return r" \\ ".join(rf"\text{{{line}}}" for line in lines)
