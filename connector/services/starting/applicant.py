"""The applicant at Onfido that holds a user's values: brought up to date for each run, or another one created.

nothing left in it of what the user has changed or removed ──► update, with present values of all ever sent
something would be left                                    ──► create another
"""

from __future__ import annotations

from connector.errors import Code, OnfidoError
from connector.onfido.payloads import applicant_fields
from connector.services.providers.applicant_deletion import DeleteApplicant
from connector.services.starting.attempts import Attempt, Attempts
from connector.services.starting.binding import ApplicantUpdate, BoundValues
from connector.store import applicants, outbox
from connector.store.engine import Database


class ApplicantSending:
    """Sends users' values to Onfido."""

    def __init__(self, database: Database, attempts: Attempts) -> None:
        self._database = database
        self._attempts = attempts

    def put(self, attempt: Attempt, bound: BoundValues) -> str:
        """Bring the user's applicant up to date, or create another; returns its id."""
        if bound.update is not None and self._update(attempt, bound, bound.update):
            return bound.update.applicant.applicant_id
        return attempt.onfido.create_applicant(applicant_fields({**bound.fields, **attempt.wanted.plan.consents}))

    def _update(self, attempt: Attempt, bound: BoundValues, update: ApplicantUpdate) -> bool:
        """Update an applicant; False where it is gone, or Onfido refuses a value that this request is not about."""
        self._record_fields(attempt, update)
        fields = applicant_fields({**update.fields, **attempt.wanted.plan.consents})
        try:
            attempt.onfido.update_applicant(update.applicant.applicant_id, fields)
        except OnfidoError as error:
            is_about_more = error.code is Code.APPLICANT_REFUSED and update.is_about_more(bound.fields)
            if not (error.is_gone or is_about_more):
                raise
            return False
        return True

    def _record_fields(self, attempt: Attempt, update: ApplicantUpdate) -> None:
        """Commit which fields the applicant will have been sent, before it is sent them."""
        if set(update.fields) <= update.applicant.fields:
            return
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt)
            applicants.extend(connection, attempt.provider.provider_id, update.applicant.applicant_id, update.fields)

    def discard(self, attempt: Attempt, applicant_id: str) -> None:
        """Have an applicant deleted that no attempt knows of: the lease was lost, or the user removed meanwhile."""
        tenant, provider_id = attempt.provider.tenant, attempt.provider.provider_id
        with self._database.write() as connection:
            outbox.add(connection, DeleteApplicant(tenant, provider_id, applicant_id))
