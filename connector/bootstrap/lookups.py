"""Wiring of use cases that only read stored data, and of requests for jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connector.bootstrap.notifying import Notifying
from connector.bootstrap.part import part
from connector.services.jobs.jobs import Jobs
from connector.services.lookup.readings import Readings
from connector.services.results.kept import KeptResults

if TYPE_CHECKING:
    from connector.services.lookup.audit import Audit
    from connector.services.lookup.dry_runs import DryRuns
    from connector.services.lookup.events import EventLookup
    from connector.services.lookup.evidence import Evidence
    from connector.services.lookup.object_names import ObjectNames
    from connector.services.lookup.search import Search
    from connector.services.lookup.shown_values import ShownValues
    from connector.services.lookup.user_list import UserList
    from connector.services.lookup.user_status import UserStatuses


class Lookups(Notifying):
    """Use cases that read."""

    lookup: Any  # wired in `bootstrap`
    events: Any

    @part
    def kept(self) -> KeptResults:
        """Read and write the kept output of runs."""
        return KeptResults(self._vault)

    @part
    def readings(self) -> Readings:
        """Record in the history that data were read."""
        return Readings(self.database, self._journal, self._clock)

    @part
    def audit(self) -> Audit:
        """Read the audit trail."""
        from connector.services.lookup.audit import Audit

        return Audit(self.database, self._texts)

    @part
    def object_names(self) -> ObjectNames:
        """Find the names of objects that are known by their ids."""
        from connector.services.lookup.object_names import ObjectNames

        return ObjectNames(self.database)

    @part
    def user_list(self) -> UserList:
        """List users with their verification state."""
        from connector.services.lookup.user_list import UserList

        return UserList(self.database, self.providers, self._clock)

    @part
    def search(self) -> Search:
        """Find the object with an id."""
        from connector.services.lookup.search import Search

        return Search(self.database)

    @part
    def shown_values(self) -> ShownValues:
        """Show users' values, and record this."""
        from connector.services.lookup.shown_values import ShownValues

        return ShownValues(self._user_values, self.readings)

    @part
    def jobs(self) -> Jobs:
        """Request jobs, follow them, and download their results."""
        retention = timedelta(days=self.settings.delivery_retention_days)
        return Jobs(self.database, self._vault, self._texts, self._journal, retention, self._clock)

    @part
    def user_statuses(self) -> UserStatuses:
        """Look up why users are not verified."""
        from connector.services.lookup.user_status import UserStatuses

        return UserStatuses(self.database, self.providers, self._user_values, self.kept, self._clock)

    @part
    def dry_runs(self) -> DryRuns:
        """Try draft claim mappings."""
        from connector.services.lookup.dry_runs import DryRuns

        return DryRuns(self.database, self.providers, self.lookup, self.kept, self._fingerprints)

    @part
    def evidence(self) -> Evidence:
        """Open the files that Onfido keeps for runs."""
        from connector.services.lookup.evidence import Evidence

        return Evidence(self.lookup, self.readings, self.onfido, self._timing)

    @part
    def event_lookup(self) -> EventLookup:
        """Look up and replay events that Onfido posted."""
        from connector.services.lookup.events import EventLookup

        return EventLookup(self.database, self._vault, self._texts, self.events, self._journal, self._clock)
