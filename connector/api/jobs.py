"""`/api/server/v1/jobs`: long work independent of the caller's connection: files, users' records, recovery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, current_app, g, request

from connector.access.gate import EXTENSION, Access
from connector.api.attachments import attachment
from connector.api.errors import PROVIDER_ERRORS, refuse
from connector.api.middleware.shares import Lasting
from connector.api.parsing import Blueprint
from connector.api.shapes.job import (
    CsvRequestSchema,
    FetchRequestSchema,
    JobPageSchema,
    JobQuerySchema,
    JobSchema,
    RecordRequestSchema,
    ResendRequestSchema,
    ResultQuerySchema,
    job_body,
    jobs_body,
)
from connector.api.verifications import check_provider
from connector.domain.job_requests import csv_of, fetching_since, record_of, resending_since
from connector.domain.jobs import EVERYTHING, USER_RECORD, Job, JobRequest
from connector.errors import Code
from connector.services.application.endpoints import Endpoints
from connector.services.cursors import Page
from connector.services.jobs.jobs import Jobs

VALUES_SCOPE = "internal_idv_verified_claims_view"
KEY = "Idempotency-Key"
LONGEST_KEY = 255
_KEY_PARAMETER = {
    "parameters": [
        {
            "in": "header",
            "name": KEY,
            "schema": {"type": "string", "maxLength": LONGEST_KEY},
            "description": "The same key returns the same job, as long as the job is kept.",
        }
    ]
}

blueprint = Blueprint(
    "jobs", __name__, url_prefix="/api/server/v1/jobs", errors=PROVIDER_ERRORS, description="Long work, as jobs"
)


def _asks(path: str, scope: str, schema: type, *codes: Code) -> Callable[..., Any]:
    """Return the decorator of a route that requests a job."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        documented = blueprint.doc(**_KEY_PARAMETER)(blueprint.response(202, JobSchema)(view))
        asked = blueprint.refuses(Code.JOB_KEY_USED, *codes)(blueprint.arguments(schema)(documented))
        routed: Callable[..., Any] = blueprint.post(path)(blueprint.requires(scope)(asked))
        return routed

    return decorate


@_asks(
    "/verifications-csv",
    "internal_idv_claim_view",
    CsvRequestSchema,
    Code.PROVIDER_NOT_FOUND,
    Code.PROVIDER_LIST_INVALID,
)
def request_csv(body: dict[str, Any]) -> Any:
    """Request verifications as CSV.

    The filters are those of the list. The file contains the verifications that were started before the request, the
    oldest first, and is kept for 24 hours.
    """
    provider_id = body.pop("providerId")
    if provider_id is not None:
        check_provider(provider_id)
    return _requested(csv_of(body, provider_id))


@_asks("/user-record", VALUES_SCOPE, RecordRequestSchema)
def request_user_record(body: dict[str, Any]) -> Any:
    """Request the record of one user, as JSON and as a page to read.

    Values, claims with their evidence, verifications, deliveries, history, data at Onfido, and the retention of each.
    It is kept for one hour, and erased when the user is removed.
    """
    return _requested(record_of(body["userId"]))


@_asks("/resend-deliveries", "internal_idvp_update", ResendRequestSchema, Code.ENDPOINT_NOT_FOUND)
def request_resending(body: dict[str, Any]) -> Any:
    """Request that deliveries are repeated.

    Those that became dead since a time, or every notice since then, for an application that has lost its database. At
    most 200 per second become due; a notice keeps its id. `GET /deliveries/resend-preview` returns their number.
    """
    endpoints: Endpoints = current_app.extensions["services"].endpoints
    if body["endpointId"] is not None:
        endpoints.get(g.tenant, body["endpointId"])
    asked = resending_since(
        body["since"],
        is_everything=body["which"] == EVERYTHING,
        endpoint_id=body["endpointId"],
        provider_id=body["providerId"],
        kind=body["kind"],
    )
    return _requested(asked)


@_asks("/fetch-runs", "internal_idv_claim_update", FetchRequestSchema, Code.PROVIDER_NOT_FOUND)
def request_runs(body: dict[str, Any]) -> Any:
    """Read a provider's runs since a time from Onfido, and apply missing results.

    Each run with another status at Onfido is checked in the background; `summary.queued` counts them.
    """
    check_provider(body["providerId"])
    return _requested(fetching_since(body["since"], body["providerId"]))


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(JobQuerySchema, location="query")
@blueprint.response(200, JobPageSchema)
def list_jobs(query: dict[str, Any]) -> dict[str, Any]:
    """List the tenant's jobs, the latest first.

    For the next page, send `nextCursor` as `cursor`.
    """
    page = _jobs().page(g.tenant, limit=query["limit"], cursor=query["cursor"])
    return jobs_body(Page([_body(job) for job in page.rows], page.next_cursor))


@blueprint.get("/<job_id>")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.JOB_NOT_FOUND)
@blueprint.response(200, JobSchema)
def get_job(job_id: str) -> dict[str, Any]:
    """Return one job with its progress.

    `done` of `total` items are processed, if `total` is known; repeat the request until `state` is final.
    """
    return _body(_jobs().get(g.tenant, job_id))


@blueprint.get("/<job_id>/result")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.DOWNLOAD)
@blueprint.refuses(Code.JOB_NOT_FOUND, Code.JOB_RESULT_UNAVAILABLE)
@blueprint.arguments(ResultQuerySchema, location="query")
@blueprint.response(200, {"type": "string"}, content_type="text/csv", example="id,runId,userId,status\r\n…")
def get_job_result(query: dict[str, Any], job_id: str) -> Response:
    """Download a job's result.

    Each download is in the audit trail. A user's record also needs the scope `internal_idv_verified_claims_view`,
    because it contains values.
    """
    if _jobs().get(g.tenant, job_id).kind == USER_RECORD:
        _admit(VALUES_SCOPE)
    chosen, parts = _jobs().result(g.tenant, job_id, query["format"], g.principal.actor)
    return attachment(parts, chosen.media_type, chosen.file_name)


@blueprint.post("/<job_id>/cancel")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.JOB_NOT_FOUND, Code.JOB_ENDED)
@blueprint.response(200, JobSchema)
def cancel_job(job_id: str) -> dict[str, Any]:
    """Cancel a job that has not ended.

    Completed steps are not undone. Jobs of other callers need the scope `internal_idvp_update`.
    """
    if _jobs().get(g.tenant, job_id).owner != g.principal.actor:
        _admit("internal_idvp_update")
    return _body(_jobs().cancel(g.tenant, job_id, g.principal.actor))


def _requested(asked: JobRequest) -> tuple[dict[str, Any], int, dict[str, str]]:
    job = _jobs().request(g.tenant, asked, g.principal.actor, _key())
    return _body(job), 202, {"Location": f"{g.tenant.path}/api/server/v1/jobs/{job.job_id}"}


def _key() -> str | None:
    key = request.headers.get(KEY)
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        refuse("headers", {KEY: [f"must have 1 to {LONGEST_KEY} characters"]})
    return key


def _admit(scope: str) -> None:
    access: Access = current_app.extensions[EXTENSION]
    access.admit(scope)


def _body(job: Job) -> dict[str, Any]:
    return job_body(job, _jobs().state(job))


def _jobs() -> Jobs:
    jobs: Jobs = current_app.extensions["services"].jobs
    return jobs
