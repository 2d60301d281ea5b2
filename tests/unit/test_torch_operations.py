"""Every modelled operation of PyTorch against PyTorch itself, on random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from node_values import Unmodelled, table

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402

from stile_engine.errors import StileError  # noqa: E402
from stile_engine.index.dims import Dim  # noqa: E402
from stile_engine.term.expression import Tensor  # noqa: E402
from stile_engine.torch import creation, interpreter  # noqa: E402
from stile_engine.torch.call import MODELS  # noqa: E402
from stile_engine.torch.frontend import TorchFrontEnd  # noqa: E402
from stile_engine.trace.frontend import KernelTask, Parameter  # noqa: E402
from stile_engine.trace.recording import Recorder  # noqa: E402

A, B, C, C3, E4 = (6,), (4, 6), (2, 3, 4), (2, 2, 3, 2), (2, 4, 5, 6)
INF = float("inf")


def tri(x):
    return x.masked_fill(torch.arange(6)[None, :] > torch.arange(4)[:, None], -INF)


def changed(x, function):
    y = x.clone()
    function(y)
    return y


def assigned(x, y):
    x = x.clone()
    x[1:3, ::2] = y[0, :3]
    x[:, 1] += 1.0
    x[0] = 7.0
    x[-1, 2:4] = y[2, 2:4] * x[0, 2:4]
    return x


def strided(x):
    out = torch.full((30,), 5.0)
    out.as_strided((4, 6), (7, 1)).copy_(x)
    return out


def columns_first(x):
    out = torch.zeros(6, 4).t()
    out[1:3] = x[:2]
    out.view(-1) if out.is_contiguous() else out.reshape(-1)
    return out * 1.0


def through_flat(x):
    y = x.clone()
    flat = y.view(-1)
    flat[5:11] = flat[0:6] * 2
    flat[::7] = 0.5
    return y


def through_split(x):
    y = x.clone()
    y.view(4, 2, 3)[:, 1, 1:] = -1.0
    y.view(2, 2, 6).transpose(0, 1)[0, 1] = 9.0
    return y


def running(x):
    mean, var = torch.zeros(3), torch.ones(3)
    y = F.batch_norm(x, mean, var, training=True, momentum=0.2)
    return y + mean[None, :, None] + var[None, :, None]


def overlapping_read(x):
    return x.unfold(0, 3, 2)


def heads(x, **options):
    """Attention of two heads, as ``nn.MultiheadAttention`` computes it; the weights are those of a plain number."""
    into, out = torch.full((12, 4), 0.3).tril(), torch.full((4, 4), 0.2).triu()
    into = into + torch.eye(12, 4)
    made, _ = F.multi_head_attention_forward(
        x, x, x, 4, 2, into, torch.zeros(12), None, None, False, 0.0, out, torch.ones(4), need_weights=False, **options
    )
    return made


def stepped(x, y):
    a, b = x.clone(), y.clone()
    torch._foreach_mul_([a, b], 0.9)
    torch._foreach_add_([a, b], [y, x], alpha=0.1)
    torch._foreach_addcmul_([a], [x], [y], value=-0.5)
    torch._foreach_copy_([b], [a])
    return a * b


def recurrent(kind, x):
    """Two steps of a layer whose weights are all one number."""
    layer = kind(4, 3, batch_first=True)
    number = {"LSTM": 0.25, "GRU": -0.5, "RNN": 0.125}[kind.__name__]
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    state = {name: torch.full(tuple(p.shape), number) for name, p in layer.named_parameters()}
    return torch.func.functional_call(layer, state, (x[:, :2],))[0]


# (name, function, shapes of its inputs); inputs are in [0.5, 2) unless the name ends in "signed".
CASES = [
    ("add sub mul div", lambda x, y: (x + y) * (x - y) / y, [B, B]),
    ("add sub alpha", lambda x, y: torch.add(x, y, alpha=3) + torch.sub(x, y, alpha=0.5) + torch.rsub(x, y), [B, B]),
    ("scalars", lambda x: 2 * x + 1.5 - (3 - x) / 4 + True * x, [B]),
    ("broadcast", lambda x, y: x * y[:, :1] + y[0] - x[2, 3], [B, B]),
    ("neg positive", lambda x: -x + +x * 3, [A]),
    ("exp", torch.exp, [A]),
    ("exp2", lambda x: torch.exp2(x) + torch.special.exp2(x), [A]),
    ("expm1", torch.expm1, [A]),
    ("log", lambda x: torch.log(x) + torch.log2(x) * torch.log10(x) + torch.log1p(x), [A]),
    ("sqrt", lambda x: torch.sqrt(x) + torch.rsqrt(x), [A]),
    ("reciprocal", torch.reciprocal, [A]),
    ("sin cos tan", lambda x: torch.sin(x) * torch.cos(x) + torch.tan(x / 2), [A]),
    ("tanh sinh cosh", lambda x: torch.tanh(x) + torch.sinh(x) * torch.cosh(x), [A]),
    ("sigmoid", lambda x: torch.sigmoid(x) + F.sigmoid(x), [A]),
    ("erf", lambda x: torch.erf(x) + torch.erfc(x) * 2, [A]),
    ("abs signed", torch.abs, [A]),
    ("floor ceil signed", lambda x: torch.floor(3 * x) + 2 * torch.ceil(3 * x), [A]),
    ("floor division signed", lambda x: (3 * x) // 2 + torch.div(5 * x, 3, rounding_mode="floor"), [A]),
    ("remainder signed", lambda x: (3 * x) % 2, [A]),
    ("power", lambda x: x**3 + x**-2 + x**0.5 + x**-0.5 + 3.0**x + 2**x + x.square(), [A]),
    ("power of tensors", lambda x: torch.pow(x, torch.tensor(2.0)) + torch.float_power(x, 2).float(), [A]),
    ("maximum signed", lambda x, y: torch.maximum(x, y) - torch.minimum(x, y * 0.1) + torch.fmax(x, y), [A, A]),
    ("fmin signed", lambda x, y: torch.fmin(x, y), [A, A]),
    ("max of two signed", lambda x, y: torch.max(x, y) + torch.min(x, y) * 2, [A, A]),
    ("clamp signed", lambda x: x.clamp(-0.2, 0.3) + x.clamp(min=0.1) + x.clamp(max=0.2) + x.clip(0, 1), [A]),
    ("clamp tensors signed", lambda x, y: torch.clamp(x, y, y + 1), [A, A]),
    ("relu signed", lambda x: F.relu(x) + F.relu6(4 * x) + torch.relu(x) + x.relu(), [A]),
    ("silu gelu signed", lambda x: F.silu(x) + F.gelu(x) + F.gelu(x, approximate="tanh"), [A]),
    ("leaky prelu signed", lambda x: F.leaky_relu(x, 0.2) + F.prelu(x, torch.tensor([0.3])), [A]),
    ("elu celu selu signed", lambda x: F.elu(x, 0.7) + F.celu(x, 1.3) + F.selu(x), [A]),
    ("softplus signed", lambda x: F.softplus(x) + F.softplus(x, beta=2), [A]),
    ("logsigmoid mish signed", lambda x: F.logsigmoid(x) + F.mish(x), [A]),
    ("hard signed", lambda x: F.hardswish(x) + F.hardsigmoid(x) + F.hardtanh(x, -0.5, 0.25), [A]),
    ("softsign signed", lambda x: F.softsign(x) + F.tanhshrink(x), [A]),
    ("softmin", lambda x: F.softmin(x, dim=1), [B]),
    ("glu signed", lambda x: F.glu(x, dim=1), [B]),
    ("addcmul addcdiv", lambda x, y: torch.addcmul(x, x, y, value=0.5) + torch.addcdiv(x, x, y, value=2), [B, B]),
    ("lerp", lambda x, y: torch.lerp(x, y, 0.3) + torch.lerp(x, y, x), [B, B]),
    ("rsqrt normalize", lambda x: F.normalize(x, dim=1) + F.normalize(x, p=1, dim=0), [B]),
    ("cosine similarity", lambda x, y: F.cosine_similarity(x, y, dim=1), [B, B]),
    # reductions
    ("sum", lambda x: x.sum() + x.sum(1)[0] + x.sum((0, 1)) + x.sum(0, keepdim=True)[0, 2] + torch.sum(x, -1)[1], [B]),
    ("mean", lambda x: x.mean() + x.mean(-1, keepdim=True) + x.mean(dim=0)[0], [B]),
    ("amax amin signed", lambda x: x.amax(1) + x.amin(dim=(0, 1)) + x.max() - x.min(), [B]),
    ("max along signed", lambda x: x.max(1).values + x.min(dim=1)[0] + x.max(dim=0, keepdim=True)[0][0, 0], [B]),
    ("prod", lambda x: x.prod(1) + x.prod(), [B]),
    ("nansum nanmean", lambda x: x.nansum() + x.nanmean(1), [B]),
    ("var std", lambda x: x.var(1) + x.std(1, unbiased=False) + x.var(dim=1, correction=2) + x.var(), [B]),
    ("var mean", lambda x: torch.var_mean(x, dim=1)[0] + torch.std_mean(x, dim=1, unbiased=False)[1], [B]),
    ("std mean", lambda x: torch.std_mean(x, dim=0)[0], [B]),
    ("norm signed", lambda x: x.norm() + x.norm(dim=1) + torch.linalg.norm(x, dim=1), [B]),
    ("norms signed", lambda x: torch.linalg.vector_norm(x, 1, dim=1) + x.norm(p=INF, dim=1) + x.norm(4, dim=1), [B]),
    ("logsumexp", lambda x: torch.logsumexp(x, 1) + x.logsumexp(dim=1) + torch.special.logsumexp(x, 1), [B]),
    ("softmax", lambda x: F.softmax(x, -1) + torch.softmax(x, 0) + x.softmax(1, dtype=torch.float64).float(), [B]),
    ("log softmax", lambda x: F.log_softmax(x, -1) + x.log_softmax(0), [B]),
    ("masked softmax", lambda x: F.softmax(tri(x), -1), [B]),
    ("cumsum cumprod", lambda x: x.cumsum(1) + torch.cumprod(x, 0) + x.cumsum(-2), [B]),
    ("cummax", lambda x: x.cummax(1).values + x.cummin(0)[0], [B]),
    ("logcumsumexp", lambda x: torch.logcumsumexp(x, 1), [B]),
    ("dist", lambda x, y: torch.dist(x, y) + F.pairwise_distance(x, y), [A, A]),
    ("count", lambda x: x.sum(1) / (torch.arange(6)[None] <= torch.arange(4)[:, None]).sum(1), [B]),
    # products
    ("matmul", lambda x, y: x @ y.T + torch.mm(x, y.t()), [B, B]),
    ("matmul vectors", lambda x, y: x @ y[0] + (y[1] @ x.T) + torch.mv(x, y[0]) + torch.dot(y[0], y[1]), [B, B]),
    ("matmul batches", lambda x: torch.matmul(x, x.transpose(1, 2)) @ x[0] + torch.bmm(x, x.mT) @ x, [C]),
    ("matmul broadcast", lambda x: torch.matmul(x, x[0, 0].T), [E4]),
    ("vdot inner outer", lambda x, y: torch.vdot(x, y) + torch.inner(x, y) + torch.outer(x, y), [A, A]),
    ("addmm", lambda x, y: torch.addmm(x[0, :4], x, y.T, beta=0.5, alpha=2) + torch.addmv(x[:, 0], x, y[0]), [B, B]),
    ("addr", lambda x, y: torch.addr(x, y[:, 0], y[1]), [B, B]),
    ("baddbmm addbmm", lambda x: torch.baddbmm(x[..., :3], x, x.mT, beta=2) + torch.addbmm(x[0, :, :3], x, x.mT), [C]),
    ("linear", lambda x, y: F.linear(x, y) + F.linear(x, y, y[:, 0]), [B, B]),
    ("linear batches", lambda x: F.linear(x, x[0], x[0, :, 0]), [C]),
    ("einsum", lambda x, y: torch.einsum("ij,kj->ik", x, y) + torch.einsum("ij,kj", x, y), [B, B]),
    ("einsum dots", lambda x: torch.einsum("...ij,...kj->...ik", x, x) + torch.einsum("bij->b", x)[0], [C]),
    ("einsum trace", lambda x: torch.einsum("ii->i", x[:, :4]) + torch.einsum("ii", x[:, :4]), [B]),
    ("einsum three", lambda x, y: torch.einsum("ij,j,kj->ik", x, y, x), [B, A]),
    ("einsum list", lambda x: torch.einsum("ij,kj->ik", [x, x]), [B]),
    ("einsum numbers", lambda x: torch.einsum(x, [0, 1], x, [2, 1], [0, 2]), [B]),
    ("tensordot kron", lambda x, y: torch.tensordot(x, y, dims=([1], [1])) + torch.kron(x[:2, :2], y[:2, :2]), [B, B]),
    ("chain", lambda x, y: torch.chain_matmul(x, y.T, x) + torch.linalg.multi_dot([x, y.T, x]), [B, B]),
    ("attention", lambda x: F.scaled_dot_product_attention(x, x * 0.5, x), [C]),
    ("attention causal", lambda x: F.scaled_dot_product_attention(x, x, x * 2, is_causal=True), [E4]),
    (
        "attention mask",
        lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=torch.ones(5, 5).tril().bool()),
        [E4],
    ),
    ("attention bias", lambda x, y: F.scaled_dot_product_attention(x, x, x, attn_mask=y[None], scale=0.3), [C, (3, 3)]),
    ("attention groups", lambda x, y: F.scaled_dot_product_attention(x, y, y, enable_gqa=True), [E4, (2, 2, 5, 6)]),
    # normalisations
    ("layer norm", lambda x, y: F.layer_norm(x, (6,), y[0], y[1]) + F.layer_norm(x, (4, 6)), [B, B]),
    ("rms norm", lambda x, y: F.rms_norm(x, (6,), y[0], eps=1e-3) + torch.rms_norm(x, (6,), eps=0.1), [B, B]),
    ("group norm", lambda x: F.group_norm(x, 2, x[0, :, 0, 0], x[0, :, 0, 1]), [E4]),
    ("instance norm", lambda x: F.instance_norm(x, weight=x[0, :, 0, 0], bias=x[0, :, 0, 1]), [E4]),
    ("batch norm", lambda x: F.batch_norm(x, x[0, :, 0], x[1, :, 1], x[0, :, 2], x[0, :, 3], eps=0.1), [C]),
    ("batch norm of the batch", lambda x: F.batch_norm(x, None, None, training=True), [C]),
    ("batch norm running", running, [C]),
    ("local response", lambda x: F.local_response_norm(x, 3), [C]),
    # losses
    (
        "mse l1",
        lambda x, y: F.mse_loss(x, y) + F.l1_loss(x, y, reduction="sum") + F.mse_loss(x, y, reduction="none"),
        [B, B],
    ),
    ("huber signed", lambda x, y: F.smooth_l1_loss(3 * x, y, beta=0.5) + F.huber_loss(3 * x, y, delta=0.7), [B, B]),
    ("softshrink signed", lambda x, y: F.softshrink(x, 0.3) + torch.hypot(x, y), [A, A]),
    ("bce with logits signed", lambda x, y: F.binary_cross_entropy_with_logits(x, y), [A, A]),
    ("cross entropy of probabilities", lambda x, y: F.cross_entropy(x, F.softmax(y, 1)), [B, B]),
    ("cross entropy of classes", lambda x: F.cross_entropy(x, torch.arange(4)) + F.nll_loss(x, torch.arange(4)), [B]),
    ("kl div", lambda x, y: F.kl_div(x, y, log_target=True, reduction="sum"), [B, B]),
    ("dropout in eval", lambda x: F.dropout(x, 0.5, training=False), [A]),
    # views and copies
    ("slices", lambda x: x[1:3, ::2] + x[-2:, 1:4] + x[0, -3:], [B]),
    ("picks", lambda x: x[-1] + x[0, -2] + x[..., 1].sum() + x[:, None, 2][0], [B]),
    ("views", lambda x: x.view(2, 12).view(-1)[3:9] + x.reshape(6, 4)[:, 1] + x.flatten()[2:8], [B]),
    ("view of a transpose", lambda x: x.t().reshape(4, 6) + x.T.contiguous().view(4, 6), [B]),
    ("transposes", lambda x: x.permute(2, 0, 1).transpose(0, 2).movedim(0, -1).swapaxes(0, 1), [C]),
    ("squeeze", lambda x: x.unsqueeze(0).unsqueeze(-1).squeeze().squeeze(0) + x[None].squeeze(0), [B]),
    (
        "expand",
        lambda x: x[:, :1].expand(4, 6) + x[0].expand(4, -1) + x[:1].expand_as(x) + x[0].broadcast_to(4, 6),
        [B],
    ),
    ("split chunk unbind", lambda x: x.split(2, 1)[1] + x.chunk(3, dim=1)[2] + torch.stack(x.unbind(1)[:2], 1), [B]),
    ("split sizes", lambda x: x.split([1, 3, 2], dim=1)[1] + x.tensor_split(2, dim=1)[0], [B]),
    ("narrow select diagonal", lambda x: x.narrow(1, 2, 4).diagonal() + x.select(1, 0) + torch.diag(x[:, :4]), [B]),
    ("unfold", overlapping_read, [A]),
    ("as strided", lambda x: x.as_strided((3, 4), (2, 3), 1), [B]),
    ("unflatten", lambda x: x.unflatten(1, (2, 3)).sum(1) + x.view(4, 2, 3)[:, 0], [B]),
    (
        "cat stack",
        lambda x, y: torch.cat([x, y[:2], x[:1]], 0) + torch.hstack([x[:, :3], y[:, 3:]]).repeat(2, 1)[:7],
        [B, B],
    ),
    ("stack", lambda x, y: torch.stack([x, y], 1) + torch.stack((x, x), dim=1), [B, B]),
    ("cat of others", lambda x: torch.cat([x, torch.ones(2, 6, dtype=torch.float64).float(), torch.zeros(0, 6)]), [B]),
    ("vstack column stack", lambda x: torch.vstack([x, x])[2:6] + torch.column_stack([x[:, i] for i in range(6)]), [B]),
    ("repeat tile", lambda x: x.repeat(2, 3) + torch.tile(x, (2, 3)) + x.repeat(1, 2, 3)[0].repeat(1, 1)[:1, :18], [B]),
    ("repeat interleave", lambda x: x.repeat_interleave(2, dim=0) + x.repeat_interleave(2, 1)[:, :6].repeat(2, 1), [B]),
    (
        "flip roll",
        lambda x: x.flip(0) + torch.flip(x, [0, 1]) + x.roll(2, 1) + torch.roll(x, (1, -1), (0, 1)) + x.roll(5),
        [B],
    ),
    ("rot90 fliplr", lambda x: torch.rot90(x)[:4, :4] + x.fliplr()[:, :4] + x.flipud()[:, :4], [B]),
    ("pad", lambda x: F.pad(x, (1, 2)) + F.pad(x, (1, 2, 0, 0), value=3.0) + F.pad(x, (-1, 4)), [B]),
    ("pad modes", lambda x: F.pad(x, (1, 2), mode="reflect") + F.pad(x, (1, 2), mode="replicate"), [C]),
    ("pad planes", lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect") + F.pad(x, (1, 2, 2, 1), mode="replicate"), [E4]),
    ("pad circular", lambda x: F.pad(x, (1, 2), mode="circular"), [C]),
    ("pixel shuffle", lambda x: F.pixel_shuffle(x, 2) + F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).sum(), [E4]),
    ("diag embed", lambda x: torch.diag_embed(x) + torch.diag(x[0, :6])[None], [B]),
    ("nearest", lambda x: F.interpolate(x, scale_factor=2) + F.interpolate(x, size=(10, 12), mode="nearest"), [E4]),
    ("nearest line", lambda x: F.interpolate(x, size=6) + F.interpolate(x, size=(6,)), [C]),
    ("clone detach", lambda x: x.clone().detach() + x.data + x.contiguous(), [A]),
    # masks
    ("tril triu", lambda x: x.tril() + x.triu(1) * 2 + torch.tril(x, -1) + torch.triu(torch.ones(4, 6), 2), [B]),
    (
        "where",
        lambda x, y: torch.where(torch.arange(6) < 3, x, y) + torch.where(torch.eye(4, 6).bool(), x, 0.5),
        [B, B],
    ),
    ("masked fill", lambda x: x.masked_fill(torch.ones(4, 6).tril() == 0, 0.25) + tri(x).clamp(min=0), [B]),
    ("masks by hand", lambda x: x * (torch.arange(6) % 2 == 0) + (1.0 - torch.ones(4, 6).tril()) * 3, [B]),
    ("logic", lambda x: x * ((torch.arange(6) > 1) & ~(torch.arange(6) >= 4) | (torch.arange(6) == 5)), [A]),
    ("more logic", lambda x: x * ((torch.arange(6) > 1) ^ (torch.arange(6) > 3)).logical_not(), [A]),
    (
        "logical",
        lambda x: (
            x * torch.logical_and(torch.arange(6), torch.ones(6))
            + torch.logical_or(torch.arange(6) < 2, torch.arange(6) > 4)
            + torch.logical_xor(torch.arange(6) < 2, torch.arange(6) < 4)
        ),
        [A],
    ),
    ("finite", lambda x: torch.where(torch.isfinite(x), x, 0.0) + x * ~torch.isnan(x) + x.isinf(), [A]),
    ("truth in place", lambda x: x * changed(torch.arange(6) < 3, lambda m: m.__iand__(torch.arange(6) > 0)), [A]),
    # numbers of indices
    (
        "arange",
        lambda x: x + torch.arange(6) * 2 + torch.arange(1.0, 7.0) + torch.arange(0, 12, 2) + torch.arange(0, 0.6, 0.1),
        [A],
    ),
    ("linspace eye", lambda x: x + torch.linspace(0, 1, 6) + torch.eye(6)[2] + torch.eye(4, 6)[1], [A]),
    ("created", lambda x: x + torch.ones(6) + torch.full((6,), 2.5) + torch.zeros_like(x) + torch.ones_like(x), [A]),
    ("created like", lambda x: x + x.new_zeros(6) + x.new_ones(6) + x.new_full((6,), 0.1) + torch.full_like(x, 3), [A]),
    ("literals", lambda x: x + torch.tensor(0.1) + torch.tensor([0, 1, 2, 3, 4, 5]) + torch.scalar_tensor(2.0), [A]),
    (
        "integer arithmetic",
        lambda x: x * (torch.arange(6) // 4) + (torch.arange(6) - 3) % 4 - torch.arange(6).neg(),
        [A],
    ),
    (
        "integer division",
        lambda x: x + torch.div(torch.arange(6) - 3, 2, rounding_mode="trunc") + torch.arange(6) / 4,
        [A],
    ),
    ("fmod", lambda x: x + torch.fmod(torch.arange(6) - 3, 2), [A]),
    (
        "integer extremes",
        lambda x: x + torch.arange(6).clamp(1, 4) + (torch.arange(6) - 3).abs() + torch.arange(6).max(torch.tensor(2)),
        [A],
    ),
    ("integer powers", lambda x: x + (torch.arange(6) * 0 + 5) ** 2 + torch.arange(6) ** 1, [A]),
    ("integer sign relu", lambda x: x + torch.sign(torch.arange(6) - 2) + F.relu(torch.arange(6) - 3), [A]),
    ("shifts", lambda x: x + (torch.arange(6) >> 1) + (torch.arange(6) << 2) + (torch.arange(6) & 3), [A]),
    ("integer floor", lambda x: x + torch.arange(6).floor() + torch.arange(6).ceil(), [A]),
    (
        "comparisons",
        lambda x: sum(
            (m * x for m in (torch.arange(6).le(2), torch.arange(6).ne(1), torch.arange(6).lt(torch.tensor(3)))), x
        ),
        [A],
    ),
    ("float comparisons", lambda x: torch.where(torch.arange(6.0) / 2 < 1.3, x, 0.0), [A]),
    ("truth comparisons", lambda x: torch.where((torch.arange(6) < 3) == (torch.arange(6) < 5), x, 0.0), [A]),
    (
        "casts",
        lambda x: x.double().to(torch.float32) + x.half().float() * 0 + torch.arange(6).float() + x.type_as(x),
        [A],
    ),
    (
        "casts of truth",
        lambda x: x * (torch.arange(6) < 3).float() + (torch.arange(6) < 3).long() + torch.arange(6).bool(),
        [A],
    ),
    # reading at index arrays
    ("gather rows", lambda x: x[[0, 2]] + x[torch.arange(2) + 1] + x[torch.tensor([1, 2])], [B]),
    ("gather columns", lambda x: x[:, torch.arange(0, 6, 2)] + x[:, [0, 1, 2]], [B]),
    ("gather diagonal", lambda x: x[torch.arange(4), torch.arange(4) + 1], [B]),
    ("gather grid", lambda x: x[torch.arange(2)[:, None] + 1, torch.arange(3)[None, :] * 2], [B]),
    ("gather repeats", lambda x: x[torch.arange(8) // 2] + x[torch.arange(8) % 4], [B]),
    ("gather backwards", lambda x: x[torch.arange(4) - 4], [B]),
    ("gather apart", lambda x: x[torch.arange(2), :, torch.arange(2)], [C]),
    (
        "index select",
        lambda x: x.index_select(1, torch.arange(3) * 2) + torch.index_select(x, 1, torch.tensor([0, 1, 2])),
        [B],
    ),
    (
        "gather",
        lambda x: (
            x.gather(1, torch.arange(4)[:, None].expand(4, 3)) + torch.take_along_dim(x, torch.arange(4)[:, None], 1)
        ),
        [B],
    ),
    ("embedding", lambda x: F.embedding(torch.arange(6).view(2, 3) // 2, x), [B]),
    ("added at indices", lambda x: torch.ones(4, 6).index_add_(0, torch.arange(4) // 2, x, alpha=2), [B]),
    (
        "scattered sums",
        lambda x: (
            torch.zeros(4, 6).scatter_add(1, torch.arange(4)[:, None].expand(4, 6) % 3, x)
            + torch.ones(4, 6).scatter_reduce(0, torch.arange(3)[:, None].expand(3, 2), x, "sum").sum()
        ),
        [B],
    ),
    ("windows by index", lambda x: x[torch.arange(4)[:, None] + torch.arange(3)[None, :]], [A]),
    # memory
    ("assignments", assigned, [B, B]),
    ("in place", lambda x: changed(x, lambda y: y.mul_(2).add_(1).sub_(0.5).div_(3).exp_().clamp_(max=5.0)), [A]),
    ("in place views", lambda x: changed(x, lambda y: y.t()[2:4].mul_(x[:, 0])), [B]),
    ("fill zero copy", lambda x: changed(x, lambda y: (y[1:3].fill_(2), y[3].zero_(), y[0].copy_(x[1]))), [B]),
    (
        "masked fill in place",
        lambda x: changed(x, lambda y: y[:, 2:].masked_fill_(torch.ones(4, 4).triu().bool(), 0.0)),
        [B],
    ),
    ("shape in place", lambda x: changed(x, lambda y: y.t_().unsqueeze_(0).squeeze_(0).transpose_(0, 1)) * 2, [B]),
    (
        "out",
        lambda x, y: torch.add(x, y, out=torch.empty(4, 6)) + torch.matmul(x, y.T, out=torch.empty(4, 4))[:, :1],
        [B, B],
    ),
    ("out of a view", lambda x: changed(x, lambda y: torch.exp(x[:, 1], out=y[:, 0])), [B]),
    ("strided write", strided, [B]),
    ("columns first", columns_first, [B]),
    ("write through flat view", through_flat, [B]),
    ("write through split view", through_split, [B]),
    (
        "written where a mask is true",
        lambda x: changed(
            x, lambda y: (y.__setitem__(torch.ones(4, 6).triu().bool(), 0.5), y.__setitem__(torch.arange(4) > 2, 7.0))
        ),
        [B],
    ),
    ("write both ways", lambda x: changed(x, lambda y: y[1:].add_(y[:-1].clone())), [B]),
    ("write to a diagonal", lambda x: changed(x, lambda y: (y.diagonal().fill_(3.0), y.fill_diagonal_(4.0))), [B]),
    ("index add of a slice", lambda x: changed(x, lambda y: y[::2].add_(1)), [A]),
    ("empty like strides", lambda x: torch.empty_like(x.t()).copy_(x.t()) + torch.empty(6, 4).zero_(), [B]),
    # windows
    ("conv1d", lambda x, y: F.conv1d(x, y) + F.conv1d(x, y, y[:, 0, 0])[:, :, :3], [C, (5, 3, 2)]),
    ("conv1d stride", lambda x, y: F.conv1d(x, y, stride=2, padding=1), [C, (5, 3, 2)]),
    ("conv1d dilation", lambda x, y: F.conv1d(x, y, dilation=2, padding=2), [C, (5, 3, 2)]),
    ("conv1d same", lambda x, y: F.conv1d(x, y, padding="same"), [C, (2, 3, 3)]),
    ("conv1d one", lambda x, y: F.conv1d(x[0], y), [C, (2, 3, 3)]),
    ("conv2d", lambda x, y: F.conv2d(x, y, padding=(1, 0), stride=(1, 2)), [E4, (3, 4, 3, 2)]),
    ("conv2d groups", lambda x, y: F.conv2d(x, y, groups=2), [E4, (6, 2, 2, 2)]),
    ("conv2d depthwise", lambda x, y: F.conv2d(x, y, groups=4, padding=1), [E4, (4, 1, 3, 3)]),
    ("conv3d", lambda x, y: F.conv3d(x[None], y), [E4, (2, 2, 2, 2, 2)]),
    ("conv transpose", lambda x, y: F.conv_transpose1d(x, y, stride=2, padding=1), [C, (3, 2, 3)]),
    (
        "conv transpose groups",
        lambda x, y: F.conv_transpose2d(x, y, groups=2, stride=2, output_padding=1),
        [E4, (4, 2, 2, 2)],
    ),
    ("max pool", lambda x: F.max_pool2d(x, 2) + F.max_pool2d(x, 3, stride=2, padding=1)[..., :2, :3] * 2, [E4]),
    ("max pool line", lambda x: F.max_pool1d(x, 2, stride=1), [C]),
    ("max pool ceil", lambda x: F.max_pool2d(x, 2, ceil_mode=True), [E4]),
    ("max pool space", lambda x: F.max_pool3d(x, 2), [E4]),
    ("avg pool", lambda x: F.avg_pool2d(x, 2) + F.avg_pool2d(x, 3, stride=2, padding=1)[..., :2, :3], [E4]),
    ("avg pool line", lambda x: F.avg_pool1d(x, 2), [C]),
    ("avg pool without padding", lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False), [E4]),
    ("avg pool divisor space", lambda x: F.avg_pool3d(x[None], 2, divisor_override=3), [E4]),
    ("adaptive avg", lambda x: F.adaptive_avg_pool2d(x, (1, 2)) + F.adaptive_avg_pool2d(x, 1), [E4]),
    ("adaptive avg uneven", lambda x: F.adaptive_avg_pool2d(x, (3, 4)), [E4]),
    ("adaptive avg line", lambda x: F.adaptive_avg_pool1d(x, 2) + F.adaptive_avg_pool1d(x, 3)[..., :2], [C]),
    ("adaptive avg space", lambda x: F.adaptive_avg_pool3d(x[None], (2, 2, 3)), [E4]),
    ("adaptive max", lambda x: F.adaptive_max_pool2d(x, (2, 3)) + F.adaptive_max_pool2d(x, 1), [E4]),
    ("unfold folds", lambda x: F.unfold(x, (2, 2)), [E4]),
    ("attention of a module", lambda x: heads(x), [C]),
    ("attention masks of a module", lambda x: heads(x, attn_mask=torch.ones(2, 2).triu(1).bool()), [C]),
    ("clamped by one", lambda x: torch.clamp_max(x, 1.0) + torch.clamp_min(x, 1.2), [A]),
    ("signs of indices", lambda x: x + torch.sgn(torch.arange(6) - 2), [A]),
    ("infinite masks", lambda x: x.masked_fill(tri(x) == -INF, 3.0) + torch.isneginf(tri(x)) + torch.isposinf(x), [B]),
    ("edges of space", lambda x: F.pad(x[None], (1, 1, 1, 1, 1, 1), mode="reflect"), [E4]),
    ("repeated edges of space", lambda x: F.pad(x[None], (1, 1, 1, 1, 1, 1), mode="replicate"), [E4]),
    ("nearest in space", lambda x: F.interpolate(x[None], scale_factor=2), [C3]),
    ("adaptive max line", lambda x: F.adaptive_max_pool1d(x, 2), [C]),
    ("adaptive max space", lambda x: F.adaptive_max_pool3d(x[None], (2, 2, 3)), [E4]),
    (
        "shifts by name",
        lambda x: x + torch.bitwise_left_shift(torch.arange(6), 1) + torch.arange(6).bitwise_right_shift(1),
        [A],
    ),
    # context
    ("no grad autocast", lambda x: torch.no_grad()(lambda v: v * 2)(x), [A]),
    ("vmap of products", lambda x, y: torch.vmap(lambda r: y @ r + F.linear(r, y))(x), [B, B]),
    ("gradient", lambda x: torch.func.grad(lambda v: (v * v).sum() + (v @ v))(x), [A]),
    ("product into a part", lambda x, y: changed(x, lambda z: torch.matmul(y[:2], y.T, out=z[:2, :4])), [B, B]),
    ("vmap", lambda x, y: torch.vmap(lambda r: torch.dot(r, y))(x), [B, A]),
    (
        "item of a constant",
        lambda x: x * torch.tensor(3).item() + float(torch.tensor(0.5)) + int(torch.arange(6)[4]),
        [A],
    ),
    ("rounding signed", lambda x: (4 * x).round() + 10 * x.trunc() + 100 * x.frac() + x.fix(), [B]),
    ("rounding of halves", lambda x: x + (torch.arange(6) / 2).round() + (torch.arange(6) / 2 - 1.5).round(), [A]),
    ("sign signed", lambda x: torch.sign(x) + torch.sgn(x - 0.3) + torch.sign(torch.arange(6) - 2), [B]),
    ("truncated quotient signed", lambda x: torch.div(5 * x, 0.7, rounding_mode="trunc") + torch.fmod(x, 0.3), [B]),
    ("to integers signed", lambda x: (3 * x).long().float() + (2 * x).int() + x.to(torch.int16), [B]),
    ("quantised signed", lambda x: (100 * x).round().clamp(-128, 127).to(torch.int8).float() * 0.5, [B]),
    (
        "infinities in data signed",
        lambda x: (
            x.where(~torch.isneginf(tri(x).cummin(1).values), x * 0 + 2)
            + torch.isposinf(x.cummax(0).values)
            + x.isnan()
        ),
        [B],
    ),
    ("infinite maximum", lambda x: torch.where(tri(x)[:, 1:].amax(1).isinf(), 0.0, x[:, 0]), [B]),
    ("any all signed", lambda x: (x > 1.5).any(1) + 2.0 * (x > -0.9).all(0)[:4] + (x > 5).any() + x.bool().all(), [B]),
    ("index_copy", lambda x, y: x.index_copy(0, torch.tensor([2, 0]), y[:2]), [B, B]),
    ("index_copy columns", lambda x, y: changed(x, lambda z: z.index_copy_(1, torch.arange(3) * 2, y[:, :3])), [B, B]),
    ("index_fill", lambda x: x.index_fill(1, torch.tensor([0, 3, 3]), 2.5), [B]),
    (
        "index_reduce",
        lambda x, y: (
            x.index_reduce(0, torch.tensor([1, 1, 3, 0]), y, "amax")
            + x.index_reduce(0, torch.tensor([1, 1, 3, 3]), y, "mean", include_self=False)
        ),
        [B, B],
    ),
    ("scatter", lambda x, y: x.scatter(1, torch.tensor([[0, 4], [1, 2]]), y), [B, B]),
    ("scatter along the first", lambda x: torch.zeros(6).scatter(0, 5 - torch.arange(6), x), [A]),
    ("scatter a number", lambda x: x.scatter(1, torch.tensor([[0, 0], [1, 5]]), 1.5), [B]),
    ("one hot", lambda x: torch.zeros(4, 6).scatter_(1, torch.arange(4)[:, None], 1.0) + x, [B]),
    ("scatter and add", lambda x, y: x.scatter(0, torch.zeros(2, 6, dtype=torch.long), y, reduce="add"), [B, B]),
    (
        "scatter_reduce",
        lambda x, y: (
            x.scatter_reduce(1, torch.arange(6).expand(4, 6) // 2, y, "amin")
            + x.scatter_reduce(1, torch.arange(6).expand(4, 6) // 2, y, "prod", include_self=False)
            + x.scatter_reduce(1, torch.arange(6).expand(4, 6) // 2, y, "mean")
        ),
        [B, B],
    ),
    ("put one axis", lambda x, y: changed(x, lambda z: z.__setitem__(torch.tensor([3, 1]), y[:2])), [B, B]),
    (
        "put two axes",
        lambda x, y: changed(x, lambda z: z.__setitem__((torch.arange(4), torch.tensor([5, 0, 2, 2])), y[:, 0])),
        [B, B],
    ),
    (
        "put apart",
        lambda x, y: changed(
            x, lambda z: z.__setitem__((torch.tensor([0, 1]), slice(None), torch.tensor([3, 2])), y[:2, :3])
        ),
        [C, B],
    ),
    (
        "put and add",
        lambda x, y: x.index_put((torch.tensor([1, 1, 3]),), y[:3], accumulate=True),
        [B, B],
    ),
    ("put a number", lambda x: changed(x, lambda z: z.__setitem__(torch.tensor([3, 3, 1]), 0.25)), [B]),
    ("put at a mask", lambda x: changed(x, lambda z: z.__setitem__((slice(None), torch.arange(6) > 3), 0.25)), [B]),
    ("bilinear", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), [E4]),
    ("bilinear by size", lambda x: F.interpolate(x, size=(7, 3), mode="bilinear", align_corners=False), [E4]),
    ("bilinear with corners", lambda x: F.interpolate(x, size=(9, 4), mode="bilinear", align_corners=True), [E4]),
    ("linear", lambda x: F.interpolate(x, scale_factor=3, mode="linear"), [C]),
    ("trilinear", lambda x: F.interpolate(x[None], scale_factor=2, mode="trilinear"), [(1, 2, 2, 3)]),
    ("channels shuffled", lambda x: F.channel_shuffle(x, 2), [E4]),
    ("pixels apart", lambda x: F.pixel_unshuffle(x[:, :, :4], 2), [E4]),
    ("cdist", lambda x, y: torch.cdist(x, y) + torch.cdist(x, y, p=1) + torch.cdist(x, y, p=INF), [B, B]),
    ("cdist of batches", lambda x, y: torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist"), [C, C]),
    (
        "lists of tensors",
        lambda x, y: sum(
            torch._foreach_add([x, y], [y, x], alpha=2)
            + torch._foreach_mul([x, y], 3.0)
            + torch._foreach_sub([x], [1.5])
            + torch._foreach_addcdiv([x], [y], [x], value=0.5)
            + torch._foreach_lerp([x], [y], 0.25)
            + torch._foreach_sqrt([x])
            + torch._foreach_norm([x])
        ),
        [B, B],
    ),
    ("lists of tensors in place", lambda x, y: stepped(x, y), [B, B]),
    ("place of extremum signed", lambda x: x.argmax(1)[:, None] + 0.5 * x.argmin(0) + x.argmax(), [B]),
    ("places from max and min signed", lambda x: x.max(1).indices[:, None] + x.min(0, keepdim=True)[1] * 2.0, [B]),
    ("greatest one signed", lambda x: x.topk(1).values + x.topk(1, dim=0, largest=False).indices, [B]),
    ("place as an index signed", lambda x, y: y.gather(1, x.argmax(1, keepdim=True)) + y[x.argmin(0)].sum(), [B, B]),
    ("rows at a place signed", lambda x, y: y.index_select(1, x.argmax(1)) + y[:, x.argmax(1)], [B, B]),
    ("bilinear form signed", lambda x, y: F.bilinear(x, y, (x[:2, :, None] * y[:2, None, :])), [B, B]),
    ("rrelu signed", lambda x: F.rrelu(x, 0.1, 0.3), [B]),
    ("lstm", lambda x: recurrent(torch.nn.LSTM, x), [C]),
    ("gru rnn", lambda x: recurrent(torch.nn.GRU, x) + recurrent(torch.nn.RNN, x), [C]),
    ("in order", lambda x: x.sort(1).values * 2 + x.sort(0, descending=True)[0] ** 2, [B]),
    ("places in order", lambda x: x.argsort(1) * 2.0 + x.sort(0, descending=True).indices, [B]),
    ("first few", lambda x: x.topk(2, dim=0).values * 3 + x.topk(2, dim=0, largest=False).indices, [B]),
    ("at a place in order", lambda x: x.kthvalue(2, dim=1)[0] + x.median(1, keepdim=True).values + x.median(), [B]),
    ("spread to places", lambda x: torch.zeros_like(x).scatter(1, x.topk(2, 1)[1], x.topk(2, 1)[0]), [B]),
    ("xlogy signed", lambda x, y: torch.xlogy((2 * x).round(), y.abs()) + torch.xlogy(x, 2.0), [B, B]),
    ("xlogy of nothing", lambda x: torch.xlogy(x.floor().clamp(max=0), -x) + torch.xlogy(1 - x.clamp(max=1), x), [A]),
    ("unused unmodelled", lambda x: (torch.mode(x), x * 2)[1], [A]),
]
_SEEN: set[str] = set()


def task(function, shapes, dtypes=None):
    names = "xyz"[: len(shapes)]
    dims = {f"{n}{a}": Dim(f"{n}{a}", s) for n, shape in zip(names, shapes, strict=True) for a, s in enumerate(shape)}
    parameters = []
    for name, shape in zip(names, shapes, strict=True):
        own = tuple(dims[f"{name}{a}"] for a in range(len(shape)))
        tensor = Tensor(name.upper(), tuple(d.name for d in own), tuple(d.extent for d in own))
        parameters.append(Parameter(name, tensor, own, (dtypes or {}).get(name, "float32")))
    source = {2: lambda x, y: function(x, y), 1: lambda x: function(x)}[len(shapes)]
    return KernelTask("kernel", source, tuple(parameters), dims, __file__)


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    class Noting(dict):
        def get(self, name, default=None):
            _SEEN.add(name)
            return super().get(name, default)

    monkeypatch.setattr(interpreter, "MODELS", Noting(MODELS))


@pytest.mark.parametrize("name, function, shapes", CASES, ids=[c[0] for c in CASES])
def test_agrees_with_torch(name, function, shapes):
    random = np.random.default_rng(7)
    low = -1.0 if name.endswith("signed") else 0.5
    numbers = [random.uniform(low, 2.0, shape).astype(np.float32) for shape in shapes]
    expected = function(*(torch.asarray(n.copy()) for n in numbers))
    (found,) = TorchFrontEnd().trace(task(function, shapes), Recorder())
    shape = tuple(s.constant for s in found.shape)
    assert shape == tuple(expected.shape)
    inputs = {n: v.astype(np.float64) for n, v in zip("XYZ", numbers, strict=False)}
    np.testing.assert_allclose(table(found.node, shape, inputs), expected.numpy(), rtol=2e-3, atol=2e-5)


def test_every_model_is_tested():
    if len(_SEEN) < 100:
        pytest.skip("needs the whole file to run")
    refused = {name for name, model in MODELS.items() if model is creation.random_numbers}
    assert " ".join(sorted(set(MODELS) - _SEEN - refused)) == ""


UNMODELLED = [
    ("mode", lambda x: torch.mode(x).values, [A]),
    ("values that may be missing", lambda x: torch.where(torch.isnan(x.log()), 0.0, x), [A]),
    ("place with all axes kept", lambda x: x + x.argmax(keepdim=True), [A]),
    ("round to decimals", lambda x: x.round(decimals=2), [A]),
    ("bicubic", lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), [E4]),
    ("enlarged by another factor", lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), [E4]),
    ("distance of another order", lambda x: torch.cdist(x, x, p=3), [B]),
    ("put", lambda x: x.put(torch.tensor([1, 0]), x[:2]), [A]),
    ("masked_scatter", lambda x: x.masked_scatter(torch.arange(6) > 2, x), [A]),
    ("random", lambda x: x + torch.randn(6), [A]),
    ("dropout in training", lambda x: F.dropout(x, 0.5), [A]),
    ("attention with dropout", lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1), [C]),
    ("rows masked completely", lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=torch.arange(3) > 5), [C]),
    ("softplus that bends", lambda x: F.softplus(x, threshold=1), [A]),
    ("bits", lambda x: x + (torch.arange(6) | 1), [A]),
    ("memory of another type", lambda x: x.view(torch.int32).float(), [A]),
    ("index that may leave", lambda x: x.index_select(0, torch.arange(4) * 2), [A]),
    ("a variance of one", lambda x: x[:1].var() + x, [A]),
    ("rms norm of the type", lambda x: F.rms_norm(x, (6,)), [A]),
    ("fourier", lambda x: torch.fft.fft(x).real, [A]),
    ("memory never written as an integer", lambda x: x + torch.empty(6, dtype=torch.int64), [A]),
]


@pytest.mark.parametrize("name, function, shapes", UNMODELLED, ids=[c[0] for c in UNMODELLED])
def test_what_has_no_model_is_no_number(name, function, shapes):
    """The operation stops the trace, or its elements are expressions that no proof can use; PyTorch has a value."""
    try:
        (found,) = TorchFrontEnd().trace(task(function, shapes), Recorder())
    except IndexError:
        assert name == "index that may leave"
    except StileError as error:
        assert error.code == "unsupported" and error.message
    else:
        shape = tuple(s.constant for s in found.shape)
        with pytest.raises(Unmodelled):
            table(found.node, shape, {n: np.ones(s) for n, s in zip("XYZ", shapes, strict=False)})


def test_values_are_recorded_at_the_exact_expression():
    recorder = Recorder()
    TorchFrontEnd().trace(task(lambda x, y: (x @ y.T) * 2, [B, B]), recorder)
    lines = Path(__file__).read_text().split("\n")
    texts = {lines[s.lineno - 1][s.col : s.end_col]: v for s, v in recorder.values.items()}
    assert texts["x @ y.T"].value.shape_type == "x0 y0"
    assert texts["y.T"].value.shape_type == "y1 y0"
    assert texts["(x @ y.T) * 2"].count == 1


def test_slices_keep_the_coordinates_of_the_dim():
    recorder = Recorder()
    TorchFrontEnd().trace(task(lambda x: torch.exp(x[2:5]), [A]), recorder)
    assert "x0[2:5]" in {v.value.shape_type for v in recorder.values.values()}


def test_memory_that_was_never_written_has_no_value():
    (found,) = TorchFrontEnd().trace(task(lambda x: torch.empty(6) + x, [A]), Recorder())
    with pytest.raises(AssertionError, match="never written"):
        table(found.node, (6,), {"X": np.ones(6)})
