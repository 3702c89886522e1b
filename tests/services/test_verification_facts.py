"""Facts about a verification besides its result: the application, the workflow's version, the end of capture."""

from __future__ import annotations

import csv
import io
import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.domain.studio.studio import MANUAL_REVIEW
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification, VerificationFilter
from connector.errors import OnfidoError
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import Caller, World
from tests.plans.browsing import Console
from tests.services.conftest import Run
from tests.services.receiving import Application, notices, task_event, use_studio, use_workflow
from tests.values import MAPPING

LONG_AFTER = 5  # seconds: by then, the run may be read again


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing, and a stopped clock."""
    world.clock.stop()
    world.faults(webhooks_lost=-1)
    return world


@pytest.fixture
def ann(quiet: World) -> Caller:
    return quiet.add_user()


def latest(world: World, user_id: str = "ann") -> Verification:
    return world.verifications(user_id)[0]


def complete(world: World, caller: Caller) -> None:
    world.clock.advance(LONG_AFTER)
    assert caller.verify(world.provider_id, "COMPLETED").status_code == 200


def test_the_application_is_taken_from_the_token_and_the_workflow_from_the_run(quiet: World, ann: Caller) -> None:
    quiet.start(ann)
    assert (latest(quiet).client_id, latest(quiet).workflow_version_id) == ("development", 1)


def test_a_start_without_a_token_names_no_application(quiet: World, ann: Caller) -> None:
    verifications = quiet.connector.services.verifications
    verifications.initiate(Tenant(quiet.tenant), "ann", quiet.provider_id, list(MAPPING))
    assert latest(quiet).client_id is None


def test_the_application_that_continues_a_start_is_recorded_as_its_starter(quiet: World, ann: Caller) -> None:
    quiet.faults(route="POST /workflow_runs", failed=1)
    verifications = quiet.connector.services.verifications
    with pytest.raises(OnfidoError):
        verifications.initiate(Tenant(quiet.tenant), "ann", quiet.provider_id, list(MAPPING), client_id="first")
    assert latest(quiet).client_id == "first"
    quiet.clock.advance(600)
    verifications.initiate(Tenant(quiet.tenant), "ann", quiet.provider_id, list(MAPPING), client_id="second")
    assert latest(quiet).client_id == "second"


def test_capture_ends_when_the_application_reports_it_and_onfido_awaits_no_input(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    complete(quiet, ann)
    assert latest(quiet).captured_at is None  # Onfido still awaits the user

    quiet.outcome(run_id, status="processing")
    complete(quiet, ann)
    captured_at = latest(quiet).captured_at
    assert captured_at == quiet.clock()

    complete(quiet, ann)
    assert latest(quiet).captured_at == captured_at  # the first time counts


def test_capture_ends_at_the_latest_with_the_run_that_the_application_fetches(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id)
    complete(quiet, ann)
    verification = latest(quiet)
    assert verification.completed_at is not None
    assert verification.captured_at == min(verification.completed_at, quiet.clock())


@pytest.mark.parametrize("status", ["abandoned", "error", "a_status_of_the_future"])
def test_a_run_abandoned_by_the_user_does_not_prove_capture(quiet: World, ann: Caller, status: str) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status=status)
    complete(quiet, ann)
    assert (latest(quiet).status, latest(quiet).captured_at) == (status, None)


def test_a_result_by_webhook_does_not_set_the_end_of_capture(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    assert quiet.post_event(event_body(run_id, "approved", {"first_name": "clear"})).ok
    complete(quiet, ann)
    assert (latest(quiet).status, latest(quiet).captured_at) == ("approved", None)


@pytest.mark.parametrize(
    ("task_def_id", "is_captured"),
    [
        *(("document_check", True), ("facial_similarity_photo_check", True), ("face_check_motion", True)),
        *(("document_photo", False), ("risk_score", False), ("device_check", False)),
    ],
)
def test_an_update_of_the_run_follows_the_end_of_capture(
    quiet: World, ann: Caller, application: Application, task_def_id: str, *, is_captured: bool
) -> None:
    use_studio(quiet, notices=notices(application, task_def_id))
    use_workflow(quiet, {"task_def_id": task_def_id})
    run_id = quiet.start(ann)
    assert quiet.post_event(task_event(run_id, f"{task_def_id}_12345", task_def_id)).ok
    assert latest(quiet).captured_at == (quiet.clock() if is_captured else None)

    quiet.clock.advance(60)
    assert quiet.post_event(task_event(run_id, f"{task_def_id}_54321", task_def_id)).ok
    later = quiet.clock() - timedelta(seconds=60)
    assert latest(quiet).captured_at == (later if is_captured else None)


def test_a_manual_decision_is_awaited_until_the_run_has_ended(
    quiet: World, ann: Caller, application: Application
) -> None:
    use_studio(quiet, notices=notices(application, "another_task"))
    use_workflow(quiet, {"task_def_id": MANUAL_REVIEW})
    run_id, other = quiet.start(ann), quiet.start(quiet.add_user("bea"))
    lookup, tenant = quiet.connector.services.lookup, Tenant(quiet.tenant)
    criteria = VerificationFilter(decision="awaited")
    assert quiet.post_event(task_event(run_id, "another_1", "another_task")).ok
    assert not lookup.page(tenant, criteria, limit=9).rows

    since = quiet.clock()
    assert quiet.post_event(task_event(run_id, "review_1", MANUAL_REVIEW)).ok
    quiet.clock.advance(60)
    assert quiet.post_event(task_event(run_id, "review_2", MANUAL_REVIEW)).ok

    [listed] = lookup.page(tenant, criteria, limit=9).rows
    assert (listed.verification.run_id, listed.verification.decision_awaited_at) == (run_id, since)
    for more in ({"user_id": "ann"}, {"tag": "none"}, {"statuses": ("processing", "awaiting_input")}):
        assert lookup.count(tenant, replace(criteria, **more)) == ("tag" not in more)
    console = Console(quiet, "bob", ALL_SCOPES)
    assert "1 run waits for a manual decision at Onfido." in console.open("/console/home")
    assert "A manual decision is awaited at Onfido. It was first needed" in console.open(
        f"/console/verifications/{run_id}"
    )

    assert quiet.post_event(event_body(run_id, "approved", {"first_name": "clear"})).ok

    assert not lookup.page(tenant, criteria, limit=9).rows
    assert not lookup.page(Tenant("another.example"), criteria, limit=9).rows
    assert quiet.post_event(task_event(other, "review_3", MANUAL_REVIEW)).ok
    assert lookup.count(tenant, criteria) == 1
    assert "A manual decision is awaited at Onfido" not in console.open(f"/console/verifications/{run_id}")
    assert "A manual decision was needed" in console.open(f"/console/verifications/{run_id}")


def test_every_view_contains_the_facts(quiet: World, ann: Caller, run: Run) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="processing")
    complete(quiet, ann)
    at = f"{quiet.clock():%Y-%m-%dT%H:%M:%SZ}"
    facts = {"clientId": "development", "workflowVersionId": 1, "capturedAt": at}

    path = f"{PROVIDERS}/{quiet.provider_id}/verifications"
    admin = quiet.connector.as_admin()
    [listed] = admin.get(path).json()["verifications"]
    assert listed | facts == listed
    shown = admin.get(f"{path}/{run_id}").json()
    assert shown | facts == shown
    printed = json.loads(run("verification", "show", run_id, "--json").stdout)
    assert printed | facts == printed
    exported = admin.get(f"{path}.csv").content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(exported, newline=""))
    assert (row["clientId"], row["workflowVersionId"], row["capturedAt"]) == ("development", "1", at)


def test_the_lists_are_filtered_in_the_api_the_command_line_and_the_csv(quiet: World, run: Run) -> None:
    runs = {}
    for user_id, status, first_name in (("ann", "review", "clear"), ("bea", "approved", "consider")):
        caller = quiet.add_user(user_id)
        runs[user_id] = quiet.start(caller)
        compared = {"first_name": first_name, "last_name": "clear", "date_of_birth": "clear"}
        quiet.outcome(runs[user_id], status=status, comparisons=compared)
        complete(quiet, caller)
    path = f"{PROVIDERS}/{quiet.provider_id}/verifications"
    given_name = next(uri for uri, field in MAPPING.items() if field == "first_name")
    admin = quiet.connector.as_admin()
    for query, options, expected in (
        ({"needsReview": "true"}, ["--needs-review"], {"ann"}),
        ({"claim": given_name, "result": "consider"}, ["--claim", given_name, "--result", "consider"], {"bea"}),
        ({"environment": "sandbox"}, ["--environment", "sandbox"], {"ann", "bea"}),
        ({"environment": "live"}, ["--environment", "live"], set()),
        ({"decision": "none"}, ["--decision", "none"], {"ann", "bea"}),
        ({"decision": "approved"}, ["--decision", "approved"], set()),
        ({"decision": "awaited"}, ["--decision", "awaited"], set()),
        ({"capture": "sdk"}, ["--capture", "sdk"], {"ann", "bea"}),
        ({"capture": "link"}, ["--capture", "link"], set()),
    ):
        listed = admin.get(path, params=query).json()["verifications"]
        assert {each["userId"] for each in listed} == expected, query
        lines = admin.get(f"{path}.csv", params=query).content.decode("utf-8-sig").splitlines()
        assert len(lines) == 1 + len(expected)
        assert admin.get(path, params=query | {"total": "true"}).json()["totalResults"] == len(expected)
        printed = json.loads(run("verification", "list", "--json", *options).stdout)["verifications"]
        assert {each["userId"] for each in printed} == expected, options
        assert len(run("verification", "export", *options).stdout.splitlines()) == 1 + len(expected)
        others = run("verification", "list", "--json", "--tenant", f"t-{uuid.uuid4().hex}", *options)
        assert json.loads(others.stdout)["verifications"] == []
    assert admin.post(f"{path}/{runs['ann']}/decision", {"decision": "decline", "reason": "seen"}).ok
    assert admin.get(path, params={"needsReview": "true"}).json()["verifications"] == []
    for decision, found in (("declined", ["ann"]), ("approved", []), ("none", ["bea"])):
        listed = admin.get(path, params={"decision": decision}).json()["verifications"]
        assert [each["userId"] for each in listed] == found


def test_an_impossible_filter_is_refused(quiet: World, run: Run) -> None:
    path = f"{PROVIDERS}/{quiet.provider_id}/verifications"
    answer = quiet.connector.as_admin().get(path, params={"claim": "urn:x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60004")
    assert "`claim`" in answer.json()["description"]
    assert run("verification", "list", "--result", "clear").exit_code == 1
