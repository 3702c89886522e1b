"""The settings in force, and where each comes from."""

from __future__ import annotations

from connector.console.story import Story

story = Story("settings")
