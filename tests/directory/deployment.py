"""A connector whose tenants have their users in directories of several kinds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connector.settings.directory import DirectorySettings
from connector.settings.tenants import Tenant
from connector.simulator.server import Simulator
from connector.store.models import providers, secrets
from tests.bodies import config_properties, event_body
from tests.contract.wire import WEBHOOK_TOKEN, new_provider
from tests.databases import delete_rows
from tests.directory.faulty import FaultyDirectory
from tests.harness import Clock, ConnectorServer, World
from tests.identity.scim_server import CLIENT_ID, CLIENT_SECRET, CUSTOM, ScimServer
from tests.patience import patient_settings

CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
INTERVAL = 3600
KEYCLOAK = """
[keycloak.claims]
"http://wso2.org/claims/givenname" = "firstName"
"http://wso2.org/claims/lastname" = "lastName"
"http://wso2.org/claims/dob" = "attributes.birthdate"

[keycloak.status]
verified = "attributes.identityVerified"
"""
DIALECT = f"""
[userinfo.claims]
"http://wso2.org/claims/givenname" = "given_name"
"http://wso2.org/claims/lastname" = "family_name"
"http://wso2.org/claims/dob" = "birthdate"
{KEYCLOAK}claims = "attributes.identityVerifiedClaims"
"""


@dataclass
class Deployment:
    """One connector, and a provider for each tenant; no event of Onfido's arrives by itself."""

    connector: ConnectorServer
    simulator: Simulator
    clock: Clock
    scim: ScimServer
    faulty: FaultyDirectory
    providers: dict[str, str]

    def begin_anew(self) -> None:
        """Delete every user and delivery, but no provider."""
        self.connector.rest()
        self.faulty.requests.clear()
        with self.connector.services.database.write() as connection:
            connection.execute(select(providers.c.id).with_for_update())  # shared fixtures first, as everywhere
            delete_rows(connection, secrets, providers)
        self.connector.deliver()

    def environ(self) -> dict[str, str]:
        """Return the variables with which another process has the same settings."""
        settings = self.connector.settings
        tenants = [{"name": each.name, "directory": _given(each.directory)} for each in settings.tenants]
        return {
            "CONNECTOR_DATA_DIR": str(settings.data_dir),
            "CONNECTOR_DATABASE_URL": settings.database_url,
            "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
            "CONNECTOR_TENANTS": json.dumps(tenants),
        }

    def world(self, tenant: str) -> World:
        """Return the connector for the callers of one tenant."""
        return World(self.connector, self.simulator, self.clock, self.providers[tenant], WEBHOOK_TOKEN, tenant)


@contextmanager
def deployed(
    data_dir: Path, database_url: str, simulator: Simulator, scim: ScimServer, faulty: FaultyDirectory
) -> Iterator[Deployment]:
    """Run a connector with a tenant for each kind of remote directory."""
    os.environ["SCIM_SECRET"], os.environ["FAULTY_TOKEN"] = CLIENT_SECRET, "token of the tests"
    dialect = data_dir / "dialect.toml"
    dialect.write_text(DIALECT)
    tenants = tuple(Tenant(name, directory=each) for name, each in _directories(scim, faulty, str(dialect)).items())
    settings = patient_settings(data_dir, database_url, tenants=tenants)
    clock = Clock()
    with ConnectorServer(settings, clock) as connector:
        deployment = Deployment(connector, simulator, clock, scim, faulty, {})
        for tenant in tenants:
            world = World(connector, simulator, clock, webhook_token=WEBHOOK_TOKEN, tenant=tenant.name)
            properties = config_properties(simulator, webhook_token=WEBHOOK_TOKEN)
            deployment.providers[tenant.name] = new_provider(world, configProperties=properties)
        yield deployment


def _directories(scim: ScimServer, faulty: FaultyDirectory, dialect: str) -> dict[str, DirectorySettings]:
    def of_scim(
        look_up_by: str = "", gone_users: str = "unverify", *, writes_status: bool = False, timeout: float = 15
    ) -> DirectorySettings:
        return DirectorySettings(
            kind="scim",
            url=scim.url,
            dialect="wso2",
            look_up_by=look_up_by,
            token_url=scim.token_url,
            client_id=CLIENT_ID,
            client_secret="env:SCIM_SECRET",
            timeout=timeout,
            check_interval=INTERVAL,
            checks_per_minute=1_000_000,
            gone_users=gone_users,
            writes_status=writes_status,
        )

    def of_faulty(kind: str, dialect: str, timeout: float = 60) -> DirectorySettings:
        is_ours = kind != "userinfo"
        token = "env:FAULTY_TOKEN" if is_ours else ""
        return DirectorySettings(
            kind=kind, url=faulty.url, dialect=dialect, bearer_token=token, timeout=timeout, writes_status=is_ours
        )

    return {
        "scim": of_scim(),
        "names": of_scim("userName"),
        "removing": of_scim(gone_users="remove"),
        "keeping": of_scim(gone_users="keep", timeout=60),
        "writing": of_scim(writes_status=True),
        "away": of_faulty("scim", "wso2", timeout=1),
        "keycloak": of_faulty("keycloak", dialect),
        "userinfo": of_faulty("userinfo", dialect),
    }


def _given(directory: DirectorySettings) -> dict[str, Any]:
    return {each.name: value for each in fields(directory) if (value := getattr(directory, each.name)) != each.default}


def add_ann(scim: ScimServer, user_name: str = "ann", birth_date: str = "1990-01-01") -> str:
    """Add a user with the values that the tests verify; returns the id."""
    name = {"givenName": "Ann", "familyName": "Example"}
    return scim.add_user(user_name, name=name, **{CUSTOM: {"dateOfBirth": birth_date}})


def verify(world: World, user_id: str) -> str:
    """Verify all of a user's claims; returns the run's id."""
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    approve(world, run_id)
    return run_id


def approve(world: World, run_id: str) -> None:
    """End the run at Onfido with clear comparisons."""
    answer = world.post_event(event_body(run_id, "approved", CLEAR))
    assert answer.status_code == 200, answer.text
