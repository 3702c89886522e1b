"""The user directory: the source of users and their attribute values.

Directory          the interface of any user directory
local.py           the embedded one, in the connector's own database
scim.py            a SCIM 2 server
keycloak.py        Keycloak's Admin REST API
userinfo.py        an OpenID provider's UserInfo, with the user's own access token

dialects.py        which attribute holds which claim's value, read from a file; paths.py: how attributes are named
exchange.py        JSON over HTTP with a directory; credentials.py, limits.py, failures.py: its parts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connector.domain.tenancy import Tenant


class Directory(Protocol):
    """A user directory. No transaction of the caller's is open while it is asked: it may be a remote one."""

    def has_user(self, tenant: Tenant, user_id: str) -> bool:
        """Whether there is such a user."""
        ...

    def values(self, tenant: Tenant, user_id: str) -> Mapping[str, str] | None:
        """Return the user's attribute values by claim URI, without blank ones; None where there is no such user.

        A value that changes after this call has to reach `connector.services.people.claims.values_changed`.
        """
        ...
