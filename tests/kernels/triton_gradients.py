"""Triton: norms, losses and their derivatives, row by row and tile by tile."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

R, N = dim("R"), dim("N", max=1024)
CG, HW = dim("CG", 8), dim("HW", max=4096)
ROW = dict(scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))


@kernel({"y_ptr": "X:R N * rsqrt(mean[N](X:R N ** 2) + scalar(eps)) * W:N", "r_ptr": "rsqrt(mean[N](X:R N ** 2) + scalar(eps))"}, inputs={"x_ptr": "X:R N", "w_ptr": "W:N"}, strides={"x_ptr": ("sx", 1), "y_ptr": ("sy", 1)}, **ROW)
@triton.jit
def rms_forward(y_ptr, sy, x_ptr, sx, w_ptr, r_ptr, n, eps, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    mask = c < n
    y_ptr += row * sy
    x_ptr += row * sx
    x = tl.load(x_ptr + c, mask=mask, other=0)
    w = tl.load(w_ptr + c, mask=mask, other=0)
    x = x.to(tl.float32)
    ms = tl.sum(x * x, axis=0) / n
    r = tl.rsqrt(ms + eps)
    tl.store(r_ptr + row, r)
    tl.store(y_ptr + c, x * r * w, mask=mask)


@kernel({"dx_ptr": "r:R * (W:N * dY:R N - X:R N * r:R ** 2 * (sum[N](W:N * dY:R N * X:R N) / size(N)))"}, inputs={"dy_ptr": "dY:R N", "x_ptr": "X:R N", "w_ptr": "W:N", "r_ptr": "r:R"}, **ROW)
@triton.jit
def rms_backward(dy_ptr, dx_ptr, x_ptr, w_ptr, r_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    mask = c < n
    dy = tl.load(dy_ptr + row * n + c, mask=mask, other=0.0)
    x = tl.load(x_ptr + row * n + c, mask=mask, other=0.0)
    w = tl.load(w_ptr + c, mask=mask, other=0.0)
    r = tl.load(r_ptr + row)
    m = dy * w
    dx = r * m
    dx += r * (-(1 / n) * r * r * tl.sum(m * x, axis=0) * x)
    tl.store(dx_ptr + row * n + c, dx, mask=mask)


@kernel({"dx_ptr": "r:R * (W:N * dY:R N - X:R N * r:R ** 2 * (sum[N](W:N * dY:R N * X:R N) / size(N)))"}, inputs={"dy_ptr": "dY:R N", "x_ptr": "X:R N", "w_ptr": "W:N", "r_ptr": "r:R"}, **ROW)
@triton.jit
def rms_backward_forgets_the_weight(dy_ptr, dx_ptr, x_ptr, w_ptr, r_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    mask = c < n
    dy = tl.load(dy_ptr + row * n + c, mask=mask, other=0.0)
    x = tl.load(x_ptr + row * n + c, mask=mask, other=0.0)
    w = tl.load(w_ptr + c, mask=mask, other=0.0)
    r = tl.load(r_ptr + row)
    m = dy * w
    dx = r * m
    dx += r * (-(1 / n) * r * r * tl.sum(dy * x, axis=0) * x)
    tl.store(dx_ptr + row * n + c, dx, mask=mask)


@kernel({"dw_ptr": "sum[R](dY:R N * X:R N * r:R)"}, inputs={"dy_ptr": "dY:R N", "x_ptr": "X:R N", "r_ptr": "r:R"}, scalars={"n": N, "rows": R}, consts={"BN": 32, "BR": 16}, grid=lambda c: (cdiv(N, c["BN"]),))
@triton.jit
def weight_gradient(dy_ptr, x_ptr, r_ptr, dw_ptr, n, rows, BN: tl.constexpr, BR: tl.constexpr):  # proved
    c = tl.program_id(0) * BN + tl.arange(0, BN)
    acc = tl.zeros((BR, BN), dtype=tl.float32)
    for i in range(0, rows, BR):
        r = i + tl.arange(0, BR)
        mask = (r[:, None] < rows) & (c[None, :] < n)
        o = r[:, None] * n + c[None, :]
        dy = tl.load(dy_ptr + o, mask=mask, other=0.0)
        x = tl.load(x_ptr + o, mask=mask, other=0.0)
        rs = tl.load(r_ptr + r, mask=r < rows, other=0.0)
        acc += dy * x * rs[:, None]
    tl.store(dw_ptr + c, tl.sum(acc, axis=0), mask=c < n)


@kernel({"dw_ptr": "sum[R](dY:R N * X:R N * r:R)"}, inputs={"dy_ptr": "dY:R N", "x_ptr": "X:R N", "r_ptr": "r:R"}, scalars={"n": N, "rows": R}, consts={"BN": 32, "BR": 16}, grid=lambda c: (cdiv(N, c["BN"]),))
@triton.jit
def weight_gradient_drops_rows(dy_ptr, x_ptr, r_ptr, dw_ptr, n, rows, BN: tl.constexpr, BR: tl.constexpr):  # refuted
    c = tl.program_id(0) * BN + tl.arange(0, BN)
    acc = tl.zeros((BR, BN), dtype=tl.float32)
    for i in range(0, rows // BR):
        r = i * BR + tl.arange(0, BR)
        mask = (r[:, None] < rows) & (c[None, :] < n)
        o = r[:, None] * n + c[None, :]
        dy = tl.load(dy_ptr + o, mask=mask, other=0.0)
        x = tl.load(x_ptr + o, mask=mask, other=0.0)
        rs = tl.load(r_ptr + r, mask=r < rows, other=0.0)
        acc += dy * x * rs[:, None]
    tl.store(dw_ptr + c, tl.sum(acc, axis=0), mask=c < n)


@kernel({"out_ptr": "(X:R CG HW - mean[HW](mean[CG](X:R CG HW))) * rsqrt(mean[HW](mean[CG]((X:R CG HW - mean[HW](mean[CG](X:R CG HW)))**2)) + 0.00001)"}, inputs={"x_ptr": "X:R CG HW"}, scalars={"hw": HW}, consts={"CG": 8, "BLOCK": 64}, grid=(R,))
@triton.jit
def group_norm(x_ptr, out_ptr, hw, CG: tl.constexpr, BLOCK: tl.constexpr):  # proved
    g = tl.program_id(0)
    x_ptr += g * CG * hw
    out_ptr += g * CG * hw
    ch = tl.arange(0, CG)
    s = 0.0
    sq = 0.0
    for i in range(0, hw, BLOCK):
        p = i + tl.arange(0, BLOCK)
        mask = p[None, :] < hw
        x = tl.load(x_ptr + ch[:, None] * hw + p[None, :], mask=mask, other=0.0)
        s += tl.sum(x)
        sq += tl.sum(x * x)
    mean = s / (CG * hw)
    var = sq / (CG * hw) - mean * mean
    rstd = 1 / tl.sqrt(var + 1e-5)
    for i in range(0, hw, BLOCK):
        p = i + tl.arange(0, BLOCK)
        mask = p[None, :] < hw
        o = ch[:, None] * hw + p[None, :]
        x = tl.load(x_ptr + o, mask=mask, other=0.0)
        tl.store(out_ptr + o, (x - mean) * rstd, mask=mask)


@kernel({"out_ptr": "(X:R CG HW - mean[HW](mean[CG](X:R CG HW))) * rsqrt(mean[HW](mean[CG]((X:R CG HW - mean[HW](mean[CG](X:R CG HW)))**2)) + 0.00001)"}, inputs={"x_ptr": "X:R CG HW"}, scalars={"hw": HW}, consts={"CG": 8, "BLOCK": 64}, grid=(R,))
@triton.jit
def group_norm_by_pixels(x_ptr, out_ptr, hw, CG: tl.constexpr, BLOCK: tl.constexpr):  # refuted
    g = tl.program_id(0)
    x_ptr += g * CG * hw
    out_ptr += g * CG * hw
    ch = tl.arange(0, CG)
    s = 0.0
    sq = 0.0
    for i in range(0, hw, BLOCK):
        p = i + tl.arange(0, BLOCK)
        mask = p[None, :] < hw
        x = tl.load(x_ptr + ch[:, None] * hw + p[None, :], mask=mask, other=0.0)
        s += tl.sum(x)
        sq += tl.sum(x * x)
    mean = s / hw
    var = sq / (CG * hw) - mean * mean
    rstd = 1 / tl.sqrt(var + 1e-5)
    for i in range(0, hw, BLOCK):
        p = i + tl.arange(0, BLOCK)
        mask = p[None, :] < hw
        o = ch[:, None] * hw + p[None, :]
        x = tl.load(x_ptr + o, mask=mask, other=0.0)
        tl.store(out_ptr + o, (x - mean) * rstd, mask=mask)


@kernel({"loss_ptr": "sum[N](exp(Q:R N) * (Q:R N - P:R N)) / size(R)"}, inputs={"p_ptr": "P:R N", "q_ptr": "Q:R N"}, scalars={"n": N, "rows": R}, consts={"BLOCK": 64}, grid=(R,))
@triton.jit
def kl(p_ptr, q_ptr, loss_ptr, n, rows, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    total = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        p = tl.load(p_ptr + row * n + c, mask=c < n, other=0.0)
        q = tl.load(q_ptr + row * n + c, mask=c < n, other=0.0)
        total += tl.sum(tl.where(c < n, tl.exp(q) * (q - p), 0.0), axis=0)
    tl.store(loss_ptr + row, total / rows)


@kernel({"loss_ptr": "sum[N](exp(Q:R N) * (Q:R N - P:R N)) / size(R)"}, inputs={"p_ptr": "P:R N", "q_ptr": "Q:R N"}, scalars={"n": N, "rows": R}, consts={"BLOCK": 64}, grid=(R,))
@triton.jit
def kl_padding(p_ptr, q_ptr, loss_ptr, n, rows, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    total = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        p = tl.load(p_ptr + row * n + c, mask=c < n, other=0.0)
        q = tl.load(q_ptr + row * n + c, mask=c < n, other=1.0)
        total += tl.sum(tl.exp(q) * (q - p), axis=0)
    tl.store(loss_ptr + row, total / rows)


@kernel({"out_ptr": "X:R N - logsumexp[N](X:R N)", "lse_ptr": "logsumexp[N](X:R N)"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))
@triton.jit
def log_softmax(x_ptr, out_ptr, lse_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf"))
    z = x - tl.max(x, 0)
    lse = tl.log(tl.sum(tl.exp(z), 0))
    tl.store(lse_ptr + row, lse + tl.max(x, 0))
    tl.store(out_ptr + row * n + c, z - lse, mask=c < n)


@kernel({"out_ptr": "X:R N - logsumexp[N](X:R N)", "lse_ptr": "logsumexp[N](X:R N)"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))
@triton.jit
def log_softmax_lse_shifted(x_ptr, out_ptr, lse_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf"))
    z = x - tl.max(x, 0)
    lse = tl.log(tl.sum(tl.exp(z), 0))
    tl.store(lse_ptr + row, lse)
    tl.store(out_ptr + row * n + c, z - lse, mask=c < n)


@kernel({"d_ptr": "Y:R N * (D:R N - sum[N](Y:R N * D:R N))"}, inputs={"y_ptr": "Y:R N", "d_ptr": "D:R N"}, scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))
@triton.jit
def softmax_backward(y_ptr, d_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    y = tl.load(y_ptr + row * n + c, mask=c < n, other=0.0)
    d = tl.load(d_ptr + row * n + c, mask=c < n, other=0.0)
    tl.store(d_ptr + row * n + c, y * (d - tl.sum(y * d, 0)), mask=c < n)


@kernel({"d_ptr": "Y:R N * (D:R N - sum[N](Y:R N * D:R N))"}, inputs={"y_ptr": "Y:R N", "d_ptr": "D:R N"}, scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))
@triton.jit
def softmax_backward_of_the_next(y_ptr, d_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    y = tl.load(y_ptr + row * n + c, mask=c < n, other=0.0)
    d = tl.load(d_ptr + row * n + c + 1, mask=c + 1 < n, other=0.0)
    tl.store(d_ptr + row * n + c, y * (d - tl.sum(y * d, 0)), mask=c < n)


BY_ROWS = dict(inputs={"dy_ptr": "dY:R N", "x_ptr": "X:R N"}, scalars={"rows": R, "n": N, "each": 4}, consts={"BLOCK": 1024}, grid=(cdiv(R, 4),))


@kernel({"dy_ptr": "dY:R N - X:R N * mean[N](dY:R N * X:R N)"}, **BY_ROWS)
@triton.jit
def backward_by_blocks_of_rows(dy_ptr, x_ptr, rows, n, each, BLOCK: tl.constexpr):  # proved
    first = tl.program_id(0) * each
    c = tl.arange(0, BLOCK)
    dy_ptr += first * n
    x_ptr += first * n
    for _ in range(first, min((tl.program_id(0) + 1) * each, rows)):
        dy = tl.load(dy_ptr + c, mask=c < n, other=0.0)
        x = tl.load(x_ptr + c, mask=c < n, other=0.0)
        tl.store(dy_ptr + c, dy - x * (tl.sum(dy * x, axis=0) / n), mask=c < n)
        dy_ptr += n
        x_ptr += n


@kernel({"dy_ptr": "dY:R N - X:R N * mean[N](dY:R N * X:R N)"}, **BY_ROWS)
@triton.jit
def backward_by_blocks_that_overlap(dy_ptr, x_ptr, rows, n, each, BLOCK: tl.constexpr):  # refuted: write the same element
    first = tl.program_id(0) * each
    c = tl.arange(0, BLOCK)
    dy_ptr += first * n
    x_ptr += first * n
    for _ in range(first, min((tl.program_id(0) + 1) * each + 1, rows)):
        dy = tl.load(dy_ptr + c, mask=c < n, other=0.0)
        x = tl.load(x_ptr + c, mask=c < n, other=0.0)
        tl.store(dy_ptr + c, dy - x * (tl.sum(dy * x, axis=0) / n), mask=c < n)  # error[race]  # warning[unsupported]
        dy_ptr += n
        x_ptr += n


@kernel({"dy_ptr": "dY:R N - X:R N * mean[N](dY:R N * X:R N)"}, **BY_ROWS)
@triton.jit
def backward_by_blocks_without_the_last_row(dy_ptr, x_ptr, rows, n, each, BLOCK: tl.constexpr):  # refuted
    first = tl.program_id(0) * each
    c = tl.arange(0, BLOCK)
    dy_ptr += first * n
    x_ptr += first * n
    for _ in range(first, min((tl.program_id(0) + 1) * each, rows - 1)):
        dy = tl.load(dy_ptr + c, mask=c < n, other=0.0)
        x = tl.load(x_ptr + c, mask=c < n, other=0.0)
        tl.store(dy_ptr + c, dy - x * (tl.sum(dy * x, axis=0) / n), mask=c < n)
        dy_ptr += n
        x_ptr += n
