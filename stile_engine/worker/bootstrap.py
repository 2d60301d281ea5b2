"""The first file that the worker's interpreter runs, by its path: makes the engine importable and hands over.

It runs under an interpreter that nobody has looked at yet, so it uses only syntax and modules that old
versions of Python have too, and tells what is wrong instead of failing. Its one argument is a JSON object:

* ``packages``: name to directory, for the engine and those of its dependencies that are pure Python
* ``channel``: the file descriptor to answer on
* ``mode``: ``zygote`` (stay, and fork one child for each run) or ``spawned`` (one run, in this process)
* the rest is for ``zygote.main`` or ``spawned.main``
"""

import gc
import importlib.machinery
import json
import os
import shlex
import sys
import traceback

MINIMUM = (3, 11)


class BundledPackages:
    """Finds the named packages in their own directories.

    The directories do not go on ``sys.path``: one of them may be the ``site-packages`` of another version of
    Python, whose compiled modules must not be seen here.
    """

    def __init__(self, directories: "dict[str, str]") -> None:
        self.directories = directories

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> "importlib.machinery.ModuleSpec | None":
        if path is None and name in self.directories:
            return importlib.machinery.PathFinder.find_spec(name, [self.directories[name]])
        return None


def tell(channel: int, reason: str, message: str, module: "str | None" = None, command: "str | None" = None) -> None:
    """Sends a ``messages.StartProblem``; the module that defines it may not be importable here."""
    problem = {"reason": reason, "message": message, "module": module, "command": command}
    body = json.dumps({"kind": "start-problem", "body": problem}).encode()
    os.write(channel, len(body).to_bytes(4, "big") + body)


def main() -> int:
    config = json.loads(sys.argv[1])
    channel = config["channel"]
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < MINIMUM:
        tell(
            channel,
            "old-python",
            f"{sys.executable} is Python {version}; the verifier needs {MINIMUM[0]}.{MINIMUM[1]} or newer",
            None,
            "python3.11 -m venv .venv && .venv/bin/python -m pip install islpy numpy",
        )
        return 0
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    engine = {name: where for name, where in config["packages"].items() if name == "stile_engine"}
    others = {name: where for name, where in config["packages"].items() if name != "stile_engine"}
    # The engine must be the one that the client belongs to; of the others, the user's own copy is as good.
    sys.meta_path.insert(0, BundledPackages(engine))
    sys.meta_path.append(BundledPackages(others))
    try:
        if config["mode"] == "zygote":
            gc.disable()  # what is loaded stays; ``zygote.main`` enables it again
            from stile_engine.worker.zygote import main as run
        else:
            from stile_engine.worker.spawned import main as run
    except ModuleNotFoundError as problem:
        module = (problem.name or "").partition(".")[0]
        if module in ("", "stile_engine"):
            tell(channel, "broken", traceback.format_exc())
        else:
            tell(
                channel,
                "missing-module",
                f"{sys.executable} (Python {version}) has no module {module}, which the verifier needs",
                module,
                f"{shlex.quote(sys.executable)} -m pip install {module}",
            )
        return 0
    except Exception:
        tell(channel, "broken", traceback.format_exc())
        return 0
    return run(config)


if __name__ == "__main__":
    sys.exit(main())
