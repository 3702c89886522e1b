"""The schemas of the list of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Moment, Text, WholeNumber

if TYPE_CHECKING:  # the command line prints these schemas, and imports the use cases only when it opens them
    from connector.services.cursors import Page
    from connector.services.lookup.user_list import ListedUser

MAX_PAGE = 200


class UserQuerySchema(ma.Schema):
    """Filter and page of the list of users, ordered by id; `total` requests `totalResults`."""

    prefix = Text(load_default="", metadata={"description": "The beginning of the ids.", "example": "ann"})
    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()
    total = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


class ListedVerificationSchema(ma.Schema):
    """A user's latest verification."""

    id = fields.String(required=True, attribute="verification_id")
    runId = fields.String(required=True, allow_none=True, attribute="run_id")
    providerId = fields.String(required=True, attribute="provider_id")
    status = fields.String(required=True)
    createdAt = Moment(required=True, attribute="created_at")


class ListedUserSchema(ma.Schema):
    """A user: `verified` of the `verifiable` claims are verified.

    `nextAttemptAt` is when every provider allows another start; null if all allow it now.
    """

    userId = fields.String(required=True, attribute="user_id", metadata={"example": "ann"})
    verified = fields.Integer(required=True)
    verifiable = fields.Integer(required=True)
    lastVerification = fields.Nested(ListedVerificationSchema, required=True, allow_none=True, attribute="latest")
    nextAttemptAt = Moment(required=True, allow_none=True, attribute="next_attempt_at")


class UserPageSchema(ma.Schema):
    """A page of users; `nextCursor` is null on the last one.

    `totalResults` is present if it was requested, and is at most 1000.
    """

    count = fields.Integer(required=True)
    totalResults = fields.Integer()
    users = fields.List(fields.Nested(ListedUserSchema), required=True)
    nextCursor = next_cursor()


def users_body(page: Page[ListedUser], total: int | None = None) -> dict[str, Any]:
    """Return a body in the form of `UserPageSchema`."""
    body: dict[str, Any] = {} if total is None else {"totalResults": total}
    return body | page_members("users", page)
