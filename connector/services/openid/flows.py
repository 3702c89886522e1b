"""Authorization requests, from their push to their tokens; any number of processes serve them.

    push ──► request_uri ──► open (a browser) ──► start ──► … ──► answer (a code) ──► redeem (a token)

Each of these steps is taken once, by compare-and-set in the database. The data of a request are encrypted, and its
values are erased when it is answered, or ten minutes after it was opened.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from connector.domain.environment import SANDBOX
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.openid.claims_request import ClaimsRequest, RequestedClaim, read_claims, without_values
from connector.domain.openid.clients import Client
from connector.domain.openid.flow import (
    ANSWERABLE_FOR,
    ANSWERED,
    CODE_LIFETIME,
    OPEN_FOR,
    PUSHED_FOR,
    REDEEMED,
    TOKEN_LIFETIME,
    URN,
    Flow,
)
from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from connector.errors import InvalidField, RequestError
from connector.services.digests import digest_of
from connector.services.providers.registry import Providers
from connector.services.starting.attempts import VerificationRequest
from connector.services.starting.binding import select_values
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.openid import openid_clients, openid_flows
from connector.store.vault import Fingerprints, Vault

log = structlog.get_logger(__name__)

TOKEN_BYTES = 32
_SUBJECT = "openid subject"


class SandboxNotAllowedError(Exception):
    """The client is not allowed results of the sandbox, but its provider uses it."""


@use_case
class Flows:
    """The authorization requests of one tenant, which each method takes."""

    _database: Database
    _vault: Vault
    _fingerprints: Fingerprints
    _providers: Providers
    _names: Mapping[str, str]
    _clock: Callable[[], datetime]

    def push(self, tenant: Tenant, client: Client, parameters: Mapping[str, str]) -> tuple[str, timedelta]:
        """Store a request of a client and return its `request_uri`, with its lifetime.

        Raises `InvalidField` for a request that could verify nothing, `RequestError` if the provider was removed,
        `SandboxNotAllowedError`.
        """
        provider = self._providers.get(tenant, client.config.provider_id)
        if provider.environment == SANDBOX and not client.config.allows_sandbox:
            raise SandboxNotAllowedError
        request, uris = self._request(provider, client, parameters.get("claims", ""))
        values = {uri: request.values[self._names[uri]] for uri in uris} if request.values else {}
        if values:
            self._check_values(provider, values)
        flow_id, token, now = new_id(), secrets.token_urlsafe(TOKEN_BYTES), self._clock()
        subject = parameters.get("login_hint") or flow_id
        flow = Flow(
            flow_id=flow_id,
            tenant=tenant.name,
            client_id=client.client_id,
            provider_id=client.config.provider_id,
            subject_digest=self._fingerprints.of(tenant.name, client.client_id, _SUBJECT, subject),
            created_at=now,
            expires_at=now + PUSHED_FOR,
            uris=uris,
            parameters={**parameters, "claims": without_values(request)},
            values=values,
        )
        with self._database.write() as connection:
            openid_flows.add(connection, self._vault, flow, digest_of(token))
        log.info("openid.pushed", tenant=tenant.name, client_id=client.client_id, flow_id=flow_id)
        return URN + token, PUSHED_FOR

    def open(self, tenant: Tenant, request_uri: str, client_id: str | None, browser: str) -> Flow | None:
        """Open a pushed request for the browser with this secret; None if it was used, or has expired.

        Also None if it belongs to another client; Okta does not name the client.
        """
        if not request_uri.startswith(URN):
            return None
        now, digest = self._clock(), digest_of(request_uri.removeprefix(URN))
        with self._database.write() as connection:
            flow = openid_flows.find_pushed(connection, self._vault, tenant.name, digest)
            if flow is None or client_id not in (None, flow.client_id):
                return None
            if not openid_flows.open_pushed(connection, flow.flow_id, digest_of(browser), now, now + OPEN_FOR):
                return None
            return openid_flows.find(connection, self._vault, tenant.name, flow.flow_id)

    def find(self, tenant: Tenant, flow_id: str, browser: str) -> Flow | None:
        """Return the flow that this browser has opened; None for any other, or if it is no longer kept."""
        with self._database.read() as connection:
            flow = openid_flows.find(connection, self._vault, tenant.name, flow_id)
        if flow is None or flow.browser_digest is None:
            return None
        return flow if hmac.compare_digest(flow.browser_digest, digest_of(browser)) else None

    def is_expired(self, flow: Flow) -> bool:
        """Whether the user has taken too long."""
        return flow.expires_at <= self._clock()

    def refuse(self, flow: Flow) -> bool:
        """End a flow that its user has left; False if it has ended already."""
        with self._database.write() as connection:
            return openid_flows.refuse(connection, flow.flow_id, self._clock())

    def answer(self, flow: Flow, code: str, result: Mapping[str, Any]) -> bool:
        """Store the result for the client that presents this code; False if the flow has ended already.

        A flow that was answered before keeps its result; the former code is no longer valid. No number of codes makes
        the result last beyond the flow's time, because it may no longer be true.
        """
        now, digest = self._clock(), digest_of(code)
        until = min(now + CODE_LIFETIME, flow.created_at + ANSWERABLE_FOR)
        with self._database.write() as connection:
            if flow.state == ANSWERED:
                return openid_flows.answer_again(connection, flow.flow_id, digest, now, until)
            return openid_flows.answer(connection, self._vault, flow.flow_id, digest, result, now, until)

    def find_by_code(self, tenant: Tenant, client: Client, code: str) -> Flow | None:
        """Return the flow of a client's code, with its result; None for an invalid code.

        A code that is presented again revokes the token for which it was exchanged.
        """
        with self._database.read() as connection:
            flow = openid_flows.find_by_code(connection, self._vault, tenant.name, digest_of(code))
        if flow is None or flow.client_id != client.client_id:
            return None
        if flow.state == REDEEMED:
            self._revoke(flow)
        return None if flow.state == REDEEMED or self.is_expired(flow) else flow

    def redeem(self, flow: Flow, code: str, token: str) -> bool:
        """Exchange a flow's code for an access token; False if another request did."""
        now, until, digests = self._clock(), self._clock() + TOKEN_LIFETIME, (digest_of(code), digest_of(token))
        with self._database.write() as connection:
            return openid_flows.redeem(connection, flow.flow_id, digests[0], now, digests[1], until)

    def result_of_token(self, tenant: Tenant, token: str) -> Mapping[str, Any] | None:
        """Return the result of an access token; None for an invalid one, or if its client is disabled."""
        now = self._clock()
        with self._database.read() as connection:
            flow = openid_flows.find_by_token(connection, self._vault, tenant.name, digest_of(token), now)
            client = flow and openid_clients.find(connection, tenant.name, flow.client_id, now)
        return flow.result if flow and client and client.config.is_enabled else None

    def _check_values(self, provider: Provider, values: Mapping[str, str]) -> None:
        """Raise `InvalidField` if a value that Onfido requires is not among these."""
        try:
            select_values(provider, VerificationRequest(tuple(values)), values)
        except RequestError as error:
            names = sorted({self._names.get(uri, uri) for uri in error.claims})
            raise InvalidField(
                "claims", message("must also have values of %(names)s, which Onfido requires", names=", ".join(names))
            ) from error

    def _request(self, provider: Provider, client: Client, text: str) -> tuple[ClaimsRequest, list[str]]:
        """Return the request with only the claims that the client may have, and the URIs of the claims to verify."""
        offered = self._offered(provider, client)
        asked = read_claims(text) if text else _all(offered.values())
        request = asked.of(set(offered.values()))
        named = {each.name for each in request.claims}
        if request.values:
            named &= request.values.keys()
        uris = sorted(uri for uri, name in offered.items() if name in named)
        if not uris:
            raise InvalidField(
                "claims",
                message("must request at least one of %(names)s", names=", ".join(sorted(set(offered.values())))),
            )
        return request, uris

    def _offered(self, provider: Provider, client: Client) -> dict[str, str]:
        """Return OpenID's names of the claims that the provider verifies for a client, by URI."""
        verified = {*provider.claims, *provider.studio.by_claim}
        chosen = client.config.claims
        return {uri: name for uri, name in self._names.items() if uri in verified and (not chosen or name in chosen)}

    def _revoke(self, flow: Flow) -> None:
        log.warning("openid.code_replayed", tenant=flow.tenant, client_id=flow.client_id, flow_id=flow.flow_id)
        with self._database.write() as connection:
            openid_flows.revoke_token(connection, flow.flow_id, self._clock())


def _all(names: Collection[str]) -> ClaimsRequest:
    return ClaimsRequest(tuple(RequestedClaim(name) for name in sorted(set(names))))
