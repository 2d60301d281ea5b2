"""Triton: program ids that are taken apart by sizes, grouped orders of programs, epilogues."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K = dim("M"), dim("N"), dim("K")

P = {
    "inputs": {"a_ptr": "A:M K", "b_ptr": "B:K N"},
    "scalars": {"m": M, "n": N, "k": K},
    "strides": {"a_ptr": ("sam", "sak"), "b_ptr": ("sbk", "sbn"), "c_ptr": ("scm", "scn")},
    "consts": {"BM": 32, "BN": 16, "BK": 16},
    "grid": lambda c: (cdiv(M, c["BM"]) * cdiv(N, c["BN"]),),
}
@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **P)
@triton.jit
def matmul1d(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    pid = tl.program_id(0)
    tiles = tl.cdiv(n, BN)
    rows = (pid // tiles) * BM + tl.arange(0, BM)
    columns = (pid % tiles) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):
        left = k - step * BK
        a = tl.load(a_ptrs, mask=(rows[:, None] < m) & (inner[None, :] < left), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < left) & (columns[None, :] < n), other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)

@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **{**P, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def matmul_grouped(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(tl.float32)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **{**P, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def grouped_without_min(  # refuted: never written
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = G
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(tl.float32)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))  # error[coverage-gap]

@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **{**P, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def grouped_swapped(  # refuted: write the same element
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) // group_size_m)
    pid_n = (pid % num_pid_in_group) % group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m  # error[index-overflow]
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(tl.float32)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))  # error[race]  # error[index-overflow]  # warning[unsupported]

@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **{**P, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def grouped_tiles_of_the_wrong_axis(  # unknown: not shown for every size
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_m
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(tl.float32)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))

@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **{**P, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def grouped_unmasked_store(  # refuted: out of bounds
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(tl.float32)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=offs_cm[:, None] < m)  # error[out-of-bounds]


@kernel({"c_ptr": "relu((A:M K, B:K N -> M N) + bias:N)"}, **{**P, "inputs": {**P["inputs"], "bias_ptr": "bias:N"}, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def matmul_with_an_epilogue(  # proved
    a_ptr, b_ptr, c_ptr, bias_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    bias = tl.load(bias_ptr + offs_bn)
    acc += bias[None, :]
    c = tl.maximum(acc, 0.0)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))


@kernel({"c_ptr": "relu((A:M K, B:K N -> M N) + bias:N)"}, **{**P, "inputs": {**P["inputs"], "bias_ptr": "bias:N"}, "consts": {"BM": 16, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def epilogue_adds_the_bias_by_rows(  # refuted
    a_ptr, b_ptr, c_ptr, bias_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    bias = tl.load(bias_ptr + pid_m * BM + tl.arange(0, BM), mask=pid_m * BM + tl.arange(0, BM) < n, other=0.0)
    acc += bias[:, None]
    c = tl.maximum(acc, 0.0)
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))


@kernel({"c_ptr": "relu((A:M K, B:K N -> M N) + bias:N)"}, **{**P, "inputs": {**P["inputs"], "bias_ptr": "bias:N"}, "consts": {"BM": 32, "BN": 16, "BK": 16, "G": 4}})
@triton.jit
def epilogue_before_the_bias(  # refuted
    a_ptr, b_ptr, c_ptr, bias_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr
):
    pid = tl.program_id(axis=0)
    num_pid_m = tl.cdiv(m, BM)
    num_pid_n = tl.cdiv(n, BN)
    num_pid_in_group = G * num_pid_n
    group_id = pid // num_pid_in_group
    first_pid_m = group_id * G
    group_size_m = min(num_pid_m - first_pid_m, G)
    pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
    pid_n = (pid % num_pid_in_group) // group_size_m
    offs_am = (pid_m * BM + tl.arange(0, BM)) % m
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % n
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < k - kk * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < k - kk * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    bias = tl.load(bias_ptr + offs_bn)
    c = tl.maximum(acc, 0.0) + bias[None, :]
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    c_ptrs = c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :]
    tl.store(c_ptrs, c, mask=(offs_cm[:, None] < m) & (offs_cn[None, :] < n))
