"""Types that PyTorch refuses when an operation runs, though it has none of them refused on tensors without numbers.

Found by running each operation both ways (``tests/unit/test_torch_operations.py`` does so again).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from stile_engine.torch.adapter import dtype_name

_OF_ONE_TYPE = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "mv": ("self", "vec"),
    "addmm": ("self", "mat1", "mat2"),
    "addmv": ("self", "mat", "vec"),
    "addbmm": ("self", "batch1", "batch2"),
    "baddbmm": ("self", "batch1", "batch2"),
    "linear": ("input", "weight", "bias"),
    "_cdist_forward": ("x1", "x2"),
    "_euclidean_dist": ("x1", "x2"),
    "index_put": ("self", "values"),
    "index_copy": ("self", "source"),
}
_OF_FLOATS = frozenset(
    """_log_softmax _softmax frac gelu glu hardshrink hardsigmoid hardswish huber_loss hypot lerp log_sigmoid_forward
    logcumsumexp mish silu smooth_l1_loss softplus std std_mean upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d var var_mean""".split()
)
_OF_NUMBERS = frozenset(
    """abs addmm argmax argmin avg_pool2d bmm ceil convolution dot floor kthvalue max_pool2d_with_indices median mm
    relu round topk trace trunc""".split()
)
_INDICES = {
    "index_copy": ("index", (torch.int64,)),
    "index_fill": ("index", (torch.int64,)),
    "multi_margin_loss": ("target", (torch.int64,)),
    "nll_loss_forward": ("target", (torch.int64, torch.uint8)),
    "nll_loss2d_forward": ("target", (torch.int64, torch.uint8)),
}
_WIDE = (torch.float32, torch.float64)


def refused(name: str, given: Mapping[str, Any], in_place: bool) -> str | None:
    """Why PyTorch would not run the operation on tensors of these types; None if it would."""
    tensors = {n: v for n, v in given.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        return None
    types = {n: t.dtype for n, t in tensors.items()}
    first = next(iter(types.values()))
    together = [types[n] for n in _OF_ONE_TYPE.get(name, ()) if n in types]
    if len(set(together)) > 1:
        return f"{name} of operands of different types: {' and '.join(map(dtype_name, dict.fromkeys(together)))}"
    if name in _OF_FLOATS and not first.is_floating_point:
        return f"{name} is not implemented for {dtype_name(first)}"
    if name in _OF_NUMBERS and first == torch.bool:
        return f"{name} is not implemented for {dtype_name(first)}"
    if name in _INDICES:
        label, allowed = _INDICES[name]
        if types[label] not in allowed:
            wanted = " or ".join(map(dtype_name, allowed))
            return f"{name} expects {label} to be {wanted}, and got {dtype_name(types[label])}"
    if name in ("native_layer_norm", "native_batch_norm"):
        return _mixed(name, types)
    return _narrowed(name, given, first) if in_place else None


def _mixed(name: str, types: Mapping[str, torch.dtype]) -> str | None:
    """Parameters are of the input's type, or of float32 where the input has half as many bits."""
    own = types["input"]
    for label in ("weight", "bias", "running_mean", "running_var"):
        other = types.get(label, own)
        if other != own and not (own not in _WIDE and other == torch.float32):
            return f"{name} of {dtype_name(own)} with {label} of {dtype_name(other)}"
    return None


def _narrowed(name: str, given: Mapping[str, Any], own: torch.dtype) -> str | None:
    """The result of an operation in place must fit into what it is written to."""
    for label in ("other", "alpha", "value"):
        other = given.get(label)
        if label == "alpha" and other == 1:
            continue  # which is there where none is given
        if name in ("add", "sub", "mul", "addcmul", "addcdiv") and isinstance(other, (int, float, torch.Tensor)):
            found = torch.result_type(given["self"], other)
            if not torch.can_cast(found, own):
                return f"result type {dtype_name(found)} can't be cast to the desired output type {dtype_name(own)}"
    return None


def wrapped(name: str, given: Mapping[str, Any]) -> str | None:
    """Which operand may be made another number by the type that an operation on integers computes in; None if none.

    A Python number and a tensor without axes take the type of the tensor that they meet: 300 is 44 in int8 where
    PyTorch compares with it, and an error elsewhere. Sums and products wrap around in any case.
    """
    own = given.get("self")
    if not isinstance(own, torch.Tensor):
        return None
    filling = given.get("value")
    if own.dtype == torch.bool and _is_number(filling) and filling not in (0, 1):
        return f"the number {filling} is a truth value in bool"
    if not _is_whole(own.dtype):
        return None
    if isinstance(filling, torch.Tensor) and filling.dtype.is_floating_point:
        return f"{dtype_name(filling.dtype)} is cut off in {dtype_name(own.dtype)}"
    for label in ("other", "min", "max", "value"):
        other = given.get(label)
        if label == "value" and isinstance(other, float):
            if not other.is_integer():
                return f"the number {other} is cut off in {dtype_name(own.dtype)}"
            other = int(other)  # padding takes real numbers
        if other is None or isinstance(other, (bool, float, complex, list, tuple)):
            continue
        if not isinstance(other, torch.Tensor):
            limits = torch.iinfo(own.dtype)
            number = other if isinstance(other, int) else _GREATEST_SIZE
            if not limits.min <= number <= limits.max:
                return f"the number {other} does not fit into {dtype_name(own.dtype)}"
        elif name not in _MODULAR and _is_whole(other.dtype):
            together = torch.result_type(own, other)
            for one in (own.dtype, other.dtype):
                if not _holds(together, one):
                    return f"{name} of {dtype_name(one)} is computed in {dtype_name(together)}, which holds less"
    return None


_MODULAR = ("add", "sub", "rsub", "mul")
_GREATEST_SIZE = 2**30
"""Of a symbolic size."""


def _is_whole(dtype: torch.dtype) -> bool:
    return not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _holds(dtype: torch.dtype, other: torch.dtype) -> bool:
    wide, narrow = torch.iinfo(dtype), torch.iinfo(other)
    return bool(wide.min <= narrow.min and narrow.max <= wide.max)
