"""A request that outlives its lease: it changes nothing here, and its effects at Onfido are recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from connector.domain.tenancy import Tenant
from connector.store.verifications import verification_claims
from tests.between import Answer, Between
from tests.bodies import config_properties
from tests.harness import Caller, World, verified
from tests.patience import LEASE
from tests.races.attack import (
    BEING_STARTED,
    OPEN_ALREADY,
    PROVIDERS,
    RUN_SETTLE_TIME,
    UNREACHABLE,
    admin_of,
    change_provider,
    change_values,
    initiate,
    onfido_get,
    outcome_of,
    runs_at_onfido,
    sent_values,
    settle,
)
from tests.races.meanwhile import APPLICANT_LOOKED_FOR, VALUES_READ, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

START_RUN = ("POST", "/workflow_runs")
REMOVED = (400, "OIDV-10014")
RUN_RECORDED = "SELECT events.id, events.body"  # what follows it


def late(
    world: World, caller: Caller, onfido: Between, meantime: Callable[[], object], *, is_answer: bool = False
) -> tuple[int, str | None]:
    """Initiate; hold the call that starts the run, or its answer, until `meantime` is complete. Return the outcome."""
    held = onfido.hold(*START_RUN, is_answer=is_answer)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, world, caller)
        held.wait()
        try:
            meantime()
        finally:
            held.may_go.set()
        return slow.result()


def update_of_applicant(world: World, caller: Caller) -> tuple[str, str]:
    """Create the user's applicant; return the call that updates it."""
    settle(world, world.start(caller), "declined")
    return "PUT", f"/applicants/{world.verifications('ann')[0].applicant_id}"


def orphans() -> float:
    return REGISTRY.get_sample_value("connector_runs_orphaned_total") or 0


def history_of(world: World, verification_id: str) -> list[dict[str, Any]]:
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{verification_id}/history"
    entries: list[dict[str, Any]] = admin_of(world).get(path).json()
    return entries


def remove(world: World, user_id: str = "ann") -> None:
    world.connector.services.users.remove(Tenant(world.tenant), user_id)


def test_a_second_run_is_recorded_as_orphaned(quiet: World, ann: Caller, onfido: Between) -> None:
    before, runs = orphans(), []

    def overtake() -> None:
        quiet.clock.advance(LEASE + RUN_SETTLE_TIME)
        runs.append(quiet.start(ann))

    with capture_logs() as logs:
        assert late(quiet, ann, onfido, overtake) == BEING_STARTED

    (orphan,) = runs_at_onfido(quiet) - set(runs)
    (verification,) = quiet.verifications("ann")
    assert verification.run_id == runs[0]
    assert orphans() == before + 1
    (told,) = [entry for entry in logs if entry["event"] == "run.orphaned"]
    assert (told["run_id"], told["verification_id"]) == (orphan, verification.verification_id)
    entries = history_of(quiet, verification.verification_id)
    assert [(each["subject"], each["name"]) for each in entries if each["to"] == "orphaned"] == [("run", orphan)]
    settle(quiet, orphan)
    assert verified(ann.claims()) == set()
    settle(quiet, runs[0])
    assert verified(ann.claims()) == set(MAPPING)


def test_a_run_started_late_is_adopted_by_the_sweep_if_there_is_no_other(
    quiet: World, ann: Caller, onfido: Between
) -> None:
    def overtake() -> None:
        quiet.clock.advance(LEASE + 1)
        assert initiate(quiet, ann) == UNREACHABLE

    assert late(quiet, ann, onfido, overtake) == BEING_STARTED
    quiet.sweep()

    (run_id,) = runs_at_onfido(quiet)
    quiet.wait_until(lambda: quiet.verifications("ann")[0].run_id == run_id)
    assert initiate(quiet, ann) == OPEN_ALREADY
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


def test_a_run_found_by_another_request_is_not_orphaned(quiet: World, ann: Caller, onfido: Between) -> None:
    before, found = orphans(), []

    def overtake() -> None:
        quiet.clock.advance(LEASE + 1)
        found.append(quiet.start(ann))

    assert late(quiet, ann, onfido, overtake, is_answer=True) == BEING_STARTED

    assert runs_at_onfido(quiet) == set(found)
    assert orphans() == before
    settle(quiet, found[0])
    assert verified(ann.claims()) == set(MAPPING)


@pytest.mark.parametrize("is_answered", [True, False])
@pytest.mark.parametrize("changed", ["Bea", "Ann"])
def test_late_update_of_an_applicant_verifies_nothing_that_onfido_did_not_compare(
    quiet: World, ann: Caller, onfido: Between, changed: str, *, is_answered: bool
) -> None:
    update = update_of_applicant(quiet, ann)
    held = onfido.hold(*update)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, quiet, ann)
        held.wait()
        quiet.clock.advance(LEASE)
        change_values(quiet, {GIVEN_NAME: changed})
        run_id = quiet.start(ann)
        if not is_answered:
            onfido.change = lambda method, _path, answer: Answer(b"", 502) if method == "PUT" else answer
        held.may_go.set()
        assert slow.result() == BEING_STARTED

    assert sent_values(quiet, run_id)[GIVEN_NAME] == "Ann", "the late update has overwritten the later one"
    settle(quiet, run_id)
    assert verified(ann.claims()) == (set(MAPPING) if changed == "Ann" else {LAST_NAME, BIRTH_DATE})


def test_a_late_update_does_not_judge_values_that_it_did_not_send(quiet: World, ann: Caller, onfido: Between) -> None:
    email = "http://wso2.org/claims/emailaddress"
    change_values(quiet, {email: "ann@example.org"})
    properties = config_properties(
        quiet.simulator,
        base_url=f"http://127.0.0.1:{onfido.server_port}/v3.6",
        webhook_token=quiet.webhook_token,
        max_attempts="100",
    )
    mapping = [{"localClaim": uri, "idvpClaim": name} for uri, name in {**MAPPING, email: "email"}.items()]
    change_provider(quiet, claims=mapping, configProperties=properties)
    held = onfido.hold(*update_of_applicant(quiet, ann))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, quiet, ann)
        held.wait()
        quiet.clock.advance(LEASE)
        change_values(quiet, {email: "bea@example.org", GIVEN_NAME: "Bea"})
        run_id = quiet.start(ann, [*MAPPING, email])
        held.may_go.set()
        assert slow.result() == BEING_STARTED

    settle(quiet, run_id)
    with quiet.connector.services.database.read() as connection:
        about = verification_claims.find_all(connection, quiet.verifications("ann")[0].verification_id)
    assert {claim.uri for claim in about if claim.is_stale} == {GIVEN_NAME}


def test_a_late_update_also_counts_for_a_run_in_review(quiet: World, ann: Caller, onfido: Between) -> None:
    held = onfido.hold(*update_of_applicant(quiet, ann))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, quiet, ann)
        held.wait()
        quiet.clock.advance(LEASE)
        change_values(quiet, {GIVEN_NAME: "Bea"})
        settle(quiet, run_id := quiet.start(ann), "review")
        held.may_go.set()
        slow.result()

    path = f"{PROVIDERS}/{quiet.provider_id}/verifications/{run_id}/decision"
    assert admin_of(quiet).post(path, {"decision": "approve", "reason": "seen"}).status_code == 200
    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_a_late_update_is_overwritten_by_a_verification_about_to_start_its_run(
    quiet: World, ann: Caller, onfido: Between
) -> None:
    update = update_of_applicant(quiet, ann)
    first = onfido.hold(*update)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(initiate, quiet, ann)
        first.wait()
        quiet.clock.advance(LEASE)
        change_values(quiet, {GIVEN_NAME: "Bea"})
        second = onfido.hold(*update, is_answer=True)
        starting = pool.submit(quiet.start, ann)
        second.wait()
        first.may_go.set()
        assert slow.result() == BEING_STARTED
        second.may_go.set()
        run_id = starting.result()

    assert sent_values(quiet, run_id)[GIVEN_NAME] == "Bea"
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


def test_a_late_applicant_is_deleted(quiet: World, ann: Caller, onfido: Between) -> None:
    held = onfido.hold("POST", "/applicants")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, quiet, ann)
        held.wait()
        quiet.clock.advance(LEASE)
        run_id = quiet.start(ann)
        held.may_go.set()
        assert slow.result() == BEING_STARTED

    quiet.wait_until(lambda: len(onfido_get(quiet, "applicants")["applicants"]) == 1)
    assert sent_values(quiet, run_id) == VALUES


def test_a_run_started_for_a_user_removed_meanwhile_is_orphaned(quiet: World, ann: Caller, onfido: Between) -> None:
    before = orphans()
    quiet.connector.rest()  # else the applicant may be deleted before Onfido gets the call that starts the run

    assert late(quiet, ann, onfido, lambda: remove(quiet)) == REMOVED

    assert orphans() == before + 1
    assert quiet.verifications("ann") == []


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [(VALUES_READ, REMOVED), (APPLICANT_LOOKED_FOR, REMOVED), (RUN_RECORDED, (200, None))],
)
@pytest.mark.parametrize("what", ["user", "provider"])
def test_an_initiation_succeeds_only_for_rows_that_existed_when_its_run_was_recorded(
    quiet: World, ann: Caller, moment: str, outcome: tuple[int, str | None], what: str
) -> None:
    def take_away() -> None:
        if what == "user":
            remove(quiet)
        else:
            assert admin_of(quiet).request("DELETE", f"{PROVIDERS}/{quiet.provider_id}").ok

    with meanwhile(moment, take_away):
        assert initiate(quiet, ann) == outcome

    assert quiet.verifications("ann") == []
    if what == "user":
        quiet.wait_until(lambda: onfido_get(quiet, "applicants")["applicants"] == [])


@pytest.mark.parametrize("status", ["COMPLETED", "REINITIATED"])
def test_a_verification_removed_before_the_answer_is_not_orphaned(quiet: World, ann: Caller, status: str) -> None:
    quiet.start(ann)
    with meanwhile("verification_claims.uri = ", lambda: remove(quiet)):
        assert outcome_of(ann.verify(quiet.provider_id, status)) == REMOVED
