"""The golden file of normal forms: specs in, their normal forms in three styles out.

    python tests/golden/normal_forms.py          # says what would change
    python tests/golden/normal_forms.py --write  # writes it

``sources.txt`` has one spec to a line, under ``# dims: q=8 n=8`` lines that hold for all that follow.
``normal_forms.txt`` has for each of them its spec syntax, Unicode and LaTeX.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "sources.txt"
GOLDEN = HERE / "normal_forms.txt"


def rendered() -> str:
    """What the golden file should be."""
    from stile_engine.index.dims import Dim
    from stile_engine.proof.forms import Form
    from stile_engine.proof.normalize import Normalizer
    from stile_engine.spec.lower import lower
    from stile_engine.term.notation.latex import latex_text
    from stile_engine.term.notation.unicode import unicode_text

    blocks = []
    extents = {}
    for line in SOURCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("# dims:"):
            extents = {}
            for word in line.removeprefix("# dims:").split():
                name, _, size = word.partition("=")
                dim = Dim(name, multiple_of=int(size[1:])) if size.startswith("*") else Dim(name, int(size))
                extents[name] = dim.extent
            blocks.append(line)
        elif line and not line.startswith("#"):
            value = lower(line, extents).value
            form = Form(Normalizer()(value.node), value.dims, extents)
            shown = [f"spec     {form.text}"]
            shown += [f"         with {name} = {size}" for name, size in form.added_dims.items()]
            shown += [f"unicode  {unicode_text(form.formula)}", f"latex    {latex_text(form.formula)}"]
            blocks.append("\n".join([line, *(f"  {s}" for s in shown)]))
    return "\n\n".join(blocks) + "\n"


def main() -> int:
    new = rendered()
    if "--write" in sys.argv[1:]:
        GOLDEN.write_text(new, encoding="utf-8")
        return 0
    old = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "golden", "now"))
    return int(old != new)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    raise SystemExit(main())
