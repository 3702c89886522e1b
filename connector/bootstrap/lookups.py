"""Wiring of use cases that only read stored data, and of requests for jobs."""

from __future__ import annotations

from datetime import timedelta

from connector.bootstrap.notifying import Notifying
from connector.bootstrap.part import part
from connector.services.jobs.jobs import Jobs
from connector.services.lookup.audit import Audit
from connector.services.lookup.readings import Readings
from connector.services.lookup.search import Search
from connector.services.lookup.shown_values import ShownValues
from connector.services.lookup.user_list import UserList
from connector.services.lookup.user_status import UserStatuses
from connector.services.results.kept import KeptResults


class Lookups(Notifying):
    """Use cases that read."""

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
        return Audit(self.database, self._texts)

    @part
    def user_list(self) -> UserList:
        """List users with their verification state."""
        return UserList(self.database, self.providers, self._clock)

    @part
    def search(self) -> Search:
        """Find the object with an id."""
        return Search(self.database)

    @part
    def shown_values(self) -> ShownValues:
        """Show users' values, and record this."""
        return ShownValues(self._user_values, self.readings)

    @part
    def jobs(self) -> Jobs:
        """Request jobs, follow them, and download their results."""
        retention = timedelta(days=self.settings.delivery_retention_days)
        return Jobs(self.database, self._vault, self._texts, self._journal, retention, self._clock)

    @part
    def user_statuses(self) -> UserStatuses:
        """Look up why users are not verified."""
        return UserStatuses(self.database, self.providers, self._user_values, self.kept, self._clock)
