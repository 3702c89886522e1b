"""The setup guide of a provider: first among the tabs until everything is set up, then one line behind the others."""

from __future__ import annotations

import html
import io
import re
import zipfile
from dataclasses import replace

from connector.domain.notices import FINISHED, EndpointConfig
from connector.domain.tenancy import Tenant
from tests.bodies import config_properties, event_body, provider_body
from tests.console.test_every_page import sign_in
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import World
from tests.plans.browsing import Console
from tests.plans.forms import forms_of
from tests.services.environments import LIVE, SANDBOX
from tests.services.receiving import Application, Reply

CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
TAB = re.compile(r'<a[^>]* href="/console/providers/[^/"]+/(\w+)"')


def finish(world: World, token: str = LIVE) -> None:
    """Set the provider up completely: credentials, a webhook, and a verified user."""
    admin = world.connector.as_admin(world.tenant)
    properties = config_properties(world.simulator, token=token, webhook_token=world.webhook_token)
    body = provider_body(world.simulator, configProperties=properties)
    answer = admin.put(f"{PROVIDERS}/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text
    run_id = world.start(world.add_user())
    assert world.post_event(event_body(run_id, comparisons=CLEAR)).status_code == 200
    assert admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None).ok


def test_a_complete_setup_guide_is_one_line_behind_the_other_tabs(world: World) -> None:
    path = f"/console/providers/{world.provider_id}"
    with sign_in(world) as http:
        first = http.get(world.connector.url + path, timeout=60)
        assert first.url.endswith("/setup")
        assert TAB.findall(first.text)[0] == "setup"
        assert "The webhook is registered" in first.text
        assert first.text.count("Try it as a user") == 3, "at the steps that wait for a run, and beside the guide"

        finish(world)

        opened = http.get(world.connector.url + path, timeout=60)
        assert opened.url.endswith("/attributes"), opened.text
        tabs = list(dict.fromkeys(TAB.findall(opened.text)))
        assert tabs.index("setup") == tabs.index("secrets") + 1
        guide = http.get(f"{world.connector.url}{path}/setup", timeout=60).text
        assert "All 8 steps are done." in guide
        assert "The webhook is registered" not in guide
        whole = http.get(f"{world.connector.url}{path}/setup?steps=all", timeout=60).text
        assert "The webhook is registered" in whole
        assert "steps?steps=all" in whole, "the part that is refreshed stays unfolded"


def test_the_guide_of_a_complete_sandbox_is_one_line_and_stays_one_while_it_is_checked(world: World) -> None:
    finish(world, SANDBOX)
    path = f"{world.connector.url}/console/providers/{world.provider_id}"
    with sign_in(world) as http:
        assert http.get(path, timeout=60).url.endswith("/attributes")
        with world.connector.services.health_records.checking(world.provider_id) as is_checking:
            assert is_checking
            guide = http.get(f"{path}/setup", timeout=60).text
            assert "All 8 steps are done, for the sandbox." in guide
            assert "being checked" in guide
            assert "The webhook is registered" not in guide
            assert http.get(path, timeout=60).url.endswith("/attributes")


def test_a_test_notice_completes_the_last_step_and_says_what_was_answered(world: World) -> None:
    finish(world)
    tenant, endpoints = Tenant(world.tenant), world.connector.services.endpoints
    path = f"/console/providers/{world.provider_id}/setup"
    console = Console(world, "bob", ALL_SCOPES)
    with Application() as application:
        endpoint, _secret = endpoints.add(tenant, EndpointConfig(application.url, (FINISHED,)))
        guide = console.open(path)
        assert "8 of 9 steps are done." in guide
        [action] = {each.action for each in forms_of(path, guide) if endpoint.endpoint_id in each.action}
        application.answers(Reply(503))
        assert "The test notice was not accepted" in console.submit_at(path, action)
        assert "8 of 9 steps are done." in console.open(path)
        application.answers(Reply(204))
        assert "It answered 204 in" in console.submit_at(path, action)
        assert "All 9 steps are done." in console.open(path)
        assert [each.body["type"] for each in application.received] == ["test", "test"]
    viewer = Console(world, "vera", ["internal_idvp_view"])
    assert "Send a test notice" not in viewer.open(f"{path}?steps=all")
    endpoints.change(tenant, endpoint.endpoint_id, replace(endpoint.config, url=f"{application.url}/elsewhere"))
    assert "8 of 9 steps are done." in console.open(path), "another address has accepted nothing yet"


def test_the_example_application_is_offered_with_the_variables_of_the_provider(world: World) -> None:
    console = Console(world, "vera", ["internal_idvp_view"])
    page = console.open(f"/console/providers/{world.provider_id}/setup")
    [commands] = map(html.unescape, re.findall(r'data-copy="(export [^"]*)"', page))
    url = world.connector.url
    assert commands.startswith(f"export IDV_URL={url} PROVIDER_ID={world.provider_id} SDK_URL=/sdk-stub.js ")
    with sign_in(world) as http:
        answer = http.get(f"{world.connector.url}/console/providers/{world.provider_id}/example", timeout=60)
        missing = http.get(f"{world.connector.url}/console/providers/another/example", timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert {"web-app/app.py", "web-app/page.html", "web-app/README.md"} <= set(packed.namelist())
    assert missing.status_code == 404
