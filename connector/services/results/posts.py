"""Posts to a provider's webhook: the signature is checked, then the event is read.

    tokens ──► signature ──► event ──► `events.py`: stored and applied in one transaction ──► 200

An event of a run needs only the tokens of its provider. A process remembers them, and the transaction compares them
with those in the database, so that nothing is read before it. If they do not accept the post, everything is read first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from connector.domain.events import NO_SIGNATURE, NO_TOKEN, TOO_LARGE, UNREADABLE, WRONG_SIGNATURE
from connector.domain.messages import message
from connector.domain.studio.studio import TASK_EVENT, WATCHLIST_EVENT
from connector.domain.tenancy import Tenant
from connector.errors import ChangedMeanwhile, Code, RequestError
from connector.onfido.webhooks import PROBE, Event, read_event
from connector.services.providers.webhook_access import SigningTokens, WebhookAccesses
from connector.services.refusals.refused_posts import RefusedPostCounts
from connector.services.results.events import DUPLICATE, Events, Posted, note_received
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.providers import providers
from connector.store.providers.events import APPLIED, NOTED, PARKED
from connector.store.providers.webhook_access import WebhookAccess


@use_case
class Posts:
    """Receives what Onfido posts to a provider's webhook."""

    _database: Database
    _accesses: WebhookAccesses
    _events: Events
    _refused_posts: RefusedPostCounts
    _clock: Callable[[], datetime]

    def receive(self, tenant: Tenant, provider_id: str, body: bytes, signature: str | None) -> str:
        """Receive one event and return its state; after this returns, the event is durable.

        Raises `RequestError`: provider unknown (OIDV-60001), signature missing or wrong (OIDV-60002), signed but
        unreadable (OIDV-60007).
        """
        digest = hashlib.sha256(body).hexdigest()
        remembered = self._accesses.recall(tenant, provider_id)
        if remembered is not None and remembered.have_signed(body, signature, self._clock()):
            received = self._receive_run(tenant, provider_id, body, digest, remembered)
            if received is not None:
                return received
        access, tokens = self._accesses.read(tenant, provider_id, digest)
        if not tokens.have_signed(body, signature, self._clock()):
            self._refused_posts.count(provider_id, _why_not_signed(tokens, signature))
            raise RequestError(
                Code.WEBHOOK_SIGNATURE_WRONG,
                message("X-SHA2-Signature is missing or does not match: set the webhook's token as webhook_token."),
            )
        if access.is_known:  # the transaction that stores events would refuse it at the same moment
            return note_received(provider_id, None, DUPLICATE)
        event = self._read(provider_id, body)
        if event.kind == PROBE:
            return NOTED
        return self._events.receive(tenant, provider_id, Posted(body, digest, event), _first_state(event, access))

    def _receive_run(
        self, tenant: Tenant, provider_id: str, body: bytes, digest: str, remembered: SigningTokens
    ) -> str | None:
        """Receive an event of a run, for which nothing but the tokens is needed of the provider.

        Return None if it is another event, a probe of our own, or the tokens were changed: then everything is read
        first.
        """
        try:
            event = read_event(body)
        except RequestError:
            return None
        if event.run is None or event.kind == PROBE:
            return None
        try:
            posted = Posted(body, digest, event)
            return self._events.receive(tenant, provider_id, posted, APPLIED, remembered.sealed)
        except (ChangedMeanwhile, IntegrityError):  # the latter if the provider's row is gone
            return None

    def refuse_too_large(self, tenant: Tenant, provider_id: str) -> None:
        """Count a post whose body is too large to be read, if its provider exists."""
        with self._database.read() as connection:
            known = providers.find_known(connection, tenant.name, [provider_id])
        if known:
            self._refused_posts.count(provider_id, TOO_LARGE)

    def _read(self, provider_id: str, body: bytes) -> Event:
        try:
            return read_event(body)
        except RequestError:
            self._refused_posts.count(provider_id, UNREADABLE)
            raise


def _why_not_signed(tokens: SigningTokens, signature: str | None) -> str:
    if not tokens.opened:
        return NO_TOKEN
    return WRONG_SIGNATURE if signature else NO_SIGNATURE


def _first_state(event: Event, access: WebhookAccess) -> str:
    """Return an event's first state: one of a monitor is parked until the monitor was read from Onfido."""
    if not _is_wanted(event, access):
        return NOTED
    return APPLIED if event.monitor_id is None else PARKED


def _is_wanted(event: Event, access: WebhookAccess) -> bool:
    """Whether an event is relevant to a provider with these Studio features, or to a notice endpoint."""
    if event.kind == TASK_EVENT and event.task_id is not None:
        return event.run_id is not None and (access.notifies_of_tasks or access.studio.notifies(event.task_def_id))
    if event.kind == WATCHLIST_EVENT and event.monitor_id is not None:
        return WATCHLIST_EVENT in access.studio.events(
            notifies_of_tasks=False, notifies_of_matches=access.notifies_of_matches
        )
    return event.run is not None
