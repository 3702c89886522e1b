"""Periodic upkeep, so that no result is lost: the sweep, and the deliveries that it queues.

sweep ──► every open verification whose check is overdue     ──► check_verification
      ──► parked events whose run is known by now            ──► applied
      ──► directories whose check is due                     ──► check_users     (`people/directory_checks.py`)
      ──► providers whose last check is 6 hours old           ──► check_provider  (`providers/health_checks.py`)
      ──► days whose numbers may have changed                ──► counted again  (`daily_counts.py`)
      ──► data whose retention has ended                     ──► removed

check_verification   run known: ask Onfido, apply the answer; unknown: resume the verification or close it
keep_document        read the document's values, if the provider requires them and the event had none
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog

from connector.domain.frozen import frozen
from connector.domain.openid.flow import KEPT_FOR
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_run import next_check
from connector.domain.verifications.verification import Verification
from connector.errors import OnfidoError
from connector.services.batches import forget
from connector.services.console.console_sessions import KEPT_AFTER_END
from connector.services.outbox import Handler
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.results.deliveries import CheckVerification, KeepDocument
from connector.services.results.events import PARKED_TIME, Events
from connector.services.results.kept import KeptResults
from connector.services.results.results import Results
from connector.services.starting.attempts import SWEPT
from connector.services.starting.initiation import Initiation
from connector.services.starting.refusals import WINDOW
from connector.services.timing import Deadline, background
from connector.services.use_case import use_case
from connector.store import console_sessions, history
from connector.store.deliveries import outbox as rows
from connector.store.engine import Database
from connector.store.openid import openid_clients, openid_flows
from connector.store.providers import budgets, events
from connector.store.verifications import refused_starts, verification_search, verifications

log = structlog.get_logger(__name__)

SWEEP_LIMIT = 200  # verifications that one sweep queues for a check
CHECK_BUDGET = 25.0  # seconds of calls to Onfido; well below the outbox' lease
REPORTED_AFTER = timedelta(days=7)  # a run that is open for this long is reported to the operator


@frozen
class Sweep:
    """Queue overdue work."""

    kind: ClassVar[str] = "sweep"


@use_case
class Upkeep:
    """The periodic work; any number of processes may run it."""

    _database: Database
    _providers: Providers
    _onfido: Onfido
    _results: Results
    _kept: KeptResults
    _events: Events
    _initiation: Initiation
    _further: Sequence[Callable[[], None]]
    _event_retention: timedelta
    _delivery_retention: timedelta
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [
            Handler(Sweep, self.sweep),
            Handler(CheckVerification, self.check_verification),
            Handler(KeepDocument, self.keep_document),
        ]

    def sweep(self, _order: Sweep) -> None:
        """Queue overdue work."""
        self._put_up_overdue()
        self._events.match_all()
        for maintain in self._further:
            maintain()
        self._forget_old()

    def check_verification(self, order: CheckVerification) -> None:
        """Advance one open verification."""
        with self._database.read() as connection:
            verification = verifications.find(connection, order.verification_id)
        if verification is None or verification.closed_at is not None:
            return
        provider = self._providers.of(verification)
        deadline = background(CHECK_BUDGET)
        if verification.run_id is None:
            self._initiation.settle(provider, verification, deadline)
        else:
            self._refresh(provider, verification, verification.run_id, deadline)

    def keep_document(self, order: KeepDocument) -> None:
        """Store the document's values of a finished run, which the event did not contain."""
        with self._database.read() as connection:
            verification = verifications.find(connection, order.verification_id)
        if verification is None or verification.run_id is None:
            return
        onfido = self._onfido.of_verification(verification, background(CHECK_BUDGET))
        try:
            run = onfido.fetch_result(verification.run_id, wants_document=True)
        except OnfidoError as error:
            if not error.is_gone:
                raise
            return  # the document is gone with the run
        if column := self._kept.document_column(verification, run):
            with self._database.write() as connection:
                verification_search.keep(connection, verification.verification_id, column)

    def _forget_old(self) -> None:
        now = self._clock()
        retained_since = now - self._event_retention
        given_up_since = max(retained_since, now - PARKED_TIME)
        for forget_some in (
            lambda connection, size: events.forget_unknown(connection, given_up_since, size),
            lambda connection, size: events.forget_bodies(connection, retained_since, size),
            lambda connection, size: history.forget_refusals(connection, retained_since, size),
            lambda connection, size: refused_starts.forget_old(connection, now - WINDOW, size),
            lambda connection, size: verification_search.forget_results(connection, retained_since, size),
            lambda connection, size: console_sessions.forget_sessions(connection, now - KEPT_AFTER_END, size),
            lambda connection, size: console_sessions.forget_links(connection, now, size),
            lambda connection, size: openid_flows.erase_values(connection, now, size),
            lambda connection, size: openid_flows.forget(connection, now - KEPT_FOR, size),
            lambda connection, size: openid_clients.forget_assertions(connection, now, size),
            lambda connection, size: rows.forget_done(connection, self._delivery_retention, size),
            budgets.forget_unused,
        ):
            forget(self._database, forget_some)

    def _put_up_overdue(self) -> None:
        now = self._clock()
        with self._database.write() as connection:
            due = verifications.find_due(connection, now, SWEEP_LIMIT)
            checks = {each.verification_id: now + next_check(now - each.created_at) for each in due}
            verifications.postpone(connection, checks)
            keys = [f"{CheckVerification.kind}:{each.verification_id}:{checks[each.verification_id]}" for each in due]
            rows.add_all(connection, [CheckVerification.of(each) for each in due], keys)

    def _refresh(self, provider: Provider, verification: Verification, run_id: str, deadline: Deadline) -> None:
        run = self._results.refresh(provider, verification, deadline, SWEPT).run
        if not run.is_final:
            self._events.complete(
                provider.provider_id, run_id, self._onfido.of_provider(provider, background(CHECK_BUDGET))
            )
        age = self._clock() - verification.created_at
        if not run.is_final and age > REPORTED_AFTER:
            log.warning(
                "run.open_too_long",
                verification_id=verification.verification_id,
                run_id=run_id,
                status=run.status,
                days=age.days,
                advice="Set a time-out for the workflow's tasks in Onfido Studio, so that abandoned runs end.",
            )
