"""The verification of an authorization request: its start, progress and result.

A guest's verification belongs to this request alone. A user who has signed in may have been verified before: then
nothing is started, and the existing result is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.openid.claims_request import read_claims
from connector.domain.openid.clients import Client
from connector.domain.openid.flow import Flow
from connector.domain.openid.profiles import result_claims
from connector.domain.studio.capture import LINK
from connector.domain.studio.workflow_input import RunRequest
from connector.domain.studio.workflow_run import AWAITING_INPUT, STARTING
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.errors import Code, RequestError
from connector.services.assurance import VerifiedClaims
from connector.services.providers.registry import enabled
from connector.services.starting.requests import Verifications
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.engine import Database
from connector.store.openid import openid_clients, openid_flows
from connector.store.verifications import verifications

log = structlog.get_logger(__name__)


# Nothing can be started: the run has ended, all claims are verified, or these values cannot be verified.
_NOTHING_LEFT = (Code.NOT_AWAITING_INPUT, Code.NOTHING_TO_VERIFY, Code.VALUE_MISSING, Code.APPLICANT_REFUSED)


class Stage(StrEnum):
    """The stage of a flow's verification."""

    NEW = "new"  # it has not begun
    CAPTURE = "capture"  # the user has to send something
    CHECKING = "checking"  # Onfido checks
    ENDED = "ended"


@frozen
class Progress:
    """The stage, and the run."""

    stage: Stage
    verification: Verification | None = None


@use_case
class Proving:
    """Verifies the persons of clients' requests; each method takes the tenant."""

    _database: Database
    _requests: Verifications
    _user_values: UserValues
    _assurance: VerifiedClaims
    _clock: Callable[[], datetime]

    def start(
        self,
        tenant: Tenant,
        client: Client,
        flow: Flow,
        user_id: str,
        page: str,
        language: str | None = None,
        access_token: str | None = None,
    ) -> str | None:
        """Start the verification, or continue it; return the link to capture, None if there is nothing to do.

        The link's page is in this language, by Onfido's name, and returns to `page`. `access_token` is the user's own:
        some directories are read with it alone. Raises `RequestError` if the request cannot be met, `OnfidoError`,
        `DirectoryError`.
        """
        self._begin(tenant, flow, user_id)
        verification = self._find(tenant, flow, user_id)
        if verification is not None and verification.closed_at is not None:
            return None
        options = RunRequest(capture=LINK, own_page=page, language=language)
        key = (tenant, user_id, flow.provider_id, list(flow.uris), options)
        try:
            if verification is not None and verification.run_id is not None:
                return self._requests.resume(*key).link_url
            name, values = client.config.name, flow.values or None
            return self._requests.initiate(*key, name, access_token, client.client_id, values).link_url
        except RequestError as error:
            if error.code not in _NOTHING_LEFT:
                raise
            log.info("openid.not_verified", client_id=client.client_id, flow_id=flow.flow_id, code=error.code)
            return None

    def follow(self, tenant: Tenant, flow: Flow) -> Progress:
        """Return the stage of the verification, as Onfido reports it now; raises `OnfidoError`."""
        verification = None if flow.user_id is None else self._find(tenant, flow, flow.user_id)
        if flow.user_id is None or verification is None:
            return Progress(Stage.NEW)
        if verification.closed_at is None and verification.run_id is not None:
            self._requests.complete(tenant, flow.user_id, flow.provider_id, list(flow.uris))
            verification = self._find(tenant, flow, flow.user_id) or verification
        if verification.closed_at is not None:
            return Progress(Stage.ENDED, verification)
        is_waiting = verification.status in (STARTING, AWAITING_INPUT)
        return Progress(Stage.CAPTURE if is_waiting else Stage.CHECKING, verification)

    def result(
        self, tenant: Tenant, client: Client, flow: Flow, issuer: str, access_token: str | None = None
    ) -> dict[str, Any]:
        """Return the claims of the flow's ID token: the subject, and the requested claims that are verified.

        `access_token` is as for `start`. Raises `DirectoryError`.
        """
        user_id = flow.user_id or ""
        values = flow.values if flow.is_of_guest else self._user_values.read(tenant, user_id, access_token) or {}
        is_allowed = client.config.allows_sandbox
        asserted = self._assurance.of_values(tenant, user_id, values, issuer, allows_sandbox=is_allowed)
        verification = self._find(tenant, flow, user_id)
        run_id = None if verification is None else verification.run_id
        request = read_claims(flow.parameters["claims"])
        subject = flow.parameters.get("login_hint", user_id) if flow.is_of_guest else user_id
        return {"sub": subject, **result_claims(client.config.profile, request, asserted, self._clock(), run_id)}

    def _begin(self, tenant: Tenant, flow: Flow, user_id: str) -> None:
        """Record that the flow's verification starts; raises `RequestError` if its subject has had too many."""
        now = self._clock()
        with self._database.write() as connection:
            openid_clients.lock(connection, tenant.name, flow.client_id, now)  # others of the same subject wait
            provider = enabled(connection, tenant.name, flow.provider_id).limited(tenant.limits.attempts)
            since = now - timedelta(seconds=provider.attempt_window)
            number = openid_flows.count_started(connection, flow.provider_id, flow.subject_digest, since)
            if openid_flows.start(connection, flow.flow_id, user_id, now) and number >= provider.max_attempts:
                raise RequestError(
                    Code.ATTEMPT_LIMIT,
                    message("There were too many attempts to verify this person: try again later."),
                    retry_after=provider.attempt_window,
                )

    def _find(self, tenant: Tenant, flow: Flow, user_id: str) -> Verification | None:
        """Return the flow's verification: an open one, or an ended one that started after the flow."""
        with self._database.read() as connection:
            latest = verifications.find_latest(connection, flow.provider_id, user_id, tenant.name, flow.uris)
        is_of_flow = latest is not None and (latest.closed_at is None or latest.created_at >= flow.created_at)
        return latest if is_of_flow else None
