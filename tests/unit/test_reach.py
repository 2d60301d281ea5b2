"""Every way that we know of in which a result could outlive its truth: an edit far away from the kernel, and
whether the kernel's digest sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stile_engine.incremental.module import read_module, without_definitions
from stile_engine.incremental.project import read_project
from stile_engine.incremental.reach import Reach, Reaches

HEAD = "from stile_engine import dim, kernel\nimport numpy as np\n"
KERNEL = "@kernel('X:M')\ndef f(X):\n    return {body}\n"
OTHER = "@kernel('X:M')\ndef g(X):\n    return X\n"


def reach(folder: Path, text: str, name: str = "f", **files: str) -> Reach:
    """The reach of a function of a text, with other files beside it."""
    for other, content in files.items():
        place = folder / f"{other}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    module = read_module(text)
    path = str(folder / "main.py")
    project = read_project(path, [i for c in module.chunks for i in c.facts.imports], str(folder))
    number = next(n for n, c in enumerate(module.chunks) if f"def {name}(" in c.source)
    return Reaches(path, module.chunks, project).of(number)


def sees(folder: Path, before: str, after: str) -> bool:
    """Whether an earlier result for ``f`` is not used for the later text."""
    first, second = reach(folder, before), reach(folder, after)
    return first.refusal is not None or second.refusal is not None or first.digest != second.digest


TRICKS: dict[str, tuple[str, str, str]] = {
    "a constant": ("A = 1\n" + KERNEL.format(body="X * A"), "A = 1", "A = 2"),
    "a constant of a constant": ("A = 1\nB = A\n" + KERNEL.format(body="X * B"), "A = 1", "A = 2"),
    "a helper's helper": (
        "def a(x): return x\ndef b(x): return a(x)\n" + KERNEL.format(body="b(X)"),
        "return x\n",
        "return 2 * x\n",
    ),
    "a default argument": (
        "A = 1\ndef h(x, s=A): return x * s\n" + KERNEL.format(body="h(X)"),
        "A = 1",
        "A = 2",
    ),
    "a default that is a function": (
        "def one(x): return x\ndef h(x, s=one): return s(x)\n" + KERNEL.format(body="h(X)"),
        "return x\n",
        "return -x\n",
    ),
    "a closure": (
        "def make(s):\n    def inner(x): return x * s\n    return inner\nh = make(2)\n" + KERNEL.format(body="h(X)"),
        "make(2)",
        "make(3)",
    ),
    "what a factory captured": (
        "def make():\n    def inner(x): return x * 2\n    return inner\nh = make()\n" + KERNEL.format(body="h(X)"),
        "x * 2",
        "x * 3",
    ),
    "a lambda in a table": (
        "T = {'a': lambda x: x}\ndef pick(k): return T[k]\n" + KERNEL.format(body="pick('a')(X)"),
        "lambda x: x",
        "lambda x: -x",
    ),
    "a class attribute": ("class C:\n    s = 1\n" + KERNEL.format(body="X * C.s"), "s = 1", "s = 2"),
    "an inherited attribute": (
        "class B:\n    s = 1\nclass C(B):\n    pass\n" + KERNEL.format(body="X * C.s"),
        "s = 1",
        "s = 2",
    ),
    "a method by the instance": (
        "class C:\n    def h(self, x): return x\nc = C()\n" + KERNEL.format(body="c.h(X)"),
        "return x\n",
        "return -x\n",
    ),
    "a class attribute set from outside": (
        "class C:\n    s = 1\nC.s = 3\n" + KERNEL.format(body="X * C.s"),
        "C.s = 3",
        "C.s = 4",
    ),
    "a class attribute set in a function": (
        "class C:\n    s = 1\ndef patch():\n    C.s = 3\n"
        + OTHER.replace("return X", "patch(); return X")
        + KERNEL.format(body="X * C.s"),
        "C.s = 3",
        "C.s = 4",
    ),
    "a global statement": (
        "A = 1\ndef change():\n    global A\n    A = 3\nchange()\n" + KERNEL.format(body="X * A"),
        "A = 3",
        "A = 4",
    ),
    "a global statement in another kernel": (
        "A = 1\n" + OTHER.replace("return X", "global A; A = 3; return X") + KERNEL.format(body="X * A"),
        "A = 3",
        "A = 4",
    ),
    "a list that another kernel fills": (
        "L = [1]\n" + OTHER.replace("return X", "L.append(2); return X") + KERNEL.format(body="X * L[-1]"),
        "append(2)",
        "append(3)",
    ),
    "an element that another kernel sets": (
        "L = [1]\n" + OTHER.replace("return X", "L[0] = 2; return X") + KERNEL.format(body="X * L[0]"),
        "L[0] = 2",
        "L[0] = 3",
    ),
    "a container in a class that another kernel fills": (
        "class C:\n    L = (1,)\n"
        + OTHER.replace("return X", "C.L.append(2); return X")
        + KERNEL.format(body="X * C.L[-1]"),
        "append(2)",
        "append(3)",
    ),
    "a library that is patched at once": ("np.exp = np.sin\n" + KERNEL.format(body="np.exp(X)"), "np.sin", "np.cos"),
    "a library that another kernel patches": (
        OTHER.replace("return X", "np.exp = np.sin; return X") + KERNEL.format(body="np.exp(X)"),
        "np.sin",
        "np.cos",
    ),
    "a library that another kernel configures": (
        "import jax\n"
        + OTHER.replace("return X", "jax.config.update('jax_enable_x64', True); return X")
        + KERNEL.format(body="np.exp(X)"),
        "True",
        "False",
    ),
    "a loop at module level": (
        "A = 0\nfor k in range(3):\n    A += k\n" + KERNEL.format(body="X * A"),
        "range(3)",
        "range(4)",
    ),
    "a condition at module level": (
        "def h(x): return x\nif 1 > 2:\n    def h(x): return -x\n" + KERNEL.format(body="h(X)"),
        "1 > 2",
        "2 > 1",
    ),
    "a later binding": ("A = 1\n" + KERNEL.format(body="X * A"), "A = 1\n", "A = 1\nA = 2\n"),
    "a builtin that is shadowed": (KERNEL.format(body="sum(X)"), HEAD[-1], "\ndef sum(x): return x\n"),
    "a library that is shadowed": (
        KERNEL.format(body="np.exp(X)"),
        "import numpy as np",
        "import numpy as np\nclass np: pass",
    ),
    "a registry that a decorator fills": (
        "L = []\ndef register(h):\n    L.append(h)\n    return h\n@register\ndef h(x): return x\n"
        + KERNEL.format(body="L[0](X)"),
        "return x\n",
        "return -x\n",
    ),
    "a decorator of one's own called jit": (
        "L = []\ndef jit(h):\n    L.append(h)\n    return h\n@jit\ndef h(x): return x\n"
        + KERNEL.format(body="L[0](X)"),
        "return x\n",
        "return -x\n",
    ),
    "a decorator around the kernel": (
        "def twice(h): return lambda x: h(x) * 2\n@twice\n" + KERNEL.format(body="X"),
        "* 2",
        "* 3",
    ),
    "subclasses that register themselves": (
        "L = []\nclass B:\n    def __init_subclass__(cls): L.append(cls)\nclass C(B):\n    s = 2\n"
        + KERNEL.format(body="X * L[0].s"),
        "s = 2",
        "s = 3",
    ),
    "a metaclass": (
        "L = []\nclass Meta(type):\n    def __init__(cls, *a): L.append(cls)\nclass C(metaclass=Meta):\n    s = 2\n"
        + KERNEL.format(body="X * L[0].s"),
        "s = 2",
        "s = 3",
    ),
    "a value that is told its name": (
        "L = []\nclass D:\n    def __set_name__(self, owner, name): L.append(name)\nd = D()\nclass C:\n    first = d\n"
        + KERNEL.format(body="X * len(L[0])"),
        "first = d",
        "second = d",
    ),
    "an operator with a side effect": (
        "L = []\nclass R:\n    def __add__(self, n): L.append(n)\nr = R()\ndone = r + 2\n"
        + KERNEL.format(body="X * L[0]"),
        "r + 2",
        "r + 3",
    ),
    "an annotation with a side effect": (
        "L = []\nclass R:\n    def __getitem__(self, n): L.append(n)\nr = R()\ndef h(x: r[2]): ...\n"
        + KERNEL.format(body="X * L[0]"),
        "r[2]",
        "r[3]",
    ),
    "exec": ("def h(x): return x\n" + KERNEL.format(body="eval('h' 'h'[1:] + '(X)')"), "return x\n", "return -x\n"),
    "exec of what is put together": (
        "def help(x): return x\ndef run(s): return eval(s)\n" + KERNEL.format(body="run('he' + 'lp')(X)"),
        "return x\n",
        "return -x\n",
    ),
    "globals": (
        "def help(x): return x\n" + KERNEL.format(body="globals()['he' + 'lp'](X)"),
        "return x\n",
        "return -x\n",
    ),
    "vars of a class": (
        "class C:\n    help = 1\n" + KERNEL.format(body="X * vars(C)['he' + 'lp']"),
        "help = 1",
        "help = 2",
    ),
    "a computed attribute": (
        "class C:\n    pass\ndef fill(): ...\nsetattr(C, 'he' + 'lp', 1)\n"
        + KERNEL.format(body="X * getattr(C, 'he' + 'lp')"),
        "'lp', 1",
        "'lp', 2",
    ),
    "a computed attribute of the module": (
        "import sys\ndef help(x): return x\n" + KERNEL.format(body="getattr(sys.modules[__name__], 'he' + 'lp')(X)"),
        "return x\n",
        "return -x\n",
    ),
    "operator.attrgetter": (
        "import operator\nclass C:\n    def help(self, x): return x\nc = C()\n"
        + KERNEL.format(body="operator.attrgetter('he' + 'lp')(c)(X)"),
        "return x\n",
        "return -x\n",
    ),
    "the dictionary of a function": (
        "def help(x): return x\n" + KERNEL.format(body="f.__globals__['he' + 'lp'](X)"),
        "return x\n",
        "return -x\n",
    ),
    "a frame": (
        "import sys\ndef help(x): return x\n" + KERNEL.format(body="sys._getframe().f_globals['he' + 'lp'](X)"),
        "return x\n",
        "return -x\n",
    ),
    "a name in a string": (
        "def h(x): return x\n" + KERNEL.format(body="getattr(np, 'h', None)"),
        "return x\n",
        "return -x\n",
    ),
    "a spec in a constant": ("S = 'X:M'\n@kernel(S)\ndef f(X):\n    return X\n", "'X:M'", "'2 * X:M'"),
    "a dim that only the spec names": ("M = dim('M', 8)\n" + KERNEL.format(body="X"), "8", "16"),
    "a number's digits": ("A = 0.3333333\n" + KERNEL.format(body="X * A"), "0.3333333", "0.33333330"),
    "the order of two bindings": ("A = 1\nA = 2\n" + KERNEL.format(body="X * A"), "A = 1\nA = 2", "A = 2\nA = 1"),
    "an ignore": (KERNEL.format(body="X"), "return X", "return X  # stile: ignore[not-proved]"),
    "which framework is imported": (KERNEL.format(body="X * 2"), "import numpy as np", "import torch"),
    "a further name of a library": ("import jax\nxp = np\n" + KERNEL.format(body="X * 2"), "xp = np", "xp = jax"),
    "a star import": (KERNEL.format(body="X * A"), HEAD[-1], "\nfrom math import *\n"),
    "a walrus in a comprehension": (
        "L = [(y := k) for k in range(3)]\n" + KERNEL.format(body="X * y"),
        "range(3)",
        "range(4)",
    ),
    "except and with": (
        "try:\n    A = 1\nexcept Exception as e:\n    A = 2\n" + KERNEL.format(body="X * A"),
        "A = 1",
        "A = 5",
    ),
    "a type that is told of others": (
        "import functools\n@functools.singledispatch\ndef h(x): return x\n@h.register\ndef _(x: int): return -x\n"
        + KERNEL.format(body="h(X)"),
        "return -x",
        "return +x",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_an_edit_elsewhere_is_seen(trick: str, tmp_path: Path) -> None:
    text, old, new = TRICKS[trick]
    before = HEAD + text
    assert old in before
    after = before.replace(old, new, 1) if old != "\n" else HEAD.rstrip("\n") + new + text
    assert before != after
    assert sees(tmp_path, before, after)


def edits(trick: str) -> list[str]:
    """The text of a trick, then versions of it: edited, with a comment above, with another statement, and back."""
    text, old, new = TRICKS[trick]
    first = HEAD + text + OTHER
    edited = first.replace(old, new, 1)
    return [
        first,
        edited,
        "# a comment\n" + edited,
        edited + "A = 7\n",
        edited,
        first.replace("return X", "return -X"),
        first,
    ]


@pytest.mark.parametrize("trick", TRICKS)
def test_after_edits_all_is_as_in_a_fresh_reading(trick: str, tmp_path: Path) -> None:
    known: Reaches | None = None
    module = None
    path = str(tmp_path / "main.py")
    project = read_project(path, [], str(tmp_path))
    for text in edits(trick):
        module = read_module(text, module)
        fresh = Reaches(path, module.chunks, project)
        known = (known.after(path, module.chunks, project) if known is not None else None) or fresh
        for number in (*range(len(module.chunks)), None):
            assert known.of(number) == fresh.of(number)


def test_an_edit_leaves_the_reach_of_others_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "main.py")
    project = read_project(path, [], str(tmp_path))
    text = HEAD + KERNEL.format(body="X") + OTHER
    before = read_module(text)
    after = read_module(text.replace("return X", "return np.exp(X)", 1), before)
    reaches = Reaches(path, before.chunks, project)
    own, other = reaches.of(2), reaches.of(3)
    known = reaches.after(path, after.chunks, project)
    assert known is not None
    assert known.of(2).digest != own.digest
    assert known.of(3) is other


@pytest.mark.parametrize("trick", TRICKS)
def test_comments_and_layout_are_not(trick: str, tmp_path: Path) -> None:
    before = HEAD + TRICKS[trick][0]
    after = "# a comment\n\n" + before.replace("\n@", "\n\n\n# one\n@").replace("return X\n", "return X  # the same\n")
    assert reach(tmp_path, before).digest == reach(tmp_path, after).digest


@pytest.mark.parametrize(
    "body",
    [
        "open('scale.txt').read()",
        "os.environ['SCALE']",
        "os.path.exists('x')",
        "Path('scale.txt').read_text()",
        "Path('scale.txt').exists()",
        "Path('scale.txt').stat().st_size",
        "time.time()",
        "random.random()",
        "os.urandom(8)",
        "environ['SCALE']",
        "clock()",
        "subprocess.run('x')",
        "importlib.import_module('a' + 'b')",
        "id(X)",
        "sys.argv[0]",
        "gc.get_objects()",
        "inspect.getsource(f)",
        "input()",
    ],
)
def test_what_depends_on_more_than_texts_is_never_kept(body: str, tmp_path: Path) -> None:
    head = HEAD + "import gc, importlib, inspect, os, random, subprocess, sys, time\nfrom os import environ\n"
    head += "from time import time as clock\nfrom pathlib import Path\n"
    unused = reach(tmp_path, head + f"def unused(X): return {body}\n" + KERNEL.format(body="X"))
    assert unused.refusal is None
    for text in (
        KERNEL.format(body=body),
        f"A = {body}\n" + KERNEL.format(body="X * A"),
        f"def h(X): return {body}\n" + KERNEL.format(body="h(X)"),
    ):
        found = reach(tmp_path, head + text)
        assert found.refusal is not None and ("line" in found.refusal or "files" in found.refusal)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def other(x):\n    return x\n", "def other(x):\n    return -x\n"),
        ("def g(X):\n    return X\n", "def g(X):\n    return -X\n"),
        ("class C:\n    size = 3\n", "class C:\n    size = 4\n"),
        ("UNUSED = 3\n", "UNUSED = 4\n"),
        ("SPEC = 'X:M'\n", "SPEC = '2 * X:M'\n"),
    ],
)
def test_edits_elsewhere_that_do_not_count(old: str, new: str, tmp_path: Path) -> None:
    text = (
        HEAD
        + "M = dim('M', 8)\nTILE = 4\nUNUSED = 3\nSPEC = 'X:M'\ndef other(x):\n    return x\nclass C:\n    size = 3\n"
        + OTHER
        + "@kernel('X:M', grid=lambda c: (M // TILE,))\ndef f(X):\n    out = np.empty(M)\n"
        + "    for i in range(0, M, TILE):\n        out[i:i + TILE] = X[i:i + TILE]\n    return out\n"
    )
    assert old in text
    assert not sees(tmp_path, text, text.replace(old, new))


IMPORTS = HEAD + "from helpers import scale\n" + KERNEL.format(body="scale(X)")


def test_a_change_in_an_imported_file_concerns_its_dependents_alone(tmp_path: Path) -> None:
    helpers = "def scale(x):\n    return x\ndef other(x):\n    return x\n"
    before = reach(tmp_path, IMPORTS, helpers=helpers)
    assert reach(tmp_path, IMPORTS, helpers=helpers.replace("return x\ndef", "return -x\ndef")).digest != before.digest
    elsewhere = helpers.replace("other(x):\n    return x", "other(x):\n    return -x")
    assert reach(tmp_path, IMPORTS, helpers=elsewhere).digest == before.digest
    assert reach(tmp_path, IMPORTS, helpers="# a comment\n" + helpers).digest == before.digest


@pytest.mark.parametrize(
    "text",
    [
        IMPORTS,
        HEAD + "import helpers\n" + KERNEL.format(body="helpers.scale(X)"),
        HEAD + "import helpers as h\n" + KERNEL.format(body="h.scale(X)"),
        HEAD + "from helpers import *\n" + KERNEL.format(body="scale(X)"),
        HEAD + "from helpers import scale as s\nt = s\n" + KERNEL.format(body="t(X)"),
        HEAD + "def h(x):\n    from helpers import scale\n    return scale(x)\n" + KERNEL.format(body="h(X)"),
        HEAD + "import other\n" + KERNEL.format(body="other.helpers.scale(X)"),
        HEAD + "import other\n" + KERNEL.format(body="getattr(other.helpers, 'sca' + 'le')(X)"),
    ],
)
def test_every_form_of_import(text: str, tmp_path: Path) -> None:
    helpers = "def inner(x):\n    return x\ndef scale(x):\n    return inner(x)\n"
    other = "import helpers\n"
    before = reach(tmp_path, text, helpers=helpers, other=other)
    after = reach(tmp_path, text, helpers=helpers.replace("return x\n", "return -x\n"), other=other)
    assert before.digest != after.digest


def test_packages_and_relative_imports(tmp_path: Path) -> None:
    text = HEAD + "from package.deep import scale\n" + KERNEL.format(body="scale(X)")
    files = {
        "package/__init__": "",
        "package/deep": "from .low import scale\n",
        "package/low": "def scale(x): return x\n",
    }
    before = reach(tmp_path, text, **files)
    assert reach(tmp_path, text, **{**files, "package/low": "def scale(x): return -x\n"}).digest != before.digest
    assert (
        reach(tmp_path, text, **{**files, "package/__init__": "import numpy; numpy.exp = 1\n"}).digest != before.digest
    )


def test_which_library_another_file_hands_on(tmp_path: Path) -> None:
    text = HEAD.replace("import numpy as np\n", "from helpers import xp\n") + KERNEL.format(body="X * 2")
    before = reach(tmp_path, text, helpers="import numpy, jax\nxp = numpy\n")
    assert reach(tmp_path, text, helpers="import numpy, jax\nxp = jax\n").digest != before.digest


def test_names_that_change_on_their_way(tmp_path: Path) -> None:
    text = HEAD + "from b import y as x\n" + KERNEL.format(body="x(X)")
    files = {"b": "from c import z as y\n", "c": "def z(v): return v\ndef other(v): return v\n"}
    before = reach(tmp_path, text, **files)
    assert (
        reach(tmp_path, text, **{**files, "c": files["c"].replace("return v", "return -v", 1)}).digest != before.digest
    )
    other = files["c"].replace("other(v): return v", "other(v): return -v")
    assert reach(tmp_path, text, **{**files, "c": other}).digest == before.digest


def test_a_file_that_begins_to_shadow_a_library(tmp_path: Path) -> None:
    text = HEAD + "import einops\n" + KERNEL.format(body="einops.scale(X)")
    before = reach(tmp_path, text)
    assert reach(tmp_path, text, einops="def scale(x): return x\n").digest != before.digest


def test_what_an_import_runs_counts_for_all(tmp_path: Path) -> None:
    text = HEAD + "import setup_all\n" + KERNEL.format(body="np.exp(X)")
    before = reach(tmp_path, text, setup_all="import numpy as np\nnp.exp = np.sin\n")
    assert reach(tmp_path, text, setup_all="import numpy as np\nnp.exp = np.cos\n").digest != before.digest


@pytest.mark.parametrize("content", ["def scale(x: return x", "\x00", "x = '\udcff"])
def test_an_imported_file_that_cannot_be_read_refuses(content: str, tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_bytes(content.encode("utf-8", "surrogateescape"))
    found = reach(tmp_path, IMPORTS)
    assert found.refusal is not None


def test_a_project_that_changed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("def scale(x): return x\n")
    module = read_module(IMPORTS)
    project = read_project(str(tmp_path / "main.py"), [i for c in module.chunks for i in c.facts.imports], None)
    assert project.is_unchanged()
    (tmp_path / "helpers.py").write_text("def scale(y): return y\n")
    assert not project.is_unchanged()
    (tmp_path / "helpers.py").unlink()
    assert not project.is_unchanged()


@pytest.mark.parametrize(
    "appears",
    [
        "helpers/__init__.py",  # a package comes before a module of its name
        "kernels/helpers.py",
        "kernels/helpers/__init__.py",
        "kernels/__init__.py",  # the search begins outside of a package
    ],
)
def test_what_comes_to_hide_a_module_is_noticed(appears: str, tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("def scale(x): return x\n")
    (tmp_path / "kernels").mkdir()
    imports = [i for c in read_module(IMPORTS).chunks for i in c.facts.imports]
    project = read_project(str(tmp_path / "kernels" / "main.py"), imports, str(tmp_path))
    assert project.is_unchanged() and str(tmp_path / appears) in project.paths
    (tmp_path / appears).parent.mkdir(exist_ok=True)
    (tmp_path / appears).write_text("def scale(x): return 2 * x\n")
    assert not project.is_unchanged()


def test_a_run_for_one_kernel_gets_only_what_it_reaches(tmp_path: Path) -> None:
    text = HEAD + "def h(x):\n    return x\n" + OTHER + KERNEL.format(body="h(X)") + "print(1); x = 2\n"
    module = read_module(text)
    places = reach(tmp_path, text).places
    part = without_definitions(module, frozenset(statement for file, statement in places if file == 0))
    assert "def g" not in part and "def h" in part and "def f" in part and "print" in part
    assert part.count("\n") == text.count("\n")
