"""Verifications of users whose values are in a directory of the tenant's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from joserfc.jwk import ECKey
from sqlalchemy import Engine
from sqlalchemy.exc import DisconnectionError

from connector.errors import InvalidField
from tests.api.test_auth import sign
from tests.bodies import API_TOKEN, event_body
from tests.contract.studio import studio_provider
from tests.contract.wire import USERS, entry
from tests.directory.deployment import CLEAR, Deployment, add_ann, approve, verify
from tests.directory.faulty import Reply
from tests.harness import HTTP, Caller, verified
from tests.identity.scim_server import CUSTOM, WSO2
from tests.listening import listening
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

ALL = set(MAPPING)
COUNTRY = "http://wso2.org/claims/country"


def test_a_scim_user_is_verified_from_start_to_result(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    ann = world.connector.as_user(user_id, world.tenant)
    run_id = world.start(ann)
    url = f"{world.simulator.api_url}/applicants/{_applicant_of(ann)}"
    applicant = HTTP.get(url, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60).json()
    assert (applicant["first_name"], applicant["last_name"], applicant["dob"]) == ("Ann", "Example", "1990-01-01")
    approve(world, run_id)
    assert verified(ann.claims()) == ALL
    assert ann.verify(world.provider_id, "INITIATED").json()["code"] == "OIDV-10049"


def test_a_changed_value_is_found_at_the_users_next_request(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    ann = world.connector.as_user(user_id, world.tenant)
    answer = ann.verify(world.provider_id, "INITIATED", [GIVEN_NAME])  # the birth date is not compared
    assert answer.json()["code"] == "OIDV-10049"
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    assert ann.claims()[BIRTH_DATE]["claimMetadata"]["onfido_verification_status"] == "value_changed"
    approve(world, world.start(ann, [BIRTH_DATE]))
    assert verified(ann.claims()) == ALL


def test_a_value_that_changes_during_a_run_is_not_verified(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    ann = world.connector.as_user(user_id, world.tenant)
    run_id = world.start(ann)
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    assert world.connector.as_admin(world.tenant).post(_changed(user_id), None).status_code == 204
    approve(world, run_id)
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def test_equal_text_in_another_normal_form_is_no_change(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = deployment.scim.add_user("zoe", name={"givenName": "Zoe\u0308", "familyName": "Example"})
    ann = world.connector.as_user(user_id, world.tenant)
    run_id = world.start(ann, [GIVEN_NAME, LAST_NAME])
    approve(world, run_id)
    deployment.scim.change(user_id, name={"givenName": "Zo\xeb", "familyName": "Example"})
    assert world.connector.as_admin(world.tenant).post(_changed(user_id), None).status_code == 204
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def test_users_are_found_by_name_if_the_token_contains_the_name(deployment: Deployment) -> None:
    world = deployment.world("names")
    add_ann(deployment.scim, "ann.by.name")
    verify(world, "ann.by.name")
    assert verified(world.connector.as_user("ann.by.name", world.tenant).claims()) == ALL


def test_a_user_missing_in_the_directory_is_unknown(deployment: Deployment) -> None:
    world = deployment.world("scim")
    nobody, admin = world.connector.as_user("nobody", world.tenant), world.connector.as_admin(world.tenant)
    answers = [
        admin.get(f"{USERS}/nobody/idv"),
        admin.get(f"{USERS}/nobody/idv/claims"),
        nobody.verify(world.provider_id, "INITIATED"),
        admin.verify(world.provider_id, "INITIATED", user_id="nobody"),
        admin.post(f"{USERS}/nobody/idv/claims", [entry(world.provider_id)]),
        admin.post(_changed("nobody"), None),
    ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "IDV-10001")] * 6


def test_an_administrator_corrects_and_reads_a_remote_user_s_claims(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    admin = world.connector.as_admin(world.tenant)
    answer = admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id, BIRTH_DATE)])
    assert answer.status_code == 201, answer.text
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    status = admin.get(f"{USERS}/{user_id}/idv").json()
    [birth_date] = [each for each in status["providers"][0]["claims"] if each["uri"] == BIRTH_DATE]
    assert birth_date["isVerified"] is False
    assert "changed" in birth_date["reason"]


def test_a_decision_verifies_only_unchanged_values(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    ann = world.connector.as_user(user_id, world.tenant)
    run_id = world.start(ann)
    assert world.post_event(event_body(run_id, "review", CLEAR)).status_code == 200
    world.outcome(run_id, status="review", comparisons=CLEAR)
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    path = f"/api/server/v1/idv-providers/{world.provider_id}/verifications/{run_id}/decision"
    answer = world.connector.as_admin(world.tenant).post(path, {"decision": "approve", "reason": "seen"})
    assert answer.status_code == 200, answer.text
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def test_a_claim_of_the_output_stays_verified_while_the_directory_has_no_value(deployment: Deployment) -> None:
    world = deployment.world("scim")
    output_claims = [{"pointer": "/country", "localClaim": COUNTRY, "as": "value"}]
    world.provider_id = studio_provider(world, outputClaims=output_claims)
    user_id = add_ann(deployment.scim)
    ann, admin = world.connector.as_user(user_id, world.tenant), world.connector.as_admin(world.tenant)
    run_id = world.start(ann)
    comparison = {"breakdown": {name: {"result": "clear"} for name in CLEAR}}
    output = {"country": "CHE", "data_comparison": comparison}
    assert world.post_event(event_body(run_id, output=output)).status_code == 200
    assert verified(ann.claims()) == {*ALL, COUNTRY}
    for country, expected in ((None, {*ALL, COUNTRY}), ("CHE", {*ALL, COUNTRY}), ("DEU", ALL)):
        if country:
            deployment.scim.change(user_id, **{f"{WSO2}:country": country})
        assert admin.post(_changed(user_id), None).status_code == 204
        assert verified(ann.claims()) == expected


# ── a directory that is away or refuses ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outage", [Reply(503), Reply(200, b"<html>"), Reply(401)])
def test_written_claims_are_returned_although_the_directory_has_become_unavailable(
    deployment: Deployment, outage: Reply
) -> None:
    world, faulty = deployment.world("away"), deployment.faulty
    admin = world.connector.as_admin(world.tenant)
    user = {"id": "9", "name": {"givenName": "Ann"}}
    faulty.replies = [Reply(200, user), outage]
    answer = admin.post(f"{USERS}/9/idv/claims", [entry(world.provider_id)])
    assert answer.status_code == 201, answer.text
    faulty.replies = [Reply(200, user | {"name": {"givenName": "Anne"}})]
    assert admin.post(f"{USERS}/9/idv/attributes-changed", None).status_code == 204
    assert not verified(admin.claims("9")), "the next reading finds that the value has changed"


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (Reply(503, b"", {"Retry-After": "17"}), 503, "OIDV-10051"),
        (Reply(200, b" " * 1000, drips=True), 503, "OIDV-10051"),
        (Reply(401, b""), 502, "OIDV-10052"),
        (Reply(200, b"<html>"), 502, "OIDV-10052"),
    ],
)
def test_a_failing_directory_leaves_no_rows(deployment: Deployment, reply: Reply, status: int, code: str) -> None:
    world, faulty = deployment.world("away"), deployment.faulty
    user = {"id": "1", "userName": "ann", "name": {"givenName": "Ann", "familyName": "Example"}}
    faulty.replies = [reply]
    ann = world.connector.as_user("1", world.tenant)
    answer = ann.verify(world.provider_id, "INITIATED", [GIVEN_NAME])
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (answer.headers.get("Retry-After") is not None) == (status == 503)
    assert world.onfido_state()["counts"]["applicants"] == 0
    faulty.replies = [Reply(200, user)]
    world.start(ann, [GIVEN_NAME])
    assert len(world.verifications("1")) == 1
    _end(deployment, world.verifications("1")[0].run_id)


def test_a_written_correction_is_returned_although_the_directory_is_unavailable(deployment: Deployment) -> None:
    """The value is read again after the claim was written: if that fails, the next reading compares."""
    world, faulty = deployment.world("away"), deployment.faulty
    user = {"id": "1", "userName": "ann", "name": {"givenName": "Ann", "familyName": "Example"}}
    faulty.replies = [Reply(200, user), Reply(503, b"")]
    admin = world.connector.as_admin(world.tenant)
    answer = admin.post(f"{USERS}/1/idv/claims", [entry(world.provider_id)])
    assert answer.status_code == 201, answer.text
    faulty.replies = [Reply(200, user | {"name": {"givenName": "Anna"}})]
    assert admin.post(_changed("1"), None).status_code == 204
    assert verified(admin.claims("1")) == set()


@pytest.mark.parametrize("name", ["Anna", "anna", ""], ids=repr)
def test_a_correction_is_withdrawn_if_the_directorys_value_changed_meanwhile(deployment: Deployment, name: str) -> None:
    """The value is read again after the claim was written; by then it has changed or is gone."""
    world, faulty = deployment.world("away"), deployment.faulty
    user = {"id": "1", "userName": "ann", "name": {"givenName": "Ann", "familyName": "Example"}}
    faulty.replies = [Reply(200, user), Reply(200, user | {"name": {"givenName": name, "familyName": "Example"}})]
    admin = world.connector.as_admin(world.tenant)
    answer = admin.post(f"{USERS}/1/idv/claims", [entry(world.provider_id)])
    assert answer.status_code == 201, answer.text
    assert [claim["isVerified"] for claim in answer.json()] == [False]
    assert verified(admin.claims("1")) == set()


def test_a_correction_is_withdrawn_if_the_directory_lost_the_user_meanwhile(deployment: Deployment) -> None:
    world, faulty = deployment.world("away"), deployment.faulty
    user = {"id": "1", "userName": "ann", "name": {"givenName": "Ann", "familyName": "Example"}}
    gone = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404"}
    faulty.replies = [Reply(200, user), Reply(404, gone)]
    admin = world.connector.as_admin(world.tenant)
    answer = admin.post(f"{USERS}/1/idv/claims", [entry(world.provider_id)])
    assert answer.status_code == 404, answer.text
    faulty.replies = [Reply(200, user)]
    assert admin.get(f"{USERS}/1/idv/claims").json() == []


def _end(deployment: Deployment, run_id: str | None) -> None:
    """End the open run, and remove the user."""
    world = deployment.world("away")
    approve(world, run_id or "")
    admin = world.connector.as_admin(world.tenant, ["internal_idv_claim_delete"])
    assert admin.request("DELETE", f"{USERS}/1/idv").status_code == 204


# ── UserInfo ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PERSON: dict[str, Any] = {"given_name": "Ann", "family_name": "Example", "birthdate": "1990-01-01"}


def test_a_userinfo_user_is_verified_from_start_to_result(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(200, {"sub": "ann", **PERSON})]
    ann = world.connector.as_user("ann", world.tenant)
    approve(world, world.start(ann))
    assert verified(ann.claims()) == ALL
    assert {each.headers["Authorization"] for each in faulty.requests} == {ann.headers["Authorization"]}
    faulty.replies = [Reply(200, {"sub": "ann", **PERSON, "birthdate": "1991-01-01"})]
    approve(world, world.start(ann, [BIRTH_DATE]))
    assert verified(ann.claims()) == ALL
    faulty.replies = [Reply(200, {"sub": "ann", **PERSON, "birthdate": "1991-01-01", "given_name": "Anna"})]
    world.start(ann, [GIVEN_NAME])
    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_only_the_user_can_make_requests_that_need_values_from_userinfo(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(200, {"sub": "bea", **PERSON})]
    bea, admin = world.connector.as_user("bea", world.tenant), world.connector.as_admin(world.tenant)
    run_id = world.start(bea)
    approve(world, run_id)
    faulty.requests.clear()
    claim_id = bea.claims()[GIVEN_NAME]["id"]
    applicant_id = _applicant_of(bea)
    body = [entry(world.provider_id)]
    answers = [
        admin.verify(world.provider_id, "INITIATED", user_id="bea"),
        admin.post(f"{USERS}/bea/idv/claims", body),
        admin.put(f"{USERS}/bea/idv/claims", body),
        admin.put(f"{USERS}/bea/idv/claims/{claim_id}", {"isVerified": False, "claimMetadata": {}}),
        admin.put(f"/api/server/v1/idv-providers/{world.provider_id}/applicants/{applicant_id}", None),
        admin.post(_changed("bea"), None),
    ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(400, "OIDV-10050")] * 6
    assert faulty.requests == []
    assert set(admin.claims("bea")) == ALL
    status = admin.get(f"{USERS}/bea/idv").json()
    assert status["providers"][0]["isVerified"] is True
    assert admin.get(f"{USERS}/unheard-of/idv").status_code == 404
    assert admin.claims("unheard-of") == {}


def test_a_decision_with_userinfo_is_judged_by_recorded_changes(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(200, {"sub": "cid", **PERSON})]
    cid, admin = world.connector.as_user("cid", world.tenant), world.connector.as_admin(world.tenant)
    run_id = world.start(cid)
    assert world.post_event(event_body(run_id, "review", CLEAR)).status_code == 200
    world.outcome(run_id, status="review", comparisons=CLEAR)
    faulty.requests.clear()
    path = f"/api/server/v1/idv-providers/{world.provider_id}/verifications/{run_id}/decision"
    answer = admin.post(path, {"decision": "approve", "reason": "seen"})
    assert answer.status_code == 200, answer.text
    assert verified(cid.claims()) == ALL
    assert faulty.requests == []


def test_userinfo_of_another_user_starts_nothing(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(200, {"sub": "mallory", **PERSON})]
    answer = world.connector.as_user("dan", world.tenant).verify(world.provider_id, "INITIATED")
    assert (answer.status_code, answer.json()["code"]) == (502, "OIDV-10052")
    assert world.verifications("dan") == []


def test_a_signed_userinfo_that_cannot_be_verified_starts_nothing(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    key, claims = ECKey.generate_key("P-256"), {"iss": "https://idp.example.com", "sub": "eve", **PERSON}
    signed = sign({"alg": "ES256"}, json.dumps(claims).encode(), key)
    answers = {signed: "its iss must be", f"{signed}.a.b": "encrypted answers"}
    for content, words in answers.items():
        faulty.replies = [Reply(200, content.encode(), {"Content-Type": "application/jwt"})]
        answer = world.connector.as_user("eve", world.tenant).verify(world.provider_id, "INITIATED")
        assert (answer.status_code, answer.json()["code"]) == (502, "OIDV-10052")
        assert words in answer.json()["description"]
    assert world.verifications("eve") == []


# ── Keycloak ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_keycloak_user_is_verified_from_start_to_result(deployment: Deployment) -> None:
    world, faulty = deployment.world("keycloak"), deployment.faulty
    ann = {"id": "k1", "username": "ann", "firstName": "Ann", "lastName": "Example"}
    faulty.replies = [Reply(200, ann | {"attributes": {"birthdate": ["1990-01-01"]}})]
    verify(world, "k1")
    assert verified(world.connector.as_user("k1", world.tenant).claims()) == ALL
    faulty.replies = [Reply(200, ann)]
    assert world.connector.as_admin(world.tenant).post(_changed("k1"), None).status_code == 204
    assert verified(world.connector.as_user("k1", world.tenant).claims()) == {GIVEN_NAME, LAST_NAME}


def _applicant_of(caller: Caller) -> str:
    """Return the id that a user's claims have of the applicant."""
    return str(next(iter(caller.claims().values()))["claimMetadata"]["onfido_applicant_id"])


def _changed(user_id: str) -> str:
    return f"{USERS}/{user_id}/idv/attributes-changed"


def test_a_value_that_changes_between_reading_and_sending_is_read_again(deployment: Deployment) -> None:
    """The reading is outdated when it arrives: another request has read the new value meanwhile."""
    world, faulty = deployment.world("keycloak"), deployment.faulty
    before = {"id": "k2", "username": "ann", "firstName": "Ann", "lastName": "Before"}
    after = before | {"lastName": "After"}
    admin, ann = world.connector.as_admin(world.tenant), world.connector.as_user("k2", world.tenant)
    faulty.replies = [Reply(200, before), Reply(200, after)]
    faulty.meanwhile = lambda: assert_no_content(admin.post(_changed("k2"), None))
    run_id = world.start(ann, [GIVEN_NAME, LAST_NAME])
    url = f"{world.simulator.api_url}/applicants/{_applicant_of(ann)}"
    applicant = HTTP.get(url, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60).json()
    assert applicant["last_name"] == "After"
    approve(world, run_id)
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    assert admin.post(_changed("k2"), None).status_code == 204
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def assert_no_content(answer: requests.Response) -> None:
    assert answer.status_code == 204, answer.text


# ── the embedded directory's commands ────────────────────────────────────────────────────────────────────────────────


def test_values_of_a_remote_directorys_users_cannot_be_changed_in_the_connector(deployment: Deployment) -> None:
    users, tenant = deployment.connector.services.users, deployment.connector.services.tenants.named("scim")
    for attempt in (
        lambda: users.add(tenant, "ann", {}),
        lambda: users.change(tenant, "ann", {}),
        lambda: list(users.put_all(tenant, [("ann", {})])),
        lambda: list(users.rehearse(tenant, [("ann", {})])),
    ):
        with pytest.raises(InvalidField, match="tenant: must be a tenant with the embedded directory; this"):
            attempt()


def test_a_remote_user_is_listed_after_the_first_request_and_can_be_removed(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    users, tenant = world.connector.services.users, world.connector.services.tenants.named("scim")
    assert users.page(tenant, limit=5).rows == []
    verify(world, user_id)
    assert users.page(tenant, limit=5).rows == [user_id]
    assert users.known_values(tenant, user_id) == {}
    assert users.remove(tenant, user_id) == 1
    assert users.page(tenant, limit=5).rows == []
    assert verified(world.connector.as_user(user_id, world.tenant).claims()) == set()


def test_a_saved_correction_is_returned_although_the_database_becomes_unavailable(deployment: Deployment) -> None:
    """Only the check of the directory's current values is skipped; the next reading repeats it."""
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    admin = world.connector.as_admin(world.tenant)
    world.connector.rest()
    is_written: list[bool] = []
    is_saved: list[bool] = []

    def go_away(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if is_saved:
            raise DisconnectionError("the database went away")
        is_written.extend([True] * ("INSERT INTO history" in statement))

    def saved(_connection: Any) -> None:
        is_saved.extend(is_written)

    with listening((Engine, "before_cursor_execute", go_away), (Engine, "commit", saved)):
        answer = admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id, GIVEN_NAME)])
    world.connector.deliver()
    assert answer.status_code == 201, answer.text
    assert verified(admin.claims(user_id)) == {GIVEN_NAME}
