"""The developer's example in a browser, with a stub instead of Onfido's Web SDK."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from connector.access.development import mint_token
from connector.domain.tenancy import Tenant
from tests.browser.test_verify import fulfill
from tests.contract.wire import new_provider
from tests.harness import World
from tests.test_example_web_app import load
from tests.values import VALUES


@pytest.mark.one_database
def test_the_example_runs_with_a_stub_of_the_sdk(chromium: Browser, place: World) -> None:
    place.connector.services.users.add(Tenant(place.tenant), "example", VALUES)
    token = mint_token(place.connector.settings.data_dir, "example", ["internal_login"], place.tenant)
    environ = {"IDV_URL": place.connector.url, "PROVIDER_ID": new_provider(place), "ACCESS_TOKEN": token}
    server = make_server("127.0.0.1", 0, load().create_app(environ), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    page = chromium.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.route("https://sdk.onfido.com/**", fulfill)
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_role("status")).to_have_text("You can continue whenever you like.")
        place.clock.advance(5)
        page.get_by_role("button", name="Start").click()
        complete = page.get_by_role("button", name="Complete")
        expect(complete).to_be_visible()
        place.outcome(str(place.verifications("example")[0].run_id))
        place.clock.advance(5)
        complete.click()
        expect(page.get_by_role("status")).to_have_text("Your document was accepted.", timeout=30_000)
        expect(page.get_by_role("listitem")).to_have_text(
            ["dob: verified", "givenname: verified", "lastname: verified"], timeout=30_000
        )
    finally:
        page.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert [each for each in problems if "favicon" not in each and "404" not in each] == []
