"""The form with which an administrator corrects an attribute of a user.

A correction is valid for the user's value at that moment. So it is saved only if neither the attribute nor the value
has changed since the form was shown; otherwise the person is shown what has changed, and decides again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from flask import g, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice

from connector.api.middleware.shares import Lasting
from connector.console.forms import Form, reason_field
from connector.console.ground import use_cases
from connector.console.links import user_url
from connector.console.meanwhile import Overtaken, shown_before, until_saved
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor
from connector.console.words import attribute_state
from connector.domain.claims import Claim
from connector.domain.merging import Conflict
from connector.domain.verifications.verification import MAX_REASON
from connector.services.people.claim_entries import SeenClaim
from connector.services.people.claims import Claims

SCOPE = "internal_idv_claim_update"
_OVERTAKEN = _l(
    "The attribute or the user's value has changed since you opened the page: by another person, a verification or the "
    "directory. Your correction is not saved yet."
)


class CorrectionForm(Form):
    """A correction by an administrator, who declares an attribute verified or not verified."""

    verified = RadioField(
        _l("This attribute is"),
        choices=[
            SelectChoice("yes", _l("verified, for the user's current value")),
            SelectChoice("no", _l("not verified")),
        ],
    )
    reason = reason_field()


def install(story: Story) -> None:
    """Add the form to the story of users."""
    story.form("/<user_id>/claims/<claim_id>", scope=SCOPE, lasting=Lasting.ONFIDO)(correct)


def correct(user_id: str, claim_id: str) -> str | Response:
    """Correct an attribute by hand."""
    claim = _claims().get(g.tenant, user_id, claim_id)
    form = CorrectionForm(verified="no" if claim.is_verified else "yes")
    if request.method == "POST" and form.validate():
        is_verified, reason = form.verified.data == "yes", str(form.reason.data).strip()[:MAX_REASON]
        until_saved(lambda: _save(user_id, claim_id, is_verified=is_verified, reason=reason))
        notify(_("The attribute is verified by hand.") if is_verified else _("The attribute is no longer verified."))
        return redirect(user_url(user_id))
    return render_template(
        "console/users/correct.html",
        form=form,
        user_id=user_id,
        claim=claim,
        before=asdict(_claims().see(g.tenant, user_id, claim)),
    )


def _save(user_id: str, claim_id: str, *, is_verified: bool, reason: str) -> Claim:
    """Save a correction; raise `Overtaken` if the person has not seen what it would replace."""
    claim = _claims().get(g.tenant, user_id, claim_id)
    seen = _claims().see(g.tenant, user_id, claim)
    before = shown_before()
    if isinstance(before, dict) and (conflicts := list(_conflicts(before, seen, is_verified=is_verified))):
        raise Overtaken(conflicts, asdict(seen), claim_id, sentence=str(_OVERTAKEN))
    return _claims().correct(
        g.tenant,
        user_id,
        claim_id,
        is_verified=is_verified,
        metadata=None,
        actor=actor(),
        reason=reason,
        seen=seen,
    )


def _conflicts(before: dict[str, object], now: SeenClaim, *, is_verified: bool) -> Iterator[Conflict]:
    """Yield what has changed since the form was shown; the value is not shown here, only that it is another one."""
    was_verified, former = before.get("is_verified") is True, before.get("verification_status")
    if (was_verified, former) != (now.is_verified, now.verification_status):
        shown = attribute_state(None if former is None else str(former), is_verified=was_verified)
        theirs = attribute_state(now.verification_status, is_verified=now.is_verified)
        mine = _("Verified by hand") if is_verified else _("Not verified")
        yield Conflict("state", str(shown.text), str(theirs.text), mine)
    if before.get("value") != now.value:
        mine = _("verified as it is now") if is_verified else _("not verified")
        yield Conflict("value", _("as it was then"), _("removed") if now.value is None else _("another one"), mine)


def _claims() -> Claims:
    claims: Claims = use_cases().claims
    return claims
