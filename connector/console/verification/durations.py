"""How the time of a verification was spent, from start to result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from flask_babel import gettext as _

from connector.domain.audit.history import RUN
from connector.domain.frozen import frozen
from connector.services.lookup.verifications import VerificationDetails


@frozen
class Stretch:
    """A part of the time: its start and its length, in percent."""

    text: str
    length: timedelta
    start: float
    width: float
    kind: str


def durations_of(details: VerificationDetails) -> tuple[timedelta | None, list[Stretch]]:
    """Return the total time, None while the verification is open, and those of its parts that are known."""
    verification = details.listed.verification
    end = verification.closed_at or verification.completed_at
    if end is None or verification.run_id is None:
        return None, []
    whole = max(end - verification.created_at, timedelta(milliseconds=1))
    points = list(_points(details, end))
    stretches, at = [], verification.created_at
    for text, kind, until in points:
        if until > at:
            start = (at - verification.created_at) / whole * 100
            stretches.append(Stretch(text, until - at, start, (until - at) / whole * 100, kind))
            at = until
    return whole, stretches


def _points(details: VerificationDetails, end: datetime) -> Iterator[tuple[str, str, datetime]]:
    verification = details.listed.verification
    started = next((each.at for each in details.history if each.subject == RUN), None)
    if started:
        yield _("Starting at Onfido"), "run", started
    if verification.captured_at:
        yield _("The user: photos"), "wait", verification.captured_at
    completed = min(verification.completed_at or end, end)
    yield _("Onfido: checks") if verification.captured_at else _("The user and Onfido"), "run", completed
    yield _("Result’s delivery"), "good", end
