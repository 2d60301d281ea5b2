"""``python -m stile_engine`` is the command ``stile``."""

from __future__ import annotations

from stile_engine.cli import main

if __name__ == "__main__":
    main()
