"""The details of an entry of the audit trail, in words: what was chosen, why, and which things it concerned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console import words
from connector.console.claim_names import claim_name
from connector.console.deliveries.rows import kind_words
from connector.console.words import CAPTURES, JOB_KINDS, JOB_PARAMETERS, RUN_STATES
from connector.domain.audit import history
from connector.domain.audit.history import Change

LABELS: Mapping[str, object] = {
    **JOB_PARAMETERS,
    "result": _l("Result"),
    "before": _l("Before"),
    "provider_id": _l("Provider"),
    "user_id": _l("User"),
    "userId": _l("User"),
    "actor": _l("Actor"),
    "subject": _l("Object"),
    "name": _l("Name or id of the object"),
    "action": _l("Action"),
    "outcome": _l("Outcome"),
    "channel": _l("Channel"),
    "reason": _l("Reason"),
    "kind": _l("Kind"),
    "format": _l("Format"),
    "parts": _l("What was read"),
    "task_id": _l("Task"),
    "task_def_id": _l("Task definition"),
    "verification_id": _l("Verification"),
    "webhook": _l("Webhook"),
    "failed": _l("Failed checks"),
    "issuer": _l("Issuer"),
    "link": _l("With a link that works once"),
    "client": _l("Client"),
    "attempts": _l("Attempts that do not count"),
    "metadata": _l("Metadata"),
    "removed": _l("Removed attributes"),
}
_IN_THE_SENTENCE = ("properties", "claims")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")


def details_of(change: Change) -> dict[str, str]:
    """Return the details by their labels, without those that are empty or in the entry's sentence."""
    texts = {name: _text(change, name, value) for name, value in change.detail.items() if name not in _IN_THE_SENTENCE}
    return {label_of(name): text for name, text in texts.items() if text}


def label_of(name: str) -> str:
    """Return the label of a detail; of one that only a later version knows, its name as words."""
    return str(LABELS.get(name) or " ".join(_WORD.findall(name)).capitalize())


def value_in_words(name: str, value: str) -> str:
    """Return the value of a detail, or of a job's parameter, in words; one that has none as it is."""
    read = _VALUES.get(name)
    return value if read is None else str(read(value))


def _text(change: Change, name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or value in ("true", "false"):
        return str(_("yes") if value in (True, "true") else _("no"))
    if isinstance(value, list | tuple):
        return "\n".join(_text(change, name, each) for each in value)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _kind(change, value) if name == "kind" else value_in_words(name, value)


def _kind(change: Change, value: str) -> str:
    if change.subject == history.OUTBOX or value not in JOB_KINDS:
        return kind_words(value) if change.subject in (history.OUTBOX, history.JOB) else value
    return str(JOB_KINDS[value])


def _statuses(value: str) -> str:
    return ", ".join(str(RUN_STATES[each].text) if each in RUN_STATES else each for each in value.split(","))


def _parts(value: str) -> object:
    return {"output": _("The workflow’s output"), "document": _("The document’s values")}.get(value, value)


def _which(value: str) -> object:
    names = {"dead": _("Those that became dead since then"), "everything": _("Every notice since then")}
    return names.get(value, value)


def _result(value: str) -> object:
    known = words.ATTRIBUTE_STATES.get(value)
    return value if known is None else known.text


_VALUES: Mapping[str, Callable[[str], object]] = {
    "status": _statuses,
    "parts": _parts,
    "which": _which,
    "result": _result,
    "decision": words.decision,
    "capture": lambda value: CAPTURES.get(value, value),
    "claim": claim_name,
    "removed": claim_name,
}
