"""Deliveries by provider and by kind: listed, counted and repeated, only by the tenant's administrators."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import update

from connector.domain.deliveries import KINDS
from connector.domain.jobs import OPEN_STATES
from connector.services.jobs.steps import AdvanceJob
from connector.services.providers.deletion import DeleteApplicant, DeleteCustomer
from connector.services.results.deliveries import CheckVerification
from connector.store.deliveries import outbox
from connector.store.models import outbox as rows
from tests.contract.wire import DELIVERIES, ENDPOINTS, JOBS, answer_on, assert_error
from tests.harness import Caller, World
from tests.services.jobbing import ask, job_of

OTHERS = "elsewhere.example"
ONE, TWO = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
NOW = datetime.now(UTC)
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def admin(world: World) -> Caller:
    """An administrator of a tenant with deliveries of two providers, of three kinds and in all states."""
    world.connector.rest()
    orders: list[Any] = [
        *(DeleteApplicant(world.tenant, ONE, f"applicant-{number}") for number in range(3)),
        CheckVerification(world.tenant, ONE, "verification-1"),
        DeleteApplicant(world.tenant, TWO, "applicant-of-two"),
        DeleteCustomer(world.tenant, TWO, "customer-of-two"),
        DeleteApplicant(OTHERS, ONE, "of-another-tenant"),
    ]
    with world.connector.services.database.write() as connection:
        outbox.add_all(connection, orders)
    dead = {"state": "dead", "settled_at": NOW, "created_at": NOW - timedelta(hours=2), "attempts": 12}
    change(world, rows.c.kind == DeleteApplicant.kind, **dead)
    change(world, rows.c.kind == DeleteCustomer.kind, state="done", settled_at=NOW)
    return world.connector.as_admin(world.tenant)


def change(world: World, which: Any, **values: Any) -> None:
    with world.connector.services.database.write() as connection:
        connection.execute(update(rows).where(which).values(values))


def listed(caller: Caller, **query: Any) -> list[tuple[str, str]]:
    """Return kind and provider of the listed deliveries."""
    deliveries = answer_on(caller.get(DELIVERIES, params=query), 200)["deliveries"]
    return sorted((each["kind"], each["providerId"]) for each in deliveries)


APPLICANT, CHECK, CUSTOMER = DeleteApplicant.kind, CheckVerification.kind, DeleteCustomer.kind


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"providerId": ONE}, [(CHECK, ONE)] + [(APPLICANT, ONE)] * 3),
        ({"providerId": ONE.upper(), "state": "dead"}, [(APPLICANT, ONE)] * 3),
        ({"kind": APPLICANT}, [(APPLICANT, ONE)] * 3 + [(APPLICANT, TWO)]),
        ({"kind": APPLICANT, "providerId": TWO}, [(APPLICANT, TWO)]),
        ({"kind": CUSTOMER, "state": "done"}, [(CUSTOMER, TWO)]),
        ({"kind": CUSTOMER, "state": "dead"}, []),
        ({"kind": CHECK, "verificationId": "verification-1"}, [(CHECK, ONE)]),
        ({"kind": CUSTOMER, "verificationId": "verification-1"}, []),
        ({"providerId": TWO, "verificationId": "verification-1"}, []),
        ({"providerId": "a-provider-that-never-was"}, []),
    ],
)
def test_a_list_contains_the_deliveries_of_a_provider_and_of_a_kind(
    admin: Caller, query: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert listed(admin, **query) == sorted(expected)


def test_pages_of_a_provider_span_kinds_and_states(admin: Caller) -> None:
    query: dict[str, Any] = {"providerId": ONE, "limit": 1}
    ids, cursor = [], None
    for _ in range(4):
        page = answer_on(admin.get(DELIVERIES, params=query | ({"cursor": cursor} if cursor else {})), 200)
        ids += [each["id"] for each in page["deliveries"]]
        cursor = page["nextCursor"]
    whole = answer_on(admin.get(DELIVERIES, params={"providerId": ONE}), 200)["deliveries"]
    assert (ids, cursor) == ([each["id"] for each in whole], None)
    assert [each["createdAt"] for each in whole] == sorted((each["createdAt"] for each in whole), reverse=True)


def test_deliveries_are_counted_by_kind(world: World, admin: Caller) -> None:
    def counts(caller: Caller, **query: str) -> list[tuple[str, int, int, int]]:
        body = answer_on(caller.get(f"{DELIVERIES}/counts", params=query), 200)
        assert body["atMost"] == 1000
        return [(each["kind"], each["ready"], each["done"], each["dead"]) for each in body["kinds"]]

    assert sorted(counts(admin)) == [(CHECK, 1, 0, 0), (APPLICANT, 0, 0, 4), (CUSTOMER, 0, 1, 0)]
    assert sorted(counts(admin, providerId=ONE)) == [(CHECK, 1, 0, 0), (APPLICANT, 0, 0, 3)]
    others = world.connector.as_admin(OTHERS)
    assert counts(others) == counts(others, providerId=ONE) == [(APPLICANT, 0, 0, 1)]
    assert counts(others, providerId=TWO) == []


@pytest.mark.parametrize(
    ("choice", "number"),
    [
        ({}, 4),
        ({"providerId": ONE}, 3),
        ({"providerId": TWO}, 1),
        ({"kind": APPLICANT}, 4),
        ({"kind": CUSTOMER}, 0),
        ({"providerId": ONE, "kind": CHECK}, 0),
        ({"which": "everything"}, 0),  # none is a notice
        ({"since": "2999-01-01T00:00:00Z"}, 0),
    ],
)
def test_a_preview_counts_exactly_the_deliveries_that_the_job_resends(
    world: World, admin: Caller, choice: dict[str, str], number: int
) -> None:
    asked = {"since": LONG_AGO} | choice
    assert preview(admin, asked) == number
    assert preview(admin, asked) == number  # nothing was changed
    job = ask(admin, "resend-deliveries", asked)
    step = 0
    while job_of(admin, job["id"])["state"] in OPEN_STATES:
        world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], step))
        step += 1
    ended = job_of(admin, job["id"])
    assert (ended["state"], ended["done"], ended["total"]) == ("done", number, number)
    assert listed(world.connector.as_admin(OTHERS), state="dead") == [(APPLICANT, ONE)]


def preview(caller: Caller, choice: dict[str, str]) -> Any:
    body = answer_on(caller.get(f"{DELIVERIES}/resend-preview", params=choice), 200)
    assert body["atMost"] == 10_000
    return body["count"]


def test_a_preview_of_an_endpoint_counts_the_notices_its_recovery_resends(world: World, admin: Caller) -> None:
    endpoint = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
    endpoint_id = answer_on(admin.post(ENDPOINTS, endpoint), 201)["id"]
    change(world, rows.c.provider_id == TWO, endpoint_id=endpoint_id)
    everything = {"since": LONG_AGO, "which": "everything", "endpointId": endpoint_id}
    assert preview(admin, everything) == 2
    assert preview(world.connector.as_admin(OTHERS), everything) == 0


def test_another_tenant_sees_and_resends_only_its_own_deliveries(world: World, admin: Caller) -> None:
    others = world.connector.as_admin(OTHERS)
    assert listed(others, providerId=ONE) == listed(others, kind=APPLICANT) == [(APPLICANT, ONE)]
    assert preview(others, {"since": LONG_AGO, "providerId": ONE}) == 1
    job = ask(others, "resend-deliveries", {"since": LONG_AGO, "providerId": ONE})
    assert job["providerId"] == ONE
    assert_error(admin.get(f"{JOBS}/{job['id']}"), 404, "IDVP-60070")
    assert len(listed(admin, state="dead")) == 4


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        (DELIVERIES, {"kind": "letter"}, "kind"),
        (f"{DELIVERIES}/resend-preview", {}, "since"),
        (f"{DELIVERIES}/resend-preview", {"since": "yesterday"}, "since"),
        (f"{DELIVERIES}/resend-preview", {"since": LONG_AGO, "which": "some"}, "which"),
        (f"{DELIVERIES}/resend-preview", {"since": LONG_AGO, "kind": "letter"}, "kind"),
    ],
)
def test_an_unreadable_selection_is_refused(admin: Caller, path: str, query: dict[str, str], name: str) -> None:
    assert_error(admin.get(path, params=query), 400, "IDVP-60004", name)


@pytest.mark.one_database
def test_counts_and_previews_require_the_scope_of_the_list(world: World, admin: Caller) -> None:
    stranger = world.connector.as_admin(world.tenant, ["internal_login"])
    for part in ("counts", f"resend-preview?since={LONG_AGO}"):
        assert stranger.get(f"{DELIVERIES}/{part}").status_code == 403


@pytest.mark.one_database
def test_every_delivered_kind_can_be_selected(world: World) -> None:
    assert sorted(KINDS) == sorted(world.connector.services.outbox.kinds)


def test_the_command_line_has_the_same_filters_and_counts(
    world: World, admin: Caller, run: Callable[..., Result]
) -> None:
    def read(*words: str) -> Any:
        return json.loads(run(*words, "--json").stdout)

    own = ("--tenant", world.tenant)
    page = read("outbox", "list", "--kind", CHECK, *own)
    assert page == answer_on(admin.get(DELIVERIES, params={"kind": CHECK}), 200)
    assert [each["kind"] for each in read("outbox", "list", "--dead", "--provider", TWO, *own)["deliveries"]] == [
        APPLICANT
    ]
    assert read("outbox", "list", "--provider", "Onfido", *own)["count"] == 0  # the provider of that name has none
    assert read("outbox", "counts", "--provider", ONE, *own) == answer_on(
        admin.get(f"{DELIVERIES}/counts", params={"providerId": ONE}), 200
    )
    assert "delete_applicant" in run("outbox", "counts", *own).stdout
    assert run("outbox", "counts", "--tenant", OTHERS, "--provider", TWO).stdout == "The outbox is empty.\n"
    refused = run("outbox", "list", "--kind", CHECK)
    assert (refused.exit_code, "--tenant" in refused.stderr) == (2, True)

    resend = ("jobs", "resend", "--since", LONG_AGO, "--provider", ONE, "--kind", APPLICANT)
    assert read(*resend, "--dry-run", *own) == {"count": 3, "atMost": 10_000}
    assert run(*resend, "--dry-run", *own).stdout == "3 would be repeated. Nothing was changed.\n"
    assert answer_on(admin.get(JOBS), 200)["count"] == 0
    job = read(*resend, *own)
    assert (job["kind"], job["providerId"], job["parameters"]["kind"]) == ("resend_deliveries", ONE, APPLICANT)


def test_a_recovery_is_counted_before_it_is_requested(world: World, admin: Caller, run: Callable[..., Result]) -> None:
    endpoint = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
    endpoint_id = answer_on(admin.post(ENDPOINTS, endpoint), 201)["id"]
    change(world, rows.c.provider_id == TWO, endpoint_id=endpoint_id)
    recover = ("notices", "recover", endpoint_id, "--since", LONG_AGO, "--dry-run", "--tenant")
    assert run(*recover, world.tenant).stdout == "2 would be repeated. Nothing was changed.\n"
    assert run(*recover, OTHERS).exit_code == 1
    assert listed(admin, kind="resend_notices") == []
