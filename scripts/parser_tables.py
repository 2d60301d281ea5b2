"""Writes the parser's tables after a change of the grammar or of lark: ``python scripts/parser_tables.py``."""

from stile_engine.spec.syntax import tables

if __name__ == "__main__":
    tables.FILE.write_text(tables.text(), encoding="utf-8")
