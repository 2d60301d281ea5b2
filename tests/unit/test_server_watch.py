"""What changes on disk under imported files is noticed, also where the folder is still to come, and nothing else is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stile_lsp import watch
from stile_lsp.watch import Watch


class Told:
    """The files that a watch has told of, one set for each time."""

    def __init__(self) -> None:
        self.times: list[frozenset[str]] = []

    async def next(self, seconds: float = 5.0) -> frozenset[str] | None:
        """What is told next, or None where nothing is."""
        end = asyncio.get_running_loop().time() + seconds
        while not self.times and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        # One change may come as several events, some of them late.
        await asyncio.sleep(2 * watch.QUIET_SECONDS)
        found = self.times[0] if self.times else None
        self.times.clear()
        return found


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def watching(told: Told) -> AsyncIterator[Watch]:
    made = Watch(asyncio.get_running_loop(), told.times.append)
    yield made
    made.stop()


async def test_a_folder_that_is_still_to_come(watching: Watch, told: Told, tmp_path: Path) -> None:
    helper = tmp_path / "package" / "deep" / "helper.py"
    watching.follow("file:///k.py", [str(helper), str(tmp_path / "top.py")])
    helper.parent.mkdir(parents=True)
    helper.write_text("x = 1\n")
    assert await told.next() == {"file:///k.py"}
    helper.write_text("x = 2\n")
    assert await told.next() == {"file:///k.py"}


async def test_every_way_in_which_a_file_changes(watching: Watch, told: Told, tmp_path: Path) -> None:
    helper, other = tmp_path / "helper.py", tmp_path / "other.py"
    helper.write_text("x = 1\n")
    watching.follow("one", [str(helper)])
    watching.follow("two", [str(other)])
    helper.write_text("x = 2\n")
    assert await told.next() == {"one"}
    other.write_text("y = 1\n")
    assert await told.next() == {"two"}
    (tmp_path / "new").write_text("x = 3\n")
    (tmp_path / "new").rename(helper)
    assert await told.next() == {"one"}
    helper.unlink()
    assert await told.next() == {"one"}
    helper.mkdir()
    assert await told.next() == {"one"}


async def test_folders_that_go_and_come_back(watching: Watch, told: Told, tmp_path: Path) -> None:
    """As a checkout of another branch does it; a watch belongs to a folder and not to its name."""
    helper = tmp_path / "package" / "deep" / "helper.py"
    helper.parent.mkdir(parents=True)
    helper.write_text("x = 1\n")
    watching.follow("k", [str(helper), str(tmp_path / "top.py")])
    shutil.rmtree(tmp_path / "package")
    assert await told.next() == {"k"}
    helper.parent.mkdir(parents=True)
    helper.write_text("x = 2\n")
    assert await told.next() == {"k"}
    (tmp_path / "another" / "deep").mkdir(parents=True)
    (tmp_path / "another" / "deep" / "helper.py").write_text("x = 3\n")
    (tmp_path / "package").rename(tmp_path / "old")
    (tmp_path / "another").rename(tmp_path / "package")
    assert await told.next() == {"k"}
    helper.write_text("x = 4\n")
    assert await told.next() == {"k"}
    (tmp_path / "old" / "deep" / "helper.py").write_text("x = 5\n")
    assert await told.next(0.3) is None


async def test_other_files_tell_nothing(watching: Watch, told: Told, tmp_path: Path) -> None:
    watching.follow("k", [str(tmp_path / "helper.py")])
    (tmp_path / "unrelated.py").write_text("")
    (tmp_path / "folder").mkdir()
    assert await told.next(0.3) is None
    watching.forget("k")
    (tmp_path / "helper.py").write_text("")
    assert await told.next(0.3) is None


async def test_many_changes_of_one_moment_are_told_once(watching: Watch, told: Told, tmp_path: Path) -> None:
    files = [tmp_path / f"module{number}.py" for number in range(100)]
    watching.follow("one", map(str, files[:50]))
    watching.follow("two", map(str, files))
    for file in files:
        file.write_text("x = 1\n")
    end = asyncio.get_running_loop().time() + 1
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)
    assert set().union(*told.times) == {"one", "two"}
    assert len(told.times) <= 3


async def test_what_the_client_tells_counts_as_well(watching: Watch, told: Told, tmp_path: Path) -> None:
    watching.follow("k", [str(tmp_path / "helper.py")])
    watching.told([tmp_path / "helper.py", tmp_path / "other.py"])
    assert await told.next() == {"k"}


async def test_no_thread_before_there_is_something_to_watch(told: Told) -> None:
    made = Watch(asyncio.get_running_loop(), told.times.append)
    made.follow("k", [])
    made.forget("k")
    made.stop()
    assert told.times == []
