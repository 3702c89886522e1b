"""Throttling and outages with real requests, on a clock that moves only on request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.onfido.transport import FAILURES_TO_OPEN
from tests.onfido.conftest import API_TOKEN, FOR_EVER, FakeTime, Reply, ScriptedOnfido, unanswered
from tests.waiting import GENEROUS, wait_until

RUN = {"id": "run-1", "status": "processing"}
TOKEN = {"token": "of-the-sdk"}


@pytest.fixture
def paced(onfido: ScriptedOnfido, fake_time: FakeTime) -> Iterator[OnfidoTransport]:
    """Allow six calls at once, then one per second; sleeping takes no time."""
    del onfido
    with closing(OnfidoTransport(rate_limit=60, clock=fake_time, sleep=fake_time.sleep)) as transport:
        yield transport


def ask(client: OnfidoClient, deadline: float | None = None) -> None:
    """Send one request, which is never repeated."""
    client.until(deadline).create_sdk_token("applicant-1")


def ask_briefly(client: OnfidoClient, fake_time: FakeTime) -> None:
    """Send one request with a short deadline, when the next turn is due."""
    fake_time.now += 1
    ask(client, deadline=fake_time.now + 0.05)


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    return caught.value


def is_held_back(error: OnfidoError, code: Code) -> bool:
    return (error.code, error.is_sent, error.status) == (code, False, None)


def outage(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    """Fail enough requests for the host to count as down."""
    onfido.answers(*[Reply(503)] * FAILURES_TO_OPEN)
    for _ in range(FAILURES_TO_OPEN):
        failure(lambda: ask(client))
    onfido.received.clear()


def test_a_call_beyond_the_rate_waits_for_its_turn(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(*[Reply(200, TOKEN)] * 9)
    client = paced.client(onfido.base_url, API_TOKEN)
    started = fake_time.now
    for _ in range(9):
        ask(client, deadline=fake_time.now + GENEROUS)
    assert fake_time.now - started == pytest.approx(3)


def test_a_call_whose_deadline_is_before_its_turn_fails_at_once(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(*[Reply(200, TOKEN)] * 7)
    client = paced.client(onfido.base_url, API_TOKEN)
    for _ in range(6):
        ask(client)
    started = fake_time.now
    error = failure(lambda: ask(client, deadline=started + 0.5))
    assert is_held_back(error, Code.ONFIDO_THROTTLES)
    assert error.retry_after == 1
    assert fake_time.now == started
    assert len(onfido.received) == 6


def test_a_call_without_deadline_waits_at_most_half_a_minute(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "31"}), Reply(200, TOKEN))
    client = paced.client(onfido.base_url, API_TOKEN)
    failure(lambda: ask(client))
    assert failure(lambda: ask(client)).retry_after == 31
    fake_time.now += 1
    ask(client)


def test_background_calls_leave_the_reserve_and_wait_only_briefly(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(*[Reply(200, TOKEN)] * 7)
    background = paced.client(onfido.base_url, API_TOKEN, is_background=True)
    interactive = paced.client(onfido.base_url, API_TOKEN)
    started = fake_time.now
    for _ in range(4):
        ask(background)
    for _ in range(2):
        ask(interactive)
    assert fake_time.now == started
    error = failure(lambda: ask(background, deadline=started + 60))
    assert is_held_back(error, Code.ONFIDO_THROTTLES)
    assert error.retry_after == 3
    ask(interactive, deadline=started + 60)


class SteppedTime(FakeTime):
    """A clock that moves only on request; those who sleep wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = threading.Condition()
        self._ends: list[float] = []

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        with self._moved:
            self._ends.append(end)
            assert self._moved.wait_for(lambda: self.now >= end, GENEROUS)
            self._ends.remove(end)

    def sleepers(self) -> int:
        with self._moved:
            return sum(end > self.now for end in self._ends)

    def advance(self, seconds: float) -> None:
        with self._moved:
            self.now += seconds
            self._moved.notify_all()


def test_interactive_calls_are_sent_before_earlier_background_calls(onfido: ScriptedOnfido) -> None:
    """The bucket is empty at first. The clock moves only while every call that is not answered waits for its turn."""
    clock = SteppedTime()
    paced = OnfidoTransport(rate_limit=6000, clock=clock, sleep=clock.sleep)
    with closing(paced) as transport, ThreadPoolExecutor(20) as threads:
        onfido.answers(Reply(429), *[Reply(200, TOKEN)] * 20)
        failure(lambda: ask(transport.client(onfido.base_url, API_TOKEN)))
        background = transport.client(onfido.base_url, API_TOKEN, is_background=True)
        interactive = transport.client(onfido.base_url, API_TOKEN)
        waiting = [threads.submit(background.create_sdk_token, "background") for _ in range(10)]
        waiting += [threads.submit(interactive.create_sdk_token, "interactive") for _ in range(10)]
        while not all(each.done() for each in waiting):
            wait_until(lambda: clock.sleepers() + sum(each.done() for each in waiting) == len(waiting))
            clock.advance(0.01)
        assert {each.exception() for each in waiting} == {None}
    order = [request.json["applicant_id"] for request in onfido.received[1:]]
    assert order == ["interactive"] * 10 + ["background"] * 10


def test_fifty_threads_together_respect_the_rate(onfido: ScriptedOnfido) -> None:
    """In real time: an answer of 429 has emptied the bucket, so that each call waits for its turn."""
    with closing(OnfidoTransport(rate_limit=6000)) as transport, ThreadPoolExecutor(50) as threads:
        onfido.answers(Reply(429), *[Reply(200, TOKEN)] * 50)
        failure(lambda: ask(transport.client(onfido.base_url, API_TOKEN)))
        list(threads.map(lambda _: ask(transport.client(onfido.base_url, API_TOKEN)), range(50)))
    throttled, *others = onfido.received
    arrivals = sorted(request.at - throttled.at for request in others)
    assert len(arrivals) == 50
    assert all(arrival >= number * 0.01 - 0.01 for number, arrival in enumerate(arrivals))


def test_retry_after_delays_every_call_of_the_account(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "20"}), Reply(200, TOKEN))
    failure(lambda: ask(paced.client(onfido.base_url, API_TOKEN)))
    fake_time.now += 5
    another = paced.client(onfido.base_url + "/", API_TOKEN)
    for call in (lambda deadline: ask(another, deadline), lambda deadline: another.until(deadline).get_run("r")):
        error = failure(lambda call=call: call(fake_time.now + 14))  # type: ignore[misc]
        assert is_held_back(error, Code.ONFIDO_THROTTLES)
        assert error.retry_after == 15
    assert len(onfido.received) == 1
    started = fake_time.now
    ask(another, deadline=fake_time.now + 16)
    assert fake_time.now - started == pytest.approx(15)


def test_a_hold_concerns_one_account_in_one_region(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, paced: OnfidoTransport
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "20"}), Reply(200, TOKEN))
    elsewhere.answers(Reply(200, TOKEN))
    failure(lambda: ask(paced.client(onfido.base_url, API_TOKEN)))
    ask(paced.client(onfido.base_url, "another-token"))
    ask(paced.client(elsewhere.base_url, API_TOKEN))


def test_a_read_is_repeated_after_the_hold_which_delays_the_others(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "7"}), Reply(200, RUN))
    started = fake_time.now
    paced.client(onfido.base_url, API_TOKEN, deadline=started + 20).get_run("run-1")
    assert fake_time.now - started == pytest.approx(7)


def test_a_background_read_does_not_wait_for_a_long_hold(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "7"}))
    client = paced.client(onfido.base_url, API_TOKEN, is_background=True)
    error = failure(lambda: client.until(fake_time.now + 20).get_run("run-1"))
    assert (error.code, error.status, error.retry_after) == (Code.ONFIDO_THROTTLES, 429, 7)
    assert len(onfido.received) == 1


@pytest.mark.parametrize("fault", [Reply(500), Reply(503), Reply(is_dropped=True), Reply(delay=FOR_EVER)])
def test_a_failing_host_opens_the_circuit(onfido: ScriptedOnfido, fake_time: FakeTime, fault: Reply) -> None:
    onfido.answers(*[fault] * FAILURES_TO_OPEN)
    with closing(OnfidoTransport(read_timeout=0.2, clock=fake_time)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        for _ in range(FAILURES_TO_OPEN):
            assert failure(lambda: ask(client)).is_sent
        fake_time.now += 3
        error = failure(lambda: ask(transport.client(onfido.base_url, "another-token")))
    assert is_held_back(error, Code.ONFIDO_UNREACHABLE)
    assert error.retry_after == 7
    onfido.wait_for(requests=FAILURES_TO_OPEN)


def test_the_number_of_failures_is_a_setting(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(500))
    with closing(OnfidoTransport(failures_to_open=1)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        assert failure(lambda: ask(client)).status == 500
        assert is_held_back(failure(lambda: ask(client)), Code.ONFIDO_UNREACHABLE)


def test_a_host_that_refuses_connections_opens_the_circuit(paced: OnfidoTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v3.6"
    client = paced.client(url, API_TOKEN)
    told = [failure(lambda: ask(client)).description for _ in range(FAILURES_TO_OPEN + 1)]
    assert "ConnectionRefusedError" in told[-2]
    assert "several times in a row" in told[-1]


def test_other_hosts_are_still_called(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, paced: OnfidoTransport
) -> None:
    outage(onfido, paced.client(onfido.base_url, API_TOKEN))
    elsewhere.answers(Reply(200, TOKEN))
    ask(paced.client(elsewhere.base_url, API_TOKEN))


def test_a_read_is_not_repeated_once_the_host_counts_as_down(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    client = paced.client(onfido.base_url, API_TOKEN)
    failure(lambda: client.get_run("run-1"))
    assert is_held_back(failure(lambda: client.get_run("run-1")), Code.ONFIDO_UNREACHABLE)
    assert len(onfido.received) == FAILURES_TO_OPEN
    fake_time.now += 10
    assert is_held_back(failure(lambda: client.get_run("run-1")), Code.ONFIDO_UNREACHABLE)
    assert len(onfido.received) == FAILURES_TO_OPEN + 1


@pytest.mark.parametrize("status", [200, 302, 401, 404, 422, 429])
def test_any_answer_that_is_not_a_failure_closes_the_circuit(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime, status: int
) -> None:
    client = paced.client(onfido.base_url, API_TOKEN)
    failures = [Reply(500)] * (FAILURES_TO_OPEN - 1)
    onfido.answers(*failures, Reply(status), *failures, *[Reply(status)] * (FAILURES_TO_OPEN + 1))
    for _ in range(3 * FAILURES_TO_OPEN):
        failure(lambda: ask(client, deadline=fake_time.now + 60))
    assert len(onfido.received) == 3 * FAILURES_TO_OPEN


def test_a_missing_host_is_still_reported_as_a_wrong_base_url(paced: OnfidoTransport) -> None:
    client = paced.client("http://a..b/v3.6", API_TOKEN)
    codes = {failure(lambda: ask(client)).code for _ in range(FAILURES_TO_OPEN + 1)}
    assert codes == {Code.BASE_URL_WRONG}


def test_short_deadlines_do_not_open_the_circuit(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    onfido.answers(*[Reply(200, TOKEN, delay=FOR_EVER)] * FAILURES_TO_OPEN, Reply(200, TOKEN))
    client = paced.client(onfido.base_url, API_TOKEN)
    for _ in range(FAILURES_TO_OPEN):
        assert unanswered(lambda: ask_briefly(client, fake_time)).code is Code.ONFIDO_UNREACHABLE
    onfido.wait_for(requests=FAILURES_TO_OPEN)
    ask(client)


def test_exactly_one_call_probes_after_the_pause_and_its_success_closes_the_circuit(
    onfido: ScriptedOnfido, fake_time: FakeTime
) -> None:
    with closing(OnfidoTransport(clock=fake_time)) as transport, ThreadPoolExecutor(20) as threads:
        client = transport.client(onfido.base_url, API_TOKEN)
        outage(onfido, client)
        fake_time.now += 10
        are_refused = threading.Event()
        onfido.answers(Reply(200, TOKEN, after=are_refused), *[Reply(200, TOKEN)] * 20)
        start = threading.Barrier(20)

        def ask_together() -> OnfidoError | None:
            start.wait()
            try:
                ask(client)
            except OnfidoError as error:
                return error
            return None

        asking = [threads.submit(ask_together) for _ in range(20)]
        wait_until(lambda: sum(each.done() for each in asking) >= 19)
        are_refused.set()
        refused = [error for each in asking if (error := each.result())]
        assert len(refused) == 19
        assert all(is_held_back(error, Code.ONFIDO_UNREACHABLE) for error in refused)
        assert len(onfido.received) == 1
        assert [each.result() for each in [threads.submit(ask_together) for _ in range(20)]] == [None] * 20
    assert len(onfido.received) == 21


def test_a_failed_probe_keeps_the_circuit_open_for_longer(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    client = paced.client(onfido.base_url, API_TOKEN)
    outage(onfido, client)
    for pause in (10, 20, 40, 60, 60):
        assert failure(lambda: ask(client)).retry_after == pause
        fake_time.now += pause
        assert failure(lambda: ask(client)).status == 500
    fake_time.now += 60
    onfido.answers(Reply(404), Reply(200, TOKEN))
    assert failure(lambda: ask(client)).status == 404
    ask(client)


def test_a_probe_that_times_out_is_followed_by_another(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    client = paced.client(onfido.base_url, API_TOKEN)
    outage(onfido, client)
    fake_time.now += 10
    onfido.answers(Reply(200, TOKEN, delay=FOR_EVER), Reply(200, TOKEN))
    unanswered(lambda: ask_briefly(client, fake_time))
    onfido.wait_for(requests=1)
    ask(client)


def test_a_host_that_is_down_takes_no_turns(
    onfido: ScriptedOnfido, paced: OnfidoTransport, fake_time: FakeTime
) -> None:
    client = paced.client(onfido.base_url, API_TOKEN)
    outage(onfido, client)
    for _ in range(100):
        assert failure(lambda: ask(client)).code is Code.ONFIDO_UNREACHABLE
    started = fake_time.now
    fake_time.now += 10
    onfido.answers(*[Reply(200, TOKEN)] * 6)
    for _ in range(6):
        ask(client)
    assert fake_time.now == started + 10
