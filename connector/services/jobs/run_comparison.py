"""Comparing Onfido's list of runs with ours; missing results are fetched and applied.

    a page of Onfido's list ──► our open verifications with another status ──► a `check_verification` delivery each

It recovers from lost webhooks at once, earlier than the sweep. The checks are background calls to Onfido, and each is
retried separately.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.domain.jobs import Job, Step
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_run import ListedRun, verification_id_of
from connector.domain.verifications.verification import Verification
from connector.services.jobs.steps import Work
from connector.services.providers.onfido import Onfido
from connector.services.results.deliveries import CheckVerification
from connector.services.timing import background
from connector.services.use_case import use_case
from connector.store.deliveries import outbox
from connector.store.verifications import verification_finds

BUDGET = 30.0  # seconds for one page of Onfido's list
PAUSE = 1.0  # seconds between two pages


@use_case
class RunComparison:
    """Compares Onfido's list of a provider's runs with ours."""

    _onfido: Onfido
    _find_provider: Callable[[Job], Provider]

    def total(self, _job: Job) -> int | None:
        """Return None: Onfido's list has no total."""
        return None

    def prepare(self, job: Job) -> Work:
        """Read the next page of Onfido's list, and queue a check of each that differs."""
        provider, page = self._find_provider(job), job.position or 1
        since = datetime.fromisoformat(job.parameters["since"])
        listed = self._onfido.of_provider(provider, background(BUDGET)).list_runs(since, page)

        def work(connection: Connection) -> Step:
            known = _ours(connection, job, provider, listed)
            differing = _differing(known, listed)
            keys = [f"{CheckVerification.kind}:{job.job_id}:{each.verification_id}" for each in differing]
            outbox.add_all(connection, [CheckVerification.of(each) for each in differing], keys)
            counted = {"listed": len(listed), "ours": len(known), "queued": len(differing)}
            return Step(page + 1 if listed else None, done=len(listed), counted=counted, pause=PAUSE)

        return work


def _ours(connection: Connection, job: Job, provider: Provider, listed: Sequence[ListedRun]) -> Sequence[Verification]:
    run_ids = [run.run_id for run in listed]
    named = [each for run in listed if (each := verification_id_of(run.tags)) is not None]
    return verification_finds.find_of_runs(connection, job.tenant, provider.provider_id, run_ids, named)


def _differing(known: Sequence[Verification], listed: Sequence[ListedRun]) -> list[Verification]:
    """Return the open verifications whose run is not recorded, or has another status at Onfido."""
    statuses = {run.run_id: run.status for run in listed}
    return [each for each in known if each.closed_at is None and statuses.get(each.run_id or "") != each.status]
