"""Types that PyTorch refuses when an operation runs, though it has none of them refused on tensors without numbers.

Found by running each operation both ways (``tests/unit/test_torch_operations.py`` does so again).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

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
        return f"{name} of operands of different types: {' and '.join(map(_text, dict.fromkeys(together)))}"
    if name in _OF_FLOATS and not first.is_floating_point:
        return f"{name} is not implemented for {_text(first)}"
    if name in _OF_NUMBERS and first == torch.bool:
        return f"{name} is not implemented for {_text(first)}"
    if name in _INDICES:
        label, allowed = _INDICES[name]
        if types[label] not in allowed:
            return f"{name} expects {label} to be {' or '.join(map(_text, allowed))}, and got {_text(types[label])}"
    if name in ("native_layer_norm", "native_batch_norm"):
        return _mixed(name, types)
    return _narrowed(name, given, first) if in_place else None


def _mixed(name: str, types: Mapping[str, torch.dtype]) -> str | None:
    """Parameters are of the input's type, or of float32 where the input has half as many bits."""
    own = types["input"]
    for label in ("weight", "bias", "running_mean", "running_var"):
        other = types.get(label, own)
        if other != own and not (own not in _WIDE and other == torch.float32):
            return f"{name} of {_text(own)} with {label} of {_text(other)}"
    return None


def _narrowed(name: str, given: Mapping[str, Any], own: torch.dtype) -> str | None:
    """The result of an operation in place must fit into what it is written to."""
    for label in ("other", "alpha", "value"):
        other = given.get(label)
        if name in ("add", "sub", "mul", "addcmul", "addcdiv") and isinstance(other, (int, float, torch.Tensor)):
            found = torch.result_type(given["self"], other)
            if not torch.can_cast(found, own):
                return f"result type {_text(found)} can't be cast to the desired output type {_text(own)}"
    return None


def _text(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
