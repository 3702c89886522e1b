"""One HTTP exchange with Onfido, over connections that all threads and providers share.

    Call ──► wait for its turn ──► wait for an answer, repeat a read that failed ──► Answer       whatever its status
                 └─► HeldBackError: not sent                                     └─► OnfidoError if there is none

Reads (GET) are repeated after connection errors, time-outs, 429 and 5xx, with full jitter, and not before Onfido's
`Retry-After`, unless the deadline leaves no time for that. Writes are never repeated. Every attempt needs a turn of
the account, and nothing is sent to a host whose circuit is open (`pacing.py`). The deadline is checked again after
connecting, immediately before a call is sent, so that a stalled process sends nothing late.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as urllib3_errors

from connector import metrics
from connector.domain.messages import message
from connector.errors import Code, OnfidoError
from connector.onfido.authorization import AccessTokens
from connector.onfido.budget import Budget, SharedLimit, account_of
from connector.onfido.calls import MAX_BODY_BYTES, Answer, Call
from connector.onfido.connections import Limits, exchanging
from connector.onfido.decoding import read_pieces
from connector.onfido.failures import UNREACHABLE_RETRY_AFTER, failure, unreachable
from connector.onfido.headers import http_date, retry_after
from connector.onfido.measuring import Measured, traced
from connector.onfido.pacing import Circuit, HeldBackError, Pace, Queue, RateLimit, Recent, pause
from connector.onfido.sessions import File, Session, close
from connector.onfido.storage import Storage

BACKOFF_SECONDS = 0.2  # the longest first pause; it doubles each time
LONGEST_WAIT_SECONDS = 30.0  # for its turn, or to repeat a read, if a call has no deadline
BACKGROUND_WAIT_SECONDS = 2.0  # for a background call, which is retried later anyway
FAIR_SECONDS = 2.0  # if a call has less time left, a missing answer does not count as a failure of Onfido
DEFAULT_RATE_LIMIT = 400.0  # calls per minute of a live account
FAILURES_TO_OPEN = 5


class Transport:
    """A pool of connections, shared by threads; all times are in seconds.

    `rate_limit` is the number of calls per minute of one account, by this process alone or by all with the same
    `budget`; `max_queued` limits the threads that wait for their turn. After `failures_to_open` consecutive failures a
    host's circuit opens.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        read_retries: int = 2,
        user_agent: str = "onfido-idvp-connector",
        rate_limit: float = DEFAULT_RATE_LIMIT,
        budget: Budget | None = None,
        max_queued: int | None = None,
        failures_to_open: int = FAILURES_TO_OPEN,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = pause,
    ) -> None:
        self._connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._read_retries = read_retries
        self._session = Session(user_agent)
        self._storage = Storage(user_agent)
        self.clock = clock
        self.access_tokens = AccessTokens(clock)
        self._sleep = sleep
        self._queue = queue = Queue(max_queued)
        self._budget, self._pace = budget, Pace.of(rate_limit)
        self._rate_limits = Recent(lambda: RateLimit(rate_limit, clock=clock, sleep=sleep, queue=queue))
        self._circuits = Recent(lambda: Circuit(failures_to_open, clock=clock))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._storage.close()

    def send(self, call: Call) -> Answer:
        """Exchange a call for an answer of any status; raises `OnfidoError` if there is none."""
        for attempt in range(self._read_retries if call.method == "GET" else 0):
            seconds = random.uniform(0, BACKOFF_SECONDS * 2**attempt)  # noqa: S311  spreads load, guards nothing
            try:
                answer = self._exchange(call)
            except HeldBackError:
                raise
            except OnfidoError as error:
                if not error.is_retryable or seconds >= self.patience(call):
                    raise
            else:
                seconds = max(seconds, answer.retry_after or 0)
                if not answer.is_transient or seconds >= self.patience(call):
                    return answer
            self._sleep(seconds)
        return self._exchange(call)

    def fetch(self, call: Call, location: str) -> File:
        """Open the file to which Onfido's answer to a call redirects; raises `OnfidoError`."""
        return self._storage.open(call.url, location, self._limits(call))

    def _exchange(self, call: Call) -> Answer:
        """Send a call at its turn, and record its metrics."""
        measured = Measured(call.method, call.url)
        try:
            answer = self._send_at_turn(call)
        except OnfidoError as error:
            measured.failed(error, is_held_back=isinstance(error, HeldBackError))
            raise
        measured.answered(answer.status)
        return answer

    def _send_at_turn(self, call: Call) -> Answer:
        """Send a call at its turn, and record its result for the calls after it."""
        host = urlsplit(call.url).netloc.lower()
        circuit = self._circuits.get(host)
        rate_limit = self._rate_limit(call)
        circuit.check()
        rate_limit.wait_for_turn(self.patience(call), is_background=call.is_background)
        answer = self._ask_through(circuit, call)
        if answer.is_throttled:
            rate_limit.hold(answer.retry_after or 0)
        return answer

    def _rate_limit(self, call: Call) -> RateLimit | SharedLimit:
        account = account_of(call.url, call.auth.account)
        alone = self._rate_limits.get(account)
        if self._budget is None:
            return alone
        clock, sleep = self.clock, self._sleep
        return SharedLimit(
            self._budget, account, self._pace, alone, clock=clock, sleep=sleep, queue=self._queue, ahead=call.ahead
        )

    def _ask_through(self, circuit: Circuit, call: Call) -> Answer:
        lease, is_alive = circuit.enter(), None
        has_fair_time = self._time_left(call) >= min(FAIR_SECONDS, self.read_timeout)
        try:
            answer = self._ask(call)
            is_alive = not answer.is_failure
        except OnfidoError as error:
            says_nothing = isinstance(error, HeldBackError) or not (error.is_retryable and has_fair_time)
            is_alive = None if says_nothing else False
            raise
        finally:
            circuit.leave(lease, is_alive=is_alive)
            metrics.CIRCUIT_OPEN.labels(urlsplit(call.url).netloc.lower()).set(circuit.is_open)
        return answer

    def _ask(self, call: Call) -> Answer:
        with traced(call.method, call.url) as span:
            answer = self._ask_traced(call, span.headers)
            span.answered(answer.status, is_failure=answer.status >= HTTPStatus.BAD_REQUEST)
            return answer

    def _ask_traced(self, call: Call, headers: Mapping[str, str]) -> Answer:
        host = urlsplit(call.url).netloc
        with exchanging(self._limits(call), partial(self._check_time, call)) as exchange, ExitStack() as stack:
            try:
                response = self._session.request(call.method, call.target, {**call.headers, **headers}, call.body)
                stack.callback(close, response)
                is_file = call.is_download and response.status == HTTPStatus.OK
                answer = Answer(
                    status=response.status,
                    body=b"" if is_file else _read(response),
                    request_id=response.headers.get("X-Request-Id"),
                    retry_after=retry_after(response.headers.get("Retry-After", "")),
                    location=response.headers.get("Location"),
                    date=http_date(response.headers.get("Date", "")),
                    file=File(host, response) if is_file else None,
                )
            except (OSError, urllib3_errors.HTTPError) as error:
                raise failure(error, host, is_sent=exchange.is_sending) from error
            if is_file:
                stack.pop_all()
            return answer

    def _limits(self, call: Call) -> Limits:
        """Return the limits of an exchange; raises `OnfidoError` if no time is left."""
        left = self._time_left(call)
        if left <= 0:
            raise unreachable(message("There was no time left to ask Onfido"), is_sent=False)
        return Limits(self._connect_timeout, self.read_timeout, left)

    def _check_time(self, call: Call) -> None:
        """Raise if the deadline has passed before the call was sent."""
        if self._time_left(call) <= 0:
            why = "There was no time left to ask Onfido once the connection was established"
            raise HeldBackError(Code.ONFIDO_UNREACHABLE, why, UNREACHABLE_RETRY_AFTER)

    def _time_left(self, call: Call) -> float:
        return math.inf if call.deadline is None else call.deadline - self.clock()

    def patience(self, call: Call) -> float:
        """Return how long a call may wait before it is sent."""
        if call.is_background:
            longest = BACKGROUND_WAIT_SECONDS
        else:
            longest = LONGEST_WAIT_SECONDS if call.deadline is None else math.inf
        return max(0.0, min(longest, self._time_left(call)))


def _read(response: BaseHTTPResponse) -> bytes:
    """Read the body, at most one byte beyond the limit."""
    body = bytearray()
    for piece in read_pieces(response):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            break
    return bytes(body[: MAX_BODY_BYTES + 1])
