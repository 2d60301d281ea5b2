"""Typed NumPy arrays: the rules of ``typed`` on NumPy's numbers."""

from __future__ import annotations

from stile_engine.numpy.library import NumpyLibrary
from stile_engine.typed.array import TypedArray
from stile_engine.typed.frontend import TypedFrontEnd
from stile_engine.typed.functions import Functions
from stile_engine.typed.result import TypedResult as AnyTypedResult


class TypedNumpyArray(TypedArray):
    """A typed array whose numbers are a NumPy array."""

    library = NumpyLibrary()


class TypedResult(AnyTypedResult):
    """The output of a typed NumPy kernel."""

    array_class = TypedNumpyArray


functions: Functions[TypedNumpyArray] = Functions(TypedNumpyArray)
front_end = TypedFrontEnd("numpy", functions)
