"""The part of `bootstrap.py` that concerns numbers: counting days, and looking up what was counted."""

from __future__ import annotations

from datetime import timedelta

from connector.lookups import Lookups
from connector.part import part
from connector.services.daily_counts import DailyCounts
from connector.services.lookup.match_impact import MatchImpact
from connector.services.lookup.remapping import Remapping
from connector.services.lookup.statistics import StatisticsLookup


class Numbers(Lookups):
    """What counts, and who looks at it."""

    @part
    def statistics(self) -> StatisticsLookup:
        """Look up the numbers of a period."""
        return StatisticsLookup(self.database, self.providers, self._clock)

    @part
    def match_impact(self) -> MatchImpact:
        """Estimate what a watchlist match would withdraw."""
        return MatchImpact(self.database, self.providers, self._clock)

    @part
    def remapping(self) -> Remapping:
        """Count what a changed mapping concerns."""
        return Remapping(self.database, self.providers)

    @part
    def daily_counts(self) -> DailyCounts:
        """Count days."""
        return DailyCounts(self.database, timedelta(days=self.settings.event_retention_days), self._clock)
