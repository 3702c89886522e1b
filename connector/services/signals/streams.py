"""The streams of receivers: creating, changing, removing, pausing, disabling and verifying them, and their subjects.

Each method takes the tenant, and with `receiver` acts only on that receiver's streams: an administrator has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.differences import differences
from connector.domain.audit.history import ADDED, CHANGED, REMOVED, STREAM, SYSTEM, by_administrator
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.providers.credentials import MASK
from connector.domain.signals import (
    DISABLED,
    ENABLED,
    MAX_STREAMS,
    MAX_STREAMS_OF_TENANT,
    MAX_SUBJECTS,
    VERIFICATION,
    VERIFICATION_INTERVAL,
    Receiver,
    Stream,
    StreamConfig,
    StreamReport,
    check_stream,
    read_subject,
)
from connector.domain.tenancy import Tenant
from connector.domain.urls import UrlPolicy
from connector.errors import Code, RequestError, TooManyRequests
from connector.services.batches import forget
from connector.services.in_flight import wait_until_sent
from connector.services.journal import Journal
from connector.services.signals.levels import SeedLevels
from connector.services.signals.pushing import SENDING_ENDS
from connector.services.signals.writing import SignalWriter
from connector.services.use_case import use_case
from connector.store.deliveries import notices, outbox
from connector.store.engine import Database
from connector.store.providers import providers
from connector.store.sealed import stream_header
from connector.store.signals import signal_levels, signal_reports, signal_streams
from connector.store.vault import Vault

SEEDING_STARTS = 5.0  # seconds; by then, what began before the tenant had a stream has ended


@use_case
class Streams:
    """The streams of a tenant; changes are recorded in its audit trail."""

    _database: Database
    _vault: Vault
    _writer: SignalWriter
    _policy: UrlPolicy
    _journal: Journal
    _clock: Callable[[], datetime]

    def all(self, tenant: Tenant, receiver: Receiver | None = None) -> list[Stream]:
        """Return the streams, the oldest first."""
        with self._database.read() as connection:
            return signal_streams.find_all(connection, tenant.name, receiver)

    def reports(self, tenant: Tenant) -> list[StreamReport]:
        """Return the streams with the state of their deliveries, the oldest first."""
        with self._database.read() as connection:
            return list(signal_reports.find_all(connection, tenant.name))

    def report(self, tenant: Tenant, stream_id: str) -> StreamReport:
        """Return a stream with the state of its deliveries; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            for report in signal_reports.find_all(connection, tenant.name, stream_id):
                return report
        raise _not_found(stream_id)

    def get(self, tenant: Tenant, stream_id: str, receiver: Receiver | None = None) -> Stream:
        """Return a stream; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            return _known(signal_streams.find(connection, stream_id), stream_id, tenant, receiver)

    def add(self, tenant: Tenant, receiver: Receiver, issuer: str, config: StreamConfig, actor: str = SYSTEM) -> Stream:
        """Create a stream; raise `InvalidField`, or `RequestError` if there are too many."""
        check_stream(config, self._policy)
        self._forget_levels(tenant)
        now, stream_id = self._clock(), new_id()
        with self._database.write() as connection:
            providers.lock_all(connection, tenant.name)
            others = signal_streams.lock_all(connection, tenant.name)
            _check_number(others, receiver)
            stream = Stream(
                stream_id,
                tenant.name,
                receiver,
                issuer,
                self._sealed(stream_id, config),
                ENABLED,
                None,
                tenant.signals.default_subjects,
                turn=0,
                waiting=0,
                is_seeded=any(each.is_seeded for each in others),
                created_at=now,
                updated_at=now,
            )
            signal_streams.add(connection, stream)
            self._record(connection, stream, ADDED, actor, _differences({}, stream.config))
            if not stream.is_seeded:
                self._seed(connection, stream)
        return stream

    def change(
        self, tenant: Tenant, stream_id: str, receiver: Receiver, config: StreamConfig, actor: str = SYSTEM
    ) -> Stream:
        """Replace the receiver's part of a configuration; a masked header is unchanged. Raises like `add`."""
        check_stream(config, self._policy)
        with self._database.write() as connection:
            known = self._lock(connection, tenant, stream_id, receiver)
            sealed = self._sealed(stream_id, config, known.config.authorization_header)
            stream = replace(known, config=sealed, updated_at=self._clock())
            values = signal_streams.columns(stream.config) | {"updated_at": stream.updated_at}
            signal_streams.change(connection, stream_id, values)
            self._writer.queue(connection, stream)
            self._record(connection, stream, CHANGED, actor, _differences(asdict(known.config), stream.config))
        return stream

    def remove(self, tenant: Tenant, stream_id: str, receiver: Receiver | None = None, actor: str = SYSTEM) -> None:
        """Remove a stream with its events; after this returns, none is delivered."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, stream_id, receiver)
            signal_streams.remove(connection, stream_id)
            self._record(connection, known, REMOVED, actor, {})
        wait_until_sent(self._database, stream_id, SENDING_ENDS)
        forget(self._database, lambda connection, size: notices.drop_some(connection, stream_id, size))
        self._forget_levels(tenant)

    def switch(
        self,
        tenant: Tenant,
        stream_id: str,
        status: str,
        reason: str | None,
        receiver: Receiver | None = None,
        actor: str = SYSTEM,
    ) -> Stream:
        """Enable, pause or disable a stream; if an administrator does, its receiver is notified."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, stream_id, receiver)
            is_notified = receiver is None and status != known.status
            return self._writer.switch(connection, known, status, reason, actor, is_notified=is_notified)

    def verify(
        self, tenant: Tenant, stream_id: str, state: str | None = None, receiver: Receiver | None = None
    ) -> None:
        """Send a verification event; raise if the stream is disabled, or if the receiver requests them too often."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, stream_id, receiver)
            if known.status == DISABLED:
                raise RequestError(
                    Code.STREAM_DISABLED,
                    message("The stream %(stream_id)s is disabled: enable it, then try again.", stream_id=stream_id),
                )
            interval = timedelta(seconds=VERIFICATION_INTERVAL if receiver else 0)
            if not signal_streams.take_verification(connection, stream_id, self._clock(), interval):
                raise TooManyRequests(
                    message("The stream was verified a moment ago: try again later."), VERIFICATION_INTERVAL
                )
            self._writer.add(connection, [known], VERIFICATION, {} if state is None else {"state": state})

    def name_subject(
        self,
        tenant: Tenant,
        stream_id: str,
        receiver: Receiver,
        subject: Mapping[str, Any],
        *,
        is_included: bool,
    ) -> None:
        """Add a user to a stream, or remove it; the answer does not reveal whether the user exists."""
        with self._database.write() as connection:
            known = self._lock(connection, tenant, stream_id, receiver)
            issuers = [each for each in (tenant.signals.subject_issuer, known.issuer) if each]
            user_id = read_subject(subject, issuers)
            if known.includes(None) is is_included:
                signal_streams.forget_subject(connection, stream_id, user_id)
                return
            if signal_streams.count_subjects(connection, stream_id, MAX_SUBJECTS) >= MAX_SUBJECTS:
                raise RequestError(
                    Code.STREAM_LIMIT,
                    message(
                        "A stream must name at most %(max_subjects)s subjects: remove some.", max_subjects=MAX_SUBJECTS
                    ),
                )
            signal_streams.name_subject(connection, known, user_id, is_included=is_included)

    def _lock(self, connection: Connection, tenant: Tenant, stream_id: str, receiver: Receiver | None) -> Stream:
        return _known(signal_streams.lock(connection, stream_id), stream_id, tenant, receiver)

    def _sealed(self, stream_id: str, config: StreamConfig, known: str | None = None) -> StreamConfig:
        """Encrypt the header; the mask means the stored one."""
        header = config.authorization_header
        if header == MASK:
            return replace(config, authorization_header=known)
        sealed = None if header is None else self._vault.seal(header, stream_header(stream_id))
        return replace(config, authorization_header=sealed)

    def _seed(self, connection: Connection, stream: Stream) -> None:
        key = f"{SeedLevels.kind}:{stream.stream_id}"
        outbox.add(connection, SeedLevels(stream.tenant), dedupe_key=key, pause=SEEDING_STARTS)

    def _record(
        self, connection: Connection, stream: Stream, what: str, actor: str, changes: Mapping[str, Any]
    ) -> None:
        detail = {"properties": sorted(changes), "client": stream.receiver.client_id}
        key = stream.tenant, STREAM, stream.stream_id, what
        self._journal.record(connection, [by_administrator(self._clock(), actor, *key, detail, changes=changes)])

    def _forget_levels(self, tenant: Tenant) -> None:
        """Forget the levels of the tenant's users, unless it has a stream."""
        forget(self._database, lambda connection, size: signal_levels.forget_some(connection, tenant.name, size))


def _known(stream: Stream | None, stream_id: str, tenant: Tenant, receiver: Receiver | None) -> Stream:
    if stream is None or stream.tenant != tenant.name or receiver not in (None, stream.receiver):
        raise _not_found(stream_id)
    return stream


def _not_found(stream_id: str) -> RequestError:
    return RequestError(
        Code.STREAM_NOT_FOUND, message("There is no stream %(stream_id)s: list your streams.", stream_id=stream_id)
    )


def _check_number(streams: list[Stream], receiver: Receiver) -> None:
    mine = sum(each.receiver == receiver for each in streams)
    if mine >= MAX_STREAMS:
        raise RequestError(
            Code.STREAM_LIMIT,
            message("A receiver must have at most %(max_streams)s streams: remove one.", max_streams=MAX_STREAMS),
        )
    if len(streams) >= MAX_STREAMS_OF_TENANT:
        raise RequestError(
            Code.STREAM_LIMIT,
            message(
                "A tenant must have at most %(max_streams_of_tenant)s streams: have an administrator remove one.",
                max_streams_of_tenant=MAX_STREAMS_OF_TENANT,
            ),
        )


def _differences(before: Mapping[str, Any], after: StreamConfig) -> Mapping[str, Any]:
    return differences(before, asdict(after), ["authorization_header"])
