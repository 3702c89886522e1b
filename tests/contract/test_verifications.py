"""The runs of a provider over HTTP: found, shown, refreshed and decided on; each tenant and provider sees its own."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import schemathesis
from sqlalchemy import insert

from connector.api.csv_lines import COLUMNS
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.store.models import verification_tags, verifications
from tests.bodies import event_body, provider_body
from tests.contract.wire import (
    ALL_SCOPES,
    OPERATIONS,
    PROVIDERS,
    RUNS,
    UNKNOWN_ID,
    answer_on,
    assert_error,
    new_provider,
    new_user,
)
from tests.forked import Forked
from tests.harness import ADMIN, Caller, ConnectorServer, World, verified
from tests.listening import statements
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

ENTRY = {
    *(
        "id",
        "runId",
        "providerId",
        "userId",
        "status",
        "decision",
        "needsReview",
        "applicantId",
        "tags",
        "capture",
        "dashboardUrl",
    ),
    *("environment", "clientId", "workflowVersionId", "createdAt", "updatedAt"),
    *("capturedAt", "completedAt", "closedAt", "failure"),
}
DETAILS = ENTRY | {"claims", "output", "reasons", "document", "history", "tasks", "tasksUnavailable"}
MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": None}
TASKS, READ_RUN = "GET /workflow_runs/{run_id}/tasks", "GET /workflow_runs/{run_id}"
OF_A_RUN = [each for each in OPERATIONS if each.path.startswith(f"{RUNS}/{{run_id}}") and "/tasks" not in each.path]
MANY = 5_000

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@pytest.fixture
def admin(own: World) -> Caller:
    return own.connector.as_admin()


def runs_path(world: World, *parts: str) -> str:
    return "/".join((f"{PROVIDERS}/{world.provider_id}/verifications", *parts))


def start(world: World, **properties: str) -> tuple[str, str]:
    """Start a run for a new user; returns the user's id and the run's."""
    user_id, me = new_user(world)
    body = {
        "idVProviderId": world.provider_id,
        "claims": list(MAPPING),
        "properties": [{"key": key, "value": value} for key, value in ({"status": "INITIATED"} | properties).items()],
    }
    found = answer_on(me.post("/api/users/v1/me/idv/verify", body), 200)
    return user_id, str(found["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])


def settle(world: World, run_id: str, status: str = "approved", **options: Any) -> None:
    """Post Onfido's event of a run's end."""
    assert world.post_event(event_body(run_id, status, MIXED, **options)).status_code == 200


def listed(world: World, admin: Caller, **query: Any) -> list[str]:
    """Return the ids of a list's runs."""
    page = answer_on(admin.get(runs_path(world), params=query), 200)
    assert page["count"] == len(page["verifications"])
    return [each["runId"] for each in page["verifications"]]


def exported(answer: requests.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


# Lists


def test_an_entry_contains_the_known_facts_of_a_run(own: World, admin: Caller) -> None:
    user_id, run_id = start(own, tags="vip,spring")
    settle(own, run_id)

    page = answer_on(admin.get(runs_path(own), params={"total": "true"}), 200)

    assert {name: page[name] for name in page if name != "verifications"} == {
        "totalResults": 1,
        "startIndex": 1,
        "count": 1,
        "nextCursor": None,
    }
    [entry] = page["verifications"]
    assert set(entry) == ENTRY
    expected = {"runId": run_id, "userId": user_id, "status": "approved", "decision": None, "capture": "sdk"}
    expected |= {"environment": "sandbox"}
    assert {name: entry[name] for name in expected} == expected
    assert (entry["tags"], entry["failure"]) == (["spring", "vip"], None)
    assert entry["applicantId"]
    assert run_id in entry["dashboardUrl"]
    for name in ("createdAt", "updatedAt", "completedAt", "closedAt"):
        assert datetime.strptime(entry[name], "%Y-%m-%dT%H:%M:%SZ")
    assert entry["completedAt"] == "2026-01-02T03:04:05Z"


def test_an_attempt_without_a_run_is_listed_with_the_reason(own: World, admin: Caller) -> None:
    user_id, me = new_user(own)
    own.faults(route="POST /workflow_runs", failed=-1, failed_status=500)
    assert me.verify(own.provider_id, "INITIATED").status_code == 503

    [entry] = answer_on(admin.get(runs_path(own)), 200)["verifications"]

    assert (entry["userId"], entry["status"], entry["runId"], entry["closedAt"]) == (user_id, "starting", None, None)
    answer = answer_on(admin.get(runs_path(own, entry["id"])), 200)
    assert (answer["tasks"], bool(answer["tasksUnavailable"])) == (None, True)
    assert_error(admin.post(runs_path(own, entry["id"], "refresh"), None), 404, "IDVP-60010", "no run")


def test_runs_are_listed_in_pages_the_latest_first_by_default(own: World, admin: Caller) -> None:
    ids = [start(own)[1] for _ in range(3)]

    assert listed(own, admin) == listed(own, admin, sort="desc") == ids[::-1]
    assert listed(own, admin, sort="asc") == ids
    assert listed(own, admin, limit=2, offset=1) == ids[1::-1]
    page = answer_on(admin.get(runs_path(own), params={"limit": 0, "offset": 2}), 200)
    assert page == {"startIndex": 3, "count": 0, "verifications": [], "nextCursor": None}


def test_pages_follow_each_other_by_their_cursors(own: World, admin: Caller) -> None:
    ids = [start(own)[1] for _ in range(5)]
    for order, expected in (("desc", ids[::-1]), ("asc", ids)):
        seen: list[str] = []
        query = {"limit": 2, "sort": order}
        for _ in range(3):
            page = answer_on(admin.get(runs_path(own), params=query), 200)
            seen += [each["runId"] for each in page["verifications"]]
            assert ("startIndex" in page) == ("cursor" not in query)
            query["cursor"] = page["nextCursor"]
        assert (seen, page["nextCursor"]) == (expected, None)


def test_a_total_is_counted_on_request(own: World, admin: Caller) -> None:
    user_id, _ = start(own)
    start(own)
    assert "totalResults" not in answer_on(admin.get(runs_path(own)), 200)
    for query, number in (({}, 2), ({"userId": user_id}, 1), ({"limit": "0"}, 2), ({"status": "review"}, 0)):
        assert answer_on(admin.get(runs_path(own), params={"total": "true"} | query), 200)["totalResults"] == number


def test_a_cursor_is_valid_only_for_its_list_and_tenant(own: World, admin: Caller) -> None:
    for _ in range(2):
        start(own)
    path = runs_path(own)
    cursor = answer_on(admin.get(path, params={"limit": 1}), 200)["nextCursor"]
    other = own.connector.caller("auditor", ALL_SCOPES, "another.example")
    others = answer_on(other.post(PROVIDERS, provider_body(own.simulator)), 201)["id"]

    for tampered in (
        *(cursor[:-1], cursor + "A", cursor + "=", cursor.swapcase(), "x", "é", "", "." * 5000),
        *(cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in (0, 9, len(cursor) - 1)),
    ):
        assert_error(admin.get(path, params={"cursor": tampered}), 400, "IDVP-60004", "cursor")
    assert_error(admin.get("/api/server/v1/audit", params={"cursor": cursor}), 400, "IDVP-60004", "cursor")
    of_others = f"{PROVIDERS}/{others}/verifications"
    assert_error(other.get(of_others, params={"cursor": cursor}), 400, "IDVP-60004", "cursor")
    assert_error(admin.get(path, params={"cursor": cursor, "offset": 1}), 400, "IDVP-60004", "cursor")
    assert_error(admin.get(path, params={"offset": 10_001}), 400, "IDVP-60004", "offset", "cursor")


def test_every_filter_applies_to_the_list_and_the_export(own: World, admin: Caller) -> None:
    user_id, run_id = start(own, tags="vip")
    start(own)
    settle(own, run_id, "review")
    today, day = datetime.now(UTC).date(), timedelta(days=1)
    now = datetime.now(UTC) + timedelta(minutes=1)
    for query, count in (
        ({"status": "review"}, 1),
        ({"status": "declined,review"}, 1),
        ({"status": "awaiting_input,review"}, 2),
        ({"status": "declined"}, 0),
        ({"userId": user_id}, 1),
        ({"userId": user_id.upper()}, 0),
        ({"tag": "vip"}, 1),
        ({"tag": "vi"}, 0),
        ({"from": today - day, "to": today + day}, 2),
        ({"to": now.isoformat()}, 2),
        ({"from": now.isoformat()}, 0),
        ({"to": today - day}, 0),
        ({"status": "review", "userId": user_id, "tag": "vip", "from": today - day}, 1),
        ({"status": "review", "userId": "nobody"}, 0),
    ):
        found = listed(own, admin, **query)
        assert len(found) == count, query
        assert count != 1 or found == [run_id]
        export = exported(admin.get(runs_path(own) + ".csv", params=query))
        assert {row["runId"] for row in export} == set(found), query


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"status": "ended"}, ("status", "ended", "awaiting_client_input", "starting")),
        ({"status": ""}, ("status",)),
        ({"from": "yesterday"}, ("from",)),
        ({"to": "2026-02-30"}, ("to",)),
        ({"tag": "x" * 129}, ("tag",)),
        ({"userId": "x" * 256}, ("userId",)),
        ({"userId": "\0"}, ("userId",)),
    ],
)
@pytest.mark.one_database
def test_an_unreadable_filter_is_refused_before_anything_is_sent(
    own: World, admin: Caller, query: dict[str, str], named: tuple[str, ...]
) -> None:
    for path in (runs_path(own), runs_path(own) + ".csv"):
        assert_error(admin.get(path, params=query), 400, "IDVP-60004", *named)


@pytest.mark.parametrize(
    "query", [{"sort": "up"}, {"limit": "-1"}, {"limit": "1001"}, {"limit": "all"}, {"offset": "-1"}]
)
@pytest.mark.one_database
def test_an_invalid_page_is_refused_by_name(own: World, admin: Caller, query: dict[str, str]) -> None:
    assert_error(admin.get(runs_path(own), params=query), 400, "IDVP-60004", *query)


def test_a_filter_is_never_interpreted_as_sql(own: World, admin: Caller) -> None:
    start(own)
    for text in ("' OR 1=1 --", "%", "_", '"; DROP TABLE verifications'):
        assert listed(own, admin, userId=text) == listed(own, admin, tag=text) == []


# One run


def test_a_run_is_shown_with_all_stored_facts(own: World, admin: Caller) -> None:
    body = provider_body(own.simulator, name=str(uuid.uuid4()), studio={"documentValues": True})
    assert admin.put(f"{PROVIDERS}/{own.provider_id}", body).status_code == 200
    _, run_id = start(own, tags="vip")
    own.faults(output_shape="document_report")
    own.outcome(run_id, status="declined", comparisons=MIXED, reasons=["name_differs"])
    assert answer_on(admin.post(runs_path(own, run_id, "refresh"), None), 200)["status"] == "declined"

    answer = admin.get(runs_path(own, run_id))
    run = answer_on(answer, 200)

    assert set(run) == DETAILS
    assert answer.headers["Cache-Control"] == "no-store"
    assert (run["runId"], run["reasons"]) == (run_id, ["name_differs"])
    assert run["output"]["document_report"]
    assert run["document"]
    [claim] = [each for each in run["claims"] if each["uri"] == LAST_NAME]
    assert claim == {
        "uri": LAST_NAME,
        "sentAs": "last_name",
        "isVerified": False,
        "verificationStatus": "consider",
        "valueChanged": False,
        "outputPointer": None,
        "outputAs": None,
    }
    assert [each["uri"] for each in run["claims"]] == sorted(MAPPING)
    assert ("awaiting_input", "declined") in [(each["from"], each["to"]) for each in run["history"]]
    assert {"document_photo", "document_check"} <= {each["taskDefId"] for each in run["tasks"]}
    assert all(set(each) == {"id", "taskDefId", "taskDefVersion", "createdAt", "updatedAt"} for each in run["tasks"])
    assert run["tasksUnavailable"] is None


def test_a_run_is_also_found_by_the_verifications_id(own: World, admin: Caller) -> None:
    _, run_id = start(own)
    run = answer_on(admin.get(runs_path(own, run_id)), 200)
    assert answer_on(admin.get(runs_path(own, run["id"])), 200) == run


def test_the_result_in_the_output_is_shown(own: World, admin: Caller) -> None:
    studio = {"outputClaims": [{"localClaim": "country", "pointer": "/nationality", "as": "value"}]}
    body = provider_body(own.simulator, name=str(uuid.uuid4()), studio=studio)
    assert admin.put(f"{PROVIDERS}/{own.provider_id}", body).status_code == 200
    _, run_id = start(own)
    own.outcome(run_id, status="approved", output={"nationality": "DEU"})

    run = answer_on(admin.post(runs_path(own, run_id, "refresh"), None), 200)

    [claim] = [each for each in run["claims"] if each["uri"] == "country"]
    assert (claim["sentAs"], claim["outputPointer"], claim["outputAs"]) == (None, "/nationality", "value")
    assert run["output"] == {"nationality": "DEU"}


def test_a_value_that_changed_during_the_run_is_reported(own: World, admin: Caller) -> None:
    user_id, run_id = start(own)
    own.connector.services.users.change(Tenant(own.tenant), user_id, {GIVEN_NAME: "Another"})
    run = answer_on(admin.get(runs_path(own, run_id)), 200)
    assert {each["uri"] for each in run["claims"] if each["valueChanged"]} == {GIVEN_NAME}


@pytest.mark.parametrize("switch", ["failed", "throttled", "dropped_after"])
@pytest.mark.one_database
def test_a_run_is_returned_without_tasks_if_onfido_does_not_return_them(own: World, admin: Caller, switch: str) -> None:
    _, run_id = start(own)
    settle(own, run_id)
    before = answer_on(admin.get(runs_path(own, run_id)), 200)
    own.faults(route=TASKS, retry_after=0, **{switch: -1})

    run = answer_on(admin.get(runs_path(own, run_id)), 200)

    assert run["tasks"] is None
    assert isinstance(run["tasksUnavailable"], str)
    assert run["tasksUnavailable"]
    changed = {"tasks", "tasksUnavailable"}
    assert {name: run[name] for name in DETAILS - changed} == {name: before[name] for name in DETAILS - changed}


def test_a_run_missing_at_onfido_is_shown_without_tasks(own: World, admin: Caller) -> None:
    _, run_id = start(own)
    assert requests.post(f"{own.simulator.url}/simulator/reset", timeout=60).ok
    run = answer_on(admin.get(runs_path(own, run_id)), 200)
    assert run["tasks"] is None
    assert "404" in run["tasksUnavailable"]


def test_the_runs_of_an_unusable_provider_are_still_shown(settings: Settings, world: World) -> None:
    run_id = world.start(world.add_user())
    strict = replace(settings, allow_http_loopback=False)
    with ConnectorServer(strict, world.clock) as connector:
        run = answer_on(connector.as_admin().get(runs_path(world, run_id)), 200)
    assert (run["tasks"], run["runId"]) == (None, run_id)
    assert "https://" in run["tasksUnavailable"]


def test_viewing_a_run_does_not_wait_for_a_slow_onfido(settings: Settings, world: World) -> None:
    run_id = world.start(world.add_user())
    hurried = replace(settings, interactive_budget=2.0, run_settle_time=2.0, onfido_read_timeout=60)
    world.faults(route=TASKS, latency_ms=20_000)
    with ConnectorServer(hurried, world.clock) as connector:
        answer = connector.as_admin().get(runs_path(world, run_id))
    assert answer_on(answer, 200)["tasks"] is None
    assert "in time" in answer.json()["tasksUnavailable"]


def test_answers_about_a_finished_run_match_the_documentation(own: World, admin: Caller) -> None:
    document = requests.get(f"{own.connector.url}/openapi.json", timeout=60).json()
    documented = schemathesis.openapi.from_dict(document)
    _, run_id = start(own, tags="vip")
    settle(own, run_id, "review", reasons=["unclear"])
    decision = {"decision": "approve", "reason": "why"}
    own.outcome(run_id, status="review")
    for method, path, body in (
        ("GET", RUNS, None),
        ("GET", RUNS + ".csv", None),
        ("GET", RUNS + "/{run_id}", None),
        ("POST", RUNS + "/{run_id}/refresh", None),
        ("POST", RUNS + "/{run_id}/decision", decision),
    ):
        answer = admin.request(method, path.format(provider_id=own.provider_id, run_id=run_id), json=body)
        assert answer.status_code == 200, answer.text
        documented[path][method].validate_response(answer)


# Refreshing


def test_a_refresh_fetches_a_result_whose_webhook_was_lost(own: World, admin: Caller) -> None:
    user_id, run_id = start(own)
    own.outcome(run_id, comparisons=MIXED, status="approved")
    assert answer_on(admin.get(runs_path(own, run_id)), 200)["status"] == "awaiting_input"

    refreshed = answer_on(admin.post(runs_path(own, run_id, "refresh"), None), 200)

    assert set(refreshed) == DETAILS
    assert refreshed["status"] == "approved"
    assert refreshed == answer_on(admin.get(runs_path(own, run_id)), 200)
    assert [each["cause"] for each in refreshed["history"] if each["subject"] == "run"] == ["initiated", "refreshed"]
    assert verified(own.connector.as_user(user_id).claims()) == {GIVEN_NAME}
    assert answer_on(admin.post(runs_path(own, run_id, "refresh"), None), 200) == refreshed


@pytest.mark.parametrize(
    ("switches", "status", "code"),
    [({"failed": -1}, 503, "OIDV-10046"), ({"throttled": -1, "retry_after": 0}, 503, "OIDV-10045")],
)
def test_a_refresh_without_an_answer_of_onfido_changes_nothing(
    own: World, admin: Caller, switches: dict[str, int], status: int, code: str
) -> None:
    _, run_id = start(own)
    before = answer_on(admin.get(runs_path(own, run_id)), 200)
    own.faults(route=READ_RUN, **switches)

    answer = admin.post(runs_path(own, run_id, "refresh"), None)

    assert_error(answer, status, code)
    assert "Retry-After" in answer.headers
    assert answer_on(admin.get(runs_path(own, run_id)), 200) == before


# Decisions


def test_a_decision_returns_the_run(own: World, admin: Caller) -> None:
    user_id, run_id = start(own)
    own.outcome(run_id, status="review", comparisons=MIXED)
    answer_on(admin.post(runs_path(own, run_id, "refresh"), None), 200)
    body = {"decision": "approve", "reason": "compared by hand"}

    run = answer_on(admin.post(runs_path(own, run_id, "decision"), body), 200)

    assert set(run) == DETAILS
    assert (run["status"], run["decision"]) == ("review", "approved")
    assert run == answer_on(admin.get(runs_path(own, run_id)), 200)
    assert {"reason": "compared by hand"} in [each["detail"] for each in run["history"] if each["actor"] == ADMIN]
    assert verified(own.connector.as_user(user_id).claims()) == {GIVEN_NAME}
    assert_error(admin.post(runs_path(own, run_id, "decision"), body), 409, "IDVP-60013", run_id)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ("decision", "reason")),
        ({"decision": "approve"}, ("reason",)),
        ({"reason": "why"}, ("decision",)),
        ({"decision": "approved", "reason": "why"}, ("decision",)),
        ({"decision": None, "reason": "why"}, ("decision",)),
        ({"decision": ["approve"], "reason": "why"}, ("decision",)),
        ({"decision": "approve", "reason": ""}, ("reason",)),
        ({"decision": "approve", "reason": " \n"}, ("reason",)),
        ({"decision": "approve", "reason": "x" * 1001}, ("reason",)),
        ({"decision": "approve", "reason": 7}, ("reason",)),
        ({"decision": "approve", "reason": "nul\0"}, ("reason",)),
        (["approve"], ()),
    ],
)
@pytest.mark.one_database
def test_an_invalid_decision_is_refused_with_its_field_and_changes_nothing(
    own: World, admin: Caller, body: Any, named: tuple[str, ...]
) -> None:
    _, run_id = start(own)
    settle(own, run_id, "review")
    before = answer_on(admin.get(runs_path(own, run_id)), 200)

    assert_error(admin.post(runs_path(own, run_id, "decision"), body), 400, "IDVP-60002", *named)

    assert answer_on(admin.get(runs_path(own, run_id)), 200) == before


def test_the_longest_allowed_reason_is_stored_completely(own: World, admin: Caller) -> None:
    _, run_id = start(own)
    settle(own, run_id, "review")
    reason = "ü" * 1000
    run = answer_on(admin.post(runs_path(own, run_id, "decision"), {"decision": "decline", "reason": reason}), 200)
    assert {"reason": reason} in [each["detail"] for each in run["history"]]


# Access


def test_a_run_of_another_provider_or_tenant_is_not_found(own: World) -> None:
    _, run_id = start(own)
    settle(own, run_id, "review")
    other, elsewhere = new_provider(own), f"tenant-{uuid.uuid4()}"
    body = provider_body(own.simulator)
    their_provider = own.connector.as_admin(elsewhere).post(PROVIDERS, body).json()["id"]
    before = answer_on(own.connector.as_admin().get(runs_path(own, run_id)), 200)

    for operation in OF_A_RUN:
        sent: dict[str, Any] = {"decision": "approve", "reason": "why"}
        if operation.path.endswith("/dry-run"):
            sent = {"claims": [{"localClaim": GIVEN_NAME, "idvpClaim": "first_name"}]}
        for tenant, provider_id, other_id, code in (
            (own.tenant, other, run_id, "IDVP-60010"),
            (own.tenant, own.provider_id, UNKNOWN_ID, "IDVP-60010"),
            (own.tenant, UNKNOWN_ID, run_id, "IDVP-60000"),
            (elsewhere, own.provider_id, run_id, "IDVP-60000"),
            (elsewhere, their_provider, run_id, "IDVP-60010"),
        ):
            caller = own.connector.caller("admin", [operation.scope], tenant)
            path = operation.path_for(provider_id, other_id=other_id)
            assert_error(caller.request(operation.method, path, json=sent), 404, code)

    assert answer_on(own.connector.as_admin().get(runs_path(own, run_id)), 200) == before


def test_lists_and_exports_contain_only_the_tenants_runs_of_the_provider(own: World, admin: Caller) -> None:
    _, run_id = start(own)
    other = new_provider(own)
    for path in (f"{PROVIDERS}/{other}/verifications", f"{PROVIDERS}/{other}/verifications.csv"):
        assert run_id not in admin.get(path).text
    foreign = own.connector.as_admin("elsewhere.example")
    for path in (runs_path(own), runs_path(own) + ".csv"):
        assert_error(foreign.get(path), 404, "IDVP-60000", own.provider_id)
        assert run_id in admin.get(path).text


# Exports


def test_an_export_has_a_line_for_every_run_in_order_of_start(own: World, admin: Caller) -> None:
    pairs = [start(own, tags="vip,spring"), start(own)]
    settle(own, pairs[0][1])

    answer = admin.get(runs_path(own) + ".csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=verifications.csv"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.startswith(BYTE_ORDER_MARK + ",".join(COLUMNS).encode() + b"\r\n")
    rows = exported(answer)
    assert [(row["userId"], row["runId"]) for row in rows] == pairs
    entries = answer_on(admin.get(runs_path(own), params={"sort": "asc"}), 200)["verifications"]
    for row, entry in zip(rows, entries, strict=True):
        texts = {"tags": " ".join(entry["tags"]), "needsReview": "false"}
        shown = {name: "" if value is None else str(value) for name, value in entry.items()} | texts
        assert {name: row[name] for name in shown} == shown


def test_an_empty_export_has_only_the_heading(own: World, admin: Caller) -> None:
    assert admin.get(runs_path(own) + ".csv").content == BYTE_ORDER_MARK + ",".join(COLUMNS).encode() + b"\r\n"


def test_text_of_users_and_applications_is_escaped_for_spreadsheets(own: World, admin: Caller) -> None:
    formula = '=HYPERLINK("https://evil.example";"click")'
    add_rows(own, 1, user_id=formula, tags=["@SUM(1)"])

    [row] = exported(admin.get(runs_path(own) + ".csv"))

    assert (row["userId"], row["tags"]) == (f"'{formula}", "'@SUM(1)")


def add_rows(world: World, count: int, tags: tuple[str, ...] | list[str] = ("tag",), **values: Any) -> None:
    """Insert runs that have ended."""
    now = datetime.now(UTC)
    rows = [
        {
            "id": str(uuid.uuid4()),
            "tenant": world.tenant,
            "provider_id": world.provider_id,
            "user_id": f"user {number}",
            "status": "approved",
            "run_id": str(uuid.uuid4()),
            "created_at": now + timedelta(milliseconds=number // 3),
            "updated_at": now,
            "closed_at": now,
        }
        | values
        for number in range(count)
    ]
    tagged = [
        {"verification_id": row["id"], "provider_id": row["provider_id"], "created_at": row["created_at"], "tag": tag}
        for row in rows
        for tag in tags
    ]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(verifications), rows)
        connection.execute(insert(verification_tags), tagged)


@pytest.fixture(scope="module")
def large(shared: World) -> World:
    """A provider with many runs."""
    world = replace(shared, provider_id=new_provider(shared))
    add_rows(world, MANY, tags=["tags" * 32, "long" * 32], user_id="user" * 60)
    return world


def test_a_large_export_uses_little_memory(large: World) -> None:
    settings = large.connector.settings
    orders = {
        "data_dir": str(settings.data_dir),
        "database_url": settings.database_url,
        "path": runs_path(large) + ".csv",
        "headers": dict(large.connector.as_admin().headers),
    }

    with Forked("tests.contract.exporting", json.dumps(orders), stdout=subprocess.PIPE) as process:
        printed, _ = process.communicate(timeout=280)

    assert process.returncode == 0
    taken = json.loads(printed)
    assert taken["lines"] > MANY
    assert taken["peak"] < 3_000_000 < taken["size"]


def test_a_large_export_continues_while_runs_are_added(large: World) -> None:
    with large.connector.as_admin().get(runs_path(large) + ".csv", stream=True) as answer:
        pieces = answer.iter_content(64 * 1024)
        content = next(pieces)
        add_rows(large, 20)
        content += b"".join(pieces)

    ids = [line.partition(b",")[0] for line in content.split(b"\r\n")[1:-1]]
    assert len(set(ids)) == len(ids)
    assert MANY <= len(ids) <= MANY + 20


def wait_until_quiet(looks: list[str]) -> None:
    before = -1
    while before < len(looks):
        before = len(looks)
        time.sleep(0.2)


def test_an_export_ends_when_its_client_disconnects(large: World) -> None:
    admin = large.connector.as_admin()

    with statements("FROM verification_tags") as looks:
        with admin.get(runs_path(large) + ".csv", stream=True) as answer:
            next(answer.iter_content(1024))
        wait_until_quiet(looks)

    assert len(looks) < MANY / 500 / 2
    assert listed(large, admin, limit=1)
