"""The start of a period, in every interface: any year is read, and the ends of the calendar are refused."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests

from tests.contract.wire import DELIVERIES, ENDPOINTS, JOBS, PROVIDERS, assert_error
from tests.harness import World

Ask = Callable[[World, str], requests.Response]
pytestmark = pytest.mark.one_database


def preview(world: World, since: str) -> requests.Response:
    return world.connector.as_admin().get(f"{DELIVERIES}/resend-preview?since={quote(since)}")


def resend(world: World, since: str) -> requests.Response:
    return world.connector.as_admin().post(f"{JOBS}/resend-deliveries", {"since": since})


def fetch(world: World, since: str) -> requests.Response:
    return world.connector.as_admin().post(f"{JOBS}/fetch-runs", {"since": since, "providerId": world.provider_id})


def recover(world: World, since: str) -> requests.Response:
    admin = world.connector.as_admin()
    body = {"url": "http://127.0.0.1:9/notices", "events": ["claims.changed"]}
    return admin.post(f"{ENDPOINTS}/{admin.post(ENDPOINTS, body).json()['id']}/recover", {"since": since})


@pytest.mark.parametrize("ask", [preview, resend, fetch, recover])
@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z"])
def test_a_time_beyond_the_calendar_is_refused(world: World, ask: Ask, since: str) -> None:
    answer = ask(world, since)

    assert_error(answer, 400, answer.json()["code"])
    assert "since" in answer.json()["description"]


@pytest.mark.parametrize("ask", [preview, resend, fetch, recover])
@pytest.mark.parametrize("since", ["0085-01-11T14:33:38Z", "0999-05-05T00:00:00", "2026-01-31T09:30:00+01:00"])
def test_a_time_of_any_year_is_accepted(world: World, ask: Ask, since: str) -> None:
    assert ask(world, since).ok


@pytest.mark.parametrize("since", ["0085-01-11T14:33:38Z", "2026-01-31T09:30:00+01:00"])
def test_a_job_for_a_time_of_any_year_completes(world: World, since: str) -> None:
    admin = world.connector.as_admin()
    for ask in (resend, fetch):
        path = f"{JOBS}/{ask(world, since).json()['id']}"
        world.wait_until(lambda path=path: admin.get(path).json()["state"] == "done")  # type: ignore[misc]


@pytest.mark.parametrize("path", [f"{PROVIDERS}/{{}}/verifications", "/api/server/v1/events", "/api/server/v1/audit"])
@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_filter_beyond_the_calendar_is_refused(world: World, path: str, since: str) -> None:
    url = f"{path.format(world.provider_id)}?from={quote(since)}"

    assert_error(world.connector.as_admin().get(url), 400, "IDVP-60004")
