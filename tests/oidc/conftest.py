"""One connector for all tests of the OpenID provider."""

from __future__ import annotations

from tests.kept_keys import emptied, kept_keys, standing
from tests.standing import clock, connector, setting_changes, settings, shared_connector

__all__ = [
    "clock",
    "connector",
    "emptied",
    "kept_keys",
    "setting_changes",
    "settings",
    "shared_connector",
    "standing",
]
