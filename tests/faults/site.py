"""A whole site: the connector's processes, their database, a simulated Onfido, and a provider."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import update

from connector.access.development import mint_token
from connector.bootstrap import create_services
from connector.domain.providers.provider import ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.timing import Deadline
from connector.settings import Settings
from connector.simulator.faults import HEALTHY, Event
from connector.simulator.server import Simulator
from connector.store.deliveries.outbox import READY
from connector.store.engine import Database
from connector.store.models import outbox, verifications
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.faults import postgresql
from tests.faults.deployment import Deployment
from tests.faults.postgresql import PostgresqlServer
from tests.harness import Caller
from tests.values import MAPPING, VALUES

BUDGET = 3  # seconds of Onfido's calls in one request
SETTINGS = {
    "sweep_interval": "1",
    "interactive_budget": str(BUDGET),
    "run_settle_time": str(BUDGET + 2),  # by then Onfido's list contains the last requests
    "onfido_connect_timeout": "1",
    "onfido_read_timeout": "2",
    "onfido_read_retries": "1",
    "onfido_rate_limit": "1000000",
    "onfido_circuit_failures": "20",  # the pause that follows is longer than the test's troubles
    "graceful_timeout": "3",
    "worker_threads": "2",
    "allow_http_loopback": "true",
}


@dataclass
class Site:
    """The site with injected faults; `postgresql` is None if the database is a file."""

    deployment: Deployment
    simulator: Simulator
    database: Database
    data_dir: Path
    postgresql: PostgresqlServer | None
    provider_id: str = ""
    lists_untagged: int = 0
    user_ids: list[str] = field(default_factory=list)

    def user(self, user_id: str) -> list[Caller]:
        """Return the user as a caller of each of the servers."""
        headers = {"Authorization": f"Bearer {mint_token(self.data_dir, user_id, ['internal_login'])}"}
        return [Caller(url, headers) for url in self.deployment.urls]

    def set_faults(self, **switches: Any) -> None:
        """Set Onfido's switches, all others off."""
        body = HEALTHY.as_json() | {"lists_untagged": self.lists_untagged} | switches
        answer = requests.patch(f"{self.simulator.url}/simulator/faults", json=body, timeout=60)
        assert answer.ok, answer.text

    def pass_time(self) -> None:
        """Make waiting work due: open runs to be read, failed deliveries, and work leased by killed workers.

        It replaces hours of waiting; the processes' own clocks cannot be moved.
        """
        now = datetime.now(UTC)
        for statement in (
            update(verifications).where(verifications.c.closed_at.is_(None)).values(next_check_at=now),
            update(outbox).where(outbox.c.state == READY, outbox.c.due_at > now).values(due_at=now),
            update(outbox).where(outbox.c.lease_until > now).values(lease_until=now),
        ):
            with self.database.write() as connection:
                connection.execute(statement)

    def begin_again(self) -> None:
        """Kill every process of the connector, expire their leases, and start it again.

        It replaces the 15 seconds until they would expire; no process is left that could hold one.
        """
        self.deployment.kill()
        now = datetime.now(UTC)
        with self.database.write() as connection:
            held = verifications.c.lease_until > now
            connection.execute(update(verifications).where(held).values(lease_until=now))
        self.deployment.start_processes()


@contextmanager
def running(directory: Path, template: Path, *, users: int, is_sqlite: bool, webs_on_sqlite: int = 1) -> Iterator[Site]:
    """Run a site: one server with its embedded worker on SQLite, two servers and two workers on PostgreSQL."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    with ExitStack() as stack:
        server = None if is_sqlite else stack.enter_context(postgresql.running())
        url = server.url if server else f"sqlite:///{data_dir / 'connector.db'}"
        if is_sqlite:
            (data_dir / "connector.db").write_bytes(template.read_bytes())
        database = Database(url)
        stack.callback(database.close)
        database.migrate()
        simulator = stack.enter_context(Simulator(retry_delays=(0.2, 0.5, 1.0, 2.0, 2.0), webhook_timeout=3))
        number = webs_on_sqlite if is_sqlite else 2
        deployment = Deployment(_environment(data_dir, url), directory, webs=number, workers=0 if is_sqlite else 2)
        stack.callback(deployment.stop)
        site = Site(deployment, simulator, database, data_dir, server)
        _populate(site, Settings(data_dir=data_dir, database_url=url, allow_http_loopback=True), users)
        deployment.start()
        yield site


def _environment(data_dir: Path, database_url: str) -> Mapping[str, str]:
    values = SETTINGS | {"data_dir": str(data_dir), "database_url": database_url}
    return {f"CONNECTOR_{name.upper()}": value for name, value in values.items()}


def _populate(site: Site, settings: Settings, number: int) -> None:
    """Register the provider, with a webhook for each server, and add users."""
    services = create_services(settings)
    try:
        site.user_ids = [f"user-{each:05}" for each in range(number)]
        for user_id in site.user_ids:
            services.users.add(Tenant(DEFAULT_TENANT), user_id, VALUES)
        config = ProviderConfig("Onfido", True, MAPPING, WORKFLOW_ID, site.simulator.api_url, api_token=API_TOKEN)
        provider = services.providers.add(Tenant(DEFAULT_TENANT), config)
        site.provider_id = provider.provider_id
        for server in site.deployment.urls:
            url = f"{server}/idv/onfido/v1/{site.provider_id}/verify"
            onfido = services.onfido.of_provider(provider, Deadline(time.monotonic() + 30))
            webhook = onfido.create_webhook(url=url, events=list(Event), name="faults")
            # The token that this one replaces stays good: every event arrives at every server.
            config = replace(config, webhook_token=webhook.token)
            services.providers.change(Tenant(DEFAULT_TENANT), site.provider_id, config)
    finally:
        services.close()
