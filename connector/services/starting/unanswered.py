"""Finding the run of an unanswered start: the announced run may exist, and may have been paid for.

It is found by its tag, which only this verification's run has. Onfido's list does not always show tags. Without tags,
the run is identified by its applicant, its age, and by not being recorded for another verification: an older unrecorded
one may have compared other values.
"""

from __future__ import annotations

from datetime import timedelta

from connector.domain.studio.workflow_run import RunSnapshot
from connector.services.starting.attempts import Attempt
from connector.store.engine import Database
from connector.store.verifications import verifications


def find_started_run(database: Database, attempt: Attempt, age: timedelta) -> RunSnapshot | None:
    """Find the run that was requested within this time; raises `OnfidoError`."""
    return attempt.onfido.find_run(tag=attempt.tag) or _find_untagged(database, attempt, age)


def _find_untagged(database: Database, attempt: Attempt, age: timedelta) -> RunSnapshot | None:
    runs = attempt.onfido.find_untagged_runs(attempt.verification.applicant_id or "", age)
    with database.read() as connection:
        known = verifications.find_known_runs(connection, attempt.provider.provider_id, [run.run_id for run in runs])
    return next((run for run in runs if run.run_id not in known), None)
