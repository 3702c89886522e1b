"""Ids of providers, runs and the like, ours and Onfido's."""

from __future__ import annotations

import os
import re

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


_VARIANTS = "89ab"


def new_id() -> str:
    """Return a new random UUID (version 4 of RFC 9562); the standard library's class takes several times as long."""
    digits = os.urandom(16).hex()
    variant = _VARIANTS[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def normal_id(written: str) -> str:
    """Return an id in its stored form: a UUID in lower case (RFC 9562 accepts either), anything else unchanged."""
    return written.lower() if UUID.fullmatch(written) else written
