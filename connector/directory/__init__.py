"""User directories: the source of users and their attribute values.

directories.py     the directory of each tenant
local.py           the embedded one, in the connector's own database
scim.py            a SCIM 2 server
keycloak.py        Keycloak's Admin REST API
userinfo.py        an OpenID provider's UserInfo, with the user's own access token; signed_answers.py: its JWTs

dialects.py        the mapping of claims to attributes, read from a file; paths.py: paths of attributes
exchange.py        JSON over HTTP with a directory; credentials.py, limits.py, failures.py: its parts
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Protocol

from connector.domain.people.written_status import WrittenStatus


class RemoteDirectory(Protocol):
    """A directory that is called over HTTP; the caller must have no open transaction."""

    @property
    def is_readable(self) -> bool:
        """Whether values can be read without the user's own access token."""
        ...

    @property
    def uris(self) -> Collection[str]:
        """The claims for which it may have values."""
        ...

    def values(
        self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf
    ) -> Mapping[str, str] | None:
        """Return the user's attribute values by claim URI, without blank ones; None if there is no such user.

        All calls end within the directory's time-out, and within `at_most` seconds. Raises `DirectoryError`.
        """
        ...

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write a user's status only to the attributes that the dialect names for it.

        The caller holds the lease on the user's status. False if there is no such user. Raises `DirectoryError`.
        """
        ...
