"""The only file that touches what Pallas does not promise: the parameters of ``pallas_call``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from stile_engine.errors import UnsupportedError
from stile_engine.index.sizes import Size
from stile_engine.jax import dimensions
from stile_engine.jax.adapter import TRIED_VERSIONS

__all__ = ["TRIED_VERSIONS", "Block", "Extent", "PallasCall", "pallas_call"]


@dataclass(frozen=True, slots=True)
class Extent:
    """One axis of the array: the block has ``size`` elements of it, which start at ``stride`` times the index
    of the block. A ``squeezed`` axis is not among those of the block."""

    size: int
    stride: int
    squeezed: bool


@dataclass(frozen=True, slots=True)
class Block:
    """How the programs of the grid cut one array into blocks."""

    extents: tuple[Extent, ...]
    index_map: Any
    """A jaxpr from program ids and prefetched scalars to the index of the block."""
    array_shape: tuple[Size, ...]
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(e.size for e in self.extents if not e.squeezed)


@dataclass(frozen=True, slots=True)
class PallasCall:
    grid: tuple[Size, ...]
    """Programs along each axis."""
    dynamic: tuple[int, ...]
    """Axes whose size is one of the first operands; until these are known it counts as 1."""
    vmapped: frozenset[int]
    """Axes of the grid that ``vmap`` has added, which ``program_id`` does not count."""
    kernel: Any
    prefetched: int
    inputs: tuple[Block, ...]
    outputs: tuple[Block, ...]
    scratch: tuple[tuple[tuple[int, ...], str], ...]
    aliases: Mapping[int, int]
    """Output to input, both counted among the blocks."""
    parallel: frozenset[int]
    """Axes of the grid that were declared parallel."""


def pallas_call(params: Mapping[str, Any]) -> PallasCall:
    """Raise ``UnsupportedError`` for what this version cannot read."""
    try:
        return _read(params)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedError(f"this version cannot read pallas_call of JAX {jax.__version__} ({error})") from error


def _read(params: Mapping[str, Any]) -> PallasCall:
    mapping, kernel = params["grid_mapping"], params["jaxpr"]
    grid = mapping.grid
    dynamic = tuple(axis for axis, size in enumerate(grid) if not isinstance(size, int))
    if len(dynamic) != mapping.num_dynamic_grid_bounds:
        raise UnsupportedError("a grid whose size is not known")
    blocks = [_block(b) for b in mapping.block_mappings]
    prefetched = int(mapping.num_index_operands)
    inputs, outputs = blocks[: mapping.num_inputs], blocks[mapping.num_inputs :]
    if len(outputs) != mapping.num_outputs:
        raise UnsupportedError("a pallas_call with other operands than inputs and outputs")
    first = prefetched + len(blocks)
    scratch = [_memory(v.aval) for v in kernel.invars[first:]]
    if len(scratch) != mapping.num_scratch_operands or kernel.constvars:
        raise UnsupportedError("a kernel with captured constants")
    aliases = {int(output): int(given) - prefetched for given, output in params["input_output_aliases"]}
    return PallasCall(
        tuple(size if isinstance(size, int) else 1 for size in grid),
        dynamic,
        frozenset(mapping.vmapped_dims),
        kernel,
        prefetched,
        tuple(inputs),
        tuple(outputs),
        tuple(scratch),
        aliases,
        _parallel(params.get("compiler_params"), len(grid)),
    )


def _block(mapping: Any) -> Block:
    if mapping.transforms:
        raise UnsupportedError("a block with a layout of its own")
    extents = tuple(_extent(dim) for dim in mapping.block_shape)
    aval = mapping.array_aval
    return Block(extents, mapping.index_map_jaxpr, dimensions.shape_of(aval.shape), str(aval.dtype))


def _extent(dim: Any) -> Extent:
    match type(dim).__name__:
        case "Blocked":
            return Extent(int(dim.block_size), int(dim.block_size), False)
        case "Squeezed":
            return Extent(1, 1, True)
        case "Element" if tuple(dim.padding) == (0, 0):
            return Extent(int(dim.block_size), 1, False)
    raise UnsupportedError(f"a block axis of the kind {dim}")


def _memory(aval: Any) -> tuple[tuple[int, ...], str]:
    return tuple(int(size) for size in aval.shape), str(aval.dtype)


def _parallel(compiler: Any, axes: int) -> frozenset[int]:
    semantics = getattr(compiler, "dimension_semantics", None) or ()
    if len(semantics) != axes:
        return frozenset()
    return frozenset(a for a, word in enumerate(semantics) if str(getattr(word, "value", word)).lower() == "parallel")
