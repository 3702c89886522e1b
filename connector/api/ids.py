"""Ids in paths: UUIDs are accepted in upper and lower case; user ids are never changed."""

from __future__ import annotations

from typing import Any

from flask import Flask, g

from connector.domain.ids import normal_id
from connector.domain.messages import message
from connector.domain.people.user_ids import id_objection
from connector.errors import Code, RequestError

USER_ID = "user_id"


def install(app: Flask) -> None:
    """Normalize the ids in every view's arguments to their stored form."""
    app.url_value_preprocessor(_normalize)


def _normalize(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    for name, value in (values or {}).items():
        if name.endswith("_id") and name != USER_ID and values is not None:
            values[name] = normal_id(value)


def own_id() -> str:
    """Return the signed-in user's id."""
    user_id: str = g.principal.subject
    if objection := id_objection(user_id):
        raise RequestError(
            Code.CLAIM_INVALID,
            message(
                "The access token's subject (sub) %(objection)s: use a token of another user.", objection=objection
            ),
        )
    return user_id
