"""Long work that goes on when the tab is closed, with its progress."""

from __future__ import annotations

from connector.console.story import Story

story = Story("jobs")
