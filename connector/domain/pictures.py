"""The pictures that a person has sent in a run: of documents, and of the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.verification import Verification

DOCUMENT, SELFIE = "document", "selfie"
SLACK = timedelta(minutes=5)  # that Onfido's clock and ours may differ


@dataclass(frozen=True)
class Picture:
    """A picture at Onfido; `title` is what it shows, such as `passport front`."""

    picture_id: str
    kind: str
    title: str
    media_type: str
    created_at: datetime | None


def is_of_run(picture: Picture, verification: Verification) -> bool:
    """Whether a picture of a verification's applicant was sent in its run, as far as the time tells."""
    at = picture.created_at
    if at is None:
        return True
    end = verification.closed_at
    return at >= verification.created_at - SLACK and (end is None or at <= end + SLACK)
