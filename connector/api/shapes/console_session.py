"""The console's sessions, as the API and the command line show them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import validate

from connector.api.cursors import cursor_parameter, next_cursor
from connector.api.fields import Moment, Text, WholeNumber
from connector.services.console.console_sessions import ConsoleSession
from connector.services.cursors import Page

MAX_PAGE = 1000


class SessionSchema(ma.Schema):
    """A browser that is signed in to the console."""

    id = ma.fields.String(required=True, metadata={"example": "3b1d6a52-9f3e-4d0b-8a0e-1f2a4c9d7e10"})
    userId = ma.fields.String(required=True, metadata={"example": "bob"})
    name = ma.fields.String(required=True, metadata={"example": "Bob Example"})
    clientId = ma.fields.String(required=True, metadata={"example": "console"})
    issuer = ma.fields.String(required=True, metadata={"example": "https://idp.example.com/oauth2/token"})
    browser = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"example": "Firefox on Linux", "description": "At the sign-in; null if it is not known."},
    )
    address = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"example": "203.0.113.7", "description": "The browser's, at the sign-in; null if it is not known."},
    )
    scopes = ma.fields.List(ma.fields.String(), required=True, metadata={"example": ["internal_idvp_view"]})
    createdAt = Moment(required=True)
    seenAt = Moment(required=True)
    expiresAt = Moment(required=True)


class SessionPageSchema(ma.Schema):
    """Some of a tenant's sessions, the latest first."""

    sessions = ma.fields.List(ma.fields.Nested(SessionSchema), required=True)
    nextCursor = next_cursor()


class SessionsOfSchema(ma.Schema):
    """The user whose sessions are listed."""

    userId = Text(
        load_default=None, metadata={"description": "The user whose sessions end; without it, all of this tenant."}
    )


class SessionQuerySchema(SessionsOfSchema):
    """Filter and page of sessions, the latest first."""

    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()


def sessions_body(page: Page[ConsoleSession]) -> dict[str, Any]:
    """Return a page of sessions."""
    return {"sessions": [_body(each) for each in page.rows], "next_cursor": page.next_cursor}


def _body(session: ConsoleSession) -> dict[str, Any]:
    return {
        "id": session.session_id,
        "userId": session.user_id,
        "name": session.name,
        "clientId": session.client_id,
        "issuer": session.issuer,
        "browser": session.browser,
        "address": session.address,
        "scopes": sorted(session.scopes),
        "createdAt": session.created_at,
        "seenAt": session.seen_at,
        "expiresAt": session.expires_at,
    }
