"""The simulator's records, and their form in Onfido's API."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.simulator.faults import Event
from connector.simulator.validation import Json

API_PATH = "/v3.6"


def new_id() -> str:
    """Make an identifier."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The time, to the second, as in Onfido's answers."""
    return datetime.now(UTC).replace(microsecond=0)


def iso(moment: datetime) -> str:
    """A time as Onfido writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Applicant:
    """A person; `values` are the fields as they were sent, except the consents: when each was granted, if it was.

    Deleting sets `delete_at` and keeps the rest.
    """

    is_sandbox: bool
    values: Json = field(default_factory=dict)
    consents: dict[str, datetime | None] = field(default_factory=dict)
    applicant_id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    delete_at: datetime | None = None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.values['first_name']} {self.values['last_name']}"

    def change(self, values: Json) -> None:
        """Apply the fields that are sent; an address or a list replaces the previous one, a consent its namesakes."""
        self.values |= {name: value for name, value in values.items() if name != "consents"}
        for consent in values.get("consents", []):
            granted_at = self.consents.get(consent["name"]) or now()
            self.consents[consent["name"]] = granted_at if consent["granted"] else None

    def consents_as_json(self) -> list[Json]:
        """The consents as the API shows them."""
        return [
            {"name": name, "granted": granted_at is not None, "granted_at": iso(granted_at) if granted_at else None}
            for name, granted_at in self.consents.items()
        ]

    def as_json(self) -> Json:
        """The applicant as the API shows it; consents have a separate endpoint."""
        return {
            "id": self.applicant_id,
            "created_at": iso(self.created_at),
            "delete_at": iso(self.delete_at) if self.delete_at else None,
            "href": f"{API_PATH}/applicants/{self.applicant_id}",
            "sandbox": self.is_sandbox,
            **self.values,
        }


@dataclass
class Belonging:
    """A passkey or a biometric token of a customer's; `owner` is the customer's id, and whether in the sandbox."""

    kind: str
    owner: tuple[str, bool]
    status: str
    identifier: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


@dataclass
class Monitor:
    """A watchlist monitor of an applicant; `matches` contains for each match whether it is enabled."""

    applicant: Applicant
    values: Json
    monitor_id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    deleted_at: datetime | None = None
    matches: dict[str, bool] = field(default_factory=dict)

    @property
    def is_sandbox(self) -> bool:
        """Whether it was made in the sandbox."""
        return self.applicant.is_sandbox

    def as_json(self) -> Json:
        """The monitor as the API shows it."""
        return {
            "id": self.monitor_id,
            "applicant_id": self.applicant.applicant_id,
            "report_name": self.values["report_name"],
            "tags": self.values.get("tags", []),
            "created_at": iso(self.created_at),
            "deleted_at": iso(self.deleted_at) if self.deleted_at else None,
            "is_sandbox": self.applicant.is_sandbox,
        }

    def matches_as_json(self) -> Json:
        """The matches as the API shows them."""
        return {"matches": [{"id": match_id, "enabled": enabled} for match_id, enabled in self.matches.items()]}


@dataclass
class Webhook:
    """Where events go; `values` are the fields as the API shows them."""

    values: Json
    webhook_id: str = field(default_factory=new_id)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def wants(self, event: Event, *, is_sandbox: bool) -> bool:
        """Whether the webhook is subscribed to an event of this environment."""
        environment = "sandbox" if is_sandbox else "live"
        return self.values["enabled"] and event in self.values["events"] and environment in self.values["environments"]

    def as_json(self) -> Json:
        """The webhook as the API shows it."""
        href = f"{API_PATH}/webhooks/{self.webhook_id}"
        return {"id": self.webhook_id, "token": self.token, "href": href, **self.values}


@dataclass
class Delivery:
    """One event on its way to one webhook; `is_tried` is set once the first try is over, or none will follow.

    `object_id` is the object of the event, `run_id` the run in which it happened, if any.
    """

    event: Event
    object_id: str
    run_id: str | None
    url: str
    body: bytes
    signature: str
    is_lost: bool = False
    attempts: int = 0
    last_status: int | None = None
    is_tried: threading.Event = field(default_factory=threading.Event)

    def as_json(self) -> Json:
        """The state of the delivery."""
        return {
            "event": self.event,
            "object_id": self.object_id,
            "run_id": self.run_id,
            "url": self.url,
            "lost": self.is_lost,
            "attempts": self.attempts,
            "last_status": self.last_status,
        }
