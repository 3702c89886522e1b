"""Watchlist monitoring: new matches of a user are recorded and announced, and withdraw claims if configured."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import delete, select

from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import VerificationFilter
from connector.services.application.watchlist import NotifyOfMatches
from connector.services.results.deliveries import UpdateMatches
from connector.store.models import events, history, outbox
from tests.bodies import API_TOKEN, provider_body
from tests.harness import Caller, World, verified
from tests.services.ageing import let_pass
from tests.services.receiving import (
    SCORE,
    Application,
    Reply,
    deliver_again,
    notices,
    rows_of,
    use_studio,
    wait_for,
    wait_for_failure,
)
from tests.values import GIVEN_NAME, MAPPING

KIND = "watchlist_monitor.matches_updated"
MONITOR = "GET /watchlist_monitors/{monitor_id}"
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"


@pytest.fixture
def ann(world: World, application: Application) -> Caller:
    """A verified user of a provider that notifies of matches and un-verifies on them."""
    use_studio(world, notices=notices(application, SCORE), unverifyOnMatch=True)
    return verified_user(world, "ann")


def verified_user(world: World, user_id: str) -> Caller:
    caller = world.add_user(user_id)
    world.outcome(world.start(caller))
    world.wait_until(lambda: verified(caller.claims()) == set(MAPPING))
    return caller


def onfido(world: World, method: str, path: str, **body: Any) -> Any:
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = requests.request(method, f"{world.simulator.api_url}/{path}", json=body, headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def applicant_of(caller: Caller) -> str:
    claim = next(iter(caller.claims().values()))
    return str(claim["claimMetadata"]["onfido_applicant_id"])


def monitor(world: World, applicant_id: str) -> str:
    """Create a monitor of an applicant; return its id."""
    made = onfido(world, "POST", "watchlist_monitors", applicant_id=applicant_id, report_name="watchlist_standard")
    return str(made["id"])


def find_matches(world: World, monitor_id: str) -> None:
    """Add a match to a monitor, and post Onfido's event about it."""
    url = f"{world.simulator.url}/simulator/watchlist_monitors/{monitor_id}/matches"
    assert requests.post(url, json={"count": 2}, timeout=60).ok


def event(monitor_id: str, at: str = "2026-03-04T05:06:07Z", **resource: str) -> bytes:
    told = {"id": monitor_id, "status": "complete", "completed_at_iso8601": at}
    payload = {"resource_type": "watchlist_monitor", "action": KIND, "object": told, "resource": resource}
    return json.dumps({"payload": payload}).encode()


def correct(world: World, *uris: str, user_id: str = "ann") -> None:
    """Verify claims as an administrator does."""
    body = [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": True} for uri in uris]
    answer = world.connector.as_admin(world.tenant).put(f"/api/users/v1/{user_id}/idv/claims", body)
    assert answer.status_code == 201, answer.text


def told(world: World) -> list[Any]:
    """Return the history's entries about the watchlist."""
    with world.connector.services.database.read() as connection:
        found = select(history).where(history.c.cause == "watchlist").order_by(history.c.id)
        return list(connection.execute(found))


def event_states(world: World) -> list[str]:
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(events.c.state).where(events.c.kind == KIND)).scalars())


def statuses(caller: Caller, user_id: str = "me") -> set[str | None]:
    return {claim["claimMetadata"].get("onfido_verification_status") for claim in caller.claims(user_id).values()}


def statuses_for_administrators(world: World, user_id: str = "ann") -> set[str | None]:
    return statuses(world.connector.as_admin(world.tenant), user_id)


def test_new_matches_are_recorded_announced_and_unverify_claims(
    world: World, ann: Caller, application: Application
) -> None:
    applicant_id = applicant_of(ann)
    monitor_id = monitor(world, applicant_id)

    find_matches(world, monitor_id)

    wait_for(world, NotifyOfMatches.kind, "done")
    assert (verified(ann.claims()), statuses_for_administrators(world)) == (set(), {"watchlist_match"})
    about_user, *about_claims = told(world)
    assert (about_user.subject, about_user.name, about_user.current) == ("user", "ann", "watchlist_matches_updated")
    assert {each.name: (each.previous, each.current) for each in about_claims} == dict.fromkeys(
        MAPPING, ("verified", "watchlist_match")
    )
    with world.connector.services.database.read() as connection:
        [event_id] = connection.execute(select(events.c.id).where(events.c.kind == KIND)).scalars()
    [found] = world.connector.services.lookup.all(Tenant(world.tenant), VerificationFilter())
    verification = found.verification
    assert {each.actor for each in told(world)} == {event_id}
    assert {each.verification_id for each in told(world)} == {verification.verification_id}
    [received] = application.received
    assert received.is_signed
    assert received.body["type"] == "watchlist.matches_updated"
    assert received.body["id"] == received.headers["webhook-id"]
    assert received.body["data"] == {
        "tenant": world.tenant,
        "providerId": world.provider_id,
        "userId": "ann",
        "verificationId": verification.verification_id,
        "runId": verification.run_id,
        "dashboardUrl": f"{world.simulator.url}/runs/{verification.run_id}",
        "monitorId": monitor_id,
        "applicantId": applicant_id,
    }
    assert event_states(world) == ["applied"]


def test_an_event_of_a_monitor_that_names_a_run_belongs_to_the_monitor(
    world: World, ann: Caller, application: Application
) -> None:
    monitor_id = monitor(world, applicant_of(ann))
    [verification] = world.verifications()

    assert world.post_event(event(monitor_id, workflow_run_id=str(verification.run_id))).status_code == 200

    wait_for(world, NotifyOfMatches.kind, "done")
    assert (verified(ann.claims()), statuses_for_administrators(world)) == (set(), {"watchlist_match"})


def test_a_user_is_not_notified_of_a_match(world: World, ann: Caller, application: Application) -> None:
    find_matches(world, monitor(world, applicant_of(ann)))
    wait_for(world, NotifyOfMatches.kind, "done")

    listed = ann.get("/api/users/v1/me/idv/claims")
    each = [ann.get(f"/api/users/v1/me/idv/claims/{claim['id']}") for claim in listed.json()]
    completed = ann.verify(world.provider_id, "COMPLETED")

    assert completed.status_code == 200, completed.text
    assert [answer.url for answer in (listed, *each, completed) if "match" in answer.text] == []
    assert (verified(ann.claims()), statuses(ann)) == (set(), {None})


def test_claims_of_another_provider_and_of_other_users_stay_verified(
    world: World, ann: Caller, application: Application
) -> None:
    bea = verified_user(world, "bea")
    other = other_provider(world)
    entry = {"uri": GIVEN_NAME, "idVProviderId": other, "isVerified": True, "claimMetadata": {}}
    admin = world.connector.as_admin(world.tenant)
    assert admin.post("/api/users/v1/ann/idv/claims", [entry]).status_code == 201

    find_matches(world, monitor(world, applicant_of(ann)))

    wait_for(world, NotifyOfMatches.kind, "done")
    assert verified(bea.claims()) == set(MAPPING)
    mine = ann.get("/api/users/v1/me/idv/claims").json()
    assert {claim["idVProviderId"] for claim in mine if claim["isVerified"]} == {other}


def other_provider(world: World) -> str:
    body = provider_body(world.simulator, name="Another")
    answer = world.connector.as_admin(world.tenant).post("/api/server/v1/idv-providers", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_duplicate_and_replayed_events_do_not_undo_a_correction(
    world: World, ann: Caller, application: Application
) -> None:
    world.faults(webhooks_doubled=-1)
    monitor_id = monitor(world, applicant_of(ann))
    find_matches(world, monitor_id)
    wait_for(world, NotifyOfMatches.kind, "done")
    assert world.post_event(event(monitor_id)).status_code == 200
    wait_for(world, NotifyOfMatches.kind, "done", 2)
    before = told(world)
    correct(world, GIVEN_NAME)

    for _ in range(3):
        assert world.post_event(event(monitor_id)).status_code == 200
    deliver_again(world, UpdateMatches.kind)

    assert len(rows_of(world, UpdateMatches.kind)) == 2
    assert len(rows_of(world, NotifyOfMatches.kind)) == len(application.received) == 2
    assert (verified(ann.claims()), told(world)) == ({GIVEN_NAME}, before)


def test_later_matches_unverify_claims_corrected_since(world: World, ann: Caller, application: Application) -> None:
    monitor_id = monitor(world, applicant_of(ann))
    find_matches(world, monitor_id)
    wait_for(world, NotifyOfMatches.kind, "done")
    correct(world, *MAPPING)

    assert world.post_event(event(monitor_id, at="2027-01-01T00:00:00Z")).status_code == 200

    wait_for(world, NotifyOfMatches.kind, "done", 2)
    assert verified(ann.claims()) == set()
    assert len({each.body["id"] for each in application.received}) == 2


def test_no_notice_is_sent_once_the_provider_sends_no_notices(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers(Reply(503))
    find_matches(world, monitor(world, applicant_of(ann)))
    wait_for_failure(world, NotifyOfMatches.kind)
    world.connector.rest()
    use_studio(world)
    before = len(application.received)

    let_pass(world.connector.services.database, timedelta(hours=1))
    world.connector.deliver()

    wait_for(world, NotifyOfMatches.kind, "done")
    assert len(application.received) == before


def test_concurrent_deliveries_take_effect_once(world: World, ann: Caller) -> None:
    monitor_id = monitor(world, applicant_of(ann))
    body = event(monitor_id)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(world.post_event, [body] * 8))

    assert {answer.status_code for answer in answers} == {200}
    wait_for(world, NotifyOfMatches.kind, "done")
    assert len(rows_of(world, UpdateMatches.kind)) == 1
    assert [each.subject for each in told(world)].count("user") == 1


def test_a_provider_that_only_notifies_leaves_claims_verified(world: World, application: Application) -> None:
    use_studio(world, notices=notices(application))
    ann = verified_user(world, "ann")

    find_matches(world, monitor(world, applicant_of(ann)))

    wait_for(world, NotifyOfMatches.kind, "done")
    assert verified(ann.claims()) == set(MAPPING)
    assert [each.subject for each in told(world)] == ["user"]
    assert len(application.received) == 1


def test_a_provider_without_notices_unverifies_claims(world: World) -> None:
    use_studio(world, unverifyOnMatch=True)
    ann = verified_user(world, "ann")

    find_matches(world, monitor(world, applicant_of(ann)))

    wait_for(world, UpdateMatches.kind, "done")
    assert verified(ann.claims()) == set()
    assert rows_of(world, NotifyOfMatches.kind) == []


def test_a_provider_without_watchlist_settings_notes_the_event(world: World) -> None:
    ann = verified_user(world, "ann")

    assert world.post_event(event(monitor(world, applicant_of(ann)))).status_code == 200

    assert event_states(world) == ["noted"]
    assert rows_of(world, UpdateMatches.kind) == []


def test_a_missing_monitor_or_one_of_an_unknown_user_changes_nothing(world: World, ann: Caller) -> None:
    stranger = onfido(world, "POST", "applicants", first_name="Zoe", last_name="Other")["id"]

    for monitor_id in (UNKNOWN, monitor(world, stranger)):
        assert world.post_event(event(monitor_id)).status_code == 200

    wait_for(world, UpdateMatches.kind, "done", 2)
    assert event_states(world) == ["noted", "noted"]
    assert (verified(ann.claims()), told(world)) == (set(MAPPING), [])


def test_matches_of_a_monitor_deactivated_since_count(world: World, ann: Caller) -> None:
    monitor_id = monitor(world, applicant_of(ann))
    onfido(world, "DELETE", f"watchlist_monitors/{monitor_id}")

    assert world.post_event(event(monitor_id)).status_code == 200

    wait_for(world, NotifyOfMatches.kind, "done")
    assert verified(ann.claims()) == set()


def test_an_outage_of_onfido_delays_the_delivery(world: World, ann: Caller) -> None:
    world.faults(route=MONITOR, failed=-1)
    monitor_id = monitor(world, applicant_of(ann))

    assert world.post_event(event(monitor_id)).status_code == 200
    wait_for_failure(world, UpdateMatches.kind)
    assert event_states(world) == ["parked"]
    world.faults(failed=0)
    let_pass(world.connector.services.database, timedelta(minutes=1))

    wait_for(world, NotifyOfMatches.kind, "done")
    assert (verified(ann.claims()), event_states(world)) == (set(), ["applied"])


def test_a_user_or_provider_removed_meanwhile_is_left_alone(
    world: World, ann: Caller, application: Application
) -> None:
    bea = verified_user(world, "bea")
    application.answers(Reply(500))
    find_matches(world, monitor(world, applicant_of(ann)))
    wait_for_failure(world, NotifyOfMatches.kind)
    world.faults(route=MONITOR, failed=-1)
    find_matches(world, monitor(world, applicant_of(bea)))
    world.wait_until(lambda: any(row.history for row in rows_of(world, UpdateMatches.kind)))
    world.connector.rest()
    application.received.clear()
    before = told(world)

    world.connector.services.users.remove(Tenant(world.tenant), "ann")
    world.connector.services.providers.remove(Tenant(world.tenant), world.provider_id)
    world.faults(failed=0)
    let_pass(world.connector.services.database, timedelta(minutes=1))
    world.connector.deliver()

    wait_for(world, NotifyOfMatches.kind, "done")
    wait_for(world, UpdateMatches.kind, "done", 2)
    assert (application.received, told(world)) == ([], before)


def test_an_event_without_a_monitor_is_noted(world: World, ann: Caller) -> None:
    payload = {"resource_type": "watchlist_monitor", "action": KIND, "object": {}}

    assert world.post_event(json.dumps({"payload": payload}).encode()).status_code == 200

    assert event_states(world) == ["noted"]


def test_replaying_an_event_that_was_given_up_calls_onfido_again(
    world: World, ann: Caller, application: Application
) -> None:
    world.faults(route=MONITOR, failed=-1)
    find_matches(world, monitor(world, applicant_of(ann)))
    wait_for_failure(world, UpdateMatches.kind)
    world.connector.rest()  # else the delivery may be done before the answer is read
    with world.connector.services.database.write() as connection:
        connection.execute(delete(outbox))
        event_id = connection.execute(select(events.c.id).where(events.c.kind == KIND)).scalar_one()
    world.faults(failed=0)

    assert world.connector.services.event_lookup.replay(Tenant(world.tenant), event_id) == "parked"

    world.connector.deliver()
    wait_for(world, NotifyOfMatches.kind, "done")
    assert (verified(ann.claims()), event_states(world)) == (set(), ["applied"])
