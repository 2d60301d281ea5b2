"""Running this file leaves a trace beside it, which must not happen in a folder that is not trusted."""

from pathlib import Path

from stile_engine import dim, kernel

Path(__file__).with_name("ran.txt").write_text("this file was run")

N = dim("N", 8)


@kernel("X:N + Y:N", typed=True)
def add(X, Y):
    return X + Y


@kernel("X:N + (Y:N", typed=True)
def broken_spec(X, Y):
    return X + Y
