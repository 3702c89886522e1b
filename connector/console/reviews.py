"""Deciding on verifications in review."""

from __future__ import annotations

from connector.console.story import Story

story = Story("reviews", path="/verifications")
