"""Wiring of statistics: counting days and looking up the counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connector.bootstrap.lookups import Lookups
from connector.bootstrap.part import part
from connector.domain.statistics.counting import recounted_days
from connector.services.daily_counts import DailyCounts

if TYPE_CHECKING:
    from connector.services.lookup.match_impact import MatchImpact
    from connector.services.lookup.remapping import Remapping
    from connector.services.lookup.statistics import StatisticsLookup


class Numbers(Lookups):
    """Use cases of statistics."""

    @part
    def statistics(self) -> StatisticsLookup:
        """Look up the statistics of a period."""
        from connector.services.lookup.statistics import StatisticsLookup

        return StatisticsLookup(self.database, self.providers, self._clock)

    @part
    def match_impact(self) -> MatchImpact:
        """Estimate the claims that watchlist matches would withdraw."""
        from connector.services.lookup.match_impact import MatchImpact

        return MatchImpact(self.database, self.providers, self._clock)

    @part
    def remapping(self) -> Remapping:
        """Count the verifications affected by a changed mapping."""
        from connector.services.lookup.remapping import Remapping

        return Remapping(self.database, self.providers)

    @part
    def daily_counts(self) -> DailyCounts:
        """Count days."""
        retention = timedelta(days=self.settings.event_retention_days)
        recounted = recounted_days(self.settings.guest_retention_days)
        return DailyCounts(self.database, retention, recounted, self._clock)
