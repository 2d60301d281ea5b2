"""Running this file leaves a trace in its verdicts, which must not show in a folder that is not trusted."""

from stile_engine import dim, kernel

# Only who runs the file knows how large N is.
N = dim("N", len([number for number in range(50) if number % 5 == 0]))


@kernel("X:N + Y:N", typed=True)
def add(X, Y):
    return X + Y


@kernel("X:N + (Y:N", typed=True)
def broken_spec(X, Y):
    return X + Y


@kernel("2 * X:N", typed=True)
def shows_the_size(X):
    return X * 3
