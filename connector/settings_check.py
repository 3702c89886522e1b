"""The checks of a whole installation: the parts in the settings, and the environment of the connector.

Each part has its own checks; the parts do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.bootstrap import Services, create_services
from connector.bootstrap.ground import Clock, utc_now
from connector.connections import PartCheck, checks_of, directory_part, issuer_parts
from connector.domain.providers.readiness import Check
from connector.domain.tenancy import Tenant
from connector.errors import ConnectorError, DatabaseUnavailable
from connector.http.client import HttpClient
from connector.installation import warning
from connector.installation.clock import check_database_clock, check_server_clock
from connector.installation.connections import check_connections
from connector.installation.database import WRITES, check_database, key_files
from connector.installation.files import check_files
from connector.installation.onfido import check_providers
from connector.installation.processes import check_processes, running_roles
from connector.installation.public_url import check_public_url
from connector.process.heartbeat import SERVE
from connector.settings import Settings

CONNECTOR = "connector"  # the part that is this machine's own
PUBLIC_URL = "public URL"


def check_settings(
    settings: Settings, tenant: Tenant, user_id: str | None, clock: Clock = utc_now
) -> Iterator[PartCheck]:
    """Check every part, and look up a user of a tenant if an id is given."""
    yield from (PartCheck("", CONNECTOR, warning("settings", each)) for each in settings.warnings())
    for path, check in check_files(settings, key_files(settings.database)):
        yield PartCheck("", path, check)
    for part in issuer_parts(settings):
        yield from checks_of(part)
    yield from _issuers_clocks(settings, clock)
    checks = list(check_database(settings.database))
    yield from _of_connector(checks)
    if all(each.passed is not False for each in checks):
        has_database = checks[-1].name == WRITES
        with nullcontext(settings) if has_database else _elsewhere(settings) as opened:
            yield from _started(opened, tenant, user_id, clock, has_database=has_database)


@contextmanager
def _elsewhere(settings: Settings) -> Iterator[Settings]:
    """Return the same settings with a temporary database: a check must create neither the real one nor its key."""
    with TemporaryDirectory(prefix="check-settings-") as directory:
        yield replace(settings, data_dir=Path(directory), database_url="")


def _started(
    settings: Settings, tenant: Tenant, user_id: str | None, clock: Clock, *, has_database: bool
) -> Iterator[PartCheck]:
    try:
        services = create_services(settings)
    except DatabaseUnavailable as error:
        yield PartCheck("", CONNECTOR, Check("database", False, error.reason))
        return
    except ConnectorError as error:
        yield PartCheck("", CONNECTOR, Check("start", False, error.description))
        return
    with closing(services):
        if has_database:
            yield PartCheck("", CONNECTOR, check_database_clock(services.database, clock))
        tenants = list(dict.fromkeys((*services.tenants.configured, tenant)))
        yield PartCheck("", CONNECTOR, check_processes(services))
        if has_database and (check := check_connections(services)) is not None:
            yield PartCheck("", CONNECTOR, check)
        yield from _directories(services, tenants, tenant, user_id)
        yield from _outside(services, tenants)


def _directories(
    services: Services, tenants: Iterable[Tenant], tenant: Tenant, user_id: str | None
) -> Iterator[PartCheck]:
    for each in tenants:
        looked_up = user_id if each == tenant else None
        if looked_up or not each.directory.is_local:
            yield from checks_of(directory_part(services.settings, services.directories, each, looked_up))


def _outside(services: Services, tenants: Iterable[Tenant]) -> Iterator[PartCheck]:
    """Check `public_url`, and the providers at Onfido."""
    settings = services.settings
    client = HttpClient(proxy=settings.outgoing_proxy)
    is_served = running_roles(services)[SERVE] > 0
    for check in check_public_url(settings.public_url, services.self_check, client, is_served=is_served):
        yield PartCheck("", PUBLIC_URL, check)
    for each in tenants:
        for name, check in check_providers(services, each):
            yield PartCheck(each.name, f"provider {name}", check)


def _issuers_clocks(settings: Settings, clock: Clock) -> Iterator[PartCheck]:
    clients = {
        each.issuer: HttpClient(ca_file=each.ca_file, proxy=settings.outgoing_proxy) for each in settings.all_issuers
    }
    for url, client in clients.items():
        yield PartCheck("", url, check_server_clock(url, client, clock))


def _of_connector(checks: Iterable[Check]) -> Iterator[PartCheck]:
    return (PartCheck("", CONNECTOR, each) for each in checks)
