"""The schemas for the operator: the settings in force, the processes, the tenants' connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields

from connector.api.fields import Moment

if TYPE_CHECKING:
    from connector.connections import CheckedConnections
    from connector.services.processes import Running
    from connector.settings.shown import ShownSetting


class ShownSettingSchema(ma.Schema):
    """A setting in force; for a secret, `value` is only `set` or `not set`."""

    name = fields.String(required=True, metadata={"example": "public_url"})
    value = fields.Raw(required=True, allow_none=True)
    isSecret = fields.Boolean(required=True, attribute="is_secret")
    source = fields.String(required=True, metadata={"example": "file"})
    sentence = fields.String(required=True)


class RunningSchema(ma.Schema):
    """A running process; `differing` names the settings that differ from those of the process that started last."""

    role = fields.String(required=True, metadata={"example": "serve"})
    host = fields.String(required=True)
    number = fields.Integer(required=True)
    startedAt = Moment(required=True, attribute="started_at")
    seenAt = Moment(required=True, attribute="seen_at")
    differing = fields.List(fields.String(), required=True)


class SettingsInForceSchema(ma.Schema):
    """The settings of the answering process, since its start; warnings if other processes have different ones."""

    since = Moment(required=True)
    settings = fields.List(fields.Nested(ShownSettingSchema), required=True)
    processes = fields.List(fields.Nested(RunningSchema), required=True)
    warnings = fields.List(fields.String(), required=True)


class PartCheckSchema(ma.Schema):
    """A check of an issuer or a directory; `tenant` is null if it belongs to all tenants."""

    tenant = fields.String(required=True, allow_none=True)
    part = fields.String(required=True, metadata={"example": "https://idp.example.com/oauth2/token"})
    check = fields.String(required=True, metadata={"example": "keys"})
    passed = fields.Boolean(required=True, allow_none=True)
    detail = fields.String(required=True)


class ConnectionsSchema(ma.Schema):
    """The checks of all tenants' connections; they are cached for a minute."""

    checkedAt = Moment(required=True, attribute="checked_at")
    passed = fields.Boolean(required=True)
    checks = fields.List(fields.Nested(PartCheckSchema), required=True)


def settings_body(
    since: datetime, settings: Sequence[ShownSetting], processes: Sequence[Running], warnings: Sequence[str]
) -> dict[str, Any]:
    """Return a body in the form of `SettingsInForceSchema`."""
    differences = [
        f"The {each.role} process {each.number} at {each.host} runs with other settings: {', '.join(each.differing)}. "
        "Restart it, or give all processes the same settings."
        for each in processes
        if each.differing
    ]
    return {"since": since, "settings": settings, "processes": processes, "warnings": [*warnings, *differences]}


def connections_body(checked: CheckedConnections) -> dict[str, Any]:
    """Return a body in the form of `ConnectionsSchema`."""
    checks = [
        {
            "tenant": each.tenant or None,
            "part": each.part,
            "check": each.check.name,
            "passed": each.check.passed,
            "detail": each.check.detail,
        }
        for each in checked.checks
    ]
    return {"checked_at": checked.checked_at, "passed": checked.passed, "checks": checks}
