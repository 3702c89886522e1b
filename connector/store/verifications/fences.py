"""The right to initiate a verification, and the conditions of writing under it."""

from __future__ import annotations

from datetime import datetime

from connector.domain.frozen import frozen


@frozen
class Lease:
    """The right to initiate one verification, until `until`."""

    owner: str
    until: datetime


@frozen
class Fence:
    """The condition under which the holder of a lease may write a status.

    `owner` still holds it. With `has_no_run`, no run exists or may exist; without it, the provider is locked first,
    because a run is recorded together with its claims, and the transaction fails if the lease was lost. It also fails
    while claims of the provider have lapsed, unless the user's were withdrawn (`with_lapsed`).
    """

    owner: str
    has_no_run: bool = False
    with_lapsed: bool = False
