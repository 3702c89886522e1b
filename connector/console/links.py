"""Links from one story to another: of a verification, a user, an event, a job; and to the page itself."""

from __future__ import annotations

from urllib.parse import quote

from flask import request, url_for

from connector.api.middleware.paths import ENCODED_SLASH

SAFE = "/:@!$&'()*+,;=~"  # besides letters, digits and -._


def here() -> str:
    """Return the address of the page, without its query, as a link needs it: request.path is decoded."""
    return address_of(request.path)


def here_with_query() -> str:
    """Return the address of the page."""
    query = request.query_string.decode("ascii", "replace")
    return here() + (f"?{query}" if query else "")


def address_of(path: str) -> str:
    """Return the address of a path of the tenant's, encoded again; an id may hold a slash, or a question mark."""
    return quote(f"{request.script_root}{path}", safe=SAFE).replace(quote(ENCODED_SLASH), "%2F")


def verification_url(verification_id: str) -> str:
    """Return the page of a verification."""
    return f"{request.script_root}/console/verifications/{verification_id}"


def event_url(event_id: str) -> str:
    """Return the page of an event."""
    return f"{request.script_root}/console/events/{event_id}"


def user_url(user_id: str) -> str:
    """Return the page of a user."""
    return url_for("console.users.show", user_id=user_id)


def job_url(job_id: str) -> str:
    """Return the page of a job."""
    return url_for("console.jobs.show", job_id=job_id)
