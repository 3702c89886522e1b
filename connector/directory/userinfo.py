"""Users of an OpenID provider: its UserInfo endpoint, called with the user's own access token.

Values can only be read in the user's own requests. So only the user can start a verification, administrators cannot
correct a claim or update an applicant, and values are not compared on a schedule.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from connector.directory.credentials import bearer
from connector.directory.dialects import Dialect
from connector.directory.exchange import Exchange
from connector.directory.failures import misunderstood, refused
from connector.directory.paths import MemberPath
from connector.domain.written_status import WrittenStatus
from connector.errors import Code, DirectoryError

_DENIED = (401, 403)


class UserInfoDirectory:
    """Reads a user's values with the user's access token; `user_id_claim` is the member with the user's id."""

    is_readable = False

    def __init__(self, exchange: Exchange, dialect: Dialect[MemberPath], user_id_claim: str) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._user_id_claim = user_id_claim

    @property
    def uris(self) -> Collection[str]:
        """The claims for which the dialect has attributes."""
        return self._dialect.claims.keys()

    def values(self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf) -> dict[str, str]:
        """Return the user's values by claim URI; raises `DirectoryError`, also without the user's access token."""
        if access_token is None:
            raise needs_the_user()
        host = self._exchange.host
        with self._exchange.session(at_most) as session:
            reply = session.with_credentials(bearer(access_token)).send("GET", "")
        if reply.status in _DENIED:
            raise DirectoryError(
                Code.NEEDS_THE_USER,
                f"The UserInfo endpoint at {host} refused the access token (HTTP {reply.status}): "
                "it must be the user's own, with the scope openid.",
                status=reply.status,
            )
        if not reply.is_success:
            raise refused(host, reply.status)
        # OpenID Connect Core, 5.3.2: an answer about another user must not be used.
        if reply.content.get(self._user_id_claim) != user_id:
            raise misunderstood(host, f"its {self._user_id_claim} must be the id of the user")
        return self._dialect.values(reply.content)

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write nothing, because UserInfo is read-only."""
        del user_id, status, at_most
        return True


def needs_the_user() -> DirectoryError:
    """Create the error for a request that is not made by the user."""
    return DirectoryError(
        Code.NEEDS_THE_USER,
        "The values of this tenant's users are read from UserInfo, with the user's own access token: only the user can "
        "ask for this, by /me.",
    )
