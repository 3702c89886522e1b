"""Links from one story to another: of a verification, a user, an event, a job."""

from __future__ import annotations

from flask import request, url_for


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
