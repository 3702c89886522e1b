"""The threads that answer each path."""

from __future__ import annotations

import pytest

from connector.api.middleware.traffic import CONSOLE, OPERATIONS, REQUESTS, WEBHOOKS, lane, threads


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/console", CONSOLE),
        ("/console/verifications/a", CONSOLE),
        ("/t/acme/console/users", CONSOLE),
        ("/bootstrap/css/bootstrap.min.css", CONSOLE),
        ("/consoles", REQUESTS),
        ("/api/server/v1/console-sessions", REQUESTS),
        ("/idv/onfido/v1/a/verify", WEBHOOKS),
        ("/healthz", OPERATIONS),
    ],
)
def test_console_pages_use_no_thread_of_the_api(path: str, name: str) -> None:
    assert lane(path) == name
    assert threads(8, 3)[CONSOLE] == 3
