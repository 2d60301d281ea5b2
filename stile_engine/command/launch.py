"""One kernel of a text with other constants, for a launch with these: ``python -m stile_engine.command.launch``.

Reads one JSON object (``path``, ``source``, ``line`` of the kernel's first decorator, ``constants``) and writes one
(``status``, ``message``). The text is the caller's own program, so it runs in no sandbox.
"""

from __future__ import annotations

import json
import sys

from stile_engine.check import check
from stile_engine.proof.verdict import Status
from stile_engine.trace.report import CheckRequest


def main() -> int:
    asked = json.load(sys.stdin)
    out = sys.stdout
    sys.stdout = sys.stderr  # what the text prints is no answer
    request = CheckRequest(
        asked["path"],
        asked["source"],
        details=False,
        against_line=asked["line"] - 1,
        constants=asked["constants"],
    )
    kernels = check(request).kernels
    if len(kernels) == 1:
        found = {"status": kernels[0].status.value, "message": kernels[0].message}
    else:
        found = {"status": Status.ERROR.value, "message": "no kernel was found where it is defined"}
    print(json.dumps(found), file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
