"""The list of deliveries, and one of them with its attempts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from flask import Response, g, render_template, url_for
from flask_babel import gettext as _

from connector.console.deliveries.rows import attempts_of, built_later, facts_of, kind_words, line_of, stream_names
from connector.console.filters import Choice, Filters
from connector.console.ground import now, provider_names, use_cases
from connector.console.live import part
from connector.console.news import MOST_NEW, news_since, news_url, show_number
from connector.console.story import Story
from connector.domain.deliveries import DEAD, DONE, KINDS, READY, STATES, DeliveryFilter
from connector.domain.frozen import frozen
from connector.domain.notices import DeliveryRate, Endpoint
from connector.domain.verifications.verification_filter import read_period
from connector.services.application.deliveries import MOST_COUNTED, Deliveries
from connector.services.application.endpoints import Endpoints
from connector.services.application.notices import Notices

VIEW = "internal_idv_claim_view"
PAGE = 50
MOST_SHARES = 6
MOST_OF_KIND = 100  # of each kind and state; a larger number takes longer to count than it helps
DAY = timedelta(hours=24)
SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@frozen
class Share:
    """The notices that an endpoint was sent within a day, and how many of them it accepted."""

    endpoint: Endpoint
    rate: DeliveryRate

    @property
    def delivered(self) -> int:
        """How many were delivered."""
        return self.rate.attempts - self.rate.failures

    @property
    def part(self) -> float | None:
        """The share; None if nothing was sent."""
        return self.delivered / self.rate.deliveries if self.rate.deliveries else None


def install(story: Story) -> None:
    """Add these pages to the story."""
    story.page(scope=VIEW)(show_list)
    story.page("/news", scope=VIEW, is_polled=True)(show_news)
    story.page("/kinds", scope=VIEW)(show_kinds)
    story.page("/<delivery_id>", scope=VIEW)(show)


def show_list() -> str:
    """Show the deliveries, and the share that each destination accepted within a day."""
    known = endpoints().all(g.tenant)
    filters = _filters(known)
    page = deliveries().page(g.tenant, _criteria(filters), limit=PAGE, cursor=filters.cursor)
    by_id = {each.endpoint_id: each for each in known}
    streams = stream_names(page.rows)
    number_dead = deliveries().count_dead(g.tenant, now() - DAY)
    return render_template(
        "console/deliveries/list.html",
        filters=filters,
        lines=[line_of(row, by_id, streams) for row in page.rows],
        to_drop=[] if page.rows else filters.to_drop(_is_any),
        older_url=filters.page_url(page.next_cursor),
        shares=[Share(each, endpoints().rate(each, now() - DAY)) for each in known[:MOST_SHARES]],
        has_endpoints=bool(known),
        number_dead=number_dead,
        number_failing=sum(each.is_failing for each in known),
        news_url=news_url(filters, page.rows[0].created_at if page.rows else None),
        most_counted=MOST_COUNTED,
    )


def show_news() -> Response:
    """Show how many deliveries were created since the list was loaded."""
    filters = _filters(endpoints().all(g.tenant))
    criteria = replace(_criteria(filters), since=news_since())
    return show_number(deliveries().count(g.tenant, criteria, MOST_NEW + 1), filters)


def show_kinds() -> str:
    """Show the numbers of deliveries by kind; each leads to its list."""
    counts = deliveries().count_by_kind(g.tenant, most=MOST_OF_KIND)
    return part(
        "console/deliveries/kinds.html",
        _("By kind"),
        url_for(".show_list"),
        counts=sorted(counts, key=lambda each: (-each.dead, -each.ready, -each.done)),
        kind_words=kind_words,
        most=MOST_OF_KIND,
    )


def show(delivery_id: str) -> str:
    """Show one delivery."""
    row = deliveries().get(g.tenant, delivery_id)
    known = {each.endpoint_id: each for each in endpoints().all(g.tenant)}
    notices: Notices = use_cases().notices
    return render_template(
        "console/deliveries/page.html",
        line=line_of(row, known, stream_names([row])),
        row=row,
        endpoint=known.get(row.endpoint_id or ""),
        attempts=attempts_of(row),
        answer=deliveries().answer(row),
        provider_name=provider_names().get(row.provider_id or ""),
        body=notices.body(row),
        built_later=built_later(row),
        known=facts_of(row),
        payload=json.dumps(dict(row.payload), indent=2, ensure_ascii=False),
        headers=SIGNED_HEADERS,
    )


def _filters(known: list[Endpoint]) -> Filters:
    states = {DEAD: _("Dead"), READY: _("Waiting"), DONE: _("Delivered")}
    return Filters(
        Choice("state", _("State"), states, is_several=True),
        Choice("kind", _("Kind"), {kind: kind_words(kind) for kind in KINDS}),
        Choice("destination", _("Destination"), {each.endpoint_id: each.config.url for each in known}),
        text={"verification": _("Verification"), "provider": _("Provider")},
        dates={"from": _("From (UTC)"), "to": _("To (UTC)")},
    )


def _criteria(filters: Filters) -> DeliveryFilter:
    since, before = read_period(filters.value("from"), filters.value("to"))
    return DeliveryFilter(
        states=filters.values("state") or STATES,
        verification_id=filters.value("verification"),
        endpoint_id=filters.value("destination"),
        provider_id=filters.value("provider"),
        kind=filters.value("kind"),
        since=since,
        before=before,
    )


def _is_any(filters: Filters) -> bool:
    return bool(deliveries().page(g.tenant, _criteria(filters), limit=1).rows)


def deliveries() -> Deliveries:
    """Return the use case for deliveries."""
    given: Deliveries = use_cases().deliveries
    return given


def endpoints() -> Endpoints:
    """Return the use case for endpoints."""
    given: Endpoints = use_cases().endpoints
    return given
