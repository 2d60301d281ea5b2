"""Writes the TTIR of a few kernels as the installed Triton prints it: `python tests/golden/write_ttir.py`.

One file for each kernel and version under ``ttir/``; the text of every version that is there must be read.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "ttir" / "kernels.py"


def main() -> None:
    import runpy

    from stile_engine.triton import adapter

    module = runpy.run_path(str(SOURCE))
    for name, (types, constants) in module["SIGNATURES"].items():
        text = adapter.lower(module[name], types, constants).replace(str(SOURCE), "kernels.py")
        library = str(Path(adapter.require().__file__).resolve().parent)
        (HERE / "ttir" / f"{name}-{adapter.version()}.txt").write_text(
            text.replace(library, "triton"), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
