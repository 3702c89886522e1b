"""Validation of users' ids."""

from __future__ import annotations

from connector.domain.messages import message
from connector.domain.text import is_blank

ME = "me"  # in a path: the user whose access token is used
STEPS = (".", "..")  # in a path: clients and proxies resolve them, so that a request never names such a user
MAX_LENGTH = 255


def id_objection(user_id: str) -> str | None:
    """Return why a user id is invalid; None if it is valid."""
    if user_id == ME:
        return message("must not be %(me)s, which means the caller in the API", me=ME)
    if user_id in STEPS:
        return message("must not be . or .., which are steps in a path")
    return name_objection(user_id)


def name_objection(name: str) -> str | None:
    """Return why a user id or a claim URI is invalid; None if it is valid."""
    if is_blank(name):
        return message("must not be empty or consist of invisible characters only")
    if len(name) > MAX_LENGTH:
        return message(
            "must have at most %(max_length)s characters, not %(name)s", max_length=MAX_LENGTH, name=len(name)
        )
    return None if name.isprintable() else message("must contain only printable characters")
