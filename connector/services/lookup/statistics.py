"""Statistics of a period: of whole days from the daily counts, of the last 24 hours from the hourly counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from connector.domain.environment import LIVE, SANDBOX
from connector.domain.frozen import frozen
from connector.domain.statistics.hour_counts import numbers_of_hours
from connector.domain.statistics.measures import Measure, Numbers
from connector.domain.statistics.month_counts import numbers_of
from connector.domain.statistics.statistics import Period, Statistics, summary
from connector.domain.statistics.statistics_period import ALL, read_period
from connector.domain.tenancy import Tenant
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.statistics import daily_counts, hourly_counts

UNKNOWN = ""  # the environment of runs that were not recorded with one
ENVIRONMENTS = {None: (LIVE, UNKNOWN), LIVE: (LIVE,), SANDBOX: (SANDBOX,), ALL: (LIVE, SANDBOX, UNKNOWN)}


@frozen
class StatisticsFilter:
    """The scope of the numbers; without an environment the sandbox is left out, `all` includes it."""

    period: Period
    provider_id: str | None = None
    environment: str | None = None


@use_case
class StatisticsLookup:
    """Looks up the statistics of one tenant, which each method takes."""

    _database: Database
    _providers: Providers
    _clock: Callable[[], datetime]

    def criteria(
        self, period: Mapping[str, str | None], provider_id: str | None = None, environment: str | None = None
    ) -> StatisticsFilter:
        """Read the period of a query, which ends now or with a day; raises `InvalidQuery`."""
        return StatisticsFilter(read_period(period, self._clock()), provider_id, environment)

    def get(self, tenant: Tenant, criteria: StatisticsFilter) -> Statistics:
        """Return the numbers; raises `RequestError` if the tenant has no such provider."""
        if criteria.provider_id is not None:
            self._providers.get(tenant, criteria.provider_id)
        numbers, counted_at = self._numbers(tenant, criteria)
        return summary(numbers, criteria.period, self._clock().astimezone(UTC).date(), counted_at)

    def results_of_a_day(self, tenant: Tenant) -> Mapping[str, int]:
        """Return the number of verifications that ended in the last 24 hours, the sandbox's included, by provider."""
        period = read_period({"period": "24h", "from": None, "to": None}, self._clock())
        with self._database.read() as connection:
            known = daily_counts.find_providers(connection, tenant.name)
            days = hourly_counts.find_by_provider(
                connection, tenant.name, known, (period.since.date(), period.before.date())
            )
        numbers = {each: numbers_of_hours(of_each, period.since, period.before) for each, of_each in days.items()}
        return {each: sum(of_each.by_measure()[Measure.ENDED].values()) for each, of_each in numbers.items()}

    def counted_at(self) -> datetime | None:
        """Return when the worker last counted the current day; None if it never did."""
        with self._database.read() as connection:
            return daily_counts.find_counted_at(connection, self._clock().astimezone(UTC).date())

    def _numbers(self, tenant: Tenant, criteria: StatisticsFilter) -> tuple[Numbers, datetime | None]:
        period = criteria.period
        days = (period.since.date(), (period.before - timedelta(microseconds=1)).date())
        environments = ENVIRONMENTS[criteria.environment]
        with self._database.read() as connection:
            chosen = self._chosen(connection, tenant, criteria)
            provider_ids = [*chosen, ""] if criteria.provider_id is None else chosen
            counted_at = daily_counts.find_counted_at(connection, days[1])
            if period.is_of_days:
                months = daily_counts.find(connection, tenant.name, provider_ids, days, environments)
                return numbers_of(months, *days), counted_at
            hours = hourly_counts.find(connection, tenant.name, provider_ids, days, environments)
            return numbers_of_hours(hours, period.since, period.before), counted_at

    def _chosen(self, connection: Connection, tenant: Tenant, criteria: StatisticsFilter) -> Sequence[str]:
        if criteria.provider_id is not None:
            return [criteria.provider_id]
        return daily_counts.find_providers(connection, tenant.name)
