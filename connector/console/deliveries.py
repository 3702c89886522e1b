"""Deliveries: what was sent, and what failed."""

from __future__ import annotations

from connector.console.story import Story

story = Story("deliveries")
