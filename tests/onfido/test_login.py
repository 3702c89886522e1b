"""OAuth 2 client credentials instead of an API token: granted, kept, renewed, refused; never returned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import parse_qs

import pytest

from connector.domain.providers.credentials import ClientCredentials
from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from tests.onfido.conftest import API_TOKEN, FOR_EVER, FakeTime, Reply, ScriptedOnfido
from tests.waiting import GENEROUS

SECRET = "client-secret-of-the-tests"
CLIENT = ClientCredentials("client-1", SECRET)
RUN = {"id": "run-1", "status": "processing"}
REFUSED = Reply(401, {"error": {"type": "expired_token", "message": "No", "fields": {}}})


def granted(token: str = "first", **more: object) -> Reply:
    return Reply(200, {"access_token": token, "token_type": "bearer", "expires_in": 3600} | more)


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    assert SECRET not in f"{caught.value!r} {caught.value.description} {caught.value.__cause__!r}"
    return caught.value


@pytest.fixture
def transport(onfido: ScriptedOnfido, fake_time: FakeTime) -> Iterator[OnfidoTransport]:
    del onfido
    made = OnfidoTransport(read_timeout=GENEROUS, rate_limit=1e6, clock=fake_time, sleep=fake_time.sleep)
    with closing(made) as transport:
        yield transport


@pytest.fixture
def client(onfido: ScriptedOnfido, transport: OnfidoTransport) -> OnfidoClient:
    return transport.client(onfido.base_url, CLIENT)


def asked(onfido: ScriptedOnfido) -> list[tuple[str, str | None]]:
    """Return the requests, with their authorization."""
    return [(request.path.removeprefix("/v3.6"), request.headers.get("Authorization")) for request in onfido.received]


def test_a_token_is_granted_once_and_used_until_it_expires(
    onfido: ScriptedOnfido, client: OnfidoClient, fake_time: FakeTime
) -> None:
    onfido.answers(granted(), Reply(200, RUN), Reply(200, RUN), granted("second"), Reply(200, RUN))
    client.get_run("run-1")
    fake_time.now += 3569
    client.get_run("run-1")
    fake_time.now += 2
    client.get_run("run-1")

    assert asked(onfido) == [
        ("/oauth/token", None),
        ("/workflow_runs/run-1", "Bearer first"),
        ("/workflow_runs/run-1", "Bearer first"),
        ("/oauth/token", None),
        ("/workflow_runs/run-1", "Bearer second"),
    ]
    form = {"grant_type": ["client_credentials"], "client_id": ["client-1"], "client_secret": [SECRET]}
    assert parse_qs(onfido.received[0].content.decode()) == form
    assert onfido.received[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_clients_and_regions_do_not_share_a_token(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, transport: OnfidoTransport
) -> None:
    onfido.answers(granted("a"), Reply(200, RUN), granted("b"), Reply(200, RUN), granted("c"), Reply(200, RUN))
    elsewhere.answers(granted("d"), Reply(200, RUN))
    for credentials in (CLIENT, ClientCredentials("client-2", SECRET), ClientCredentials("client-1", "another secret")):
        transport.client(onfido.base_url, credentials).get_run("run-1")
    transport.client(elsewhere.base_url, CLIENT).get_run("run-1")
    transport.client(onfido.base_url + "/", CLIENT)

    used = [authorization for _, authorization in asked(onfido) + asked(elsewhere) if authorization]
    assert used == ["Bearer a", "Bearer b", "Bearer c", "Bearer d"]


@pytest.mark.parametrize(
    ("life", "seconds"),
    [(3600, 3570), (60, 30), (20, 10), ("600", 570), (None, 270), ("soon", 270), (1e12, 86_370), ("inf", 270)],
)
def test_a_token_is_renewed_before_it_expires(
    onfido: ScriptedOnfido, client: OnfidoClient, fake_time: FakeTime, life: object, seconds: float
) -> None:
    body = {"access_token": "first"} | ({} if life is None else {"expires_in": life})
    onfido.answers(Reply(200, body), *[Reply(200, RUN)] * 2, granted("second"), Reply(200, RUN))
    client.get_run("run-1")
    fake_time.now += seconds - 0.5
    client.get_run("run-1")
    fake_time.now += 1
    client.get_run("run-1")

    assert [path for path, _ in asked(onfido)].count("/oauth/token") == 2


@pytest.mark.parametrize("life", [0, -5])
def test_a_token_without_a_lifetime_is_used_once(onfido: ScriptedOnfido, client: OnfidoClient, life: int) -> None:
    onfido.answers(granted(expires_in=life), Reply(200, RUN), granted("second", expires_in=life), Reply(200, RUN))
    client.get_run("run-1")
    client.get_run("run-1")

    assert asked(onfido)[-1] == ("/workflow_runs/run-1", "Bearer second")


def test_a_refused_token_is_renewed_and_the_call_repeated_once(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(granted(), REFUSED, granted("second"), Reply(201, {"id": "applicant-1"}))

    assert client.create_applicant({"first_name": "Ann"}).applicant_id == "applicant-1"
    assert [authorization for _, authorization in asked(onfido)] == [None, "Bearer first", None, "Bearer second"]
    assert onfido.received[-1].json == {"first_name": "Ann"}


def test_a_token_refused_again_is_an_error(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(granted(), REFUSED, granted("second"), REFUSED)

    error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
    assert (error.code, error.is_refusal) == (Code.TOKEN_REFUSED, True)
    assert len(onfido.received) == 4


def test_a_write_refused_by_a_proxy_is_not_sent_again(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(granted(), Reply(401, b"<html>who are you?</html>"))

    error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
    assert not error.is_refusal
    assert len(onfido.received) == 2


def test_a_read_refused_by_a_proxy_is_sent_again(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(granted(), Reply(401, b"<html>who are you?</html>"), granted("second"), Reply(200, RUN))

    assert client.get_run("run-1").run_id == "run-1"


def test_a_file_is_fetched_with_a_renewed_token(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(granted(), REFUSED, granted("second"), Reply(200, b"%PDF"))

    with client.open_signed_evidence("run-1") as file:
        assert b"".join(file.chunks) == b"%PDF"


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(400, {"error": "invalid_client", "error_description": SECRET}), Code.TOKEN_REFUSED, "invalid_client"),
        (Reply(401, {"error": {"type": "authorization_error"}}), Code.TOKEN_REFUSED, "HTTP 401"),
        (Reply(403, b"<html>"), Code.TOKEN_REFUSED, "HTTP 403"),
        (Reply(401, {"error": f"no {SECRET}"}), Code.TOKEN_REFUSED, "HTTP 401"),
        (Reply(404, {"error": {"type": "resource_not_found"}}), Code.BASE_URL_WRONG, "/oauth/token"),
        (Reply(429, headers={"Retry-After": "7"}), Code.ONFIDO_THROTTLES, "HTTP 429"),
        (Reply(429), Code.ONFIDO_THROTTLES, "HTTP 429"),
        (Reply(503, b"<html>"), Code.ONFIDO_UNREACHABLE, "HTTP 503"),
        (Reply(408), Code.ONFIDO_UNREACHABLE, "HTTP 408"),
        (Reply(200, b"<html>"), Code.ONFIDO_UNREACHABLE, "cannot be read"),
        (Reply(200, {"token": "x"}), Code.ONFIDO_UNREACHABLE, "access_token"),
        (Reply(200, {"access_token": 5}), Code.ONFIDO_UNREACHABLE, "access_token"),
        (Reply(200, {"access_token": ""}), Code.ONFIDO_UNREACHABLE, "access_token"),
        (Reply(200, {"access_token": "two words"}), Code.ONFIDO_UNREACHABLE, "access_token"),
        (Reply(200, {"access_token": "line\r\nbreak"}), Code.ONFIDO_UNREACHABLE, "access_token"),
        (Reply(is_dropped=True), Code.ONFIDO_UNREACHABLE, "failed"),
    ],
)
def test_no_call_is_sent_without_a_token(
    onfido: ScriptedOnfido, client: OnfidoClient, reply: Reply, code: Code, said: str
) -> None:
    """So an attempt knows that no run was started, and a 404 of the token endpoint is not one of the applicant."""
    onfido.answers(reply)

    error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
    assert error.code is code
    assert said in error.description
    assert not error.is_sent
    assert not error.is_gone
    assert not error.is_misunderstood
    assert (error.retry_after is not None) is error.is_retryable
    assert [path for path, _ in asked(onfido)] == ["/oauth/token"]


def test_a_call_whose_token_comes_too_late_is_not_sent(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(delay=FOR_EVER))
    with closing(OnfidoTransport(read_timeout=0.2)) as hasty:
        client = hasty.client(onfido.base_url, CLIENT)
        error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
    assert (error.code, error.is_sent, error.is_retryable) == (Code.ONFIDO_UNREACHABLE, False, True)
    assert "in time" in error.description
    onfido.wait_for(requests=1)


def test_a_renewal_respects_the_deadline(
    onfido: ScriptedOnfido, transport: OnfidoTransport, fake_time: FakeTime
) -> None:
    late = transport.client(onfido.base_url, CLIENT, deadline=fake_time.now)

    error = failure(lambda: late.get_run("run-1"))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert onfido.received == []


def test_many_threads_renew_the_token_only_once(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"access_token": "first"}, delay=0.2), *[Reply(200, RUN)] * 20)
    ready = threading.Barrier(20)

    def ask() -> str:
        ready.wait(timeout=GENEROUS)
        return client.get_run("run-1").run_id

    with ThreadPoolExecutor(20) as pool:
        assert {found.result() for found in [pool.submit(ask) for _ in range(20)]} == {"run-1"}
    assert [path for path, _ in asked(onfido)].count("/oauth/token") == 1


def test_a_token_renewed_by_another_thread_is_not_renewed_again(
    onfido: ScriptedOnfido, transport: OnfidoTransport
) -> None:
    """The refusal of the first token arrives after the second one was granted."""
    is_renewed = threading.Event()
    late = Reply(401, REFUSED.body, after=is_renewed)
    onfido.answers(granted(), late, REFUSED, granted("second"), *[Reply(200, RUN)] * 2)
    client = transport.client(onfido.base_url, CLIENT)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.get_run, "run-1")
        onfido.wait_for(requests=2)
        client.get_run("run-1")
        is_renewed.set()
        slow.result()

    assert [path for path, _ in asked(onfido)].count("/oauth/token") == 2


def test_a_call_whose_deadline_is_before_the_renewal_fails(
    onfido: ScriptedOnfido, transport: OnfidoTransport, fake_time: FakeTime
) -> None:
    has_given_up = threading.Event()
    onfido.answers(Reply(200, {"access_token": "first"}, after=has_given_up), Reply(200, RUN))
    slow, hasty = transport.client(onfido.base_url, CLIENT), transport.client(onfido.base_url, CLIENT)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.get_run, "run-1")
        onfido.wait_for(requests=1)
        error = failure(lambda: hasty.until(fake_time.now + 0.05).get_run("run-1"))
        assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
        has_given_up.set()
        assert first.result().run_id == "run-1"


def test_a_throttled_renewal_is_not_sent(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "60"}))
    failure(lambda: client.get_run("run-1"))

    error = failure(lambda: client.get_run("run-1"))

    assert (error.code, error.is_sent, len(onfido.received)) == (Code.ONFIDO_THROTTLES, False, 1)


def test_a_failed_renewal_is_repeated_by_the_next_call(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(503), granted(), Reply(200, RUN))
    failure(lambda: client.get_run("run-1"))

    assert client.get_run("run-1").run_id == "run-1"


@pytest.mark.parametrize("credentials", [API_TOKEN, CLIENT], ids=["token", "client"])
def test_the_ping_requests_plain_text(
    onfido: ScriptedOnfido, transport: OnfidoTransport, credentials: str | ClientCredentials
) -> None:
    if credentials is CLIENT:
        onfido.answers(granted())
    onfido.answers(Reply(200, b"OK"), Reply(200, []))
    transport.client(onfido.base_url, credentials).ping()

    accepted = [request.headers["Accept"] for request in onfido.received][-2:]
    assert accepted[0].startswith("text/plain")
    assert accepted[1] == "application/json"


def test_credentials_are_not_in_a_repr() -> None:
    assert SECRET not in repr(CLIENT)
