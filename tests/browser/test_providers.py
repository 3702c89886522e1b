"""Providers in the console: registered, set up, changed and deleted by an administrator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, provider_body
from tests.browser.visiting import WIDE, Visitor, submit_provider
from tests.contract.wire import PROVIDERS
from tests.harness import World

Visit = Callable[..., Visitor]
OTHERS = "elsewhere.example"
TOKEN = "webhook-token-of-the-browser"
NIL = "00000000-0000-0000-0000-000000000000"
TABS = ("setup", "general", "notices", "limits", "secrets", "changes", "danger")


@pytest.fixture
def name(place: World, request: pytest.FixtureRequest) -> str:
    """A name that no other test has used."""
    return f"Onfido {abs(hash(request.node.name)) % 10**8}"


@pytest.fixture
def provider(place: World, name: str) -> str:
    """A provider that was registered over HTTP."""
    properties = config_properties(place.simulator, webhook_token=TOKEN)
    body = provider_body(place.simulator, name=name, configProperties=properties)
    answer = place.connector.as_admin().post(PROVIDERS, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def stored(place: World, provider_id: str) -> dict[str, str]:
    body = place.connector.as_admin().get(f"{PROVIDERS}/{provider_id}").json()
    return {each["key"]: each["value"] for each in body["configProperties"]} | {"name": body["name"]}


def test_a_provider_is_tested_registered_and_set_up_without_leaving_the_browser(
    visit: Visit, place: World, name: str
) -> None:
    visitor = visit()
    page = submit_provider(visitor, place, name, NIL)
    expect(page.get_by_text("It was not saved: a check failed.")).to_be_visible()
    expect(page.locator(".checks")).to_contain_text("Workflow")
    expect(page.get_by_label("API token")).to_have_value(API_TOKEN)  # in the browser only
    visitor.look_at("provider-new-refused")
    page.get_by_label("Workflow id").fill(f"https://dashboard.onfido.com/studio/workflows/{WORKFLOW_ID}/edit ")
    page.get_by_role("button", name="Test and create").click()
    expect(page.get_by_text("is registered. These steps remain.")).to_be_visible()
    provider_id = page.url.split("/")[-2]
    assert stored(place, provider_id)["workflow_id"] == WORKFLOW_ID

    steps = page.locator(".steps > li")
    expect(steps.nth(0)).to_contain_text("Done")
    expect(steps.nth(3)).to_contain_text("Failed")
    visitor.look_at("provider-setup-begun")
    page.get_by_role("button", name="Register the webhook").click()
    expect(page.get_by_text("The webhook is registered at Onfido.")).to_be_visible()
    expect(steps.nth(3)).to_contain_text("Done")
    expect(page.get_by_role("heading", name="steps are done")).to_be_visible()
    visitor.look_at("provider-setup")


@pytest.mark.one_database
def test_a_webhook_whose_address_is_wrong_is_reported_in_the_guide(
    visit: Visit, place: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visit()
    submit_provider(visitor, place, name)
    page = visitor.page
    expect(page.get_by_text("is registered. These steps remain.")).to_be_visible()
    config, steps = place.connector.app.config, page.locator(".steps > li")
    for url, said, state in (
        ("http://connector.example.com", "Onfido posts to https only, not to http://connector.example.com", "Waits"),
        ("http://127.0.0.1:9", "cannot be reached from this host", "Warning"),
        (place.simulator.api_url.rpartition("/")[0], "the path does not reach this connector", "Failed"),
    ):
        monkeypatch.setitem(config, "PUBLIC_URL", url)
        page.get_by_role("button", name="Check now").click()
        page.get_by_role("button", name=re.compile("^(Register|Repair) the webhook$")).click()
        expect(page.get_by_text(said).first).to_be_visible()
        expect(steps.nth(4)).to_contain_text(state)
    visitor.look_at("provider-setup-not-reached")
    place.faults(route="GET /webhooks", failed=-1)
    try:
        page.get_by_role("region", name="Webhook").get_by_role("button", name="Repair").click()
        page.get_by_role("link", name="Back").click()
        page.get_by_role("link", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_role("link", name="Back").click()
        expect(page.get_by_role("heading", name="Onfido reaches the connector")).to_be_visible()
    finally:
        place.faults(route="*", failed=0)
    monkeypatch.undo()
    page.get_by_role("button", name="Check now").click()
    page.get_by_role("button", name="Repair the webhook").click()
    expect(steps.nth(4)).to_contain_text("A test event of the connector's own arrived.")


@pytest.mark.one_database
def test_a_missing_value_is_reported_at_its_field(visit: Visit, place: World) -> None:
    visitor = visit()
    page = visitor.open("/console/providers/new")
    visitor.look("/console/providers/new", "provider-new")
    page.get_by_label("Workflow id").fill("no-uuid")
    page.get_by_role("button", name="Save without testing").click()
    expect(page.get_by_text("It was not saved.")).to_be_visible()
    plain = visit(javascript=False)
    page = plain.open("/console/providers/new")
    page.get_by_label("API token").fill(API_TOKEN)
    page.get_by_label("Workflow id").fill("no-uuid")
    page.get_by_role("button", name="Save without testing").click()
    expect(page.locator(".field-error")).to_contain_text("UUID")
    expect(page.get_by_label("API token")).to_have_value("")


@pytest.mark.one_database
@pytest.mark.usefixtures("provider")
def test_a_taken_name_is_reported_at_its_field_after_any_check(visit: Visit, place: World, name: str) -> None:
    page = submit_provider(visit(), place, name)
    expect(page.locator("#result")).to_contain_text("must be unique: there is a provider of this name already")
    expect(page.locator("#result")).not_to_contain_text("a check failed")


@pytest.mark.one_database
def test_a_long_name_is_wrapped(visit: Visit, place: World) -> None:
    body = provider_body(place.simulator, name="x" * 255)
    answer = place.connector.as_admin().post(PROVIDERS, body)
    assert answer.status_code == 201, answer.text
    visitor = visit()
    try:
        visitor.look("/console/providers", "providers-long-name")
        visitor.look(f"/console/providers/{answer.json()['id']}/setup", "provider-long-name")
        table = visitor.page.locator(".wide")
        visitor.page.set_viewport_size({"width": 1280, "height": 900})
        visitor.open("/console/providers")
        assert table.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
    finally:
        place.connector.as_admin().request("DELETE", f"{PROVIDERS}/{answer.json()['id']}")


def test_every_tab_is_legible_and_holds_no_secret(visit: Visit, place: World, provider: str, name: str) -> None:
    visitor = visit()
    visitor.secrets.append(TOKEN)
    place.connector.as_admin().post(f"{PROVIDERS}/{provider}/test-connection", None)
    visitor.look("/console/providers", "providers")
    row = visitor.page.get_by_role("row", name=name)
    visitor.page.set_viewport_size({"width": WIDE, "height": 900})
    for text in ("3 of 3 compared", WORKFLOW_ID[:8]):
        expect(row).to_contain_text(text)
    expect(row.get_by_role("cell").nth(6)).to_have_text("0")
    for tab in TABS:
        visitor.look(f"/console/providers/{provider}/{tab}", f"provider-{tab}")
    visitor.look(f"/console/providers/{provider}/danger/delete", "provider-delete")
    visitor.look(f"/console/providers/{provider}/import", "provider-import")


def test_secrets_are_replaced_if_onfido_accepts_them_and_kept_if_left_empty(
    visit: Visit, place: World, provider: str
) -> None:
    visitor = visit()
    visitor.secrets += [TOKEN, "another-webhook-token-of-the-browser", "no-token-of-onfidos"]
    page = visitor.open(f"/console/providers/{provider}/secrets")
    page.get_by_role("button", name="Test and replace").click()
    expect(page.get_by_text("Nothing was changed")).to_be_visible()
    page.get_by_label("API token").fill("no-token-of-onfidos")
    page.get_by_role("button", name="Test and replace").click()
    expect(page.get_by_role("alert")).to_contain_text("API token")
    page.get_by_label("Webhook token").fill("another-webhook-token-of-the-browser")
    page.get_by_role("button", name="Test and replace").click()
    expect(page.get_by_text("Replaced.")).to_be_visible()
    expect(page.get_by_role("heading", name="Overlap")).to_be_visible()
    visitor.look_at("provider-secrets-overlap")
    page.get_by_role("link", name="End the overlap now").click()
    page.get_by_role("dialog").get_by_role("button", name="End the overlap").click()
    expect(page.get_by_text("refused from now on")).to_be_visible()
    expect(page.get_by_role("heading", name="Overlap")).to_have_count(0)
    answer = place.connector.as_admin().post(f"{PROVIDERS}/{provider}/test-connection", None)
    assert next(each["passed"] for each in answer.json()["checks"] if each["name"] == "token") is True


def test_limits_and_general_settings_are_saved_and_a_wrong_value_shown_at_its_field(
    visit: Visit, place: World, provider: str
) -> None:
    visitor = visit()
    page = visitor.open(f"/console/providers/{provider}/limits")
    page.get_by_label("Verifications a user may start").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field-error")).to_contain_text("must be a number from 1")
    page.get_by_label("Verifications a user may start").fill("7")
    page.get_by_label("Within this number of hours").fill("48")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert stored(place, provider)["max_attempts"] == "7"
    assert stored(place, provider)["attempt_window"] == str(48 * 3600)
    page = visitor.open(f"/console/providers/{provider}/general")
    page.get_by_label("Workflow id").fill(NIL)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("workflow")
    assert stored(place, provider)["workflow_id"] == WORKFLOW_ID
    page.get_by_role("button", name="Save without testing").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert stored(place, provider)["workflow_id"] == NIL
    page = visitor.open(f"/console/providers/{provider}/changes")
    expect(page.get_by_role("table")).to_contain_text("Workflow id")
    visitor.look_at("provider-changes-made")


def test_a_configuration_is_exported_without_secrets_and_previewed_before_import(
    visit: Visit, place: World, provider: str, tmp_path: Path
) -> None:
    visitor = visit()
    page = visitor.open(f"/console/providers/{provider}/general")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    exported = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert not any(each["isSecret"] for each in exported["configProperties"])
    exported["description"] = "from a file"
    exported["configProperties"].append({"key": "webhook_token", "value": "a-secret-in-the-file-itself"})
    visitor.secrets.append("a-secret-in-the-file-itself")
    file = tmp_path / "provider.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    page.get_by_role("link", name="Import").click()
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Show the changes").click()
    rows = page.get_by_role("region", name="What the file changes").get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("from a file")
    visitor.look_at("provider-import-changes")
    page.get_by_role("button", name="Apply 1 change").click()
    expect(page.get_by_label("Description")).to_have_value("from a file")
    file.write_text("no JSON", encoding="utf-8")
    page = visitor.open(f"/console/providers/{provider}/import")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Show the changes").click()
    expect(page.get_by_text("must be JSON")).to_be_visible()


def test_a_provider_can_be_disabled_and_enabled_and_deleted_by_typing_its_name(
    visit: Visit, place: World, provider: str, name: str
) -> None:
    visitor = visit()
    page = visitor.open(f"/console/providers/{provider}/danger")
    page.get_by_role("link", name="Disable").click()
    expect(page.get_by_role("dialog")).to_contain_text("0 open verifications continue")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("is disabled.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("is enabled.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Removes 0 verifications")
    expect(dialog.get_by_label("Remove the webhook at Onfido first")).to_be_checked()
    dialog.get_by_label(f"Type {name} to confirm").fill(f" {name} ")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"{name} is deleted.")).to_be_visible()
    assert place.connector.as_admin().get(f"{PROVIDERS}/{provider}").status_code == 404


@pytest.mark.one_database
def test_providers_are_hidden_from_another_tenant_and_a_viewer_has_no_buttons(
    visit: Visit, place: World, provider: str, name: str
) -> None:
    others = visit(tenant=OTHERS)
    others.open("/console/providers")
    assert "No provider yet." in others.text()
    others.look_at("providers-none")
    for tab in (*TABS, "import", "export", "danger/delete", "danger/disable", "setup/steps"):
        others.open(f"/console/providers/{provider}/{tab}", status=404)
    viewer = visit(scopes=("internal_idvp_view",))
    page = viewer.open(f"/console/providers/{provider}/setup")
    expect(page.get_by_role("button", name="Check now")).to_have_count(0)
    for tab in ("general", "limits", "secrets"):
        viewer.open(f"/console/providers/{provider}/{tab}")
        expect(page.locator("main form button")).to_have_count(0)
    viewer.open(f"/console/providers/{provider}/danger")
    assert "Disable" in viewer.text()
    expect(page.locator("main").get_by_role("link", name="Disable")).to_have_count(0)
    viewer.open("/console/providers/new", status=403)
    viewer.open(f"/console/providers/{provider}/changes", status=403)
