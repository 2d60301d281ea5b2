"""Which front end reads a kernel, from what the kernel's code uses."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from stile_engine.errors import UnsupportedError
from stile_engine.trace.bytecode import codes, instructions, own_instructions
from stile_engine.trace.frontend import FrontEnd
from stile_engine.trace.location import is_user_file

_FRAMEWORKS = ("triton", "torch", "jax", "numpy")
"""A kernel that uses several is read by the first of them."""

_TRITON_WRAPPERS = frozenset({"JITFunction", "Autotuner", "Heuristics"})


def undecorated(target: Any) -> Any:
    """The Python function inside wrappers such as ``jax.jit``, ``triton.jit`` and ``functools.wraps``."""
    while type(target).__name__ in _TRITON_WRAPPERS and type(target).__module__.startswith("triton."):
        target = target.fn
    try:
        return inspect.unwrap(target)
    except ValueError:
        return target


def infer(target: Any, options: dict[str, Any]) -> tuple[str, bool]:
    """``(framework, typed)``; what the decorator says counts first."""
    used = _used(target)
    typed = bool(options.get("typed", _bindings(used)))
    named = options.get("backend")
    if named == "typed":
        named, typed = None, True
    if named is not None:
        return str(named), typed
    if typed:
        bindings = _bindings(used) or _bindings(_module_names(target))
        return next((f for f in _FRAMEWORKS if f in bindings), "numpy"), True
    roots = {name.split(".")[0] for name in used}
    found = next((f for f in _FRAMEWORKS if f in roots), None)
    if found is None:
        # Plain arithmetic: read it as its file's framework would.
        around = {name.split(".")[0] for name in _module_names(target)}
        # What is no compiled kernel of Triton's is no Triton.
        found = next((f for f in _FRAMEWORKS if f in around and f != "triton"), "numpy")
        if found == "jax" and "numpy" in around and _stores_elements(target):
            found = "numpy"  # JAX's arrays cannot be written to
    if found == "jax" and any("pallas" in name for name in used):
        found = "pallas"
    return found, False


def _stores_elements(target: Any) -> bool:
    function = undecorated(target)
    code = getattr(function, "__code__", None)
    return code is not None and any(own_instructions(code, ("STORE_SUBSCR",)))


def _bindings(modules: set[str]) -> set[str]:
    """The frameworks whose typed arrays are among these modules."""
    parts = [name.split(".") for name in modules]
    return {p[1] for p in parts if p[0] == "stile_engine" and len(p) > 1 and p[1] in _FRAMEWORKS}


def front_end(framework: str, typed: bool) -> FrontEnd:
    """Raises ``UnsupportedError`` where there is none, ``ImportError`` where the framework is missing."""
    if typed and framework != "numpy":
        raise UnsupportedError(f"typed arrays for {framework} are not modelled yet")
    if framework in ("jax", "pallas"):
        from stile_engine.jax.frontend import JaxFrontEnd

        return JaxFrontEnd()
    if framework == "triton":
        from stile_engine.triton.frontend import TritonFrontEnd

        return TritonFrontEnd()
    if framework == "torch":
        from stile_engine.torch.frontend import TorchFrontEnd

        return TorchFrontEnd()
    if typed:
        from stile_engine.numpy.binding import functions
        from stile_engine.typed.frontend import TypedFrontEnd

        return TypedFrontEnd("numpy", functions)
    plain: FrontEnd = importlib.import_module("stile_engine.numpy.plain.frontend").PlainNumpyFrontEnd()
    return plain


def _used(target: Any) -> set[str]:
    """Names of the modules whose things the code of a kernel uses, its own helper functions included."""
    found: set[str] = set(_types(target))
    waiting = [undecorated(target)]
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        if isinstance(function, MethodType):
            found |= {kind.__module__ for kind in type(function.__self__).__mro__}
            function = undecorated(function.__func__)
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        for value in _referenced(function):
            module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            inner = undecorated(value)
            found |= _types(value)
            if isinstance(inner, FunctionType) and is_user_file(inner.__code__.co_filename):
                waiting.append(inner)
            elif isinstance(module, str):
                found.add(module)
        # modules that are imported inside the function itself
        found |= {i.argval for i in instructions(function.__code__, ("IMPORT_NAME",))}
        found |= _class_modules(function)
    return found


def _class_modules(function: FunctionType) -> set[str]:
    """Where the classes come from that a method's own class is made of: a layer of PyTorch is PyTorch."""
    owner = function.__globals__.get(function.__qualname__.split(".")[0])
    return {kind.__module__ for kind in owner.__mro__} if isinstance(owner, type) else set()


def _types(value: Any) -> set[str]:
    """A compiled function tells its framework by its type: ``PjitFunction``, ``JITFunction``."""
    module = type(value).__module__ or ""
    root = module.split(".")[0]
    if root == "jaxlib":
        root = "jax"
    return {root} if root in _FRAMEWORKS else set()


def _referenced(function: FunctionType) -> Iterator[Any]:
    names = {name for code in codes(function.__code__) for name in code.co_names}
    for name in names & function.__globals__.keys():
        yield function.__globals__[name]
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue


def _module_names(target: Any) -> set[str]:
    function = undecorated(target)
    if isinstance(function, MethodType):
        function = function.__func__
    values = function.__globals__.values() if isinstance(function, FunctionType) else ()
    return {value.__name__ for value in list(values) if isinstance(value, ModuleType)}
