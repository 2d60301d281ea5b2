"""Random inputs for typed NumPy kernels."""

from __future__ import annotations

from stile_engine.errors import UnsupportedError
from stile_engine.numpy.binding import TypedNumpyArray, functions
from stile_engine.trace.location import user_site
from stile_engine.typed import session
from stile_engine.typed.shape import DimLike, shape_of, size_of


def randn(*dims: DimLike, name: str | None = None) -> TypedNumpyArray:
    """An input with these dims in axis order, standard normal numbers; ``name`` is its label in specs."""
    site = user_site()
    current = session.active()
    data = None
    if current is None or current.carries_data:
        import numpy as np

        sizes = [size_of(d) for d in shape_of(dims)]
        if not all(s.is_constant for s in sizes):
            raise UnsupportedError("an array of a symbolic size holds no numbers; declare the dim with a size")
        data = np.random.standard_normal([s.constant for s in sizes])
    return functions.input(dims, name, data, site)
