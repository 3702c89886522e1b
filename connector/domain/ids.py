"""Ids of providers, runs and the like, ours and Onfido's."""

from __future__ import annotations

import re
import uuid

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def new_id() -> str:
    """Return a new random UUID."""
    return str(uuid.uuid4())


def normal_id(written: str) -> str:
    """Return an id in its stored form: a UUID in lower case (RFC 9562 accepts either), anything else unchanged."""
    return written.lower() if UUID.fullmatch(written) else written
