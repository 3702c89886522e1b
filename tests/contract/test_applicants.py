"""Applicants are updated with current values, deleted and restored by administrators; no user is locked out by it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connector.domain.tenancy import Tenant
from tests.between import between
from tests.bodies import API_TOKEN
from tests.contract.wire import (
    ALL_SCOPES,
    PERSON,
    PROVIDERS,
    UNKNOWN_ID,
    answer_on,
    assert_error,
    new_provider,
    new_user,
)
from tests.harness import ADMIN, Caller, World, run_id_of, verified
from tests.races.meanwhile import VALUES_READ, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

STREET, POSTCODE, COUNTRY = (f"http://wso2.org/claims/{name}" for name in ("street", "postalcode", "country"))
ADDRESS_MAPPING = {STREET: "address.street", POSTCODE: "address.postcode", COUNTRY: "address.country"}
ADDRESS = {STREET: "Elm Road", POSTCODE: "ZZ9 9ZZ", COUNTRY: "GBR"}
REVISED = {STREET: "Oak Avenue", POSTCODE: "YY8 8YY"}


@pytest.fixture
def admin(shared: World) -> Caller:
    return shared.connector.as_admin(scopes=ALL_SCOPES)


def path(world: World, applicant_id: str, action: str = "", provider_id: str = "") -> str:
    return f"{PROVIDERS}/{provider_id or world.provider_id}/applicants/{applicant_id}{action}"


def applicant_of(me: Caller) -> str:
    """Return the id that a user's claims have of the applicant."""
    return str(next(iter(me.claims().values()))["claimMetadata"]["onfido_applicant_id"])


def at_onfido(world: World, method: str, applicant_id: str) -> requests.Response:
    """Read from Onfido directly, without the connector."""
    url = f"{world.simulator.api_url}/applicants/{applicant_id}"
    return requests.request(method, url, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60)


def set_values(world: World, user_id: str, values: Mapping[str, str]) -> None:
    world.connector.services.users.change(Tenant(world.tenant), user_id, values)


def history(admin: Caller, world: World, run_id: str) -> list[dict[str, Any]]:
    entries = answer_on(admin.get(f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/history"), 200)
    return [entry for entry in entries if entry["subject"] in ("applicant", "run")]


def assert_nothing_said(world: World, applicant_id: str, admin: Caller, run_id: str, count: int) -> None:
    assert [entry for entry in history(admin, world, run_id) if entry["subject"] == "applicant"][count:] == []


# Current values


@pytest.fixture
def with_address(shared: World) -> World:
    """The same connector, with a provider that addresses are mapped for."""
    mapping = [{"localClaim": uri, "idvpClaim": name} for uri, name in (MAPPING | ADDRESS_MAPPING).items()]
    provider_id = new_provider(shared, claims=mapping)
    return World(shared.connector, shared.simulator, shared.clock, provider_id)


def test_current_values_of_all_mapped_claims_reach_onfido(with_address: World, admin: Caller) -> None:
    world = with_address
    user_id, me = new_user(world, {GIVEN_NAME: "Zebulon", LAST_NAME: "Quackenbush"})
    run_id = world.start(me, [GIVEN_NAME])
    applicant_id = applicant_of(me)
    set_values(world, user_id, PERSON | ADDRESS | REVISED)

    answer = admin.request("PUT", path(world, applicant_id))

    assert (answer.status_code, answer.content) == (204, b"")
    known = answer_on(at_onfido(world, "GET", applicant_id), 200)
    assert known["address"] == {"street": "Oak Avenue", "postcode": "YY8 8YY", "country": "GBR"}
    assert (known["first_name"], known["last_name"], known["dob"]) == tuple(PERSON.values())
    [entry] = [entry for entry in history(admin, world, run_id) if entry["subject"] == "applicant"]
    assert (entry["name"], entry["to"], entry["cause"], entry["actor"]) == (
        applicant_id,
        "updated",
        "administrator",
        ADMIN,
    )
    assert entry["detail"] == {"claims": sorted(PERSON | ADDRESS)}


def test_a_claim_bound_to_another_value_stays_unverified(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    run_id = shared.start(me)
    set_values(shared, user_id, {GIVEN_NAME: "Zeb"})
    assert admin.request("PUT", path(shared, applicant_of(me))).status_code == 204

    shared.outcome(run_id)
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)

    claims = me.claims()
    assert verified(claims) == {LAST_NAME, BIRTH_DATE}
    assert claims[GIVEN_NAME]["claimMetadata"]["onfido_verification_status"] == "value_changed"


def test_a_value_that_changed_and_changed_back_stays_unverified(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    run_id = shared.start(me)
    for name in ("Zeb", PERSON[GIVEN_NAME]):
        set_values(shared, user_id, {GIVEN_NAME: name})
        assert admin.request("PUT", path(shared, applicant_of(me))).status_code == 204

    shared.outcome(run_id)
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)

    assert verified(me.claims()) == {LAST_NAME, BIRTH_DATE}


def test_unchanged_values_may_be_sent_again_and_are_verified(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)
    assert admin.request("PUT", path(shared, applicant_of(me)), data=b"{ignored").status_code == 204

    shared.outcome(run_id)
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)

    assert verified(me.claims()) == set(MAPPING)


def test_values_that_onfido_would_refuse_are_not_sent(with_address: World, admin: Caller) -> None:
    world = with_address
    user_id, me = new_user(world)
    run_id = world.start(me)
    applicant_id = applicant_of(me)
    set_values(world, user_id, ADDRESS | {COUNTRY: "Elmland", GIVEN_NAME: "Zebulon<"})
    before = at_onfido(world, "GET", applicant_id).json()

    answer = admin.request("PUT", path(world, applicant_id))

    described = assert_error(answer, 400, "OIDV-10043", f"{COUNTRY} (sent as address.country)", GIVEN_NAME)
    assert "Elm" not in described
    assert at_onfido(world, "GET", applicant_id).json() == before
    assert_nothing_said(world, applicant_id, admin, run_id, 0)


def test_an_incomplete_address_is_left_out(with_address: World, admin: Caller) -> None:
    world = with_address
    user_id, me = new_user(world)
    world.start(me)
    set_values(world, user_id, {STREET: "Elm Road", GIVEN_NAME: "Zeb"})

    assert admin.request("PUT", path(world, applicant_of(me))).status_code == 204

    known = answer_on(at_onfido(world, "GET", applicant_of(me)), 200)
    assert known["first_name"] == "Zeb"
    assert "address" not in known


def test_values_that_only_onfido_can_refuse_are_sent(with_address: World, admin: Caller) -> None:
    user_id, me = new_user(with_address)
    with_address.start(me)
    set_values(with_address, user_id, ADDRESS | {COUNTRY: "QQQ"})

    answer = admin.request("PUT", path(with_address, applicant_of(me)))

    assert_error(answer, 400, "OIDV-10043", "address.country")


def test_an_update_without_any_value_is_refused(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    shared.start(me)
    applicant_id = applicant_of(me)
    set_values(shared, user_id, dict.fromkeys(PERSON, ""))

    assert_error(admin.request("PUT", path(shared, applicant_id)), 400, "OIDV-10002")


def test_values_changed_while_an_update_reads_them_are_not_verified_by_the_old_ones(
    shared: World, admin: Caller
) -> None:
    user_id, me = ended_user(shared)
    runs: list[str] = []

    with meanwhile(VALUES_READ, lambda: runs.append(change_and_start(shared, user_id, me))):
        assert admin.request("PUT", path(shared, applicant_of(me))).status_code == 204

    assert_not_verified_by_old_name(shared, me, *runs)


def test_values_changed_while_an_update_sends_them_are_not_verified_by_the_old_ones(onfido: World) -> None:
    admin = onfido.connector.as_admin(scopes=ALL_SCOPES)
    user_id, me = ended_user(onfido)

    with between(onfido) as way, ThreadPoolExecutor(1) as pool:
        held = way.hold("PUT", f"/applicants/{applicant_of(me)}")
        sent = pool.submit(admin.request, "PUT", path(onfido, applicant_of(me)))
        held.wait()
        run_id = change_and_start(onfido, user_id, me)
        held.may_go.set()
        assert sent.result().status_code == 204

    assert_not_verified_by_old_name(onfido, me, run_id)


UPDATE = "PUT /applicants/{applicant_id}"


def ended_user(world: World) -> tuple[str, Caller]:
    """Add a user with an applicant and no open run."""
    user_id, me = new_user(world)
    world.outcome(world.start(me), status="abandoned")
    answer_on(me.verify(world.provider_id, "COMPLETED"), 200)
    return user_id, me


def change_and_start(world: World, user_id: str, me: Caller) -> str:
    set_values(world, user_id, {GIVEN_NAME: "Zeb"})
    return world.start(me)


def assert_not_verified_by_old_name(world: World, me: Caller, run_id: str) -> None:
    """Check that the new name is not verified, since the administrator sent the old one to Onfido after it."""
    assert at_onfido(world, "GET", applicant_of(me)).json()["first_name"] == PERSON[GIVEN_NAME]
    world.outcome(run_id)
    answer_on(me.verify(world.provider_id, "COMPLETED"), 200)
    assert verified(me.claims()) == {LAST_NAME, BIRTH_DATE}


# Deletion, and back


def test_a_deleted_applicant_is_gone_and_the_history_has_the_time(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)
    applicant_id = applicant_of(me)

    answer = admin.request("DELETE", path(shared, applicant_id))

    assert (answer.status_code, answer.content) == (204, b"")
    assert at_onfido(shared, "GET", applicant_id).status_code == 410
    *_, deleted, ended = history(admin, shared, run_id)
    assert (deleted["name"], deleted["to"], deleted["actor"]) == (applicant_id, "deleted", ADMIN)
    assert datetime.fromisoformat(deleted["detail"]["deleteAt"]) > datetime.now(UTC) + timedelta(days=1)
    assert (ended["name"], ended["from"], ended["to"], ended["actor"]) == (run_id, "awaiting_input", "error", ADMIN)


def test_deleting_a_deleted_applicant_succeeds(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    shared.start(me)
    applicant_id = applicant_of(me)
    assert at_onfido(shared, "DELETE", applicant_id).status_code == 204

    for _ in range(2):
        assert admin.request("DELETE", path(shared, applicant_id)).status_code == 204


def test_the_user_of_a_deleted_applicant_starts_again_with_a_new_one(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    first_run = shared.start(me)
    applicant_id = applicant_of(me)
    assert admin.request("DELETE", path(shared, applicant_id)).status_code == 204

    assert_error(me.verify(shared.provider_id, "REINITIATED"), 400, "OIDV-10033", "error")
    second_run = shared.start(me)

    assert second_run != first_run
    assert applicant_of(me) != applicant_id
    shared.outcome(second_run)
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)
    assert verified(me.claims()) == set(MAPPING)


def test_a_run_of_a_deleted_applicant_verifies_nothing(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)
    assert admin.request("DELETE", path(shared, applicant_of(me))).status_code == 204

    shared.outcome(run_id)
    answer = me.verify(shared.provider_id, "COMPLETED")

    statuses = {claim["claimMetadata"]["onfido_workflow_status"] for claim in answer_on(answer, 200)["claims"]}
    assert statuses == {"error"}
    assert verified(me.claims()) == set()


def test_claims_verified_before_the_deletion_stay_verified(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    shared.outcome(shared.start(me))
    answer_on(me.verify(shared.provider_id, "COMPLETED"), 200)

    assert admin.request("DELETE", path(shared, applicant_of(me))).status_code == 204

    claims = me.claims()
    assert verified(claims) == set(MAPPING)
    assert {claim["claimMetadata"]["onfido_workflow_status"] for claim in claims.values()} == {"approved"}


def test_a_restored_applicant_is_used_again(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)
    applicant_id = applicant_of(me)
    assert admin.request("DELETE", path(shared, applicant_id)).status_code == 204

    answer = admin.request("POST", path(shared, applicant_id, "/restore"))

    assert (answer.status_code, answer.content) == (204, b"")
    assert at_onfido(shared, "GET", applicant_id).status_code == 200
    assert [entry["to"] for entry in history(admin, shared, run_id) if entry["subject"] == "applicant"] == [
        "deleted",
        "restored",
    ]
    shared.start(me)
    assert applicant_of(me) == applicant_id


def test_an_update_of_a_deleted_applicant_is_refused_with_advice(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)
    applicant_id = applicant_of(me)
    assert admin.request("DELETE", path(shared, applicant_id)).status_code == 204

    answer = admin.request("PUT", path(shared, applicant_id))

    assert_error(answer, 404, "IDVP-60016", applicant_id, "restored")
    assert_nothing_said(shared, applicant_id, admin, run_id, 1)


def test_restoring_an_applicant_that_is_not_deleted_repeats_onfidos_refusal(shared: World, admin: Caller) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)

    answer = admin.request("POST", path(shared, applicant_of(me), "/restore"))

    assert_error(answer, 400, "OIDV-10043", "scheduled for deletion")
    assert_nothing_said(shared, applicant_of(me), admin, run_id, 0)


def test_an_applicant_erased_by_onfido_cannot_be_restored(onfido: World) -> None:
    admin = onfido.connector.as_admin(scopes=ALL_SCOPES)
    _, me = new_user(onfido)
    onfido.start(me)
    applicant_id = applicant_of(me)
    assert requests.post(f"{onfido.simulator.url}/simulator/reset", timeout=60).ok

    assert_error(admin.request("POST", path(onfido, applicant_id, "/restore")), 404, "IDVP-60016", "too late")
    assert_error(admin.request("PUT", path(onfido, applicant_id)), 404, "IDVP-60016", applicant_id)
    assert admin.request("DELETE", path(onfido, applicant_id)).status_code == 204
    assert run_id_of(me.verify(onfido.provider_id, "INITIATED"))


# Whose it is


@pytest.mark.parametrize(("method", "action"), [("PUT", ""), ("DELETE", ""), ("POST", "/restore")])
class TestTenants:
    def test_an_applicant_without_a_verification_is_unknown(
        self, shared: World, admin: Caller, method: str, action: str
    ) -> None:
        _, me = new_user(shared)
        shared.start(me)
        applicant_id = applicant_of(me)
        another = new_provider(shared)

        assert_error(admin.request(method, path(shared, UNKNOWN_ID, action)), 404, "IDVP-60016", UNKNOWN_ID)
        assert_error(admin.request(method, path(shared, "x' OR 1=1--", action)), 404, "IDVP-60016")
        assert_error(admin.request(method, path(shared, applicant_id, action, another)), 404, "IDVP-60016")
        assert at_onfido(shared, "GET", applicant_id).status_code == 200

    def test_an_applicant_of_another_tenants_provider_is_unknown(self, shared: World, method: str, action: str) -> None:
        _, me = new_user(shared)
        shared.start(me)
        stranger = shared.connector.as_admin("stranger.example", ALL_SCOPES)

        answer = stranger.request(method, path(shared, applicant_of(me), action))

        assert_error(answer, 404, "IDVP-60000", shared.provider_id)
        assert at_onfido(shared, "GET", applicant_of(me)).status_code == 200

    def test_an_outage_of_onfido_is_reported_and_nothing_is_recorded(
        self, onfido: World, method: str, action: str
    ) -> None:
        admin = onfido.connector.as_admin(scopes=ALL_SCOPES)
        _, me = new_user(onfido)
        run_id = onfido.start(me)
        onfido.faults(failed=1)

        answer = admin.request(method, path(onfido, applicant_of(me), action))

        assert_error(answer, 503, "OIDV-10046")
        assert_nothing_said(onfido, applicant_of(me), admin, run_id, 0)
        assert_error(me.verify(onfido.provider_id, "INITIATED"), 400, "OIDV-10004", run_id)
