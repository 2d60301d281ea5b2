"""A tuple of one array is not the array: whoever calls the kernel would get something else than the spec says."""

from __future__ import annotations

import pytest

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest, Status

HEAD = """from stile_engine import dim, kernel
import numpy as np
import jax.numpy as jnp
import torch
M = dim("M", 4)
"""


def status(spec: str, body: str) -> tuple[Status, str]:
    source = f"{HEAD}\n@kernel({spec})\ndef k(X):\n    return {body}\n"
    (kernel,) = check(CheckRequest("k.py", source)).kernels
    return kernel.status, kernel.message


@pytest.mark.parametrize("function", ["np.exp", "jnp.exp", "torch.exp"])
def test_a_tuple_of_one_is_no_array(function: str) -> None:
    found, message = status('"exp(X:M)"', f"({function}(X),)")
    assert found is Status.REFUTED
    assert "returns a tuple of one array, and its spec describes an array" in message
    assert status('"exp(X:M)"', f"{function}(X)")[0] is Status.PROVED
    assert status('("exp(X:M)",)', f"({function}(X),)")[0] is Status.PROVED
