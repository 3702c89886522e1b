"""The audit log: who changed what."""

from __future__ import annotations

from connector.console.story import Story

story = Story("audit")
