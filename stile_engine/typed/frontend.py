"""Typed kernels as ``check.py`` traces them: called once with typed arrays that hold no numbers."""

from __future__ import annotations

from typing import Any

from stile_engine.term.value import Value
from stile_engine.trace.frontend import KernelResult, KernelTask, TraceError
from stile_engine.trace.recording import Recorder
from stile_engine.typed.array import TypedArray
from stile_engine.typed.functions import Functions
from stile_engine.typed.result import TypedResult
from stile_engine.typed.session import Session, checking
from stile_engine.typed.shape import ShapeType, dim_range


class TypedFrontEnd:
    """The front end of one typed binding. ``name`` is the backend as reports show it."""

    def __init__(self, name: str, functions: Functions[Any]) -> None:
        self.name = name
        self._functions = functions

    def trace(self, task: KernelTask, recorder: Recorder) -> tuple[KernelResult, ...]:
        with checking(recorder) as session:
            arguments = self._arguments(task, session)
            returned = task.function(**arguments, **task.constants)
        return tuple(self._results(returned, task, recorder))

    def _arguments(self, task: KernelTask, session: Session) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for parameter in task.parameters:
            if parameter.tensor is None:
                raise TraceError(
                    f"the parameter {parameter.name} is no input of the spec, and a typed kernel returns its output"
                )
            tensor = parameter.tensor
            if tensor.name.isdigit():
                session.next_input = max(session.next_input, int(tensor.name) + 1)
            st = ShapeType(dim_range(d) for d in parameter.dims)
            found[parameter.name] = self._functions.reading(tensor, st, None, None)
            session.inputs[tensor.name] = (tensor, None)
        return found

    def _results(self, returned: Any, task: KernelTask, recorder: Recorder) -> list[KernelResult]:
        """What is left to compare with the kernel's spec: a result that was held to the very spec is settled."""
        wanted = " ".join((task.spec_text or "").split())
        settled = [r for r in recorder.results if wanted and " ".join(r.spec_text.split()) == wanted]
        if returned is None or (isinstance(returned, TypedResult) and returned in settled):
            if task.spec is not None and not settled:
                raise TraceError(
                    "the kernel returns nothing, and no typed result in it is held to its spec: "
                    "expected a typed array or a TypedResult",
                    code="spec-shape",
                )
            return []
        items = returned if isinstance(returned, tuple) else (returned,)
        return [self._value(item) for item in items if not (isinstance(item, TypedArray) and item.poisoned)]

    @staticmethod
    def _value(item: Any) -> Value:
        match item:
            case TypedArray():
                return item.value
            case TypedResult():
                return item.union()
        raise TraceError(
            f"the kernel returns {type(item).__name__}; expected a typed array or a TypedResult", code="spec-shape"
        )
