"""Downloads: a provider's verifications as CSV, and the files that Onfido keeps of a run.

view ─► open ─► a failure so far: an ordinary error response
            └─► headers ─► piece ─► piece ─► …        a later failure: the connection is closed
            the caller reads to the end, or disconnects ─► closed, down to Onfido
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import chain
from typing import Any

import structlog
from flask import Response, current_app, g, url_for

from connector.api.error_responses import ONFIDO
from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shares import Lasting
from connector.api.verification_csv import csv_pieces
from connector.api.verification_shapes import TimelineFileSchema, VerificationFilterSchema
from connector.api.verifications import PREFIX, check_provider
from connector.domain.verification_filter import read_filter
from connector.errors import Code, OnfidoError
from connector.services.lookup.evidence import PDF, ZIP, Evidence, EvidenceFile
from connector.services.lookup.readings import CSV_FILE, Readings
from connector.services.lookup.verifications import VerificationLookup

log = structlog.get_logger(__name__)

CSV = "text/csv"
FILE_ERRORS = (
    Code.PROVIDER_NOT_FOUND,
    Code.VERIFICATION_NOT_FOUND,
    Code.VERIFICATION_NOT_ENDED,
    Code.FILE_UNAVAILABLE,
    *ONFIDO,
)
_BINARY = {"type": "string", "format": "binary"}

blueprint = Blueprint(
    "exports", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Verifications as files"
)


@blueprint.get("/verifications.csv")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(VerificationFilterSchema, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV, example="id,runId,userId,status\r\n…")
def export_runs(query: dict[str, Any], provider_id: str) -> Response:
    """Return verifications as CSV, the oldest first.

    One line for each verification that matches the filters, without a limit. Cells that a spreadsheet would execute
    begin with an apostrophe.
    """
    check_provider(provider_id)
    services, wanted = current_app.extensions["services"], read_filter(query, provider_id=provider_id)
    runs: VerificationLookup = services.lookup
    readings: Readings = services.readings
    readings.record_export(g.tenant, wanted, g.principal.actor)
    pieces = csv_pieces(runs.export(g.tenant, wanted))
    first = next(pieces)  # with the first look at the database: if it fails, nothing was sent yet
    response = _attachment(chain((first,), pieces), CSV, CSV_FILE)
    response.call_on_close(pieces.close)
    return response


@blueprint.post("/verifications/<run_id>/timeline-file")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.ONFIDO)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(202, TimelineFileSchema)
def create_timeline_file(provider_id: str, run_id: str) -> dict[str, str]:
    """Ask Onfido to create the timeline file of a run that has ended.

    The answer contains its address, which answers IDVP-60011 until the file is ready.
    """
    check_provider(provider_id)
    file_id = _files().create_timeline(g.tenant, run_id, provider_id)
    path = url_for(".get_timeline_file", provider_id=provider_id, run_id=run_id, file_id=file_id)
    return {"fileId": file_id, "href": f"{current_app.config['PUBLIC_URL']}{path}"}


@blueprint.get("/verifications/<run_id>/timeline-file/<file_id>")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=PDF)
def get_timeline_file(provider_id: str, run_id: str, file_id: str) -> Response:
    """Return a timeline file (PDF) of the run's steps.

    Until Onfido has finished it, the answer is IDVP-60011 with `Retry-After`.
    """
    check_provider(provider_id)
    return _passed_on(_files().open_timeline(g.tenant, run_id, file_id, provider_id, actor=g.principal.actor))


@blueprint.get("/verifications/<run_id>/signed-evidence")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=PDF)
def get_signed_evidence(provider_id: str, run_id: str) -> Response:
    """Return the evidence of a run that has ended, signed by Onfido (PDF).

    A summary of the user's documents and Onfido's findings.
    """
    check_provider(provider_id)
    return _passed_on(_files().open_evidence(g.tenant, run_id, provider_id, actor=g.principal.actor))


@blueprint.get("/verifications/<run_id>/evidence-folder")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(*FILE_ERRORS)
@blueprint.response(200, _BINARY, content_type=ZIP)
def get_evidence_folder(provider_id: str, run_id: str) -> Response:
    """Return all evidence of a run that has ended (zip).

    The files that the user submitted, and Onfido's reports about them.
    """
    check_provider(provider_id)
    return _passed_on(_files().open_evidence_folder(g.tenant, run_id, provider_id, actor=g.principal.actor))


def _passed_on(opened: AbstractContextManager[EvidenceFile]) -> Response:
    with ExitStack() as stack:
        file = stack.enter_context(opened)
        response = _attachment(_told(file), file.media_type, file.name)
        if file.length is not None:
            response.content_length = file.length
        response.call_on_close(stack.pop_all().close)
        return response


def _told(file: EvidenceFile) -> Iterator[bytes]:
    """Yield a file; a failure is only logged, because the answer has begun already."""
    try:
        yield from file.chunks
    except OnfidoError as error:
        log.warning("file.broke_off", file=file.name, code=error.code, reason=error.summary)
        raise


def _attachment(content: Iterable[str] | Iterable[bytes], media_type: str, name: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _files() -> Evidence:
    files: Evidence = current_app.extensions["services"].evidence
    return files
