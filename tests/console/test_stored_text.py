"""Stored text that UTF-8 cannot encode is shown escaped: JSON may contain halves of surrogate pairs."""

from __future__ import annotations

import json
import re

import pytest

from connector.api.csv_lines import sheet_pieces
from connector.domain.text import encodable, json_text
from tests.console.test_every_page import sign_in
from tests.harness import World

HALF = "a\ud800"
DEEP = json.loads("[" * 400 + "]" * 400)


@pytest.mark.parametrize(
    ("output", "shown_text"), [({"note": HALF}, "a\\ud800"), (DEEP, "[" * 400)], ids=["half a surrogate", "deep"]
)
def test_an_events_body_with_any_text_is_shown(world: World, output: object, shown_text: str) -> None:
    run_id = world.start(world.add_user("ann"))
    payload = {
        "resource_type": "workflow_run",
        "action": "workflow_run.completed",
        "object": {"id": run_id, "status": "approved", "completed_at_iso8601": "2026-01-01T00:00:00Z"},
        "resource": {"id": run_id, "status": "approved", "output": output},
    }
    assert world.post_event(json.dumps({"payload": payload}).encode()).status_code == 200
    event_id = world.connector.as_admin().get("/api/server/v1/events").json()["events"][0]["id"]

    browser = sign_in(world)
    page = f"{world.connector.url}/console/events/{event_id}"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(page, timeout=60).text)
    assert token is not None
    shown = browser.post(f"{page}/body", data={"csrf_token": token[1]}, headers={"Referer": page}, timeout=60)

    assert shown.status_code == 200, shown.text
    assert shown_text in shown.text


@pytest.mark.parametrize(
    ("text", "encoded"),
    [("", ""), ("Zoë 山田 \U0001f469", "Zoë 山田 \U0001f469"), (HALF, "a\\ud800"), ("\udfff\ud800", "\\udfff\\ud800")],
    ids=ascii,
)
def test_text_that_cannot_be_encoded_is_replaced_and_other_text_kept(text: str, encoded: str) -> None:
    assert encodable(text) == encoded
    encoded.encode()


def test_readable_json_is_equal_to_its_source() -> None:
    value = {"note": HALF, "name": "Zoë", "list": ["\udc00"]}

    assert json.loads(json_text(value).encode()) == value
    assert "Zoë" in json_text(value, indent=2)


def test_every_cell_of_a_sheet_can_be_encoded() -> None:
    assert "".join(sheet_pieces(["note"], [[HALF]])).encode().decode().endswith("a\\ud800\r\n")
