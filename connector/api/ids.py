"""Ids in paths: UUIDs are accepted in upper and lower case; user ids are never changed."""

from __future__ import annotations

from typing import Any

from flask import Flask

from connector.domain.ids import normal_id

USER_ID = "user_id"


def install(app: Flask) -> None:
    """Normalize the ids in every view's arguments to the form in which they are stored."""
    app.url_value_preprocessor(_normalize)


def _normalize(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    for name, value in (values or {}).items():
        if name.endswith("_id") and name != USER_ID and values is not None:
            values[name] = normal_id(value)
