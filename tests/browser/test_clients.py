"""The OpenID provider's clients in the browser: added, changed, their secret replaced, removed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.test_deliveries import confirm
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.harness import World
from tests.oidc.relying_party import REDIRECT_URI

Visit = Callable[..., Visitor]


def test_a_client_is_added_changed_and_removed(visit: Visit, place: World) -> None:
    tenant = f"tenant-{uuid.uuid4().hex[:8]}"
    with_provider(place, tenant)
    visitor = visit(tenant=tenant)
    page = visitor.open("/console")
    page.get_by_role("link", name="OpenID clients").click()
    expect(page.get_by_text("No client yet.")).to_be_visible()
    visitor.look("/console/clients", "clients-none")
    page.get_by_role("link", name="Add a client").click()
    page.get_by_label("Name", exact=True).fill("Example Workforce")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Redirect URIs")
    visitor.look_at("clients-form-refused")
    page.get_by_label("Okta: VERIFIED").check()
    page.get_by_label("Redirect URIs").fill(REDIRECT_URI)
    for claim in ("given_name", "family_name"):
        page.get_by_label(claim, exact=True).check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("It is shown only now")).to_be_visible()
    expect(page.get_by_text("so its requests are refused")).to_be_visible()
    expect(page.locator(".notice.good code")).to_have_count(1)
    visitor.look_at("clients-added")

    page.get_by_role("link", name="Change").click()
    page.get_by_label("Allow results of").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The client was changed.")).to_be_visible()
    path = page.url.removeprefix(visitor.base)
    visitor.look(path, "clients-one")
    visitor.look(f"{path}/edit", "clients-form")
    visitor.look("/console/clients", "clients-list")
    visitor.open(path)
    page.get_by_role("link", name="Replace the secret").click()
    confirm(page, "Replace")
    expect(page.get_by_text("the former one is valid until")).to_be_visible()
    page.get_by_role("link", name="Disable").click()
    confirm(page, "Disable")
    expect(page.get_by_text("The client is disabled.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The client is enabled.")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.locator("dialog[open]").get_by_label("Type Example Workforce to confirm").fill("Example Workforce")
    confirm(page, "Remove")
    expect(page.get_by_text("The client was removed.")).to_be_visible()


def test_clients_are_managed_without_javascript_and_only_with_the_scopes(visit: Visit, place: World) -> None:
    tenant = f"tenant-{uuid.uuid4().hex[:8]}"
    with_provider(place, tenant)
    visitor = visit(tenant=tenant, javascript=False)
    page = visitor.open("/console/clients/new")
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("Redirect URIs").fill(REDIRECT_URI)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_label("Type Plain to confirm").fill("Plain")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The client was removed.")).to_be_visible()
    reader = visit(tenant=tenant, scopes=("internal_idvp_view",))
    expect(reader.open("/console/clients").get_by_role("link", name="Add a client")).to_have_count(0)
    reader.open("/console/clients/new", status=403)
