"""Secrets that were typed are not sent back: not with an error, a conflict or the next page, and are in no log."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from tests.bodies import WORKFLOW_ID
from tests.console.test_every_page import planted, sign_in
from tests.console.test_permissions import token_of
from tests.harness import World

__all__ = ["planted"]
pytestmark = pytest.mark.one_database

TYPED = "typed-and-never-shown"
STALE = json.dumps({"credentials_set_at": "2020-01-01T00:00:00+00:00"})
Fields = Mapping[str, str]
NEW: Fields = {"name": "Second", "workflow_id": WORKFLOW_ID, "dialect": "wso2", "token": f"api_live.{TYPED}"}
POSTS: Mapping[str, tuple[str, Fields, int]] = {
    "without a workflow": ("new", {**NEW, "workflow_id": ""}, 200),
    "an invalid workflow": ("new", {**NEW, "workflow_id": "w", "do": "save"}, 200),
    "a name that is taken": ("new", {**NEW, "name": "Planted provider", "do": "save"}, 200),
    "a token and a client": ("new", {**NEW, "client_id": "c", "client_secret": TYPED, "do": "save"}, 200),
    "a host that is not allowed": ("new", {**NEW, "base_url": "https://evil.example/v3.6"}, 200),
    "a token with a line break": ("{id}/secrets", {"api_token": f"{TYPED}\n{TYPED}", "do": "save"}, 200),
    "a client without its id": ("{id}/secrets", {"client_secret": TYPED, "do": "save"}, 200),
    "a secret for notices that is none": ("{id}/secrets", {"notice_secret": TYPED, "do": "save"}, 200),
    "credentials that were replaced": ("{id}/secrets", {"api_token": TYPED, "shown": STALE, "do": "save"}, 409),
    "a webhook token with a line break": ("{id}/setup/webhook-token", {"webhook_token": f"{TYPED}\n{TYPED}"}, 302),
    "a secret in a file": (
        "{id}/import",
        {"text": json.dumps({"configProperties": [{"key": "token", "value": TYPED}]})},
        200,
    ),
}


def test_a_typed_secret_is_not_sent_back(world: World, planted: Mapping[str, str]) -> None:
    browser, base = sign_in(world), f"{world.connector.url}/console/providers"
    token = token_of(world, browser)
    with capture_logs() as logs:
        for case, (path, fields, status) in POSTS.items():
            for headers in ({}, {"HX-Request": "true"}):
                url, data = f"{base}/{path.format(id=planted['provider_id'])}", {"csrf_token": token, **fields}
                answer = browser.post(url, data, headers=headers, timeout=60, allow_redirects=False)
                assert (answer.status_code, TYPED in answer.text) == (status, False), case
                assert TYPED not in str(answer.headers), case
                assert TYPED not in browser.get(f"{base}/{planted['provider_id']}/setup", timeout=60).text, case
            assert TYPED not in str(logs), case
