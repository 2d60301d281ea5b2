"""Writes the parsers' tables after a change of a grammar or of lark: ``python scripts/parser_tables.py``."""

from stile_engine.spec.syntax.parser import SPEC
from stile_engine.triton.ttir.reader import TTIR

if __name__ == "__main__":
    for grammar in (SPEC, TTIR):
        grammar.tables_file.write_text(grammar.text(), encoding="utf-8")
