"""Concurrent edits of an object: a form carries the values that it was shown with, and overwrites no later change.

    {{ shown(provider) }}      in the form: the values that the page showed, as a hidden field; a question (confirm.py)
                               has them among its fields, as `shown_text`
    merged(name, theirs, mine) in the action: what to save, or `Overtaken` with what has to be decided first

A value that only one of the two has changed is saved with that change. A value that both have changed is shown: as it
was, as it is stored now, and as it would be saved; the person then saves theirs, or keeps the stored one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from flask import Blueprint, Response, g, redirect, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from connector.console.ground import use_cases
from connector.console.notices import notify
from connector.domain.audit.history import AuditFilter, Entry
from connector.domain.merging import Conflict, merge, snapshot
from connector.domain.strict_json import parse_json
from connector.errors import ChangedMeanwhile
from connector.services.lookup.audit import Audit

FIELD, TOKEN = "shown", "csrf_token"
TRIES = 10  # attempts to save while others save at the same time
Saved = TypeVar("Saved")
_OVERLAP = "previous_secret_expires_at"


class Owner(Protocol):
    """An object with a secret of its own, whose replaced secret stays valid for a while."""

    @property
    def previous_secret_expires_at(self) -> datetime | None:
        """The end of the overlap that the last replacement has begun."""


Owned = TypeVar("Owned", bound=Owner)


class Overtaken(Exception):  # noqa: N818  it is a state, not a defect
    """Another person has changed the same values; `now` is their current state, for the form that is posted again.

    `sentence` says who may have changed them if it is not only another person.
    """

    def __init__(
        self, conflicts: Sequence[Conflict], now: Any, object_id: str, *, has_secrets: bool = False, sentence: str = ""
    ) -> None:
        super().__init__(", ".join(each.name for each in conflicts))
        self.conflicts = conflicts
        self.now = now
        self.object_id = object_id
        self.has_secrets = has_secrets
        self.sentence = sentence


def install(blueprint: Blueprint) -> None:
    """Show the conflicts to be decided as a page."""
    blueprint.register_error_handler(Overtaken, _decide)


def shown_field(value: Any) -> Markup:
    """Return the hidden field with the values that a form was shown with; a form that is shown again keeps them."""
    text = request.form.get(FIELD) or shown_text(value)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, text)


def shown_text(value: Any) -> str:
    """Return the content of that field."""
    return json.dumps(snapshot(value))


def shown_before() -> Any:
    """Return the values that the posted form was shown with; None if it contains none.

    Their size is limited by that of a form's fields, above which a post is refused.
    """
    try:
        return parse_json(request.form.get(FIELD, ""))
    except ValueError:
        return None


def version_of(value: Any) -> str:
    """Return a digest of the values that a page shows: it is another one once they have changed."""
    return hashlib.sha256(json.dumps(snapshot(value), sort_keys=True).encode()).hexdigest()


def merged(object_id: str, theirs: Any, mine: Any, now: Any) -> Any:
    """Return what to save; raise `Overtaken` if another person has changed the same values since the form was shown."""
    before = shown_before()
    value, conflicts = merge(snapshot(theirs) if before is None else before, theirs, mine)
    if conflicts:
        raise Overtaken(conflicts, now, object_id)
    return value


def check_secrets(object_id: str, now: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Raise `Overtaken` if secrets were replaced since the form was shown: it carries their times, and none of them.

    `names` are what people call the secrets that are to be replaced, by the names of their times.
    """
    before = shown_before()
    if not isinstance(before, dict):
        return
    conflicts = [
        Conflict(text, before[name], snapshot(now[name]), _("now"))
        for name, text in names.items()
        if name in before and before[name] != snapshot(now[name])
    ]
    if conflicts:
        raise Overtaken(conflicts, now, object_id, has_secrets=True)


def shown_secret(owner: Owner) -> dict[str, str]:
    """Return the field of the question whether a secret is to be replaced: each replacement changes its content."""
    return {FIELD: shown_text(_overlap(owner))}


def replaced_once(object_id: str, find: Callable[[], Owned], replace: Callable[[Owned], Saved]) -> Saved:
    """Return the result of `replace`; raises `Overtaken` if the secret was replaced since the question was shown."""

    def attempt() -> Saved:
        owner = find()
        check_secrets(object_id, _overlap(owner), {_OVERLAP: _OVERLAP})
        return replace(owner)

    return until_saved(attempt)


def replaced_meanwhile(back: str) -> BaseResponse:
    """Report that nothing was done, because another person has replaced the same secret; return to a page."""
    text = _(
        "Nothing was changed: the secret was replaced since you opened the page. Look at it first, then try again."
    )
    notify(text, kind="wait")
    return redirect(back)


def until_saved(save: Callable[[], Saved]) -> Saved:
    """Return the result of `save`, which reads and merges again if others save at the same time."""
    for _number in range(TRIES - 1):
        try:
            return save()
        except ChangedMeanwhile:
            continue
    return save()


def _overlap(owner: Owner) -> dict[str, datetime | None]:
    return {_OVERLAP: owner.previous_secret_expires_at}


def _decide(error: Overtaken) -> Response:
    given = [each for each in request.form.items(multi=True) if each[0] not in (FIELD, TOKEN)]
    text = render_template(
        "console/overtaken.html",
        conflicts=[(each.name.lstrip("."), each.shown, each.theirs, each.mine) for each in error.conflicts],
        given=[] if error.has_secrets else [*given, (FIELD, json.dumps(snapshot(error.now)))],
        has_secrets=error.has_secrets,
        sentence=error.sentence,
        latest=_latest(error.object_id),
    )
    return Response(text, status=409)


def _latest(object_id: str) -> Entry | None:
    """Return the latest change of the object, for those who may read the audit trail."""
    if not g.viewer.may("internal_idv_audit_view"):
        return None
    audit: Audit = use_cases().audit
    rows = audit.page(g.tenant, AuditFilter(name=object_id, outcome="done"), limit=1).rows
    return rows[0] if rows else None
