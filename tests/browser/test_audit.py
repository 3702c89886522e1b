"""The audit trail and the settings in force in the browser."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import expect

from connector.domain.tenancy import Tenant
from connector.process.heartbeat import SERVE, Heartbeat
from tests.bodies import config_properties, provider_body
from tests.browser.visiting import ALL_SCOPES, Visitor
from tests.browser.worlds import with_provider
from tests.harness import World
from tests.values import GIVEN_NAME
from tests.waiting import wait_until

Visit = Callable[..., Visitor]
NEW_TOKEN = "api_sandbox.a-token-of-the-audit-test"
OPERATE = "internal_idv_operate"


def changed(place: World, actor: str) -> tuple[World, str]:
    """Change a provider in several ways, and make a refused request; returns the place and the added user."""
    world, user_id = with_provider(place), f"user-{uuid.uuid4()}"
    bob = place.connector.caller(actor, ("internal_idvp_view", "internal_idvp_update"))
    path = f"/api/server/v1/idv-providers/{world.provider_id}"
    properties = config_properties(place.simulator, token=NEW_TOKEN)
    body = provider_body(place.simulator, name=f"Renamed by {actor}", configProperties=properties)
    assert bob.put(path, body).status_code == 200
    assert bob.request("DELETE", path).status_code == 403
    place.connector.services.users.add(Tenant(world.tenant), user_id, {GIVEN_NAME: "Zebulonia"}, actor)
    return world, user_id


def test_a_change_is_listed_and_shows_values_before_and_after(visit: Visit, place: World) -> None:
    actor = f"bob-{uuid.uuid4().hex[:8]}"
    world, user_id = changed(place, actor)
    visitor = visit()
    visitor.secrets += [NEW_TOKEN, "Zebulonia"]
    page = visitor.open(f"/console/audit?actor={actor}")
    rows = page.locator("tr.entry")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text(f"{actor} added the user {user_id}.")
    expect(rows.nth(1)).to_contain_text("was refused DELETE")
    expect(rows.nth(1)).to_contain_text("Refused")
    expect(rows.nth(2)).to_contain_text("replaced the API token")
    rows.nth(2).locator("summary").click()
    expect(rows.nth(2)).to_contain_text("API token")
    expect(rows.nth(2)).to_contain_text("replaced")
    expect(rows.nth(2)).to_contain_text(f"Renamed by {actor}")
    expect(rows.nth(2)).to_contain_text("127.0.0.1")
    visitor.look_at("audit-opened")
    visitor.look(f"/console/audit?actor={actor}", "audit")

    page = visitor.open(f"/console/audit?actor={actor}&outcome=refused")
    expect(page.locator("tr.entry")).to_have_count(1)
    page.get_by_role("link", name="Remove the filter Outcome").click()
    expect(page.locator("tr.entry")).to_have_count(3)
    assert world.provider_id


def test_audit_filters_and_pages_are_in_the_address(visit: Visit, place: World) -> None:
    actor = f"importer-{uuid.uuid4().hex[:8]}"
    users: list[tuple[str, dict[str, str]]] = [(f"{actor}-{number}", {}) for number in range(60)]
    list(place.connector.services.users.put_all(Tenant("carbon.super"), users, actor))
    visitor = visit(javascript=False)
    page = visitor.open("/console/audit")
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Actor").fill(actor)
    page.locator("select[name=subject]").select_option("user")
    page.get_by_role("button", name="Show").click()
    assert f"actor={actor}" in page.url
    expect(page.locator("tr.entry")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tr.entry")).to_have_count(10)
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("tr.entry")).to_have_count(50)


def test_the_audit_trail_is_exported_with_its_filters(visit: Visit, place: World) -> None:
    actor = f"exported-{uuid.uuid4().hex[:8]}"
    changed(place, actor)
    visitor = visit()
    page = visitor.open(f"/console/audit?actor={actor}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    content = download.value.path().read_text(encoding="utf-8-sig")
    assert {each["actor"].split()[0] for each in csv.DictReader(io.StringIO(content))} == {actor}
    page = visitor.open("/console/audit?subject=export")
    expect(page.locator("tr.entry").first).to_contain_text("admin exported audit.csv.")


def test_the_first_audit_entry_is_the_sign_in_and_an_empty_result_has_advice(visit: Visit) -> None:
    visitor = visit(tenant=f"empty-{uuid.uuid4().hex[:8]}")
    page = visitor.open("/console/audit")
    expect(page.locator("tr.entry")).to_have_count(2)
    expect(page.locator("tr.entry").first).to_contain_text("admin signed in to the console with a link")
    visitor.look("/console/audit?actor=nobody", "audit-empty")
    page.get_by_role("link", name="Clear all filters").first.click()
    expect(page.locator("tr.entry")).to_have_count(2)
    page = visitor.open("/console/audit?subject=session&action=signed_in")
    expect(page.locator("tr.entry")).to_have_count(1)


def test_the_last_changes_of_an_object_are_shown_in_a_panel(visit: Visit, place: World) -> None:
    actor = f"panel-{uuid.uuid4().hex[:8]}"
    world, user_id = changed(place, actor)
    visitor = visit()
    page = visitor.open(f"/console/audit/changes?object={world.provider_id}")
    expect(page.locator("body")).to_contain_text(f"{actor} replaced the API token")
    page = visitor.open(f"/console/audit/changes?user={user_id}")
    expect(page.locator("body")).to_contain_text(f"{actor} added the user {user_id}.")
    page.get_by_role("link", name="In the audit trail").click()
    expect(page.locator("tr.entry")).to_have_count(1)


def test_the_audit_trail_is_hidden_from_another_tenant_and_without_the_scope(visit: Visit, place: World) -> None:
    actor = f"secret-{uuid.uuid4().hex[:8]}"
    world, user_id = changed(place, actor)
    stranger = visit(tenant="stranger.example")
    stranger.secrets += [actor, user_id]
    for query in ("", "?actor=x", f"/changes?object={world.provider_id}", "/audit.csv"):
        if query != "/audit.csv":
            stranger.open(f"/console/audit{query}")
    assert "audit.csv" in stranger.page.request.get(f"{stranger.base}/console/audit/audit.csv").text()
    assert actor not in stranger.page.request.get(f"{stranger.base}/console/audit/audit.csv").text()
    clerk = visit(scopes=("internal_idvp_view",))
    clerk.open("/console/audit", 403)
    expect(clerk.page.locator("main")).to_contain_text("internal_idv_audit_view")
    auditor = visit(scopes=("internal_idv_audit_view",))
    auditor.open(f"/console/audit?actor={actor}")
    expect(auditor.page.locator("tr.entry")).to_have_count(3)


def test_the_operator_sees_the_settings_and_the_processes_with_different_ones(visit: Visit, place: World) -> None:
    services, settings = place.connector.services, place.connector.settings
    hearts = [
        Heartbeat(services.processes, SERVE, replace(settings, event_retention_days=days), interval=0.5)
        for days in (30, 7)
    ]
    for number, heart in enumerate(hearts, start=1):
        heart.start()
        wait_until(lambda number=number: len(services.processes.running()) == number)  # type: ignore[misc]
        place.clock.advance(1)
    visitor = visit(scopes=(*ALL_SCOPES, OPERATE))
    visitor.secrets.append(settings.database_url)
    page = visitor.open("/console/settings")
    expect(page.get_by_role("row", name="database_url")).to_contain_text("Set")
    expect(page.get_by_text("runs with other settings: event_retention_days")).to_be_visible()
    visitor.look("/console/settings", "settings")
    visitor.open("/console/settings?source=environment")
    visitor.open("/console/settings/connections")
    expect(visitor.page.get_by_text("No issuer and no directory is configured.")).to_be_visible()
    visitor.look("/console/settings/connections", "connections")
    for heart in hearts:
        heart.stop()


def test_the_settings_are_shown_only_to_the_operators_tenant(visit: Visit) -> None:
    elsewhere = visit(scopes=(*ALL_SCOPES, OPERATE), tenant="stranger.example")
    for path in ("/console/settings", "/console/settings/connections", "/console/settings/connections/checks"):
        elsewhere.open(path, 403)
    expect(elsewhere.page.get_by_role("link", name="Settings in force")).to_have_count(0)
    administrator = visit()
    administrator.open("/console/settings", 403)
