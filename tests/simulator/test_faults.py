from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connector.simulator.faults import ALWAYS, Faults
from connector.simulator.server import Simulator
from tests import vendor as onfido
from tests.waiting import wait_until

Json = dict[str, Any]
Received = queue.Queue[tuple[bytes, str]]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]
SetFaults = Callable[..., Json]
StateOf = Callable[[], Json]

ADA = {"first_name": "Ada", "last_name": "Lovelace"}


def actions(received: Received, count: int) -> list[str]:
    return [json.loads(received.get(timeout=60)[0])["payload"]["action"] for _ in range(count)]


def test_latency_delays_every_call_of_the_route(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults
) -> None:
    set_faults(latency_ms=500, route="GET /applicants")
    started = time.monotonic()
    http.get(f"{simulator.api_url}/applicants", timeout=60).raise_for_status()
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize("end", ["switch", "route", "reset"])
def test_latency_that_is_switched_off_delays_no_more_calls(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults, state_of: StateOf, end: str
) -> None:
    set_faults(latency_ms=50_000, route="GET /applicants")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(http.get, f"{simulator.api_url}/applicants", timeout=60)
        wait_until(lambda: "GET /applicants" in state_of()["requests"])
        if end == "reset":
            http.post(f"{simulator.url}/simulator/reset", timeout=60).raise_for_status()
        else:
            set_faults(**{"latency_ms": 0} if end == "switch" else {"route": "GET /webhooks"})
        assert held.result(30).status_code == 200


def test_latency_delays_no_call_of_another_route(http: requests.Session) -> None:
    with ThreadPoolExecutor(1) as pool, Simulator() as own:
        faults = {"latency_ms": 50_000, "route": "GET /applicants"}
        http.patch(f"{own.url}/simulator/faults", json=faults, timeout=60).raise_for_status()
        held = pool.submit(http.get, f"{own.api_url}/applicants", timeout=60)
        wait_until(lambda: http.get(f"{own.url}/simulator/state", timeout=60).json()["requests"])
        http.get(f"{own.api_url}/webhooks", timeout=60).raise_for_status()
        assert not held.done(), "later calls have waited as well"


def test_the_next_calls_are_throttled_without_effect(
    vendor: onfido.DefaultApi, set_faults: SetFaults, state_of: StateOf
) -> None:
    set_faults(throttled=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(onfido.ApiException) as refused:
            vendor.create_applicant(onfido.ApplicantBuilder(first_name="Ada", last_name="Lovelace"))
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "7"
        assert '"rate_limit"' in str(refused.value.body)
    assert vendor.list_applicants().applicants == []
    assert [entry["route"] for entry in state_of()["throttled"]] == ["POST /applicants"] * 2


def test_a_switch_at_minus_one_stays_on(simulator: Simulator, http: requests.Session, set_faults: SetFaults) -> None:
    set_faults(failed=ALWAYS, failed_status=502)
    for _ in range(3):
        answer = http.get(f"{simulator.api_url}/applicants", timeout=60)
        assert answer.status_code == 502
        assert answer.json()["error"]["type"] == "internal_server_error"
    set_faults(failed=0)
    assert http.get(f"{simulator.api_url}/applicants", timeout=60).status_code == 200


@pytest.mark.parametrize("status", [408, 499])
def test_a_failure_below_500_is_a_page_as_from_a_proxy(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults, state_of: StateOf, status: int
) -> None:
    set_faults(failed=1, failed_after=1, failed_status=status, route="POST /applicants")
    for made in (0, 1):
        answer = http.post(f"{simulator.api_url}/applicants", json=ADA, timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert state_of()["counts"]["applicants"] == made


def test_a_call_failed_afterwards_has_taken_effect(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults, state_of: StateOf
) -> None:
    set_faults(failed_after=1, failed_status=500, route="POST /applicants")
    assert http.get(f"{simulator.api_url}/applicants", timeout=60).status_code == 200
    assert http.post(f"{simulator.api_url}/applicants", json=ADA, timeout=60).status_code == 500
    assert state_of()["counts"]["applicants"] == 1
    assert http.post(f"{simulator.api_url}/applicants", json=ADA, timeout=60).status_code == 201


def test_a_call_whose_answer_is_dropped_has_taken_effect(
    simulator: Simulator, http: requests.Session, new_run: NewRun, set_faults: SetFaults, state_of: StateOf
) -> None:
    run = new_run()
    body = {"workflow_id": run["workflow_id"], "applicant_id": run["applicant_id"], "tags": ["attempt-2"]}
    set_faults(dropped_after=1, route="POST /workflow_runs")
    with pytest.raises(requests.ConnectionError):
        http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60)
    assert [known["tags"] for known in state_of()["runs"]] == [[], ["attempt-2"]]
    assert http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60).status_code == 201


def test_only_lost_webhooks_of_the_event_are_never_sent(
    received: Received,
    subscribe: Callable[..., Json],
    new_run: NewRun,
    end_run: EndRun,
    set_faults: SetFaults,
    state_of: StateOf,
) -> None:
    subscribe(events=["workflow_run.completed", "workflow_task.started"])
    set_faults(webhooks_lost=1, event="workflow_run.completed")
    end_run(new_run(), comparisons=None)
    end_run(new_run(), comparisons=None)
    expected = ["workflow_task.started", "workflow_task.started", "workflow_run.completed"]
    assert actions(received, 3) == expected
    lost = [delivery for delivery in state_of()["deliveries"] if delivery["lost"]]
    assert [(delivery["event"], delivery["attempts"]) for delivery in lost] == [("workflow_run.completed", 0)]


def test_duplicate_webhooks_arrive_twice_with_the_same_bytes(
    received: Received, subscribe: Callable[..., Json], new_run: NewRun, end_run: EndRun, set_faults: SetFaults
) -> None:
    subscribe()
    set_faults(webhooks_doubled=1)
    end_run(new_run())
    assert received.get(timeout=60) == received.get(timeout=60)


def test_delayed_webhooks_arrive_after_later_ones(
    received: Received, subscribe: Callable[..., Json], new_run: NewRun, end_run: EndRun, set_faults: SetFaults
) -> None:
    subscribe()
    first, second = new_run(), new_run()
    set_faults(webhook_delay_ms=200)
    end_run(first)
    set_faults(webhook_delay_ms=0)
    end_run(second)
    ids = [json.loads(received.get(timeout=60)[0])["payload"]["object"]["id"] for _ in range(2)]
    assert ids == [second["id"], first["id"]]


def test_the_events_of_one_step_can_arrive_in_reverse_order(
    received: Received, subscribe: Callable[..., Json], new_run: NewRun, end_run: EndRun, set_faults: SetFaults
) -> None:
    subscribe(events=["workflow_run.completed", "workflow_task.completed"])
    set_faults(events_reordered=1)
    end_run(new_run())
    expected = ["workflow_run.completed", "workflow_task.completed", "workflow_task.completed"]
    assert actions(received, 3) == expected


def test_an_early_run_is_reported_before_the_answer_that_creates_it(
    simulator: Simulator,
    http: requests.Session,
    received: Received,
    subscribe: Callable[..., Json],
    new_run: NewRun,
    set_faults: SetFaults,
    state_of: StateOf,
) -> None:
    subscribe()
    set_faults(runs_early=1)
    run = new_run()
    body, _ = received.get_nowait()
    assert json.loads(body)["payload"]["object"] == {
        "id": run["id"],
        "status": "approved",
        "completed_at_iso8601": run["updated_at"],
        "href": f"{simulator.api_url}/workflow_runs/{run['id']}",
    }
    assert state_of()["deliveries"][0]["last_status"] == 200
    assert run["status"] == "awaiting_input"
    assert http.get(f"{simulator.api_url}/workflow_runs/{run['id']}", timeout=60).json()["status"] == "approved"


def test_an_early_run_does_not_wait_for_a_lost_webhook(
    received: Received, subscribe: Callable[..., Json], new_run: NewRun, set_faults: SetFaults
) -> None:
    subscribe()
    set_faults(runs_early=1, webhooks_lost=1)
    assert new_run()["status"] == "awaiting_input"
    assert received.empty()


def test_an_instant_run_has_ended_in_the_answer_that_creates_it(
    received: Received, subscribe: Callable[..., Json], new_run: NewRun, set_faults: SetFaults
) -> None:
    subscribe()
    set_faults(runs_instant=1)
    run = new_run()
    assert (run["status"], run["sdk_token"]) == ("approved", None)
    assert actions(received, 1) == ["workflow_run.completed"]
    assert new_run()["status"] == "awaiting_input"


def test_a_run_can_be_created_without_its_token(
    simulator: Simulator, http: requests.Session, new_run: NewRun, set_faults: SetFaults
) -> None:
    set_faults(runs_without_sdk_token=1)
    run = new_run()
    assert run["sdk_token"] is None
    body = {"applicant_id": run["applicant_id"]}
    assert http.post(f"{simulator.api_url}/sdk_token", json=body, timeout=60).json()["token"]


def test_the_remaining_count_of_a_switch_can_be_read(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults
) -> None:
    assert set_faults(throttled=2)["throttled"] == 2
    http.get(f"{simulator.api_url}/applicants", timeout=60)
    faults = http.get(f"{simulator.url}/simulator/faults", timeout=60).json()
    assert faults == Faults(throttled=1).as_json()


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("throttled", -2),
        ("throttled", True),
        ("throttled", "1"),
        ("latency_ms", 1.5),
        ("latency_ms", 10**9),
        ("failed_status", 399),
        ("route", "POST /workflows"),
        ("route", ""),
        ("event", "workflow_run.finished"),
        ("output_shape", "round"),
        ("thottled", 1),
    ],
)
def test_an_invalid_switch_is_refused_and_none_is_set(
    simulator: Simulator, http: requests.Session, switch: str, value: Any
) -> None:
    body = {"webhooks_lost": 3} | {switch: value}
    answer = http.patch(f"{simulator.url}/simulator/faults", json=body, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [switch]
    assert http.get(f"{simulator.url}/simulator/faults", timeout=60).json() == Faults().as_json()


def test_a_simulator_does_not_start_with_invalid_switches() -> None:
    with pytest.raises(ValueError, match="throttled"):
        Faults(throttled=-2)
    with pytest.raises(ValueError, match="POST /workflows"):
        Simulator(faults=Faults(route="POST /workflows"))


def test_a_reset_deletes_everything_and_resets_the_switches(http: requests.Session) -> None:
    with Simulator(faults=Faults(retry_after=9)) as simulator:
        http.post(f"{simulator.api_url}/applicants", json=ADA, timeout=60).raise_for_status()
        http.post(f"{simulator.api_url}/webhooks", json={"url": "https://example.org/"}, timeout=60).raise_for_status()
        http.patch(f"{simulator.url}/simulator/faults", json={"retry_after": 1}, timeout=60).raise_for_status()
        assert http.post(f"{simulator.url}/simulator/reset", timeout=60).status_code == 204
        state = http.get(f"{simulator.url}/simulator/state", timeout=60).json()
        assert state["counts"] == {"applicants": 0, "runs": 0, "webhooks": 0}
        assert (state["requests"], state["runs"], state["deliveries"], state["throttled"]) == ({}, [], [], [])
        assert http.get(f"{simulator.url}/simulator/faults", timeout=60).json()["retry_after"] == 9


def test_the_state_lists_the_calls(new_run: NewRun, http: requests.Session, state_of: StateOf) -> None:
    run = new_run()
    http.get(run["link"]["url"].replace("/link/", "/v3.6/workflow_runs/"), timeout=60).raise_for_status()
    state = state_of()
    assert state["requests"] == {
        "POST /applicants": 1,
        "POST /workflow_runs": 1,
        "GET /workflow_runs/{run_id}": 1,
    }
    assert state["counts"] == {"applicants": 1, "runs": 1, "webhooks": 0}
    assert state["runs"] == [
        {
            "id": run["id"],
            "applicant_id": run["applicant_id"],
            "tags": [],
            "status": "awaiting_input",
            "workflow_id": run["workflow_id"],
            **dict.fromkeys(("customer_user_id", "custom_data", "link")),
        }
    ]
