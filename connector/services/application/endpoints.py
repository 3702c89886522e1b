"""The notice endpoints of applications, any number for a tenant: registration, changes, tests, removal.

    recover ──► outbox ──► the endpoint's notices since a time are due again, page by page

The endpoint in a provider's configuration is listed with the others, but changed with its provider.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import Connection

from connector.domain.answered import Answered
from connector.domain.audit.differences import differences
from connector.domain.audit.history import ADDED, CHANGED, ENDPOINT, REMOVED, SYSTEM, by_administrator
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.notices import (
    BY_ADMINISTRATOR,
    TEST,
    DeliveryRate,
    Endpoint,
    EndpointConfig,
    check_endpoint,
    new_secret,
    secret_objection,
    with_later_events,
)
from connector.domain.tenancy import Tenant
from connector.domain.urls import UrlPolicy
from connector.domain.utc import timestamp
from connector.errors import ChangedMeanwhile, Code, InvalidField, RequestError
from connector.http.webhook_sender import TIMEOUT, NotAccepted, Notifier
from connector.services.batches import forget
from connector.services.endpoint_secrets import EndpointSecrets
from connector.services.in_flight import wait_until_sent
from connector.services.journal import Journal
from connector.services.outbox import Handler
from connector.services.providers.refusals import not_found
from connector.services.use_case import use_case
from connector.store.deliveries import endpoints, notices, outbox
from connector.store.engine import Database
from connector.store.providers import providers

SECRET_BYTES = 32
RATED = 1000  # the number of an endpoint's latest deliveries that its failure rate covers
PAGE = 500
RESENT, ROTATED, TESTED = "resent", "secret_replaced", "tested"  # actions, for the history
SENDING_ENDS = TIMEOUT + 5.0  # seconds; longer than sending a notice takes


@frozen
class ResendNotices:
    """Make an endpoint's notices since a time due again, from `position` on."""

    kind: ClassVar[str] = "resend_notices"
    tenant: str
    endpoint: str
    since: str
    position: str = ""


@use_case
class Endpoints:
    """The endpoints of one tenant, which each method takes; changes are in its audit trail."""

    _database: Database
    _secrets: EndpointSecrets
    _notifier: Notifier
    _policy: UrlPolicy
    _journal: Journal
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(ResendNotices, self.resend)]

    def all(self, tenant: Tenant, provider_id: str | None = None) -> list[Endpoint]:
        """Return the tenant's endpoints, the oldest first; with a provider, those that get its events."""
        with self._database.read() as connection:
            return endpoints.find_all(connection, tenant.name, provider_id)

    def get(self, tenant: Tenant, endpoint_id: str) -> Endpoint:
        """Return an endpoint; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            endpoint = endpoints.find(connection, endpoint_id, tenant.name)
        if endpoint is None:
            raise _not_found(endpoint_id)
        return endpoint

    def rate(self, endpoint: Endpoint, since: datetime | None = None) -> DeliveryRate:
        """Return the results of the endpoint's latest deliveries, optionally only those since a time."""
        with self._database.read() as connection:
            deliveries, attempts, delivered = notices.rate(connection, endpoint.endpoint_id, RATED, since)
        return DeliveryRate(deliveries, attempts, max(0, attempts - delivered))

    def add(
        self, tenant: Tenant, config: EndpointConfig, secret: str | None = None, actor: str = SYSTEM
    ) -> tuple[Endpoint, str]:
        """Register an endpoint and return it with its secret, which is generated if none is given.

        Raises `InvalidField` for a configuration that could never work; `RequestError` if there is no such provider.
        """
        check_endpoint(config, self._policy)
        secret, endpoint_id = self._secret(secret), new_id()
        with self._database.write() as connection:
            _lock_providers(connection, tenant, config)
            sealed = self._secrets.seal(endpoint_id, secret)
            endpoints.add(connection, endpoint_id, tenant.name, config, sealed, self._clock())
            if not config.is_enabled:
                endpoints.change(connection, endpoint_id, {"disabled_because": BY_ADMINISTRATOR})
            detail, changes = {"properties": _properties(config)}, differences({}, asdict(config))
            self._record(connection, tenant, endpoint_id, ADDED, actor, config, detail, changes)
        return self.get(tenant, endpoint_id), secret

    def change(
        self,
        tenant: Tenant,
        endpoint_id: str,
        config: EndpointConfig,
        actor: str = SYSTEM,
        *,
        seen: EndpointConfig | None = None,
    ) -> Endpoint:
        """Replace an endpoint's configuration; its secret stays. Raises as `add` does.

        With `seen`, raise `ChangedMeanwhile` if the configuration is not as it was seen any more.
        """
        with self._database.write() as connection:
            _share_provider(connection, tenant, config)
            known = self._lock(connection, tenant, endpoint_id)
            config = with_later_events(config, known.config.events)
            check_endpoint(config, self._policy, known.config.events)
            if seen is not None and known.config != seen:
                raise _changed_meanwhile(endpoint_id)
            where = {"url": config.url, "provider_id": config.provider_id, "tasks": list(config.tasks)}
            values = {**where, "updated_at": self._clock(), **_enabling(known, config)}
            endpoints.change(connection, endpoint_id, values, config.events)
            before, after = asdict(known.config), asdict(config)
            detail = {"properties": sorted(name for name in after if after[name] != before[name])}
            changes = differences(before, after)
            self._record(connection, tenant, endpoint_id, CHANGED, actor, config, detail, changes)
        return self.get(tenant, endpoint_id)

    def remove(self, tenant: Tenant, endpoint_id: str, actor: str = SYSTEM) -> None:
        """Remove an endpoint; after this returns, nothing is sent to it."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, endpoint_id)
            endpoints.remove(connection, endpoint_id)
            self._record(connection, tenant, endpoint_id, REMOVED, actor, known.config, {})
        wait_until_sent(self._database, endpoint_id, SENDING_ENDS)
        forget(self._database, lambda connection, size: notices.drop_some(connection, endpoint_id, size))

    def rotate_secret(
        self,
        tenant: Tenant,
        endpoint_id: str,
        secret: str | None = None,
        actor: str = SYSTEM,
        *,
        seen: Endpoint | None = None,
    ) -> tuple[Endpoint, str]:
        """Replace an endpoint's secret; the previous one also signs until the overlap ends.

        With `seen`, raise `ChangedMeanwhile` if the secret was replaced since the endpoint was seen.
        """
        secret = self._secret(secret)
        with self._database.write() as connection:
            known = self._lock(connection, tenant, endpoint_id)
            if seen is not None and known.previous_secret_expires_at != seen.previous_secret_expires_at:
                raise _changed_meanwhile(endpoint_id)
            sealed = endpoints.find_secrets(connection, endpoint_id)
            replaced = self._secrets.replaced(endpoint_id, sealed, secret)
            endpoints.change(connection, endpoint_id, {**replaced, "updated_at": self._clock()})
            self._record(connection, tenant, endpoint_id, ROTATED, actor, known.config, {})
        return self.get(tenant, endpoint_id), secret

    def test(self, tenant: Tenant, endpoint_id: str, actor: str = SYSTEM) -> tuple[Answered, str | None]:
        """Send a notice of the type `test` now; return the answer, and what is wrong (None if nothing is).

        If it is accepted, notices that wait because the endpoint did not answer are sent at once.
        """
        endpoint = self.get(tenant, endpoint_id)
        if why := self._policy.objection(endpoint.config.url):
            raise InvalidField("url", why)
        now = self._clock()
        with self._database.write() as connection:
            sealed = endpoints.find_secrets(connection, endpoint_id)
            self._record(connection, tenant, endpoint_id, TESTED, actor, endpoint.config, {})
        notice_id, at = new_id(), timestamp(now)
        body = {"type": TEST, "id": notice_id, "at": at, "data": {"tenant": tenant.name, "endpointId": endpoint_id}}
        secrets = self._secrets.valid(endpoint_id, sealed)
        try:
            answered = self._notifier.post(endpoint.config.url, secrets, notice_id, json.dumps(body), now).answered
        except NotAccepted as error:
            return error.answered, error.description
        with self._database.write() as connection:
            if endpoints.accept_test(connection, endpoint, self._clock()) and endpoint.failures:
                notices.resume(connection, endpoint_id)
        return answered, None

    def recover(self, tenant: Tenant, endpoint_id: str, since: datetime, actor: str = SYSTEM) -> None:
        """Send all notices since a time again, with their ids; the worker queues them page by page."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, endpoint_id, is_own_allowed=True)
            detail = {"since": timestamp(since)}
            self._record(connection, tenant, endpoint_id, RESENT, actor, known.config, detail)
            outbox.add(connection, ResendNotices(tenant.name, endpoint_id, since.astimezone(UTC).isoformat()))

    def resend(self, order: ResendNotices) -> None:
        """Make the next page of an endpoint's notices due again, and queue the page after it."""
        since = datetime.fromisoformat(order.since)
        with self._database.write() as connection:
            last = notices.resend(connection, order.endpoint, since, order.position, PAGE)
            if last is not None:
                outbox.add(connection, replace(order, since=last.at.isoformat(), position=str(last.row_id)))

    def _secret(self, given: str | None) -> str:
        if given is not None and (why := secret_objection(given)):
            raise InvalidField("secret", why)
        return given or new_secret(os.urandom(SECRET_BYTES))

    def _lock(
        self, connection: Connection, tenant: Tenant, endpoint_id: str, *, is_own_allowed: bool = False
    ) -> Endpoint:
        known = endpoints.lock(connection, endpoint_id, tenant.name)
        if known is None:
            raise _not_found(endpoint_id)
        if known.is_of_provider and not is_own_allowed:
            raise InvalidField(
                "id", message("must not be that of a provider's own endpoint: change it with studio.notices")
            )
        return known

    def _record(
        self,
        connection: Connection,
        tenant: Tenant,
        endpoint_id: str,
        what: str,
        actor: str,
        config: EndpointConfig,
        detail: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        key = tenant.name, ENDPOINT, endpoint_id, what
        entry = by_administrator(self._clock(), actor, *key, detail, config.provider_id, changes)
        self._journal.record(connection, [entry])


def _share_provider(connection: Connection, tenant: Tenant, config: EndpointConfig) -> None:
    """Raise for a provider that the tenant does not have; otherwise it cannot be removed meanwhile."""
    provider_id = config.provider_id
    if provider_id is not None and not providers.find_known(connection, tenant.name, [provider_id], share=True):
        raise not_found(provider_id)


def _lock_providers(connection: Connection, tenant: Tenant, config: EndpointConfig) -> None:
    """Lock the provider of a new endpoint, or all of the tenant; raise for a provider that the tenant does not have."""
    if config.provider_id is None:
        providers.lock_all(connection, tenant.name)
    elif providers.lock(connection, config.provider_id, tenant.name) is None:
        raise not_found(config.provider_id)


def _properties(config: EndpointConfig) -> list[str]:
    return sorted(name for name, value in asdict(config).items() if value not in (None, ()))


def _enabling(known: Endpoint, config: EndpointConfig) -> Mapping[str, Any]:
    """Return the columns that enable or disable an endpoint; one that stays disabled keeps its reason."""
    if config.is_enabled:
        return {"disabled_because": None, "failures": 0}
    return {"disabled_because": known.disabled_because or BY_ADMINISTRATOR}


def _not_found(endpoint_id: str) -> RequestError:
    return RequestError(
        Code.ENDPOINT_NOT_FOUND,
        message("There is no endpoint %(endpoint_id)s: list the endpoints of this tenant.", endpoint_id=endpoint_id),
    )


def _changed_meanwhile(endpoint_id: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"The endpoint {endpoint_id} was changed meanwhile: read it again.")
