"""One authorization request, from its push to its tokens; each step is taken once, by compare-and-set.

    pushed ──► opened ──► started ──► answered ──► redeemed
      └──────────┴──────► refused                the user left

If the values came with the request, the person verified is a guest: a user of this flow only, so that no earlier
verification, or one of another browser, can be used. Without values it is the user who signs in at the tenant's issuer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from connector.domain.frozen import frozen

PUSHED, OPENED, STARTED, ANSWERED, REDEEMED, REFUSED = (
    "pushed",
    "opened",
    "started",
    "answered",
    "redeemed",
    "refused",
)
PUSHED_FOR = timedelta(seconds=60)  # the lifetime of a `request_uri`
OPEN_FOR = timedelta(minutes=10)  # from its use until the user must have finished
CODE_LIFETIME = timedelta(seconds=60)
TOKEN_LIFETIME = timedelta(minutes=10)
ANSWERABLE_FOR = PUSHED_FOR + OPEN_FOR + CODE_LIFETIME  # after that no code of a flow is valid, however often renewed
KEPT_FOR = timedelta(hours=1)  # after it has expired, so that a user who comes late can be sent back
URN = "urn:ietf:params:oauth:request_uri:"
GUEST_PREFIX = "openid:"
GUEST_LENGTH = len(GUEST_PREFIX) + 2 * 36 + 1  # two UUIDs and a colon


@frozen
class Flow:
    """An authorization request as it is stored; `values`, by claim URI, came with it.

    `browser_digest` is that of the cookie of the browser that opened it; `result` is the content of its tokens.
    """

    flow_id: str
    tenant: str
    client_id: str
    provider_id: str
    subject_digest: str
    created_at: datetime
    expires_at: datetime
    uris: Sequence[str]
    parameters: Mapping[str, str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False, default_factory=dict)
    state: str = PUSHED
    user_id: str | None = None
    browser_digest: str | None = field(repr=False, default=None)
    result: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def is_of_guest(self) -> bool:
        """Whether the values came with the request."""
        return self.user_id is not None and is_guest(self.user_id)

    @property
    def leads_back(self) -> bool:
        """Whether the user can be sent back once more: the client may not have heard of the answer."""
        return self.state in (ANSWERED, REFUSED)

    @property
    def is_under_way(self) -> bool:
        """Whether the user can still continue it."""
        return self.state in (OPENED, STARTED)


def guest_of(client_id: str, flow_id: str) -> str:
    """Return the id of the guest user of a request."""
    return f"{GUEST_PREFIX}{client_id}:{flow_id}"


def is_guest(user_id: str) -> bool:
    """Whether a user id is that of a guest; guests are in no directory."""
    return user_id.startswith(GUEST_PREFIX) and len(user_id) == GUEST_LENGTH
