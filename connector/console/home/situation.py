"""The sentence at the top: whether verification works, the number of open tasks, and how recent the figures are."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import g
from flask_babel import gettext as _
from flask_babel import ngettext

from connector.console.ground import now, use_cases
from connector.console.home.needs import VALUES, VIEW
from connector.domain.events import EventFilter
from connector.domain.frozen import frozen
from connector.domain.providers.health import BAD
from connector.domain.verifications.verification import VerificationFilter
from connector.services.backlog import BacklogReader
from connector.services.lookup.events import EventLookup
from connector.services.lookup.statistics import StatisticsLookup
from connector.services.lookup.verifications import VerificationLookup
from connector.services.providers.health import HealthRecords
from connector.services.providers.registry import Providers

WITH_RESULT = ("approved", "declined", "review")
LATE = timedelta(minutes=5)  # the worker counts each minute


@frozen
class Situation:
    """The sentence, the last result and event, and the worker's delay: equal as long as the page would show the same.

    `worker_at` is the time of the worker's last count if it is late, `overdue_since` that of the oldest delivery.
    """

    sentence: str
    last_result: datetime | None
    last_event: datetime | None
    has_worker_run: bool
    worker_at: datetime | None
    overdue_since: datetime | None


def describe(needs: int) -> Situation:
    """Return the situation of the tenant, restricted to what the viewer may see."""
    worker_at = _worker_at()
    backlog: BacklogReader = use_cases().backlog
    has_numbers = g.viewer.may(VALUES)
    return Situation(
        sentence=_sentence(needs),
        last_result=_last_result() if has_numbers else None,
        last_event=_last_event() if has_numbers else None,
        has_worker_run=worker_at is not None,
        worker_at=worker_at if worker_at is not None and now() - worker_at > LATE else None,
        overdue_since=_minute(now() - overdue) if (overdue := backlog.overdue()) > LATE else None,
    )


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _sentence(needs: int) -> str:
    todo = (
        ngettext("%(num)s thing needs attention.", "%(num)s things need attention.", needs)
        if needs
        else _("Nothing needs attention.")
    )
    return f"{_works()} {todo}"


def _works() -> str:
    providers: Providers = use_cases().providers
    enabled = [each.provider_id for each in providers.all(g.tenant) if each.is_enabled]
    if not enabled:
        return str(_("No provider is enabled."))
    if not g.viewer.may(VIEW):
        return str(_("Providers are enabled."))
    records: HealthRecords = use_cases().health_records
    bad = [each for each in records.all(g.tenant) if each.provider_id in enabled and each.known_state == BAD]
    if not bad:
        return str(_("Verification works."))
    if len(bad) == len(enabled):
        return str(_("Verification does not work."))
    return str(ngettext("%(num)s provider does not work.", "%(num)s providers do not work.", len(bad)))


def _last_result() -> datetime | None:
    lookup: VerificationLookup = use_cases().lookup
    rows = lookup.page(g.tenant, VerificationFilter(statuses=WITH_RESULT), limit=1).rows
    return rows[0].verification.completed_at if rows else None


def _last_event() -> datetime | None:
    events: EventLookup = use_cases().event_lookup
    rows = events.page(g.tenant, EventFilter(), limit=1).rows
    return rows[0].received_at if rows else None


def _worker_at() -> datetime | None:
    statistics: StatisticsLookup = use_cases().statistics
    return statistics.counted_at()
