"""The files that Onfido keeps of a run, streamed in chunks.

    GET ──► 200 ─────────────────────────────────┐
        └─► 302 ──► `storage.py`, once ──► 200 ──┴─► FileStream ──► its reader
        └─► 404: not created yet, or unknown

A failure before the first chunk is raised when the file is opened, a later one while it is read; both as
`OnfidoError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import chain

from urllib3 import exceptions as urllib3_errors

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.verifications.pictures import DOCUMENT, SELFIE, Picture
from connector.errors import Code, OnfidoError
from connector.onfido.api import OnfidoApi
from connector.onfido.connections import Limits, exchanging
from connector.onfido.decoding import is_compressed, read_pieces
from connector.onfido.failures import failure, unreachable
from connector.onfido.pictures import documents_of, selfies_of
from connector.onfido.reading import as_object, identifier, required
from connector.onfido.refusals import misunderstanding, refusal
from connector.onfido.sessions import File

MAX_FILE_BYTES = 200 * 1024 * 1024
_FOLDERS = {DOCUMENT: "documents", SELFIE: "live_photos"}
LONGEST_WAIT = 10  # total number of read time-outs that receiving a file may take


@frozen
class FileStream:
    """A file being received; `length` is in bytes, None if it is not known before the end."""

    length: int | None
    chunks: Iterator[bytes]


class Files(OnfidoApi):
    """The timeline file, the signed evidence and the evidence folder of a run that has ended; a person's pictures.

    The deadline limits the time until the file starts to arrive. The connection is closed when the context is left.
    """

    def create_timeline_file(self, run_id: str) -> str:
        """Create the timeline file (a PDF) of a run and return its id; it can be opened a moment later."""
        call = self._call("POST", "workflow_runs", run_id, "timeline_file")
        return self._read(_file_id, call, refused_as=Code.FILE_UNAVAILABLE)

    def open_timeline_file(self, run_id: str, file_id: str) -> AbstractContextManager[FileStream]:
        """Open a timeline file that was created."""
        return self._open("workflow_runs", run_id, "timeline_file", file_id)

    def open_signed_evidence(self, run_id: str) -> AbstractContextManager[FileStream]:
        """Open the signed evidence (a PDF) of a run."""
        return self._open("workflow_runs", run_id, "signed_evidence_file")

    def open_evidence_folder(self, run_id: str) -> AbstractContextManager[FileStream]:
        """Open the evidence folder (a zip) of a run."""
        return self._open("workflow_runs", run_id, "evidence_folder")

    def list_pictures(self, applicant_id: str) -> list[Picture]:
        """List the pictures that a person has sent, of all of the applicant's runs: documents, then selfies."""
        named = {"applicant_id": applicant_id}
        documents = self._read(documents_of, self._call("GET", "documents", params=named))
        return [*documents, *self._read(selfies_of, self._call("GET", "live_photos", params=named))]

    def open_picture(self, picture: Picture) -> AbstractContextManager[FileStream]:
        """Open a picture."""
        return self._open(_FOLDERS[picture.kind], picture.picture_id, "download")

    @contextmanager
    def _open(self, *path: str) -> Iterator[FileStream]:
        with closing(self._request(*path)) as file:
            length = None if is_compressed(file.response) else file.response.length_remaining
            if length is not None and length > MAX_FILE_BYTES:
                raise _too_large()
            chunks = _chunks(file, self._transport.read_timeout, self._transport.clock)
            first = next(chunks, b"")
            yield FileStream(length, chain((first,) if first else (), chunks))

    def _request(self, *path: str) -> File:
        call, answer = self._exchange(self._call("GET", *path, is_download=True, accept="*/*"))
        if answer.file is not None:
            return answer.file
        if answer.is_redirect and answer.location is not None:
            return self._transport.fetch(call, answer.location)
        if answer.is_success:
            raise misunderstanding(answer, "it holds no file")
        raise refusal(answer, call, Code.FILE_UNAVAILABLE)


def _file_id(body: object) -> str:
    return required(identifier(as_object(body).get("workflow_timeline_file_id")), "workflow_timeline_file_id")


def _chunks(file: File, read_timeout: float, clock: Callable[[], float]) -> Iterator[bytes]:
    size, waited = 0, 0.0
    pieces = read_pieces(file.response)
    while True:
        asked_at = clock()
        try:
            with exchanging(Limits(connect=0, answer=read_timeout)):
                piece = next(pieces, None)
        except (OSError, urllib3_errors.HTTPError) as error:
            raise failure(error, file.host) from error
        waited += clock() - asked_at
        if piece is None:
            return
        size += len(piece)
        if size > MAX_FILE_BYTES:
            raise _too_large()
        if waited > read_timeout * LONGEST_WAIT:
            raise unreachable(message("%(host)s sends the file too slowly", host=file.host), is_sent=False)
        if piece:
            yield piece


def _too_large() -> OnfidoError:
    limit = MAX_FILE_BYTES // 1024**2
    return OnfidoError(
        Code.FILE_UNAVAILABLE,
        message("The file is larger than %(limit)s MB: take it from Onfido's dashboard.", limit=limit),
    )
