"""The page of one verification: the text for support, and its place among the user's attempts."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from connector import __version__
from connector.domain.deliveries import STATES, DeliveryFilter
from connector.domain.notices import FINISHED, EndpointConfig
from connector.domain.tenancy import Tenant
from tests.bodies import API_TOKEN
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console
from tests.services.receiving import Application
from tests.services.test_user_status import end
from tests.values import BIRTH_DATE, VALUES

pytestmark = pytest.mark.one_database


@pytest.fixture
def console(world: World) -> Console:
    world.faults(webhooks_lost=-1)
    return Console(world, "bob", ALL_SCOPES)


def support_text(page: str) -> str:
    found = re.search(
        r'<pre class="code mb-0" tabindex="0">([^<]*)</pre></details><button[^>]* data-copy="([^"]*)"', page
    )
    assert found
    shown, copied = map(html.unescape, found.groups())
    assert shown == copied
    return shown


def test_the_text_for_support_has_ids_states_and_times_but_no_personal_value(world: World, console: Console) -> None:
    run_id = end(world, world.add_user("ann@example.com"), date_of_birth="consider")
    [verification] = world.verifications("ann@example.com")
    text = support_text(console.open(f"/console/verifications/{verification.verification_id}"))
    for line in (
        f"Verification: {verification.verification_id}",
        f"Run: {run_id}",
        f"Applicant: {verification.applicant_id}",
        f"Provider: {world.provider_id}",
        "Status: approved",
        f"Connector: {__version__}",
        f"Attribute {BIRTH_DATE}: consider (rule consider, finding consider)",
    ):
        assert line in text.splitlines()
    assert re.search(r"^Started: \d{4}-\d\d-\d\dT", text, re.MULTILINE)
    assert re.search(r"^Trace ids: \S+", text, re.MULTILINE)
    for secret in ("ann@example.com", API_TOKEN, *VALUES.values()):
        assert secret not in text


def test_the_pages_of_a_verification_its_events_and_its_deliveries_are_linked(world: World) -> None:
    tenant, services = Tenant(world.tenant), world.connector.services
    with Application() as application:
        services.endpoints.add(tenant, EndpointConfig(application.url, (FINISHED,)))
        run_id = world.start(world.add_user("ann"))
        world.outcome(run_id)
        kinds = DeliveryFilter(STATES, kind="tell_change")
        world.wait_until(lambda: bool(services.deliveries.page(tenant, kinds, limit=1).rows))
    [delivery] = services.deliveries.page(tenant, kinds, limit=2).rows
    console = Console(world, "bob", ALL_SCOPES)
    for path, link in (
        (f"/console/verifications/{delivery.verification_id}", f"/console/deliveries/{delivery.delivery_id}"),
        ("/console/users/ann", f"/console/deliveries/{delivery.delivery_id}"),
        ("/console/events", f"/console/verifications/{run_id}"),
    ):
        assert f'href="{link}"' in console.open(path)
        console.open(link)


def test_a_verification_is_counted_among_the_attempts_of_its_user(world: World, console: Console) -> None:
    caller = world.add_user("ann")
    for _ in range(2):
        end(world, caller, date_of_birth="consider")
        world.clock.advance(60)
    ids = [each.verification_id for each in sorted(world.verifications("ann"), key=lambda each: each.created_at)]
    for number, verification_id in enumerate(ids, 1):
        page = console.open(f"/console/verifications/{verification_id}")
        assert re.search(rf"<dt>Attempt</dt><dd>{number} of \d+ within", page)
    assert re.search(r"2 of \d+ attempts within [^<]+ are used\.", console.open("/console/users/ann"))
    console.submit_at("/console/users/ann/unlock", "/console/users/ann/unlock", reason="A broken camera.")
    assert "<dt>Attempt</dt>" not in console.open(f"/console/verifications/{ids[-1]}")
    assert "are used." not in console.open("/console/users/ann")


def test_a_verification_whose_place_a_later_one_took_links_to_it_and_is_not_decided(
    world: World, console: Console
) -> None:
    caller = world.add_user("ann")
    for status in ("review", "approved"):
        end(world, caller, status)
        world.clock.advance(60)
    first, last = sorted(world.verifications("ann"), key=lambda each: each.created_at)

    page = console.open(f"/console/verifications/{first.verification_id}")

    assert "its review can no longer be decided" in page
    assert "a later one took its place, so it can no longer be decided. It verifies" in page
    assert f'href="/console/verifications/{last.verification_id}"' in page
    assert f"{first.verification_id}/review" not in page
    review = console.open(f"/console/verifications/{first.verification_id}/review")
    assert "this review can no longer be decided" in review
    assert "Decide for good" not in review
    assert "took its place" not in console.open(f"/console/verifications/{last.verification_id}")


def test_a_verification_says_since_when_its_output_is_no_longer_stored(world: World, console: Console) -> None:
    end(world, world.add_user("ann"))
    [verification] = world.verifications("ann")
    path = f"/console/verifications/{verification.verification_id}"
    assert "output and reasons are stored until:" in console.open(path)
    world.clock.advance(timedelta(days=world.connector.settings.event_retention_days, hours=1).total_seconds())
    world.sweep()
    later = Console(world, "bob", ALL_SCOPES).open(path)
    assert re.search(r"no longer stored since: <time datetime=", later), later
