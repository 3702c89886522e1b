"""The check that Onfido's events arrive: `test-connection` posts a signed event to the webhook's URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.store.models import events
from tests.contract.account import register
from tests.contract.wire import PROVIDERS, answer_on, new_provider, new_user
from tests.harness import Caller, World
from tests.loopback import serving


@pytest.fixture(scope="module")
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def provider_id(shared: World, admin: Caller) -> str:
    """A provider of the test's own, with its webhook."""
    made = new_provider(shared)
    register(admin, made, 201)
    return made


def delivery(admin: Caller, provider_id: str) -> tuple[bool | None, str]:
    body = answer_on(admin.post(f"{PROVIDERS}/{provider_id}/test-connection", None), 200)
    check = next(check for check in body["checks"] if check["name"] == "delivery")
    return check["passed"], check["detail"]


def number_of_events(shared: World) -> int:
    with shared.connector.services.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())


@contextmanager
def public_url(shared: World, url: str) -> Iterator[None]:
    """Set the connector's public URL to this one."""
    before = shared.connector.app.config["PUBLIC_URL"]
    shared.connector.app.config["PUBLIC_URL"] = url
    try:
        yield
    finally:
        shared.connector.app.config["PUBLIC_URL"] = before


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


def test_a_probe_event_arrives_and_leaves_no_rows(shared: World, admin: Caller, provider_id: str) -> None:
    before = number_of_events(shared)

    passed, detail = delivery(admin, provider_id)

    assert passed is True
    assert f"/idv/onfido/v1/{provider_id}/verify arrived here" in detail
    assert "Onfido has not posted yet" in detail
    assert number_of_events(shared) == before


def test_the_time_of_onfidos_last_event_is_reported(shared: World, admin: Caller, provider_id: str) -> None:
    _, me = new_user(shared)
    started = answer_on(me.verify(provider_id, "INITIATED"), 200)
    shared.outcome(started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])
    shared.wait_until(lambda: "Onfido last posted at 20" in delivery(admin, provider_id)[1])


def test_the_probe_requires_a_webhook_token(shared: World, admin: Caller) -> None:
    passed, detail = delivery(admin, new_provider(shared))
    assert (passed, "no webhook token" in detail) == (None, True)


@pytest.mark.parametrize(("status", "advice"), [(401, "another"), (404, "path"), (302, "proxy"), (502, "proxy")])
def test_an_unexpected_answer_to_the_probe_is_reported(
    shared: World, admin: Caller, provider_id: str, status: int, advice: str
) -> None:
    with serving(answering(status)) as url, public_url(shared, url):
        passed, detail = delivery(admin, provider_id)
    assert passed is False
    assert f"answered {status}" in detail
    assert advice in detail


def test_a_200_answer_of_another_server_is_not_accepted_as_proof(
    shared: World, admin: Caller, provider_id: str
) -> None:
    with serving(answering(200)) as url, public_url(shared, url):
        passed, detail = delivery(admin, provider_id)
    assert (passed, "is not a connector's" in detail) == (False, True)


def test_an_unreachable_public_url_is_not_checked(shared: World, admin: Caller, provider_id: str) -> None:
    with public_url(shared, "http://127.0.0.1:9"):
        passed, detail = delivery(admin, provider_id)
    assert passed is None
    assert "cannot be reached from this host" in detail


def test_the_probe_is_not_sent_to_onfido(shared: World, admin: Caller, provider_id: str) -> None:
    with public_url(shared, "http://connector.example.com"):
        passed, detail = delivery(admin, provider_id)
    assert (passed, "the check of the webhook failed" in detail) == (None, True)
