"""The properties of providers as people read them: the labels of the forms' fields, and values in words.

Properties of other objects, whose forms have no label for them, are named by `domain/providers/property_names.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.claim_names import claim_name
from connector.console.formats import property_of
from connector.console.forms import Form
from connector.console.providers.capture import HOUR, CaptureForm
from connector.console.providers.general import GeneralForm
from connector.console.providers.limits import LimitsForm
from connector.console.providers.secrets import SecretsForm

CLAIMS = "claims."
_FORMS: Mapping[type[Form], Mapping[str, str]] = {
    GeneralForm: {name: name for name in ("name", "description", "image", "base_url", "accent_color", "workflow_id")},
    LimitsForm: {
        "max_attempts": "max_attempts",
        "attempt_window": "attempt_hours",
        "missing_name": "missing_name",
    },
    SecretsForm: {name: name for name in ("api_token", "client_id", "client_secret", "webhook_token", "notice_secret")},
    CaptureForm: {
        "studio.capture": "capture",
        "studio.link.redirect_urls": "redirects",
        "studio.link.completed_redirect_url": "completed",
        "studio.link.expired_redirect_url": "expired",
        "studio.link.lifetime": "hours",
        "studio.link.language": "language",
        "studio.sdk.referrer": "referrer",
        "studio.sdk.application_id": "application_id",
        "studio.sdk.cross_device_url": "cross_device",
        "studio.unverifies_on_match": "withdraws",
        "studio.watchlist_monitor": "monitor",
    },
}
_FIELDS: Mapping[str, Any] = {
    name: getattr(form, field) for form, fields in _FORMS.items() for name, field in fields.items()
}
_OTHERS: Mapping[str, Any] = {
    "is_enabled": _l("Enabled"),
    "studio.tags": _l("Tags"),
    "studio.sends_user_id": _l("Send the user's id"),
    "studio.gives_document_values": _l("Store the data read from the document"),
    "studio.output_claims": _l("Read from the output"),
    "studio.custom_data": _l("Input of the workflow"),
    "studio.notices.url": _l("Address of the provider’s own endpoint"),
    "studio.notices.tasks": _l("Tasks that the provider’s own endpoint is notified of"),
}
_IN_HOURS = ("attempt_window", "studio.link.lifetime")


def label_of(name: str) -> str:
    """Return the label of a property."""
    if name.startswith(CLAIMS):
        return str(_("Field for %(claim)s", claim=claim_name(name.removeprefix(CLAIMS))))
    if name in _FIELDS:
        return str(_FIELDS[name].args[0])
    return str(_OTHERS[name]) if name in _OTHERS else property_of(name)


def value_of(value: Any, name: str = "") -> str:
    """Return a property's value in words; empty for none."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, list | tuple):
        return "\n".join(_row(each, name) for each in value)
    if name in _IN_HOURS and isinstance(value, int):
        return f"{value / HOUR:g}"
    return _choices(name).get(value, value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(each: Any, name: str) -> str:
    if name in _ROWS and isinstance(each, Mapping):
        return _ROWS[name](each)
    return each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)


def _choices(name: str) -> Mapping[str, str]:
    field = _FIELDS.get(name)
    return {} if field is None else {each.value: str(each.label) for each in field.kwargs.get("choices", ())}


def _output(row: Mapping[str, Any]) -> str:
    meaning = _("the value") if row.get("role") == "value" else _("Onfido's result")
    return f"{row.get('pointer')} → {claim_name(str(row.get('uri')))} ({meaning})"


def _input(row: Mapping[str, Any]) -> str:
    claim, value = row.get("claim"), row.get("value")
    source = claim_name(claim) if claim else _("from the application") if value is None else json.dumps(value)
    return f"{row.get('name')}: {source}"


_ROWS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "studio.output_claims": _output,
    "studio.custom_data": _input,
}
