"""The list of verifications, with filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from flask import g, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.console import words
from connector.console.claim_names import claim_name, in_order
from connector.console.filters import Choice, Filters
from connector.console.ground import use_cases
from connector.console.links import job_url
from connector.console.news import MOST_NEW, news_since, news_url, show_number
from connector.console.story import Story
from connector.console.viewer import actor
from connector.console.words import ATTRIBUTE_STATES, RUN_STATES
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.frozen import frozen
from connector.domain.job_requests import csv_of
from connector.domain.providers.provider import Provider
from connector.domain.verifications.verification import Verification, VerificationFilter
from connector.domain.verifications.verification_filter import CAPTURES, DECISIONS, RESULTS, read_filter
from connector.services.jobs.jobs import Jobs
from connector.services.lookup.verifications import MOST_COUNTED, ListedVerification, VerificationLookup
from connector.services.providers.registry import Providers

story = Story("verifications")

SCOPE = "internal_idv_claim_view"
PAGE = 25


@frozen
class Row:
    """A verification in the list; `took` is the time to its result."""

    verification: Verification
    tags: Sequence[str]
    provider: Provider | None
    verified: int
    attributes: int
    took: timedelta | None


@story.page(scope=SCOPE)
def show_list() -> str:
    """Show the list."""
    known = {each.provider_id: each for each in _providers().all(g.tenant)}
    filters, lookup = _filters(known), _lookup()
    criteria = _criteria(filters)
    page = lookup.page(g.tenant, criteria, limit=PAGE, cursor=filters.cursor)
    counts = lookup.count_verified(page.rows)
    newest = page.rows[0].verification.created_at if page.rows else None
    return render_template(
        "console/verifications/list.html",
        filters=filters,
        rows=[_row(each, known, counts) for each in page.rows],
        to_drop=[] if page.rows else filters.to_drop(lambda others: lookup.is_any(g.tenant, _criteria(others))),
        older_url=filters.page_url(page.next_cursor),
        newest_url=filters.url() if filters.cursor else "",
        total=_total(criteria),
        most=MOST_COUNTED,
        count_url=filters.url(total="1"),
        news_url=news_url(filters, newest),
        is_incomplete=bool(filters.value("claim")) != bool(filters.value("result")),
        has_provider=bool(known),
        given=_given(filters),
    )


@story.page("/news", scope=SCOPE, is_polled=True)
def show_news() -> Response:
    """Show how many verifications were started since the list was loaded."""
    known = {each.provider_id: each for each in _providers().all(g.tenant)}
    filters = _filters(known)
    criteria = replace(_criteria(filters), created_from=news_since())
    return show_number(_lookup().count(g.tenant, criteria, MOST_NEW + 1), filters)


@story.action("/csv", scope=SCOPE)
def request_csv() -> Response:
    """Request the list as CSV, and redirect to the job."""
    given = {name: request.form.get(name) or None for name in _QUERY}
    provider_id = request.form.get("provider") or None
    if provider_id is not None:
        _providers().get(g.tenant, provider_id)
    jobs: Jobs = use_cases().jobs
    return redirect(job_url(jobs.request(g.tenant, csv_of(given, provider_id), actor()).job_id))


_QUERY = (
    "status",
    "userId",
    "tag",
    "environment",
    "claim",
    "result",
    "needsReview",
    "decision",
    "capture",
    "from",
    "to",
)


def _filters(known: Mapping[str, Provider]) -> Filters:
    claims = in_order({uri for each in known.values() for uri in (*each.claims, *each.studio.by_claim)})
    results = {str(each): _result_name(str(each)) for each in RESULTS if each not in (SANDBOX, LIVE)}
    return Filters(
        Choice("status", _("Status"), {name: str(each.text) for name, each in RUN_STATES.items()}, is_several=True),
        Choice("needsReview", _("Needs a decision"), {"true": _("Yes")}),
        Choice("decision", _("Decision"), {name: str(words.decision(name)) for name in DECISIONS}),
        Choice("provider", _("Provider"), {each.provider_id: each.name for each in known.values()}),
        Choice("environment", _("Environment"), {LIVE: _("Live"), SANDBOX: _("Sandbox")}),
        Choice("capture", _("Capture"), {name: str(words.CAPTURES[name]) for name in CAPTURES}),
        Choice("claim", _("Attribute"), {uri: claim_name(uri) for uri in claims}),
        Choice("result", _("with the result"), results),
        text={"userId": _("User"), "tag": _("Tag")},
        dates={"from": _("From (UTC)"), "to": _("To (UTC)")},
        needed={"result": "claim"},
    )


def _result_name(result: str) -> str:
    known = {"run_gone": _("The run is gone")}
    return known.get(result) or str(ATTRIBUTE_STATES[result].text)


def _given(filters: Filters) -> dict[str, str]:
    """Return the filters by the names of the API's query."""
    given = {name: filters.value(name) for name in _QUERY if name != "status"}
    given["status"] = ",".join(filters.values("status")) or None
    if not (given["claim"] and given["result"]):
        given |= {"claim": None, "result": None}
    return {name: value for name, value in {**given, "provider": filters.value("provider")}.items() if value}


def _criteria(filters: Filters) -> VerificationFilter:
    given = _given(filters)
    return read_filter({name: given.get(name) for name in _QUERY}, provider_id=given.get("provider"))


def _row(listed: ListedVerification, known: Mapping[str, Provider], counts: Mapping[str, tuple[int, int]]) -> Row:
    verification = listed.verification
    verified, attributes = counts.get(verification.verification_id, (0, 0))
    ended = verification.completed_at
    took = None if ended is None else max(timedelta(), ended - verification.created_at)
    return Row(verification, listed.tags, known.get(verification.provider_id), verified, attributes, took)


def _total(criteria: VerificationFilter) -> int | None:
    return _lookup().count(g.tenant, criteria) if request.args.get("total") else None


def _lookup() -> VerificationLookup:
    lookup: VerificationLookup = use_cases().lookup
    return lookup


def _providers() -> Providers:
    providers: Providers = use_cases().providers
    return providers
