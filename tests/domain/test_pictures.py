"""The pictures of an applicant that belong to a run: those of its time, if that is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.verifications.pictures import SELFIE, Picture, is_of_run
from tests.domain.test_judgement import VERIFICATION

START = datetime(2026, 1, 2, tzinfo=UTC)
END = START + timedelta(minutes=10)
CLOSED = replace(VERIFICATION, created_at=START, closed_at=END)


@pytest.mark.parametrize(
    ("at", "is_its"),
    [
        (None, True),
        (START + timedelta(minutes=1), True),
        (START - timedelta(minutes=4), True),
        (START - timedelta(hours=1), False),
        (END + timedelta(hours=1), False),
    ],
)
def test_a_picture_belongs_to_the_run_during_which_it_was_uploaded(at: datetime | None, is_its: bool) -> None:
    assert is_of_run(Picture("a", SELFIE, "selfie", "image/png", at), CLOSED) is is_its


def test_an_open_run_has_all_pictures_since_its_start() -> None:
    picture = Picture("a", SELFIE, "selfie", "image/png", END + timedelta(days=1))
    assert is_of_run(picture, replace(CLOSED, closed_at=None))
