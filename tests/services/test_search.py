"""The search for the object with an id within one tenant, and the recorded display of values."""

from __future__ import annotations

import pytest

from connector.domain.jobs import JobRequest
from connector.domain.tenancy import USERINFO, DirectoryChoice, Tenant
from connector.errors import RequestError
from connector.services.lookup.search import EVENT, JOB, USER, VERIFICATION, Hit
from tests.bodies import event_body
from tests.contract.wire import UNKNOWN_ID, answer_on
from tests.harness import World
from tests.values import GIVEN_NAME, VALUES

OTHERS = Tenant("elsewhere.example")


def test_an_id_leads_only_to_its_object(world: World) -> None:
    tenant, services = Tenant(world.tenant), world.connector.services
    run_id = world.start(world.add_user("ann"))
    [verification] = world.verifications("ann")
    assert world.post_event(event_body("a-run-of-others")).status_code == 200
    [event] = answer_on(world.connector.as_admin().get("/api/server/v1/events"), 200)["events"]
    job = services.jobs.request(tenant, JobRequest("verifications_csv"))
    found = Hit(VERIFICATION, verification.verification_id)
    expected = {
        run_id.upper(): found,
        f" {verification.verification_id} ": found,
        verification.applicant_id: found,
        "ann": Hit(USER, "ann"),
        event["id"]: Hit(EVENT, event["id"]),
        job.job_id: Hit(JOB, job.job_id),
    }
    for text, hit in expected.items():
        assert services.search.find(tenant, text or "") == hit
        assert services.search.find(OTHERS, text or "") is None
    assert services.search.find(tenant, UNKNOWN_ID) is services.search.find(tenant, "Ann") is None


def test_values_are_shown_after_the_reading_was_recorded(world: World) -> None:
    tenant, services = Tenant(world.tenant), world.connector.services
    world.add_user("ann")
    assert services.shown_values.show(tenant, "ann", "bob")[GIVEN_NAME] == VALUES[GIVEN_NAME]
    audit = world.connector.as_admin().get("/api/server/v1/audit", params={"subject": "values"})
    assert [(each["name"], each["actor"]) for each in answer_on(audit, 200)["entries"]] == [("ann", "bob")]
    with pytest.raises(RequestError, match="no user ann"):
        services.shown_values.show(OTHERS, "ann", "bob")


def test_values_that_only_their_user_may_read_are_hidden(world: World) -> None:
    theirs = Tenant(
        "userinfo.example", DirectoryChoice(kind=USERINFO, url="https://idp.example.com/userinfo", dialect="oidc")
    )
    with pytest.raises(RequestError, match="the user's own request"):
        world.connector.services.shown_values.show(theirs, "ann", "bob")
