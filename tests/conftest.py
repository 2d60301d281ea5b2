"""Fixed seeds for every run: a failure is the change's, not the dice's.

``HYPOTHESIS_PROFILE`` chooses ``quick`` (the default), ``full`` (ten times the examples) or ``explore``
(random, to look for new failures by hand).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("quick", derandomize=True, max_examples=100, **_COMMON)
settings.register_profile("full", derandomize=True, max_examples=1000, **_COMMON)
settings.register_profile("explore", derandomize=False, max_examples=1000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: left out of the quick tier (scripts/test.sh without --full)")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test takes results that another one, or the user, has left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
