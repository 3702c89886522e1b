"""Streams of signals, pushed to one of the hosts or polled, and the final state of their receivers."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from connector.domain.people.written_status import status_of
from connector.domain.signals import LEVEL_CHANGE, POLL, PUSH
from connector.store.claims import verified_claims
from connector.store.engine import Database
from tests.bench.processes import started
from tests.harness import Caller
from tests.ports import free_port
from tests.soak.background import Background
from tests.soak.hosts import Host

HIGH, LOW = "proofed", "asserted"
SETTINGS = {"namespace": "https://example.com/assurance", "verified_level": HIGH, "unverified_level": LOW}
SCOPES = ("ssf.manage", "ssf.read")
EVERY = 0.5  # seconds between two polls
LOST = 0.5  # of the acknowledgements
PAGE = 500

Event = Mapping[str, Any]


@dataclass
class Stream:
    """A stream of a tenant, and the tokens that its receiver has, repeated ones included."""

    tenant: str
    caller: Caller
    body: Mapping[str, Any]
    file: Path | None = None
    polled: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{'pushed' if self.file else 'polled'} stream of {self.tenant}"

    @property
    def tokens(self) -> Sequence[str]:
        return self.file.read_text().split() if self.file else self.polled

    def events(self) -> Sequence[Event]:
        """Return the receiver's events, verified by the published keys."""
        keys = KeySet.import_key_set(requests.get(f"{self.caller.url}/.well-known/jwks.json", timeout=60).json())
        read = [dict(jwt.decode(token, keys, algorithms=["RS256"]).claims) for token in self.tokens]
        assert all(each["aud"] == self.body["aud"] and each["iss"] == self.body["iss"] for each in read)
        return read


class Poller(Background):
    """Polls streams until stopped; half of its acknowledgements are lost, so those events come again."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = [each for each in streams if each.file is None]
        self._random = random.Random(2)
        super().__init__("poller")

    def run(self) -> None:
        confirmed: dict[str, list[str]] = {each.tenant: [] for each in self._streams}
        while not self.stopping.wait(EVERY):
            for stream in self._streams:
                confirmed[stream.tenant] = self._poll(stream, confirmed[stream.tenant])

    def _poll(self, stream: Stream, confirmed: Sequence[str]) -> list[str]:
        """Acknowledge some events and get the next ones; return those to acknowledge."""
        asked = {"ack": list(confirmed), "returnImmediately": True, "maxEvents": 20}
        try:
            answer = stream.caller.post(f"/ssf/poll/{stream.body['stream_id']}", asked)
        except requests.RequestException:
            return []
        if not answer.ok:
            return []
        sets = answer.json()["sets"]
        stream.polled.extend(sets.values())
        return [] if self._random.random() < LOST else list(sets)


@contextmanager
def receiver(directory: Path, host: Host) -> Iterator[int]:
    """Run the receiver of pushed events on a host; returns its port."""
    port = free_port()
    address = "0.0.0.0" if host.is_namespace else "127.0.0.1"
    command = [*host.command, sys.executable, "-m", "tests.soak.receiver", f"{address}:{port}", str(directory)]
    with started(command):
        yield port


def connect(tenant: str, caller: Caller, directory: Path, port: int) -> list[Stream]:
    """Create a pushed and a polled stream for a tenant."""
    file = directory / f"pushed-{tenant}"
    file.touch()
    pushed = {"method": PUSH, "endpoint_url": f"http://127.0.0.1:{port}/{file.name}"}
    return [
        Stream(tenant, caller, _create(caller, pushed), file),
        Stream(tenant, caller, _create(caller, {"method": POLL})),
    ]


def problems(database: Database, streams: Sequence[Stream]) -> Iterator[str]:
    """Yield events that the receivers lack, have twice, or that differ from the database."""
    for stream in streams:
        verified = _verified(database, stream.tenant)
        yield from (f"{stream.name}: {problem}" for problem in about_stream(stream.events(), verified))


def about_stream(events: Iterable[Event], verified: Collection[str]) -> Iterator[str]:
    """Yield each event that changed, each gap, and each user whose last level is not the database's."""
    by_id: dict[str, Event] = {}
    for event in events:
        if by_id.setdefault(event["jti"], event) != event:
            yield f"event {event['jti']} came with two contents"
    levels: dict[str, str] = {}
    for event in by_id.values():
        user_id, change = event["sub_id"]["sub"], event["events"][LEVEL_CHANGE]
        known = levels.get(user_id, LOW)
        if change.get("previous_level", known) != known or change["current_level"] == levels.get(user_id):
            yield f"before event {event['jti']} of {user_id} one is missing"
        levels[user_id] = change["current_level"]
    for user_id in sorted({each for each, level in levels.items() if level == HIGH} ^ set(verified)):
        yield f"{user_id} is {levels.get(user_id, LOW)} for the receiver, the database says otherwise"


def _verified(database: Database, tenant: str) -> set[str]:
    """Return the users at the verified level by their claims."""
    verified: set[str] = set()
    page = [""]
    with database.read() as connection:
        while page := verified_claims.find_users(connection, tenant, page[-1], PAGE):
            records = verified_claims.find_records_of(connection, tenant, page)
            verified.update(user_id for user_id in page if status_of(records[user_id]).verified)
    return verified


def _create(caller: Caller, delivery: Mapping[str, str]) -> Any:
    answer = caller.post("/ssf/streams", {"delivery": delivery, "events_requested": [LEVEL_CHANGE]})
    assert answer.status_code == 201, answer.text
    return answer.json()
