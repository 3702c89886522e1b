"""Reading the headers of Onfido's answers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connector.domain.numbers import is_digits

MAX_DIGITS = 10  # digits of a number of seconds


def retry_after(value: str) -> int | None:
    """Read the header's seconds or HTTP date; None if it is neither."""
    if is_digits(value):
        return int(value) if len(value) <= MAX_DIGITS else None
    date = http_date(value)
    return None if date is None else max(0, math.ceil((date - datetime.now(UTC)).total_seconds()))


def http_date(value: str) -> datetime | None:
    """Read an HTTP date; None if it is invalid."""
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
