"""Whether the parts that the settings name answer: the database, each issuer, each tenant's directory.

Each part says so by its `checks()`; the parts know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from connector.access.checks import IssuerChecks
from connector.bootstrap import create_services
from connector.directory.checks import DirectoryChecks
from connector.domain.readiness import Check
from connector.domain.tenancy import Tenant
from connector.errors import ConnectorError, DatabaseUnavailable
from connector.settings import Settings


class Checkable(Protocol):
    """A part that the settings describe."""

    def checks(self) -> Iterator[Check]:
        """Make each check; none raises."""
        ...


@dataclass(frozen=True)
class PartCheck:
    """A check of one part; `tenant` is empty where it concerns all."""

    tenant: str
    part: str
    check: Check


def check_settings(settings: Settings, tenant: Tenant, user_id: str | None) -> Iterator[PartCheck]:
    """Check every part, and look a user of a tenant up, where one is named."""
    for issuer in settings.all_issuers:
        named = "" if issuer.tenant_claim else issuer.tenant
        yield from _of(named, issuer.issuer, IssuerChecks(issuer, settings.outgoing_proxy))
    yield from _database_and_directories(settings, tenant, user_id)


def _database_and_directories(settings: Settings, tenant: Tenant, user_id: str | None) -> Iterator[PartCheck]:
    try:
        services = create_services(settings)
    except DatabaseUnavailable as error:
        yield PartCheck("", "connector", Check("database", False, error.reason))
        return
    except ConnectorError as error:
        yield PartCheck("", "connector", Check("start", False, error.description))
        return
    with closing(services):
        yield PartCheck("", "connector", Check("database", True, "It answers, and has this version's schema."))
        for each in dict.fromkeys((*services.tenants.configured, tenant)):
            looked_up = user_id if each == tenant else None
            if looked_up or not each.directory.is_local:
                part = DirectoryChecks(services.directories, each, looked_up, settings.outgoing_proxy)
                yield from _of(each.name, each.directory.url or "directory", part)


def _of(tenant: str, part: str, checkable: Checkable) -> Iterator[PartCheck]:
    return (PartCheck(tenant, part, check) for check in checkable.checks())
