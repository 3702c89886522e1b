"""The treatment of requests by their paths, before anything else is known: the threads that answer, and the body limit.

Paths are as the client sent them; an unusual spelling of a path only leads to the general lane.
"""

from __future__ import annotations

import re

MAX_API_BODY = 65_536  # bytes; ten times the largest body that the API needs

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


def threads(number: int, console: int) -> dict[str, int]:
    """Return the threads of each lane; `number` is the setting for the API, `console` that for the console."""
    return {REQUESTS: number, WEBHOOKS: number, OPERATIONS: 2, DOCUMENTS: 1, CONSOLE: console}


def body_limit(path: str, webhook_limit: int) -> int:
    """Return the maximum length in bytes of the body for a path."""
    return webhook_limit if lane(path) == WEBHOOKS else min(MAX_API_BODY, webhook_limit)
