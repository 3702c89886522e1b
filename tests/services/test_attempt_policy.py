"""The limit of attempts: each run costs money, so a provider allows a number within a window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Barrier

import pytest
import requests
from sqlalchemy import Engine

from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from tests.bodies import config_properties, provider_body
from tests.harness import Caller, World, run_id_of
from tests.listening import listening
from tests.values import GIVEN_NAME, LAST_NAME

PROVIDERS = "/api/server/v1/idv-providers"
WINDOW = 3600
START_RUN, CREATE_APPLICANT = "POST /workflow_runs", "POST /applicants"
STEPS_THAT_DO_NOTHING = [(CREATE_APPLICANT, "failed"), (CREATE_APPLICANT, "throttled"), *[(START_RUN, "throttled")] * 2]
LIMIT_REACHED, OPEN_ALREADY = (429, "OIDV-10044"), (400, "OIDV-10004")
LIMIT_CHECKED = "run_requested_at IS NOT NULL"  # with the reservation
BEING_STARTED, ALL_VERIFIED = (400, "OIDV-10048"), (400, "OIDV-10049")


@pytest.fixture
def limited(world: World) -> World:
    """A provider that allows two runs per hour, and to which Onfido posts nothing; the clock stands almost still."""
    world.clock.stop(timedelta(microseconds=1))  # of two runs, one is the later
    allow(world, attempts=2, window=WINDOW)
    world.faults(webhooks_lost=-1)
    return world


def allow(world: World, *, attempts: int, window: int) -> requests.Response:
    properties = config_properties(world.simulator, max_attempts=str(attempts), attempt_window=str(window))
    body = provider_body(world.simulator, configProperties=properties)
    return world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body)


def initiate(world: World, caller: Caller) -> tuple[int, str | None]:
    answer = caller.verify(world.provider_id, "INITIATED")
    return answer.status_code, answer.json().get("code")


def fail_once(world: World, caller: Caller) -> str:
    """End a run as declined."""
    run_id = world.start(caller)
    world.outcome(run_id, status="declined", comparisons={"first_name": "consider"})
    assert caller.verify(world.provider_id, "COMPLETED").status_code == 200
    return run_id


def number_of_runs(world: World) -> int:
    return int(world.onfido_state()["counts"]["runs"])


def test_a_refused_attempt_names_the_time_of_the_next(limited: World) -> None:
    ann = limited.add_user()
    began_at = limited.clock()
    fail_once(limited, ann)
    limited.clock.advance(600)
    fail_once(limited, ann)

    refused = ann.verify(limited.provider_id, "INITIATED")

    assert (refused.status_code, refused.json()["code"]) == LIMIT_REACHED
    assert refused.headers["Retry-After"] == str(WINDOW - 600)
    told = next(word for word in refused.json()["description"].split() if word.startswith("20"))
    assert told.rstrip(".") == timestamp(began_at + timedelta(seconds=WINDOW))
    assert number_of_runs(limited) == 2


def test_the_window_of_attempts_is_sliding(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.clock.advance(600)
    fail_once(limited, ann)
    retry_after = int(ann.verify(limited.provider_id, "INITIATED").headers["Retry-After"])

    limited.clock.advance(retry_after - 60)
    assert initiate(limited, ann) == LIMIT_REACHED
    limited.clock.advance(60)
    fail_once(limited, ann)

    assert initiate(limited, ann) == LIMIT_REACHED, "the second one is still within the window"
    limited.clock.advance(600)
    fail_once(limited, ann)
    assert number_of_runs(limited) == 4


def test_attempts_are_counted_separately_by_user_and_provider(limited: World) -> None:
    ann, bob = limited.add_user("ann"), limited.add_user("bob")
    for _ in range(2):
        fail_once(limited, ann)
    assert initiate(limited, ann) == LIMIT_REACHED
    assert initiate(limited, bob)[0] == 200
    body = provider_body(limited.simulator, name="Another")
    another = limited.connector.as_admin().post(PROVIDERS, body).json()["id"]
    assert ann.verify(another, "INITIATED").status_code == 200


def test_only_attempts_that_started_a_run_count(limited: World) -> None:
    ann = limited.add_user()
    for route, switch in STEPS_THAT_DO_NOTHING:
        limited.faults(route=route, **{switch: 1}, retry_after=0)
        assert initiate(limited, ann)[0] == 503
    limited.faults(route="*")
    fail_once(limited, ann)
    fail_once(limited, ann)
    assert initiate(limited, ann) == LIMIT_REACHED


def test_an_attempt_without_a_run_does_not_count(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.faults(route=START_RUN, failed=1)
    assert initiate(limited, ann)[0] == 503
    limited.clock.advance(11 * 60)
    limited.sweep()
    limited.wait_until(lambda: all(each.closed_at for each in limited.verifications()))
    fail_once(limited, ann)
    assert initiate(limited, ann) == LIMIT_REACHED


def test_resuming_and_completing_do_not_count_as_attempts(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.start(ann)
    for status in ("REINITIATED", "COMPLETED") * 3:
        limited.clock.advance(2)
        assert ann.verify(limited.provider_id, status).status_code == 200
    assert number_of_runs(limited) == 2


def test_an_interrupted_last_attempt_can_be_continued(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.faults(route=START_RUN, dropped_after=1)
    assert initiate(limited, ann)[0] == 503

    resumed = ann.verify(limited.provider_id, "INITIATED")

    assert resumed.status_code == 200, resumed.text
    assert run_id_of(resumed) == limited.onfido_state()["runs"][-1]["id"]
    assert number_of_runs(limited) == 2


def test_an_open_verification_is_reported_even_if_it_was_the_last_attempt(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.start(ann)
    assert initiate(limited, ann) == OPEN_ALREADY


def test_a_fully_verified_user_gets_that_answer_instead_of_the_attempt_limit(limited: World) -> None:
    ann = limited.add_user()
    fail_once(limited, ann)
    limited.outcome(limited.start(ann))
    assert ann.verify(limited.provider_id, "COMPLETED").status_code == 200

    assert initiate(limited, ann) == ALL_VERIFIED
    change = limited.connector.services.users.change
    change(Tenant(limited.tenant), "ann", {LAST_NAME: "Other"})
    assert initiate(limited, ann) == LIMIT_REACHED, "one of the claims is left to verify"
    limited.connector.services.users.remove(Tenant(limited.tenant), "ann")
    assert initiate(limited, ann)[0] != 429, "the attempts went with the user"


def test_new_limits_apply_at_once(limited: World) -> None:
    ann = limited.add_user()
    for _ in range(2):
        fail_once(limited, ann)
    assert allow(limited, attempts=3, window=WINDOW).status_code == 200
    fail_once(limited, ann)
    assert initiate(limited, ann) == LIMIT_REACHED
    assert allow(limited, attempts=1, window=WINDOW).status_code == 200
    refused = ann.verify(limited.provider_id, "INITIATED")
    assert refused.headers["Retry-After"] == str(WINDOW)
    limited.clock.advance(120)
    assert allow(limited, attempts=1, window=60).status_code == 200
    assert initiate(limited, ann)[0] == 200


@pytest.mark.parametrize(("attempts", "window"), [(0, WINDOW), (1, 0)])
def test_limits_that_allow_no_attempt_are_refused(world: World, attempts: int, window: int) -> None:
    refused = allow(world, attempts=attempts, window=window)
    assert (refused.status_code, refused.json()["code"]) == (400, "IDVP-60002")


def test_limits_are_shown_with_the_provider(limited: World) -> None:
    shown = limited.connector.as_admin().get(f"{PROVIDERS}/{limited.provider_id}").json()["configProperties"]
    values = {item["key"]: item.get("value") for item in shown}
    assert (values["max_attempts"], values["attempt_window"]) == ("2", str(WINDOW))


def test_concurrent_requests_cannot_exceed_the_limit(limited: World) -> None:
    """Every run has ended when it is started, so that each request could start one."""
    user = limited.add_user(values={LAST_NAME: "Consider", GIVEN_NAME: "Ann"})
    limited.faults(runs_instant=-1)
    start = Barrier(8)

    def keep_trying() -> Iterator[tuple[int, str | None]]:
        start.wait()
        for _ in range(6):
            answer = user.verify(limited.provider_id, "INITIATED", [GIVEN_NAME, LAST_NAME])
            yield answer.status_code, answer.json().get("code")

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(each for tries in pool.map(lambda _: list(keep_trying()), range(8)) for each in tries)

    assert number_of_runs(limited) == 2
    assert answers[200, None] == 2
    assert set(answers) <= {(200, None), LIMIT_REACHED, OPEN_ALREADY, BEING_STARTED}


@pytest.mark.parametrize("shared_connector", ["postgresql"], indirect=True, scope="session")  # SQLite has one writer
def test_a_request_that_counted_before_another_began_cannot_exceed_the_limit(limited: World) -> None:
    ann = limited.add_user(values={LAST_NAME: "Consider", GIVEN_NAME: "Ann"})
    names = [GIVEN_NAME, LAST_NAME]
    limited.faults(runs_instant=-1)
    assert ann.verify(limited.provider_id, "INITIATED", names).status_code == 200
    others: list[Future[requests.Response]] = []

    with ThreadPoolExecutor(1) as pool:

        def let_another_by(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if "run_requested_at IS NOT NULL" in statement and not others:
                others.append(pool.submit(ann.verify, limited.provider_id, "INITIATED", names))
                wait(others, 1.5)  # it may have to wait for this one

        with listening((Engine, "after_cursor_execute", let_another_by)):
            answer = ann.verify(limited.provider_id, "INITIATED", names)

    assert number_of_runs(limited) == 2
    assert sorted((answer.status_code, others[0].result().status_code))[0] == 200


def test_a_start_that_is_allowed_before_it_is_refused_is_made(limited: World) -> None:
    """The limit is lifted between the transaction that it made fail and the reading of what to tell the caller."""
    ann, users = limited.add_user(), limited.connector.services.users
    for _ in range(2):
        fail_once(limited, ann)
    checks: list[str] = []

    with ThreadPoolExecutor(1) as pool:

        def lift_the_limit(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if LIMIT_CHECKED in statement:
                checks.append(statement)
                if len(checks) == 2:
                    pool.submit(users.unlock, Tenant(limited.tenant), "ann", limited.provider_id, "admin").result()

        with listening((Engine, "before_cursor_execute", lift_the_limit)):
            assert initiate(limited, ann) == (200, None)
    assert number_of_runs(limited) == 3
