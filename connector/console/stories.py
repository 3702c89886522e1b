"""The stories of the console, each with its own pages."""

from __future__ import annotations

from collections.abc import Sequence

from connector.console import (
    audit,
    clients,
    deliveries,
    drafts,
    events,
    home,
    jobs,
    providers,
    reviews,
    sample,
    search,
    sessions,
    settings,
    users,
    verification,
    verifications,
)
from connector.console.story import Story

STORIES: Sequence[Story] = (
    home.story,
    verifications.story,
    verification.story,
    reviews.story,
    users.story,
    providers.story,
    clients.story,
    events.story,
    deliveries.story,
    audit.story,
    jobs.story,
    settings.story,
    search.story,
    sessions.story,
    drafts.story,
    sample.story,
)
