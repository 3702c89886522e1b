"""One connector for all tests of the console."""

from __future__ import annotations

from tests.standing import clock, connector, setting_changes, settings, shared_connector, standing

__all__ = ["clock", "connector", "setting_changes", "settings", "shared_connector", "standing"]
