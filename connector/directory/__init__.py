"""User directories: the source of users and their attribute values.

directories.py     which one a tenant's users are in
local.py           the embedded one, in the connector's own database
scim.py            a SCIM 2 server
keycloak.py        Keycloak's Admin REST API
userinfo.py        an OpenID provider's UserInfo, with the user's own access token

dialects.py        which attribute holds which claim's value, read from a file; paths.py: how attributes are named
exchange.py        JSON over HTTP with a directory; credentials.py, limits.py, failures.py: its parts
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Protocol

from connector.domain.written_status import WrittenStatus


class RemoteDirectory(Protocol):
    """A directory that is asked over HTTP; no transaction of the caller's is open meanwhile."""

    @property
    def is_readable(self) -> bool:
        """Whether values can be read without the user's own access token."""
        ...

    @property
    def uris(self) -> Collection[str]:
        """The claims that it may have values of."""
        ...

    def values(
        self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf
    ) -> Mapping[str, str] | None:
        """Return the user's attribute values by claim URI, without blank ones; None if there is no such user.

        All calls end within the directory's time-out, and `at_most` so many seconds. Raises `DirectoryError`.
        """
        ...

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write a user's status to the attributes that the dialect names for it, and to no others.

        The caller holds the lease on the user's status. False if there is no such user. Raises `DirectoryError`.
        """
        ...
