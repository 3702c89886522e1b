"""The current status of users, written to a real SCIM server."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from sqlalchemy import update

from connector.errors import DirectoryError
from connector.services.announcements.status_announcement import WriteStatus, WriteStatuses
from connector.services.application.write_back import BusyError, WriteBack
from connector.services.outbox import Undeliverable
from connector.store.dialect import from_now
from connector.store.models import outbox as outbox_table
from connector.store.models import status_writes as status_writes_table
from connector.store.people import status_writes
from tests.bodies import event_body, provider_body
from tests.contract.wire import PROVIDERS, USERS, entry
from tests.directory.deployment import CLEAR, Deployment, add_ann, approve, verify
from tests.directory.faulty import Reply
from tests.harness import World
from tests.identity.scim_server import CUSTOM
from tests.processes import PROGRAM, running
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

ALL = " ".join(sorted((BIRTH_DATE, GIVEN_NAME, LAST_NAME)))


def written(deployment: Deployment, user_id: str) -> dict[str, Any]:
    """Return a user's status in the directory."""
    custom = deployment.scim.user(user_id).get(CUSTOM, {})
    return {name: value for name, value in custom.items() if name.startswith("identity")}


def settled(deployment: Deployment) -> None:
    """Wait until every status is written."""
    outbox = deployment.connector.services.outbox
    deployment.world("writing").wait_until(
        lambda: not [row for row in outbox.page(("ready",), 1000) if row.kind.startswith("write_status")]
    )


@pytest.fixture
def world(deployment: Deployment) -> World:
    return deployment.world("writing")


def test_the_status_of_a_verified_user_is_written(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    status = written(deployment, user_id)
    path = f"{PROVIDERS}/{world.provider_id}"
    name = world.connector.as_admin(world.tenant).get(path).json()["name"]
    assert status == {
        "identityVerified": "true",
        "identityVerifiedClaims": ALL,
        "identityVerifiedAt": "2026-01-02T03:04:05Z",
        "identityVerificationProvider": name,
    }
    assert deployment.scim.user(user_id)["name"] == {"givenName": "Ann", "familyName": "Example"}


def test_only_attributes_of_the_status_are_written(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    before = deployment.scim.user(user_id)
    before["meta"] = before[CUSTOM] = None
    after = deployment.scim.user(user_id)
    assert after[CUSTOM]["dateOfBirth"] == "1990-01-01"
    after["meta"] = after[CUSTOM] = None
    assert after == before
    assert len([line for line in deployment.scim.requests if line.startswith("PATCH")]) == 1


def test_a_claim_that_is_no_longer_verified_is_written(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    changed = f"{USERS}/{user_id}/idv/attributes-changed"
    assert world.connector.as_admin(world.tenant).post(changed, None).status_code == 204
    settled(deployment)
    assert written(deployment, user_id) == {
        "identityVerified": "false",
        "identityVerifiedClaims": f"{GIVEN_NAME} {LAST_NAME}",
    }


def test_a_finding_against_one_claim_is_written(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    world.post_event(event_body(run_id, "approved", CLEAR | {"date_of_birth": "consider"}))
    settled(deployment)
    assert written(deployment, user_id)["identityVerified"] == "false"
    assert written(deployment, user_id)["identityVerifiedClaims"] == f"{GIVEN_NAME} {LAST_NAME}"


def test_a_verification_without_a_result_writes_nothing(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    world.start(world.connector.as_user(user_id, world.tenant))
    settled(deployment)
    assert written(deployment, user_id) == {}
    assert not [line for line in deployment.scim.requests if line.startswith("PATCH")]


def test_an_administrators_correction_is_written(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    admin = world.connector.as_admin(world.tenant)
    answer = admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id, BIRTH_DATE)])
    settled(deployment)
    assert written(deployment, user_id)["identityVerifiedClaims"] == BIRTH_DATE
    claim_id = answer.json()[0]["id"]
    admin.put(f"{USERS}/{user_id}/idv/claims/{claim_id}", {"isVerified": False, "claimMetadata": {}})
    settled(deployment)
    assert written(deployment, user_id) == {"identityVerified": "false"}


def test_the_status_of_a_removed_user_is_removed(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    admin = world.connector.as_admin(world.tenant, ["internal_idv_claim_delete"])
    assert admin.request("DELETE", f"{USERS}/{user_id}/idv").status_code == 204
    settled(deployment)
    assert written(deployment, user_id) == {}
    with deployment.connector.services.database.read() as connection:
        assert status_writes.find_page(connection, "writing", "", 10) == []


def test_the_status_of_a_removed_providers_verifications_is_removed(deployment: Deployment, world: World) -> None:
    admin = world.connector.as_admin(world.tenant)
    body = provider_body(world.simulator, name="for a while")
    provider_id = admin.post(PROVIDERS, body).json()["id"]
    user_id = add_ann(deployment.scim)
    assert admin.post(f"{USERS}/{user_id}/idv/claims", [entry(provider_id, BIRTH_DATE)]).status_code == 201
    settled(deployment)
    assert written(deployment, user_id)["identityVerificationProvider"] == "for a while"
    admin.put(f"{PROVIDERS}/{provider_id}", body | {"name": "another name"})
    settled(deployment)
    assert written(deployment, user_id)["identityVerificationProvider"] == "another name"
    assert admin.request("DELETE", f"{PROVIDERS}/{provider_id}").status_code == 204
    settled(deployment)
    assert written(deployment, user_id) == {}


def test_an_unchanged_status_is_not_written_again(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    deployment.scim.requests.clear()
    write_back(deployment).write(WriteStatus("writing", user_id))
    assert deployment.scim.requests == []


def write_back(deployment: Deployment) -> WriteBack:
    """Return the use case that writes statuses, to deliver in any order."""
    services = deployment.connector.services
    return WriteBack(services.database, services.tenants, services.directories)


def test_deliveries_that_overtake_each_other_leave_the_latest_status(deployment: Deployment, world: World) -> None:
    """Eight concurrent deliveries while the status changes; one that meets another is retried."""
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    admin = world.connector.as_admin(world.tenant)
    claims = {uri: claim["id"] for uri, claim in admin.claims(user_id).items()}
    writer = write_back(deployment)

    def deliver() -> None:
        for _ in range(4):
            try:
                writer.write(WriteStatus("writing", user_id))
            except (BusyError, DirectoryError):
                continue

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for at in range(6):
        body = {"isVerified": at % 2 == 1, "claimMetadata": {}}
        assert admin.put(f"{USERS}/{user_id}/idv/claims/{claims[BIRTH_DATE]}", body).status_code == 200
    for thread in threads:
        thread.join()
    settled(deployment)
    assert written(deployment, user_id)["identityVerified"] == "true"
    assert written(deployment, user_id)["identityVerifiedClaims"] == ALL


def test_a_delivery_killed_after_writing_is_repeated(deployment: Deployment, world: World) -> None:
    """The repeated delivery overwrites the status, even if the status before it applies again."""
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    services = deployment.connector.services
    with services.database.write() as connection:  # a delivery takes the lease, writes, and is killed
        assert status_writes.take(connection, "writing", user_id, "killed", 0) is not None
    deployment.scim.change(user_id, **{f"{CUSTOM}:identityVerified": "false"})
    write_back(deployment).write(WriteStatus("writing", user_id))
    assert written(deployment, user_id)["identityVerified"] == "true"


WORKER = """
import os
from connector.bootstrap import create_services
from connector.settings import load
create_services(load(None, os.environ)).outbox.work("the one that is killed")
"""


def test_a_write_of_a_killed_worker_is_repeated(deployment: Deployment, world: World) -> None:
    services, scim = deployment.connector.services, deployment.scim
    user_id = add_ann(scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    settled(deployment)
    deployment.connector.rest()
    scim.answers_changes.clear()
    approve(world, run_id)
    environ = os.environ | deployment.environ()
    with running([*PROGRAM, WORKER], env=environ):
        assert scim.changed.wait(60), "the worker changes the user"
    scim.answers_changes.set()
    assert written(deployment, user_id)["identityVerified"] == "true"
    with services.database.write() as connection:  # its leases, by the clock of the database, have expired
        for table in (status_writes_table, outbox_table):
            connection.execute(update(table).values(lease_until=from_now(-1)))
    admin = world.connector.as_admin(world.tenant)
    claim_id = admin.claims(user_id)[BIRTH_DATE]["id"]
    path = f"{USERS}/{user_id}/idv/claims/{claim_id}"
    assert admin.put(path, {"isVerified": False, "claimMetadata": {}}).status_code == 200
    deployment.connector.deliver()
    settled(deployment)
    assert written(deployment, user_id)["identityVerified"] == "false"


def test_a_delivery_is_retried_if_another_one_is_writing(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    settled(deployment)
    services = deployment.connector.services
    with services.database.write() as connection:
        turn = status_writes.take(connection, "writing", user_id, "one", 60)
    assert turn is not None
    with pytest.raises(BusyError, match="Another delivery"):
        write_back(deployment).write(WriteStatus("writing", user_id))
    with services.database.write() as connection:
        status_writes.release_after_failure(connection, turn)
        assert not status_writes.release(connection, turn, "digest")
    write_back(deployment).write(WriteStatus("writing", user_id))


def test_a_delivery_that_lost_its_lease_is_retried(deployment: Deployment) -> None:
    """A write that outlasts its lease, which another worker takes over."""
    faulty, services, user_id = deployment.faulty, deployment.connector.services, _verified_away(deployment)

    def take_over() -> None:
        with services.database.write() as connection:
            connection.execute(update(status_writes_table).values(lease_until=None))
            assert status_writes.take(connection, "away", user_id, "another", 60)

    faulty.replies = [Reply(200, USER), Reply(204, b"")]
    faulty.meanwhile = take_over
    with pytest.raises(BusyError, match="too slowly"):
        write_back(deployment).write(WriteStatus("away", user_id))


def test_a_missing_user_ends_the_delivery(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    settled(deployment)
    deployment.scim.remove(user_id)
    approve(world, run_id)
    settled(deployment)
    assert not deployment.connector.services.outbox.page(("dead",), 10)


def test_an_outage_delays_the_status(deployment: Deployment, world: World) -> None:
    user_id = add_ann(deployment.scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    settled(deployment)
    deployment.scim.fault = ("PATCH", "503 Service Unavailable")
    approve(world, run_id)
    outbox = deployment.connector.services.outbox
    world.wait_until(lambda: any(row.history for row in outbox.page(("ready",), 10)))
    [row] = [row for row in outbox.page(("ready",), 10) if row.history]
    assert "identityVerified" in row.history[0]["reason"]
    assert "if this stays, declare these attributes at the server" in row.history[0]["reason"]
    assert written(deployment, user_id) == {}
    deployment.scim.fault = None
    deployment.connector.services.deliveries.retry(None, row.delivery_id)
    settled(deployment)
    assert written(deployment, user_id)["identityVerified"] == "true"


def test_a_tenant_without_the_setting_writes_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    rows = deployment.connector.services.outbox.page(("ready", "done"), 100)
    assert not [row for row in rows if "status" in row.kind]
    write_back(deployment).write(WriteStatus("scim", user_id))
    write_back(deployment).write(WriteStatus("embedded", user_id))
    assert written(deployment, user_id) == {}


def test_no_row_of_a_removed_user_stays_if_the_status_is_no_longer_written(deployment: Deployment) -> None:
    services, world = deployment.connector.services, deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    with services.database.write() as connection:
        assert status_writes.take(connection, "scim", user_id, "earlier", 0)
    services.users.remove(services.tenants.named("scim"), user_id)
    with services.database.read() as connection:
        assert status_writes.find_page(connection, "scim", "", 10) == []


def test_all_written_statuses_are_queued_page_by_page(deployment: Deployment) -> None:
    services = deployment.connector.services
    deployment.connector.rest()
    with services.database.write() as connection:
        for at in range(501):
            assert status_writes.take(connection, "scim", f"user-{at:03}", "one", 0)
    write_back(deployment).write_all(WriteStatuses("scim"))
    rows = services.outbox.page(("ready",), 1000)
    assert len([row for row in rows if row.kind == "write_status"]) == 500
    [rest] = [row.payload for row in rows if row.kind == "write_statuses"]
    write_back(deployment).write_all(WriteStatuses(**rest))
    assert len([row for row in services.outbox.page(("ready",), 1000) if row.kind == "write_status"]) == 501
    deployment.connector.deliver()


# ── a server that refuses ────────────────────────────────────────────────────────────────────────────────────────────

USER = {"id": "1", "userName": "ann", "meta": {"version": 'W/"7"'}}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(400, {"scimType": "invalidPath"}), "it says invalidPath; declare these attributes at the server"),
        (Reply(400, b""), "HTTP 400 to the change of .*identityVerified.*: declare these attributes"),
        (Reply(404, b"<html>"), "declare these attributes"),
        (Reply(501, b""), "declare these attributes"),
    ],
)
def test_a_permanently_refused_delivery_is_dead_with_advice(deployment: Deployment, reply: Reply, words: str) -> None:
    faulty, user_id = deployment.faulty, _verified_away(deployment)
    faulty.replies = [Reply(200, USER), reply]
    with pytest.raises(Undeliverable, match=words):
        write_back(deployment).write(WriteStatus("away", user_id))
    [patch] = [each for each in faulty.requests if each.line.startswith("PATCH")]
    assert patch.headers["If-Match"] == 'W/"7"'


@pytest.mark.parametrize(
    "reply",
    [*(Reply(status, b"") for status in (401, 403, 429, 500, 503)), Reply(200, b"<html>down for maintenance</html>")],
)
def test_a_temporary_refusal_is_retried(deployment: Deployment, reply: Reply) -> None:
    faulty, user_id = deployment.faulty, _verified_away(deployment)
    faulty.replies = [Reply(200, USER), reply]
    with pytest.raises(DirectoryError):
        write_back(deployment).write(WriteStatus("away", user_id))
    faulty.replies = [Reply(200, USER), Reply(204, b"")]
    write_back(deployment).write(WriteStatus("away", user_id))


def test_a_user_changed_meanwhile_is_read_again(deployment: Deployment) -> None:
    faulty, user_id = deployment.faulty, _verified_away(deployment)
    newer = USER | {"meta": {"version": 'W/"8"'}}
    faulty.replies = [Reply(200, USER), Reply(412, b""), Reply(200, newer), Reply(200, newer)]
    faulty.requests.clear()
    write_back(deployment).write(WriteStatus("away", user_id))
    patches = [each for each in faulty.requests if each.line.startswith("PATCH")]
    assert [each.headers["If-Match"] for each in patches] == ['W/"7"', 'W/"8"']
    assert patches[0].body == patches[1].body


def test_a_user_who_keeps_changing_is_retried_later(deployment: Deployment) -> None:
    faulty, user_id = deployment.faulty, _verified_away(deployment)
    faulty.replies = [Reply(200, USER), Reply(412, b"")] * 3 + [Reply(412, b"")]
    with pytest.raises(DirectoryError, match="was changed repeatedly"):
        write_back(deployment).write(WriteStatus("away", user_id))


def _verified_away(deployment: Deployment) -> str:
    """Verify a claim of a user of the faulty directory; no delivery has been made."""
    deployment.connector.rest()
    world = deployment.world("away")
    deployment.faulty.replies = [Reply(200, USER)]
    admin = world.connector.as_admin(world.tenant)
    assert admin.post(f"{USERS}/1/idv/claims", [entry(world.provider_id)]).status_code == 201
    deployment.faulty.requests.clear()
    return "1"
