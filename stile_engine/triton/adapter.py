"""All that Triton does not promise: from a function to the text of its TTIR, with no GPU and no driver.

The names used here are private to Triton and move between versions. Tried with those in ``TRIED``; with others the
same calls are made, and what fails, or gives a text that the grammar does not know, ends *unsupported*.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from stile_engine.errors import UnsupportedError
from stile_engine.trace.frontend import TraceError
from stile_engine.trace.location import Site
from stile_engine.triton.sites import original, ranked, unranked

CLAIM = "stile_claim"
"""How the names of helper functions begin that stand where an invariant speaks of a value, and give it back."""

TRIED = ("3.8.0", "3.9.0")

_INSTALL = "pip install 'triton>=3.8'"


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a kernel; ``constexpr`` ones are fixed when it is compiled."""

    name: str
    constexpr: bool
    has_default: bool
    default: Any


def require() -> Any:
    """The module, or ``ImportError`` that says what to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import triton
    except ImportError as error:
        raise ImportError(
            f"Triton kernels need the package triton ({_INSTALL}, Linux only): {error}", name="triton"
        ) from error
    return triton


def version() -> str:
    return str(getattr(require(), "__version__", "?"))


def language() -> Any:
    """The module ``triton.language``."""
    require()
    import triton.language

    return triton.language


def jitted(function: Any) -> Any:
    """The function under ``triton.jit``; with ``TRITON_INTERPRET=1`` one that the interpreter runs."""
    return require().jit(function)


def compiled_function(target: Any, constants: Mapping[str, Any]) -> Any:
    """The ``JITFunction`` inside decorators such as ``triton.autotune`` and ``triton.heuristics``, and of a typed
    kernel the one for these constants.

    Raises ``UnsupportedError`` for an object that has none.
    """
    made = getattr(target, "compiled", None)
    found, depth = target if made is None else made(constants), 0
    while type(found).__name__ != "JITFunction":
        inner = getattr(found, "fn", None)
        if inner is None or depth > 8:
            kind = type(target).__name__
            if type(found).__name__ == "InterpretedFunction":
                raise UnsupportedError("TRITON_INTERPRET is set: unset it, kernels are read from their compiled form")
            raise UnsupportedError(f"an object of type {kind} is no Triton kernel: decorate it with @triton.jit")
        found, depth = inner, depth + 1
    return found


def arguments(function: Any) -> tuple[Argument, ...]:
    """The parameters in signature order."""
    return tuple(
        Argument(p.name, bool(p.is_constexpr), bool(p.has_default), p.default if p.has_default else None)
        for p in function.params
    )


def lower(function: Any, types: Mapping[str, str], constants: Mapping[str, Any]) -> str:
    """The TTIR of a kernel as text, with places.

    ``types`` gives the type of each parameter in Triton's words (``*fp32``, ``i32``), ``constants`` the values
    of those that are fixed. Raises ``TraceError`` with the place of what the compiler refuses.
    """
    found = require()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _lower(function, types, constants)
    except (AttributeError, ImportError, TypeError, KeyError) as error:
        if _is_compile_error(error):
            raise
        number = getattr(found, "__version__", "?")
        raise UnsupportedError(
            f"Triton {number} does not offer what this version knows of {', '.join(TRIED)} "
            f"({type(error).__name__}: {error}): install triton=={TRIED[-1]}"
        ) from error
    except Exception as error:
        if _is_compile_error(error):
            raise _explained(error, function) from error
        raise


def _lower(function: Any, types: Mapping[str, str], constants: Mapping[str, Any]) -> str:
    from triton._C.libtriton import ir, passes
    from triton.compiler.compiler import ASTSource

    target, backend, options = _backend()
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    names = list(function.arg_names)
    signature = {name: "constexpr" if name in constants else types[name] for name in names}
    source = ASTSource(
        fn=function, signature=signature, constexprs={(names.index(n),): v for n, v in constants.items()}
    )
    with _ranked_columns(function), _kept_apart(function):
        module = source.make_ir(
            target, options, backend.get_codegen_implementation(options), backend.get_module_map(), context
        )
    manager = ir.pass_manager(context)
    # What the compiler does first: functions are put in place, and what is the same is computed once.
    passes.common.add_inliner(manager)
    passes.common.add_canonicalizer(manager)
    passes.common.add_cse(manager)
    manager.run(module, "stile")
    return str(module)


@contextmanager
def _ranked_columns(function: Any) -> Iterator[None]:
    """Places of what is compiled inside also tell apart the expressions that start at one column.

    The compiler notes where an expression starts, and ``a``, ``a * b`` and ``a * b + c`` all start at one place. It
    parses each function anew, helper functions too; there the columns are marked. Where a version of Triton parses
    in another way, nothing is marked, and places mean the widest expression.
    """
    owner: Any = next((kind for kind in type(function).__mro__ if "parse" in vars(kind)), None)
    if owner is None:
        yield
        return
    parse = owner.parse

    def marked(self: Any) -> Any:
        tree = parse(self)
        return ranked(tree) if isinstance(tree, ast.AST) else tree

    owner.parse = marked
    try:
        yield
    finally:
        owner.parse = parse


@contextmanager
def _kept_apart(function: Any) -> Iterator[None]:
    """The helper functions of claims stay calls in what is read; elsewhere they are put in place and are nothing."""
    helpers = [v for n, v in function.fn.__globals__.items() if n.startswith(CLAIM) and hasattr(v, "noinline")]
    try:
        for helper in helpers:
            helper.noinline = True
        yield
    finally:
        for helper in helpers:
            helper.noinline = False


@cache
def _backend() -> tuple[Any, Any, Any]:
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend

    target = GPUTarget("cuda", 90, 32)
    backend = make_backend(target)
    # Checks of overflow that the compiler can insert are owed by the proof instead.
    return target, backend, backend.parse_options({"sanitize_overflow": False})


def _is_compile_error(error: BaseException) -> bool:
    return any(kind.__name__ in ("CompilationError", "TritonError") for kind in type(error).__mro__)


def _explained(error: BaseException, function: Any) -> Exception:
    """What the compiler says, in one line, at the expression that it says it of."""
    innermost: BaseException = error
    while innermost.__cause__ is not None and _is_compile_error(innermost.__cause__):
        innermost = innermost.__cause__
    text = getattr(innermost, "error_message", None)
    cause = innermost.__cause__
    if text is None and cause is not None:
        text = str(cause) or type(cause).__name__
    if text is None:
        text = str(innermost)
    # The message quotes the source; what it says stands in its last lines.
    message = " ".join(
        line.strip() for line in str(text).strip().splitlines()[-3:] if line.strip() and line.strip() != "^"
    )
    return TraceError(f"Triton does not compile this kernel: {message}", _error_site(innermost, function))


def _error_site(error: BaseException, function: Any) -> Site | None:
    node = getattr(error, "node", None)
    line = getattr(node, "lineno", None)
    if line is None or node is None:
        return None
    function = _at_fault(error, function)
    if (made := original(function.fn.__code__.co_filename, line, int(node.col_offset))) is not None:
        return made
    path = inspect.getsourcefile(function.fn) or ""
    first, indent = _start(function)
    start = first + line - 1
    end = first + (getattr(node, "end_lineno", None) or line) - 1
    column = unranked(int(node.col_offset))[0]
    return Site(path, start, end, column + indent, int(getattr(node, "end_col_offset", column) or 0) + indent)


def _at_fault(error: BaseException, function: Any) -> Any:
    """The kernel, or the helper function in which the compiler stopped: errors quote the source of that one."""
    quoted = getattr(error, "src", None)
    waiting, seen = [function], {id(function)}
    while waiting:
        found = waiting.pop()
        if getattr(found, "src", None) == quoted:
            return found
        called = inspect.getclosurevars(found.fn)
        for inner in (*called.globals.values(), *called.nonlocals.values()):
            if type(inner).__name__ == "JITFunction" and id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
    return function


def _start(function: Any) -> tuple[int, int]:
    """The line of the file on which the ``def`` of a function stands, and how far it is indented."""
    lines, start = inspect.getsourcelines(function.fn)
    for number, line in enumerate(lines):
        own = line.lstrip()
        if own.startswith(("def ", "async def ")):
            return start + number, len(line) - len(own)
    return start, 0


def empty(shape: tuple[int, ...], kind: Any, device: Any) -> Any:
    """A tensor that nothing was written to; its type is one of PyTorch's, a name of one, or None for float32."""
    import importlib

    torch = importlib.import_module("torch")
    dtype = torch.float32 if kind is None else getattr(torch, kind) if isinstance(kind, str) else kind
    return torch.empty(shape, dtype=dtype, device=device)


def interpret(function: Any, arguments: Mapping[str, Any], grid: tuple[int, ...]) -> None:
    """Run a compiled kernel by Triton's interpreter, in this process and without ``TRITON_INTERPRET``.

    ``arguments`` are numbers, constants, and arrays of NumPy in the place of pointers, which are written to. What the
    interpreter changes in the modules of Triton and of the kernel is put back.
    """
    require()
    import triton.language as tl
    from triton.runtime import interpreter

    owner: Any = next(kind for kind in type(function).__mro__ if "__call__" in vars(kind))
    patched = [tl, tl.core, tl.math, tl.tensor, tl.core.tensor, tl.core.tensor_descriptor_base]
    saved = [(place, dict(vars(place))) for place in patched]
    call = owner.__call__
    made: dict[Any, Any] = {}
    modules: list[tuple[dict[str, Any], set[str]]] = []

    def interpreted(own: Any) -> Any:
        if own.fn not in made:
            modules.append((own.fn.__globals__, set(own.fn.__globals__)))
            made[own.fn] = interpreter.InterpretedFunction(own.fn)
        return made[own.fn]

    def called(self: Any, *given: Any, **named: Any) -> Any:
        return interpreted(self)(*given, **named)

    values = {name: _as_pointer(value, interpreter, tl) for name, value in arguments.items()}
    try:
        owner.__call__ = called
        kernel = interpreted(function)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            interpreter.GridExecutor(kernel.rewrite(), kernel.arg_names, grid)(**values)
    finally:
        owner.__call__ = call
        interpreter.InterpretedFunction.rewritten_fn.clear()
        for place, before in saved:
            for name in [n for n, v in vars(place).items() if n not in before or before[n] is not v]:
                if name in before:
                    setattr(place, name, before[name])
                else:
                    delattr(place, name)
        for names, own in reversed(modules):
            for name in names.keys() - own:
                del names[name]


def _as_pointer(value: Any, interpreter: Any, language: Any) -> Any:
    import numpy as np

    if not isinstance(value, np.ndarray):
        return value
    kind = language.pointer_type({"float32": language.float32, "float64": language.float64}[value.dtype.name])
    return language.tensor(interpreter.TensorHandle(np.array([value.ctypes.data], dtype=np.uint64), kind), kind)
