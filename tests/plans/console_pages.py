"""Calls of all other pages of the console and of the user's page, and of their forms' targets."""

from __future__ import annotations

import json
import re

from connector.domain.deliveries import DeliveryFilter
from connector.domain.events import EventFilter
from connector.domain.tenancy import Tenant
from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from tests.bodies import API_TOKEN
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console
from tests.values import GIVEN_NAME, LAST_NAME

_NOWHERE = "http://127.0.0.1:9/notices"
_ID = "[0-9a-f-]{36}"


def drive_pages(world: World, run_id: str) -> None:
    """Open the pages and post the forms that are not in `console_work.py`."""
    console = Console(world, "admin", (*ALL_SCOPES, "internal_idv_claim_delete", "internal_idv_operate"))
    look_around(console)
    drive_providers(console, world)
    drive_other_provider(console, world)
    drive_verification(console, world, run_id)
    drive_endpoints(console)
    drive_clients(console, world)
    drive_deliveries(console, world)
    drive_events(console, world)
    drive_users_page(world)
    sign_out(console, world)


def look_around(console: Console) -> None:
    for path in ("", "/home/needs", "/settings", "/settings/connections", "/settings/connections/checks"):
        console.open(f"/console{path}")
    console.open("/console/audit/audit.csv?actor=admin&subject=session")


def drive_providers(console: Console, world: World) -> None:
    """View the provider that has the users, and save its forms."""
    path = f"/console/providers/{world.provider_id}"
    console.open(path)
    for tab in (
        "setup",
        "setup/steps",
        "notices",
        "secrets",
        "changes",
        "danger",
        "export",
        "import",
        "danger/disable",
    ):
        console.open(f"{path}/{tab}")
    for each in (world.provider_id, "ann"):
        console.open(f"/console/audit/changes?object={each}")
    console.open("/console/audit/changes?user=ann")
    for tab in ("general", "limits", "capture", "workflow", "attributes"):
        console.submit(f"{path}/{tab}", do="save")
    kept = re.findall(rf'<option value="({_ID})"', console.open(f"{path}/attributes"))
    console.submit(f"{path}/attributes", do="try", run=kept[0])
    provider = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)
    console.post(f"{path}/attributes/undo", claims=json.dumps(dict(provider.claims)))
    console.open(f"{path}/compare?with={other_of(world)}")
    console.post(f"{path}/setup/check")
    console.post(f"{path}/danger/disable")
    console.post(f"{path}/danger/enable")


def other_of(world: World) -> str:
    """Return another provider of the tenant."""
    known = world.connector.services.providers.all(Tenant(world.tenant))
    return next(each.provider_id for each in known if each.provider_id != world.provider_id)


def drive_other_provider(console: Console, world: World) -> None:
    """Register a provider in the console, register and remove its webhook, replace its token, and delete it."""
    provider = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)
    made = {"name": "made here", "token": API_TOKEN, "workflow_id": provider.workflow_id, "base_url": provider.base_url}
    page = console.submit("/console/providers/new", do="test", **made)
    found = re.search(rf"/console/providers/({_ID})/setup", page)
    assert found, page
    path = f"/console/providers/{found[1]}"
    console.open("/console/providers/new")
    console.post(f"{path}/setup/webhook")
    console.post(f"{path}/setup/webhook-token", webhook_token="a-token-of-the-dashboard")
    console.post(f"{path}/secrets", api_token=API_TOKEN, do="test")
    console.open(f"{path}/secrets/overlap")
    console.post(f"{path}/secrets/overlap")
    console.open(f"{path}/setup/webhook/remove")
    console.post(f"{path}/setup/webhook/remove")
    console.post(f"{path}/import", text=console.open(f"{path}/export"), do="show")
    console.get(f"{path}/example")
    console.open(f"{path}/danger/delete")
    console.post(f"{path}/danger/delete", typed="made here")


def drive_verification(console: Console, world: World, run_id: str) -> None:
    """View an ended verification with all its parts from Onfido, and one that waits for a decision."""
    lookup = world.connector.services.lookup
    ended = lookup.find(Tenant(world.tenant), run_id).verification_id
    path = f"/console/verifications/{ended}"
    for part in ("", "/live", "/tasks", "/json", "/evidence", "/evidence-folder", "/review", "/pictures"):
        console.open(f"{path}{part}")
    picture = re.search(rf"{path}/pictures/([^\"]+)\"", console.open(f"{path}/pictures"))
    assert picture
    console.open(f"{path}/pictures/{picture[1]}")
    console.post(f"{path}/refresh")
    timeline = console.post(f"{path}/timeline")
    file = re.search(rf"{path}/timeline/([^/\"]+)", timeline)
    assert file, timeline
    console.open(f"{path}/timeline/{file[1]}")
    console.get(f"{path}/timeline/{file[1]}/file")
    waiting = world.add_user("fay")
    world.outcome(world.start(waiting), status="review")
    waiting.verify(world.provider_id, "COMPLETED")
    [review] = world.verifications("fay")
    console.submit(f"/console/verifications/{review.verification_id}/review", decision="decline", reason="seen")


def drive_endpoints(console: Console) -> None:
    path = "/console/deliveries/endpoints"
    page = console.submit(f"{path}/new", url=_NOWHERE, events="verification.finished")
    found = re.search(rf"{path}/({_ID})/", page)
    assert found, page
    path = f"{path}/{found[1]}"
    _drive_life(console, path)
    console.post(f"{path}/test")
    console.open(f"{path}/remove")
    console.post(f"{path}/remove")


def _drive_life(console: Console, path: str) -> None:
    """Show and change something with a secret, replace the secret, and disable and enable it."""
    console.open(path)
    console.submit(f"{path}/edit")
    for action in ("rotate", "disable"):
        console.open(f"{path}/{action}")
        console.post(f"{path}/{action}")
    console.post(f"{path}/enable")


def drive_clients(console: Console, world: World) -> None:
    path = "/console/clients"
    console.open(path)
    page = console.submit(
        f"{path}/new", name="by hand", redirect_uris="https://127.0.0.1/back", provider=world.provider_id
    )
    made = re.search(rf"{path}/([\w-]+)/edit", page)
    assert made, page
    path = f"{path}/{made[1]}"
    _drive_life(console, path)
    console.open(f"{path}/remove")
    console.post(f"{path}/remove", typed="by hand")


def drive_deliveries(console: Console, world: World) -> None:
    since = "2026-01-01T00:00:00%2B00:00"
    console.open(f"/console/deliveries/dead/resend?since={since}")
    console.open("/console/deliveries/kinds")
    tenant, services = Tenant(world.tenant), world.connector.services
    with services.database.write() as connection:
        outbox.add(connection, DeleteApplicant(world.tenant, world.provider_id, "none"))
    [row] = services.deliveries.page(tenant, DeliveryFilter(states=("ready",)), limit=1).rows
    path = f"/console/deliveries/{row.delivery_id}"
    for part in ("", "/drop"):
        console.open(f"{path}{part}")
    for action in ("resend", "drop"):
        console.post(f"{path}/{action}")
    console.post("/console/deliveries/dead/resend", since="2026-01-01T00:00:00+00:00")


def drive_events(console: Console, world: World) -> None:
    lookup = world.connector.services.event_lookup
    event, parked = (
        f"/console/events/{lookup.page(Tenant(world.tenant), EventFilter(state=state), limit=1).rows[0].event_id}"
        for state in ("applied", "parked")
    )
    console.open(event)
    console.post(f"{event}/body")
    console.open(f"{parked}/replay")
    console.post(f"{parked}/replay")


def drive_users_page(world: World) -> None:
    """Go through a verification as a user."""
    world.connector.services.users.add(Tenant(world.tenant), "gil", {GIVEN_NAME: "Gil", LAST_NAME: "Green"}, "tests")
    user = Console(world, "gil", ())
    user.open("/verify")
    path = f"/verify/{world.provider_id}"
    for part in ("", "/state", "/accent.css"):
        user.open(f"{path}{part}")
    user.submit_at(path, f"{path}/start")
    for part in ("", "/state", "/start", "/return"):
        user.open(f"{path}{part}")
    user.post(f"{path}/return")


def sign_out(console: Console, world: World) -> None:
    other = Console(world, "admin", ())
    [latest, *_] = world.connector.services.console_sessions.search(Tenant(world.tenant), user_id="admin", limit=1).rows
    other.open("/console/sessions")
    console.post(f"/console/sessions/{latest.session_id}/end")
    console.post("/console/sign-out")
