"""Reading Onfido's lists of pictures: other files are left out."""

from __future__ import annotations

import pytest

from connector.onfido.pictures import documents_of, selfies_of
from connector.onfido.reading import UnreadableError

ID = "1f0a3c52-6a7e-4a6a-9d3b-0c5de0f0a001"


@pytest.mark.parametrize(
    ("file_type", "media_type"),
    [("png", "image/png"), ("JPG", "image/jpeg"), ("image/jpeg", "image/jpeg"), ("pdf", "application/pdf")],
)
def test_pictures_are_classified_by_their_type(file_type: str, media_type: str) -> None:
    [picture] = selfies_of({"live_photos": [{"id": ID, "file_type": file_type}]})
    assert (picture.title, picture.media_type, picture.created_at) == ("selfie", media_type, None)


def test_a_document_is_named_after_its_type_and_side() -> None:
    entry = {
        "id": ID,
        "file_type": "png",
        "type": "driving_licence",
        "side": "front",
        "created_at": "2026-01-02T03:04:05Z",
    }
    [picture] = documents_of({"documents": [entry]})
    assert picture.title == "driving licence front"
    assert picture.created_at is not None


@pytest.mark.parametrize(
    "entry", [{"id": ID}, {"id": ID, "file_type": "svg"}, {"file_type": "png"}, {"id": 1, "file_type": 2}, "x"]
)
def test_an_entry_that_is_not_a_picture_is_left_out(entry: object) -> None:
    assert documents_of({"documents": [entry]}) == []


def test_an_answer_that_is_not_a_list_is_unreadable() -> None:
    with pytest.raises(UnreadableError):
        documents_of({"documents": "none"})
