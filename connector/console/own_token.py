"""The access token of the person who views a page: some directories can be read only with it.

Without a usable token the person is sent through the sign-in again, and then back to the page. This does not happen
right after a sign-in, because the next token would be as useless.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from flask import g, request

from connector.console.ground import console_sessions, now
from connector.console.viewer import current_viewer
from connector.errors import Code, DirectoryError

T = TypeVar("T")
JUST_SIGNED_IN = timedelta(seconds=10)


class SignInAgain(Exception):  # noqa: N818  it is a state, not a defect
    """The person has to sign in again, and is then led to `next_url`."""

    def __init__(self, next_url: str) -> None:
        super().__init__(next_url)
        self.next_url = next_url


def is_kept_for(next_url: str) -> bool:
    """Whether the token of a sign-in is kept: only if it is needed, and for the user's pages."""
    is_of_user = not urlsplit(next_url).path.startswith(f"{request.script_root}/console")
    return bool(g.tenant.directory.needs_the_user) and is_of_user


def with_own_token(next_url: str, read: Callable[[str | None], T], user_id: str | None = None) -> T:
    """Call `read` with the person's access token, or with None if the tenant's directory does not need it.

    The token of another person than `user_id` is not used. Raises `SignInAgain`, or what `read` raises.
    """
    if not g.tenant.directory.needs_the_user:
        return read(None)
    viewer = current_viewer()
    if viewer is None:
        raise SignInAgain(next_url)
    if user_id not in (None, viewer.principal.subject):
        return read(None)
    session = viewer.session
    may_repeat = session.token_expires_at is None or now() - session.created_at >= JUST_SIGNED_IN
    token = console_sessions().own_token(session)
    if token is None and may_repeat:
        raise SignInAgain(next_url)
    try:
        return read(token)
    except DirectoryError as error:
        if error.code is Code.NEEDS_THE_USER and may_repeat:
            raise SignInAgain(next_url) from error
        raise
