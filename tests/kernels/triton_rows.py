"""Triton: kernels with one row for each program: softmax, norms, losses."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

R, N = dim("R"), dim("N", max=128)

ROWS = {"inputs": {"x_ptr": "X:R N"}, "scalars": {"stride": N, "n": N}, "consts": {"BLOCK": 128}, "grid": (R,)}


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax(out_ptr, x_ptr, stride, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=-float("inf"))
    numerator = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * stride + columns, numerator / tl.sum(numerator, axis=0), mask=mask)


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_masked_with_zero(out_ptr, x_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=0.0)
    numerator = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * stride + columns, numerator / tl.sum(numerator, axis=0), mask=mask)


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_of_garbage(out_ptr, x_ptr, stride, n, BLOCK: tl.constexpr):  # refuted: masked-off lane
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask)
    numerator = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * stride + columns, numerator / tl.sum(numerator, axis=0), mask=mask)


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_unscaled(out_ptr, x_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=-float("inf"))
    numerator = tl.exp(x)
    tl.store(out_ptr + row * stride + columns, numerator / tl.max(numerator, axis=0), mask=mask)


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_of_the_first_row(out_ptr, x_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + columns, mask=mask, other=-float("inf"))
    numerator = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * stride + columns, numerator / tl.sum(numerator, axis=0), mask=mask)


NORM = {
    "inputs": {"x_ptr": "X:R N", "w_ptr": "W:N", "b_ptr": "B:N"},
    "scalars": {"stride": N, "n": N},
    "consts": {"BLOCK": 128},
    "grid": (R,),
}


@kernel({"out_ptr": "X:R N * rsqrt(mean[N](X:R N ** 2) + 0.00001) * W:N"}, inputs={"x_ptr": "X:R N", "w_ptr": "W:N"}, scalars=NORM["scalars"], consts={"BLOCK": 128, "eps": 1e-5}, grid=(R,))
@triton.jit
def rms_norm(out_ptr, x_ptr, w_ptr, stride, n, eps: tl.constexpr, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + columns, mask=mask)
    rstd = 1 / tl.sqrt(tl.sum(x * x, axis=0) / n + eps)
    tl.store(out_ptr + row * stride + columns, x * rstd * w, mask=mask)


RMS = {"inputs": {"x_ptr": "X:R N", "w_ptr": "W:N"}, "scalars": {"stride": N, "n": N}, "consts": {"BLOCK": 128, "eps": 1e-5}, "grid": (R,)}


@kernel({"out_ptr": "X:R N * rsqrt(mean[N](X:R N ** 2) + 0.00001) * W:N"}, **RMS)
@triton.jit
def rms_norm_by_the_block(out_ptr, x_ptr, w_ptr, stride, n, eps: tl.constexpr, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + columns, mask=mask)
    rstd = 1 / tl.sqrt(tl.sum(x * x, axis=0) / BLOCK + eps)
    tl.store(out_ptr + row * stride + columns, x * rstd * w, mask=mask)


@kernel({"out_ptr": "X:R N * rsqrt(mean[N](X:R N ** 2) + 0.5) * W:N"}, **{**RMS, "consts": {"BLOCK": 128, "eps": 0.5}})
@triton.jit
def rms_norm_eps_outside(out_ptr, x_ptr, w_ptr, stride, n, eps: tl.constexpr, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + columns, mask=mask)
    rstd = 1 / (tl.sqrt(tl.sum(x * x, axis=0) / n) + eps)
    tl.store(out_ptr + row * stride + columns, x * rstd * w, mask=mask)


@kernel({"out_ptr": "X:R N * rsqrt(mean[N](X:R N ** 2) + 0.00001) * W:N"}, **RMS)
@triton.jit
def rms_norm_weight_of_the_row(out_ptr, x_ptr, w_ptr, stride, n, eps: tl.constexpr, BLOCK: tl.constexpr):  # refuted: out of bounds
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    mask = columns < n
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + row)  # error[out-of-bounds]
    rstd = 1 / tl.sqrt(tl.sum(x * x, axis=0) / n + eps)
    tl.store(out_ptr + row * stride + columns, x * rstd * w, mask=mask)

LAYER_NORM = {
    "out_ptr": "let D = X:R N - mean[N](X:R N) in D * rsqrt(mean[N](D ** 2) + 0.00001) * W:N + B:N",
    "mean_ptr": "mean[N](X:R N)",
    "rstd_ptr": "rsqrt(mean[N]((X:R N - mean[N](X:R N)) ** 2) + 0.00001)",
}


@kernel(LAYER_NORM, **{**NORM, "consts": {"BLOCK": 32}})
@triton.jit
def layer_norm(x_ptr, out_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, stride, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    x_ptr += row * stride
    out_ptr += row * stride
    _mean = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        a = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        _mean += a
    mean = tl.sum(_mean, axis=0) / n
    _var = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        x = tl.where(cols < n, x - mean, 0.0)
        _var += x * x
    var = tl.sum(_var, axis=0) / n
    rstd = 1 / tl.sqrt(var + 1e-5)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        mask = cols < n
        w = tl.load(w_ptr + cols, mask=mask)
        b = tl.load(b_ptr + cols, mask=mask)
        x = tl.load(x_ptr + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(out_ptr + cols, (x - mean) * rstd * w + b, mask=mask)


@kernel(LAYER_NORM, **{**NORM, "consts": {"BLOCK": 32}})
@triton.jit
def layer_norm_counts_the_padding(x_ptr, out_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    x_ptr += row * stride
    out_ptr += row * stride
    _mean = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        a = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        _mean += a
    mean = tl.sum(_mean, axis=0) / n
    _var = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        x = x - mean
        _var += x * x
    var = tl.sum(_var, axis=0) / n
    rstd = 1 / tl.sqrt(var + 1e-5)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        mask = cols < n
        w = tl.load(w_ptr + cols, mask=mask)
        b = tl.load(b_ptr + cols, mask=mask)
        x = tl.load(x_ptr + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(out_ptr + cols, (x - mean) * rstd * w + b, mask=mask)


@kernel(LAYER_NORM, **{**NORM, "consts": {"BLOCK": 32}})
@triton.jit
def layer_norm_skips_the_last_tile(x_ptr, out_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    x_ptr += row * stride
    out_ptr += row * stride
    _mean = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n - BLOCK + 1, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        a = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        _mean += a
    mean = tl.sum(_mean, axis=0) / n
    _var = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        x = tl.where(cols < n, x - mean, 0.0)
        _var += x * x
    var = tl.sum(_var, axis=0) / n
    rstd = 1 / tl.sqrt(var + 1e-5)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        mask = cols < n
        w = tl.load(w_ptr + cols, mask=mask)
        b = tl.load(b_ptr + cols, mask=mask)
        x = tl.load(x_ptr + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(out_ptr + cols, (x - mean) * rstd * w + b, mask=mask)


@kernel(LAYER_NORM, **{**NORM, "consts": {"BLOCK": 32}})
@triton.jit
def layer_norm_forgets_the_mean(x_ptr, out_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    x_ptr += row * stride
    out_ptr += row * stride
    _mean = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        a = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        _mean += a
    mean = tl.sum(_mean, axis=0) / n
    _var = tl.zeros([BLOCK], dtype=tl.float32)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
        x = tl.where(cols < n, x - mean, 0.0)
        _var += x * x
    var = tl.sum(_var, axis=0) / n
    rstd = 1 / tl.sqrt(var + 1e-5)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for off in range(0, n, BLOCK):
        cols = off + tl.arange(0, BLOCK)
        mask = cols < n
        w = tl.load(w_ptr + cols, mask=mask)
        b = tl.load(b_ptr + cols, mask=mask)
        x = tl.load(x_ptr + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(out_ptr + cols, x * rstd * w + b, mask=mask)
