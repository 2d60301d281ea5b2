"""One entry, many texts: what a check says of right, wrong, broken and half-typed files."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from stile_engine.check import check, discover
from stile_engine.checking.kernel_check import KernelCheck
from stile_engine.index.dims import registered_dims
from stile_engine.spec.lower import SpecError
from stile_engine.trace.frontend import KernelTask
from stile_engine.trace.recording import Recorder
from stile_engine.trace.report import CheckRequest, Position, Range, Report, Status

HEADER = """\
from stile_engine import dim, kernel
import numpy as np

M, N = dim("M", 6), dim("N", 4)
"""


def run(body: str, tmp_path: Path | None = None, header: str = HEADER, **options: object) -> Report:
    path = str((tmp_path or Path("/nowhere")) / "kernels.py")
    return check(CheckRequest(path, header + textwrap.dedent(body), **options))  # type: ignore[arg-type]


def text_at(report_source: str, place: Range) -> str:
    """The characters of a range, for texts of the basic plane."""
    lines = report_source.split("\n")
    if place.start.line == place.end.line:
        return lines[place.start.line][place.start.character : place.end.character]
    first = lines[place.start.line][place.start.character :]
    middle = lines[place.start.line + 1 : place.end.line]
    return "\n".join([first, *middle, lines[place.end.line][: place.end.character]])


def statuses(report: Report) -> dict[str, str]:
    return {k.name: str(k.status) for k in report.kernels}


RIGHT = """
@kernel("2 * X:M N")
def right(X):
    return X + X
"""
WRONG = """
@kernel("2 * X:M N")
def wrong(X):
    return X + X + X
"""


def test_right_and_wrong() -> None:
    report = run(RIGHT + WRONG)
    assert statuses(report) == {"right": "proved", "wrong": "refuted"}
    (diagnostic,) = report.diagnostics
    assert (diagnostic.code, diagnostic.severity, diagnostic.kernel) == ("not-equal", "error", "wrong")
    assert "3" in diagnostic.message and "M=0, N=0" in diagnostic.message
    assert report.kernels[0].sizes == {"M": 6, "N": 4}
    assert {o.kind for o in report.kernels[0].obligations} >= {"shape", "value", "defined"}


def test_the_listener_hears_verdicts_before_values() -> None:
    heard: list[tuple[str, bool]] = []
    source = HEADER + RIGHT + WRONG
    check(
        CheckRequest("/nowhere/k.py", source),
        lambda kernel, diagnostics, values: heard.append((kernel.name, bool(values))),
    )
    assert heard == [("right", False), ("wrong", False), ("right", True), ("wrong", True)]


def test_discover_runs_nothing() -> None:
    source = HEADER + "raise SystemExit\n" + RIGHT + "if True:\n    @kernel('X:M')\n    def inner(X): return X\n"
    found = discover(source, "/nowhere/k.py")
    assert [(k.name, k.status, k.spec) for k in found] == [
        ("right", Status.QUEUED, "2 * X:M N"),
        ("inner", Status.QUEUED, "X:M"),
    ]
    assert text_at(source, found[0].name_range) == "right"
    assert text_at(source, found[0].range).startswith("@kernel(") and text_at(source, found[0].range).endswith("X + X")


@pytest.mark.parametrize(
    "importing, used",
    [
        ("from stile_engine import dim, kernel as proves", "proves"),
        ("import stile_engine\nfrom stile_engine import dim", "stile_engine.kernel"),
        ("import stile_engine as se\nfrom stile_engine import dim", "se.kernel"),
    ],
)
def test_names_of_the_decorator(importing: str, used: str) -> None:
    body = f'N = dim("N", 4)\n\n@{used}("X:N")\ndef f(X):\n    return X\n'
    assert statuses(run(body, header=importing + "\n")) == {"f": "proved"}


def test_a_file_without_kernels_is_told_kindly() -> None:
    report = run("x = 1\n", header="")
    assert report.kernels == () and report.diagnostics == ()
    assert "no kernels here" in report.notes[0]


# -- half-typed code -------------------------------------------------------------------------


def test_half_typed_code_hides_only_itself() -> None:
    body = """
@kernel("X:M")
def broken(X):
    return (X +

@kernel("X:M")
def fine(X):
    return X
"""
    report = run(body)
    assert statuses(report) == {"broken": "error", "fine": "proved"}
    (diagnostic,) = report.diagnostics
    assert (diagnostic.code, diagnostic.kernel) == ("python-syntax", "broken")
    assert text_at(HEADER + body, diagnostic.range) == "("


@pytest.mark.parametrize(
    "broken",
    [
        "def f(:\n    pass\n",
        "x = (1,\n",
        "x = '''never closed\n",
        "class A\n    pass\n",
        "for i in range(3)\n    pass\n",
        "@kernel('X:M'\ndef g(X):\n    return X\n",
        "@\n",
        "if True:\n",
        "return\n",
        "x = 1 +\n",
        "\x00",
        "é = = 1\n",
    ],
)
@pytest.mark.parametrize("where", ["before", "after"])
def test_no_half_typed_text_hides_a_kernel(broken: str, where: str) -> None:
    source = f"{HEADER}\n{broken}\n{RIGHT}" if where == "before" else f"{HEADER}{RIGHT}\n{broken}"
    report = check(CheckRequest("/nowhere/k.py", source))
    assert statuses(report).get("right") == "proved", report.diagnostics
    assert any(d.code in ("python-syntax", "exception") for d in report.diagnostics)
    assert [k for k in report.kernels if k.name == "g" and k.status is Status.PROVED] == []


def test_a_stray_indented_line_belongs_to_what_stands_above_it() -> None:
    assert statuses(run("  indented = 1\n" + RIGHT)) == {"right": "proved"}
    assert statuses(run(RIGHT + "\n  indented = 1\n")) == {"right": "error"}


def test_a_broken_dim_is_named_once_and_stops_only_its_kernels() -> None:
    report = run(RIGHT + '\nK = dim("K", \n\n@kernel("X:K")\ndef over_k(X):\n    return X[:K]\n')
    assert statuses(report) == {"right": "proved", "over_k": "error"}


def test_strings_over_several_lines_survive_an_error_elsewhere() -> None:
    text = '"""A doc\nstring at the margin\n"""\n'
    report = run(f"x = (\n\n{RIGHT}", header=text + HEADER)
    assert statuses(report) == {"right": "proved"}


# -- the module itself -----------------------------------------------------------------------


def test_a_missing_module_is_a_diagnostic_with_the_command_that_helps() -> None:
    body = "import no_such_framework as nsf\n" + RIGHT + "\n@kernel('X:M')\n@nsf.jit\ndef needs(X):\n    return X\n"
    report = run(body)
    assert statuses(report) == {"right": "proved", "needs": "error"}
    (diagnostic,) = report.diagnostics
    assert diagnostic.code == "import-error" and "pip install no_such_framework" in diagnostic.message
    assert text_at(HEADER + body, diagnostic.range) == "import no_such_framework as nsf"


def test_an_exception_at_module_level_hides_nothing() -> None:
    body = "x = 1 / 0\ny = x + 1\n" + RIGHT
    report = run(body)
    assert statuses(report) == {"right": "proved"}
    (diagnostic,) = report.diagnostics
    assert diagnostic.code == "exception" and "ZeroDivisionError" in diagnostic.message
    assert text_at(HEADER + body, diagnostic.range) == "1 / 0"


def test_an_exception_in_a_kernel_is_told_at_its_expression() -> None:
    body = "@kernel('X:M')\ndef raises(X):\n    y = {}\n    return X + y['no']\n" + RIGHT
    report = run(body)
    assert statuses(report) == {"raises": "error", "right": "proved"}
    (diagnostic,) = report.diagnostics
    assert diagnostic.code == "exception" and "KeyError" in diagnostic.message
    assert text_at(HEADER + body, diagnostic.range) == "y['no']"


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import sys; sys.exit(3)", "raise KeyError"])
def test_ending_the_program_hides_nothing(end: str) -> None:
    report = run(f"{RIGHT}\n{end}\n" + WRONG)
    assert statuses(report) == {"right": "proved", "wrong": "refuted"}
    assert "exception" in {d.code for d in report.diagnostics}


def test_the_module_runs_as_an_import_would() -> None:
    body = """
    import sys
    seen = (__name__, list(sys.argv), __file__, sys.modules[__name__].__dict__ is globals())
    assert __name__ == "kernels" and sys.argv == [__file__] and seen[3], seen
    from dataclasses import dataclass
    @dataclass
    class Config:
        size: int = 3
    """
    before = list(sys.argv), list(sys.path), dict(registered_dims())
    assert run(body + textwrap.indent(RIGHT, "    ")).diagnostics == ()
    assert (list(sys.argv), list(sys.path), dict(registered_dims())) == before
    assert "kernels" not in sys.modules


def test_the_buffer_counts_and_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text("raise RuntimeError")
    (tmp_path / "helper.py").write_text("def twice(x):\n    return x + x\n")
    body = "from helper import twice\n\n@kernel('2 * X:M')\ndef doubles(X):\n    return twice(X)\n"
    assert statuses(run(body, tmp_path)) == {"doubles": "proved"}
    (tmp_path / "helper.py").write_text("def twice(x):\n    return x\n")
    assert statuses(run(body, tmp_path)) == {"doubles": "refuted"}


def test_relative_imports_and_the_workspace(tmp_path: Path) -> None:
    package = tmp_path / "pack" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "sizes.py").write_text("from stile_engine import dim\nN = dim('N', 4)\n")
    (tmp_path / "top.py").write_text("factor = 2\n")
    source = (
        "from stile_engine import kernel\nfrom .sizes import N\nfrom top import factor\n"
        "@kernel('2 * X:N')\ndef f(X):\n    return X * factor\n"
    )
    report = check(CheckRequest(str(package / "k.py"), source, workspace=str(tmp_path)))
    assert statuses(report) == {"f": "proved"}, report.diagnostics


def test_a_kernel_file_may_be_called_like_a_library(tmp_path: Path) -> None:
    report = check(CheckRequest(str(tmp_path / "numpy.py"), HEADER + RIGHT))
    assert statuses(report) == {"right": "proved"}


def test_kernels_from_other_modules_are_not_of_this_file(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(HEADER + WRONG)
    assert statuses(run("from other import wrong\n" + RIGHT, tmp_path)) == {"right": "proved"}


def test_a_kernel_imported_from_another_module_can_be_declared_here(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("def thrice(X):\n    return X * 3\n")
    body = "from other import thrice\n\nchecked = kernel('2 * X:M')(thrice)\n"
    assert statuses(run(body, tmp_path)) == {"checked": "refuted"}


# -- kernels in all places -------------------------------------------------------------------


def test_two_kernels_of_one_name() -> None:
    report = run(RIGHT + RIGHT.replace("X + X", "X"))
    assert [(k.name, k.status) for k in report.kernels] == [("right", Status.PROVED), ("right", Status.REFUTED)]


def test_kernels_made_in_a_factory() -> None:
    factory = """
    def make(c):
        @kernel("2 * X:M")
        def scaled(X):
            return c * X
        return scaled
    """
    factory = textwrap.dedent(factory)
    assert statuses(run(factory + "two = make(2)\n")) == {"scaled": "proved"}
    assert statuses(run(factory + "two, three = make(2), make(3)\n")) == {"scaled": "refuted"}
    report = run(factory)
    assert statuses(report) == {"scaled": "unknown"}
    assert "factory" in report.diagnostics[0].message


def test_methods() -> None:
    body = """
    class Layer:
        scale = 2

        @kernel("2 * X:M")
        def forward(self, X):
            return X * self.scale

        @staticmethod
        @kernel("X:M")
        def same(X):
            return X

    class Sized:
        def __init__(self, size):
            self.size = size

        @kernel("X:M")
        def forward(self, X):
            return X
    """
    report = run(body)
    assert [(k.name, str(k.status)) for k in report.kernels] == [
        ("forward", "proved"),
        ("same", "proved"),
        ("forward", "unsupported"),
    ]


def test_wrapped_functions_and_helpers() -> None:
    body = """
    import functools

    def logged(f):
        @functools.wraps(f)
        def inner(*a, **k):
            return f(*a, **k)
        return inner

    def helper(x):
        return np.exp(x)

    @kernel("exp(X:M)")
    def f(X):
        return helper(X)
    """
    assert statuses(run(body)) == {"f": "proved"}


def test_several_results_each_have_their_own_obligations() -> None:
    body = """
    @kernel(("2 * X:M", "3 * X:M"))
    def both(X):
        return X + X, X
    """
    (report,) = run(body).kernels
    values = [o for o in report.obligations if o.kind == "value"]
    assert [(o.spec, str(o.status)) for o in values] == [("2 * X:M", "proved"), ("3 * X:M", "refuted")]


def test_outputs_written_in_place() -> None:
    body = """
    @kernel({"out": "2 * X:M", "X": "X:M + 1"})
    def both(X, out):
        out[:] = X + X
        X += 1

    @kernel({"out": "2 * X:M"})
    def half(X, out):
        out[:3] = 2 * X[:3]
    """
    report = run(body)
    assert statuses(report) == {"both": "proved", "half": "refuted"}
    assert "coverage-gap" in {d.code for d in report.diagnostics}


@pytest.mark.parametrize(
    "returned, message",
    [
        ("X, X", "2 arrays"),
        ("X[:3]", "shape (3, 4)"),
        ("X.T", "shape (4, 6)"),
        ("X[0]", "shape (4,)"),
    ],
)
def test_results_of_another_shape(returned: str, message: str) -> None:
    report = run(f"@kernel('X:M N')\ndef f(X):\n    return {returned}\n")
    assert statuses(report) == {"f": "refuted"}
    (obligation,) = report.kernels[0].obligations
    assert obligation.kind == "shape" and message in (obligation.detail or "")
    assert {d.code for d in report.diagnostics} == {"dim-mismatch"}


# -- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decorator, signature, status",
    [
        ("'X:M - Y:M'", "X, Y", "proved"),
        ("'X:M - Y:M'", "Y, X", "proved"),
        ("'M - M'", "X, Y", "proved"),
        ("'M - M'", "Y, X", "refuted"),
        ("'X:M - Y:M', inputs={'a': 'X:M'}", "a, Y", "proved"),
        ("'X:M - Y:M', inputs={'a': 'Y:M', 'b': 'X:M'}", "b, a", "proved"),
        ("'X:M - Y:M'", "X, Y, scale=1", "proved"),
        ("'X:M - Y:M', consts={'scale': 1}", "X, Y, scale", "proved"),
        ("'X:M - Y:M', scalars={'m': M}", "X, Y, m", "proved"),
        ("'X:M - Y:M', scalars={'m': 'M'}", "X, m, Y", "proved"),
        ("'X:M - Y:M', inputs={'unused': 'U:M N'}", "X, Y, unused", "proved"),
        ("'X:M - Y:M'", "X, *, Y", "proved"),
        ("'X:M - Y:M'", "X", "error"),
        ("'X:M - Y:M'", "X, Y, other", "error"),
        ("'X:M - Y:M', consts={'nothing': 1}", "X, Y", "error"),
        ("'X:M - Y:M', inputs={'X': 'X:M *'}", "X, Y", "error"),
        ("'X:M - Y:M', dtypes={'X': 'float31'}", "X, Y", "error"),
        ("'X:M - Y:M', grid=(3,)", "X, Y", "unsupported"),
        ("'X:M - Y:M', assume='X positive'", "X, Y", "proved"),
        ("'X:M - Y:M', assume='Z positive'", "X, Y", "error"),
        ("'X:M - Y:M', strides={'X': (1,)}", "X, Y", "unsupported"),
        ("'X:M - Y:M', backend='triton'", "X, Y", "unsupported"),
        ("'X:M - Y:M', backend='fortran'", "X, Y", "error"),
        ("lambda X, Y: X - Y", "X, Y", "unsupported"),
        ("'X:M - Y:M'", "X, Y, /", "unsupported"),
    ],
)
def test_parameters(decorator: str, signature: str, status: str) -> None:
    names = [n.strip() for n in signature.split(",")]
    first, second = ("b", "a") if "b" in names else ("a", "Y") if "a" in names else ("X", "Y")
    if decorator.startswith("'M - M'"):
        first, second = "X", "Y"
    body = f"return {first} - {second}" if {first, second} <= set(names) else "return X"
    report = run(f"@kernel({decorator})\ndef f({signature}):\n    {body}\n")
    assert statuses(report) == {"f": status}, report.diagnostics


def test_dims_are_those_at_the_decorator() -> None:
    body = """
    @kernel("X:M")
    def before(X):
        return X

    M = dim("M", 8)

    @kernel("X:M")
    def after(X):
        return X
    """
    report = run(body)
    assert [k.sizes for k in report.kernels] == [{"M": 6}, {"M": 8}]


_LOOP = """
S = dim('S', multiple_of=4)

@kernel('sum[S](X:S)')
def f(X):
    total = 0.0
    for start in range({start}, X.shape[0], 4):
        total = total + X[start : start + 4].sum()
    return total
"""


def test_a_kernel_that_cannot_be_read_for_every_size_is_never_proved() -> None:
    kernel = run(_LOOP.format(start=0)).kernels[0]
    assert kernel.status == "unknown"
    assert "only at S = 4; S = 8; S = 12" in kernel.message


def test_a_counterexample_at_a_small_size_refutes_it() -> None:
    kernel = run(_LOOP.format(start=4)).kernels[0]
    assert kernel.status == "refuted"
    (witness,) = [o.witness for o in kernel.obligations if o.witness is not None]
    assert witness.sizes == {"S": 4}


# -- specs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "literal, marked",
    [
        ("'X:M + * Y:M'", "*"),
        ('"""X:M +\n     * Y:M"""', "*"),
        ("'X:M '\n    '+ * Y:M'", "*"),
        ("r'X:M + * Y:M'", "*"),
        ("('X:M + '  # first\n     '* Y:M')", "*"),
        ("'X:M + ψ'", "ψ"),
        ("'X:M + \\x2a Y:M'", "'X:M + \\x2a Y:M'"),
        ("f'X:M + {1 - 1} *'", "f'X:M + {1 - 1} *'"),
        ("'X:' + 'M *'", "'X:' + 'M *'"),
        ("'X:M + U'", "U"),
    ],
)
def test_spec_errors_are_marked_to_the_character(literal: str, marked: str) -> None:
    source = f"{HEADER}@kernel({literal})\ndef f(X):\n    return X\n"
    report = check(CheckRequest("/nowhere/k.py", source))
    assert statuses(report) == {"f": "error"}
    (diagnostic,) = report.diagnostics
    assert diagnostic.code in ("spec-syntax", "spec-shape")
    assert text_at(source, diagnostic.range) == marked


def test_columns_are_utf_16() -> None:
    source = HEADER + "@kernel('X:M', ); '𝔸é'\n"
    source = HEADER + "s = '𝔸é'; f = kernel('X:M + *')(lambda X: X)\n"
    (diagnostic,) = check(CheckRequest("/nowhere/k.py", source)).diagnostics
    line = source.split("\n")[4]
    column = len(line[: line.index("*")].encode("utf-16-le")) // 2
    assert diagnostic.range == Range(Position(4, column), Position(4, column + 1))


def test_an_unmodelled_spec_is_unsupported() -> None:
    report = run("@kernel('scatter[M, mean](X:N, I:N)')\ndef f(X, I):\n    return X\n")
    assert statuses(report) == {"f": "unsupported"}


def test_against_another_spec() -> None:
    source = HEADER + RIGHT + WRONG
    line = source.split("\n").index("def right(X):")
    report = check(CheckRequest("/nowhere/k.py", source, against_line=line, against_spec="3 * X:M N"))
    assert statuses(report) == {"right": "refuted"} and report.kernels[0].spec == "3 * X:M N"
    report = check(CheckRequest("/nowhere/k.py", source, against_line=line, against_spec="3 * * X:M N"))
    assert statuses(report) == {"right": "error"}


def test_select_and_static() -> None:
    source = HEADER + RIGHT + WRONG
    assert statuses(check(CheckRequest("/nowhere/k.py", source, select=("wrong",)))) == {"wrong": "refuted"}
    report = check(CheckRequest("/nowhere/k.py", "open('/nowhere/x')\n" + source, static_only=True))
    assert statuses(report) == {"right": "unknown", "wrong": "unknown"} and report.diagnostics == ()
    report = check(CheckRequest("/nowhere/k.py", source.replace("2 *", "2 * *"), static_only=True))
    assert statuses(report) == {"right": "error", "wrong": "error"}
    assert {d.code for d in report.diagnostics} == {"spec-syntax"}


# -- backends --------------------------------------------------------------------------------

JAX_HEADER = HEADER + "import jax, jax.numpy as jnp\n"


def test_backends_are_inferred() -> None:
    body = """
    import stile_engine.numpy as tnp

    @kernel("exp(X:M)")
    def plain(X):
        return np.exp(X)

    @kernel("exp(X:M)")
    def traced(X):
        return jnp.exp(X)

    @kernel("exp(X:M)")
    @jax.jit
    def compiled(X):
        return jnp.exp(X)

    @kernel("exp(X:M)")
    def typed(X):
        return tnp.exp(X)

    def helper(x):
        return jnp.exp(x)

    @kernel("exp(X:M)")
    def indirect(X):
        return helper(X)

    @kernel("exp(X:M)", backend="numpy")
    def named(X):
        return np.exp(X)

    @kernel("exp(X:M)")
    def inside(X):
        import jax.numpy
        return jax.numpy.exp(X)
    """
    report = run(body, header=JAX_HEADER)
    assert {k.name: (k.backend, str(k.status)) for k in report.kernels} == {
        "plain": ("numpy", "proved"),
        "traced": ("jax", "proved"),
        "compiled": ("jax", "proved"),
        "typed": ("numpy", "proved"),
        "indirect": ("jax", "proved"),
        "named": ("numpy", "proved"),
        "inside": ("jax", "proved"),
    }


def test_jax_places() -> None:
    body = """
    @kernel("X:M N + Y:M N")
    def shapes(X, Y):
        return X + (Y @ X)

    @kernel("X:M N")
    def inverts(X):
        unused = jax.lax.erf_inv(X + 1)
        return jax.lax.erf_inv(X) * 1.0

    @kernel("X:M N")
    def branches(X):
        if X[0, 0] > 0:
            return X
        return -X
    """
    source = JAX_HEADER + textwrap.dedent(body)
    report = check(CheckRequest("/nowhere/k.py", source))
    assert statuses(report) == {"shapes": "refuted", "inverts": "unsupported", "branches": "unsupported"}
    marked = {d.kernel: (d.code, text_at(source, d.range)) for d in report.diagnostics}
    assert marked == {
        "shapes": ("dim-mismatch", "Y @ X"),
        "inverts": ("unsupported", "jax.lax.erf_inv(X)"),
        "branches": ("unsupported", "X[0, 0] > 0"),
    }


# -- values ----------------------------------------------------------------------------------


def test_values_of_expressions_and_names() -> None:
    body = """
    @kernel("exp(X:M N) @ Y:N" if False else "(exp(X:M N), Y:N -> M)")
    def f(X, Y):
        e = jnp.exp(X)
        alias = e
        return alias @ Y
    """
    source = JAX_HEADER + textwrap.dedent(body)
    report = check(CheckRequest("/nowhere/k.py", source))
    found = {(text_at(source, v.range), v.name): v for v in report.values}
    assert found["jnp.exp(X)", "e"].shape_type == "M N"
    assert "exp" in found["jnp.exp(X)", "e"].expr_type and found["jnp.exp(X)", "e"].normal_form == "exp(X:M N)"
    assert text_at(source, found["jnp.exp(X)", "e"].name_range) == "e"
    assert found["e", "alias"].dims == "M N"
    assert found["alias @ Y", None].dims == "M"
    assert found["alias", None].expr_type == found["jnp.exp(X)", "e"].expr_type
    assert found["X", None].shape_type == "M N" and found["Y", None].expr_type == "Y:N"
    without = check(CheckRequest("/nowhere/k.py", source, details=False))
    assert without.values == () and statuses(without) == {"f": "proved"}


def test_typed_code_at_module_level() -> None:
    header = HEADER + "import stile_engine.numpy as tnp\n"
    body = """
    x = tnp.random.randn(M, N, name="X")
    result = tnp.TypedResult("2 * X:M N")
    result.assign(x + x)
    """
    report = run(body, header=header)
    assert statuses(report) == {"<module>": "proved"}
    report = run(body.replace("x + x", "x + x + x"), header=header)
    assert statuses(report) == {"<module>": "refuted"}
    report = run("x = tnp.random.randn(M, N)\ny = x + x.slice(M, 0, 3)\n" + RIGHT, header=header)
    assert statuses(report) == {"right": "proved", "<module>": "refuted"}
    assert {d.code for d in report.diagnostics} == {"dim-mismatch"}


# -- ignores and stand-ins ---------------------------------------------------------------------


def test_an_ignore_hides_its_diagnostic_and_nothing_else() -> None:
    ignored = WRONG.replace("def wrong(X):", "def wrong(X):  # stile: ignore[not-equal] known").replace(
        "    return X + X + X", "    return X + X + X  # stile: ignore[not-equal, coverage-gap] known"
    )
    report = run(RIGHT + ignored)
    assert statuses(report) == {"right": "proved", "wrong": "refuted"}
    assert {d.code for d in report.diagnostics} == {"unused-ignore"}
    assert "coverage-gap" in " ".join(d.message for d in report.diagnostics)
    text = "s = '# stile: ignore[not-equal]'\n"
    assert run(text + RIGHT).diagnostics == ()


MASKED = """
@kernel("softmax[N where N <= M](X:M N)")
def masked(X):
    keep = jnp.arange(N)[None, :] <= jnp.arange(M)[:, None]
    return jax.nn.softmax(jnp.where(keep, X, {stand_in}), axis=1)
"""


@pytest.mark.parametrize(
    "stand_in, status",
    [
        ("-jnp.inf", "proved"),
        ("-1e9", "assumed"),
        ("-1e30", "assumed"),
        ("jnp.finfo(jnp.float32).min", "assumed"),
        ("-9000.0", "refuted"),
        ("1e9", "refuted"),
    ],
)
def test_stand_ins_for_minus_infinity_are_an_assumption(stand_in: str, status: str) -> None:
    report = run(MASKED.replace("{stand_in}", stand_in), header=JAX_HEADER)
    assert statuses(report) == {"masked": status}
    origins = {a.origin for a in report.kernels[0].assumptions}
    assert origins - {"divisor"} == ({"literal"} if status == "assumed" else set())
    assert {d.code for d in report.diagnostics} == (
        {"assumption"} if status == "assumed" else {"not-equal"} if status == "refuted" else set()
    )


def test_a_stand_in_excuses_no_other_mistake() -> None:
    wrong = MASKED.replace("{stand_in}", "-1e9").replace("<= jnp", "< jnp")
    assert statuses(run(wrong, header=JAX_HEADER)) == {"masked": "refuted"}
    added = """
    @kernel("softmax[N where N <= M](X:M N)")
    def added(X):
        bias = jnp.where(jnp.arange(N)[None, :] <= jnp.arange(M)[:, None], 0.0, -1e9)
        return jax.nn.softmax(X + bias, axis=1)

    @kernel("X:M N where N <= M")
    def result(X):
        return jnp.where(jnp.arange(N)[None, :] <= jnp.arange(M)[:, None], X, -1e9)
    """
    assert statuses(run(added, header=JAX_HEADER)) == {"added": "assumed", "result": "refuted"}


def test_a_spec_error_behind_the_trace_hides_no_other_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    described = KernelCheck._describe

    def fails(self: KernelCheck, task: KernelTask, recorder: Recorder) -> None:
        if task.name == "wrong":
            raise SpecError("met while values are described", 0, 1)
        described(self, task, recorder)

    monkeypatch.setattr(KernelCheck, "_describe", fails)
    assert statuses(run(WRONG + RIGHT)) == {"wrong": "error", "right": "proved"}


@pytest.mark.parametrize(
    "number", ["3.1415927", "0.33333334", "0.70710678", "0.7978845608", "1.44269504", "-1.4142135"]
)
@pytest.mark.parametrize("header, array", [(HEADER, "np"), (JAX_HEADER, "jnp")])
def test_a_number_that_the_spec_names_is_that_number(number: str, header: str, array: str) -> None:
    other = f"{float(number) * 1.00001:.9g}"
    body = f"""
    @kernel("{number} * X:M N")
    def right(X):
        return {array}.multiply(X, {number})

    @kernel("{number} * X:M N")
    def wrong(X):
        return {array}.multiply(X, {other})
    """
    assert statuses(run(body, header=header)) == {"right": "proved", "wrong": "refuted"}


def test_a_number_that_may_stand_for_infinity_refutes_nothing() -> None:
    """The kernel is right as it is written, which the prover does not see; read with -inf it is wrong."""
    body = """
    @kernel("where(N <= M, X:M N, -100000) + floor(floor(Y:M N) / 2)")
    def right(X, Y):
        kept = jnp.where(jnp.arange(N)[None, :] <= jnp.arange(M)[:, None], X, -1e5)
        return kept + jnp.floor(Y / 2)
    """
    assert statuses(run(body, header=JAX_HEADER)) == {"right": "unknown"}


def test_a_class_method_is_called_on_its_class() -> None:
    body = """
    class Scale:
        factor = 2

        @classmethod
        @kernel("2 * X:M N")
        def right(cls, X):
            return X * cls.factor

        @classmethod
        @kernel("3 * X:M N")
        def wrong(cls, X):
            return X * cls.factor
    """
    assert statuses(run(body)) == {"right": "proved", "wrong": "refuted"}


@pytest.mark.parametrize("returned", ["{'a': X}", "(X, None)", "(X, (None,))", "({'a': X},)"])
def test_a_result_that_is_no_array_and_no_tuple_of_arrays_is_not_proved(returned: str) -> None:
    report = run(f'@kernel("X:M N", backend="jax")\ndef nested(X):\n    return {returned}\n')
    assert statuses(report) == {"nested": "unsupported"}


def test_a_tuple_of_arrays_is_held_to_a_tuple_of_specs() -> None:
    body = '@kernel(("X:M N", "2 * X:M N"), backend="jax")\ndef two(X):\n    return X, X * 2\n'
    assert statuses(run(body)) == {"two": "proved"}


@pytest.mark.parametrize(("step", "factor"), [("w * 2.0**1000", "1.510e+4816"), ("w / 2.0**1000", "(1/6.039e+4816)")])
def test_numbers_of_thousands_of_digits_are_shown_to_four(step: str, factor: str) -> None:
    """Python refuses to write them out, which had ended the proof, or the description of the values of the file."""
    body = f"""
    @kernel("2 * X:M N")
    def large(X):
        w = X
        for _ in range(16):
            w = {step}
        beside = np.exp(w)
        return w
    """
    report = run(body)
    (kernel,) = report.kernels
    assert kernel.status == "refuted" and f"kernel is {factor} × spec" in kernel.message
    shown = next(v.normal_form for v in report.values if v.name == "beside")
    assert shown is not None and "e+481" in shown and len(shown) < 60


def test_an_array_without_elements_is_shown() -> None:
    report = run('@kernel("X:M N")\ndef f(X):\n    nothing = np.sort(X, axis=1)[:, 1:1]\n    return X\n')
    assert statuses(report) == {"f": "proved"}
    assert next(v.normal_form for v in report.values if v.name == "nothing") == "⟨no elements⟩"
