"""A kernel's output, written tile by tile, each element exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from stile_engine.errors import UsageError
from stile_engine.index.affine import variable
from stile_engine.index.coverage import CoverResult, check_cover
from stile_engine.term import tiling
from stile_engine.term.expression import Axes, Node, NoValue, Reindex
from stile_engine.term.value import Value
from stile_engine.trace.location import Site, user_site
from stile_engine.trace.recording import Claim, Coverage
from stile_engine.typed import session
from stile_engine.typed.array import TypedArray
from stile_engine.typed.claims import misfit, restricted, spec_value, state
from stile_engine.typed.shape import ShapeType, size_of


@dataclass(frozen=True, slots=True)
class Tile:
    """One assignment."""

    array: TypedArray
    site: Site | None

    @property
    def box(self) -> Axes:
        return self.array.st.axes


class TypedResult:
    """The output that ``spec`` describes. ``assign`` writes a tile, ``done`` checks coverage and value.

    Raises ``SpecError`` for a spec that says nothing.
    """

    array_class: ClassVar[type[TypedArray]]

    def __init__(self, spec: str) -> None:
        self.site = user_site()
        self.spec_text = spec
        self.spec = spec_value(spec)
        self.st = ShapeType(self.spec.dims)
        self.tiles: list[Tile] = []
        self.closed = False
        self._spoiled = False
        self._data: Any = None
        current = session.active()
        if current is not None:
            current.recorder.results.append(self)

    @property
    def arr(self) -> Any:
        """The framework's array with all that was assigned. Raises ``UnsupportedError`` while only traced."""
        if self._data is None:
            session.without_numbers("this typed result")
        return self._data

    def assign(self, tile: TypedArray) -> None:
        """Write a tile at the place that its own slices say; its dims must be the spec's, in their order."""
        self._write(tile, user_site())

    def write_block(self, tile: TypedArray) -> None:
        """The same as ``assign``."""
        self._write(tile, user_site())

    def _write(self, tile: TypedArray, site: Site | None) -> None:
        if not isinstance(tile, TypedArray):
            raise UsageError(f"a typed result is assigned typed arrays, not {type(tile).__name__}")
        if self.closed:
            raise UsageError("this typed result is done; nothing more can be assigned")
        problem = misfit(tile.st, self.st)
        if problem is not None:
            code, message = problem
            related = ((tile.site, f"the tile has dims {tile.st}"), (self.site, f"the result has dims {self.st}"))
            session.violate(code, message, site, related, tile.poisoned)
            self._spoiled = True
            return
        self.tiles.append(Tile(tile, site))
        if tile.has_data:
            library = self.array_class.library
            if self._data is None:
                self._data = library.full([size_of(d).constant for d in self.st], 0.0)
            box = [((d.low - w.low).constant, (d.high - w.low).constant) for d, w in zip(tile.st, self.st, strict=True)]
            self._data = library.write(self._data, box, tile.arr)

    def done(self) -> None:
        """Each element must have been written exactly once, and equal the spec.

        Simply run, raises ``DimError`` (code coverage-gap or coverage-overlap) or ``NotProvedError``.
        """
        self.close(user_site())

    def close(self, site: Site | None) -> None:
        if self.closed:
            return
        self.closed = True
        if self._spoiled:
            return  # a violation was reported where a tile did not fit, and the rest would only repeat it
        found = check_cover([t.box for t in self.tiles], self.st.axes)
        parts = tuple(self._part(t) for t in self.tiles if not t.array.poisoned)
        if found.complete or len(parts) == len(self.tiles):
            # The dims of a poisoned tile are a guess: a gap or an overlap may only follow from it.
            self._report_coverage(found, site)
        if found.complete and len(parts) == len(self.tiles):
            state(Claim(self.union(), self.spec, parts[0].site if len(parts) == 1 else site, self.spec_text, parts))
            return
        for part in parts:
            state(part)

    def _part(self, tile: Tile) -> Claim:
        return Claim(tile.array.value, restricted(self.spec, tile.array.st), tile.site, self.spec_text)

    def _report_coverage(self, found: CoverResult, site: Site | None) -> None:
        sites = tuple(s for i in found.overlap_boxes if (s := self.tiles[i].site) is not None)
        coverage = Coverage(
            site or self.site,
            found.gap,
            found.gap_point,
            found.overlap,
            found.overlap_point,
            tuple(dict.fromkeys(sites)),
        )
        current = session.active()
        if current is not None:
            current.recorder.cover(coverage)
            return
        if found.gap is not None:
            session.violate(
                "coverage-gap",
                f"the result {self.st} is never written where {found.gap}, for example at {_point(found.gap_point)}",
                site,
                ((self.site, "the result"),),
                False,
            )
        if found.overlap is not None:
            session.violate(
                "coverage-overlap",
                f"the result {self.st} is written more than once where {found.overlap}, for example at "
                f"{_point(found.overlap_point)}",
                site,
                tuple((s, "written here") for s in coverage.overlap_sites),
                False,
            )

    def union(self) -> Value:
        """All tiles as one value: where two of them overlap the later counts, what is in none has no value."""
        whole = self.st.axes
        tiles = [tiling.Tile(t.box, _widened(t.array.node, whole)) for t in self.tiles]
        return Value(self.spec.dims, tiling.join(tiles, whole, whole, NoValue("never written")))


def _widened(node: Node, whole: Axes) -> Node:
    """The same expression on wider ranges; outside its own it has no value, and nobody looks there."""
    if all(whole[v] == b for v, b in node.axes.items() if v in whole):
        return node
    return Reindex(node, {v: variable(v) for v in node.axes if v in whole}, whole)


def _point(point: dict[str, int] | None) -> str:
    return ", ".join(f"{name}={value}" for name, value in (point or {}).items()) or "its only element"
