"""Markdown made of texts that come from users' programs: shown as text, never as markup."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&$])")

_RUN = re.compile(r"`+")


def plain(text: str) -> str:
    """The text with every character of Markdown and HTML made literal."""
    return _SPECIAL.sub(r"\\\1", text)


def code(text: str) -> str:
    """Inline code, whatever backquotes the text has."""
    text = " ".join(text.split())
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in _RUN.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(text: str, language: str = "text") -> str:
    """A block of code, whatever fences the text has."""
    fence = "`" * max(3, 1 + max((len(run) for run in _RUN.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def shortened(text: str, limit: int = 2000) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
