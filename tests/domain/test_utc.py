"""Times as the interfaces write them can be read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.domain.job_requests import resending_since
from connector.domain.utc import timestamp


@pytest.mark.parametrize("text", ["0085-01-11T14:33:38Z", "2026-12-31T23:59:59Z", "9999-01-01T00:00:00Z"])
def test_a_time_of_any_year_can_be_read_again(text: str) -> None:
    moment = datetime.fromisoformat(text)

    assert timestamp(moment) == text
    request = resending_since(moment, is_everything=True, endpoint_id=None)
    assert datetime.fromisoformat(request.parameters["since"]) == moment.astimezone(UTC)
