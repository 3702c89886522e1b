"""Metrics and traces of calls to Onfido: endpoint, result, and duration including the wait for the rate limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from urllib.parse import urlsplit

from connector import metrics, tracing
from connector.errors import Code, OnfidoError

# The words of Onfido's paths. Everything else in a path is an id, which would make too many labels.
WORDS = frozenset(
    (
        *("applicants", "complete", "evidence_folder", "oauth", "passkeys", "ping", "restore", "sdk_token"),
        *("signed_evidence_file", "tasks", "timeline_file", "token", "watchlist_monitors", "webhooks"),
        *("biometric_tokens", "workflow_runs"),
    )
)
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))


def endpoint(method: str, url: str) -> str:
    """Return the endpoint of a call, with its ids replaced: `GET workflow_runs/{id}/tasks`."""
    segments = urlsplit(url).path.strip("/").split("/")
    beginning = next((at for at, segment in enumerate(segments) if segment in WORDS), None)
    if beginning is None or method not in METHODS:
        return "other"
    words = [segment if segment in WORDS else "{id}" for segment in segments[beginning:][:4]]
    return f"{method} {'/'.join(words)}"


def traced(method: str, url: str) -> AbstractContextManager[tracing.Span]:
    """Open a span of a call, with only the host and the endpoint of its address."""
    facts = {"http.request.method": method, "server.address": urlsplit(url).hostname or ""}
    return tracing.call(f"Onfido {endpoint(method, url)}", facts)


class Measured:
    """One call, from the moment at which it is to be sent."""

    def __init__(self, method: str, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint(method, url)
        self._clock = clock
        self._began = clock()

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._observe(_result(status))

    def failed(self, error: OnfidoError, *, is_held_back: bool) -> None:
        """Count a call without an answer; a call that was held back was not sent."""
        if not is_held_back:
            self._observe("no_answer")
        else:
            self._observe("held_back_limit" if error.code is Code.ONFIDO_THROTTLES else "held_back_circuit")

    def _observe(self, result: str) -> None:
        metrics.ONFIDO_CALLS.labels(self._endpoint, result).observe(self._clock() - self._began)


def _result(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "ok"
