"""`/v3.6/documents`, `/v3.6/live_photos`: the pictures of people who have completed capture, marked as samples.

GET /v3.6/documents?applicant_id=…         a passport and its back for each run
GET /v3.6/documents/{document}/download    a PNG that says SAMPLE
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator

from flask import Blueprint, Response, request

from connector.simulator import errors
from connector.simulator.records import iso
from connector.simulator.runs import Run
from connector.simulator.simulation import locked
from connector.simulator.state import State
from connector.simulator.validation import Json

blueprint = Blueprint("pictures", __name__)

SIDES = ("front", "back")
_NAMESPACE = uuid.UUID("5f0c2f55-2f0e-4b86-9d7e-0c5de0f0a0aa")
_WIDTH, _HEIGHT = 320, 200
_PAPER, _INK, _STRIPE, _FACE = 0, 1, 2, 3
_PALETTE = bytes((244, 246, 250, 30, 41, 59, 199, 210, 254, 148, 163, 184))
_LETTERS = {  # 5 x 7 dots each, a row in five bits
    "S": (14, 17, 16, 14, 1, 17, 14),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "E": (31, 16, 16, 30, 16, 16, 31),
}
_WORD, _DOT = "SAMPLE", 6


@blueprint.get("/documents")
def list_documents() -> Json:
    """List the documents of an applicant."""
    with locked() as state:
        runs = _runs(state, request.args.get("applicant_id", ""))
        return {"documents": [_document(run, side) for run in runs for side in SIDES]}


@blueprint.get("/live_photos")
def list_live_photos() -> Json:
    """List the selfies of an applicant."""
    with locked() as state:
        runs = _runs(state, request.args.get("applicant_id", ""))
        return {"live_photos": [_entry(run, "selfie", "live_photos") for run in runs]}


@blueprint.get("/documents/<document_id>/download")
def download_document(document_id: str) -> Response:
    """Return the picture of a document."""
    with locked() as state:
        return _answer(state, document_id, SIDES)


@blueprint.get("/live_photos/<photo_id>/download")
def download_live_photo(photo_id: str) -> Response:
    """Return a selfie."""
    with locked() as state:
        return _answer(state, photo_id, ("selfie",))


def _runs(state: State, applicant_id: str) -> list[Run]:
    applicant = state.applicant(applicant_id)
    return [run for run in state.runs.values() if run.applicant is applicant and not run.tasks[0].is_open]


def _document(run: Run, side: str) -> Json:
    return _entry(run, side, "documents") | {"type": "passport", "side": side, "issuing_country": "GBR"}


def _entry(run: Run, what: str, folder: str) -> Json:
    picture_id = _id(run, what)
    href = f"/v3.6/{folder}/{picture_id}"
    return {
        "id": picture_id,
        "created_at": iso(run.tasks[0].updated_at),
        "href": href,
        "download_href": f"{href}/download",
        "file_name": f"{what}.png",
        "file_type": "png",
        "file_size": len(draw(is_face=what == "selfie")),
        "applicant_id": run.applicant.applicant_id,
    }


def _id(run: Run, what: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{run.run_id} {what}"))


def _answer(state: State, picture_id: str, kinds: tuple[str, ...]) -> Response:
    for run in state.runs.values():
        for what in kinds:
            if _id(run, what) == picture_id and not run.tasks[0].is_open:
                return Response(draw(is_face=what == "selfie"), mimetype="image/png")
    raise errors.not_found("picture")


def draw(*, is_face: bool) -> bytes:
    """Return a PNG of a card or a face with the word SAMPLE across."""
    rows = b"".join(b"\0" + bytes(row) for row in _rows(is_face=is_face))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _PALETTE), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(*, is_face: bool) -> Iterator[list[int]]:
    for y in range(_HEIGHT):
        yield [_INK if _is_ink(x, y) else _ground(x, y, is_face=is_face) for x in range(_WIDTH)]


def _ground(x: int, y: int, *, is_face: bool) -> int:
    """Return the colour behind the word: an oval for a face; for a card stripes, and a square for its photo."""
    if is_face:
        return _FACE if ((x - _WIDTH / 2) / 70) ** 2 + ((y - _HEIGHT / 2) / 90) ** 2 <= 1 else _STRIPE
    if 16 <= x < 96 and 24 <= y < 124:  # noqa: PLR2004  the photo's place
        return _FACE
    return _STRIPE if y % 20 < 4 and x >= 112 else _PAPER  # noqa: PLR2004  lines of text


def _is_ink(x: int, y: int) -> bool:
    across = 6 * _DOT
    left, top = (_WIDTH - across * len(_WORD)) // 2, (_HEIGHT - 7 * _DOT) // 2
    at, column = divmod((x - left) // _DOT, 6)
    row = (y - top) // _DOT
    if not (0 <= at < len(_WORD) and 0 <= row < 7 and 0 <= column < 5):  # noqa: PLR2004  a letter's dots
        return False
    return bool(_LETTERS[_WORD[at]][row] >> (4 - column) & 1)
