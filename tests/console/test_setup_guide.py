"""The setup guide of a provider: first among the tabs until everything is set up, then one line behind the others."""

from __future__ import annotations

import re

from tests.bodies import config_properties, event_body, provider_body
from tests.console.test_every_page import sign_in
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.services.environments import LIVE, SANDBOX

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
