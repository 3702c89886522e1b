"""The event loop: slow, silent or many clients do not affect the others."""

from __future__ import annotations

import math
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request

from connector.serving.connection import Connection, Times
from connector.serving.intake import Intake
from connector.serving.loop import Loop
from connector.serving.output import ROOM, DisconnectedError
from tests.waiting import wait_until

SHORT, LONG = 0.3, 600.0  # seconds: soon over; never over while a test lasts
LIMIT = 1_000_000
GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
PATIENT = Times(LONG, LONG, LONG, LONG, LONG, LONG)


class Site:
    """A running loop, with threads that send `answer`'s result for each request."""

    def __init__(self, times: Times = PATIENT, **limits: Any) -> None:
        self._config = Config()
        self._pool = ThreadPoolExecutor(4)
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        limits = {"max_connections": 1_000} | limits
        self.loop = Loop(self._new_intake, self._put, self._pipe, times=times, **limits)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.loop.listen(self.listener)
        self.answer: Callable[[Connection, Any], bool] = self.echo
        self.failures: list[Exception] = []
        self.intakes: list[Intake] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self.loop.close()
        self.listener.close()
        self._pool.shutdown()
        for end in self._pipe:
            os.close(end)

    def connect(self, stack: ExitStack, data: bytes = b"", buffer: int | None = None) -> socket.socket:
        client = stack.enter_context(socket.socket())
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(60)
        client.connect(self.listener.getsockname())
        client.sendall(data)
        return client

    @staticmethod
    def echo(connection: Connection, request: Any) -> bool:
        body = request.body.read()
        connection.output.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return not request.should_close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.loop.turn(0.02)

    def _new_intake(self, peer: Any) -> Intake:
        self.intakes.append(Intake(lambda source: Request(self._config, source, peer), lambda path: LIMIT))
        return self.intakes[-1]

    def _put(self, connection: Connection, request: Any) -> None:
        self._pool.submit(self._serve, connection, request)

    def _serve(self, connection: Connection, request: Any) -> None:
        try:
            self.loop.answered(connection, self.answer(connection, request))
        except DisconnectedError as error:
            self.failures.append(error)
            self.loop.abandon(connection)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    answer = HTTPResponse(client)
    answer.begin()
    return answer.status, answer.read()


def is_closed(client: socket.socket) -> bool:
    """Whether the other side has closed the connection; data that arrived before is discarded."""
    client.setblocking(False)
    with suppress(BlockingIOError):
        try:
            while client.recv(65_536):
                pass
        except ConnectionError:
            return True
        return True
    return False


def test_requests_on_one_connection_are_answered_in_order(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    client = site.connect(stack, b"".join(POST % 1 + bytes([number]) for number in b"abc"))
    answers = client.makefile("rb")
    for body in (b"a", b"b", b"c"):
        assert answers.readline().startswith(b"HTTP/1.1 200")
        assert [answers.readline(), answers.readline()] == [b"Content-Length: 1\r\n", b"\r\n"]
        assert answers.read(1) == body


def test_a_client_gets_100_continue(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    client = site.connect(stack, b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"a")
    assert read_answer(client) == (200, b"a")


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HT", POST % 9 + b"a", GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n1\r\n"]
)
def test_clients_with_incomplete_requests_occupy_no_thread(stack: ExitStack, begun: bytes) -> None:
    site = stack.enter_context(Site())
    idle = [site.connect(stack, begun) for _ in range(200)]
    assert read_answer(site.connect(stack, GET))[0] == 200
    assert not any(is_closed(client) for client in idle)


@pytest.mark.parametrize(
    ("times", "begun"),
    [
        (Times(SHORT, LONG, LONG, LONG, SHORT, LONG), b""),
        (Times(LONG, SHORT, LONG, LONG, SHORT, LONG), b"GET / HT"),
        (Times(LONG, LONG, SHORT, LONG, SHORT, LONG), POST % 900_000),
        (Times(LONG, LONG, LONG, LONG, SHORT, SHORT), GET),
        (Times(LONG, SHORT, LONG, LONG, SHORT, LONG), GET + b"GET"),
    ],
    ids=["nothing", "head", "body", "next request", "next head"],
)
def test_a_slow_client_is_disconnected_at_its_deadline(stack: ExitStack, times: Times, begun: bytes) -> None:
    site = stack.enter_context(Site(times))
    client = site.connect(stack, begun)
    if not begun or begun == GET:
        wait_until(lambda: is_closed(client))
        return
    with pytest.raises(ConnectionError):
        drip(client)


def drip(client: socket.socket) -> None:
    for _ in range(3_000):
        client.sendall(b"a")
        time.sleep(0.01)


def test_a_client_with_a_late_body_gets_an_error(stack: ExitStack) -> None:
    site = stack.enter_context(Site(replace(PATIENT, body=SHORT)))
    status, body = read_answer(site.connect(stack, POST % 9))
    assert (status, b'"HTTP-408"' in body) == (408, True)


@pytest.mark.parametrize("begun", [b"GET /\n", POST.replace(b"%d", b"x") % (), GET[:-2] + b"X\r\n\r\n"])
def test_a_malformed_request_is_refused_and_the_connection_closed(stack: ExitStack, begun: bytes) -> None:
    site = stack.enter_context(Site(replace(PATIENT, linger=SHORT)))
    client = site.connect(stack, begun)
    status, body = read_answer(client)
    assert (status, b'"HTTP-400"' in body) == (400, True)
    client.sendall(GET)
    wait_until(lambda: is_closed(client))


def test_the_answer_reaches_a_client_that_keeps_sending_a_refused_body(stack: ExitStack) -> None:
    """If a socket is closed with unread data, the kernel drops the answer; so the loop reads on for a while."""
    site = stack.enter_context(Site())
    client = site.connect(stack, b"POST /x HTTP/1.1\nHost: x\n\n" + b"a" * 2_000_000)
    assert read_answer(client)[0] == 400


def fill(size: int) -> Callable[[Connection, Any], bool]:
    """Return an answer of one piece of this size."""

    def answer(connection: Connection, _request: Any) -> bool:
        connection.output.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
        return True

    return answer


def test_clients_that_do_not_read_their_answers_occupy_no_thread(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    site.answer = fill(20_000_000)
    deaf = [site.connect(stack, GET, buffer=1_024) for _ in range(20)]
    assert len({client.recv(1) for client in deaf}) == 1, "each got the beginning of its answer"
    site.answer = Site.echo
    assert read_answer(site.connect(stack, GET))[0] == 200


def test_an_answer_of_any_length_arrives_completely(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    site.answer = fill(20_000_000)
    client = site.connect(stack, GET, buffer=4_096)
    for _ in range(2):
        status, body = read_answer(client)
        assert (status, len(body)) == (200, 20_000_000)
        client.sendall(GET)


def test_a_file_is_sent_without_occupying_a_thread(stack: ExitStack, tmp_path: Path) -> None:
    site = stack.enter_context(Site())
    path = tmp_path / "file"
    path.write_bytes(os.urandom(8_000_000))

    def answer(connection: Connection, _request: Any) -> bool:
        connection.output.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n")
        with path.open("rb") as file:
            connection.output.sendfile(file, 0, 8_000_000)
        return True

    site.answer = answer
    clients = [site.connect(stack, GET, buffer=1_024) for _ in range(20)]
    assert read_answer(clients[-1]) == (200, path.read_bytes())


def test_a_file_that_became_shorter_ends_the_connection(stack: ExitStack, tmp_path: Path) -> None:
    site = stack.enter_context(Site())
    path = tmp_path / "file"
    path.write_bytes(b"short")

    def answer(connection: Connection, _request: Any) -> bool:
        with path.open("rb") as file:
            connection.output.sendfile(file, 0, 8_000_000)
        return True

    site.answer = answer
    client = site.connect(stack, GET)
    wait_until(lambda: is_closed(client))


def download(connection: Connection, _request: Any) -> bool:
    """Answer with an endless number of pieces."""
    connection.output.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        connection.output.sendall(b"a" * ROOM)
    return False


def test_a_download_that_is_not_read_releases_its_thread(stack: ExitStack) -> None:
    site = stack.enter_context(Site(Times(LONG, LONG, LONG, SHORT, LONG, LONG)))
    site.answer = download
    client = site.connect(stack, GET, buffer=1_024)
    wait_until(lambda: site.failures)
    wait_until(lambda: is_closed(client))


def test_a_download_whose_client_disconnects_releases_its_thread(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    site.answer = download
    client = site.connect(stack, GET, buffer=1_024)
    assert client.recv(1_000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: site.failures)


class Turns:
    """A loop that takes its turns in the test's thread; requests wait in `requests` for their answers."""

    def __init__(self, stack: ExitStack) -> None:
        self.pipe = os.pipe()
        for end in self.pipe:
            os.set_blocking(end, False)
            stack.callback(os.close, end)
        self.requests: list[tuple[Connection, Any]] = []
        config = Config()
        self.loop = Loop(
            lambda peer: Intake(lambda source: Request(config, source, peer), lambda path: LIMIT),
            lambda connection, request: self.requests.append((connection, request)),
            self.pipe,
            max_connections=10,
            times=PATIENT,
        )
        stack.callback(self.loop.close)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.loop.listen(listener)
        self.client = stack.enter_context(socket.create_connection(listener.getsockname()))

    def take(self) -> tuple[Connection, Any]:
        """Return the next request, after as many turns as it takes to arrive."""
        while not self.requests:
            self.loop.turn(0.02)
        return self.requests.pop()

    @property
    def is_woken(self) -> bool:
        return bool(select.select([self.pipe[0]], [], [], 0)[0])


def test_an_answer_does_not_wake_the_loop_before_the_next_request(stack: ExitStack) -> None:
    turns = Turns(stack)
    for _ in range(2):
        turns.client.sendall(GET)
        connection, request = turns.take()
        turns.loop.answered(connection, Site.echo(connection, request))
        assert not turns.is_woken
        assert read_answer(turns.client) == (200, b"")


@pytest.mark.parametrize("is_seen", [False, True], ids=["in the same packet", "while the first one is answered"])
def test_an_answer_wakes_the_loop_for_a_request_that_has_arrived(stack: ExitStack, is_seen: bool) -> None:
    turns = Turns(stack)
    turns.client.sendall(GET if is_seen else GET + GET)
    connection, request = turns.take()
    if is_seen:
        turns.client.sendall(GET)
        while connection.events:
            turns.loop.turn(0.02)
    turns.loop.answered(connection, Site.echo(connection, request))
    assert turns.is_woken
    assert turns.take()[0] is connection


def test_an_answer_wakes_the_loop_to_close_the_connection(stack: ExitStack) -> None:
    turns = Turns(stack)
    turns.client.sendall(GET)
    connection, request = turns.take()
    Site.echo(connection, request)
    turns.loop.answered(connection, is_kept=False)
    assert turns.is_woken


class Watch:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_slow_reader_is_not_disconnected(stack: ExitStack) -> None:
    """Each piece takes a part of a step's time limit, and the total is many times that limit."""
    watch = Watch()
    site = stack.enter_context(Site(replace(PATIENT, send=1.0), clock=watch))
    answered: list[Connection] = []

    def answer(connection: Connection, request: Any) -> bool:
        answered.append(connection)
        return fill(20_000_000)(connection, request)

    site.answer = answer
    client = site.connect(stack, GET, buffer=65_536)
    got = 0
    while got < 20_000_000:
        got += len(client.recv(65_536))
        if 0.5 < answered[0].deadline - watch.now < math.inf:
            watch.now += 0.4
    assert watch.now > 1_004, "longer than the time for one step"


def test_the_oldest_of_too_many_connections_are_closed(stack: ExitStack) -> None:
    site = stack.enter_context(Site(max_connections=100))
    crowd = [site.connect(stack, b"GET") for _ in range(150)]
    assert read_answer(site.connect(stack, GET))[0] == 200
    wait_until(lambda: sum(is_closed(client) for client in crowd) >= 50)
    assert is_closed(crowd[0])
    assert not is_closed(crowd[-1])


def test_the_address_with_the_most_connections_loses_them(stack: ExitStack) -> None:
    site = stack.enter_context(Site(max_connections=100))
    with socket.socket() as other:
        other.settimeout(60)
        other.bind(("127.0.0.2", 0))
        other.connect(site.listener.getsockname())
        for _ in range(300):
            site.connect(stack)
        other.sendall(GET)
        assert read_answer(other)[0] == 200


def test_a_new_connection_is_refused_while_all_others_are_being_answered(stack: ExitStack) -> None:
    site = stack.enter_context(Site(max_connections=2))
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def answer(connection: Connection, request: Any) -> bool:
        begun.release()
        assert go_on.wait(60)
        return Site.echo(connection, request)

    site.answer = answer
    busy = [site.connect(stack, GET) for _ in range(2)]
    assert all(begun.acquire(timeout=60) for _ in busy)
    refused = site.connect(stack)
    wait_until(lambda: is_closed(refused))
    go_on.set()
    assert [read_answer(client)[0] for client in busy] == [200, 200]


def test_the_memory_for_bodies_is_limited(stack: ExitStack) -> None:
    site = stack.enter_context(Site(max_held=5_000_000))
    crowd = [site.connect(stack, POST % LIMIT + b"a" * (LIMIT - 1)) for _ in range(20)]
    wait_until(lambda: sum(is_closed(client) for client in crowd) >= 15)
    assert read_answer(site.connect(stack, POST % 2 + b"ab")) == (200, b"ab")


def test_idle_clients_are_closed_before_sending_ones(stack: ExitStack) -> None:
    site = stack.enter_context(Site())
    idle, begun = site.connect(stack), site.connect(stack, GET[:-1])
    wait_until(lambda: sorted(intake.is_idle for intake in site.intakes) == [False, True])
    site.loop.limit_idle(0)
    wait_until(lambda: is_closed(idle))
    begun.sendall(GET[-1:])
    assert read_answer(begun)[0] == 200
