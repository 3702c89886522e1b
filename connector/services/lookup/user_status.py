"""The verification state of a user, and the reasons if the user is not verified: for the help desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connector.domain.audit.history import Change
from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.people.user_status import (
    REFUSED_STARTS_WINDOW,
    AttemptNumber,
    ClaimStatus,
    ProviderStatus,
    attempt_number,
    claim_status,
    counted,
    next_attempt_at,
)
from connector.domain.providers.provider import LONGEST_WINDOW, Provider
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import Verification
from connector.errors import Code, RequestError
from connector.services.providers.registry import Providers
from connector.services.results.kept import KeptResults
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store import history
from connector.store.claims import claims
from connector.store.engine import Database
from connector.store.verifications import attempt_limits, refused_starts, verification_search
from connector.store.verifications.refused_starts import RefusedStarts

MAX_REFUSALS = 200  # the number of a user's latest refusals in which each provider's last one is searched


@frozen
class UserStatus:
    """The verification state of a user with each provider of the tenant."""

    user_id: str
    providers: Sequence[ProviderStatus]


@use_case
class UserStatuses:
    """Looks up the verification state of users; each method takes the tenant."""

    _database: Database
    _providers: Providers
    _user_values: UserValues
    _kept: KeptResults
    _clock: Callable[[], datetime]

    def get(self, tenant: Tenant, user_id: str, access_token: str | None = None) -> UserStatus:
        """Return a user's verification state; raise `RequestError` if the user is unknown, or was removed.

        `access_token` is the user's own: some directories are read with it alone.
        """
        is_readable = access_token is not None or self._user_values.is_readable(tenant, user_id)
        values = self._user_values.read(tenant, user_id, access_token) if is_readable else None
        registered = [each.limited(tenant.limits.attempts) for each in self._providers.all(tenant)]
        known = self._read(tenant, user_id)
        if values is None and not (known.is_any or (known.refusals and not is_readable)):
            raise self.unknown_user(tenant, user_id)
        if not is_readable:
            values = {uri: uri for _, uri in known.claims}  # claims that were part of a verification had a value
        return UserStatus(user_id, [self._status(provider, known, values or {}) for provider in registered])

    def attempt(self, tenant: Tenant, verification: Verification, provider: Provider) -> AttemptNumber | None:
        """Return the place of a verification among the attempts that count now against the limit of its provider."""
        provider = provider.limited(tenant.limits.attempts)
        since = self._clock() - timedelta(seconds=provider.attempt_window)
        of_user = (tenant.name, provider.provider_id, verification.user_id, since, provider.environment)
        with self._database.read() as connection:
            started = attempt_limits.find_started(connection, *of_user)
        return attempt_number(verification, started, provider)

    def attempts(self, tenant: Tenant, user_id: str) -> list[tuple[Provider, int]]:
        """Return each provider with the number of a user's attempts that count now, without asking the directory."""
        now = self._clock()
        registered = [each.limited(tenant.limits.attempts) for each in self._providers.all(tenant)]
        since = now - timedelta(seconds=LONGEST_WINDOW)
        with self._database.read() as connection:
            started = attempt_limits.find_started_of_user(connection, tenant.name, user_id, since)
        return [(each, len(counted(started.get(each.provider_id, ()), each, now))) for each in registered]

    def refusals(self, tenant: Tenant, user_id: str, limit: int = MAX_REFUSALS) -> list[Change]:
        """Return a user's refused starts that are still recorded, the latest first."""
        with self._database.read() as connection:
            return history.find_refusals(connection, tenant.name, user_id, limit)

    def removal(self, tenant: Tenant, user_id: str) -> Change | None:
        """Return the latest entry of a user's removal, with its time and actor; None if there is none."""
        with self._database.read() as connection:
            return history.find_removal(connection, tenant.name, user_id)

    def unknown_user(self, tenant: Tenant, user_id: str) -> RequestError:
        """Create the error for a user who is unknown, or was removed."""
        removal = self.removal(tenant, user_id)
        removed = f" (removed at {timestamp(removal.at)} by {removal.actor})" if removal else ""
        return RequestError(
            Code.USER_NOT_FOUND,
            message(
                "There is no user %(user_id)s%(removed)s: check the id, or add the user.",
                user_id=user_id,
                removed=removed,
            ),
        )

    def _read(self, tenant: Tenant, user_id: str) -> _Known:
        since = self._clock() - timedelta(seconds=LONGEST_WINDOW)
        with self._database.read() as connection:
            refusals = history.find_refusals(connection, tenant.name, user_id, MAX_REFUSALS)
            return _Known(
                claims={
                    (claim.provider_id, claim.uri): claim for claim in claims.find_all(connection, tenant.name, user_id)
                },
                latest=verification_search.find_latest_of_user(connection, tenant.name, user_id),
                started=attempt_limits.find_started_of_user(connection, tenant.name, user_id, since),
                refused=refused_starts.find_of_user(
                    connection, tenant.name, user_id, self._clock() - REFUSED_STARTS_WINDOW
                ),
                refusals={refusal.provider_id: refusal for refusal in reversed(refusals)},
            )

    def _status(self, provider: Provider, known: _Known, values: Mapping[str, str]) -> ProviderStatus:
        latest = known.latest.get(provider.provider_id)
        result = self._kept.result(latest) if latest else None
        return ProviderStatus(
            provider=provider,
            claims=[_claim(provider, uri, known, values) for uri in verifiable(provider)],
            last_run=latest,
            last_reasons=result.reasons if result else (),
            last_refusal=known.refusals.get(provider.provider_id),
            next_attempt_at=self._next_attempt_at(provider, known),
            attempts=len(counted(known.started.get(provider.provider_id, ()), provider, self._clock())),
        )

    def _next_attempt_at(self, provider: Provider, known: _Known) -> datetime | None:
        """Return when both limits allow a start: that of attempts, and that of starts that Onfido refused."""
        key = provider.provider_id
        return next_start_at(provider, known.started.get(key, ()), known.refused.get(key), self._clock())


def next_start_at(
    provider: Provider, started: Sequence[datetime], refused: RefusedStarts | None, now: datetime
) -> datetime | None:
    """Return when both limits of a provider allow a start: of attempts, and of starts that Onfido refused."""
    limited = next_attempt_at(started, provider, now)
    if refused is None or refused.number < provider.max_attempts:
        return limited
    refused_until = refused.since + REFUSED_STARTS_WINDOW
    return max(limited, refused_until) if limited else refused_until


def verifiable(provider: Provider) -> list[str]:
    """Return the claims that a provider can verify, in the order of its mapping."""
    return list(dict.fromkeys((*provider.claims, *provider.studio.by_claim)))


def _claim(provider: Provider, uri: str, known: _Known, values: Mapping[str, str]) -> ClaimStatus:
    claim = known.claims.get((provider.provider_id, uri))
    return claim_status(uri, claim, has_value=_has_value(provider, uri, values))


def _has_value(provider: Provider, uri: str, values: Mapping[str, str]) -> bool:
    """Whether there is a value to verify; a claim that only the workflow's output contains needs none."""
    return uri not in provider.claims or bool(values.get(uri))


@frozen
class _Known:
    """The stored data of a user, by the providers' ids."""

    claims: Mapping[tuple[str, str], Claim]
    latest: Mapping[str, Verification]
    started: Mapping[str, Sequence[datetime]]
    refused: Mapping[str, RefusedStarts]
    refusals: Mapping[str | None, Change]

    @property
    def is_any(self) -> bool:
        """Whether anything is stored that only a user has; a start may have been refused because there is none."""
        return bool(self.claims or self.latest)
