"""A fresh process for one run, made and warmed ahead: where a process with frameworks in it must not be forked.

The two processes of the run part before any framework is loaded, which is safe everywhere, and each warms itself by
checking a text of the engine's own. Nothing here needs Linux; what it offers is used where it is there.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from dataclasses import replace
from typing import Any, NoReturn

from stile_engine.worker import child, probe, sandbox
from stile_engine.worker.messages import Ready, to_frame
from stile_engine.worker.warming import FRONT_ENDS, installed_versions, rehearsal


def main(config: dict[str, Any]) -> NoReturn:
    """Waits on ``channel`` for its run. Called by ``bootstrap``."""
    if config["elsewhere"]:
        sandbox.as_elsewhere()
    found = probe.probe(config["packages"], within=config["private"]) if config["probed"] else probe.NOT_PROBED
    missing = [name for name in config["frameworks"] if importlib.util.find_spec(FRONT_ENDS[name][0]) is None]
    ready = Ready(
        platform.python_version(),
        sys.executable,
        str(found),
        installed_versions(),
        tuple(missing),
        (),
        str(found.level),
        found.open,
    )
    check = rehearsal([name for name in config["frameworks"] if name not in missing])
    if check is not None:
        # With all that an editor shows: there is no parent that has loaded what this takes.
        check = replace(check, details=True)
    cell = child.Cell.of(config["packages"])
    child.run_alone(cell, config["parent"], config["private"], config["channel"], check, to_frame(ready))
