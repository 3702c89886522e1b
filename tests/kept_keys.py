"""A connector that keeps its first signing keys between tests: to generate two takes longer than most tests that sign.

A `conftest.py` imports these fixtures in place of `standing` of `tests/standing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from connector.domain.signing import SigningKey
from connector.store.openid import signing_keys
from tests.standing import StandingConnector
from tests.standing import standing as emptied

__all__ = ["emptied", "kept_keys", "standing"]


@pytest.fixture(scope="session")
def kept_keys(shared_connector: StandingConnector) -> Sequence[SigningKey]:
    """The connector's first keys."""
    return shared_connector.connector.services.signing_keys.published()


@pytest.fixture
def standing(emptied: StandingConnector, kept_keys: Sequence[SigningKey]) -> StandingConnector:
    """The connector that all tests share, as if newly installed and its keys just published."""
    now = emptied.now()
    with emptied.connector.services.database.write() as connection:
        signing_keys.add(connection, [replace(key, created_at=now, expires_at=None) for key in kept_keys])
    return emptied
