"""A workflow's output: its effect on claims, the returned values, and its retention."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select
from structlog.testing import capture_logs

from connector.bootstrap import create_services
from connector.domain.tenancy import Tenant
from connector.services.key_rotation import KeyRotation
from connector.services.results.kept import MAX_OUTPUT
from connector.store.models import verification_claims, verifications
from connector.store.vault import Vault, read_keys
from tests.bodies import API_TOKEN, event_body, provider_body
from tests.contract.studio import ask, metadata, read_at_onfido, run_at_onfido, set_workflow, studio_provider
from tests.contract.wire import PERSON, USERS, answer_on, assert_error, further, new_user
from tests.harness import Caller, World, run_id_of, verified
from tests.store.test_at_rest import everything_stored, readable
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

EXPIRY, FACE, POSTAL, ADULT = (f"urn:claim:{name}" for name in ("expiry", "face", "postal", "adult"))
NAMES = {GIVEN_NAME: "first_name", LAST_NAME: "last_name"}
DOCUMENT = {
    "first_name": "Jane",
    "last_name": "Doe",
    "date_of_birth": "1990-01-01",
    "date_of_expiry": "2031-05-28",
    "document_type": "passport",
    "issuing_country": "GBR",
    "document_number": "999999999",
}
CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


def output_claim(uri: str, pointer: str, role: str = "value") -> dict[str, str]:
    return {"pointer": pointer, "localClaim": uri, "as": role}


REPORTS = [
    output_claim(EXPIRY, "/document_report/properties/date_of_expiry"),
    output_claim(FACE, "/facial_similarity_report", "result"),
    output_claim(POSTAL, "/proof_of_address_report/breakdown/data_comparison/breakdown/address", "result"),
    output_claim(ADULT, "/is_adult", "result"),
]


def finish(world: World, me: Caller, provider_id: str, run_id: str, **choice: Any) -> dict[str, dict[str, Any]]:
    """End a run at Onfido, let the connector read it, and return the user's claims."""
    world.outcome(run_id, **choice)
    [first, *_] = me.claims()
    answer_on(ask(me, provider_id, "COMPLETED", claims=[first]), 200)
    return me.claims()


def reasons(claims: Mapping[str, Any]) -> dict[str, str]:
    return {uri: claim["claimMetadata"].get("onfido_verification_status") for uri, claim in claims.items()}


def values(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return the values that were read from outputs, by claim."""
    known = {uri: claim["claimMetadata"].get("onfido_output_value") for uri, claim in claims.items()}
    return {uri: value for uri, value in known.items() if value is not None}


# As a value, as a result


def test_whole_reports_verify_sent_claims_and_output_claims(shared: World) -> None:
    provider_id = studio_provider(shared, outputClaims=REPORTS)
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    claims = finish(
        shared, me, provider_id, run_id, shape="all_reports", comparisons={"last_name": "consider"}, status="approved"
    )

    assert reasons(claims) == {
        GIVEN_NAME: "clear",
        LAST_NAME: "consider",
        BIRTH_DATE: "clear",
        EXPIRY: "clear",
        FACE: "clear",
        POSTAL: "not_compared",
        ADULT: "not_compared",
    }
    assert verified(claims) == {GIVEN_NAME, BIRTH_DATE, EXPIRY, FACE}
    assert values(claims) == {EXPIRY: "2031-05-28"}


def test_output_claims_are_part_of_every_run_and_can_be_requested_alone(shared: World) -> None:
    provider_id = studio_provider(
        shared, NAMES, outputClaims=[output_claim(EXPIRY, "/expiry"), output_claim(ADULT, "/adult", "result")]
    )
    _, me = new_user(shared)

    answer = ask(me, provider_id, claims=[EXPIRY])

    assert [claim["uri"] for claim in answer_on(answer, 200)["claims"]] == [EXPIRY]
    assert set(me.claims()) == {EXPIRY, ADULT}
    claims = finish(shared, me, provider_id, run_id_of(answer), output={"expiry": "2031-05-28", "adult": True})
    assert verified(claims) == {EXPIRY, ADULT}
    again = ask(me, provider_id, claims=[EXPIRY])
    assert_error(again, 400, "OIDV-10049", "verified already")
    assert_error(ask(me, provider_id, claims=[FACE]), 400, "OIDV-10037", FACE)


@pytest.mark.parametrize(
    ("output", "status", "is_verified"),
    [
        ({"x": True}, "clear", True),
        ({"x": False}, "consider", False),
        ({"x": "clear"}, "clear", True),
        ({"x": {"result": "consider", "breakdown": {}}}, "consider", False),
        ({"x": "unidentified"}, "unidentified", False),
        ({"x": None}, "not_compared", False),
        ({"x": ["clear"]}, "not_compared", False),
        ({}, "not_compared", False),
        (["clear"], "not_compared", False),
        ("clear", "not_compared", False),
        (None, "not_compared", False),
    ],
)
@pytest.mark.one_database
def test_a_result_is_read_only_from_its_configured_place(
    shared: World, output: Any, status: str, is_verified: bool
) -> None:
    provider_id = studio_provider(shared, outputClaims=[output_claim(ADULT, "/x", "result")])
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    claims = finish(shared, me, provider_id, run_id, status="approved", output=output)

    assert reasons(claims)[ADULT] == status
    assert claims[ADULT]["isVerified"] is is_verified
    assert {GIVEN_NAME, LAST_NAME} <= verified(claims), "they were read from the document check"


@pytest.mark.parametrize("status", ["declined", *further("review", "abandoned", "error")])
def test_the_output_of_a_run_that_was_not_approved_verifies_nothing(shared: World, status: str) -> None:
    provider_id = studio_provider(
        shared, outputClaims=[output_claim(EXPIRY, "/expiry"), output_claim(ADULT, "/adult", "result")]
    )
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    claims = finish(shared, me, provider_id, run_id, status=status, output={"expiry": "2031-05-28", "adult": True})

    assert verified(claims) == set()
    assert values(claims) == {EXPIRY: "2031-05-28"}


def test_a_sent_claim_is_judged_by_the_output_if_the_output_contains_it(shared: World) -> None:
    provider_id = studio_provider(
        shared, outputClaims=[output_claim(GIVEN_NAME, "/given"), output_claim(LAST_NAME, "/last")]
    )
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    output = {"given": "ZEBULON", "last": "Somebody", "data_comparison": {key: {"result": "clear"} for key in CLEAR}}
    claims = finish(shared, me, provider_id, run_id, status="approved", output=output)

    assert reasons(claims) == {GIVEN_NAME: "clear", LAST_NAME: "differs", BIRTH_DATE: "clear"}
    assert values(claims) == {GIVEN_NAME: "ZEBULON", LAST_NAME: "Somebody"}
    assert verified(claims) == {GIVEN_NAME, BIRTH_DATE}


def test_an_event_verifies_the_same_claims_as_the_fetched_run(shared: World) -> None:
    provider_id = studio_provider(
        shared, outputClaims=[output_claim(EXPIRY, "/deep/0/~1"), output_claim(ADULT, "/adult", "result")]
    )
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))
    output = {
        "deep": [{"/": "2031-05-28"}],
        "adult": True,
        "data_comparison": {key: {"result": "clear"} for key in CLEAR},
    }

    event = event_body(run_id, output=output)
    assert shared.post_event(event, provider_id=provider_id).status_code == 200

    claims = me.claims()
    assert verified(claims) == {*MAPPING, EXPIRY, ADULT}
    assert values(claims) == {EXPIRY: "2031-05-28"}
    later = event_body(run_id, "declined", output=output | {"deep": [{"/": "1999-01-01"}]})
    assert shared.post_event(later, provider_id=provider_id).status_code == 200
    assert me.claims() == claims


# Values that are verified


def started_with(world: World, value: str | None) -> tuple[str, Caller, str, str]:
    """Start a run whose output will contain the user's expiry date, which the directory may also have."""
    provider_id = studio_provider(world, outputClaims=[output_claim(EXPIRY, "/expiry")])
    user_id, me = new_user(world, PERSON | ({} if value is None else {EXPIRY: value}))
    return user_id, me, provider_id, run_id_of(ask(me, provider_id))


def set_expiry(world: World, user_id: str, value: str) -> None:
    world.connector.services.users.change(Tenant(world.tenant), user_id, {EXPIRY: value})


@pytest.mark.parametrize(("known", "status"), [(None, "clear"), ("2031-05-28", "clear"), ("2031-05-29", "differs")])
def test_a_users_own_value_must_equal_the_value_that_was_read(shared: World, known: str | None, status: str) -> None:
    _, me, provider_id, run_id = started_with(shared, known)

    claims = finish(shared, me, provider_id, run_id, output={"expiry": "2031-05-28"})

    assert reasons(claims)[EXPIRY] == status
    assert claims[EXPIRY]["isVerified"] is (status == "clear")
    assert values(claims) == {EXPIRY: "2031-05-28"}


@pytest.mark.parametrize("known", [None, "2031-05-28"])
def test_a_value_that_changes_afterwards_is_no_longer_verified(shared: World, known: str | None) -> None:
    user_id, me, provider_id, run_id = started_with(shared, known)
    finish(shared, me, provider_id, run_id, output={"expiry": "2031-05-28"})

    set_expiry(shared, user_id, "2031-05-28")
    assert me.claims()[EXPIRY]["isVerified"], "it is the one that was read"
    set_expiry(shared, user_id, "2032-01-01")

    changed = me.claims()[EXPIRY]
    assert not changed["isVerified"]
    assert changed["claimMetadata"]["onfido_verification_status"] == "value_changed"


@pytest.mark.parametrize("known", [None, "2030-01-01"])
def test_a_value_that_changes_during_the_run_is_not_verified_by_it(shared: World, known: str | None) -> None:
    user_id, me, provider_id, run_id = started_with(shared, known)
    set_expiry(shared, user_id, "2031-05-28")

    claims = finish(shared, me, provider_id, run_id, output={"expiry": "2031-05-28"})

    assert reasons(claims)[EXPIRY] == "value_changed"
    assert not claims[EXPIRY]["isVerified"]


# Document values


def test_document_values_are_returned_if_the_provider_is_configured_for_it(shared: World) -> None:
    provider_id = studio_provider(shared, documentValues=True)
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))
    assert "onfido_document" not in str(me.claims())

    claims = finish(shared, me, provider_id, run_id, shape="document_report")

    assert [claim["claimMetadata"]["onfido_document"] for claim in claims.values()] == [DOCUMENT] * 3
    one = claims[GIVEN_NAME]
    assert answer_on(me.get(f"{USERS}/me/idv/claims/{one['id']}"), 200) == one


def test_document_values_stay_at_onfido_by_default(shared: World) -> None:
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, shared.provider_id))

    claims = finish(shared, me, shared.provider_id, run_id, shape="document_report")

    assert verified(claims) == set(MAPPING)
    assert "onfido_document" not in str(claims)


@pytest.mark.parametrize("shape", ["report", *further("flat", "none")])
def test_the_document_check_is_fetched_if_the_output_has_no_report(shared: World, shape: str) -> None:
    provider_id = studio_provider(shared, documentValues=True)
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    claims = finish(shared, me, provider_id, run_id, shape=shape)

    assert claims[GIVEN_NAME]["claimMetadata"]["onfido_document"] == DOCUMENT


def test_the_document_check_is_fetched_later_if_the_event_has_no_report(shared: World) -> None:
    provider_id = studio_provider(shared, documentValues=True)
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))
    shared.outcome(run_id)

    assert shared.post_event(event_body(run_id, comparisons=CLEAR), provider_id=provider_id).status_code == 200

    assert verified(me.claims()) == set(MAPPING), "the result does not wait for that"
    shared.wait_until(lambda: "onfido_document" in me.claims()[GIVEN_NAME]["claimMetadata"])
    assert me.claims()[GIVEN_NAME]["claimMetadata"]["onfido_document"] == DOCUMENT


def test_a_run_without_a_document_returns_no_document_values(shared: World) -> None:
    provider_id = studio_provider(shared, documentValues=True)
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    claims = finish(shared, me, provider_id, run_id, status="approved", comparisons=None)

    assert "onfido_document" not in str(claims)


# Retention


KEPT = {
    "outputClaims": [output_claim(EXPIRY, "/document_report/properties/date_of_expiry")],
    "documentValues": True,
}


def stored(world: World, run_id: str) -> list[str | None]:
    """Return the encrypted columns of a run: its result, its document, and the values of its claims."""
    with world.connector.services.database.read() as connection:
        columns = select(verifications.c.id, verifications.c.result, verifications.c.document)
        [row] = connection.execute(columns.where(verifications.c.run_id == run_id)).all()
        of_claims = select(verification_claims.c.output_value).where(verification_claims.c.verification_id == row.id)
        return [row.result, row.document, *connection.execute(of_claims.order_by(verification_claims.c.uri)).scalars()]


def use_studio(world: World, **studio: Any) -> None:
    """Configure these features of Studio for the world's own provider."""
    path = f"/api/server/v1/idv-providers/{world.provider_id}"
    answer_on(world.connector.as_admin().put(path, provider_body(world.simulator, studio=studio)), 200)


def test_no_value_read_by_onfido_is_readable_at_rest(world: World) -> None:
    use_studio(world, **KEPT)
    ann = world.add_user()
    run_id = world.start(ann)
    world.outcome(run_id, shape="all_reports", reasons=["an_unspeakable_reason"])
    world.wait_until(lambda: verified(ann.claims()) == {*MAPPING, EXPIRY})
    kept = world.connector.services.lookup.get(Tenant(world.tenant), run_id)
    assert kept.result is not None
    assert (kept.result.output["document_report"]["properties"]["last_name"], kept.document) == ("Doe", DOCUMENT)
    assert list(kept.result.reasons) == ["an_unspeakable_reason"]

    found = everything_stored(world)

    assert run_id.encode() in found, "the search finds stored text"
    secrets = {*DOCUMENT.values(), "an_unspeakable_reason", "British Gas", "12 Main Street"} - {"passport", "GBR"}
    assert readable(found, secrets) == []


def with_kept_output(world: World) -> tuple[Caller, str]:
    """Verify a user, and return the user and the run, whose output is kept."""
    use_studio(world, **KEPT)
    ann = world.add_user()
    run_id = world.start(ann)
    world.outcome(run_id, shape="all_reports")
    world.wait_until(lambda: verified(ann.claims()) == {*MAPPING, EXPIRY})
    return ann, run_id


def test_output_is_deleted_after_its_retention_and_claims_stay_verified(world: World) -> None:
    ann, run_id = with_kept_output(world)
    retention = timedelta(days=world.connector.settings.event_retention_days).total_seconds()
    world.clock.stop()

    world.clock.advance(retention - 60)
    world.sweep()
    assert None not in stored(world, run_id)[:2]
    before = ann.claims()
    assert values(before) == {EXPIRY: "2031-05-28"}
    world.clock.advance(120)
    world.sweep()

    assert stored(world, run_id) == [None] * 6
    after = ann.claims()
    assert verified(after) == verified(before)
    assert "onfido_document" not in str(after)
    assert values(after) == {}
    kept = world.connector.services.lookup.get(Tenant(world.tenant), run_id)
    assert (kept.result, kept.document) == (None, None)


def test_a_rotation_encrypts_stored_output_with_the_new_key(world: World) -> None:
    _, run_id = with_kept_output(world)
    before = [each for each in stored(world, run_id) if each]
    new = os.urandom(32)
    settings = world.connector.settings
    old = read_keys(settings.encryption_keys, settings.data_dir)

    list(KeyRotation(world.connector.services.database, Vault([new, *old])).run())

    after = [each for each in stored(world, run_id) if each]
    assert len(after) == len(before) == 3
    assert not set(before) & set(after)
    renewed = create_services(replace(settings, encryption_keys=(base64.b64encode(new).decode(),)))
    try:
        kept = renewed.lookup.get(Tenant(world.tenant), run_id)
        assert kept.document == DOCUMENT
        assert kept.result is not None
        assert kept.result.output["document_report"]["properties"]["last_name"] == "Doe"
        [claim] = [claim for claim in kept.current if claim.uri == EXPIRY]
        assert renewed.kept.read_of(claim)["onfido_output_value"] == "2031-05-28"
    finally:
        renewed.close()
        list(KeyRotation(world.connector.services.database, Vault([*old, new])).run())  # as the tests after it need it


def test_an_oversized_output_is_judged_but_not_stored(shared: World) -> None:
    provider_id = studio_provider(shared, outputClaims=[output_claim(EXPIRY, "/expiry")])
    _, me = new_user(shared)
    run_id = run_id_of(ask(me, provider_id))

    choice = {"status": "approved", "output": {"expiry": "2031-05-28", "x": "é" * (MAX_OUTPUT // 5)}}
    body = json.dumps(choice, ensure_ascii=False).encode()
    url = f"{shared.simulator.url}/simulator/runs/{run_id}/outcome"
    assert requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=60).ok
    with capture_logs() as logs:
        answer_on(ask(me, provider_id, "COMPLETED"), 200)

    claims = me.claims()
    assert verified(claims) >= {EXPIRY}
    assert [entry["run_id"] for entry in logs if entry["event"] == "run.output_too_large"] == [run_id]
    kept = shared.connector.services.lookup.get(Tenant(shared.tenant), run_id).result
    assert kept is not None
    assert kept.output is None


# A run's life


def test_a_run_shows_each_of_its_statuses_until_it_ends(shared: World) -> None:
    workflow_id = str(uuid.uuid4())
    task = {"task_def_id": "collect_salary", "output_schema": {"salary": "number"}}
    set_workflow(shared, workflow_id, tasks=[task, {"task_def_id": "manual_case_review"}])
    provider_id = studio_provider(shared, workflow_id=workflow_id)
    _, me = new_user(shared)

    def later(what: str = "INITIATED") -> requests.Response:
        shared.clock.advance(2)  # before that, the run is not read again
        return ask(me, provider_id, what)

    def status(what: str = "COMPLETED") -> str:
        return str(metadata(later(what))["onfido_workflow_status"])

    assert status("INITIATED") == "awaiting_input"
    run_id = str(metadata(later("REINITIATED"))["onfido_workflow_run_id"])
    shared.outcome(run_id, status="processing")
    assert status() == "processing"
    assert_error(later("REINITIATED"), 400, "OIDV-10033", "processing")
    shared.outcome(run_id, status="awaiting_input")
    assert status("REINITIATED") == "awaiting_input"

    shared.outcome(run_id)
    assert status() == "awaiting_client_input"
    assert_error(later("REINITIATED"), 400, "OIDV-10033", "awaiting_client_input")
    assert_error(later(), 400, "OIDV-10004", run_id)
    assert verified(me.claims()) == set()
    complete_task(shared, run_id, {"salary": 52000})
    assert status() == "processing", "an administrator has to decide"
    decide(shared, run_id, "review")

    assert status() == "review"
    assert run_at_onfido(shared, run_id)["status"] == "review"
    assert metadata(ask(me, provider_id))["onfido_workflow_run_id"] != run_id


@pytest.mark.parametrize("status", ["approved", "declined", *further("review", "abandoned", "error")])
def test_a_run_may_end_in_each_final_status_and_a_new_verification_follow(shared: World, status: str) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me)

    claims = finish(shared, me, shared.provider_id, run_id, status=status)

    assert {claim["claimMetadata"]["onfido_workflow_status"] for claim in claims.values()} == {status}
    assert verified(claims) == (set(MAPPING) if status == "approved" else set())
    assert_error(ask(me, shared.provider_id, "REINITIATED"), 400, "OIDV-10033", status)
    if status == "approved":
        assert_error(ask(me, shared.provider_id), 400, "OIDV-10049")
    else:
        assert shared.start(me) != run_id


def complete_task(world: World, run_id: str, data: dict[str, Any]) -> None:
    """Complete the task that waits for data at Onfido, without the connector."""
    *_, task = read_at_onfido(world, "workflow_runs", run_id, "tasks")
    url = f"{world.simulator.api_url}/workflow_runs/{run_id}/tasks/{task['id']}/complete"
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = requests.post(url, json={"data": data}, headers=headers, timeout=60)
    assert answer.ok, answer.text


def decide(world: World, run_id: str, outcome: str) -> None:
    """Decide on a run in Onfido's dashboard."""
    url = f"{world.simulator.url}/simulator/runs/{run_id}/decide"
    answer = requests.post(url, json={"outcome": outcome}, timeout=60)
    assert answer.ok, answer.text
