"""A key that signs the connector's assertions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen

CURRENT, NEXT, PREVIOUS = "current", "next", "previous"  # roles; the first two are slots for one key each


@frozen
class SigningKey:
    """A key; `private_key` is encrypted. A former key has no slot, but expires."""

    key_id: str
    public_key: Mapping[str, Any]
    private_key: str = field(repr=False)
    created_at: datetime
    slot: str | None
    expires_at: datetime | None = None

    @property
    def role(self) -> str:
        """Its role: `current`, `next` or `previous`."""
        return self.slot or PREVIOUS
