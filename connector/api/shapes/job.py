"""The schemas of jobs, and their only view, which the command line prints as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Id, Moment, Name, Since, WholeNumber
from connector.api.shapes.verification import VerificationFilterSchema
from connector.domain.deliveries import KINDS as DELIVERY_KINDS
from connector.domain.jobs import DEAD, EVERYTHING, FORMATS, KINDS, STATES, Job

if TYPE_CHECKING:  # the command line prints these schemas, and imports the use cases only when it opens them
    from connector.services.cursors import Page

MAX_PAGE = 1000
_FORMATS = sorted({each.name for formats in FORMATS.values() for each in formats})


class CsvRequestSchema(VerificationFilterSchema):
    """The filters of the verifications to export; without `providerId`, those of all providers."""

    providerId = Id(load_default=None, allow_none=True)


class RecordRequestSchema(ma.Schema):
    """The user whose record is to be written."""

    userId = Name(required=True, metadata={"example": "ann"})


class ResendRequestSchema(ma.Schema):
    """The deliveries to repeat: those that became `dead` since a time, or with `everything` every notice since then.

    Optionally of one endpoint, one provider or one kind.
    """

    since = Since()
    which = fields.String(load_default=DEAD, validate=validate.OneOf((DEAD, EVERYTHING)))
    endpointId = Id(load_default=None, allow_none=True)
    providerId = Id(load_default=None, allow_none=True)
    kind = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(DELIVERY_KINDS))


class FetchRequestSchema(ma.Schema):
    """The provider whose runs are to be read from Onfido, and since when."""

    providerId = Id(required=True)
    since = Since()


class JobQuerySchema(ma.Schema):
    """Pages of jobs, the latest first."""

    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()


class ResultQuerySchema(ma.Schema):
    """The format of a result; without one, the first that the job has."""

    format = fields.String(load_default=None, validate=validate.OneOf(_FORMATS))


class JobSchema(ma.Schema):
    """A job: `done` of `total` items are processed; `total` is null if it is unknown.

    `expiresAt` is when its result is deleted, `failure` why there is none, `summary` the counts of the job.
    """

    id = fields.String(required=True, metadata={"example": "0b9c8e1e-0000-4000-8000-000000000000"})
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    owner = fields.String(required=True)
    parameters = fields.Dict(required=True)
    userId = fields.String(required=True, allow_none=True)
    providerId = fields.String(required=True, allow_none=True)
    done = fields.Integer(required=True)
    total = fields.Integer(required=True, allow_none=True)
    summary = fields.Dict(required=True)
    formats = fields.List(fields.String(), required=True)
    failure = fields.String(required=True, allow_none=True)
    createdAt = Moment(required=True)
    startedAt = Moment(required=True, allow_none=True)
    endedAt = Moment(required=True, allow_none=True)
    expiresAt = Moment(required=True, allow_none=True)


class JobPageSchema(ma.Schema):
    """A page of jobs; `nextCursor` is null on the last one."""

    count = fields.Integer(required=True)
    jobs = fields.List(fields.Nested(JobSchema), required=True)
    nextCursor = next_cursor()


def job_body(job: Job, state: str) -> dict[str, Any]:
    """Return a body in the form of `JobSchema`; `state` is the job's state now."""
    given = {name: value for name, value in job.parameters.items() if value is not None}
    return {
        "id": job.job_id,
        "kind": job.kind,
        "state": state,
        "owner": job.owner,
        "parameters": given,
        "userId": job.user_id,
        "providerId": job.provider_id,
        "done": job.done,
        "total": job.total,
        "summary": dict(job.summary),
        "formats": [each.name for each in job.formats],
        "failure": job.failure,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "endedAt": job.ended_at,
        "expiresAt": job.expires_at,
    }


def jobs_body(page: Page[dict[str, Any]]) -> dict[str, Any]:
    """Return a page of bodies in the form of `JobPageSchema`."""
    return page_members("jobs", page)
