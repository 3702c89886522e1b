"""Deciding on a verification in review: the compared values, and the final decision with its reason."""

from __future__ import annotations

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.api.evidence import pass_on
from connector.api.middleware.shares import Lasting
from connector.console.claim_names import names_of
from connector.console.ground import use_cases
from connector.console.live import part
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.translations import say
from connector.console.verification.attributes import Attribute, attributes_of
from connector.console.viewer import actor
from connector.domain.verifications.verification import MAX_REASON
from connector.errors import InvalidField
from connector.services.lookup.evidence import Evidence
from connector.services.lookup.pictures import Pictures
from connector.services.lookup.verifications import VerificationLookup
from connector.services.results.decisions import Decisions

UPDATE = "internal_idv_claim_update"
DECISIONS = {"approve": True, "decline": False}

PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"  # of a file that a user has sent

story = Story("reviews", path="/verifications")


@story.page("/<verification_id>/review", scope=UPDATE)
def show(verification_id: str) -> str:
    """Show the verification to be decided."""
    return _page(verification_id)


@story.action("/<verification_id>/review", scope=UPDATE)
def decide(verification_id: str) -> str | Response:
    """Decide, with the reason that the audit trail keeps."""
    choice, reason = request.form.get("decision", ""), request.form.get("reason", "").strip()
    if choice not in DECISIONS:
        return _page(verification_id, _("Choose approve or decline."), reason)
    decisions: Decisions = use_cases().decisions
    try:
        verification = _lookup().find(g.tenant, verification_id)
        decisions.decide(verification, is_approved=DECISIONS[choice], reason=reason, actor=actor())
    except InvalidField as error:
        return _page(verification_id, _("A reason is required: %(why)s.", why=say(error.why)), reason)
    notify(_("It is approved.") if DECISIONS[choice] else _("It is declined."))
    return redirect(url_for("console.verification.show", verification_id=verification_id))


@story.page("/<verification_id>/pictures", scope=UPDATE, lasting=Lasting.ONFIDO)
def show_pictures(verification_id: str) -> str:
    """Show which pictures are available; each is opened separately."""
    pictures = _pictures().list(g.tenant, verification_id)
    template, back = "console/verification/pictures.html", url_for(".show", verification_id=verification_id)
    return part(template, _("Pictures"), back, verification_id=verification_id, pictures=pictures)


@story.page("/<verification_id>/pictures/<picture_id>", scope=UPDATE, lasting=Lasting.DOWNLOAD)
def get_picture(verification_id: str, picture_id: str) -> Response:
    """Return a picture; this is recorded in the audit trail."""
    response = pass_on(_pictures().open(g.tenant, verification_id, picture_id, actor=actor()))
    response.headers["Content-Disposition"] = "inline"
    g.content_policy = PICTURE_POLICY
    return response


def _page(verification_id: str, error: str = "", reason: str = "") -> str:
    details = _lookup().get(g.tenant, verification_id)
    verification, explanations = _lookup().explain(g.tenant, verification_id)
    successor = _lookup().later(verification)
    attributes = attributes_of(details, explanations)
    return render_template(
        "console/verification/review.html",
        verification=verification,
        attributes=attributes,
        verified=_names(attributes, may_verify=True),
        unverified=_names(attributes, may_verify=False),
        is_open=verification.needs_review and successor is None,
        successor=successor,
        error=error,
        reason=reason,
        longest=MAX_REASON,
    )


def _names(attributes: list[Attribute], *, may_verify: bool) -> str:
    """Return the names of the attributes that an approval verifies, or of the others."""
    return names_of(each.uri for each in attributes if each.may_verify is may_verify)


def _pictures() -> Pictures:
    evidence: Evidence = use_cases().evidence
    return evidence.pictures


def _lookup() -> VerificationLookup:
    lookup: VerificationLookup = use_cases().lookup
    return lookup
