"""`--json` prints the API's answers; the API, CSV and commands use the same names and formats of ids and times."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
import pytest
from click.testing import Result

from connector.cli import main
from connector.cli.help import commands
from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from tests.contract.wire import ALL_SCOPES, DELIVERIES, ENDPOINTS, EVENTS, JOBS, PROVIDERS, USERS, answer_on
from tests.harness import Caller, World
from tests.services.receiving import SCORING, newest_task, use_workflow

pytestmark = pytest.mark.one_database
Run = Callable[..., Result]
LONG_AGO = "2020-01-01T00:00:00Z"
SERVER = "/api/server/v1"
# By command: the API's path, and whether the command adds members.
SAME = {
    "audit --user ann": f"{SERVER}/audit?userId=ann&limit=50",
    "events list": EVENTS,
    "events show {event}": f"{EVENTS}/{{event}}",
    "events refused": f"{EVENTS}/refused",
    "jobs list": JOBS,
    "jobs show {job}": f"{JOBS}/{{job}}",
    "jobs resend --since 2020-01-01T00:00:00Z --dry-run": f"{DELIVERIES}/resend-preview?since={LONG_AGO}",
    "notices list": ENDPOINTS,
    "notices attempts {endpoint}": f"{DELIVERIES}?endpointId={{endpoint}}&limit=50",
    "openid list": f"{SERVER}/openid-clients",
    "outbox counts": f"{DELIVERIES}/counts",
    "outbox list --dead --tenant carbon.super": f"{DELIVERIES}?state=dead&limit=50",
    "provider list": PROVIDERS,
    "provider match-impact {provider}": f"{PROVIDERS}/{{provider}}/match-impact",
    "provider progress {provider}": f"{PROVIDERS}/{{provider}}/setup-progress",
    "provider show {provider}": f"{PROVIDERS}/{{provider}}",
    "stats --environment all": f"{SERVER}/statistics?environment=all",
    "user list": f"{USERS}/idv?limit=50",
    "user show ann": f"{USERS}/ann/idv",
    "verification explain {run}": f"{PROVIDERS}/{{provider}}/verifications/{{run}}/explanation",
    "verification list": f"{PROVIDERS}/{{provider}}/verifications?limit=50",
    "verification show {run}": f"{PROVIDERS}/{{provider}}/verifications/{{run}}",
    "verification task list {run}": f"{PROVIDERS}/{{provider}}/verifications/{{run}}/tasks",
}
ADDED = {
    "provider show {provider}": {  # the answers of several routes, in one object
        *("health", "setupGuide", "environment", "credentialsSetAt", "lastEventAt", "ignoredSandboxResults"),
    },
    "user show ann": {"attributes"},  # the operator's own directory
}
MOVING = {"ageSeconds", "checkedAt", "since", "history"}  # members that differ from one reading to the next
WRONG_NAME = re.compile(r"run_?[iI][dD]s?|user_?[iI][dD]s?|.*_(id|at)")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")
RIGHT_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.caller("admin", ALL_SCOPES)


@pytest.fixture
def ids(world: World, admin: Caller) -> Mapping[str, str]:
    """A tenant with an object of each kind; the ids that show them."""
    endpoint = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
    endpoint_id = answer_on(admin.post(ENDPOINTS, endpoint), 201)["id"]
    use_workflow(world, SCORING)
    run_id = world.start(world.add_user())
    world.outcome(run_id)
    task = newest_task(world, run_id)
    tasks = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/tasks"
    answer_on(admin.post(f"{tasks}/{task}/complete", {"data": {"score": 7}}), 200)
    world.wait_until(lambda: world.verifications("ann")[0].closed_at is not None)
    world.wait_until(lambda: bool(answer_on(admin.get(EVENTS), 200)["events"]))
    world.connector.rest()
    job = answer_on(admin.post(f"{JOBS}/resend-deliveries", {"since": LONG_AGO}), 202)
    answer_on(admin.post(f"{ENDPOINTS}/{endpoint_id}/recover", {"since": LONG_AGO}), 202)
    with world.connector.services.database.write() as connection:
        outbox.add(connection, DeleteApplicant(world.tenant, world.provider_id, "applicant"))
        connection.exec_driver_sql("UPDATE outbox SET state = 'dead' WHERE kind = 'delete_applicant'")
    event = answer_on(admin.get(EVENTS), 200)["events"][0]["id"]
    return {
        "provider": world.provider_id,
        "run": run_id,
        "job": job["id"],
        "endpoint": endpoint_id,
        "event": event,
    }


def still(body: Any) -> Any:
    """Return a body without the members that differ between two readings."""
    if isinstance(body, dict):
        return {name: still(value) for name, value in body.items() if name not in MOVING}
    return [still(each) for each in body] if isinstance(body, list) else body


def test_every_command_prints_the_body_that_the_api_answers(admin: Caller, ids: Mapping[str, str], run: Run) -> None:
    for words, path in SAME.items():
        printed = run(*words.format_map(ids).split(), "--json", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
        assert printed.exit_code == 0, (words, printed.output)
        body, answered = json.loads(printed.stdout), answer_on(admin.get(path.format_map(ids)), 200)
        if words in ADDED:
            assert set(body) - set(answered) <= ADDED[words], words
            body = {name: value for name, value in body.items() if name in answered}
        assert still(body) == still(answered), words


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_no_list_or_view_is_left_out() -> None:
    """Other commands with `--json` print the answer to a change, or data that no route has, such as checks."""
    with_json = {name for name, command in commands(main) if "--json" in options_of(command)}
    views = {name for name in with_json if name.split()[-1] in ("list", "show", "counts", "attempts", "explain")}
    named = {next(name for name in with_json if f"{words} ".startswith(f"{name} ")) for words in SAME}
    others = {"keys list", "signals list", "signals show"}  # keys have no route; streams have tests of their own
    assert views - named - others == set()


def names_and_texts(body: Any) -> Iterator[tuple[str, str]]:
    """Yield each name and text in a body, except those of Onfido or a caller."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield "name", name
            if name not in ("output", "detail", "body"):
                yield from names_and_texts(value)
    elif isinstance(body, list):
        for each in body:
            yield from names_and_texts(each)
    elif isinstance(body, str):
        yield "text", body


def misnamed(body: Any) -> set[str]:
    """Return names outside the vocabulary, and times without `Z`."""
    right = {"runId", "userId", "runIds", "userIds"}
    wrong = set()
    for what, text in names_and_texts(body):
        if what == "name" and WRONG_NAME.fullmatch(text) and text not in right and not text.startswith("onfido_"):
            wrong.add(text)
        if what == "text" and TIME.fullmatch(text) and not RIGHT_TIME.fullmatch(text):
            wrong.add(text)
    return wrong


def test_ids_and_times_have_the_same_names_and_formats_everywhere(
    admin: Caller, ids: Mapping[str, str], run: Run
) -> None:
    for words, path in SAME.items():
        answered = answer_on(admin.get(path.format_map(ids)), 200)
        printed = run(*words.format_map(ids).split(), "--json", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
        assert misnamed(answered) == misnamed(json.loads(printed.stdout)) == set(), words
    for path in (f"{PROVIDERS}/{ids['provider']}/verifications.csv", f"{SERVER}/audit.csv"):
        rows = list(csv.DictReader(io.StringIO(admin.get(path).text)))
        assert rows
        assert misnamed(rows) == set(), path


def test_the_documented_names_belong_to_the_vocabulary(admin: Caller) -> None:
    schemas = answer_on(admin.get("/openapi.json"), 200)["components"]["schemas"]
    ours = [schema for name, schema in schemas.items() if name != "StreamReport"]  # with the framework's names
    properties = {name for schema in ours for name in schema.get("properties", {})}
    assert {"runId", "userId", "createdAt"} <= properties
    assert misnamed(dict.fromkeys(properties)) == set()


def test_the_check_finds_a_wrong_name_and_a_wrong_time() -> None:
    assert misnamed({"run_id": "2026-01-31T09:30:00+00:00", "runId": LONG_AGO, "list": [{"created_at": None}]}) == {
        *("run_id", "2026-01-31T09:30:00+00:00", "created_at")
    }
