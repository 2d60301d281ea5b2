"""Servers that do not outlive their tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from raw_client import RawClient, StartClient


@pytest.fixture
def start() -> Iterator[StartClient]:
    made: list[RawClient] = []

    def start_client(*arguments: Any, **options: Any) -> RawClient:
        made.append(RawClient(*arguments, **options))
        return made[-1]

    yield start_client
    for client in made:
        client.kill()
