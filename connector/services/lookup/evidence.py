"""The files that Onfido keeps of a run that has ended, streamed to the caller.

run ──► ended here? ──► no: ask Onfido, a webhook may be lost ──► still open: IDVP-60012
     └──► open the file at Onfido ──► 404: not created yet, or unknown: IDVP-60011, retry later
                                  └──► EvidenceFile ──► its reader, in chunks
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus

from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.errors import Code, OnfidoError, RequestError
from connector.onfido.client import FileStream, OnfidoClient
from connector.services.lookup.pictures import EvidenceFile, Pictures
from connector.services.lookup.readings import Readings
from connector.services.lookup.shown_details import ShownDetails
from connector.services.lookup.verifications import NO_RUN, VerificationLookup
from connector.services.providers.onfido import Onfido
from connector.services.timing import Timing

__all__ = ["PDF", "ZIP", "Evidence", "EvidenceFile"]

PDF, ZIP = "application/pdf", "application/zip"
RETRY_AFTER = 5  # seconds, while Onfido may be creating a file


class Evidence:
    """Opens the files of runs; the caller must close them, which closes the connection to Onfido. Reads are recorded.

    Opening raises `RequestError`: no such run, it has not ended, or the file does not exist yet; `OnfidoError`.
    """

    def __init__(self, lookup: VerificationLookup, readings: Readings, onfido: Onfido, timing: Timing) -> None:
        self._lookup = lookup
        self._readings = readings
        self._onfido = onfido
        self._timing = timing
        self.pictures = Pictures(lookup, readings, onfido, timing)
        self.details = ShownDetails(lookup, readings)

    def create_timeline(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> str:
        """Create a run's timeline file and return its id; it can be opened a moment later. Raises as opening does."""
        verification, onfido_run_id = self._ended(tenant, run_id, provider_id)
        with _with_retry_after():
            return self._client(verification).create_timeline_file(onfido_run_id)

    def open_timeline(
        self, tenant: Tenant, run_id: str, file_id: str, provider_id: str | None = None, *, actor: str
    ) -> AbstractContextManager[EvidenceFile]:
        """Open a timeline file (a PDF) that was created."""
        if not file_id.strip("."):
            raise RequestError(
                Code.FILE_UNAVAILABLE,
                message(
                    "There is no timeline file %(file_id)s: create one, and use the id in the answer.", file_id=file_id
                ),
            )
        verification, onfido_run_id = self._ended(tenant, run_id, provider_id)
        opened = self._client(verification).open_timeline_file(onfido_run_id, file_id)
        return self._passed_on(opened, verification, f"timeline-{onfido_run_id}.pdf", PDF, actor)

    def open_evidence(
        self, tenant: Tenant, run_id: str, provider_id: str | None = None, *, actor: str
    ) -> AbstractContextManager[EvidenceFile]:
        """Open the signed evidence (a PDF)."""
        return self._evidence(OnfidoClient.open_signed_evidence, PDF, actor, *self._ended(tenant, run_id, provider_id))

    def open_evidence_folder(
        self, tenant: Tenant, run_id: str, provider_id: str | None = None, *, actor: str
    ) -> AbstractContextManager[EvidenceFile]:
        """Open the evidence folder (a zip)."""
        return self._evidence(OnfidoClient.open_evidence_folder, ZIP, actor, *self._ended(tenant, run_id, provider_id))

    def _evidence(
        self,
        open_file: Callable[[OnfidoClient, str], AbstractContextManager[FileStream]],
        media_type: str,
        actor: str,
        verification: Verification,
        onfido_run_id: str,
    ) -> AbstractContextManager[EvidenceFile]:
        opened = open_file(self._client(verification), onfido_run_id)
        name = f"evidence-{onfido_run_id}.{media_type.partition('/')[2]}"
        return self._passed_on(opened, verification, name, media_type, actor)

    @contextmanager
    def _passed_on(
        self,
        opened: AbstractContextManager[FileStream],
        verification: Verification,
        name: str,
        media_type: str,
        actor: str,
    ) -> Iterator[EvidenceFile]:
        """Stream a file from Onfido with the expected media type, not the one that the storage sends."""
        with ExitStack() as stack:
            with _with_retry_after():
                stream = stack.enter_context(opened)
            self._readings.record_file(verification, name, actor)
            yield EvidenceFile(name, media_type, stream.length, stream.chunks)

    def _ended(self, tenant: Tenant, run_id: str, provider_id: str | None) -> tuple[Verification, str]:
        """Return a verification that has ended and its run's id at Onfido."""
        verification = self._lookup.find(tenant, run_id, provider_id)
        if verification.closed_at is None and verification.run_id is not None:
            verification = self._lookup.refresh(tenant, run_id, provider_id)
        if verification.closed_at is None:
            raise RequestError(
                Code.VERIFICATION_NOT_ENDED,
                message(
                    "The run %(run_id)s has not ended (its status is %(status)s): ask again once it has.",
                    run_id=run_id,
                    status=verification.status,
                ),
            )
        if verification.run_id is None:
            raise RequestError(Code.VERIFICATION_NOT_FOUND, NO_RUN)
        return verification, verification.run_id

    def _client(self, verification: Verification) -> OnfidoClient:
        return self._onfido.of_verification(verification, self._timing.interactive())


@contextmanager
def _with_retry_after() -> Iterator[None]:
    try:
        yield
    except OnfidoError as error:
        if error.code is not Code.FILE_UNAVAILABLE or error.status != HTTPStatus.NOT_FOUND:
            raise
        raise RequestError(Code.FILE_UNAVAILABLE, error.description, retry_after=RETRY_AFTER) from error
