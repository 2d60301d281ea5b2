"""Code that asks what its arrays are sees what runs, or is not proved."""

from __future__ import annotations

import pytest
from test_check import run, statuses

NUMPY = """
@kernel("Y:M N", inputs={{"X": "X:M N", "Y": "Y:M N"}})
def asks(X, Y):
    return X if {question} else Y

@kernel("X:M N", inputs={{"X": "X:M N", "Y": "Y:M N"}})
def asks_too(X, Y):
    return X if {question} else Y
"""
JAX = "import jax\n" + NUMPY.replace('"Y:M N"}}', '"Y:M N"}}, backend="jax"')


def both(source: str) -> tuple[str, str]:
    """Of a kernel that returns Y or X: for the spec Y, for the spec X."""
    found = statuses(run(source))
    return found["asks"], found["asks_too"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("isinstance(X, np.ndarray)", True),
        ("isinstance(X, (list, np.ndarray))", True),
        ("isinstance(X, np.generic)", False),
        ("isinstance(X[0, 0], np.float32)", True),
        ("isinstance(X[0, 0], np.floating)", True),
        ("isinstance(X[0, 0], np.ndarray)", False),
        ("hasattr(X, 'ctypes')", True),
        ("hasattr(X, 'origins')", False),
        ("getattr(X, 'store', None) is not None", False),
        ("isinstance(X.shape, tuple)", True),
        ("isinstance(int, type) and type(3) is int and type(int) is type", True),
        ("type('A', (), dict(b=1))().b == 1", True),
    ],
)
def test_numpy_answers_as_at_run_time(question: str, answer: bool) -> None:
    expected = ("refuted", "proved") if answer else ("proved", "refuted")
    assert both(NUMPY.format(question=question)) == expected


@pytest.mark.parametrize("question", ["type(X) is np.ndarray", "'Symbolic' in repr(X)"])
def test_what_numpy_kernels_cannot_know_stops(question: str) -> None:
    assert both(NUMPY.format(question=question)) == ("unsupported", "unsupported")


@pytest.mark.parametrize(
    "question",
    [
        "isinstance(X, jax.core.Tracer)",
        "isinstance(X, (float, jax.core.Tracer))",
        "type(X).__name__ == 'ArrayImpl'",
        "hasattr(X, 'block_until_ready')",
        "getattr(X, '_trace', None) is None",
        "'Tracer' in repr(X)",
    ],
)
def test_what_tells_a_tracer_from_an_array_stops(question: str) -> None:
    assert both(JAX.format(question=question)) == ("unsupported", "unsupported")


@pytest.mark.parametrize("question", ["isinstance(X, jax.Array)", "hasattr(X, 'aval')", "not isinstance(X, float)"])
def test_what_tracers_and_arrays_agree_on_is_answered(question: str) -> None:
    assert both(JAX.format(question=question)) == ("refuted", "proved")


def test_a_stop_counts_where_the_kernel_catches_it() -> None:
    body = """
    import jax

    @kernel("X:M N", backend="jax")
    def caught(X):
        try:
            return X * 2 if isinstance(X, jax.core.Tracer) else X * 2
        except Exception:
            return X
    """
    assert statuses(run(body)) == {"caught": "unsupported"}


def test_classes_made_with_the_guarded_type_are_classes() -> None:
    body = """
    class Meta(type):
        def __new__(cls, name, bases, body):
            return super().__new__(cls, name, bases, body | {"factor": 2})

    class Scale(metaclass=Meta):
        kind: type = float
        kinds: type[int] | None = None

    @kernel("2 * X:M N")
    def scaled(X):
        return X * Scale.factor if isinstance(Scale, Meta) and issubclass(Meta, type) else X
    """
    assert statuses(run(body)) == {"scaled": "proved"}
