"""The settings in force for display: each with value and source; for a secret only whether it is set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.domain.frozen import frozen
from connector.settings.fields import Checked, Table

if TYPE_CHECKING:
    from dataclasses import Field

    from connector.settings import Settings

DEFAULT = "default"
SET, NOT_SET = "set", "not set"
# Settings that may differ between the processes of one deployment: addresses, logs, and capacity.
OF_A_PROCESS = frozenset(
    {
        *("data_dir", "host", "port", "workers", "threads", "console_threads", "worker_threads", "worker_port"),
        *("worker_in_server", "graceful_timeout", "log_level", "log_format", "dev"),
    }
)


@frozen
class ShownSetting:
    """A setting: its value (for a secret, whether it is set), its source and its description."""

    name: str
    value: Any
    is_secret: bool
    source: str
    sentence: str


def shown(settings: Settings) -> list[ShownSetting]:
    """Return every setting for display."""
    return [
        ShownSetting(
            name=each.name,
            value=_shown(each, getattr(settings, each.name)),
            is_secret=not each.repr,
            source=settings.sources.get(each.name, DEFAULT),
            sentence=each.metadata.get("sentence", "Whether the development issuer is trusted."),
        )
        for each in _settings(settings)
    ]


def exact(settings: Settings) -> Mapping[str, str]:
    """Return a text for the exact value of each setting that all processes should share, including secrets."""
    shared = (each.name for each in _settings(settings) if each.name not in OF_A_PROCESS)
    return {name: json.dumps(_plain(getattr(settings, name), masks=False), sort_keys=True) for name in shared}


def _settings(settings: Settings) -> Iterator[Field[Any]]:
    return (each for each in fields(settings) if "sentence" in each.metadata or each.name == "dev")


def _shown(each: Field[Any], value: Any) -> Any:
    return _plain(value, masks=True) if each.repr else SET if value else NOT_SET


def _plain(value: Any, *, masks: bool) -> Any:
    """Return a value as JSON, with or without its secrets."""
    if isinstance(value, Checked):
        members = ((each, getattr(value, each.name)) for each in fields(value))
        return {
            each.name: (SET if member else NOT_SET) if masks and not each.repr else _plain(member, masks=masks)
            for each, member in members
        }
    if isinstance(value, Table):
        return {name: list(texts) for name, texts in value}
    if isinstance(value, tuple):
        return [_plain(each, masks=masks) for each in value]
    return str(value) if isinstance(value, Path) else value
