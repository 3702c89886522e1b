"""The clients of the OpenID provider, any number for a tenant: registered, changed, removed, authenticated."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.differences import differences
from connector.domain.audit.history import ADDED, CHANGED, CLIENT, REMOVED, SYSTEM, by_administrator
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.openid.clients import Client, ClientConfig, check_client
from connector.domain.openid.reach import check_reach
from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from connector.domain.urls import UrlPolicy
from connector.errors import ChangedMeanwhile, Code, InvalidField, RequestError
from connector.services import removals
from connector.services.digests import digest_of
from connector.services.journal import Journal
from connector.services.providers.refusals import not_found
from connector.services.use_case import use_case
from connector.store import removals as hiding
from connector.store.engine import Database
from connector.store.openid import openid_clients, openid_flows
from connector.store.providers import providers

SECRET_BYTES = 32
LONGEST_ASSERTION = timedelta(hours=1)  # the longest validity of an assertion, for which its id is stored
ROTATED = "secret_replaced"  # an action, for the history


@use_case
class Clients:
    """The clients of one tenant, which each method takes; changes are in its audit trail."""

    _database: Database
    _journal: Journal
    _names: Mapping[str, str]
    _policy: UrlPolicy
    _overlap: timedelta
    _clock: Callable[[], datetime]

    def all(self, tenant: Tenant) -> list[Client]:
        """Return the tenant's clients, the oldest first."""
        with self._database.read() as connection:
            return openid_clients.find_all(connection, tenant.name, self._clock())

    def get(self, tenant: Tenant, client_id: str) -> Client:
        """Return a client; raise `RequestError` if there is none."""
        client = self.find(tenant, client_id)
        if client is None:
            raise _not_found(client_id)
        return client

    def find(self, tenant: Tenant, client_id: str) -> Client | None:
        """Return a client, if it exists."""
        with self._database.read() as connection:
            return openid_clients.find(connection, tenant.name, client_id, self._clock())

    def count_under_way(self, tenant: Tenant, client_id: str) -> int:
        """Return the number of a client's requests that users have not completed yet."""
        with self._database.read() as connection:
            return openid_flows.count_under_way(connection, tenant.name, client_id, self._clock())

    def add(self, tenant: Tenant, config: ClientConfig, actor: str = SYSTEM) -> tuple[Client, str]:
        """Register a client and return it with its secret, which is not shown again.

        Raises `InvalidField` for a configuration that could never work; `RequestError` if there is no such provider.
        """
        check_client(config, set(self._names.values()), self._policy)
        now, secret = self._clock(), secrets.token_urlsafe(SECRET_BYTES)
        client = Client(new_id(), tenant.name, config, now, now)
        with self._database.write() as connection:
            check_reach(config, _share_provider(connection, tenant, config), self._names)
            openid_clients.add(connection, client, digest_of(secret))
            self._record(connection, tenant, client.client_id, ADDED, actor, config, differences({}, asdict(config)))
        return client, secret

    def change(
        self,
        tenant: Tenant,
        client_id: str,
        config: ClientConfig,
        actor: str = SYSTEM,
        *,
        seen: ClientConfig | None = None,
    ) -> Client:
        """Replace a client's configuration; its secret stays. Raises as `add` does.

        Claims that stay are not refused, even if the provider was changed meanwhile: a client can be disabled. With
        `seen`, raise `ChangedMeanwhile` if the configuration is not as it was seen any more.
        """
        check_client(config, set(self._names.values()), self._policy)
        with self._database.write() as connection:
            provider = _share_provider(connection, tenant, config)
            known = self._lock(connection, tenant, client_id)
            if _requested(known.config) != _requested(config):
                check_reach(config, provider, self._names)
            if seen is not None and known.config != seen:
                raise _changed_meanwhile(client_id)
            openid_clients.change(connection, client_id, config, self._clock())
            changes = differences(asdict(known.config), asdict(config))
            self._record(connection, tenant, client_id, CHANGED, actor, config, changes)
            return self._lock(connection, tenant, client_id)

    def remove(self, tenant: Tenant, client_id: str, actor: str = SYSTEM) -> None:
        """Remove a client with its requests; users in the middle of one are not sent back."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, client_id)
            hiding.hide_client(connection, client_id)
            self._record(connection, tenant, client_id, REMOVED, actor, known.config)
            removals.queue(connection)

    def rotate_secret(
        self, tenant: Tenant, client_id: str, actor: str = SYSTEM, *, seen: Client | None = None
    ) -> tuple[Client, str]:
        """Replace a client's secret; the previous one stays valid until the overlap ends.

        With `seen`, raise `ChangedMeanwhile` if the secret was replaced since the client was seen.
        """
        now, secret = self._clock(), secrets.token_urlsafe(SECRET_BYTES)
        with self._database.write() as connection:
            known = self._lock(connection, tenant, client_id)
            if seen is not None and known.previous_secret_expires_at != seen.previous_secret_expires_at:
                raise _changed_meanwhile(client_id)
            openid_clients.replace_secret(connection, client_id, digest_of(secret), now + self._overlap, now)
            self._record(connection, tenant, client_id, ROTATED, actor, known.config)
            return self._lock(connection, tenant, client_id), secret

    def use_assertion(self, client_id: str, assertion_id: str, expires_at: float) -> bool:
        """Record the use of a client's assertion; False if it was used before, or is valid for too long."""
        now = self._clock()
        if expires_at > (now + LONGEST_ASSERTION).timestamp():
            return False
        expires = datetime.fromtimestamp(expires_at, UTC) + timedelta(minutes=2)  # a checker's clock may be slow
        with self._database.write() as connection:
            return openid_clients.use_assertion(connection, client_id, digest_of(assertion_id), expires)

    def _lock(self, connection: Connection, tenant: Tenant, client_id: str) -> Client:
        client = openid_clients.lock(connection, tenant.name, client_id, self._clock())
        if client is None:
            raise _not_found(client_id)
        return client

    def _record(
        self,
        connection: Connection,
        tenant: Tenant,
        client_id: str,
        done: str,
        actor: str,
        config: ClientConfig,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        key = tenant.name, CLIENT, client_id, done
        detail = {"properties": sorted(changes)} if changes else {}
        entry = by_administrator(self._clock(), actor, *key, detail, config.provider_id, changes)
        self._journal.record(connection, [entry])


def _share_provider(connection: Connection, tenant: Tenant, config: ClientConfig) -> Provider:
    """Return a client's provider, which cannot be removed meanwhile; raise `InvalidField` if the tenant has none."""
    providers.find_known(connection, tenant.name, [config.provider_id], share=True)
    provider = providers.find(connection, config.provider_id, tenant.name)
    if provider is None:
        raise InvalidField("idVProviderId", not_found(config.provider_id).description.rstrip("."))
    return provider


def is_secret_of(client: Client, secret: str) -> bool:
    """Whether a secret is one of a client's, compared in constant time."""
    digest = digest_of(secret)
    return sum(hmac.compare_digest(digest, each) for each in client.digests) > 0  # all are compared


def _changed_meanwhile(client_id: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"The client {client_id} was changed meanwhile: read it again.")


def _requested(config: ClientConfig) -> tuple[object, ...]:
    """Return the facts that decide which requests can succeed."""
    return config.profile, config.provider_id, config.claims


def _not_found(client_id: str) -> RequestError:
    return RequestError(
        Code.OPENID_CLIENT_NOT_FOUND,
        message("There is no OpenID client %(client_id)s: check the id.", client_id=client_id),
    )
