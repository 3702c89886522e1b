"""The search box: an exact id leads straight to what it names."""

from __future__ import annotations

from connector.console.story import Story

story = Story("search")
