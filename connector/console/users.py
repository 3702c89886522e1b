"""Users: what is verified of each, and how it got there."""

from __future__ import annotations

from connector.console.story import Story

story = Story("users")
