"""The implementation of each kind of job, created when a worker first runs such a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from connector.domain.jobs import FETCH_RUNS, RESEND_DELIVERIES, USER_RECORD, VERIFICATIONS_CSV, Job
from connector.domain.providers.provider import Provider

if TYPE_CHECKING:
    from connector.bootstrap import Services
    from connector.bootstrap.ground import Clock
    from connector.services.jobs.steps import Kind
    from connector.services.values import UserValues


def job_kinds(services: Services, values: UserValues, clock: Clock) -> Mapping[str, Callable[[], Kind]]:
    """Return a factory for each kind."""
    return {
        VERIFICATIONS_CSV: lambda: _verifications_csv(services),
        USER_RECORD: lambda: _user_record(services, values, clock),
        RESEND_DELIVERIES: lambda: _resending(services),
        FETCH_RUNS: lambda: _run_comparison(services),
    }


def _verifications_csv(services: Services) -> Kind:
    from connector.exports.verifications import VerificationsCsv

    return VerificationsCsv(services.lookup, services.tenants)


def _user_record(services: Services, values: UserValues, clock: Clock) -> Kind:
    from connector.exports.user_record import Retention, Sources, UserRecord

    sources = Sources(
        values,
        services.claims,
        services.kept,
        services.user_statuses,
        services.verified_claims,
        services.lookup,
        services.deliveries,
        services.audit,
    )
    settings = services.settings
    retention = Retention(
        settings.event_retention_days, settings.delivery_retention_days, settings.guest_retention_days
    )
    return UserRecord(sources, services.tenants, settings.public_url, retention, clock)


def _resending(services: Services) -> Kind:
    from connector.services.jobs.resending import Resending

    return Resending(services.database)


def _run_comparison(services: Services) -> Kind:
    from connector.services.jobs.run_comparison import RunComparison

    return RunComparison(services.onfido, lambda job: _provider(services, job))


def _provider(services: Services, job: Job) -> Provider:
    return services.providers.get(services.tenants.named(job.tenant), job.provider_id or "")
