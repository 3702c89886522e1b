"""The page of one verification, its parts, and its actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from connector.api.evidence import pass_on
from connector.api.middleware.shares import Lasting
from connector.api.shapes.verification import VerificationDetailsSchema, details_body
from connector.console.ground import now, settings, use_cases
from connector.console.live import live_part, part
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.verification.attributes import attributes_of, sentence_of, verdict_of
from connector.console.verification.durations import durations_of
from connector.console.verification.support import support_text
from connector.console.verification.timeline import deliveries_of, timeline_of
from connector.console.viewer import actor
from connector.console.words import environment_state, run_state
from connector.domain.deliveries import DeliveryFilter
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.people.user_status import AttemptNumber
from connector.domain.providers.provider import Provider
from connector.domain.statistics.statistics_period import ALL
from connector.domain.verifications.verification import Verification
from connector.services.application.deliveries import Deliveries, StoredDelivery
from connector.services.lookup.evidence import Evidence
from connector.services.lookup.statistics import StatisticsLookup
from connector.services.lookup.user_status import UserStatuses
from connector.services.lookup.verifications import LiveTasks, VerificationLookup
from connector.services.providers.registry import Providers

VIEW, UPDATE = "internal_idv_claim_view", "internal_idv_claim_update"
MOST_DELIVERIES = 50

story = Story("verification", path="/verifications")


@story.page("/<verification_id>", scope=VIEW)
def show(verification_id: str) -> str:
    """Show a verification."""
    return render_template("console/verification/page.html", **_context(verification_id))


@story.page("/<verification_id>/live", scope=VIEW, is_polled=True)
def show_live(verification_id: str) -> Response:
    """Show the part that follows an open verification; when it changes, the page is reloaded, with its timeline."""
    verification = _lookup().find(g.tenant, verification_id)
    response = live_part(
        "console/verification/live.html", version_of(verification), state=run_state(verification.status)
    )
    if verification.closed_at is not None or (request.if_none_match and response.status_code == HTTPStatus.OK):
        response.headers["HX-Refresh"] = "true"
    return response


@story.page("/<verification_id>/tasks", scope=VIEW, lasting=Lasting.ONFIDO)
def show_tasks(verification_id: str) -> str:
    """Show the run's tasks, which are read from Onfido."""
    live = _lookup().tasks(_lookup().find(g.tenant, verification_id))
    back = url_for(".show", verification_id=verification_id)
    return part("console/verification/tasks.html", _("Tasks at Onfido"), back, live=live)


@story.page("/<verification_id>/json", scope=VIEW)
def get_json(verification_id: str) -> Response:
    """Return the record as JSON, as the API does, without the data that is read from Onfido.

    It holds the output and the document's values while these are kept: the audit trail records it.
    """
    details = _evidence().details.show(g.tenant, verification_id, actor=actor())
    text = VerificationDetailsSchema().dumps(details_body(details, LiveTasks(None)), indent=2)
    response = Response(text, mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename=f"verification-{verification_id}.json")
    return response


@story.action("/<verification_id>/refresh", scope=UPDATE, lasting=Lasting.ONFIDO)
def refresh(verification_id: str) -> BaseResponse:
    """Read the run from Onfido, and apply the answer."""
    before = _lookup().find(g.tenant, verification_id)
    after = _lookup().refresh(g.tenant, verification_id)
    if before.status == after.status:
        notify(_("Onfido’s answer has not changed."), kind="none")
    else:
        notify(_("Onfido’s answer was applied: %(state)s.", state=run_state(after.status).text))
    return redirect(url_for(".show", verification_id=verification_id))


@story.page("/<verification_id>/evidence", scope=VIEW, lasting=Lasting.DOWNLOAD)
def get_evidence(verification_id: str) -> Response:
    """Return the evidence that Onfido has signed."""
    return pass_on(_evidence().open_evidence(g.tenant, verification_id, actor=actor()))


@story.page("/<verification_id>/evidence-folder", scope=VIEW, lasting=Lasting.DOWNLOAD)
def get_evidence_folder(verification_id: str) -> Response:
    """Return all evidence of the run, as a zip."""
    return pass_on(_evidence().open_evidence_folder(g.tenant, verification_id, actor=actor()))


@story.action("/<verification_id>/timeline", scope=VIEW, lasting=Lasting.ONFIDO)
def create_timeline(verification_id: str) -> BaseResponse:
    """Request Onfido's timeline as a PDF, and redirect to the page that waits for it."""
    file_id = _evidence().create_timeline(g.tenant, verification_id)
    return redirect(url_for(".show_timeline", verification_id=verification_id, file_id=file_id))


@story.page("/<verification_id>/timeline/<file_id>", scope=VIEW, lasting=Lasting.ONFIDO)
def show_timeline(verification_id: str, file_id: str) -> str:
    """Offer Onfido's timeline for download."""
    verification = _lookup().find(g.tenant, verification_id)
    return render_template("console/verification/timeline_file.html", verification=verification, file_id=file_id)


@story.page("/<verification_id>/timeline/<file_id>/file", scope=VIEW, lasting=Lasting.DOWNLOAD)
def get_timeline(verification_id: str, file_id: str) -> Response:
    """Return Onfido's timeline."""
    return pass_on(_evidence().open_timeline(g.tenant, verification_id, file_id, actor=actor()))


def version_of(verification: Verification) -> str:
    """Return a version that changes whenever the verification does."""
    return f"{verification.status}-{verification.updated_at.timestamp():.6f}"


def _context(verification_id: str) -> dict[str, Any]:
    details = _lookup().get(g.tenant, verification_id)
    verification, explanations = _lookup().explain(g.tenant, verification_id)
    providers: Providers = use_cases().providers
    attributes, deliveries = attributes_of(details, explanations), _deliveries(verification)
    whole, stretches = durations_of(details)
    provider = providers.get(g.tenant, verification.provider_id)
    attempt = _attempt(verification, provider)
    has_ended, successor = verification.closed_at is not None, _lookup().later(verification)
    states = [run_state(verification.status), verdict_of(attributes, has_ended=has_ended)]
    return {
        "verification": verification,
        "details": details,
        "provider": provider,
        "attempt": attempt,
        "support": support_text(details, explanations, provider, attempt),
        "environment": environment_state(verification.environment),
        "states": [each for each in states if each],
        "sentence": sentence_of(details, attributes),
        "attributes": attributes,
        "moments": timeline_of(details, deliveries),
        "deliveries": deliveries_of(deliveries),
        "whole": whole,
        "stretches": stretches,
        "median": _median(verification) if whole else None,
        "version": version_of(verification),
        "is_raw": request.args.get("view") == "raw",
        "successor": successor,
        "needs_review": verification.needs_review and successor is None,
        "kept_until": _kept_until(verification),
        "now": now(),
    }


def _attempt(verification: Verification, provider: Provider) -> AttemptNumber | None:
    statuses: UserStatuses = use_cases().user_statuses
    return statuses.attempt(g.tenant, verification, provider)


def _kept_until(verification: Verification) -> datetime | None:
    """Return until when the output of a run that has ended is or was stored."""
    ended_at = verification.closed_at
    return None if ended_at is None else ended_at + timedelta(days=settings().event_retention_days)


def _median(verification: Verification) -> float | None:
    """Return the median time to a result, in seconds, of the provider's verifications of the last 14 days."""
    statistics: StatisticsLookup = use_cases().statistics
    period = {"period": None, "from": None, "to": None}
    environment = verification.environment if verification.environment in (LIVE, SANDBOX) else ALL
    criteria = statistics.criteria(period, verification.provider_id, environment)
    return statistics.get(g.tenant, criteria).times.median


def _deliveries(verification: Verification) -> Sequence[StoredDelivery]:
    deliveries: Deliveries = use_cases().deliveries
    criteria = DeliveryFilter(verification_id=verification.verification_id)
    rows = deliveries.page(g.tenant, criteria, limit=MOST_DELIVERIES).rows
    return [each for each in rows if each.kind not in ("check_verification", "keep_document")]


def _lookup() -> VerificationLookup:
    lookup: VerificationLookup = use_cases().lookup
    return lookup


def _evidence() -> Evidence:
    evidence: Evidence = use_cases().evidence
    return evidence
