"""Deliveries: what was sent, what failed, and the endpoints at which applications are notified."""

from __future__ import annotations

from connector.console.deliveries import acts, endpoints, pages
from connector.console.story import Story

story = Story("deliveries")
for _part in (pages, acts, endpoints):
    _part.install(story)
