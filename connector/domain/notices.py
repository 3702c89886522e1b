"""Notices to applications: endpoints, each with the events that it chose.

A notice reports an event, with ids and a time, but not the current state: the receiver reads that. So the order in
which notices arrive does not matter: after the last one, the receiver has the latest state.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

FINISHED = "verification.finished"  # its run has ended, or an administrator has decided on it
CLAIMS_CHANGED = "claims.changed"  # verified, no longer verified, or removed
ATTENTION = "attention.needed"  # with a reason, if the endpoint has not chosen the specific event
TASK_STARTED = "task.started"
DECISION_WAITING = "manual_decision.waiting"
MATCHES_UPDATED = "watchlist.matches_updated"
TEST = "test"  # sent on request only
OWN_EVENTS = (TASK_STARTED, DECISION_WAITING, MATCHES_UPDATED)  # of the endpoint in a provider's configuration
EVENTS = (FINISHED, CLAIMS_CHANGED, ATTENTION, *OWN_EVENTS)
TASK_EVENTS = (TASK_STARTED, DECISION_WAITING, ATTENTION)
MATCH_EVENTS = (MATCHES_UPDATED, ATTENTION)

REVIEW, LINK_EXPIRED, TASK, DECISION, WATCHLIST = "review", "link_expired", "task", "decision", "watchlist"  # reasons
PROVIDER_FAILS = "provider"  # a reason: a check of a provider has started to fail
GONE, BY_ADMINISTRATOR = "gone", "administrator"  # why an endpoint is disabled

SECRET_PREFIX = "whsec_"  # noqa: S105  the specification's mark of a secret
SHORTEST_SECRET, LONGEST_SECRET = 24, 64  # bytes
_TASK_DEF_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@frozen
class EndpointConfig:
    """An endpoint as an administrator describes it; without a provider it gets the events of the whole tenant.

    `tasks` are the ids of the Send/Receive Data task definitions whose start is notified.
    """

    url: str
    events: tuple[str, ...]
    provider_id: str | None = None
    tasks: tuple[str, ...] = ()
    is_enabled: bool = True


@frozen
class Endpoint:
    """An endpoint as it is stored; `is_of_provider`: it is part of its provider's configuration.

    `failing_since` is the time of the first of its consecutive failures, and `last_status` the HTTP status of the last;
    None if it is not known, or there was no answer. `test_accepted_at` is the time of the last test that its address
    accepted.
    """

    endpoint_id: str
    tenant: str
    config: EndpointConfig
    is_of_provider: bool
    disabled_because: str | None
    failures: int
    previous_secret_expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None = None
    last_status: int | None = None
    test_accepted_at: datetime | None = None

    @property
    def is_failing(self) -> bool:
        """Whether its latest notice was not accepted; a disabled one is sent none."""
        return self.failures > 0 and self.disabled_because is None

    def chooses(self, *events: str) -> bool:
        """Whether it has chosen any of these events."""
        return any(event in self.config.events for event in events)


@frozen
class DeliveryRate:
    """The results of an endpoint's latest deliveries: `failures` of `attempts` failed."""

    deliveries: int
    attempts: int
    failures: int


def check_endpoint(config: EndpointConfig, policy: UrlPolicy, stored: Sequence[str] = ()) -> None:
    """Raise `InvalidField` for an endpoint that could never work, naming the field.

    Events that are `stored` are accepted, also those that only a later version knows.
    """
    for where, why in _objections(config, policy, {*EVENTS, *stored}):
        raise InvalidField(where, why)


def with_later_events(config: EndpointConfig, stored: Sequence[str]) -> EndpointConfig:
    """Return the configuration with the stored events that only a later version knows, and this one cannot choose."""
    later = [each for each in stored if each not in EVENTS and each not in config.events]
    return replace(config, events=(*config.events, *later))


def secret_objection(secret: str) -> str | None:
    """Return why a secret does not have the format of the specification; None if it has."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        key = b""
    if secret.startswith(SECRET_PREFIX) and SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        return None
    return message(
        "must be %(secret_prefix)s and base64 of %(shortest_secret)s to %(longest_secret)s bytes",
        secret_prefix=SECRET_PREFIX,
        shortest_secret=SHORTEST_SECRET,
        longest_secret=LONGEST_SECRET,
    )


def new_secret(key: bytes) -> str:
    """Return a secret in the specification's format."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def task_objection(tasks: Sequence[str]) -> str | None:
    """Return why these cannot be ids of task definitions; None if they can."""
    wrong = [name for name in tasks if not _TASK_DEF_ID.fullmatch(name)]
    return message("must be ids of task definitions, not %(part)s", part=json.dumps(wrong[0])) if wrong else None


def _objections(config: EndpointConfig, policy: UrlPolicy, known: Set[str]) -> Iterator[tuple[str, str]]:
    if why := policy.objection(config.url):
        yield "url", why
    if not config.events or len(set(config.events)) < len(config.events) or not set(config.events) <= known:
        yield "events", message("must be some of %(events)s, each once", events=", ".join(EVENTS))
    if why := task_objection(config.tasks):
        yield "tasks", why
