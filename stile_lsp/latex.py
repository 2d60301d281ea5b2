"""Texts in the spec language as LaTeX, word by word: names, operators and brackets, no layout of its own."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s+|[^\W\d]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|->|<=|>=|!=|==|&&|\|\||\*\*|.", re.DOTALL)

_OPERATORS = {
    "->": r"\to",
    "<=": r"\le",
    ">=": r"\ge",
    "!=": r"\ne",
    "==": "=",
    "&&": r"\land",
    "||": r"\lor",
    "**": r"\mathbin{\hat{}}",
    "*": r"\cdot",
    "!": r"\lnot",
    "{": r"\{",
    "}": r"\}",
    "\\": r"\backslash",
    "%": r"\bmod",
    "#": r"\#",
    "$": r"\$",
    "&": r"\&",
    "~": r"\sim",
    "^": r"\hat{}",
    "_": r"\_",
}

_WORDS = {"exp": r"\exp", "log": r"\log", "max": r"\max", "min": r"\min", "sum": r"\textstyle\sum", "inf": r"\infty"}


def latex(text: str) -> str:
    parts = []
    for token in _TOKEN.findall(text):
        if token.isspace():
            parts.append(r"\\" if "\n" in token else r"\ ")
        elif token in _WORDS:
            parts.append(_WORDS[token])
        elif token in _OPERATORS:
            parts.append(_OPERATORS[token])
        elif token[0].isalpha() or token[0] == "_":
            name = token.replace("_", r"\_")
            parts.append(name if len(token) == 1 and token.isalpha() else rf"\mathit{{{name}}}")
        else:
            parts.append(token)
    return " ".join(parts)
