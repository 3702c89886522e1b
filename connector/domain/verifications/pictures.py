"""The pictures that a person has sent in a run: of documents, and of the person."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification

DOCUMENT, SELFIE = "document", "selfie"
SLACK = timedelta(minutes=5)  # possible difference between Onfido's clock and ours


@frozen
class Picture:
    """A picture at Onfido; `title` describes it, such as `passport front`."""

    picture_id: str
    kind: str
    title: str
    media_type: str
    created_at: datetime | None


def is_of_run(picture: Picture, verification: Verification) -> bool:
    """Whether a picture of a verification's applicant was sent during its run; this is determined by its time."""
    at = picture.created_at
    if at is None:
        return True
    end = verification.closed_at
    return at >= verification.created_at - SLACK and (end is None or at <= end + SLACK)
