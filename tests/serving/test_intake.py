"""The detection of complete requests, and the refusal of malformed and ambiguous ones."""

from __future__ import annotations

import time
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from werkzeug.exceptions import RequestEntityTooLarge

from connector.serving.intake import MAX_HEAD, Intake, is_read_to_its_end
from connector.serving.refusals import refusal

LIMIT = 100
POST = b"POST /x HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def new_intake(limit: int) -> Intake:
    config = Config()
    return Intake(lambda source: Request(config, source, ("127.0.0.1", 1)), lambda path: limit)


@pytest.fixture
def intake() -> Intake:
    return new_intake(LIMIT)


def feed(intake: Intake, data: bytes, step: int) -> Any:
    """Send bytes a few at a time; return the request, which must be complete with the last of them, not before."""
    for at in range(0, len(data), step):
        assert at + step >= len(data) or intake.take() is None, f"whole after {data[:at]!r}"
        intake.feed(data[at : at + step])
    return intake.take()


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"GET /x HTTP/1.1\r\n\r\n", b""),
        (b"\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (POST + b"Content-Length: 0\r\n\r\n", b""),
        (POST + b"Content-Length: 5\r\n\r\nab\r\nc", b"ab\r\nc"),
        (CHUNKED + b"0\r\n\r\n", b""),
        (CHUNKED + b"3\r\nabc\r\n00A;name=value\r\n0\r\n\r\n45678\r\n0\r\n\r\n", b"abc0\r\n\r\n45678"),
        (CHUNKED + b"1\r\na\r\n0\r\nX-Trailer: yes\r\n\r\n", b"a"),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
def test_a_request_is_complete_with_its_last_byte(intake: Intake, data: bytes, body: bytes, step: int) -> None:
    request = feed(intake, data, step)
    assert request.path == "/x"
    assert request.body.read() == body
    assert is_read_to_its_end(request)
    assert intake.is_idle


@pytest.mark.parametrize(
    "first",
    [
        b"GET /x HTTP/1.1\r\n\r\n",
        POST + b"Content-Length: 3\r\n\r\nabc",
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"0\r\nX: y\r\n\r\n",
    ],
)
def test_the_next_request_begins_at_the_end_of_the_first(intake: Intake, first: bytes) -> None:
    intake.feed(first + NEXT)
    assert is_read_to_its_end(intake.take()), "the unread part of the body is skipped"
    assert intake.take().path == "/next"
    assert intake.take() is None


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"+2\r\n", b" 2\r\n", b"0x2\r\n", b"2\r\n{}XX", b"2" * 2_000, b"\r\n"]
)
def test_malformed_chunks_end_the_connection(intake: Intake, body: bytes) -> None:
    intake.feed(CHUNKED + body)
    request = intake.take()
    with pytest.raises(ParseException):
        request.body.read()
    assert request.should_close()
    assert not is_read_to_its_end(request)


@pytest.mark.parametrize("body", [b"1;\x00\r\na\r\n0\r\n\r\n", b"0\r\nHost: other\r\n\r\n", b"0\r\nno trailer\r\n\r\n"])
def test_a_body_that_only_the_strict_reader_refuses_ends_the_connection(intake: Intake, body: bytes) -> None:
    intake.feed(CHUNKED + body + NEXT)
    assert not is_read_to_its_end(intake.take())


@pytest.mark.parametrize(
    "head",
    [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
        POST + b"Content-Length: +3\r\n\r\n",
        POST + b"Content-Length: 3, 3\r\n\r\n",
        POST + b"Content-Length: 0x3\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n folded: yes\r\n\r\n",
        b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Host: other\r\n\r\n",
        POST + b"No-Colon\r\n\r\n",
        POST + b"Bad\x00Name: x\r\n\r\n",
        POST + b"Value: a\x00b\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"GET  /x HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"get /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/2.0\r\n\r\n",
        b"GET x HTTP/1.1\r\n\r\n",
        b"\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nX: " + b"x" * 9_000 + b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n",
    ],
)
def test_an_ambiguous_head_is_refused(intake: Intake, head: bytes) -> None:
    intake.feed(head + b"abc" + NEXT)
    with pytest.raises(ParseException):
        intake.take()


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\nHost: x\n\n", b"GET / HTTP/1.1\r\nHost: x\n", b"\n", b"x" * MAX_HEAD + b"x"]
)
def test_an_endless_head_is_refused_at_its_limit(intake: Intake, start: bytes) -> None:
    intake.feed(start)
    with pytest.raises(ParseException):
        intake.take()


def cost(intake: Intake, data: bytes) -> float:
    """Return the CPU time for single bytes that arrive after `data`, of which none completes the request."""
    intake.feed(data)
    assert intake.take() is None
    began = time.thread_time()
    for _ in range(300):
        intake.feed(b"x")
        assert intake.take() is None
    return time.thread_time() - began


def test_a_byte_costs_no_more_the_more_bytes_of_head_or_trailers_came_before() -> None:
    long = b"A: " + b"x" * 60_000
    for start in (POST, CHUNKED + b"0\r\n"):
        few, many = (min(cost(new_intake(MAX_HEAD), start + rest) for _ in range(5)) for rest in (b"A: x", long))
        assert many < 20 * few, start


@pytest.mark.parametrize("length", [LIMIT + 1, 10**12, 10**40])
def test_an_oversized_body_is_not_awaited(intake: Intake, length: int) -> None:
    intake.feed(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length)
    request = intake.take()
    assert not intake.is_expectant
    assert request.should_close()
    with pytest.raises(RequestEntityTooLarge):
        request.body.read()


@pytest.mark.parametrize("chunk", [b"1\r\na\r\n", b"ffffff\r\n" + b"a" * 5_000])
def test_oversized_chunks_are_not_awaited(intake: Intake, chunk: bytes) -> None:
    intake.feed(CHUNKED)
    for _ in range(5_000):
        intake.feed(chunk)
        if request := intake.take():
            break
    assert request.should_close()
    assert intake.is_idle, "nothing of it is kept"
    with pytest.raises(RequestEntityTooLarge):
        request.body.read()


def test_a_body_of_the_maximum_length_is_read(intake: Intake) -> None:
    intake.feed(POST + b"Content-Length: %d\r\n\r\n" % LIMIT + b"a" * LIMIT)
    assert len(intake.take().body.read()) == LIMIT


def test_a_client_gets_100_continue_only_before_its_body(intake: Intake) -> None:
    intake.feed(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert intake.take() is None
    assert intake.awaits_body
    assert intake.is_expectant
    intake.feed(b"ab")
    assert not intake.take()._expected_100_continue, "gunicorn's message differs"


@pytest.mark.parametrize(
    ("head", "status", "part"),
    [
        (b"GET /?" + b"a=1&" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414", b"query"),
        (b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"a" * 20_000 + b"\r\n\r\n", b"431", b"headers"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 500 + b"\r\n", b"431", b"headers"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD + b"\r\n\r\n", b"431", b"headers"),
    ],
)
def test_a_refusal_names_the_part_that_is_too_long(intake: Intake, head: bytes, status: bytes, part: bytes) -> None:
    intake.feed(head)

    with pytest.raises(ParseException) as refused:
        intake.take()

    answer = refusal(refused.value)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert part in answer.partition(b"\r\n\r\n")[2]
