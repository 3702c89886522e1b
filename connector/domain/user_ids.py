"""Which ids users may have."""

from __future__ import annotations

from connector.domain.text import is_blank

ME = "me"  # in a path: the user whose access token it is
MAX_LENGTH = 255


def id_objection(user_id: str) -> str | None:
    """Return what an id of a user must be where this one is not; None for a good one."""
    if user_id == ME:
        return f"must not be {ME}: in the API that means the user who calls"
    return name_objection(user_id)


def name_objection(name: str) -> str | None:
    """Return what the id of a user or the URI of a claim must be where this one is not; None for a good one."""
    if is_blank(name):
        return "must not be empty, nor of invisible characters only"
    if len(name) > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters, has {len(name)}"
    return None if name.isprintable() else "must hold printable characters only"
