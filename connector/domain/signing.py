"""A key that signs what the connector asserts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CURRENT, NEXT, PREVIOUS = "current", "next", "previous"  # roles; the first two are slots, each of one key


@dataclass(frozen=True)
class SigningKey:
    """A key; `private_key` is sealed. A former one has no slot, but expires."""

    key_id: str
    public_key: Mapping[str, Any]
    private_key: str = field(repr=False)
    created_at: datetime
    slot: str | None
    expires_at: datetime | None = None

    @property
    def role(self) -> str:
        """What it is used for: `current`, `next` or `previous`."""
        return self.slot or PREVIOUS
