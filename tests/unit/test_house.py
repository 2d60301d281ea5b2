"""The walls of the house: what each part may import, read from the sources and tried at run time."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FRAMEWORKS = {"numpy", "jax", "jaxlib", "torch", "triton"}

ENGINE_LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "grammar", "index"}),
    frozenset({"term"}),
    frozenset({"spec"}),
    frozenset({"proof"}),
    frozenset({"trace", "decorator"}),
    frozenset({"typed", "array"}),
    frozenset({"numpy", "jax", "torch", "triton"}),
    frozenset({"check", "checking", "pairs", "incremental"}),
    frozenset({"worker"}),
    frozenset({"cli", "command", "__main__"}),
)
"""From the ground up: a part imports only parts of its own layer or of one below."""

ALLOWED_UPWARDS = {
    # A finding is part of what a proof says, and the verdicts are plain data that all parts name.
    ("index", "proof.verdict"),
    ("term", "proof.verdict"),
    ("spec", "proof.verdict"),
}

SERVER_MAY_IMPORT = (
    "stile_engine.incremental",
    "stile_engine.worker.ahead",
    "stile_engine.worker.client",
    "stile_engine.worker.kept",
    "stile_engine.worker.messages",
    "stile_engine.worker.outcome",
    "stile_engine.trace.report",
    "stile_engine.trace.codec",
    "stile_engine.trace.lens",
    "stile_engine.spec.syntax",
)


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"), str(path))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every imported dotted name, with whether it is imported when the module itself is."""

    def visit(node: ast.AST, at_import: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, "imports are absolute here"
                yield child.module or "", at_import
                yield from ((f"{child.module}.{alias.name}", at_import) for alias in child.names)
            else:
                inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                if not is_type_checking(child):
                    yield from visit(child, at_import and not inner)

    yield from visit(tree, True)


def imported(package: str) -> list[tuple[str, str, bool]]:
    return [(name, used, now) for name, tree in modules(package) for used, now in imports(tree)]


ENGINE = imported("stile_engine")
SERVER = imported("stile_lsp")


def offenders(found: list[tuple[str, str, bool]], libraries: set[str], *allowed: str) -> list[str]:
    return sorted(
        {
            f"{name} imports {used}"
            for name, used, _ in found
            if used.partition(".")[0] in libraries and not name.startswith(allowed)
        }
    )


def test_there_is_something_to_look_at() -> None:
    assert any(used == "islpy" for _, used, _ in ENGINE)
    assert any(used.startswith("stile_engine.worker.client") for _, used, _ in SERVER)


def test_only_index_imports_islpy() -> None:
    assert offenders(ENGINE + SERVER, {"islpy"}, "stile_engine.index") == []


def test_only_the_two_grammars_import_lark() -> None:
    allowed = ("stile_engine.grammar", "stile_engine.spec.syntax", "stile_engine.triton.ttir")
    assert offenders(ENGINE + SERVER, {"lark"}, *allowed) == []


def test_the_text_form_of_triton_knows_nothing_else() -> None:
    standard = set(sys.stdlib_module_names) | {"lark"}
    wrong = [
        f"{name} imports {used}"
        for name, used, _ in ENGINE
        if name.startswith("stile_engine.triton.ttir")
        and used.partition(".")[0] not in standard
        and not used.startswith(("stile_engine.triton.ttir", "stile_engine.grammar", "stile_engine.errors"))
    ]
    assert wrong == []


def test_only_the_adapter_imports_triton() -> None:
    assert offenders(ENGINE, {"triton"}, "stile_engine.triton.adapter") == []


def test_the_syntax_of_specs_imports_nothing_else() -> None:
    standard = set(sys.stdlib_module_names) | {"lark"}
    wrong = [
        f"{name} imports {used}"
        for name, used, _ in ENGINE
        if name.startswith("stile_engine.spec.syntax")
        and used.partition(".")[0] not in standard
        and not used.startswith(("stile_engine.spec.syntax", "stile_engine.grammar", "stile_engine.errors"))
    ]
    assert wrong == []


def test_frameworks_stay_in_their_front_ends() -> None:
    allowed = [f"stile_engine.{name}" for name in ("numpy", "jax", "torch", "triton")]
    at_import = [(name, used, now) for name, used, now in ENGINE if now]
    assert offenders(at_import, FRAMEWORKS, *allowed) == []


def test_only_the_server_knows_the_protocol() -> None:
    assert offenders(ENGINE, {"pygls", "lsprotocol", "watchdog", "stile_lsp"}) == []


def test_the_server_imports_of_the_engine_only_its_messages() -> None:
    wrong = sorted(
        f"{name} imports {used}"
        for name, used, _ in SERVER
        if used.startswith("stile_engine")
        and not any(used == allowed or used.startswith(f"{allowed}.") for allowed in SERVER_MAY_IMPORT)
        and not any(allowed.startswith(f"{used}.") for allowed in SERVER_MAY_IMPORT)
    )
    assert wrong == []


def test_the_server_imports_no_framework_and_no_prover() -> None:
    assert offenders(SERVER, FRAMEWORKS | {"islpy", "lark", "mpmath", "sympy"}) == []


def layer(name: str) -> int | None:
    part = name.removeprefix("stile_engine.").partition(".")[0]
    for number, parts in enumerate(ENGINE_LAYERS):
        if part in parts:
            return number
    return None


def test_dependencies_point_downward() -> None:
    wrong = set()
    for name, used, _ in ENGINE:
        if not used.startswith("stile_engine.") or not name.startswith("stile_engine."):
            continue
        own, other = layer(name), layer(used)
        part = name.removeprefix("stile_engine.").partition(".")[0]
        target = used.removeprefix("stile_engine.")
        if own is None or other is None or other <= own:
            continue
        if any(part == low and target.startswith(high) for low, high in ALLOWED_UPWARDS):
            continue
        wrong.add(f"{name} imports {used}")
    assert sorted(wrong) == []


def test_every_part_of_the_engine_has_its_place() -> None:
    found = {
        path.stem
        for path in (ROOT / "stile_engine").iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert found - set().union(*ENGINE_LAYERS) == set()


@pytest.mark.parametrize(
    "module", ["stile_lsp.server", "stile_lsp.start", "stile_engine", "stile_engine.worker.client"]
)
def test_importing_loads_no_framework(module: str) -> None:
    code = f"import {module}, sys; print(sorted({FRAMEWORKS | {'islpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bootstrap_speaks_an_old_python() -> None:
    """It must tell what is wrong under any Python 3, so its syntax is that of 3.7 and it imports nothing of ours
    before it has looked at the version."""
    source = (ROOT / "stile_engine" / "worker" / "bootstrap.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    assert [used for used, now in imports(tree) if now and used.startswith("stile_engine")] == []
