"""The pictures of a run, for administrators who decide on it: streamed from Onfido, never stored, each view recorded.

A picture is opened only if it is in the list of the verification's applicant, because Onfido's account may be shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.domain.verifications.pictures import Picture, is_of_run
from connector.domain.verifications.verification import Verification
from connector.errors import Code, RequestError
from connector.onfido.client import OnfidoClient
from connector.services.lookup.readings import Readings
from connector.services.lookup.verifications import NO_RUN, VerificationLookup
from connector.services.providers.onfido import Onfido
from connector.services.timing import Timing
from connector.services.use_case import use_case


@frozen
class EvidenceFile:
    """A file being received; `length` is in bytes, None if it is not known before the end.

    Reading `chunks` raises `OnfidoError` if the file is truncated.
    """

    name: str
    media_type: str
    length: int | None
    chunks: Iterator[bytes]


@use_case
class Pictures:
    """Lists and opens the pictures of one verification; raises as `VerificationLookup.find` does, and `OnfidoError`."""

    _lookup: VerificationLookup
    _readings: Readings
    _onfido: Onfido
    _timing: Timing

    def list(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> list[Picture]:
        """Return the pictures that the user has sent in a run."""
        verification, client = self._client(tenant, run_id, provider_id)
        return _of_run(client, verification)

    @contextmanager
    def open(
        self, tenant: Tenant, run_id: str, picture_id: str, provider_id: str | None = None, *, actor: str
    ) -> Iterator[EvidenceFile]:
        """Open a picture of a run, and record the viewer; raises `RequestError` if the run has no such picture."""
        verification, client = self._client(tenant, run_id, provider_id)
        picture = next((each for each in _of_run(client, verification) if each.picture_id == picture_id), None)
        if picture is None:
            raise RequestError(
                Code.FILE_UNAVAILABLE,
                message(
                    "The run has no picture %(picture_id)s: list its pictures, and use an id of theirs.",
                    picture_id=picture_id,
                ),
            )
        with client.open_picture(picture) as stream:
            name = f"{picture.title.replace(' ', '-')}.{picture.media_type.partition('/')[2]}"
            self._readings.record_file(verification, name, actor)
            yield EvidenceFile(name, picture.media_type, stream.length, stream.chunks)

    def _client(self, tenant: Tenant, run_id: str, provider_id: str | None) -> tuple[Verification, OnfidoClient]:
        verification = self._lookup.find(tenant, run_id, provider_id)
        if verification.run_id is None:
            raise RequestError(Code.VERIFICATION_NOT_FOUND, NO_RUN)
        return verification, self._onfido.of_verification(verification, self._timing.interactive())


def _of_run(client: OnfidoClient, verification: Verification) -> list[Picture]:
    pictures = client.list_pictures(verification.applicant_id or "")
    return [each for each in pictures if is_of_run(each, verification)]
