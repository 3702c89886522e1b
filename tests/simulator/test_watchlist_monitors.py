from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido

Json = dict[str, Any]


@pytest.fixture
def applicant_id(vendor: onfido.DefaultApi) -> uuid.UUID:
    return vendor.create_applicant(onfido.ApplicantBuilder(first_name="Ada", last_name="Lovelace")).id


@pytest.fixture
def monitor(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> onfido.WatchlistMonitor:
    return new_monitor(vendor, applicant_id)


@pytest.fixture
def find_matches(simulator: Simulator, http: requests.Session) -> Callable[..., requests.Response]:
    """Add matches to a monitor, as a script does."""

    def find(monitor_id: object, **body: Any) -> requests.Response:
        url = f"{simulator.url}/simulator/watchlist_monitors/{monitor_id}/matches"
        return http.post(url, json=body, timeout=60)

    return find


def new_monitor(vendor: onfido.DefaultApi, applicant_id: uuid.UUID, **values: Any) -> onfido.WatchlistMonitor:
    named: Json = {"applicant_id": applicant_id, "report_name": "watchlist_standard"} | values
    return vendor.create_watchlist_monitor(onfido.WatchlistMonitorBuilder(**named))


def test_a_monitor_is_created_with_the_sent_members(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    created = new_monitor(vendor, applicant_id, report_name="watchlist_aml", tags=["one"])
    assert (created.applicant_id, created.report_name, created.tags) == (applicant_id, "watchlist_aml", ["one"])
    assert (created.is_sandbox, created.deleted_at) == (True, None)
    assert vendor.find_watchlist_monitor(created.id) == created


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("applicant_id", "8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4e"),
        ("applicant_id", "x"),
        ("report_name", "watchlist_enhanced"),
        ("report_name", None),
        ("tags", "one"),
        ("tags", [1]),
    ],
)
def test_a_monitor_that_breaks_onfidos_rules_is_refused_by_name(
    simulator: Simulator, http: requests.Session, applicant_id: uuid.UUID, field: str, value: Any
) -> None:
    body = {"applicant_id": str(applicant_id), "report_name": "watchlist_standard"} | {field: value}
    answer = http.post(f"{simulator.api_url}/watchlist_monitors", json=body, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_monitors_are_listed_by_applicant_and_hidden_once_deleted(
    vendor: onfido.DefaultApi, applicant_id: uuid.UUID, monitor: onfido.WatchlistMonitor
) -> None:
    second = new_monitor(vendor, applicant_id)
    vendor.delete_watchlist_monitor(second.id)
    other_id = vendor.create_applicant(onfido.ApplicantBuilder(first_name="Ada", last_name="King")).id
    new_monitor(vendor, other_id)

    def ids(**query: Any) -> list[uuid.UUID]:
        return [found.id for found in vendor.list_watchlist_monitors(applicant_id, **query).monitors]

    assert ids() == ids(include_deleted=False) == [monitor.id]
    assert ids(include_deleted=True) == [monitor.id, second.id]
    assert vendor.find_watchlist_monitor(second.id).deleted_at is not None


def test_all_monitors_are_listed_if_no_applicant_is_named(
    simulator: Simulator, http: requests.Session, monitor: onfido.WatchlistMonitor
) -> None:
    answer = http.get(f"{simulator.api_url}/watchlist_monitors", timeout=60)
    assert [found["id"] for found in answer.json()["monitors"]] == [str(monitor.id)]
    assert http.get(f"{simulator.api_url}/watchlist_monitors?applicant_id=x", timeout=60).status_code == 422


def test_matches_are_found_listed_enabled_and_disabled(
    vendor: onfido.DefaultApi, monitor: onfido.WatchlistMonitor, find_matches: Callable[..., requests.Response]
) -> None:
    assert vendor.list_watchlist_monitor_matches(monitor.id).matches == []
    found = find_matches(monitor.id, count=2).json()["matches"]
    assert [match["enabled"] for match in found] == [True, True]
    first, second = (uuid.UUID(match["id"]) for match in found)

    def states(matches: onfido.WatchlistMonitorMatchesList) -> dict[uuid.UUID | None, bool | None]:
        return {match.id: match.enabled for match in matches.matches}

    disabled = onfido.WatchlistMonitorMatchesUpdater(disable=[first])
    assert states(vendor.update_watchlist_monitor_match(monitor.id, disabled)) == {first: False, second: True}
    swapped = onfido.WatchlistMonitorMatchesUpdater(enable=[first], disable=[second])
    assert states(vendor.update_watchlist_monitor_match(monitor.id, swapped)) == {first: True, second: False}
    assert states(vendor.list_watchlist_monitor_matches(monitor.id)) == {first: True, second: False}


@pytest.mark.parametrize("ids", ["x", ["x"], ["8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4e"]])
def test_an_unknown_match_is_refused(
    simulator: Simulator, http: requests.Session, monitor: onfido.WatchlistMonitor, ids: Any
) -> None:
    url = f"{simulator.api_url}/watchlist_monitors/{monitor.id}/matches"
    answer = http.patch(url, json={"disable": ids}, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["disable"]


def test_new_matches_send_an_event(
    vendor: onfido.DefaultApi,
    monitor: onfido.WatchlistMonitor,
    find_matches: Callable[..., requests.Response],
    subscribe: Callable[..., Json],
    read_event: Callable[[Json], Json],
    state_of: Callable[[], Json],
) -> None:
    webhook = subscribe(events=["watchlist_monitor.matches_updated"])
    assert find_matches(monitor.id).status_code == 200
    payload = read_event(webhook)
    assert set(payload) == {"resource_type", "action", "object"}
    assert (payload["resource_type"], payload["action"]) == ("watchlist_monitor", "watchlist_monitor.matches_updated")
    assert payload["object"]["id"] == str(monitor.id)
    assert payload["object"]["href"].endswith(f"/v3.6/watchlist_monitors/{monitor.id}")
    assert len(vendor.list_watchlist_monitor_matches(monitor.id).matches) == 1
    state = state_of()
    assert [known["id"] for known in state["watchlist_monitors"]] == [str(monitor.id)]
    assert [(each["object_id"], each["run_id"]) for each in state["deliveries"]] == [(str(monitor.id), None)]


def test_a_deleted_monitor_finds_no_matches(
    vendor: onfido.DefaultApi, monitor: onfido.WatchlistMonitor, find_matches: Callable[..., requests.Response]
) -> None:
    vendor.delete_watchlist_monitor(monitor.id)
    assert find_matches(monitor.id).status_code == 409
    assert find_matches(uuid.uuid4()).status_code == 404


def test_an_invalid_number_of_matches_is_refused(
    monitor: onfido.WatchlistMonitor, find_matches: Callable[..., requests.Response]
) -> None:
    for body in ({"count": 0}, {"count": "1"}, {"matches": 1}):
        assert find_matches(monitor.id, **body).status_code == 422


def test_an_unknown_monitor_is_not_found(vendor: onfido.DefaultApi) -> None:
    for attempt in (
        vendor.find_watchlist_monitor,
        vendor.delete_watchlist_monitor,
        vendor.list_watchlist_monitor_matches,
    ):
        with pytest.raises(onfido.exceptions.NotFoundException):
            attempt(uuid.uuid4())
