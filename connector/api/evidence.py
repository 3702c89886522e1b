"""The evidence of a run that has ended: the files that Onfido keeps of it, streamed.

view ─► open ─► a failure so far: an ordinary error response
         └─► headers ─► chunk ─► chunk ─► …        a later failure: the connection is closed
                        the caller reads to the end, or disconnects ─► the connection to Onfido is closed
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import structlog
from flask import Response, current_app, g, url_for

from connector.api.attachments import attachment
from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import ONFIDO
from connector.api.parsing import Blueprint
from connector.api.shapes.verification import TimelineFileSchema
from connector.api.verifications import PREFIX, check_provider
from connector.errors import Code, OnfidoError
from connector.services.lookup.evidence import PDF, ZIP, Evidence, EvidenceFile

log = structlog.get_logger(__name__)

FILE_ERRORS = (
    Code.PROVIDER_NOT_FOUND,
    Code.VERIFICATION_NOT_FOUND,
    Code.VERIFICATION_NOT_ENDED,
    Code.FILE_UNAVAILABLE,
    *ONFIDO,
)
_BINARY = {"type": "string", "format": "binary"}

blueprint = Blueprint(
    "evidence", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Onfido's files of a run"
)


@blueprint.post("/verifications/<run_id>/timeline-file")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.ONFIDO)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(202, TimelineFileSchema)
def create_timeline_file(provider_id: str, run_id: str) -> dict[str, str]:
    """Ask Onfido to create the timeline file of a run that has ended.

    The answer contains its address, which answers IDVP-60011 until the file is ready.
    """
    check_provider(provider_id)
    file_id = _evidence().create_timeline(g.tenant, run_id, provider_id)
    path = url_for(".get_timeline_file", provider_id=provider_id, run_id=run_id, file_id=file_id)
    return {"fileId": file_id, "href": f"{current_app.config['PUBLIC_URL']}{path}"}


@blueprint.get("/verifications/<run_id>/timeline-file/<file_id>")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=PDF)
def get_timeline_file(provider_id: str, run_id: str, file_id: str) -> Response:
    """Return a timeline file (PDF) of the run's steps.

    Until Onfido has created it, the answer is IDVP-60011 with `Retry-After`.
    """
    check_provider(provider_id)
    return pass_on(_evidence().open_timeline(g.tenant, run_id, file_id, provider_id, actor=g.principal.actor))


@blueprint.get("/verifications/<run_id>/signed-evidence")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=PDF)
def get_signed_evidence(provider_id: str, run_id: str) -> Response:
    """Return the evidence of a run that has ended, signed by Onfido (PDF).

    A summary of the user's documents and Onfido's findings.
    """
    check_provider(provider_id)
    return pass_on(_evidence().open_evidence(g.tenant, run_id, provider_id, actor=g.principal.actor))


@blueprint.get("/verifications/<run_id>/evidence-folder")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=ZIP)
def get_evidence_folder(provider_id: str, run_id: str) -> Response:
    """Return all evidence of a run that has ended (zip).

    The files that the user submitted, and Onfido's reports about them.
    """
    check_provider(provider_id)
    return pass_on(_evidence().open_evidence_folder(g.tenant, run_id, provider_id, actor=g.principal.actor))


def pass_on(opened: AbstractContextManager[EvidenceFile]) -> Response:
    """Return an answer that streams a file."""
    with ExitStack() as stack:
        file = stack.enter_context(opened)
        response = attachment(_chunks(file), file.media_type, file.name)
        if file.length is not None:
            response.content_length = file.length
        response.call_on_close(stack.pop_all().close)
        return response


def _chunks(file: EvidenceFile) -> Iterator[bytes]:
    """Yield a file; a failure is only logged, because the answer has already begun."""
    try:
        yield from file.chunks
    except OnfidoError as error:
        log.warning("file.interrupted", file=file.name, code=error.code, reason=error.summary)
        raise


def _evidence() -> Evidence:
    evidence: Evidence = current_app.extensions["services"].evidence
    return evidence
