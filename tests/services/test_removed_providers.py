"""The removal of a provider: hidden at once, whatever its size; its rows are deleted in short transactions."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import delete, func, select, update

from connector.domain.openid.flow import URN
from connector.domain.tenancy import Tenant
from connector.services.batches import BATCH
from connector.services.cursors import Page
from connector.services.digests import digest_of
from connector.services.removals import FinishRemovals, Removals
from connector.services.upkeep import Sweep
from connector.store import removals
from connector.store.models import (
    claims,
    history,
    openid_flows,
    outbox,
    providers,
    users,
    verifications,
    watchlist_monitors,
)
from connector.store.sealed import openid_flow, sealed_columns
from connector.store.vault import KEY_BYTES, Vault, read_keys
from tests.between import between
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES, ENDPOINTS, EVENTS, OPENID_CLIENTS, PROVIDERS, USERS, answer_on, assert_error
from tests.harness import Caller, World, verified
from tests.races.attack import ALL_CLEAR
from tests.services.ageing import let_pass
from tests.services.filling import add_empty_neighbour, assert_swept, fill, forget_deliveries
from tests.services.receiving import Application, wait_for
from tests.services.removing import changes, rows_left
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_workers import worker
from tests.values import GIVEN_NAME, MAPPING

NUMBER = 2 * BATCH + 50
MANY = 6_000
ELSEWHERE = "elsewhere.example"
TOLD = "tell_change"


@pytest.fixture
def quiet(world: World) -> World:
    """A world without a worker."""
    world.connector.rest()
    return world


@pytest.fixture
def admin(quiet: World) -> Caller:
    return quiet.connector.caller("admin", [*ALL_SCOPES, "internal_idv_claim_delete"])


def add_neighbour(world: World, tenant: str, name: str, number: int, prefix: str) -> str:
    provider_id = add_empty_neighbour(world, tenant, name)
    fill(world, number, prefix, tenant, provider_id)
    return provider_id


def remove(world: World, admin: Caller) -> None:
    answer = admin.request("DELETE", f"{PROVIDERS}/{world.provider_id}")
    assert (answer.status_code, answer.content) == (204, b"")


def left(world: World) -> dict[str, int]:
    return rows_left(world.connector.services.database, world.provider_id)


def a_user(world: World) -> str:
    """Return a user with a claim."""
    with world.connector.services.database.read() as connection:
        chosen = select(verifications.c.user_id).where(verifications.c.provider_id == world.provider_id)
        return str(connection.execute(chosen.limit(1)).scalar_one())


def finish(world: World) -> None:
    """Run the worker until nothing is left of the provider."""
    world.connector.deliver()
    world.wait_until(lambda: left(world) == {})
    world.connector.rest()


# At once


def test_the_data_of_a_removed_provider_is_hidden_at_once(quiet: World, admin: Caller) -> None:
    me, user_id, path = quiet.add_user("ann"), "ann", f"{USERS}/ann/idv"
    assert quiet.post_event(event_body(quiet.start(me), "approved", ALL_CLEAR)).ok
    [run] = quiet.verifications()
    fill(quiet, NUMBER)
    event_id = answer_on(admin.get(EVENTS), 200)["events"][0]["id"]
    assert verified(me.claims()) == set(MAPPING)
    assert answer_on(admin.get(path), 200)["providers"]

    remove(quiet, admin)

    assert left(quiet)["verifications"] == NUMBER + 1, "the rows are still there"
    for one in (f"{PROVIDERS}/{quiet.provider_id}", f"{PROVIDERS}/{quiet.provider_id}/verifications/{run.run_id}"):
        assert_error(admin.get(one), 404, "IDVP-60000")
    assert answer_on(admin.get(PROVIDERS), 200)["totalResults"] == 0
    assert me.claims() == {}
    assert quiet.verifications() == quiet.verifications(user_id) == []
    assert answer_on(admin.get(path), 200)["providers"] == []
    assert answer_on(admin.get(EVENTS), 200)["events"] == []
    assert admin.get(f"{EVENTS}/{event_id}").status_code == 404
    assert quiet.connector.services.claims.proven(Tenant(quiet.tenant), user_id) == {}
    [row] = quiet.connector.services.user_list.describe(Tenant(quiet.tenant), Page([user_id], None)).rows
    assert (row.latest, row.verified) == (None, 0)
    [entry, *_] = answer_on(admin.get("/api/server/v1/audit"), 200)["entries"]
    assert (entry["subject"], entry["to"], entry["providerId"]) == ("provider", "removed", quiet.provider_id)
    assert quiet.connector.services.providers.is_any() is False


def test_the_name_of_a_removed_provider_is_free_at_once_and_its_successor_unaffected(
    quiet: World, admin: Caller
) -> None:
    fill(quiet, NUMBER)
    elsewhere = add_neighbour(quiet, ELSEWHERE, "Onfido", 30, "c")
    name = answer_on(admin.get(f"{PROVIDERS}/{quiet.provider_id}"), 200)["name"]
    for again in (False, True):  # two of one name are hidden then
        remove(quiet, admin)
        before, quiet.provider_id = quiet.provider_id, add_neighbour(quiet, quiet.tenant, name, 30, "bd"[again])
    successor, quiet.provider_id = quiet.provider_id, before
    finish(quiet)

    database = quiet.connector.services.database
    quiet.wait_until(lambda: not hidden(quiet))
    assert rows_left(database, successor)["verifications"] == rows_left(database, elsewhere)["verifications"] == 30
    quiet.provider_id = successor
    assert quiet.connector.as_user(a_user(quiet)).claims()
    assert len(quiet.connector.services.providers.all(Tenant(ELSEWHERE))) == 1


def hidden(world: World) -> list[str]:
    with world.connector.services.database.read() as connection:
        return [*removals.find(connection, removals.PROVIDERS), *removals.find(connection, removals.CLIENTS)]


def test_a_removal_request_does_the_same_work_for_any_number_of_rows(quiet: World, admin: Caller) -> None:
    done: list[list[tuple[str, int]]] = []
    for number, prefix in ((3, "a"), (NUMBER, "b")):
        quiet.provider_id = add_neighbour(quiet, quiet.tenant, f"of {number}", number, prefix)
        with changes() as noted:
            remove(quiet, admin)
        done.append(noted.all)

    assert done[0] == done[1]
    assert sum(rows for _, rows in done[1]) < 10


def test_no_request_begins_or_continues_between_the_removal_and_its_end(quiet: World, admin: Caller) -> None:
    ann, bea = quiet.add_user("ann"), quiet.add_user("bea")
    run_id = quiet.start(ann)
    fill(quiet, NUMBER)

    remove(quiet, admin)

    for status in ("INITIATED", "COMPLETED", "REINITIATED"):
        for caller in (ann, bea):
            assert_error(caller.verify(quiet.provider_id, status), 400, "OIDV-10009")
    assert_error(quiet.post_event(event_body(run_id, "approved", ALL_CLEAR)), 404, "OIDV-60001")
    assert_error(quiet.post_event(event_body("unknown", "approved")), 404, "OIDV-60001")
    entry = {"uri": GIVEN_NAME, "idVProviderId": quiet.provider_id, "isVerified": True, "claimMetadata": {}}
    assert_error(admin.post(f"{USERS}/bea/idv/claims", [entry]), 400, "IDV-10003")
    endpoint = {"url": "http://127.0.0.1:1/", "events": ["claims.changed"], "providerId": quiet.provider_id}
    assert_error(admin.post(ENDPOINTS, endpoint), 404, "IDVP-60000")
    client = {"name": "late", "profile": "ida", "idVProviderId": quiet.provider_id, "redirectUris": ["https://a.b/c"]}
    assert admin.post(OPENID_CLIENTS, client).status_code == 400
    quiet.connector.services.upkeep.sweep(Sweep())
    assert left(quiet)["verifications"] == NUMBER + 1
    finish(quiet)
    assert hidden(quiet) == []


@pytest.mark.parametrize(
    ("call", "status", "outcome"),
    [
        (("POST", "/applicants"), "INITIATED", (400, "OIDV-10014")),
        (("POST", "/workflow_runs"), "INITIATED", (400, "OIDV-10014")),
        (("GET", "/workflow_runs/{run_id}"), "COMPLETED", (400, "OIDV-10014")),
        (("GET", "/workflow_runs/{run_id}"), "REINITIATED", (400, "OIDV-10014")),
    ],
)
def test_a_request_waiting_for_onfido_ends_as_if_its_verification_did_not_exist(
    quiet: World, admin: Caller, call: tuple[str, str], status: str, outcome: tuple[int, str]
) -> None:
    ann = quiet.add_user("ann")
    run_id = "" if status == "INITIATED" else quiet.start(ann)
    with between(quiet) as onfido, ThreadPoolExecutor(1) as pool:
        held = onfido.hold(call[0], call[1].format(run_id=run_id), is_answer=True)
        request = pool.submit(ann.verify, quiet.provider_id, status)
        held.wait()
        remove(quiet, admin)
        held.may_go.set()
        answer: requests.Response = request.result()

    assert (answer.status_code, answer.json()["code"]) == outcome
    assert ann.claims() == {}
    finish(quiet)
    assert hidden(quiet) == []


def test_a_removed_user_loses_the_hidden_rows_too(quiet: World, admin: Caller) -> None:
    fill(quiet, 2)
    with quiet.connector.services.database.write() as connection:
        known, unknown = connection.execute(select(users.c.user_id).order_by(users.c.user_id)).scalars()
        connection.execute(delete(users).where(users.c.user_id == unknown))

    remove(quiet, admin)

    assert admin.request("DELETE", f"{USERS}/{known}/idv").status_code == 204
    assert left(quiet)["verifications"] == 1
    assert_error(admin.request("DELETE", f"{USERS}/{unknown}/idv"), 404, "IDV-10001")
    with quiet.connector.services.database.read() as connection:
        kinds = set(connection.execute(select(outbox.c.kind)).scalars())
    assert "delete_applicant" not in kinds, "it could not be delivered"


def test_the_secrets_are_overwritten_at_once_and_keys_can_be_rotated_meanwhile(quiet: World, admin: Caller) -> None:
    database = quiet.connector.services.database
    keys = read_keys((), quiet.connector.settings.data_dir)
    secret = (providers.c.api_token, providers.c.client_id, providers.c.webhook_token, providers.c.notice_secret)
    with database.read() as connection:
        before = connection.execute(select(*secret)).one()

    remove(quiet, admin)

    with database.read() as connection:
        token, *others = connection.execute(select(*secret)).one()
    assert token != before.api_token
    assert others == [None, None, None]
    vault = Vault([b"n" * KEY_BYTES, *keys])
    with database.write() as connection:  # not the connector's own keys, which other tests share
        for column in (each for each in sealed_columns() if each.column.table is providers):
            column.reseal_batch(connection, vault, None)
            assert column.count_outdated(connection, vault) == 0


# Afterwards


def test_rows_are_deleted_in_short_transactions(quiet: World, admin: Caller) -> None:
    fill(quiet, NUMBER)
    remove(quiet, admin)

    with changes() as noted:
        Removals(quiet.connector.services.database).finish(FinishRemovals())

    assert left(quiet) == {}
    for table in ("claims", "verifications", "events", "refused_starts"):
        assert noted.most(f"DELETE FROM {table}") == BATCH, table
    assert [text for text, _ in noted.all if not text.startswith("DELETE")] == [], "nothing is announced again"


def test_a_delivery_without_time_left_leaves_rows_to_the_next(quiet: World, admin: Caller) -> None:
    fill(quiet, NUMBER)
    remove(quiet, admin)
    forget_deliveries(quiet)

    Removals(quiet.connector.services.database, seconds=-1).finish(FinishRemovals())

    assert left(quiet)["verifications"] == NUMBER
    finish(quiet)


def test_the_sweep_queues_only_removals_that_were_given_up(quiet: World, admin: Caller) -> None:
    fill(quiet, 5)
    assert_swept(quiet, FinishRemovals.kind, lambda: remove(quiet, admin))
    finish(quiet)


@pytest.mark.timeout(900)
def test_killed_and_concurrent_workers_complete_the_removal_and_announce_it_once(
    quiet: World, admin: Caller, application: Application, tmp_path: Path
) -> None:
    fill(quiet, MANY)
    elsewhere = add_neighbour(quiet, ELSEWHERE, "Onfido", 30, "c")
    answer_on(admin.post(ENDPOINTS, {"url": application.url, "events": ["claims.changed"]}), 201)
    remove(quiet, admin)
    database = quiet.connector.services.database
    for table in ("claims", "verifications"):
        with worker(quiet.connector.settings, tmp_path / "notes") as process:
            quiet.wait_until(lambda table=table: left(quiet).get(table, 0) < MANY, 300)  # type: ignore[misc]
            process.kill()
            process.wait(60)
        let_pass(database, LEASE_OVER)
    assert left(quiet).get("verifications", 0) > 0, "the kills came too late to show anything"
    settings = quiet.connector.settings
    with worker(settings, tmp_path / "one"), worker(settings, tmp_path / "two"):
        quiet.wait_until(lambda: left(quiet) == {}, 300)
        wait_for(quiet, TOLD, "done")

    assert rows_left(database, elsewhere)["verifications"] == 30
    notices = {each.body["id"]: each.body["type"] for each in application.received}  # a killed worker may have sent it
    assert list(notices.values()) == ["claims.changed"]
    with database.read() as connection:
        removed = select(func.count()).where(history.c.subject == "provider", history.c.current == "removed")
        assert connection.execute(removed).scalar_one() == 1


def test_the_monitors_of_a_removed_provider_are_counted_and_deleted_in_short_transactions(
    quiet: World, admin: Caller
) -> None:
    fill(quiet, NUMBER)
    with changes() as noted:
        remove(quiet, admin)
        quiet.connector.deliver()
        dead = wait_for(quiet, "update_monitors_of_provider", "dead")
        quiet.connector.rest()

    assert f"{NUMBER} of its watchlist monitors may still run" in dead.history[-1]["reason"]
    assert noted.most("DELETE FROM watchlist_monitors") <= BATCH
    with quiet.connector.services.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(watchlist_monitors)).scalar_one() == 0


# OpenID clients


def test_the_clients_of_a_removed_provider_are_removed(quiet: World, admin: Caller) -> None:
    client_id = register(quiet, admin)
    add_flows(quiet, client_id, NUMBER)
    assert can_be_opened(quiet, client_id)

    remove(quiet, admin)

    assert admin.get(f"{OPENID_CLIENTS}/{client_id}").status_code == 404
    assert not can_be_opened(quiet, client_id)
    finish(quiet)
    assert count_flows(quiet) == 0


def test_the_requests_of_a_removed_client_are_deleted_in_short_transactions(quiet: World, admin: Caller) -> None:
    kept, client_id = register(quiet, admin), register(quiet, admin)
    add_flows(quiet, client_id, NUMBER)
    add_flows(quiet, kept, 1)

    with changes() as noted:
        assert admin.request("DELETE", f"{OPENID_CLIENTS}/{client_id}").status_code == 204

    assert noted.most("DELETE") == 0
    assert (can_be_opened(quiet, client_id), can_be_opened(quiet, kept)) == (False, True)
    assert admin.get(f"{OPENID_CLIENTS}/{client_id}").status_code == 404
    with changes() as noted:
        Removals(quiet.connector.services.database).finish(FinishRemovals())
    assert noted.most("DELETE FROM openid_flows") == BATCH
    assert (count_flows(quiet), hidden(quiet)) == (1, [])
    assert admin.get(f"{OPENID_CLIENTS}/{kept}").status_code == 200


def register(world: World, admin: Caller) -> str:
    body = {"name": "a client", "profile": "ida", "idVProviderId": world.provider_id, "redirectUris": ["https://a.b/c"]}
    return str(answer_on(admin.post(OPENID_CLIENTS, body), 201)["clientId"])


def add_flows(world: World, client_id: str, number: int) -> None:
    vault = Vault(read_keys((), world.connector.settings.data_dir))
    texts = {"tenant": world.tenant, "client_id": client_id, "provider_id": world.provider_id, "state": "pushed"}
    times = {"created_at": world.clock(), "expires_at": world.clock() + timedelta(minutes=1)}
    common: dict[str, Any] = {**texts, **times, "subject_digest": "s", "uris": []}
    rows = [common | _flow(vault, str(uuid.uuid4()), f"{client_id}{each}") for each in range(number)]
    with world.connector.services.database.write() as connection:
        connection.execute(openid_flows.insert(), rows)


def _flow(vault: Vault, flow_id: str, token: str) -> dict[str, str]:
    sealed = vault.seal("{}", openid_flow(flow_id, "parameters"))
    return {"id": flow_id, "request_digest": digest_of(token), "parameters": sealed}


def can_be_opened(world: World, client_id: str) -> bool:
    """Whether a browser can open a client's request."""
    token = f"{client_id}0"
    return (
        world.connector.services.openid_flows.open(Tenant(world.tenant), URN + token, client_id, "browser") is not None
    )


def count_flows(world: World) -> int:
    with world.connector.services.database.read() as connection:
        return connection.execute(select(func.count()).select_from(openid_flows)).scalar_one()


# Users


def test_a_user_with_very_many_verifications_is_removed_in_short_transactions(quiet: World, admin: Caller) -> None:
    fill(quiet, NUMBER + BATCH)
    user_id, closed = a_user(quiet), {"closed_at": quiet.clock(), "status": "approved", "user_id": "x"}
    with quiet.connector.services.database.write() as connection:
        connection.execute(delete(claims).where(claims.c.user_id != user_id))
        connection.execute(update(verifications).values(closed | {"user_id": user_id}))
        applicants = set(connection.execute(select(verifications.c.applicant_id)).scalars())

    with changes() as noted:
        answer = admin.request("DELETE", f"{USERS}/{user_id}/idv")

    assert answer.status_code == 204
    assert noted.most("DELETE FROM verifications") <= 2 * BATCH
    with quiet.connector.services.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(verifications)).scalar_one() == 0
        orders = connection.execute(select(outbox.c.payload).where(outbox.c.kind == "delete_applicant")).scalars().all()
    assert Counter(each["applicant_id"] for each in orders) == Counter(applicants)
