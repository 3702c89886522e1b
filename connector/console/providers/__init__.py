"""Providers: the health of each, and its configuration."""

from __future__ import annotations

from connector.console.providers import (
    attributes,
    capture,
    changes,
    compare,
    create,
    danger,
    endpoints,
    example,
    general,
    limits,
    listing,
    secrets,
    setup,
    transfer,
    workflow,
)
from connector.console.story import Story

story = Story("providers")
for _part in (listing, create, transfer, compare, example, setup, general, endpoints, limits, secrets, changes, danger):
    _part.install(story)
for _tab in (attributes, workflow, capture):
    _tab.install(story)
