"""Times as the interfaces write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def timestamp(moment: datetime) -> str: ...
@overload
def timestamp(moment: datetime | None) -> str | None: ...
def timestamp(moment: datetime | None) -> str | None:
    """Return a time as Onfido writes it: ISO 8601 in UTC, to the second; `strftime` would not pad its year."""
    return None if moment is None else moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
