"""What the verdict on a kernel can depend on: the statements of the project that it reaches, by their names.

A statement reaches every statement that binds a name which it mentions, anywhere in the project: as a
variable, a method or an attribute. That is more than Python would find, and it holds however a thing is
passed around. Statements that may act on others when a module is imported are reached by all kernels. Where
text alone does not say what code reaches, everything counts.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.incremental import surroundings
from stile_engine.incremental.module import Chunk
from stile_engine.incremental.project import Project, candidates, is_engine, modules_of
from stile_engine.incremental.scopes import Use
from stile_engine.incremental.statement import Facts, Imported

Place: TypeAlias = tuple[int, int]
"""A file, 0 being the text itself, and a statement of it."""

_CONFIGURING = ("set_", "seterr", "seed", "manual_seed", "update", "enable_", "use_", "register", "disable_")
"""How the functions of a library are called that change it for everybody."""


@dataclass(frozen=True, slots=True)
class Reach:
    """``digest`` stays the same while a result holds, as far as texts say. ``places`` are what it is made of.
    ``refusal`` says why no result must be kept, whatever the digest."""

    digest: str
    places: tuple[Place, ...]
    refusal: str | None = None


class Reaches:
    """Of one text among the files of its project; computed on demand, statement by statement."""

    def __init__(self, path: str, chunks: Sequence[Chunk], project: Project) -> None:
        self._project = project
        self._paths = (path, *(file.path for file in project.files))
        self._chunks: tuple[Sequence[Chunk], ...] = (chunks, *(file.chunks or () for file in project.files))
        self._raw = tuple(file.digest for file in project.files if file.chunks is None)
        self._roots = project.roots
        self._is_complete = project.is_complete
        self._binders: dict[str, list[Place]] = {}
        self._renamed: dict[str, set[str]] = {}
        for place, facts in self._all():
            for name in facts.binds:
                self._binders.setdefault(name, []).append(place)
            for imported in facts.imports:
                if imported.attribute not in (None, "*", imported.bound):
                    self._renamed.setdefault(imported.bound, set()).add(str(imported.attribute))
        self._project_files = frozenset(self._paths) | frozenset(project.stamps)
        self._origins = tuple(_origins(chunks) for chunks in self._chunks)
        self._inert = tuple(self._inert_names(number) for number in range(len(self._chunks)))
        self._direct: dict[Place, frozenset[Place]] = {}
        self._acting = frozenset(place for place, facts in self._all() if self._acts(place, facts))
        self._everywhere = self._closure(self._acting, frozenset())
        self._found: dict[int | None, Reach] = {}

    def after(self, path: str, chunks: Sequence[Chunk], project: Project) -> Reaches | None:
        """The same for a later text, of whose statements some use other things; None where one of them gives others
        something else to use, or there are more or fewer."""
        own = self._chunks[0]
        if project is not self._project or path != self._paths[0] or len(own) != len(chunks):
            return None
        edited = {n for n, (old, new) in enumerate(zip(own, chunks, strict=True)) if old.facts is not new.facts}
        if not all(_offers(own[n].facts) == _offers(chunks[n].facts) for n in edited):
            return None
        changed = {(0, number) for number in edited}
        found = copy.copy(self)
        found._chunks = (chunks, *self._chunks[1:])
        if changed:
            found._direct = {place: needed for place, needed in self._direct.items() if place not in changed}
            found._acting = self._acting - changed | {p for p in changed if found._acts(p, found._facts(p))}
            found._everywhere = found._closure(found._acting, frozenset())
        # What reaches nothing that has changed reaches the same as before. But a refusal names its line.
        found._found = {
            number: reach
            for number, reach in self._found.items()
            if found._everywhere == self._everywhere and reach.refusal is None and changed.isdisjoint(reach.places)
        }
        return found

    def of(self, number: int | None) -> Reach:
        """The reach of a statement of the text; None for that of the whole text."""
        found = self._found.get(number)
        if found is None:
            found = self._found[number] = self._compute(number)
        return found

    def _compute(self, number: int | None) -> Reach:
        everything = sorted(place for place, _ in self._all())
        places = everything
        if number is not None and self._is_complete:
            reached = self._everywhere | self._closure([(0, number)], self._everywhere)
            if not any(self._facts(place).is_reflective for place in reached):
                places = sorted(reached)
        digest = hashlib.blake2b(digest_size=16)
        for file, statement in places:
            digest.update(f"{self._paths[file]}\0{self._facts((file, statement)).digest}\0".encode("utf-8", "replace"))
        # Of two statements that bind one name the later one counts, so the own place among them does too.
        own = -1 if number is None else places.index((0, number))
        digest.update(f"{own} {' '.join(self._raw)}".encode())
        return Reach(digest.hexdigest(), tuple(places), self._refusal(places))

    def _refusal(self, places: Iterable[Place]) -> str | None:
        if not self._is_complete:
            return "an imported file of the project cannot be read"
        for place in places:
            file, facts = place[0], self._facts(place)
            if looks := surroundings.PATH_METHODS & facts.mentions:
                return f"it depends on files: {min(looks)}"
            for access in facts.accesses:
                name = self._origin(file, access.root)
                reason = surroundings.reason(name, access.path) if name is not None else None
                if reason is not None:
                    line = self._chunks[file][place[1]].first + access.line + 1
                    where = f"line {line}" if file == 0 else f"{self._paths[file]}, line {line}"
                    return f"{reason} ({where})"
        return None

    def _origin(self, file: int, root: str) -> str | None:
        """The dotted name of a library or a builtin that a name of the module stands for; None for own things."""
        origin = self._origins[file].get(root)
        if origin is not None:
            return origin
        return None if root in self._binders else f"builtins.{root}"

    # -- the graph -------------------------------------------------------------------------

    def _all(self) -> Iterator[tuple[Place, Facts]]:
        for file, chunks in enumerate(self._chunks):
            for number, chunk in enumerate(chunks):
                yield (file, number), chunk.facts

    def _facts(self, place: Place) -> Facts:
        return self._chunks[place[0]][place[1]].facts

    def _needs(self, place: Place) -> frozenset[Place]:
        found = self._direct.get(place)
        if found is None:
            facts, binders = self._facts(place), self._binders
            names = frozenset() if facts.is_import else self._with_origins(facts.mentions)
            found = frozenset(p for name in names if name in binders for p in binders[name])
            self._direct[place] = found
        return found

    def _with_origins(self, names: frozenset[str]) -> frozenset[str]:
        """The names, and those that they had where they were imported from."""
        fresh = names & self._renamed.keys()
        while fresh:
            known, names = names, names.union(*(self._renamed[name] for name in fresh))
            fresh = (names - known) & self._renamed.keys()
        return names

    def _closure(self, start: Iterable[Place], known: frozenset[Place]) -> frozenset[Place]:
        """What can be reached from ``start``; what is ``known`` is closed already."""
        found: set[Place] = set()
        waiting = list(start)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting.extend(self._needs(place) - known)
        return frozenset(found)

    # -- statements that act on others -----------------------------------------------------

    def _inert_names(self, file: int) -> frozenset[str]:
        """Names of a file that stand for things of libraries, for dims, or for values that nothing can change."""
        foreign: set[str] = set()
        owned: set[str] = set()
        for chunk in self._chunks[file]:
            facts = chunk.facts
            if facts.imports and not facts.is_definition:
                for imported in facts.imports:
                    (owned if self._is_of_project(imported, self._paths[file]) else foreign).add(imported.bound)
            elif not facts.is_fixed and not (facts.dim_makers and facts.dim_makers <= {"dim", "stile_engine.dim"}):
                owned |= facts.binds
            else:
                foreign |= facts.binds
        return frozenset(foreign - owned)

    def _is_of_project(self, imported: Imported, importer: str) -> bool:
        return not is_engine(imported.module) and any(
            place in self._project_files
            for module in modules_of(imported)
            for place in candidates(module, importer, self._roots)
        )

    def _is_inert(self, file: int, name: str) -> bool:
        return name in self._inert[file] or (name not in self._binders)

    def _acts(self, place: Place, facts: Facts) -> bool:
        file = place[0]
        if facts.is_fixed:
            return False
        if facts.quiet_if_foreign is None or not all(self._is_inert(file, n) for n in facts.quiet_if_foreign):
            return True
        if any(name in self._origins[file] for name in facts.aliases):
            return True  # a further name of a library: which ones a module has decides who reads its kernels
        # A function that changes what is not its own may be called by any kernel before the next one.
        return any(self._changes(file, access.root, access.path, access.use) for access in facts.accesses)

    def _changes(self, file: int, root: str, path: tuple[str, ...], use: Use) -> bool:
        if use is Use.STORE:
            return True
        if use is Use.READ or not path:
            return False
        if self._is_inert(file, root):
            return path[-1].startswith(_CONFIGURING)
        binders = [self._facts(place) for place in self._binders.get(root, ())]
        if all(facts.is_definition or facts.imports or facts.is_fixed for facts in binders):
            return len(path) > 1  # helpers.scale(x) is a call; helpers.SEEN.append(x) changes something of it
        return True


def _offers(facts: Facts) -> tuple[object, ...]:
    """What of a statement counts for other ones, beside what it uses and what it says."""
    return facts.binds, facts.imports, facts.is_definition, facts.is_import, facts.is_fixed, facts.dim_makers


def _origins(chunks: Sequence[Chunk]) -> dict[str, str]:
    """What each imported name of a file stands for, as a dotted name."""
    found: dict[str, str] = {}
    for chunk in chunks:
        for imported in chunk.facts.imports:
            if imported.attribute is not None:
                found[imported.bound] = f"{imported.module}.{imported.attribute}"
            else:
                whole = imported.bound == imported.module.partition(".")[0]
                found[imported.bound] = imported.bound if whole else imported.module
    return found
