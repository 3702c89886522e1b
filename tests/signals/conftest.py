"""A connector with names for the levels of assurance in its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.kept_keys import emptied, kept_keys, standing
from tests.signals.receiver import SIGNALS
from tests.standing import clock, connector, settings, shared_connector

__all__ = ["clock", "connector", "emptied", "kept_keys", "settings", "shared_connector", "standing"]


@pytest.fixture(scope="session")
def setting_changes() -> Mapping[str, Any]:
    """Names of levels."""
    return {"signals": SIGNALS}
