"""Signals to other systems, by the Shared Signals Framework 1.0: streams of security events, and their contents.

A stream belongs to a receiver, the client whose token created it. A user is at one of two levels of assurance,
verified or not, like the status that is written to directories; a change of level is an event of CAEP 1.0. The
operator defines the namespace and the names of the levels: without them, no level is asserted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.text import is_label
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

SPEC_VERSION = "1_0"
PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"
METHODS = (PUSH, POLL)
ENABLED, PAUSED, DISABLED = "enabled", "paused", "disabled"
STATUSES = (ENABLED, PAUSED, DISABLED)
ALL, NONE = "ALL", "NONE"  # the subjects of a new stream
ISS_SUB, OPAQUE = "iss_sub", "opaque"  # formats of subject identifiers (RFC 9493)

LEVEL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
STREAM_UPDATED = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
SET_TYPE = "secevent+jwt"

MAX_STREAMS = 10  # of a receiver
MAX_STREAMS_OF_TENANT = 100
MAX_SUBJECTS = 10_000  # that a stream names
MAX_WAITING = 10_000  # events of a stream; with one more, it is disabled
COUNTED = 1000  # subjects of a stream, in a list of streams; more are not counted
RETENTION_DAYS = 7  # of an event that is not delivered; then its stream is disabled
VERIFICATION_INTERVAL = 30  # seconds between two requests
MAX_HEADER, MAX_URL, MAX_TEXT, MAX_EVENTS = 4096, 2000, 255, 100
OVERFLOW = f"More than {MAX_WAITING} events waited, which are dropped: read the users' states, then enable the stream."
TOO_OLD = f"Events waited for {RETENTION_DAYS} days and are dropped: read the users' states, then enable the stream."


@frozen
class SignalChoice:
    """The signals of a tenant, as its operator defines them; without a namespace, a change of level is not an event.

    `subject_issuer` issues the ids of users; empty: the stream's issuer.
    """

    namespace: str = ""
    verified_level: str = ""
    unverified_level: str = ""
    subject_issuer: str = ""
    default_subjects: str = ALL

    @property
    def events(self) -> tuple[str, ...]:
        """The events that a stream can have."""
        return (LEVEL_CHANGE,) if self.namespace else ()

    def level(self, *, is_verified: bool) -> str:
        """Return the name of a level."""
        return self.verified_level if is_verified else self.unverified_level


@frozen
class Receiver:
    """The client that owns a stream, and its tokens' issuer: client ids of other issuers may be the same."""

    issuer: str
    client_id: str


@frozen
class StreamConfig:
    """The receiver's part of a configuration; `authorization_header` is sent with each push."""

    method: str = POLL
    endpoint_url: str | None = None
    authorization_header: str | None = field(default=None, repr=False)
    events_requested: tuple[str, ...] = ()
    description: str | None = None


@frozen
class Stream:
    """A stream as it is stored; the header in its configuration is encrypted.

    `turn` numbers the deliveries that push its events, one at a time, so that events arrive in their order. `waiting`
    is the number of its events. `is_seeded`: the current levels of its tenant's users have been recorded.
    """

    stream_id: str
    tenant: str
    receiver: Receiver
    issuer: str
    config: StreamConfig
    status: str
    reason: str | None
    default_subjects: str
    turn: int
    waiting: int
    is_seeded: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_push(self) -> bool:
        """Whether its events are pushed."""
        return self.config.method == PUSH

    def delivered(self, choice: SignalChoice) -> list[str]:
        """Return the requested events that are available."""
        return [event for event in choice.events if event in self.config.events_requested]

    def includes(self, is_named: bool | None) -> bool:
        """Whether a user is a subject; `is_named`: the receiver has added (or removed) the user, None if neither."""
        return self.default_subjects == ALL if is_named is None else is_named


@frozen
class StreamReport:
    """A stream with the state of its deliveries, for administrators.

    `subjects` is the number of users whom its receiver has named, counted up to a limit. `delivered_at` is when the
    receiver last accepted an event. `failures` are the attempts of the current push that failed, with the reason of the
    last; `is_dead`: it is not attempted again, and the next sweep queues another.
    """

    stream: Stream
    subjects: int
    delivered_at: datetime | None
    failures: int
    last_failure: str | None
    is_dead: bool


@frozen
class Event:
    """An event of a stream that was not delivered yet; its id is the same for each attempt.

    `user_id` is the subject, None if that is the stream itself.
    """

    event_id: str
    stream_id: str
    kind: str
    user_id: str | None
    transaction_id: str
    payload: Mapping[str, Any] = field(repr=False)
    created_at: datetime


def set_claims(stream: Stream, event: Event, choice: SignalChoice) -> dict[str, Any]:
    """Return the claims of an event's Security Event Token (RFC 8417): no `sub`, and no `exp`."""
    return {
        "iss": stream.issuer,
        "jti": event.event_id,
        "iat": int(event.created_at.timestamp()),
        "aud": stream.receiver.client_id,
        "txn": event.transaction_id,
        "sub_id": _subject(stream, event.user_id, choice),
        "events": {event.kind: dict(event.payload)},
    }


def level_change(choice: SignalChoice, *, is_verified: bool, was_verified: bool | None, at: datetime) -> dict[str, Any]:
    """Return the content of an event for a change of level; `was_verified` is None if the former level is not known."""
    payload: dict[str, Any] = {
        "namespace": choice.namespace,
        "current_level": choice.level(is_verified=is_verified),
        "event_timestamp": int(at.timestamp()),
    }
    if was_verified is not None:
        payload["previous_level"] = choice.level(is_verified=was_verified)
        payload["change_direction"] = "increase" if is_verified else "decrease"
    return payload


def read_subject(subject: Mapping[str, Any], issuers: Sequence[str]) -> str:
    """Return the user whom a subject identifier names; raise `InvalidField` if it cannot name one.

    `issuers` are those whose subjects are the users.
    """
    kind = subject.get("format")
    if kind not in (ISS_SUB, OPAQUE):
        raise InvalidField(
            "subject.format",
            message(
                "must be %(iss_sub)s or %(opaque)s: users are known by their ids only", iss_sub=ISS_SUB, opaque=OPAQUE
            ),
        )
    if kind == ISS_SUB and subject.get("iss") not in issuers:
        raise InvalidField("subject.iss", message("must be %(issuers)s", issuers=issuers[0]))
    name = "id" if kind == OPAQUE else "sub"
    user_id = subject.get(name)
    if not isinstance(user_id, str) or not 0 < len(user_id) <= MAX_TEXT or not user_id.isprintable():
        raise InvalidField(
            f"subject.{name}", message("must have 1 to %(max_text)s printable characters", max_text=MAX_TEXT)
        )
    return user_id


def check_stream(config: StreamConfig, policy: UrlPolicy) -> None:
    """Raise `InvalidField` for a stream that could never work."""
    for where, why in _objections(config, policy):
        raise InvalidField(where, why)


def _objections(config: StreamConfig, policy: UrlPolicy) -> Iterator[tuple[str, str]]:
    if config.method == POLL and config.authorization_header is not None:
        yield "delivery.authorization_header", message("must be left out: the receiver polls, and sends its own")
    if config.method == PUSH and (why := _url_objection(config.endpoint_url, policy)):
        yield "delivery.endpoint_url", why
    if config.authorization_header is not None and not _is_header(config.authorization_header):
        yield (
            "delivery.authorization_header",
            message("must have 1 to %(max_header)s printable characters of ASCII", max_header=MAX_HEADER),
        )
    if config.description is not None and not is_label(config.description):
        yield "description", message("must not contain control characters, line separators or direction marks")


def _url_objection(url: str | None, policy: UrlPolicy) -> str | None:
    if not url:
        return message("is required: events are pushed there")
    return policy.objection(url) if url.isascii() else message("must be of ASCII")


def _is_header(text: str) -> bool:
    return 0 < len(text) <= MAX_HEADER and text.isascii() and text.isprintable() and text == text.strip()


def _subject(stream: Stream, user_id: str | None, choice: SignalChoice) -> dict[str, str]:
    if user_id is None:
        return {"format": OPAQUE, "id": stream.stream_id}
    return {"format": ISS_SUB, "iss": choice.subject_issuer or stream.issuer, "sub": user_id}
