"""Kernels for the tests of the server, as users write them."""

HEAD = """import numpy as np
from stile_engine import dim, kernel

M, N = dim("M", 8), dim("N", 4)

"""

RIGHT = """
@kernel("2 * X:M N")
def right(X):
    doubled = X + X
    return doubled
"""

WRONG = """
@kernel("2 * X:M N")
def wrong(X):
    tripled = X * 3
    return tripled
"""

MISMATCH = """
@kernel("X:M N + Y:M N", typed=True)
def mismatch(X, Y):
    tile_a = X.slice(M, 0, 4)
    tile_b = Y.slice(M, 4, 8)
    return tile_a + tile_b
"""

LOOP = """
@kernel("2 * X:M N")
def endless(X):
    while True:
        pass
"""

PRINTS = r"""
@kernel("2 * X:M N")
def prints(X):
    import os, sys
    print("hello from the kernel")
    sys.stderr.write("and an error\n")
    os.write(1, b"Content-Length: 20\r\n\r\n{}")
    return X + X
"""

BOTH = HEAD + RIGHT + WRONG

HELPED = (
    HEAD
    + "SCALE = 2\n\ndef helper(x):\n    return x * SCALE\n"
    + RIGHT
    + RIGHT.replace("right", "helped").replace("X + X", "helper(X)")
    + WRONG
)
"""One kernel reaches a helper and a global."""
