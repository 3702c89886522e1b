"""Introspection of opaque tokens at their issuer (RFC 7662).

    answered within 60 s ──► the cached answer, never beyond the token's `exp`
    otherwise ─────────────► one request per token at a time, few at once ──► the issuer ──► claims, or "not active"

An unreachable issuer occupies few threads, and only briefly: after a request without an answer all other callers are
refused for `PAUSE`, then one request probes the issuer. Answers are cached by the token's digest, so that memory
contains no tokens; the cache holds `ROOM` of them.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from connector.access.answers import Answer, AnswerError, Answers, Claims, lifetime, read_answer
from connector.access.discovery import Fetch, FetchError, IssuerUnavailableError
from connector.http.client import BodyTooLargeError, ExchangeError, HttpClient
from connector.http.client_form import client_form
from connector.settings.issuers import BASIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.settings import Issuer

KEEP_INACTIVE = 5.0  # seconds that "not active" is cached
PAUSE = 5.0  # seconds without requests after one that was not answered
PATIENCE = 1.0  # seconds that a caller waits for its turn
MAX_ANSWER = 64 * 1024
DEFAULT_TURNS = 4

log = structlog.get_logger(__name__)


class Pause:
    """The pause of requests to an issuer, after one without an answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._is_unavailable = False
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `IssuerUnavailableError` during the pause; after it, only one caller may send a request."""
        with self._lock:
            now = self._clock()
            if now < self._until:
                raise IssuerUnavailableError(max(1, math.ceil(self._until - now)))
            if self._is_unavailable:
                self._until = now + PAUSE

    def begin(self) -> None:
        """Start a pause."""
        with self._lock:
            self._is_unavailable, self._until = True, self._clock() + PAUSE

    def end(self) -> None:
        """End the pause, because the issuer has answered."""
        with self._lock:
            self._is_unavailable, self._until = False, float("-inf")


class Introspection:
    """Introspects tokens at one issuer; shared by all threads.

    `turns` limits the number of concurrent requests; several issuers may share it.
    """

    def __init__(
        self,
        issuer: Issuer,
        secret: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        client: HttpClient | None = None,
        turns: threading.BoundedSemaphore | None = None,
        own_turns: int = DEFAULT_TURNS,
    ) -> None:
        self._issuer = issuer
        self._secret = secret
        self._clock = clock
        self._client = client or HttpClient(ca_file=issuer.ca_file)
        self._turns = [threading.BoundedSemaphore(own_turns), *([turns] if turns else [])]
        self._endpoint = issuer.introspection_endpoint
        self._answers = Answers()
        self._flights: dict[bytes, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._pause = Pause(clock)
        self._hurried_until = float("-inf")

    def ask(self, token: str) -> Claims | None:
        """Return the claims of an active token, None for one that is not active.

        Raises `IssuerUnavailableError` if the issuer does not answer, or too many callers wait for it.
        """
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            if answer := self._answers.get(digest, self._clock()):
                return answer.claims
            if (flight := self._flights.get(digest)) is None:
                self._pause.check()
                mine = self._flights[digest] = Future()
        if flight is None:
            self._ask_for_all(digest, mine, token)
            return mine.result().claims
        return self._join(flight).claims

    def check(self) -> None:
        """Introspect a token that does not exist; raise the error of an answer that cannot be used."""
        self._ask(secrets.token_urlsafe())

    def _ask_for_all(self, digest: bytes, flight: Future[Answer], token: str) -> None:
        """Send a request, for all callers that wait for the same answer."""
        try:
            answer = self._ask_in_turn(token)
        except BaseException as error:
            with self._lock:
                del self._flights[digest]
            flight.set_exception(error)
            raise
        with self._lock:
            del self._flights[digest]
            self._answers.put(digest, answer)
        flight.set_result(answer)

    def _join(self, flight: Future[Answer]) -> Answer:
        try:
            return flight.result(self._patience())
        except TimeoutError:
            raise self._busy() from None
        except IssuerUnavailableError as error:
            raise IssuerUnavailableError(error.retry_after) from error

    def _ask_in_turn(self, token: str) -> Answer:
        try:
            with self._turn():
                answer = self._ask(token)
        except (AnswerError, FetchError, ExchangeError) as error:
            raise self._unavailable(error) from error
        self._pause.end()
        return answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        held: list[threading.BoundedSemaphore] = []
        try:
            for turns in self._turns:
                if not turns.acquire(timeout=self._patience()):
                    raise self._busy()
                held.append(turns)
            yield
        finally:
            for turns in held:
                turns.release()

    def _patience(self) -> float:
        """Return the seconds that a caller may wait: 0 shortly after the wait of another caller has expired."""
        return 0.0 if self._clock() < self._hurried_until else PATIENCE

    def _busy(self) -> IssuerUnavailableError:
        self._hurried_until = self._clock() + PAUSE
        return IssuerUnavailableError(1)

    def _unavailable(self, error: Exception) -> IssuerUnavailableError:
        """Log why there is no answer, and start a pause if the issuer is unreachable, because each request holds a
        thread.
        """
        self._endpoint = self._issuer.introspection_endpoint
        if not isinstance(error, AnswerError) or error.is_unavailable:
            self._pause.begin()
        log.warning("introspection.failed", issuer=self._issuer.issuer, reason=str(error))
        return IssuerUnavailableError(int(PAUSE))

    def _ask(self, token: str) -> Answer:
        fetch = Fetch(self._client)
        endpoint = self._endpoint or fetch.endpoint(self._issuer.issuer, "introspection_endpoint")
        headers, body = self._request(token)
        with self._client.open("POST", endpoint, seconds=max(fetch.left(), 0.0), headers=headers, body=body) as answer:
            try:
                content = answer.read(MAX_ANSWER)
            except BodyTooLargeError as error:
                raise AnswerError(error.reason) from error
        claims = read_answer(answer.status, content)
        self._endpoint = endpoint
        return Answer(claims, self._clock() + (KEEP_INACTIVE if claims is None else lifetime(claims)))

    def _request(self, token: str) -> tuple[dict[str, str], bytes]:
        form = {"token": token, "token_type_hint": "access_token"}
        is_basic = self._issuer.client_auth == BASIC
        return client_form(form, self._issuer.client_id, self._secret, is_secret_in_body=not is_basic)
