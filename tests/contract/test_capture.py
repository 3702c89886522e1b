"""Capture: by SDK, with a token that may be bound, or at Onfido's link."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from connector.domain.studio.studio import LONGEST_LINK
from connector.domain.tenancy import Tenant
from connector.store.models import metadata as tables
from tests.contract.studio import ask, bound_to, calls, calls_since, metadata, run_at_onfido, studio_provider
from tests.contract.wire import ALL_SCOPES, USERS, answer_on, assert_error, entry, further, new_user
from tests.harness import Caller, World
from tests.values import LAST_NAME

DONE, EXPIRED, OTHER = (f"https://app.example.com/{name}" for name in ("done", "expired", "other?from=onfido"))
LINK = {
    "redirectUrls": [DONE, EXPIRED, OTHER],
    "completedRedirectUrl": DONE,
    "expiredRedirectUrl": EXPIRED,
    "lifetime": 3600,
    "language": "nl_NL",
}
BY_LINK = {"capture": "link"}
WHOLE_SECOND = timedelta(seconds=1)
TWO_CALLS = {"POST /applicants": 1, "POST /workflow_runs": 1}


@pytest.fixture
def me(shared: World) -> Caller:
    return new_user(shared)[1]


# At Onfido's link


@pytest.mark.parametrize("is_providers_wish", [True, False])
def test_a_link_needs_two_calls_and_no_sdk_token(shared: World, me: Caller, is_providers_wish: bool) -> None:
    provider_id = studio_provider(shared, capture="link") if is_providers_wish else shared.provider_id
    before = calls(shared)

    answer = ask(me, provider_id, properties={} if is_providers_wish else BY_LINK)

    found = metadata(answer)
    assert found["link_url"] == f"{shared.simulator.url}/link/{found['onfido_workflow_run_id']}"
    assert "sdk_token" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert calls_since(shared, before) == TWO_CALLS


def test_a_request_may_choose_the_sdk_although_the_provider_has_the_link(shared: World, me: Caller) -> None:
    answer = ask(me, studio_provider(shared, capture="link"), properties={"capture": "SDK"})

    assert metadata(answer)["sdk_token"]
    assert "link_url" not in answer.text


def test_resuming_returns_the_link_again(shared: World, me: Caller) -> None:
    first = metadata(ask(me, shared.provider_id, properties=BY_LINK))
    before = calls(shared)

    again = metadata(ask(me, shared.provider_id, "REINITIATED"))

    assert (again["link_url"], again["onfido_workflow_run_id"]) == (first["link_url"], first["onfido_workflow_run_id"])
    assert "sdk_token" not in again
    assert "POST /sdk_token" not in calls_since(shared, before)


def test_only_the_answers_to_initiating_and_resuming_contain_the_link(shared: World) -> None:
    user_id, me = new_user(shared)
    with capture_logs() as logs:
        found = metadata(ask(me, shared.provider_id, properties=BY_LINK))
        open_answers = [
            ask(me, shared.provider_id, "COMPLETED"),
            ask(me, shared.provider_id),
            me.get(f"{USERS}/me/idv/claims"),
        ]
        shared.outcome(found["onfido_workflow_run_id"])
        answers = [*open_answers, ask(me, shared.provider_id, "COMPLETED"), me.get(f"{USERS}/me/idv/claims")]

    assert [answer.status_code for answer in answers] == [200, 400, 200, 200, 200]
    for answer in answers:
        assert found["link_url"] not in answer.text
        assert "link_url" not in answer.text
    assert found["link_url"] not in str(logs)
    administrators = entry(shared.provider_id, claimMetadata={"link_url": found["link_url"]})
    refused = shared.connector.as_admin(scopes=ALL_SCOPES).put(f"{USERS}/{user_id}/idv/claims", [administrators])
    assert_error(refused, 400, "IDV-10005", "link_url")


def test_the_link_is_not_stored_with_the_run(shared: World, me: Caller) -> None:
    provider_id = studio_provider(shared, capture="link", link=LINK)
    found = metadata(ask(me, provider_id))
    answer_on(ask(me, provider_id, "REINITIATED"), 200)

    with shared.connector.services.database.read() as connection:
        rows = [row._asdict() for table in tables.sorted_tables for row in connection.execute(select(table))]
    kept = [value for row in rows for name, value in row.items() if name != "dashboard_url"]
    assert found["onfido_workflow_run_id"] in kept
    assert [value for value in kept if found["link_url"] in str(value)] == []


def lives_for(lifetime: timedelta, expires_at: datetime, began_at: datetime, ended_at: datetime) -> bool:
    """Whether a link that was made between two times expires after its lifetime, in whole seconds."""
    return began_at - WHOLE_SECOND < expires_at - lifetime <= ended_at


def test_a_link_has_the_providers_options(shared: World, me: Caller) -> None:
    began_at = shared.clock()
    run_id = metadata(ask(me, studio_provider(shared, capture="link", link=LINK)))["onfido_workflow_run_id"]

    sent = run_at_onfido(shared, run_id)["link"]
    expires_at = datetime.fromisoformat(sent.pop("expires_at"))
    assert sent == {"completed_redirect_url": DONE, "expired_redirect_url": EXPIRED, "language": "nl_NL"}
    assert lives_for(timedelta(hours=1), expires_at, began_at, shared.clock())


def test_a_request_chooses_among_the_options_that_the_provider_allows(shared: World, me: Caller) -> None:
    wishes = {"completed_redirect_url": OTHER, "link_lifetime": "60", "language": "fr_FR"}
    began_at = shared.clock()

    run_id = metadata(ask(me, studio_provider(shared, link=LINK), properties=BY_LINK | wishes))[
        "onfido_workflow_run_id"
    ]

    sent = run_at_onfido(shared, run_id)["link"]
    expires_at = datetime.fromisoformat(sent.pop("expires_at"))
    assert sent == {"completed_redirect_url": OTHER, "expired_redirect_url": EXPIRED, "language": "fr_FR"}
    assert lives_for(timedelta(minutes=1), expires_at, began_at, shared.clock())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("capture", "webview"),
        ("completed_redirect_url", "https://evil.example/"),
        ("completed_redirect_url", DONE + "/"),
        ("completed_redirect_url", DONE.upper()),
        ("expired_redirect_url", "javascript:alert(1)"),
        ("language", "en"),
        ("link_lifetime", "0"),
        ("link_lifetime", "-1"),
        ("link_lifetime", "1e3"),
        ("link_lifetime", str(LONGEST_LINK + 1)),
        ("link_lifetime", "9" * 10),
    ],
)
@pytest.mark.one_database
def test_options_that_the_provider_forbids_are_refused_before_onfido_is_called(
    shared: World, me: Caller, name: str, value: str
) -> None:
    provider_id = studio_provider(shared, capture="link", link=LINK)
    before = calls(shared)

    answer = ask(me, provider_id, properties={name: value})

    assert_error(answer, 400, "IDV-10005", f"properties: {name}")
    assert calls_since(shared, before) == {}
    assert ask(me, provider_id).status_code == 200


def test_a_run_for_the_sdk_has_no_link_options(shared: World, me: Caller) -> None:
    run_id = metadata(ask(me, studio_provider(shared, link=LINK)))["onfido_workflow_run_id"]

    assert run_at_onfido(shared, run_id)["link"] is None


def test_a_user_with_an_expired_link_gets_a_new_one(shared: World, me: Caller) -> None:
    first = metadata(ask(me, shared.provider_id, properties=BY_LINK | {"link_lifetime": "60"}))
    run_id = first["onfido_workflow_run_id"]
    assert_error(ask(me, shared.provider_id, properties=BY_LINK), 400, "OIDV-10004", run_id)
    shared.clock.advance(61)

    assert_error(ask(me, shared.provider_id, "REINITIATED"), 400, "OIDV-10033", "expired")
    second = metadata(ask(me, shared.provider_id, properties=BY_LINK))

    assert second["onfido_workflow_run_id"] != run_id
    assert second["link_url"] != first["link_url"]
    ended = shared.connector.services.lookup.get(Tenant(shared.tenant), run_id)
    assert (ended.listed.verification.status, ended.listed.verification.failure) == ("error", "The link has expired.")
    assert [(each.name, each.current) for each in ended.history][-1] == (run_id, "error")


def test_a_user_who_opened_the_link_in_time_can_continue_after_it_has_expired(shared: World, me: Caller) -> None:
    found = metadata(ask(me, shared.provider_id, properties=BY_LINK | {"link_lifetime": "60"}))
    shared.outcome(found["onfido_workflow_run_id"], status="processing")
    shared.clock.advance(61)

    answer = ask(me, shared.provider_id, properties=BY_LINK)

    assert_error(answer, 400, "OIDV-10004", found["onfido_workflow_run_id"])


# By SDK


def test_the_runs_own_token_is_used_if_no_binding_is_required(shared: World, me: Caller) -> None:
    before = calls(shared)

    found = metadata(ask(me, shared.provider_id))

    assert bound_to(found["sdk_token"]) == {"app": found["onfido_applicant_id"]}
    assert calls_since(shared, before) == TWO_CALLS


REFERRER = {"referrer": "https://*.example.com/*"}
APPLICATION = {"applicationId": "com.example.app"}
CROSSING = {"crossDeviceUrl": "https://id.example.com/x"}


@pytest.mark.parametrize(
    ("sdk", "properties", "bound"),
    [
        (REFERRER, {}, {"referrer": "https://*.example.com/*"}),
        *further(
            (
                APPLICATION | CROSSING,
                {},
                {"application_id": "com.example.app", "cross_device_url": CROSSING["crossDeviceUrl"]},
            ),
            ({}, {"application_id": "com.example.app"}, {"application_id": "com.example.app"}),
            ({}, {"referrer": "https://one.example/*"}, {"referrer": "https://one.example/*"}),
        ),
    ],
)
def test_a_bound_token_is_requested_from_onfido(
    shared: World, me: Caller, sdk: dict[str, str], properties: dict[str, str], bound: dict[str, str]
) -> None:
    provider_id = studio_provider(shared, sdk=sdk)
    before = calls(shared)

    first = metadata(ask(me, provider_id, properties=properties))
    again = metadata(ask(me, provider_id, "REINITIATED", properties=properties))

    for found in (first, again):
        assert bound_to(found["sdk_token"]) == bound | {"app": found["onfido_applicant_id"]}
    assert first["sdk_token"] != again["sdk_token"]
    counted = calls_since(shared, before)
    assert {route: counted[route] for route in TWO_CALLS} == TWO_CALLS
    assert counted["POST /sdk_token"] == 2


def test_a_run_without_an_sdk_token_gets_one(onfido: World) -> None:
    onfido.faults(runs_without_sdk_token=1)
    before = calls(onfido)

    found = metadata(ask(new_user(onfido)[1], onfido.provider_id))

    assert bound_to(found["sdk_token"]) == {"app": found["onfido_applicant_id"]}
    assert calls_since(onfido, before) == TWO_CALLS | {"POST /sdk_token": 1}


@pytest.mark.parametrize("status", ["INITIATED", "REINITIATED"])
def test_a_token_is_bound_to_pages_or_to_an_application_but_not_to_both(shared: World, me: Caller, status: str) -> None:
    if status == "REINITIATED":
        assert ask(me, shared.provider_id).ok
    before = calls(shared)

    answer = ask(me, shared.provider_id, status, properties={"referrer": "https://a.example/*", "application_id": "x"})

    assert_error(answer, 400, "IDV-10005", "application_id")
    assert calls_since(shared, before) == {}


# Interrupted


@pytest.mark.parametrize(("first", "second"), [("link", "sdk"), ("sdk", "link")])
def test_an_interrupted_start_continues_with_the_capture_of_the_next_request(
    onfido: World, first: str, second: str
) -> None:
    _, me = new_user(onfido)
    onfido.faults(route="POST /applicants", failed=1)
    assert_error(ask(me, onfido.provider_id, properties={"capture": first}), 503, "OIDV-10046")

    found = metadata(ask(me, onfido.provider_id, properties={"capture": second}))
    again = metadata(ask(me, onfido.provider_id, "REINITIATED"))

    given, other = ("link_url", "sdk_token") if second == "link" else ("sdk_token", "link_url")
    for each in (found, again):
        assert each[given]
        assert other not in each


def test_a_run_whose_answer_was_lost_keeps_its_capture(onfido: World) -> None:
    _, me = new_user(onfido)
    onfido.faults(route="POST /workflow_runs", dropped_after=1)
    assert_error(ask(me, onfido.provider_id, properties=BY_LINK), 503, "OIDV-10046")

    found = metadata(ask(me, onfido.provider_id, claims=[LAST_NAME], properties={"capture": "sdk"}))

    assert found["link_url"]
    assert "sdk_token" not in found
