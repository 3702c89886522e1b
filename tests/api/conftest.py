"""An issuer of access tokens, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.test_auth import AuthIssuer


@pytest.fixture
def issuer() -> Iterator[AuthIssuer]:
    """An authorization server on loopback."""
    running = AuthIssuer()
    yield running
    running.close()
