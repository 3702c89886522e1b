"""Providers: whether each is healthy, and how it is set up."""

from __future__ import annotations

from connector.console.story import Story

story = Story("providers")
