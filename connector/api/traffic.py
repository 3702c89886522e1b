"""How requests are treated before anything is known but their path: whose threads answer them, how long they may be.

Paths are as the client sent them; one that is written in another way has the lane of all others, and loses nothing.
"""

from __future__ import annotations

import re

MAX_API_BODY = 65_536  # bytes; the largest that the API has a use for is a tenth of it
WEBHOOKS_ON_SQLITE = 2  # threads of a process

WEBHOOKS, OPERATIONS, DOCUMENTS, CONSOLE, REQUESTS = "webhooks", "operations", "documents", "console", "requests"
_LANES = (
    (WEBHOOKS, re.compile(r"(?:/t/[^/]+)?/idv/onfido/v1/[^/]+/verify/?")),
    (OPERATIONS, re.compile(r"/(?:healthz|readyz|metrics)/?")),
    (CONSOLE, re.compile(r"(?:/t/[^/]+)?/(?:console|bootstrap)(?:/.*)?")),
    (DOCUMENTS, re.compile(r"/(?:openapi\.json|docs)(?:/.*)?")),
)


def lane(path: str) -> str:
    """Return the lane of a path: requests of one lane wait for each other, not for those of another."""
    return next((name for name, pattern in _LANES if pattern.fullmatch(path)), REQUESTS)


def threads(number: int, console: int, *, is_sqlite: bool) -> dict[str, int]:
    """Return the threads of each lane; `number` is what the setting says of the API's, `console` of the console's.

    SQLite has one writer, so that more threads for webhooks would only wait for each other.
    """
    webhooks = min(number, WEBHOOKS_ON_SQLITE) if is_sqlite else number
    return {REQUESTS: number, WEBHOOKS: webhooks, OPERATIONS: 2, DOCUMENTS: 1, CONSOLE: console}


def body_limit(path: str, webhook_limit: int) -> int:
    """Return how many bytes the body for a path may have."""
    return webhook_limit if lane(path) == WEBHOOKS else min(MAX_API_BODY, webhook_limit)
