"""The schemas of the audit trail."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Text, WholeNumber
from connector.api.shapes.verification import ChangeSchema, change_body
from connector.domain.audit.audit_filter import SUBJECTS
from connector.domain.audit.history import DONE, OUTCOMES, REFUSED, Entry
from connector.services.cursors import Page
from connector.services.origin import CHANNELS

MAX_PAGE = 1000


class AuditFilterSchema(ma.Schema):
    """Filters of entries; `from` and `to` are dates or date-times, in UTC if they name no zone."""

    userId = Text(load_default=None, metadata={"description": "The user concerned."})
    actor = Text(load_default=None, metadata={"description": "The actor, in the form of the entries."})
    subject = fields.String(load_default=None, validate=validate.OneOf(SUBJECTS))
    object = Text(load_default=None, metadata={"description": "A name or id: a claim, a provider, a verification."})
    action = Text(load_default=None, metadata={"description": "The action, as in `to`: `changed`, `removed`."})
    outcome = fields.String(load_default=None, validate=validate.OneOf(tuple(OUTCOMES)))
    channel = fields.String(load_default=None, validate=validate.OneOf(CHANNELS))
    from_ = Text(load_default=None, data_key="from", attribute="from", metadata={"example": "2026-01-31"})
    to = Text(load_default=None, metadata={"example": "2026-01-31"})


class AuditQuerySchema(AuditFilterSchema):
    """Filters and pages of the entries, the latest first."""

    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()


class AuditEntrySchema(ChangeSchema):
    """An entry: the action, its object, its time, its actor, its origin, and the user concerned.

    The `outcome` is `done` or `refused`.
    """

    outcome = fields.String(required=True, metadata={"example": DONE})
    address = fields.String(required=True, allow_none=True, metadata={"example": "203.0.113.7"})
    userId = fields.String(required=True, allow_none=True)
    providerId = fields.String(required=True, allow_none=True)
    verificationId = fields.String(required=True, allow_none=True)


class AuditPageSchema(ma.Schema):
    """A page of entries; `nextCursor` is null on the last one."""

    count = fields.Integer(required=True)
    entries = fields.List(fields.Nested(AuditEntrySchema), required=True)
    nextCursor = next_cursor()


def audit_body(page: Page[Entry]) -> dict[str, Any]:
    """Write a page of entries."""
    return page_members("entries", page, entry_body)


def entry_body(entry: Entry) -> dict[str, Any]:
    """Write an entry."""
    change = entry.change
    return change_body(change) | {
        "outcome": REFUSED if change.cause == REFUSED else DONE,
        "address": change.address,
        "userId": change.user_id,
        "providerId": change.provider_id,
        "verificationId": change.verification_id,
    }
