"""The pairs of expressions in ``tests/pairs/written.txt``, which says how to read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stile_engine.index.dims import Dim
from stile_engine.proof.verdict import Status

FILE = Path(__file__).parent / "pairs" / "written.txt"
EXPECTED = {"= ": Status.PROVED, "! ": Status.REFUTED, "~ ": Status.ASSUMED}


@dataclass(frozen=True)
class Written:
    line: int
    kind: str
    dims: tuple[Dim, ...]
    facts: tuple[str, ...]
    first: str
    second: str
    expected: Status

    @property
    def sizes(self) -> dict[str, Dim]:
        return {d.name: d for d in self.dims}


def written_pairs(text: str | None = None) -> Iterator[Written]:
    kind, first = "", ""
    dims: tuple[Dim, ...] = ()
    facts: tuple[str, ...] = ()
    for number, line in enumerate((text or FILE.read_text(encoding="utf-8")).splitlines(), 1):
        match line[:2]:
            case "# ":
                kind, facts, first = line[2:], (), ""
            case "@ ":
                dims, facts, first = tuple(_dim(part) for part in line[2:].split()), (), ""
            case "? ":
                facts, first = tuple(fact.strip() for fact in line[2:].split(";")), ""
            case "":
                first = ""
            case "= " | "! " | "~ ":
                assert first, f"line {number}: there is no expression to compare with"
                yield Written(number, kind, dims, facts, first, line[2:], EXPECTED[line[:2]])
            case _:
                first = line


def _dim(text: str) -> Dim:
    name, size = text.split("=")
    return Dim(name, None, multiple_of=int(size[1:] or 1)) if size[0] == "*" else Dim(name, int(size))
