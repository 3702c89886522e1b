"""The applicant at Onfido that holds a user's values: updated for each run, or replaced by a new one.

no outdated value would stay in it ──► update, with the current values of all fields ever sent
an outdated value would stay       ──► create another
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from connector.domain.providers.applicant import RemoteApplicant
from connector.errors import Code, OnfidoError
from connector.onfido.payloads import applicant_fields
from connector.services.afterwards import Afterwards
from connector.services.providers.deletion import DeleteApplicant
from connector.services.providers.registry import Providers
from connector.services.starting.attempts import Attempt, Attempts
from connector.services.starting.binding import ApplicantUpdate, Binding, BoundValues
from connector.services.starting.leases import NOT_OURS
from connector.services.use_case import use_case
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.verifications import applicants, verification_finds, verifications

_COMPENSATE = "compensate for an update of an applicant"


@use_case
class ApplicantSending:
    """Sends users' values to Onfido."""

    _database: Database
    _providers: Providers
    _attempts: Attempts
    _binding: Binding
    _afterwards: Afterwards

    def put(self, attempt: Attempt, bound: BoundValues) -> RemoteApplicant:
        """Update the user's applicant, or create another."""
        applicant = None if bound.update is None else self._update(attempt, bound, bound.update)
        if applicant is None:
            fields = applicant_fields({**bound.fields, **attempt.request.plan.consents})
            applicant = attempt.onfido.create_applicant(fields)
        return applicant

    def _update(self, attempt: Attempt, bound: BoundValues, update: ApplicantUpdate) -> RemoteApplicant | None:
        """Update an applicant; None if it is gone, or Onfido refuses a value that this request does not require."""
        self._record_fields(attempt, update)
        fields = applicant_fields({**update.fields, **attempt.request.plan.consents})
        try:
            return attempt.onfido.update_applicant(update.applicant.applicant_id, fields)
        except OnfidoError as error:
            if error.is_sent and not error.is_refusal:  # it may have been applied
                self._check_lease(attempt, bound, update)
            has_more_fields = error.code is Code.APPLICANT_REFUSED and update.has_more_fields(bound.fields)
            if not (error.is_gone or has_more_fields):
                raise
            return None

    def _record_fields(self, attempt: Attempt, update: ApplicantUpdate) -> None:
        """Commit which fields will have been sent for the applicant, before they are sent."""
        if set(update.fields) <= update.applicant.fields:
            return
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt)
            applicants.extend(connection, attempt.provider.provider_id, update.applicant.applicant_id, update.fields)

    @contextmanager
    def recording(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> Iterator[None]:
        """Record the environment, and compensate for the values sent if the lease was lost or recording fails.

        A created applicant is deleted. If one was updated, the verifications that use it are marked as if the values
        had changed, because Onfido may compare the values that were sent here.
        """
        try:
            self._providers.learn_environment(attempt.provider, applicant.environment)
            yield
        except NOT_OURS:
            compensate = partial(self._compensate, attempt, bound, applicant)
            self._afterwards.do(_COMPENSATE, compensate, applicant_id=applicant.applicant_id)
            raise
        except SQLAlchemyError:
            compensate = partial(self._compensate_if_lost, attempt, bound, applicant)
            self._afterwards.leave(_COMPENSATE, compensate, applicant_id=applicant.applicant_id)
            raise

    def _check_lease(self, attempt: Attempt, bound: BoundValues, update: ApplicantUpdate) -> None:
        with self.recording(attempt, bound, RemoteApplicant(update.applicant.applicant_id)):
            self._attempts.advance(attempt)

    def _compensate_if_lost(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> None:
        """Compensate for the values sent, unless they were recorded after all, or the attempt can continue."""
        provider_id, applicant_id = attempt.provider.provider_id, applicant.applicant_id
        with self._database.write() as connection:
            # Locked, because the unanswered commit may still be in progress.
            current = verifications.lock(connection, attempt.verification.verification_id)
            is_recorded = verification_finds.find_of_applicant(connection, provider_id, applicant_id) is not None
        is_ours = current is not None and current.lease_owner == attempt.lease.owner
        if not (is_recorded and (is_ours or not bound.is_known(applicant_id))):
            self._compensate(attempt, bound, applicant)

    def _compensate(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> None:
        if bound.update is not None and bound.is_known(applicant.applicant_id):
            self._binding.mark_overwritten(attempt, bound, bound.update)
            return
        tenant, provider_id = attempt.provider.tenant, attempt.provider.provider_id
        with self._database.write() as connection:
            outbox.add(connection, DeleteApplicant(tenant, provider_id, applicant.applicant_id, applicant.environment))
