"""Times as the interfaces write them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC, to the second, with four digits of the year: `strftime` pads none."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
