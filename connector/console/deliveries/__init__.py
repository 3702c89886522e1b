"""Deliveries: what was sent, what failed, and the endpoints at which applications are notified."""

from __future__ import annotations

from connector.console.deliveries import actions, endpoints, pages
from connector.console.story import Story

story = Story("deliveries")
for _part in (pages, actions, endpoints):
    _part.install(story)
