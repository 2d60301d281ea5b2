"""The results on disk: nothing that is damaged or forged is believed, and nothing that goes wrong is raised."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stile_engine.incremental.store import Store, default_folder

NAME = "ab" * 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def entry(store: Store) -> Path:
    return store.folder / NAME[:2] / NAME


def test_what_is_kept_comes_back(store: Store) -> None:
    assert store.get(NAME) is None
    assert store.put(NAME, {"a": [1, "ä", None]})
    assert store.get(NAME) == {"a": [1, "ä", None]}
    assert Store(store.folder.parent).get(NAME) == {"a": [1, "ä", None]}


@pytest.mark.parametrize("damage", [b"", b"x", b"{}", bytes(100), b"0" * 64 + b'{"a": 1}'])
def test_damaged_entries_are_none_and_go_away(store: Store, damage: bytes) -> None:
    store.put(NAME, {"a": 1})
    entry(store).write_bytes(damage)
    assert store.get(NAME) is None
    assert not entry(store).exists()


def test_every_single_flipped_byte_is_noticed(store: Store) -> None:
    store.put(NAME, {"a": 1})
    good = entry(store).read_bytes()
    for position in range(len(good)):
        entry(store).write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert store.get(NAME) is None


def test_an_entry_is_none_under_another_name_or_key(store: Store, tmp_path: Path) -> None:
    store.put(NAME, {"status": "proved"})
    other = "cd" * 20
    (store.folder / other[:2]).mkdir()
    (store.folder / other[:2] / other).write_bytes(entry(store).read_bytes())
    assert store.get(other) is None
    second = Store(tmp_path / "second")
    second.put(other, 1)
    (second.folder / NAME[:2]).mkdir(exist_ok=True)
    (second.folder / NAME[:2] / NAME).write_bytes(entry(store).read_bytes())
    assert second.get(NAME) is None


def test_only_the_user_can_read_it(store: Store) -> None:
    store.put(NAME, 1)
    assert (store.folder / "key").stat().st_mode & 0o077 == 0
    assert entry(store).stat().st_mode & 0o077 == 0


def test_it_stays_bounded_and_keeps_what_is_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = [f"{number:040x}" for number in range(100)]
    for age, name in enumerate(names):
        store.put(name, "x" * 1000)
        os.utime(store.folder / name[:2] / name, (age, age))
    assert store.get(names[0]) is not None  # used: the youngest now
    Store(tmp_path, maximum=20_000).trim()
    left = [name for name in names if store.get(name) is not None]
    assert names[0] in left and names[99] in left and names[1] not in left
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) <= 20_000
    small = Store(tmp_path / "small", maximum=20_000)
    for name in names * 2:
        small.put(name, "x" * 1000)
    assert sum(p.stat().st_size for p in small.folder.rglob("*") if p.is_file()) <= 20_000 + 64 * 1100


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, "x" * (17 << 20)])
def test_what_cannot_be_kept_is_not(store: Store, value: object) -> None:
    assert not store.put(NAME, value)
    assert store.get(NAME) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file")
    assert not store.put(NAME, 1)
    assert store.get(NAME) is None
    assert not Store(Path("/proc/nowhere")).put(NAME, 1)


def test_a_read_only_cache_is_read(store: Store) -> None:
    store.put(NAME, 1)
    for folder, _, _ in os.walk(store.folder, topdown=False):
        os.chmod(folder, 0o500)
    try:
        assert Store(store.folder.parent).get(NAME) == 1
        if os.geteuid() != 0:
            assert not store.put("cd" * 20, 1)
    finally:
        for folder, _, _ in os.walk(store.folder):
            os.chmod(folder, 0o700)


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: the write fails half way."""
    program = """
        import resource, sys
        from pathlib import Path
        from stile_engine.incremental.store import Store
        store = Store(Path(sys.argv[1]))
        assert store.put("ab" * 20, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        assert not store.put("cd" * 20, "x" * 5000)
        assert store.get("cd" * 20) is None and store.get("ab" * 20) == 1
        assert [p.name for p in store.folder.rglob("tmp*")] == []
    """
    assert resource.RLIMIT_FSIZE
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=True)


def _write_many(folder: str, number: int) -> None:
    store = Store(Path(folder), maximum=200_000)
    for step in range(200):
        name = f"{step % 20:040x}"
        store.put(name, {"writer": number, "text": "x" * (100 * (number + 1))})
        found = store.get(f"{(step * 7) % 20:040x}")
        assert found is None or len(found["text"]) == 100 * (found["writer"] + 1)


def test_many_writers_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    store = Store(tmp_path)
    assert all(store.get(f"{step:040x}") is not None for step in range(20))


def test_the_default_folder_is_not_in_a_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache" / "stile"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/stile")
