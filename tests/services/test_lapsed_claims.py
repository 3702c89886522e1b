"""Credentials leave the sandbox: what it verified is unverified at once, and withdrawn in the background."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from connector.domain.tenancy import Tenant
from connector.services.batches import BATCH
from connector.services.cursors import Page
from connector.services.providers.withdrawals import Withdrawals, WithdrawClaims
from connector.services.upkeep import Sweep
from connector.store.claims import lapsed_claims, verified_claims
from connector.store.deliveries import watchlist_monitors
from connector.store.models import claims as claims_table
from connector.store.models import history, outbox, providers
from connector.store.models import watchlist_monitors as monitors_table
from connector.store.people import user_search
from connector.store.statistics import claim_counts
from tests.bodies import event_body
from tests.contract.wire import ENDPOINTS, PROVIDERS, USERS, answer_on
from tests.harness import Caller, World, verified
from tests.races.attack import ALL_CLEAR
from tests.services import filling
from tests.services.ageing import let_pass
from tests.services.conftest import Run
from tests.services.environments import LIVE, SANDBOX, SCOPES, statuses, use, verify, workflow_statuses
from tests.services.filling import add_empty_neighbour, assert_swept, forget_deliveries, queued
from tests.services.receiving import Application
from tests.services.removing import changes
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_workers import worker
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

ELSEWHERE = "elsewhere.example"
NUMBER = 2 * BATCH + 50
MANY = 3_000
KIND = WithdrawClaims.kind
WITHDRAWN = ("verified", "sandbox", "environment_changed")


@pytest.fixture
def quiet(world: World) -> World:
    """A provider in the sandbox, without a worker."""
    world.connector.rest()
    use(world, SANDBOX)
    return world


@pytest.fixture
def ann(quiet: World) -> Caller:
    """A user whom the sandbox has verified."""
    ann = quiet.add_user()
    verify(quiet, ann)
    assert verified(ann.claims()) == set(MAPPING)
    return ann


@pytest.fixture
def admin(quiet: World) -> Caller:
    return quiet.connector.caller("admin", SCOPES)


def entries(world: World, uri: str | None = None) -> list[tuple[str | None, ...]]:
    """Return the changes of all claims, or of those with a URI, the oldest first."""
    columns = (history.c.name, history.c.previous, history.c.current, history.c.cause)
    with world.connector.services.database.read() as connection:
        rows = connection.execute(select(*columns).where(history.c.subject == "claim").order_by(history.c.id)).all()
    return [tuple(row)[1:] for row in rows if uri in (None, row.name)]


def is_stored_as_verified(world: World) -> bool:
    """Whether a claim is not withdrawn yet."""
    with world.connector.services.database.read() as connection:
        stored = select(claims_table.c.id).where(claims_table.c.provider_id == world.provider_id)
        return connection.execute(stored.where(claims_table.c.is_verified)).first() is not None


def withdraw(world: World, seconds: float = 20.0) -> None:
    """Do the worker's part."""
    services = world.connector.services
    withdrawals = services.withdrawals
    if seconds < 0:
        withdrawals = Withdrawals(services.database, services._journal, world.clock, seconds=seconds)
    withdrawals.withdraw(WithdrawClaims(world.tenant, world.provider_id))


# At once


@dataclass(frozen=True)
class Seen:
    """What readers see of a user and of the provider."""

    claims: set[str]
    proven: set[str]
    asserted: bool
    is_verified: list[bool]
    listed: int
    records: set[str]
    names: set[str]
    checked: list[str]
    usage: int
    remapped: int
    to_monitor: list[str]
    monitored: set[str | None]


def see(world: World, user: Caller, admin: Caller) -> Seen:
    services, tenant, provider_id = world.connector.services, Tenant(world.tenant), world.provider_id
    own = user.get(f"{USERS}/me/idv/verified-claims")
    [row] = services.user_list.describe(tenant, Page(["ann"], None)).rows
    state = answer_on(admin.get(f"{USERS}/ann/idv"), 200)
    usage = answer_on(world.connector.as_admin().get(f"{PROVIDERS}/{provider_id}/usage"), 200)
    with services.database.read() as connection:
        return Seen(
            claims=verified(user.claims()),
            proven=set(services.claims.proven(tenant, "ann")),
            asserted=bool(own.ok and own.json().get("verified_claims")),
            is_verified=[claim["isVerified"] for each in state["providers"] for claim in each["claims"]],
            listed=row.verified,
            records={
                each.uri for each in verified_claims.find_records(connection, tenant.name, "ann") if each.is_verified
            },
            names=user_search.find_verified(connection, tenant.name, ["ann"])["ann"],
            checked=verified_claims.find_users(connection, tenant.name, "", 10),
            usage=usage["verifiedClaims"],
            remapped=claim_counts.count_verified(connection, provider_id, list(MAPPING), 10),
            to_monitor=[
                each.user_id
                for each in watchlist_monitors.examine(connection, provider_id, "standard", "", 10)
                if each.is_due
            ],
            monitored={
                each.verification_status
                for each in watchlist_monitors.find_claims(connection, provider_id, "ann")
                if each.is_verified
            },
        )


def test_no_reader_sees_what_the_sandbox_verified_once_the_change_is_answered(
    quiet: World, ann: Caller, admin: Caller, run: Run
) -> None:
    before = see(quiet, ann, admin)
    assert before.claims == before.proven == before.records == before.names == set(MAPPING)
    assert (before.usage, before.remapped, before.checked, before.to_monitor) == (
        len(MAPPING),
        len(MAPPING),
        ["ann"],
        ["ann"],
    )
    assert before.asserted
    assert before.monitored
    assert all(before.is_verified)

    use(quiet, LIVE)

    assert is_stored_as_verified(quiet), "it is withdrawn in the background"
    nothing: set[Any] = set()
    after = see(quiet, ann, admin)
    unverified = [False] * len(before.is_verified)
    assert after == Seen(nothing, nothing, False, unverified, 0, nothing, nothing, [], 0, 0, [], nothing)
    assert set(statuses(ann).values()) == {"sandbox"}
    assert "sandbox" in run("user", "show", "ann").stdout
    withdraw(quiet)
    assert not is_stored_as_verified(quiet)
    assert see(quiet, ann, admin) == after
    assert set(statuses(ann).values()) == {"sandbox"}


def test_other_providers_and_tenants_are_unaffected(quiet: World, ann: Caller, admin: Caller) -> None:
    quiet.provider_id, changed = add_neighbour(quiet, quiet.tenant, "neighbour", "b"), quiet.provider_id
    neighbour, quiet.provider_id = quiet.provider_id, changed
    elsewhere = add_neighbour(quiet, ELSEWHERE, "Onfido", "c")

    use(quiet, LIVE)
    withdraw(quiet)

    assert verified(ann.claims()) == set()
    database = quiet.connector.services.database
    with database.read() as connection:
        for provider_id in (neighbour, elsewhere):
            assert claim_counts.count_verified(connection, provider_id, [GIVEN_NAME], 100) == 10
        assert len(verified_claims.find_users(connection, ELSEWHERE, "", 100)) == 10


def add_neighbour(world: World, tenant: str, name: str, prefix: str) -> str:
    """Register a provider of the sandbox with ten verified users."""
    provider_id = add_empty_neighbour(world, tenant, name)
    fill(world, 10, prefix, tenant, provider_id)
    return provider_id


def fill(world: World, number: int, prefix: str = "a", tenant: str | None = None, provider_id: str = "") -> None:
    """Insert this number of users, each with a claim that the sandbox verified."""
    filling.fill(world, number, prefix, tenant, provider_id)
    owner = provider_id or world.provider_id
    with world.connector.services.database.write() as connection:
        of_crowd = (claims_table.c.provider_id == owner, claims_table.c.user_id.like(f"{prefix}-%"))
        connection.execute(update(claims_table).where(*of_crowd).values(is_verified=True, environment="sandbox"))


def test_claims_stay_unverified_when_the_credentials_are_of_the_sandbox_again(quiet: World, ann: Caller) -> None:
    bea = quiet.add_user("bea")
    use(quiet, LIVE)
    use(quiet, SANDBOX)

    assert is_stored_as_verified(quiet)
    assert verified(ann.claims()) == set()
    verify(quiet, bea)
    assert verified(bea.claims()) == set(MAPPING)
    withdraw(quiet)
    assert (verified(ann.claims()), verified(bea.claims())) == (set(), set(MAPPING))
    use(quiet, LIVE)
    assert verified(bea.claims()) == set()
    withdraw(quiet)
    assert not is_stored_as_verified(quiet)


# In between


def test_what_live_verifies_in_between_is_not_withdrawn(quiet: World, ann: Caller) -> None:
    use(quiet, LIVE)

    compared = {"first_name": "clear", "last_name": "unidentified", "date_of_birth": "consider"}
    verify(quiet, ann, status="approved", comparisons=compared)

    assert verified(ann.claims()) == {GIVEN_NAME}
    before = entries(quiet)
    withdraw(quiet)
    assert verified(ann.claims()) == {GIVEN_NAME}
    assert entries(quiet) == before
    assert entries(quiet, GIVEN_NAME)[1:] == [WITHDRAWN, ("unverified", "verified", "webhook")]
    assert entries(quiet, BIRTH_DATE)[1:] == [WITHDRAWN, ("unverified", "consider", "webhook")]
    assert entries(quiet).count(WITHDRAWN) == len(MAPPING)
    assert statuses(ann)[BIRTH_DATE] == "consider"
    assert statuses(ann)[LAST_NAME] == "unidentified"


def test_a_run_that_begins_in_between_has_the_claims(quiet: World, ann: Caller) -> None:
    use(quiet, LIVE)
    [first] = quiet.verifications()

    run_id = quiet.start(ann, [GIVEN_NAME])

    claims = ann.claims()
    assert claims[GIVEN_NAME]["claimMetadata"]["onfido_workflow_run_id"] == run_id
    assert statuses(ann)[GIVEN_NAME] is None, "there is no result yet"
    assert statuses(ann)[LAST_NAME] == "sandbox"
    withdraw(quiet)
    assert statuses(ann)[GIVEN_NAME] is None
    with quiet.connector.services.database.read() as connection:
        caused = select(history.c.verification_id).where(history.c.cause == "environment_changed")
        assert set(connection.execute(caused).scalars()) == {first.verification_id}
    assert entries(quiet).count(WITHDRAWN) == len(MAPPING)


@pytest.mark.parametrize("again", [LIVE, SANDBOX], ids=["live", "sandbox again"])
def test_the_result_of_a_run_that_began_before_follows_the_withdrawal(quiet: World, again: str) -> None:
    ann = add_partly_verified(quiet)
    quiet.faults(webhooks_lost=-1)
    run_id = quiet.start(ann)
    use(quiet, LIVE)
    use(quiet, again)

    assert quiet.post_event(event_body(run_id, "approved", ALL_CLEAR)).ok

    counting = set(MAPPING) if again == SANDBOX else set()
    assert verified(ann.claims()) == counting
    withdraw(quiet)
    assert verified(ann.claims()) == counting
    assert entries(quiet, GIVEN_NAME)[1] == entries(quiet, LAST_NAME)[1] == WITHDRAWN
    assert count_withdrawn(quiet) == (2, 2)


def add_partly_verified(world: World) -> Caller:
    """Add a user of whom the sandbox has verified the names."""
    ann = world.add_user()
    verify(world, ann, comparisons={"first_name": "clear", "last_name": "clear", "date_of_birth": "unidentified"})
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    return ann


def test_an_approved_review_follows_the_withdrawal(quiet: World, admin: Caller) -> None:
    ann = add_partly_verified(quiet)
    run_id = verify(quiet, ann, status="review")
    use(quiet, LIVE)
    use(quiet, SANDBOX)
    path = f"{PROVIDERS}/{quiet.provider_id}/verifications/{run_id}/decision"

    answer_on(admin.post(path, {"decision": "approve", "reason": "seen"}), 200)

    assert verified(ann.claims()) == set(MAPPING)
    withdraw(quiet)
    assert verified(ann.claims()) == set(MAPPING)
    assert count_withdrawn(quiet) == (2, 2)


@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_correction_in_between_is_not_withdrawn(
    quiet: World, ann: Caller, admin: Caller, *, one_by_one: bool
) -> None:
    claim_id = ann.claims()[GIVEN_NAME]["id"]
    use(quiet, LIVE)

    if one_by_one:
        body: Any = {"isVerified": True, "claimMetadata": {}}
        answer_on(admin.put(f"{USERS}/ann/idv/claims/{claim_id}", body), 200)
    else:
        body = [{"uri": GIVEN_NAME, "idVProviderId": quiet.provider_id, "isVerified": True, "claimMetadata": {}}]
        assert admin.put(f"{USERS}/ann/idv/claims", body).ok

    assert verified(ann.claims()) == {GIVEN_NAME}
    withdraw(quiet)
    assert verified(ann.claims()) == {GIVEN_NAME}
    assert entries(quiet, GIVEN_NAME)[-2:] == [WITHDRAWN, ("sandbox", "verified", "administrator")]


def test_a_value_that_changes_in_between_withdraws_nothing_twice(quiet: World, ann: Caller) -> None:
    use(quiet, LIVE)

    quiet.connector.services.users.change(Tenant(quiet.tenant), "ann", {GIVEN_NAME: "Bea"})

    withdraw(quiet)
    assert entries(quiet, GIVEN_NAME).count(WITHDRAWN) == 1
    assert [each for each in entries(quiet) if each[1] == "value_changed"] == []
    assert set(statuses(ann).values()) == {"sandbox"}
    assert workflow_statuses(ann) == {"approved"}


# Afterwards


def test_the_change_does_the_same_work_for_any_number_of_claims(quiet: World) -> None:
    done: list[list[tuple[str, int]]] = []
    for number, prefix in ((3, "a"), (NUMBER, "b")):
        use(quiet, SANDBOX)
        fill(quiet, number, prefix)
        with changes() as noted:
            use(quiet, LIVE)
        done.append(noted.all)

    assert done[0] == done[1]
    assert sum(rows for _, rows in done[1]) < 10


def test_claims_are_withdrawn_in_short_transactions(quiet: World) -> None:
    fill(quiet, NUMBER)
    use(quiet, LIVE)

    with changes() as noted:
        withdraw(quiet)

    assert noted.most("INSERT INTO history") == BATCH
    assert count_withdrawn(quiet) == (NUMBER, NUMBER)
    assert (is_stored_as_verified(quiet), pending(quiet)) == (False, [])


def count_withdrawn(world: World) -> tuple[int, int]:
    """Return the number of withdrawals in the history, and of the claims that they name."""
    place = (history.c.verification_id, history.c.name)
    caused = select(*place).where(history.c.cause == "environment_changed", history.c.provider_id == world.provider_id)
    with world.connector.services.database.read() as connection:
        rows = connection.execute(caused).all()
    return len(rows), len({tuple(row) for row in rows})


def pending(world: World) -> list[str]:
    with world.connector.services.database.read() as connection:
        return [provider_id for _, provider_id in lapsed_claims.find_providers(connection)]


def test_a_delivery_without_time_left_leaves_claims_to_the_next(quiet: World) -> None:
    fill(quiet, NUMBER)
    use(quiet, LIVE)
    forget_deliveries(quiet)

    withdraw(quiet, seconds=-1)

    assert count_withdrawn(quiet) == (0, 0)
    assert (pending(quiet), queued(quiet, KIND)) == ([quiet.provider_id], 1)
    quiet.connector.deliver()
    quiet.wait_until(lambda: pending(quiet) == [])
    quiet.connector.rest()
    assert count_withdrawn(quiet) == (NUMBER, NUMBER)


def test_the_sweep_queues_only_withdrawals_that_were_given_up(quiet: World) -> None:
    fill(quiet, 5)
    assert_swept(quiet, KIND, lambda: use(quiet, LIVE))
    withdraw(quiet)
    forget_deliveries(quiet)
    quiet.connector.services.upkeep.sweep(Sweep())
    assert queued(quiet, KIND) == 0


def test_nothing_is_queued_if_the_sandbox_verified_nothing(quiet: World) -> None:
    use(quiet, LIVE)

    assert (queued(quiet, KIND), pending(quiet)) == (0, [])


def test_nothing_is_announced_for_a_provider_that_is_removed_meanwhile(quiet: World, ann: Caller) -> None:
    use(quiet, LIVE)
    assert quiet.connector.as_admin().request("DELETE", f"{PROVIDERS}/{quiet.provider_id}").status_code == 204
    before = entries(quiet)

    withdraw(quiet)

    assert (entries(quiet), pending(quiet), ann.claims()) == (before, [], {})


@pytest.mark.parametrize("shared_connector", ["postgresql"], indirect=True)
def test_claims_that_another_transaction_holds_are_left_to_the_next_delivery(quiet: World, ann: Caller) -> None:
    database = quiet.connector.services.database
    use(quiet, LIVE)
    forget_deliveries(quiet)

    with database.write() as connection:
        connection.execute(select(claims_table.c.id).where(claims_table.c.uri == GIVEN_NAME).with_for_update())
        withdraw(quiet)

    assert count_withdrawn(quiet) == (len(MAPPING) - 1, len(MAPPING) - 1)
    assert (pending(quiet), queued(quiet, KIND)) == ([quiet.provider_id], 1)
    assert verified(ann.claims()) == set()
    withdraw(quiet)
    assert (count_withdrawn(quiet), pending(quiet)) == ((len(MAPPING), len(MAPPING)), [])


def test_users_are_verified_anew_while_claims_are_withdrawn(quiet: World) -> None:
    quiet.faults(webhooks_lost=-1)
    callers = [quiet.add_user(f"user-{number}") for number in range(6)]
    for caller in callers:
        verify_by_event(quiet, caller)
    use(quiet, LIVE)

    with ThreadPoolExecutor(4) as pool:
        started = [pool.submit(verify_by_event, quiet, caller) for caller in callers]
        withdrawn = [pool.submit(withdraw, quiet) for _ in range(3)]
        for each in (*started, *withdrawn):
            each.result()

    withdraw(quiet)
    assert [verified(caller.claims()) for caller in callers] == [set(MAPPING)] * len(callers)
    assert count_withdrawn(quiet) == (len(MAPPING) * len(callers), len(MAPPING) * len(callers))


def verify_by_event(world: World, caller: Caller) -> None:
    assert world.post_event(event_body(world.start(caller), "approved", ALL_CLEAR)).ok


@pytest.mark.timeout(900)
def test_killed_and_concurrent_workers_withdraw_and_announce_each_claim_once(
    quiet: World, application: Application, tmp_path: Path
) -> None:
    database, settings = quiet.connector.services.database, quiet.connector.settings
    fill(quiet, MANY)
    with database.write() as connection:
        connection.execute(delete(monitors_table))  # ending them would keep the workers from withdrawing claims
    answer_on(quiet.connector.as_admin().post(ENDPOINTS, {"url": application.url, "events": ["claims.changed"]}), 201)
    use(quiet, LIVE)
    for at_least in (1, MANY // 4):
        with worker(settings, tmp_path / "notes") as process:
            quiet.wait_until(lambda at_least=at_least: count_withdrawn(quiet)[0] >= at_least, 300)  # type: ignore[misc]
            process.kill()
            process.wait(60)
        let_pass(database, LEASE_OVER)
    assert count_withdrawn(quiet)[0] < MANY, "the kills came too late to show anything"
    with worker(settings, tmp_path / "one"), worker(settings, tmp_path / "two"):
        quiet.wait_until(lambda: pending(quiet) == [], 300)

    assert count_withdrawn(quiet) == (MANY, MANY)
    assert not is_stored_as_verified(quiet)
    with database.read() as connection:
        announced = select(outbox.c.payload["user_id"].as_string()).where(outbox.c.kind == "tell_change")
        users = connection.execute(announced).scalars().all()
        assert connection.execute(select(providers.c.has_lapsed_claims)).scalars().all() == [False]
    assert len(users) == len(set(users)) == MANY
