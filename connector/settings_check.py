"""Whether the parts that the settings name answer: the database, each issuer, each tenant's directory.

Each part says so by its `checks()`; the parts know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from connector.bootstrap import create_services
from connector.connections import PartCheck, checks_of, directory_part, issuer_parts
from connector.domain.readiness import Check
from connector.domain.tenancy import Tenant
from connector.errors import ConnectorError, DatabaseUnavailable
from connector.settings import Settings


def check_settings(settings: Settings, tenant: Tenant, user_id: str | None) -> Iterator[PartCheck]:
    """Check every part, and look a user of a tenant up, where one is named."""
    for part in issuer_parts(settings):
        yield from checks_of(part)
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
                yield from checks_of(directory_part(settings, services.directories, each, looked_up))
