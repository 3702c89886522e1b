"""Providers: whether each is healthy, and how it is set up."""

from __future__ import annotations

from connector.console.providers import attributes, capture, workflow
from connector.console.story import Story

story = Story("providers")
for _tab in (attributes, workflow, capture):
    _tab.install(story)
