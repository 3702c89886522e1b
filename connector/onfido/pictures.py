"""Reading Onfido's lists of documents and live photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.domain.verifications.pictures import DOCUMENT, SELFIE, Picture
from connector.onfido.reading import as_object, identifier, objects, text, time

_MEDIA_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
MOST = 50  # pictures of one kind


def documents_of(body: object) -> list[Picture]:
    """Read a list of documents, except those that are neither pictures nor PDF."""
    return list(_pictures(body, "documents", DOCUMENT, ("type", "side")))


def selfies_of(body: object) -> list[Picture]:
    """Read a list of live photos."""
    return list(_pictures(body, "live_photos", SELFIE, ()))


def _pictures(body: object, name: str, kind: str, titles: Sequence[str]) -> Iterator[Picture]:
    for each in objects(as_object(body).get(name))[:MOST]:
        picture_id, media_type = identifier(each.get("id")), _media_type(each)
        if picture_id and media_type:
            title = " ".join(word for part in titles if (word := text(each.get(part)))) or kind
            yield Picture(picture_id, kind, title.replace("_", " "), media_type, time(each.get("created_at")))


def _media_type(entry: Mapping[str, Any]) -> str | None:
    kind = (text(entry.get("file_type")) or "").lower().rpartition("/")[2]
    return _MEDIA_TYPES.get(kind)
