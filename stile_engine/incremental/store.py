"""Results on disk, shared by the command line, the editors and CI.

One file for each entry, made in whole by a rename, so that readers and writers need no lock. Every entry is
sealed with a key that only this user can read: what is damaged, cut off or written by somebody else is
no entry. Nothing here ever fails: a disk that is full, slow or read-only makes a cache that keeps nothing.
Only processes that run no user code open it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORMAT = 1

MAXIMUM_BYTES = 256 << 20
MAXIMUM_ENTRY = 16 << 20
_LOOK_EVERY = 64
"""Writes between two looks at the size of the whole."""

_KEPT_SHARE = 0.8
_SEAL = 64


def default_folder() -> Path:
    """Under the user's cache folder, outside of every workspace."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "stile"


class Store:
    """``folder`` is made when the first entry is written."""

    def __init__(self, folder: Path | None = None, maximum: int = MAXIMUM_BYTES) -> None:
        self._folder = (folder or default_folder()) / f"v{FORMAT}"
        self._maximum = maximum
        self._key: bytes | None = None
        self._writes = 0

    @property
    def folder(self) -> Path:
        return self._folder

    def get(self, name: str) -> Any:
        """The value of an entry; None where there is none that can be trusted."""
        path = self._path(name)
        key = self._secret(make=False)
        if key is None:
            return None
        try:
            with path.open("rb") as file:
                data = file.read(MAXIMUM_ENTRY + 1)
        except OSError:
            return None
        seal, body = data[:_SEAL], data[_SEAL:]
        if len(data) > MAXIMUM_ENTRY or not hmac.compare_digest(seal, _seal(key, name, body)):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # what is used stays
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None

    def put(self, name: str, value: Any) -> bool:
        """Whether the entry was written."""
        try:
            body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError):
            return False
        key = self._secret(make=True)
        if key is None or len(body) + _SEAL > MAXIMUM_ENTRY:
            return False
        path = self._path(name)
        if not _write(path, _seal(key, name, body) + body):
            return False
        self._writes += 1
        if self._writes % _LOOK_EVERY == 1:
            self.trim()
        return True

    def trim(self) -> None:
        """Deletes what was not used for longest, until the rest is well below the limit."""
        found = sorted(self._entries(), key=lambda entry: entry[0])
        total = sum(size for _, size, _ in found)
        if total <= self._maximum:
            return
        for _, size, path in found:
            if total <= self._maximum * _KEPT_SHARE:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        for root, _, names in os.walk(self._folder):
            for name in names:
                path = Path(root, name)
                if name == "key":
                    continue
                with contextlib.suppress(OSError):
                    found = path.stat()
                    yield found.st_mtime_ns, found.st_size, path

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _secret(self, make: bool) -> bytes | None:
        if self._key is not None:
            return self._key
        path = self._folder / "key"
        key = _read_key(path)
        if key is None and make:
            # Of several processes that begin at once one makes it, and all use that one.
            _write(path, secrets.token_bytes(32), replace=False)
            key = _read_key(path)
        self._key = key
        return key


def _read_key(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == 32 else None


def _seal(key: bytes, name: str, body: bytes) -> bytes:
    digest = hashlib.blake2b(key=key, digest_size=32)
    digest.update(name.encode() + b"\0")
    digest.update(body)
    return digest.hexdigest().encode()


def _write(path: Path, data: bytes, replace: bool = True) -> bool:
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        if replace:
            os.replace(temporary, path)
            temporary = None
        else:
            os.link(temporary, path)
    except OSError:
        return False
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    return True
