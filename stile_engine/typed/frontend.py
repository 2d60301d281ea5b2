"""Typed kernels as ``check.py`` traces them: called once with typed arrays that hold no numbers."""

from __future__ import annotations

from typing import Any

from stile_engine.term.value import Value
from stile_engine.trace.frontend import KernelResult, KernelTask, TraceError
from stile_engine.trace.recording import Recorder
from stile_engine.typed.array import TypedArray
from stile_engine.typed.functions import Functions
from stile_engine.typed.indexing import RuntimeIndex
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
            if session.stopped is not None:
                raise session.stopped
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
            array = self._functions.reading(tensor, st, None, None)
            array.site = parameter.site
            if isinstance(array, RuntimeIndex):
                session.indices[tensor.name] = array
            found[parameter.name] = array
            session.inputs[tensor.name] = (tensor, None)
        return found

    def _results(self, returned: Any, task: KernelTask, recorder: Recorder) -> list[KernelResult]:
        """What is left to compare with the kernel's specs: a result that was held to the only one is settled."""
        settled = [r for r in recorder.results if _is_held_to(r, task)]
        if returned is None or (isinstance(returned, TypedResult) and returned in settled):
            if not settled:
                raise TraceError(
                    "the kernel returns nothing, and no typed result in it is held to its spec: "
                    "expected a typed array or a TypedResult",
                    code="spec-shape",
                )
            return []
        items = task.items(returned) if isinstance(returned, tuple) else (returned,)
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


def _is_held_to(result: TypedResult, task: KernelTask) -> bool:
    """Whether the result's own claim is the kernel's: the same text over the same dims."""
    if task.spec is None or task.spec_text is None:
        return False
    same_text = " ".join(result.spec_text.split()) == " ".join(task.spec_text.split())
    return same_text and result.spec.dims == task.spec.dims
