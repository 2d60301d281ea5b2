"""The golden file of normal forms is what the engine prints now.

After a change that is meant: ``python tests/golden/normal_forms.py --write``, and read the difference.
"""

from __future__ import annotations

import pytest
from golden.normal_forms import GOLDEN, rendered


def test_normal_forms_are_those_of_the_golden_file() -> None:
    pytest.importorskip("sympy")
    same = rendered() == GOLDEN.read_text(encoding="utf-8")
    assert same, "normal forms changed: look at `python tests/golden/normal_forms.py`, then add --write"
