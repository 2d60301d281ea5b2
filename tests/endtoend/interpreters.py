"""Interpreters with something wrong."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def interpreter_without(module: str, directory: Path) -> str:
    """An interpreter of its own in which a module cannot be imported."""
    site = directory / "sitecustomize"
    site.mkdir()
    script = directory / "python"
    hide = f"import sys; sys.modules[{module!r}] = None"
    (site / "hide.py").write_text(
        f"{hide}\nimport runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script.write_text(
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do if [ "$1" = -X ]; then shift; fi; shift; done\n'
        f'exec {shlex.quote(sys.executable)} {shlex.quote(str(site / "hide.py"))} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)
