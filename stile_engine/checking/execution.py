"""Runs a module in check mode: its text, not its file, statement by statement.

A statement that fails is noted and the next one is run, so that one mistake does not hide the kernels
below it. What the failed statement would have bound is *lost*: a later failure that only comes from a lost
name is no finding of its own.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType

from stile_engine.checking.parsing import ParsedText
from stile_engine.decorator import Declaration, recording_declarations
from stile_engine.incremental.statement import bound_names, first_line
from stile_engine.index.dims import Dim, registered_dims
from stile_engine.index.sizes import products_of_sizes
from stile_engine.trace.location import Site, is_user_file, site_of_frame
from stile_engine.trace.reflection import guarded_builtins


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that a statement at module level let out. ``follows``: only because of an earlier one."""

    error: BaseException
    site: Site | None
    first: int
    last: int
    follows: bool


@dataclass(slots=True)
class ModuleRun:
    module: ModuleType
    declarations: list[Declaration] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    dims: dict[str, Dim] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


@contextmanager
def module_environment(path: str, workspace: str | None, source: str) -> Iterator[tuple[str, str | None]]:
    """The interpreter as a program in ``path`` would find it; everything is put back at the end.

    Yields the module's name and its package.
    """
    folder = os.path.dirname(os.path.abspath(path))
    name, package, root = _module_name(path)
    saved_path, saved_argv, saved_modules = list(sys.path), list(sys.argv), dict(sys.modules)
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    sys.argv = [path]
    for entry in (workspace, folder, root):
        if entry is not None:
            sys.path[:] = [entry, *(p for p in sys.path if p != entry)]
    try:
        yield name, package
    finally:
        sys.path[:], sys.argv = saved_path, saved_argv
        _forget(saved_modules, (folder, workspace or folder))
        if name in saved_modules:
            sys.modules[name] = saved_modules[name]
        else:
            sys.modules.pop(name, None)
        linecache.cache.pop(path, None)


def _module_name(path: str) -> tuple[str, str | None, str | None]:
    """Name, package and the folder that holds the outermost package."""
    file = Path(os.path.abspath(path))
    stem = file.stem if file.stem.isidentifier() else "checked"
    parts: list[str] = []
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    if parts:
        return ".".join([*parts, stem]), ".".join(parts), str(folder)
    # A file called numpy.py must not take the place of the library that its kernels use.
    taken = stem in sys.modules or stem in sys.stdlib_module_names or stem == "__main__"
    return (f"checked_{stem}" if taken else stem), None, None


def forget_imported(path: str, workspace: str | None, kept: Collection[str]) -> None:
    """The user's own modules are read again by the next import, but for those that are kept."""
    folder = os.path.dirname(os.path.abspath(path))
    _forget(kept, (folder, workspace or folder))


def _forget(kept: Collection[str], folders: tuple[str, ...]) -> None:
    for key in [k for k in sys.modules if k not in kept]:
        if _belongs_to(sys.modules[key], folders):
            del sys.modules[key]


def _belongs_to(module: ModuleType, folders: tuple[str, ...]) -> bool:
    """Whether a module is the user's own: installed libraries and the engine stay loaded for the next check."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not is_user_file(file):
        return False
    return any(os.path.abspath(file).startswith(os.path.abspath(folder) + os.sep) for folder in folders)


def run_module(parsed: ParsedText, path: str, name: str, package: str | None) -> ModuleRun:
    """Run all statements of the text that are Python. Exceptions of the user's code are in the result."""
    module = ModuleType(name)
    module.__file__ = os.path.abspath(path)
    module.__package__ = package or ""
    module.__dict__["__builtins__"] = guarded_builtins()
    sys.modules[name] = module
    run = ModuleRun(module)
    broken = sorted(parsed.broken, key=lambda part: part.first)
    flags = _future_flags(parsed.tree)
    docstring = ast.get_docstring(parsed.tree, clean=False)
    if docstring is not None:
        module.__doc__ = docstring
    with recording_declarations() as run.declarations, products_of_sizes():
        for statement in parsed.tree.body:
            while broken and broken[0].last < statement.lineno:
                _lose(run, broken.pop(0).names)
            try:
                code = compile(ast.Module([statement], []), path, "exec", flags=flags, dont_inherit=True)
                exec(code, module.__dict__)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                _note(run, error, statement, path)
    for part in broken:
        _lose(run, part.names)
    run.dims = dict(registered_dims())
    for value in list(module.__dict__.values()):
        if isinstance(value, Dim):
            run.dims.setdefault(value.name, value)
    return run


def _note(run: ModuleRun, error: BaseException, statement: ast.stmt, path: str) -> None:
    missing = error.name if isinstance(error, NameError) else None
    if isinstance(error, ImportError) and error.name == run.module.__name__:
        missing = None
    follows = missing is not None and missing in run.lost
    last = statement.end_lineno or statement.lineno
    run.failures.append(Failure(error, error_site(error, path), first_line(statement), last, follows))
    _lose(run, bound_names(statement))


def _lose(run: ModuleRun, names: Iterable[str]) -> None:
    """A statement that did not run has no value to give; an older value of the name would be a wrong one."""
    for name in names:
        run.lost.add(name)
        run.module.__dict__.pop(name, None)


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                feature = getattr(__future__, alias.name, None)
                flags |= getattr(feature, "compiler_flag", 0)
    return flags


def error_site(error: BaseException, path: str) -> Site | None:
    """Where an exception left the user's text: the innermost frame of the file."""
    return error_places(error, path)[0]


def error_places(error: BaseException, path: str) -> tuple[Site | None, Site | None]:
    """``error_site``, and where it was raised below that, if in another file of the user."""
    found: Site | None = None
    within: Site | None = None
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and found is None:
        seen.add(id(current))
        traceback: TracebackType | None = current.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            if code.co_filename == path:
                found, within = site_of_frame(code, traceback.tb_lasti, traceback.tb_lineno), None
            elif found is not None and is_user_file(code.co_filename):
                within = site_of_frame(code, traceback.tb_lasti, traceback.tb_lineno)
            traceback = traceback.tb_next
        current = current.__cause__ or current.__context__
    return found, within
