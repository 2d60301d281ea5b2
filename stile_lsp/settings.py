"""The settings, from whichever way the client gives them; all of them work without a restart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

logger = logging.getLogger(__name__)

SECTION = "stile"

MODES = ("onChange", "onSave", "manual")


@dataclass(frozen=True, slots=True)
class Settings:
    interpreter: str = ""
    verify_mode: str = "onChange"
    verify_debounce: float = 200
    """Milliseconds of quiet before a run."""
    verify_timeout: float = 10
    """Seconds."""
    worker_memory: float = 4096
    """MiB."""
    inlay_shapes: bool = True
    inlay_normal_form: bool = False
    code_lens: bool = True
    cache: bool = True
    """Whether results are kept on disk, and looked up there."""
    trusted: bool = True
    """Whether the files may be run; a client that knows no trust is trusted."""


_PATHS = {
    "interpreter": ("interpreter",),
    "verify_mode": ("verify", "mode"),
    "verify_debounce": ("verify", "debounce"),
    "verify_timeout": ("verify", "timeout"),
    "worker_memory": ("worker", "memory"),
    "inlay_shapes": ("inlayHints", "shapes"),
    "inlay_normal_form": ("inlayHints", "normalForm"),
    "code_lens": ("codeLens",),
    "cache": ("cache",),
    "trusted": ("trusted",),
}

_RANGES = {"verify_debounce": (0, 60_000), "verify_timeout": (0.1, 3600), "worker_memory": (64, 1 << 20)}


def updated(settings: Settings, given: object) -> Settings:
    """The settings with what the client gave. Unknown keys are ignored; wrong values are logged and ignored.

    Keys may be nested (``{"verify": {"mode": …}}``) or dotted (``{"verify.mode": …}``), with or without ``stile``.
    """
    if not isinstance(given, Mapping):
        return settings
    if SECTION in given:
        given = given[SECTION]
        if not isinstance(given, Mapping):
            return settings
    changes: dict[str, Any] = {}
    for field in fields(Settings):
        value = _find(given, _PATHS[field.name])
        if value is None:
            continue
        try:
            changes[field.name] = _checked(field.name, value, getattr(settings, field.name))
        except ValueError as problem:
            logger.warning("the setting %s is ignored: %s", ".".join((SECTION, *_PATHS[field.name])), problem)
    return replace(settings, **changes)


def _find(given: Mapping[str, Any], path: tuple[str, ...]) -> object:
    for name in (".".join((SECTION, *path)), ".".join(path)):
        if name in given:
            return _leaf(given[name])
    value: Any = given
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return _leaf(value)


def _leaf(value: object) -> object:
    return None if isinstance(value, Mapping) else value


def _checked(name: str, value: object, present: object) -> object:
    if isinstance(present, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is not true or false")
        return value
    if isinstance(present, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        low, high = _RANGES[name]
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return float(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    if name == "verify_mode" and value not in MODES:
        raise ValueError(f"{value!r} is not one of {', '.join(MODES)}")
    return value
