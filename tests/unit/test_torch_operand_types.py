"""Types that PyTorch refuses in a run are refused in a trace, and no others."""

from __future__ import annotations

import pytest
from test_torch_operations import task

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402

from stile_engine.torch.frontend import TorchFrontEnd  # noqa: E402
from stile_engine.trace.recording import Recorder  # noqa: E402

B = (4, 4)


def in_place(start, function):
    y = torch.full((4, 4), start)
    function(y)
    return y * 1.0


def autocast(function):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return function()


PLACES = torch.arange(4, dtype=torch.int32)
ONES = torch.ones(4, dtype=torch.int64)
REFUSED = [
    ("mm", lambda x: x.half() @ x),
    ("mv", lambda x: x.double() @ x[0]),
    ("linear", lambda x: F.linear(x.bfloat16(), x)),
    ("linear with its bias", lambda x: F.linear(x, x, x[0].half())),
    ("bmm", lambda x: torch.bmm(x[None], x[None].double())),
    ("baddbmm", lambda x: torch.baddbmm(x[None].half(), x[None], x[None])),
    ("addmm", lambda x: torch.addmm(x.double(), x, x)),
    ("einsum", lambda x: torch.einsum("ij,jk->ik", x, x.half())),
    ("whole numbers", lambda x: x @ ONES),
    ("cdist", lambda x: torch.cdist(x, x.double())),
    ("index_put", lambda x: in_place(0.0, lambda y: y.half().index_put_((PLACES,), x)) + x),
    ("assignment", lambda x: torch.zeros(4, 4, dtype=torch.float16).index_put((PLACES,), x)),
    ("softmax", lambda x: x * F.softmax(ONES, 0)),
    ("gelu", lambda x: x * F.gelu(ONES)),
    ("variance", lambda x: x * ONES.var()),
    ("lerp", lambda x: x * torch.lerp(ONES, ONES, 0.5)),
    ("truth values", lambda x: x * (x > 0).abs()),
    ("greatest of truth values", lambda x: x * (x > 0).int().bool().argmax(1)),
    ("scaled in place", lambda x: x + in_place(3, lambda y: y.mul_(0.5))),
    ("added in place", lambda x: x + in_place(3, lambda y: y.add_(1, alpha=0.5))),
    ("numbers added in place", lambda x: in_place(3, lambda y: y.add_(x))),
    ("layer norm", lambda x: F.layer_norm(x, (4,), x[0].half())),
    ("batch norm", lambda x: F.batch_norm(x, x[0].double(), x[0].double())),
    ("cross entropy", lambda x: F.cross_entropy(x, PLACES)),
    ("index_fill", lambda x: x.index_fill(0, PLACES, 1.0)),
    ("index_copy", lambda x: x.index_copy(0, PLACES, x)),
]
ALLOWED = [
    ("mm", lambda x: x.half() @ x.half()),
    ("whole numbers", lambda x: x * (ONES @ ONES)),
    ("mixed sum", lambda x: x.half() + x.double()),
    ("mixed sum in place", lambda x: in_place(0.5, lambda y: y.add_(x.double()))),
    ("whole numbers added in place", lambda x: in_place(0.5, lambda y: y.add_(ONES, alpha=2)) + x),
    ("copy", lambda x: in_place(0, lambda y: y.copy_(x))),
    ("assignment of a number", lambda x: in_place(0, lambda y: y[1].fill_(2.0)) + x),
    ("layer norm in half", lambda x: F.layer_norm(x.bfloat16(), (4,), torch.ones(4))),
    ("batch norm in half", lambda x: F.batch_norm(x.bfloat16(), torch.ones(4), torch.ones(4))),
    ("autocast linear", lambda x: autocast(lambda: F.linear(x, x.half(), x[0]))),
    ("autocast mm", lambda x: autocast(lambda: x @ x.bfloat16())),
    ("autocast einsum", lambda x: autocast(lambda: torch.einsum("ij,jk->ik", x, x.bfloat16()))),
    ("cross entropy", lambda x: F.cross_entropy(x, PLACES.long())),
    ("index", lambda x: x[PLACES] + x.gather(1, PLACES[:, None]) + x.index_select(0, PLACES)),
    ("softmax of whole numbers in floats", lambda x: x * F.softmax(ONES, 0, dtype=torch.float32)),
    ("mean of truth values", lambda x: x * (x > 0).float().mean()),
    ("loss against whole numbers", lambda x: F.mse_loss(x, ONES.expand(4, 4).float())),
]


@pytest.mark.parametrize("name, function", REFUSED, ids=[c[0] for c in REFUSED])
def test_what_a_run_refuses_a_trace_refuses(name, function):
    with pytest.raises((RuntimeError, IndexError, NotImplementedError)):
        function(torch.ones(B))
    with pytest.raises(Exception, match=r"type|expect|not implemented|cast|float"):
        TorchFrontEnd().trace(task(function, [B]), Recorder())


@pytest.mark.parametrize("name, function", ALLOWED, ids=[c[0] for c in ALLOWED])
def test_what_runs_is_traced(name, function):
    expected = function(torch.ones(B))
    (found,) = TorchFrontEnd().trace(task(function, [B]), Recorder())
    assert tuple(s.constant for s in found.shape) == tuple(expected.shape)
