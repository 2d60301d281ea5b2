"""Triton kernels: unmodified ``@triton.jit`` functions, read as the compiler's own first form of them (TTIR)."""
