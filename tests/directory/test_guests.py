"""Guests of the OpenID provider, whose values came with a request: their directory is neither read nor written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import Tenant
from connector.services.announcements.status_announcement import WriteStatus, WriteStatuses
from connector.services.application.write_back import WriteBack
from connector.services.people.directory_checks import CheckUser, CheckUsers
from connector.store.models import outbox, users
from tests.directory.deployment import INTERVAL, Deployment, add_ann, approve, verify
from tests.harness import World, verified
from tests.oidc.relying_party import RelyingParty, UserBrowser, register, returned, run_of

KINDS = (WriteStatus.kind, WriteStatuses.kind, CheckUser.kind, CheckUsers.kind)


@pytest.fixture(params=["writing", "away", "keycloak"])
def world(deployment: Deployment, request: pytest.FixtureRequest) -> World:
    return deployment.world(request.param)


def verify_guest(world: World, party: RelyingParty) -> str:
    """Verify a guest; return the id that the connector has generated."""
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    browser.start()
    run_id = run_of(world)
    approve(world, run_id)
    [element] = party.id_token(pushed, returned(browser.follow(), pushed, party)["code"])["verified_claims"]
    assert element["verification"]["assurance_level"] == "VERIFIED"
    [guest] = [each.user_id for each in world.verifications() if each.run_id == run_id]
    assert is_guest(guest)
    return guest


def deliveries(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the deliveries to directories, in any state."""
    with deployment.connector.services.database.read() as connection:
        rows = connection.execute(select(outbox).where(outbox.c.kind.in_(KINDS))).mappings().all()
    return [dict(each["payload"]) for each in rows]


def asked(deployment: Deployment) -> list[str]:
    return [*deployment.scim.requests, *map(str, deployment.faulty.requests)]


def test_no_status_is_written_for_a_guest(deployment: Deployment, world: World) -> None:
    guest = verify_guest(world, register(world))
    assert deliveries(deployment) == []
    services, tenant = deployment.connector.services, Tenant(world.tenant)
    write_back = WriteBack(services.database, services.tenants, services.directories)
    write_back.write(WriteStatus(world.tenant, guest))  # as one that was queued before an upgrade
    services.users.remove(tenant, guest, "admin")
    assert deliveries(deployment) == []
    assert asked(deployment) == []


def test_a_pass_checks_only_the_directorys_users(deployment: Deployment) -> None:
    world = deployment.world("writing")
    user_id, guests = add_ann(deployment.scim), set[str]()
    verify(world, user_id)
    party = register(world)
    for _ in range(3):
        guests.add(verify_guest(world, party))
    services = deployment.connector.services
    world.wait_until(lambda: deployment.scim.user(user_id).get("meta") is not None)
    deployment.scim.requests.clear()
    deployment.clock.advance(timedelta(seconds=INTERVAL + 1).total_seconds())
    services.directory_checks.begin_due()
    world.wait_until(lambda: not [row for row in services.outbox.page(("ready",), 1000) if row.kind in KINDS])
    payloads = [each for each in deliveries(deployment) if each.get("user_id") in guests]
    assert payloads == []
    assert deployment.scim.requests
    assert not [line for line in deployment.scim.requests if "openid" in line]
    assert verified(world.connector.as_user(guests.pop(), world.tenant).claims())


def test_the_directory_is_never_asked_about_a_guest(deployment: Deployment, world: World) -> None:
    guest = verify_guest(world, register(world))
    admin = world.connector.as_admin(world.tenant)
    before = asked(deployment)
    changed = admin.post(f"/api/users/v1/{guest}/idv/attributes-changed", None)
    assert changed.status_code == 404
    deployment.connector.services.directory_checks.check_user(CheckUser(world.tenant, guest))
    status = admin.get(f"/api/users/v1/{guest}/idv")
    assert status.status_code == 200, status.text
    assert asked(deployment) == before == []
    assert verified(world.connector.as_user(guest, world.tenant).claims()), "it stays as it was"
    with deployment.connector.services.database.read() as connection:
        marks = connection.execute(select(users.c.mark).where(users.c.user_id == guest)).scalars().all()
    assert set(marks) <= {None}
