"""Mutants of kernel files: one small mistake in each function, and what the verdicts and the runs make of it.

A mutant may be right (``x * 1.0`` for ``x``), so nothing is expected of it but that its runs do not contradict its
verdict: what is proved computes its spec. Run as a script it takes a number of rounds, a first seed and files, and
prints what contradicts.
"""

from __future__ import annotations

import ast
import copy
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kernel_files import contradiction, executables
from triton_runs import outcomes, uses_triton

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

_ARITHMETIC = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mod, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Pow: (ast.Mult,),
}
_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq, ast.LtE),
    ast.NotEq: (ast.Eq,),
}
_NAMES = {
    "max": ("min", "sum"),
    "min": ("max",),
    "sum": ("max",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "exp": ("exp2",),
    "exp2": ("exp",),
    "log": ("log2",),
    "log2": ("log",),
    "tril": ("triu",),
    "triu": ("tril",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("empty_like", "ones_like"),
    "sqrt": ("rsqrt",),
    "rsqrt": ("sqrt",),
    "mean": ("sum",),
    "cumsum": ("flip",),
    "sin": ("cos",),
    "cos": ("sin",),
}


def _variants(node: ast.AST, names: list[str], rng: random.Random) -> Iterator[ast.AST]:
    """The node with one mistake."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            for other in _ARITHMETIC.get(type(op), ()):
                yield ast.BinOp(left, other(), right)
            if isinstance(op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.MatMult):
                yield ast.BinOp(right, op, left)
            yield left
            yield right
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in _COMPARISONS.get(type(op), ()):
                yield ast.Compare(left, [other()], [right])
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            for other in (value + 1, value - 1, 2 * value, 0):
                if other != value:
                    yield ast.Constant(other)
        case ast.Constant(value=float(value)):
            for number in (2 * value, -value, 0.0):
                if number != value:
                    yield ast.Constant(number)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Subscript(slice=ast.Tuple(elts=[first, second], ctx=ctx)) if ast.dump(first) != ast.dump(second):
            yield ast.Subscript(node.value, ast.Tuple([second, first], ctx), node.ctx)
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield ast.Slice(None, upper, step)
            if upper is not None:
                yield ast.Slice(lower, None, step)
            if step is not None:
                yield ast.Slice(lower, upper, None)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            for number in range(len(arguments) - 1):
                swapped = [*arguments]
                swapped[number], swapped[number + 1] = swapped[number + 1], swapped[number]
                yield ast.Call(function, swapped, keywords)
            for keyword in keywords:
                yield ast.Call(function, arguments, [k for k in keywords if k is not keyword])
            if arguments:
                yield arguments[0]
        case ast.Attribute(value=value, attr=name, ctx=ctx):
            for renamed in _NAMES.get(name, ()):
                yield ast.Attribute(value, renamed, ctx)
        case ast.Name(id=name, ctx=ast.Load()) if name in names and len(set(names)) > 1:
            alike = [n for n in names if n != name and n.endswith("_ptr") == name.endswith("_ptr")]
            if alike:
                yield ast.Name(rng.choice(alike), ast.Load())
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.If(test=test):
            yield ast.If(ast.Constant(True), node.body, node.orelse)
            yield ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.Assign([target], value, lineno=0)
            yield ast.Pass()
            for other in _ARITHMETIC.get(type(op), ()):
                yield ast.AugAssign(target, other(), value)
        case ast.Assign(targets=[ast.Name(id=name)]) if names.count(name) > 1:
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
            yield ast.If(ast.Constant(True), [node, node], [])
        case _:
            pass


def _sites(function: ast.FunctionDef) -> list[ast.AST]:
    found: list[ast.AST] = []
    for statement in function.body:
        found += ast.walk(statement)
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            for keyword in decorator.keywords:
                if keyword.arg in ("grid", "scalars", "consts"):
                    found += ast.walk(keyword.value)
    return [n for n in found if not isinstance(n, ast.expr_context | ast.operator | ast.cmpop)]


def _mutated(function: ast.FunctionDef, rng: random.Random) -> str | None:
    """Change the function in place; says how."""
    names = [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    names += [a.arg for a in function.args.args]
    sites = _sites(function)
    rng.shuffle(sites)
    for site in sites:
        variants = list(_variants(site, names, rng))
        if not variants:
            continue
        chosen = copy.deepcopy(rng.choice(variants))
        before, after = ast.unparse(site), ast.unparse(ast.fix_missing_locations(chosen))
        if before == after:
            continue

        class Swap(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> ast.AST:
                return chosen if node is site else self.generic_visit(node)  # noqa: B023

        Swap().visit(function)
        return f"line {getattr(site, 'lineno', '?')}: {before}  ->  {after}"[:200]
    return None


def mutant(source: str, seed: int) -> tuple[str, dict[str, str]]:
    """The file with one mistake in every function, and the mistakes by function. Comments are gone."""
    rng = random.Random(seed)
    tree = ast.parse(source)
    told: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (how := _mutated(node, rng)) is not None:
            told[node.name] = how
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n", told


def judged(source: str, statuses: dict[int, str]) -> str:
    """The text with the verdicts as comments, for a run that is held against them."""
    lines = source.splitlines()
    for line, status in statuses.items():
        lines[line] += f"  # {status}"
    return "\n".join(lines) + "\n"


class Late(Exception):
    pass


def _limited(seconds: int, act: Callable[[], list[Found]]) -> list[Found]:
    def late(*_: object) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        return act()
    finally:
        signal.alarm(0)


@dataclass(frozen=True)
class Found:
    """What a run says of a verdict: ``wrong`` (believed, and its spec is not what it computes), ``agrees`` (refuted,
    and no difference was seen: most often the numbers are others than those of the counterexample), ``no run``."""

    kind: Literal["wrong", "agrees", "no run"]
    text: str


def contradictions(path: Path, seed: int, counts: Counter[str]) -> Iterator[Found]:
    text, told = mutant(path.read_text(), seed)
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / path.name
        own.write_text(text)
        report = check(CheckRequest(str(own), text))
        counts.update(k.status.value for k in report.kernels)
        believed = {k.name for k in report.kernels if k.status.value in ("proved", "assumed")}
        # a race, an overflow at huge sizes, or a read past the end need not show in numbers
        shown = {
            k.name
            for k in report.kernels
            if (kinds := {o.kind for o in k.obligations if o.status.value == "refuted"})
            and kinds <= {"value", "coverage", "defined"}
        }
        if not believed | shown:
            return
        if uses_triton(path):
            for name, outcome in outcomes(own, shown).items():
                story = f"{name} [{told.get(name)}]: {outcome}"
                if name in believed and set(outcome) != {"agrees"}:
                    is_wrong = "differs" in outcome or any("writes outside" in o for o in outcome)
                    yield Found("wrong" if is_wrong else "no run", story)
                if name in shown and set(outcome) == {"agrees"}:
                    yield Found("agrees", story)
            return
        own.write_text(judged(text, {k.name_range.start.line: k.status.value for k in report.kernels}))
        try:
            kernels = executables(own)
        except Exception as error:
            yield Found("no run", f"{path.name}: {type(error).__name__}: {error}")
            return
        for kernel in kernels:
            if kernel.name not in believed | shown:
                continue
            try:
                told_otherwise = contradiction(kernel)
            except Exception as error:
                yield Found("no run", f"{kernel.name} [{told.get(kernel.name)}]: {type(error).__name__}: {error}")
                continue
            if told_otherwise is not None:
                kind: Literal["wrong", "agrees"] = "wrong" if kernel.name in believed else "agrees"
                yield Found(kind, f"[{told.get(kernel.name)}] {told_otherwise}")


def main(rounds: str, first: str, *files: str) -> None:
    for file in files:
        counts: Counter[str] = Counter()
        for seed in range(int(first), int(first) + int(rounds)):
            try:
                for found in _limited(170, lambda: list(contradictions(Path(file), seed, counts))):  # noqa: B023
                    print(f"{found.kind}: {file} seed {seed}: {found.text}", flush=True)
            except Late:
                print(f"late: {file} seed {seed}", flush=True)
            except Exception:
                print(f"failed: {file} seed {seed}: {traceback.format_exc()[-600:]}", flush=True)
        print(f"{file}: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
