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
from connector.domain.health import BAD
from connector.domain.verification import VerificationFilter
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
    """The sentence, the last result and event, the time of the worker's last count, and its delay if it is late."""

    sentence: str
    last_result: datetime | None
    last_event: datetime | None
    worker_at: datetime | None
    is_worker_late: bool
    overdue: timedelta | None


def describe(needs: int) -> Situation:
    """Return the situation of the tenant, restricted to what the viewer may see."""
    worker_at = _worker_at()
    backlog: BacklogReader = use_cases().backlog
    has_numbers = g.viewer.may(VALUES)
    return Situation(
        sentence=_sentence(needs),
        last_result=_last_result() if has_numbers else None,
        last_event=_last_event() if has_numbers else None,
        worker_at=worker_at,
        is_worker_late=worker_at is not None and now() - worker_at > LATE,
        overdue=overdue if (overdue := backlog.overdue()) > LATE else None,
    )


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
