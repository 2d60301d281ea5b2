"""Parsers by tables that were worked out beforehand: to make them of a grammar takes longer than most proofs.

Beside ``NAME.lark`` lies ``NAME.tables.json``, which says of which grammar, with which options and by which lark it
was made. Where any of these is another one the tables are made anew, so that the file can only be out of date and
never wrong. After a change of a grammar write it with ``python scripts/parser_tables.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Transformer


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar in a file of its own.

    Args:
        file: the grammar's text, ``NAME.lark``.
        options: what ``Lark`` is given beside it, as JSON knows it.
        transformer: makes what builds the result while the text is read; without one the result is lark's tree.
    """

    file: Path
    options: Mapping[str, str | bool] = field(default_factory=dict)
    transformer: Callable[[], Transformer[Any, Any]] | None = None
    tables: Path | None = None
    """Where the tables lie; without one, beside the grammar."""

    @property
    def tables_file(self) -> Path:
        return self.tables or self.file.with_suffix(".tables.json")

    def read(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def parser(self) -> Lark:
        """The parser, by the tables if they are those of the grammar."""
        try:
            found = json.loads(self.tables_file.read_text(encoding="utf-8"))
            if found["made"] == self.made():
                return self.by_tables(found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # no tables, or none that this lark can read
        return self.from_grammar()

    def from_grammar(self) -> Lark:
        return Lark(self.read(), parser="lalr", transformer=self._builder(), **dict[str, Any](self.options))

    def made(self) -> dict[str, Any]:
        """What tables have to be made of."""
        text = self.read().encode()
        return {"lark": lark.__version__, "grammar": sha256(text).hexdigest(), "options": dict(self.options)}

    def text(self) -> str:
        """What the file of the tables should hold."""
        import pickle

        file = BytesIO()
        self.from_grammar().save(file, {"transformer"})
        found = pickle.loads(file.getvalue())
        tables = {"made": self.made(), "data": found["data"], "memo": found["memo"]}
        return json.dumps(tables, separators=(",", ":"), sort_keys=True) + "\n"

    def by_tables(self, found: dict[str, Any]) -> Lark:
        table = found["data"]["parser"]["parser"]
        # JSON has texts for keys, and these are numbers
        memo = _numbered(found["memo"])
        table["tokens"] = _numbered(table["tokens"])
        table["states"] = {state: _numbered(actions) for state, actions in _numbered(table["states"]).items()}
        # what lark's own generated parsers call, and leaves without types
        made: Lark = Lark._load_from_dict(found["data"], memo, transformer=self._builder())  # type: ignore[no-untyped-call]
        return made

    def _builder(self) -> Transformer[Any, Any] | None:
        return None if self.transformer is None else self.transformer()


def _numbered(mapping: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in mapping.items()}
