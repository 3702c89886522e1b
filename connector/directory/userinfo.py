"""Users of an OpenID provider: its UserInfo endpoint, called with the user's own access token.

    JSON ──────────────► the user is compared ──► values
    a signed JWT ──► verified with the issuer's keys ──► as JSON        all within one budget of seconds
    an encrypted or unsigned JWT ──► refused

Values can only be read in the user's own requests. So only the user can start a verification, administrators cannot
correct a claim or update an applicant, and values are not compared on a schedule.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import structlog

from connector.directory.credentials import bearer
from connector.directory.dialects import Dialect
from connector.directory.exchange import Exchange, Reply
from connector.directory.failures import misunderstood, refused, unreachable
from connector.directory.limits import Budget
from connector.directory.paths import MemberPath
from connector.directory.signed_answers import AnswerRefusedError, NoSigningKeysError, SignedAnswers
from connector.domain.messages import message
from connector.domain.people.written_status import WrittenStatus
from connector.errors import Code, DirectoryError

log = structlog.get_logger(__name__)

_DENIED = (401, 403)


class UserInfoDirectory:
    """Reads a user's values with the user's access token; `user_id_claim` is the member with the user's id."""

    is_readable = False

    def __init__(
        self, exchange: Exchange, dialect: Dialect[MemberPath], user_id_claim: str, signed: SignedAnswers | None = None
    ) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._user_id_claim = user_id_claim
        self._signed = signed

    @property
    def uris(self) -> Collection[str]:
        """The claims for which the dialect has attributes."""
        return self._dialect.claims.keys()

    def values(self, user_id: str, access_token: str | None = None, *, at_most: float = math.inf) -> dict[str, str]:
        """Return the user's values by claim URI; raises `DirectoryError`, also without the user's access token."""
        if access_token is None:
            raise needs_the_user()
        with self._exchange.session(at_most) as session:
            reply = session.with_credentials(bearer(access_token)).reading_jwt().send("GET", "")
            self._check_success(reply)
            content = reply.content if reply.jwt is None else self._verified(reply.jwt, session.budget)
            # OpenID Connect Core, 5.3.2: an answer about another user must not be used.
            if content.get(self._user_id_claim) != user_id:
                raise self._unusable(self._user_id_claim, f"its {self._user_id_claim} must be the id of the user")
        return self._dialect.values(content)

    def _check_success(self, reply: Reply) -> None:
        host = self._exchange.host
        if reply.status in _DENIED:
            raise DirectoryError(
                Code.NEEDS_THE_USER,
                message(
                    "The UserInfo endpoint at %(host)s refused the access token (HTTP %(status)s): it must be the "
                    "user's own, with the scope openid.",
                    host=host,
                    status=reply.status,
                ),
                status=reply.status,
            )
        if not reply.is_success:
            raise refused(host, reply.status)

    def _verified(self, text: str, budget: Budget) -> Mapping[str, Any]:
        """Return the claims of a signed answer."""
        if self._signed is None:
            raise self._unusable("iss", "no issuer is known that could have signed it")
        try:
            return self._signed.read(text, budget.left())
        except NoSigningKeysError as error:
            reason = "the keys of its issuer, to check the signed answer, could not be fetched"
            raise unreachable(self._exchange.host, reason, retry_after=error.retry_after) from error
        except AnswerRefusedError as error:
            budget.left()  # raises if the keys did not arrive in time: the answer may be good
            raise self._unusable(error.check, error.why) from error

    def _unusable(self, check: str, why: str) -> DirectoryError:
        """Create the error for an answer that fails a check; logs the check, and no value of the answer."""
        log.warning("directory.answer_refused", host=self._exchange.host, check=check, reason=why)
        return misunderstood(self._exchange.host, why)

    def write_status(self, user_id: str, status: WrittenStatus, *, at_most: float = math.inf) -> bool:
        """Write nothing, because UserInfo is read-only."""
        del user_id, status, at_most
        return True


def needs_the_user() -> DirectoryError:
    """Create the error for a request that is not made by the user."""
    return DirectoryError(
        Code.NEEDS_THE_USER,
        message(
            "The values of this tenant's users are read from UserInfo, with the user's own access token: only the "
            "user can ask for this, by /me."
        ),
    )
