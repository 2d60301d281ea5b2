"""Servers that do not outlive their tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, StartClient

import stile_engine
from stile_engine.worker.launch import bundled_packages


@pytest.fixture
def start() -> Iterator[StartClient]:
    made: list[RawClient] = []

    def start_client(*arguments: Any, **options: Any) -> RawClient:
        made.append(RawClient(*arguments, **options))
        return made[-1]

    yield start_client
    for client in made:
        client.kill()


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The real engine with only ``check.py`` replaced."""
    root = tmp_path_factory.mktemp("engine") / "stile_engine"
    root.mkdir()
    for entry in Path(stile_engine.__file__).parent.iterdir():
        (root / entry.name).symlink_to(entry)
    (root / "check.py").unlink(missing_ok=True)
    (root / "check.py").symlink_to(Path(__file__).parent / "fake_engine" / "check.py")
    return {**bundled_packages(), "stile_engine": str(root.parent)}
