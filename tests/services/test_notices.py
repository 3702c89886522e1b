"""Notices to applications: signed, retried until they are accepted, and their answers."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from connector.domain.tenancy import Tenant
from connector.http.client import HttpClient
from connector.http.webhook_sender import MAX_ANSWER, NotAccepted, Notifier, signature_headers
from connector.services.application.tasks import MAX_DATA, MAX_DEPTH
from connector.services.outbox import Undeliverable
from connector.services.results.deliveries import NotifyOfTask
from connector.store.models import events, verifications
from tests.bodies import event_body
from tests.harness import Caller, ConnectorServer, World
from tests.services.ageing import let_pass
from tests.services.receiving import (
    DECIDING,
    SCORE,
    SCORING,
    SECRET,
    Application,
    Reply,
    deliver_again,
    failures_of,
    newest_task,
    notices,
    output_of,
    rows_of,
    start_waiting,
    task_event,
    use_studio,
    use_workflow,
    wait_for,
    wait_for_failure,
)
from tests.waiting import GENEROUS

COMPLETE = "POST /workflow_runs/{run_id}/tasks/{task_id}/complete"
A_MINUTE = timedelta(minutes=1)
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"


@pytest.fixture
def ann(world: World, application: Application) -> Caller:
    """A user of a provider whose workflow has one task that waits for the application."""
    use_studio(world, notices=notices(application, SCORE))
    use_workflow(world, SCORING)
    return world.add_user()


def verification_of(world: World, run_id: str) -> str:
    return world.connector.services.lookup.find(Tenant(world.tenant), run_id).verification_id


def post(url: str, **timeout: float) -> bytes | None:
    body = json.dumps({"type": "test"})
    return Notifier(HttpClient(), **timeout).post(url, [SECRET], "id-1", body, datetime.now(UTC)).body


def refused(url: str, **timeout: float) -> NotAccepted:
    with pytest.raises(NotAccepted) as caught:
        post(url, **timeout)
    return caught.value


# One notice on its way


def test_the_signature_matches_the_specifications_example() -> None:
    headers = signature_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        '{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_notice_is_posted_with_its_signature_and_the_answer_returned(application: Application) -> None:
    application.answers(Reply(201, b"thanks"))

    assert post(application.url) == b"thanks"

    [received] = application.received
    assert received.is_signed
    assert (received.path, received.body) == ("/hooks/onfido?app=1", {"type": "test"})
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == "onfido-idvp-connector"


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 410, 429, 500, 503])
def test_any_answer_that_is_not_a_success_is_reported_by_its_status(application: Application, status: int) -> None:
    application.answers(Reply(status))

    error = refused(application.url)

    assert (error.status, f"{application.host} answered HTTP {status}" in error.description) == (status, True)


def test_redirect_is_not_followed_and_its_body_is_not_read(application: Application) -> None:
    with Application() as elsewhere:
        endless = Reply(307, b"x" * 20, {"Location": elsewhere.url}, delay=0.2, chunk=1)
        application.answers(endless)

        error = refused(application.url)

        assert (error.status, "redirects are not followed" in error.description) == (307, True)
        assert elsewhere.received == []


def test_a_receiver_that_does_not_answer_in_time_is_given_up(application: Application) -> None:
    application.answers(Reply(200, delay=5))

    assert refused(application.url, timeout=0.2).description == f"{application.host} gave no answer: no answer in time."


def test_slow_answer_times_out(application: Application) -> None:
    application.answers(Reply(200, b"x" * 100, delay=0.1, chunk=1))

    assert "no answer in time" in refused(application.url, timeout=0.4).description


def test_an_unreachable_or_disconnecting_receiver_is_reported_without_the_address(application: Application) -> None:
    application.answers(Reply(hangs_up=True))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"http://127.0.0.1:{closed.getsockname()[1]}/hooks/secret?key=secret"

    for error in (refused(application.url), refused(away)):
        assert (error.status, "gave no answer" in error.description) == (None, True)
        assert "secret" not in error.description


def test_an_oversized_answer_is_not_read(application: Application) -> None:
    application.answers(Reply(200, b"x" * (MAX_ANSWER + 2_000_000)))

    assert post(application.url) is None


def test_credentials_of_the_environment_are_not_sent(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    post(application.url)

    assert "authorization" not in application.received[0].headers


# A task that waits for the application


def test_the_application_is_notified_of_a_task_and_its_answer_completes_it(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers_data({"score": 7})

    run_id, task_id = start_waiting(world, ann)

    row = wait_for(world, NotifyOfTask.kind, "done")
    [received] = application.received
    assert received.is_signed
    notice = received.body
    assert received.headers["webhook-id"] == notice["id"]
    assert datetime.fromisoformat(notice["at"]) <= datetime.now(UTC)
    assert notice["type"] == "task.started"
    assert notice["data"] == {
        "tenant": world.tenant,
        "providerId": world.provider_id,
        "userId": "ann",
        "verificationId": verification_of(world, run_id),
        "runId": run_id,
        "dashboardUrl": f"{world.simulator.url}/runs/{run_id}",
        "taskId": task_id,
        "taskDefId": SCORE,
        "taskDefVersion": "3",
        "input": {"last_name": "Zebulon"},
    }
    assert output_of(world, run_id, task_id) == {"score": 7}
    assert "Zebulon" not in str(row)
    world.wait_until(lambda: world.connector.services.lookup.find(Tenant(world.tenant), run_id).closed_at is not None)


def test_completing_a_task_by_an_answer_is_in_the_history_without_the_data(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers_data({"score": 918273645})

    run_id, task_id = start_waiting(world, ann)

    wait_for(world, NotifyOfTask.kind, "done")
    told = world.connector.services.lookup.get(Tenant(world.tenant), run_id).history
    [entry] = [each for each in told if each.current == "task_completed"]
    assert (entry.subject, entry.name, entry.cause) == ("run", run_id, "notice_answered")
    assert entry.actor == application.received[0].body["id"]
    assert entry.detail == {"task_id": task_id, "task_def_id": SCORE}
    assert "918273645" not in str(told)


def test_an_application_that_answers_a_notice_without_data_completes_the_task_later(
    world: World, ann: Caller, application: Application
) -> None:
    bodies = (b"", b"thanks", b"[]", b"{}", b'{"data": "text"}', b'{"data": null}', b"\xff", b"[" * 9000)
    use_workflow(world, *[SCORING] * len(bodies))
    application.answers(*(Reply(200, body) for body in bodies))
    tasks = world.connector.services.tasks
    run_id, task_id = start_waiting(world, ann)

    for number in range(1, len(bodies) + 1):
        wait_for(world, NotifyOfTask.kind, "done", number)
        task_id = newest_task(world, run_id)
        assert output_of(world, run_id, task_id) is None
        tasks.complete(Tenant(world.tenant), run_id, task_id, {"score": number})
        assert output_of(world, run_id, task_id) == {"score": number}


def test_a_notice_that_was_not_accepted_is_repeated_with_the_same_id(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers(Reply(500), Reply(hangs_up=True), Reply())

    start_waiting(world, ann)

    database = world.connector.services.database
    for number in (1, 2):
        wait_for_failure(world, NotifyOfTask.kind, number)
        let_pass(database, A_MINUTE)
    row = wait_for(world, NotifyOfTask.kind, "done")
    assert [attempt.get("status") for attempt in row.history] == [500, None, 204]
    reasons = [attempt["reason"] for attempt in row.history[:-1]]
    assert reasons == [
        f"NotAccepted: {application.host} answered HTTP 500.",
        f"NotAccepted: {application.host} gave no answer: RemoteDisconnected.",
    ]
    assert len(application.received) == 3
    assert len({each.raw for each in application.received}) == 1
    assert len({each.headers["webhook-id"] for each in application.received}) == 1


def test_an_application_that_answers_410_is_not_notified_again(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers(Reply(410))

    start_waiting(world, ann)

    row = wait_for(world, NotifyOfTask.kind, "dead")
    assert row.history[-1]["reason"].startswith(f"Undeliverable: {application.host} answered HTTP 410.")


def test_data_refused_by_onfido_must_be_corrected_by_the_application(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers_data({"score": "seven-and-a-half"})

    run_id, task_id = start_waiting(world, ann)

    row = wait_for(world, NotifyOfTask.kind, "dead")
    [attempt] = row.history
    assert "OIDV-10047 Onfido refused the task's data (data.score, " in attempt["reason"]
    assert "seven" not in str(row.history)
    world.connector.services.tasks.complete(Tenant(world.tenant), run_id, task_id, {"score": 7.5})
    assert output_of(world, run_id, task_id) == {"score": 7.5}


def nested(depth: int) -> Any:
    data: Any = []
    for _ in range(depth - 1):
        data = [data]
    return data


def test_answers_that_no_task_accepts_are_refused_by_the_connector(
    world: World, ann: Caller, application: Application
) -> None:
    refused: dict[str, Any] = {
        "at most 61440 characters": {"score": "x" * MAX_DATA},
        "nested at most 32 times": nested(MAX_DEPTH + 1),
        "only numbers that JSON supports": {"score": float("inf")},
        "at most 1048576 bytes": {"score": "x" * MAX_ANSWER},
    }
    use_workflow(world, *[SCORING] * len(refused))
    application.answers(*(Reply(200, json.dumps({"data": data}).encode()) for data in refused.values()))
    run_id, _ = start_waiting(world, ann)

    for number, why in enumerate(refused, start=1):
        wait_for(world, NotifyOfTask.kind, "dead", number)
        assert [why in row.history[-1]["reason"] for row in rows_of(world, NotifyOfTask.kind)].count(True) == 1
        task_id = newest_task(world, run_id)
        assert output_of(world, run_id, task_id) is None
        world.connector.services.tasks.complete(Tenant(world.tenant), run_id, task_id, {"score": number})


# Interrupted and repeated deliveries


def fail_first(world: World, ann: Caller, application: Application, **fault: int) -> tuple[str, str]:
    """Fail the completion of a task once, and make its delivery due again; return the run and the task."""
    application.answers_data({"score": 7})
    world.faults(route=COMPLETE, **fault)
    started = start_waiting(world, ann)
    wait_for_failure(world, NotifyOfTask.kind)
    let_pass(world.connector.services.database, A_MINUTE)
    return started


def test_a_notice_of_a_killed_worker_is_sent_again_by_another(
    world: World, ann: Caller, application: Application
) -> None:
    run_id, task_id = fail_first(world, ann, application, failed=1)

    wait_for(world, NotifyOfTask.kind, "done")
    assert len(application.received) == 2
    assert len({each.body["id"] for each in application.received}) == 1
    assert output_of(world, run_id, task_id) == {"score": 7}


def test_a_completion_whose_answer_was_lost_is_not_sent_again(
    world: World, ann: Caller, application: Application
) -> None:
    run_id, task_id = fail_first(world, ann, application, dropped_after=1)

    assert len(wait_for(world, NotifyOfTask.kind, "done").history) == 1
    assert len(application.received) == 1
    assert output_of(world, run_id, task_id) == {"score": 7}


def test_a_repeated_delivery_of_a_task_completed_with_empty_data_succeeds(
    world: World, ann: Caller, application: Application
) -> None:
    use_workflow(world, SCORING | {"output_schema": None}, SCORING | {"task_def_id": "unlisted"})
    application.answers_data({})
    start_waiting(world, ann)
    wait_for(world, NotifyOfTask.kind, "done")

    deliver_again(world, NotifyOfTask.kind)

    assert failures_of(wait_for(world, NotifyOfTask.kind, "done")) == []
    assert len({each.body["id"] for each in application.received}) == 1


def test_a_repeated_delivery_after_completion_does_nothing(world: World, ann: Caller, application: Application) -> None:
    use_workflow(world, SCORING, SCORING | {"task_def_id": "unlisted"})  # so that the run continues
    application.answers_data({"score": 7})
    run_id, _ = start_waiting(world, ann)
    wait_for(world, NotifyOfTask.kind, "done")

    deliver_again(world, NotifyOfTask.kind)

    assert failures_of(wait_for(world, NotifyOfTask.kind, "done")) == []
    assert len(application.received) == 1
    assert newest_task(world, run_id).startswith("unlisted_")


def test_a_task_completed_meanwhile_by_another_caller_is_not_a_failure(
    world: World, ann: Caller, application: Application
) -> None:
    application.answers(Reply(200, json.dumps({"data": {"score": 7}}).encode(), delay=GENEROUS))
    run_id, task_id = start_waiting(world, ann)
    world.wait_until(lambda: bool(application.received))

    world.connector.services.tasks.complete(Tenant(world.tenant), run_id, task_id, {"score": 1})
    application.is_stopping.set()  # now it answers

    assert failures_of(wait_for(world, NotifyOfTask.kind, "done")) == []
    assert output_of(world, run_id, task_id) == {"score": 1}


# Events


def test_a_duplicate_event_is_announced_once(world: World, ann: Caller, application: Application) -> None:
    world.faults(webhooks_doubled=-1)

    run_id, task_id = start_waiting(world, ann)
    wait_for(world, NotifyOfTask.kind, "done")
    for indent in (1, 2, 3):
        assert world.post_event(task_event(run_id, task_id, indent=indent)).status_code == 200

    assert len(rows_of(world, NotifyOfTask.kind)) == 1
    assert len(application.received) == 1


def test_an_event_before_its_run_is_known_is_parked(world: World, ann: Caller, application: Application) -> None:
    world.faults(runs_early=1)

    run_id = world.start(ann)

    wait_for(world, NotifyOfTask.kind, "done")
    assert [each.body["data"]["runId"] for each in application.received] == [run_id]
    assert states(world, "workflow_task.started") == {"applied": 1, "noted": 2}


def test_an_early_task_and_an_early_result_are_both_applied(
    world: World, ann: Caller, application: Application
) -> None:
    world.faults(route="POST /workflow_runs", dropped_after=1, output_shape="none")
    assert ann.verify(world.provider_id, "INITIATED").status_code == 503
    [run] = world.onfido_state()["runs"]
    world.outcome(run["id"])
    assert world.post_event(event_body(run["id"], "review")).status_code == 200  # without a comparison: Onfido is asked
    world.wait_until(lambda: states(world, "workflow_task.started") == {"parked": 1, "noted": 2})

    assert ann.verify(world.provider_id, "INITIATED").status_code == 200

    wait_for(world, NotifyOfTask.kind, "done")
    assert len(application.received) == 1


def test_an_event_after_the_end_of_the_run_is_not_announced(
    world: World, ann: Caller, application: Application
) -> None:
    use_workflow(world)
    run_id = world.start(ann)
    world.outcome(run_id)
    world.wait_until(lambda: world.connector.services.lookup.find(Tenant(world.tenant), run_id).closed_at is not None)

    assert world.post_event(task_event(run_id, "risk_score_1")).status_code == 200

    wait_for(world, NotifyOfTask.kind, "done")
    assert application.received == []


def test_events_of_unlisted_tasks_are_noted_at_once(world: World, ann: Caller, application: Application) -> None:
    use_workflow(world, SCORING | {"task_def_id": "another"})

    run_id, task_id = start_waiting(world, ann)
    assert world.post_event(task_event(UNKNOWN, "another_1", "another")).status_code == 200

    world.wait_until(lambda: states(world, "workflow_task.started") == {"noted": 4})
    assert rows_of(world, NotifyOfTask.kind) == []
    assert output_of(world, run_id, task_id) is None
    assert application.received == []


def test_no_task_is_announced_without_an_address(world: World, application: Application) -> None:
    use_workflow(world, DECIDING)
    use_studio(world)

    start_waiting(world, world.add_user())

    world.wait_until(lambda: states(world, "workflow_task.started") == {"noted": 3})
    assert rows_of(world, NotifyOfTask.kind) == []


def test_a_task_event_without_task_or_run_is_noted(world: World, ann: Caller) -> None:
    told: dict[str, Any] = {"task_def_id": SCORE}
    payload = {"resource_type": "workflow_task", "action": "workflow_task.started", "object": told}
    for more in ({}, {"id": "risk_score_1"}, {"workflow_run_id": UNKNOWN}):
        body = json.dumps({"payload": payload | {"object": told | more}}).encode()
        assert world.post_event(body).status_code == 200

    assert states(world, "workflow_task.started") == {"noted": 3}


def states(world: World, kind: str) -> dict[str, int]:
    """Return the number of a kind's events, by state."""
    counted: dict[str, int] = {}
    with world.connector.services.database.read() as connection:
        for row in connection.execute(events.select().where(events.c.kind == kind)):
            counted[row.state] = counted.get(row.state, 0) + 1
    return counted


# Manual decisions


@pytest.mark.parametrize("is_known", [True, False])
def test_the_application_is_notified_of_a_pending_decision(
    world: World, application: Application, is_known: bool
) -> None:
    use_studio(world, notices=notices(application))
    use_workflow(world, DECIDING)
    ann = world.add_user()
    run_id = world.start(ann)
    if not is_known:  # as of a run that an earlier version started
        with world.connector.services.database.write() as connection:
            connection.execute(update(verifications).values(dashboard_url=None))
    application.answers_data({"outcome": "approved"})  # which is not the application's to decide

    world.outcome(run_id)

    wait_for(world, NotifyOfTask.kind, "done")
    notice = application.received[0].body
    assert notice["type"] == "manual_decision.waiting"
    assert notice["data"] == {
        "tenant": world.tenant,
        "providerId": world.provider_id,
        "userId": "ann",
        "verificationId": verification_of(world, run_id),
        "runId": run_id,
        "dashboardUrl": f"{world.simulator.url}/runs/{run_id}",
    }
    assert output_of(world, run_id, newest_task(world, run_id)) is None


# The state may change between queueing and delivery


@pytest.fixture
def undelivered(world: World, ann: Caller, application: Application) -> Any:
    """The delivery of a notice that the application did not accept; it is not retried."""
    application.answers(Reply(500))
    start_waiting(world, ann)
    row = wait_for_failure(world, NotifyOfTask.kind)
    world.connector.rest()
    world.connector.services.deliveries.drop(None, row.delivery_id)
    application.answers(Reply())
    application.received.clear()
    return NotifyOfTask(**row.payload, endpoint_id=row.endpoint_id)


def test_an_address_that_is_no_longer_allowed_gets_no_notices(
    world: World, application: Application, undelivered: NotifyOfTask
) -> None:
    settings = replace(world.connector.settings, allowed_notice_hosts=("app.example.com",))
    with ConnectorServer(settings, world.clock) as connector:
        allowing = replace(world, connector=connector)
        use_studio(allowing, notices={"url": "https://app.example.com/hook", "tasks": [SCORE]})

    with pytest.raises(Undeliverable, match=r"the setting allowed_notice_hosts, not app\.example\.com"):
        world.connector.services.tasks.deliver(undelivered)

    assert application.received == []


def test_notices_that_were_not_chosen_are_not_sent(world: World, application: Application, undelivered: Any) -> None:
    services = world.connector.services
    wanted = notices(application, SCORE)
    use_studio(world, notices=notices(application, "another"))
    services.tasks.deliver(undelivered)
    use_studio(world)
    services.tasks.deliver(undelivered)
    use_studio(world, notices=wanted)
    services.users.remove(Tenant(world.tenant), "ann")
    services.tasks.deliver(undelivered)
    services.providers.remove(Tenant(world.tenant), world.provider_id)
    services.tasks.deliver(undelivered)

    assert application.received == []


def test_no_personal_value_is_logged(world: World, ann: Caller, application: Application) -> None:
    application.answers(Reply(500, b"Zebulon"))
    with capture_logs() as lines:
        start_waiting(world, ann)
        wait_for_failure(world, NotifyOfTask.kind)
        application.answers_data({"score": 918273645})
        let_pass(world.connector.services.database, A_MINUTE)
        wait_for(world, NotifyOfTask.kind, "done")

    assert {"notice.sent", "outbox.delivery_failed"} <= {line["event"] for line in lines}
    assert [line for line in lines if any(word in str(line) for word in ("Zebulon", "918273645", SECRET))] == []
