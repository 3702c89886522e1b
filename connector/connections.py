"""Checks whether the issuers and directories of all tenants answer, as `check-settings` does, in a running connector.

They run concurrently for at most `BUDGET` seconds, and their results are cached for `FRESH` seconds, so that callers
cannot make the connector call an issuer repeatedly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Protocol

from connector.access.checks import IssuerChecks
from connector.directory.checks import DirectoryChecks
from connector.directory.directories import Directories
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.domain.tenancy import Tenant
from connector.settings import Settings

BUDGET = 10.0  # seconds
FRESH = 60.0  # seconds
AT_ONCE = 8


class Checkable(Protocol):
    """A part of the settings that can be checked."""

    def checks(self) -> Iterator[Check]:
        """Run each check; none raises."""
        ...


@frozen
class Part:
    """A part that can be checked; `tenant` is empty if it belongs to all tenants."""

    tenant: str
    name: str
    checkable: Checkable


@frozen
class PartCheck:
    """A check of one part; `tenant` is empty if it belongs to all tenants."""

    tenant: str
    part: str
    check: Check


@frozen
class CheckedConnections:
    """The checks of all parts, and their time."""

    checked_at: datetime
    checks: Sequence[PartCheck]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(each.check.passed is not False for each in self.checks)


def issuer_parts(settings: Settings) -> list[Part]:
    """Return the issuers that the settings name."""
    return [
        Part("" if each.tenant_claim else each.tenant, each.issuer, IssuerChecks(each, settings.outgoing_proxy))
        for each in settings.all_issuers
    ]


def directory_part(settings: Settings, directories: Directories, tenant: Tenant, user_id: str | None = None) -> Part:
    """Return a tenant's directory; if a user id is given, the checks look that user up."""
    checkable = DirectoryChecks(directories, tenant, user_id, settings.outgoing_proxy)
    return Part(tenant.name, tenant.directory.url or "directory", checkable)


def checks_of(part: Part) -> list[PartCheck]:
    """Run the checks of a part."""
    return [PartCheck(part.tenant, part.name, check) for check in part.checkable.checks()]


class Connections:
    """Checks the connections of all tenants, for one caller at a time; concurrent callers share the results."""

    def __init__(
        self,
        parts: Callable[[], Sequence[Part]],
        clock: Callable[[], datetime],
        *,
        budget: float = BUDGET,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._budget = budget
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._checked: tuple[float, CheckedConnections] | None = None

    def check(self) -> CheckedConnections:
        """Return the results of the last minute, or run the checks."""
        with self._lock:
            if self._checked is None or self._monotonic() - self._checked[0] >= FRESH:
                checks = self._make(self._parts())
                self._checked = self._monotonic(), CheckedConnections(self._clock(), checks)
            return self._checked[1]

    def _make(self, parts: Sequence[Part]) -> list[PartCheck]:
        executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="connections")
        try:
            futures = [executor.submit(checks_of, part) for part in parts]
            wait(futures, self._budget)
            return [check for part, future in zip(parts, futures, strict=True) for check in self._result(part, future)]
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def _result(self, part: Part, future: Future[list[PartCheck]]) -> list[PartCheck]:
        if future.done():
            return future.result()
        return [
            PartCheck(
                part.tenant,
                part.name,
                Check("answer", False, message("No answer within %(budget)s seconds.", budget=f"{self._budget:g}")),
            )
        ]


def connections(
    settings: Settings, directories: Directories, tenants: Iterable[Tenant], clock: Callable[[], datetime]
) -> Connections:
    """Return the connections of the settings' issuers and of the tenants' own directories."""
    remote = [each for each in tenants if not each.directory.is_local]

    def parts() -> list[Part]:
        return [*issuer_parts(settings), *(directory_part(settings, directories, each) for each in remote)]

    return Connections(parts, clock)
