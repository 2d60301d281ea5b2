"""What the PyTorch front end rests on, and what a kernel may find out about the trace."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from stile_engine.check import check  # noqa: E402
from stile_engine.torch import adapter  # noqa: E402
from stile_engine.trace.report import CheckRequest, Report  # noqa: E402

HEADER = """\
import math
import torch, torch.nn as nn, torch.nn.functional as F
from stile_engine import dim, kernel

M, N = dim("M", 6), dim("N", 4)
"""


def run(body: str) -> Report:
    return check(CheckRequest("/nowhere/k.py", HEADER + textwrap.dedent(body)))


def only(body: str) -> tuple[str, str]:
    (kernel,) = run(body).kernels
    return str(kernel.status), kernel.message


def texts(body: str, code: str) -> list[str]:
    source = HEADER + textwrap.dedent(body)
    lines = source.split("\n")
    return [
        lines[d.range.start.line][d.range.start.character : d.range.end.character]
        for d in check(CheckRequest("/nowhere/k.py", source)).diagnostics
        if d.code == code
    ]


@pytest.fixture
def fresh_adapter() -> Iterator[None]:
    adapter.interfaces.cache_clear()
    yield
    adapter.interfaces.cache_clear()


SIMPLE = "@kernel('exp(X:M)')\ndef f(X):\n    return torch.exp(X)\n"


def test_this_version_was_tried() -> None:
    assert torch.__version__.startswith(adapter.TRIED_VERSIONS)
    assert only(SIMPLE)[0] == "proved"


def test_another_version_is_unsupported(monkeypatch: pytest.MonkeyPatch, fresh_adapter: None) -> None:
    monkeypatch.setattr(torch, "__version__", "3.1.0")
    status, message = only(SIMPLE)
    assert status == "unsupported" and "PyTorch 3.1.0" in message and adapter.TRIED_VERSIONS[0] in message


def test_a_missing_interface_is_unsupported(monkeypatch: pytest.MonkeyPatch, fresh_adapter: None) -> None:
    from torch.utils import _python_dispatch

    monkeypatch.delattr(_python_dispatch, "_disable_current_modes")
    status, message = only(SIMPLE)
    assert status == "unsupported" and "PyTorch" in message


def test_the_expression_is_marked_also_inside_a_library_function() -> None:
    body = """
    @kernel("X:M N")
    def f(X):
        y = 1 + F.gumbel_softmax(X, dim=-1)
        return y
    """
    assert texts(body, "unsupported") == ["F.gumbel_softmax(X, dim=-1)"]


def test_sizes_that_do_not_fit_are_told_at_the_expression() -> None:
    body = """
    @kernel("X:M N")
    def f(X):
        return 2 * (X + torch.zeros(3))
    """
    assert texts(body, "dim-mismatch") == ["X + torch.zeros(3)"]


def test_sizes_that_do_not_fit_in_compiled_code() -> None:
    body = """
    @kernel("X:M N")
    def f(X):
        return torch.einsum("ij,jk->ik", X, X)
    """
    assert texts(body, "dim-mismatch") == ['torch.einsum("ij,jk->ik", X, X)']


def test_an_error_of_the_kernel_stays_its_own() -> None:
    body = """
    @kernel("X:M N")
    def f(X):
        raise ValueError("this shape is not wanted")
    """
    status, message = only(body)
    assert status == "error" and "ValueError" in message


QUESTIONS = [
    "X.is_cuda",
    "X.device.type == 'cuda'",
    "X.device == torch.device('cuda')",
    "'cuda' in X.device.type",
    "type(X) is not torch.Tensor",
    "isinstance(X, nn.Parameter)",
    "hasattr(X, 'fake_mode')",
    "'Fake' in repr(X)",
    "'Fake' in f'{X}'",
    "X.data_ptr() == 0",
    "X.numpy() is None",
    "X.tolist() == []",
    "X.sum() > 0",
    "bool((X == 2 * X).all())",
    "torch.equal(X, X + 1)",
    "len(X[X > 0]) > 3",
    "X.max().item() > 1",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_code_cannot_tell_the_trace_from_a_run(question: str) -> None:
    body = f"""
    @kernel("2 * X:M N")
    def f(X):
        if {question}:
            return X * 3
        return X * 2
    """
    assert only(body)[0] == "unsupported"


@pytest.mark.parametrize("question", ["X.sum() > 0", "X.is_cuda", "X.numpy() is None"])
def test_exceptions_of_the_trace_are_not_handled_by_the_kernel(question: str) -> None:
    body = f"""
    @kernel("2 * X:M N")
    def f(X):
        try:
            if {question}:
                return X * 3
        except Exception:
            pass
        return X * 2
    """
    assert only(body)[0] == "unsupported"


ANSWERS = [
    "isinstance(X, torch.Tensor)",
    "torch.is_tensor(X)",
    "X.shape == (6, 4) and X.size(0) == 6 and X.numel() == 24 and X.ndim == X.dim() == 2 and len(X) == 6",
    "X.stride() == (4, 1) and X.t().stride() == (1, 4) and X[1:].storage_offset() == 4",
    "X.is_contiguous() and not X.t().is_contiguous() and X.t().contiguous().is_contiguous()",
    "X.dtype == torch.float32 and X.is_floating_point() and not X.requires_grad",
    "X.device == X.t().device",
    "torch.arange(6)[2] == 2 and int(torch.tensor(3)) == 3",
    "(torch.arange(4) >= 0).tolist() == [True] * 4",
    "X.long().dtype == torch.int64 and (X > 0).dtype == torch.bool",
    "(X * torch.ones(4).double()).dtype == torch.float64",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_questions_with_one_answer(answer: str) -> None:
    body = f"""
    @kernel("2 * X:M N")
    def f(X):
        if not ({answer}):
            return X * 3
        return X * 2
    """
    assert only(body) == ("proved", "")


def test_what_outlives_the_call_is_not_changed() -> None:
    body = """
    seen = torch.zeros(4)

    @kernel("X:M N")
    def f(X):
        seen.add_(X[0])
        return X
    """
    assert only(body)[0] == "unsupported"
    assert texts(body, "unsupported") == ["seen.add_(X[0])"]


def test_training_a_module_changes_it() -> None:
    body = """
    norm = nn.BatchNorm1d(4)

    @kernel("X:M N", inputs={"norm.weight": "W:N", "norm.bias": "B:N"})
    def f(X):
        return norm(X)
    """
    assert only(body)[0] == "unsupported"


def test_parameters_of_modules_are_not_the_numbers_that_they_start_with() -> None:
    body = """
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        @kernel("X:M N")
        def forward(self, X):
            return X * self.weight
    """
    status, message = only(body)
    assert status == "unsupported" and "inputs={'self.weight': 'W:DIMS'}" in message


def test_parameters_of_modules_as_inputs() -> None:
    body = """
    class Scale(nn.Module):
        def __init__(self, size=4):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(size))
            self.inner = nn.Linear(size, size, bias=False)
            self.register_buffer("mask", torch.tril(torch.ones(6, 4)))

        @kernel("(X:M N, V:K N -> M K) * weight:K where K <= M", inputs={"self.inner.weight": "V:K N"})
        def forward(self, X):
            return self.inner(X) * self.weight * self.mask

    K = dim("K", 4)
    """
    body = 'K = dim("K", 4)\n' + textwrap.dedent(body).replace('K = dim("K", 4)', "")
    assert only(body) == ("proved", "")


def test_paths_that_lead_nowhere() -> None:
    body = """
    @kernel("X:M N * W:N", inputs={"layer.weight": "W:N"})
    def f(X):
        return X
    """
    status, message = only(body)
    assert (status, message) == ("refuted", "there is no tensor layer.weight that the kernel could reach")


def test_a_parameter_of_another_shape() -> None:
    body = """
    layer = nn.Linear(4, 6)

    @kernel("(X:M N, W:M N -> M)", inputs={"layer.weight": "W:N M"})
    def f(X):
        return layer(X)
    """
    status, message = only(body)
    assert (status, message) == ("error", "W stands here with M N: expected W:N M, which it is declared with")


def test_tied_parameters_are_one_input() -> None:
    body = """
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    K, L = dim("K", 4), dim("L", 4)

    @kernel("((X:M N, A:K N -> M K), B:L K -> M L)", inputs={"first.weight": "A:K N", "second.weight": "B:L K"})
    def f(X):
        return second(first(X))
    """
    assert only(body)[0] != "proved"


def test_wrappers() -> None:
    body = """
    @kernel("2 * X:M N")
    @torch.compile
    def compiled(X):
        return X * 2

    @kernel("2 * X:M N")
    @torch.no_grad()
    def without_gradients(X):
        return X * 2

    @kernel("2 * X:M N")
    def narrower(X):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return (torch.eye(6) @ (2 * X)).float()

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x * 2

        @staticmethod
        def backward(context, g):
            return g * 2

    @kernel("2 * X:M N")
    def own_gradient(X):
        return Doubled.apply(X)
    """
    assert {k.name: k.status for k in run(body).kernels} == dict.fromkeys(
        ("compiled", "without_gradients", "narrower", "own_gradient"), "proved"
    )


def test_a_helper_in_another_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "helper_of_torch.py").write_text("import torch\n\n\ndef twice(x):\n    return x.erfinv()\n")
    path = tmp_path / "k.py"
    source = HEADER + "from helper_of_torch import twice\n\n@kernel('2 * X:M N')\ndef f(X):\n    return twice(X)\n"
    report = check(CheckRequest(str(path), source))
    assert report.kernels[0].status == "unsupported" and "helper_of_torch.py:5" in report.kernels[0].message
    assert [d.range.start.line for d in report.diagnostics] == [9]


def test_comparisons_of_data() -> None:
    body = """
    @kernel("relu(X:M N)")
    def right(X):
        return torch.where(X > 0, X, 0.0)

    @kernel("relu(X:M N)")
    def wrong(X):
        return torch.where(X > 0, X, 1.0)

    @kernel("relu(X:M N)")
    def written(X):
        y = X.clone()
        y[y < 0] = 0.0
        return y

    @kernel("relu(X:M N)")
    def written_elsewhere(X):
        y = X.clone()
        y[y > 0] = 0.0
        return y
    """
    found = {k.name: str(k.status) for k in run(body).kernels}
    assert found == {"right": "proved", "wrong": "refuted", "written": "proved", "written_elsewhere": "refuted"}


OVERLAPS = [
    ("y[1:] = y[:-1]", "unsupported"),
    ("y[1:].add_(y[:-1])", "unsupported"),
    ("torch.add(y[:-1], 1, out=y[1:])", "unsupported"),
    ("y[:4].add_(y[:4].t())", "unsupported"),
    ("y[1:] = y[:-1].clone()", "refuted"),
    ("y[::2].sub_(y[1::2]).add_(y[1::2])", "proved"),
    ("y.mul_(y).div_(X)", "assumed"),
    ("y.resize_(8, 4)", "unsupported"),
]


@pytest.mark.parametrize("statement, status", OVERLAPS)
def test_memory_that_is_read_while_it_is_written(statement: str, status: str) -> None:
    """What PyTorch refuses, or does in an order of its own, is not modelled."""
    body = f"""
    @kernel("X:M N")
    def f(X):
        y = X.clone()
        {statement}
        return y[:6]
    """
    assert only(body)[0] == status


def test_casts_are_listed() -> None:
    body = """
    @kernel("2 * X:M N")
    def f(X):
        return (X.to(torch.bfloat16) * 2).float()
    """
    (kernel,) = run(body).kernels
    assert kernel.status == "proved"
    assert [literal.written for literal in kernel.literals] == [
        "cast from float32 to bfloat16",
        "cast from bfloat16 to float32",
    ]


def test_data_as_indices() -> None:
    body = """
    D = dim("D", 3)

    @kernel("gather[N](W:N D, I:M)", dtypes={"I": "int64"}, assume="I in N")
    def embedding(W, I):
        return F.embedding(I, W)

    @kernel("gather[N](W:N D, I:M)", dtypes={"I": "int64"}, assume="I in N")
    def rows(W, I):
        return W[I]

    @kernel("gather[N](W:N D, I:M)", dtypes={"I": "int64"}, assume="I in N")
    def next_rows(W, I):
        return W[(I + 1) % N]

    @kernel("gather[N](W:N D, I:M)", dtypes={"I": "int64"})
    def undeclared(W, I):
        return F.embedding(I, W)
    """
    found = {k.name: (str(k.status), k.message) for k in run(body).kernels}
    assert found["embedding"][0] == found["rows"][0] == "proved"
    assert found["next_rows"][0] == "refuted"
    assert found["undeclared"][0] == "unsupported" and "assume=" in found["undeclared"][1]


def test_constants_with_a_pattern() -> None:
    body = """
    mask = torch.tril(torch.ones(6, 4)).bool()
    band = (torch.arange(6)[:, None] - torch.arange(4)[None]).abs() <= 1
    bias = torch.zeros(4).masked_fill(torch.arange(4) >= 2, float("-inf"))

    @kernel("softmax[N where N < 2](X:M N) where N <= M && N - M <= 1 && M - N <= 1")
    def f(X):
        return torch.where(mask & band, F.softmax(X + bias, -1), 0.0)
    """
    assert only(body) == ("proved", "")


def test_the_server_does_not_load_torch() -> None:
    import subprocess
    import sys

    code = "import stile_lsp.server, stile_engine.torch, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
