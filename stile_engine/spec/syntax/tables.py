"""The parser's tables, worked out beforehand: to make them of the grammar takes longer than most proofs.

``spec.tables.json`` says of which grammar and by which lark it was made. Where either is another one the tables are
made anew, so that the file can only be out of date and never wrong. After a change of the grammar write it with
``python scripts/parser_tables.py``.
"""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import lark
from lark import Lark

from stile_engine.spec.syntax.builder import TreeBuilder

FILE = Path(__file__).with_name("spec.tables.json")


def grammar() -> str:
    return Path(__file__).with_name("spec.lark").read_text(encoding="utf-8")


def parser() -> Lark:
    """The parser, by the tables if they are those of the grammar."""
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
        if found["made"] == _made():
            return _with_tables(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # no tables, or none that this lark can read
    return _from_grammar()


def _from_grammar() -> Lark:
    return Lark(grammar(), parser="lalr", lexer="basic", start="spec", keep_all_tokens=True, transformer=TreeBuilder())


def _made() -> dict[str, str]:
    return {"lark": lark.__version__, "grammar": sha256(grammar().encode()).hexdigest()}


def text() -> str:
    """What the file should hold."""
    import pickle

    file = BytesIO()
    _from_grammar().save(file, {"transformer"})
    found = pickle.loads(file.getvalue())
    tables = {"made": _made(), "data": found["data"], "memo": found["memo"]}
    return json.dumps(tables, separators=(",", ":"), sort_keys=True) + "\n"


def _with_tables(found: dict[str, Any]) -> Lark:
    table = found["data"]["parser"]["parser"]
    # JSON has texts for keys, and these are numbers
    memo = _numbered(found["memo"])
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(actions) for state, actions in _numbered(table["states"]).items()}
    # what lark's own generated parsers call, and leaves without types
    made: Lark = Lark._load_from_dict(found["data"], memo, transformer=TreeBuilder())  # type: ignore[no-untyped-call]
    return made


def _numbered(mapping: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in mapping.items()}
