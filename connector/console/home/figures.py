"""The figures of the first page: five numbers, the results of each day, the funnel, the attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import g
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.claim_names import in_order
from connector.console.filters import Choice, Filters
from connector.console.formats import duration, number, percent
from connector.console.ground import use_cases
from connector.console.home.parts import link
from connector.domain.environment import SANDBOX
from connector.domain.frozen import frozen
from connector.domain.providers.provider import Provider
from connector.domain.statistics.statistics import ClaimNumbers, Share, Statistics
from connector.services.lookup.statistics import StatisticsFilter, StatisticsLookup

PERIODS = {"24h": _l("24 hours"), "14d": _l("14 days"), "90d": _l("90 days")}
DEFAULT_PERIOD = "14d"
STATUSES = ("approved", "review", "declined", "abandoned", "error")
KINDS = ("good", "wait", "bad", "none", "fault")
FAILED, CHANGED = ("consider", "differs", "watchlist_match"), ("value_changed",)


@frozen
class Figure:
    """One number, with its change from the previous period and its course by day."""

    label: str
    value: str
    note: str
    kind: str
    points: Sequence[float]
    url: str | None


@frozen
class Step:
    """A stage of the funnel, and the outcome of those that did not reach it."""

    text: str
    n: int
    share: float
    kind: str
    lost: str


@frozen
class Attribute:
    """A claim's results: parts of a bar (kind, percent), and two shares."""

    uri: str
    parts: Sequence[tuple[str, float]]
    verified: Share
    not_compared: Share


@frozen
class Numbers:
    """All figures of a period."""

    figures: Sequence[Figure]
    days: Sequence[tuple[str, Sequence[int]]]
    ended: Sequence[tuple[str, int, float, str]]
    funnel: Sequence[Step]
    attributes: Sequence[Attribute]
    statistics: Statistics


def filters_of(providers: Sequence[Provider]) -> Filters:
    """Return the filters in the page's address."""
    names = {each.provider_id: each.name for each in providers}
    return Filters(
        Choice("period", _("Period"), {name: str(text) for name, text in PERIODS.items()}),
        Choice("provider", _("Provider"), names),
        Choice("environment", _("Environment"), {"live": _("Live"), "sandbox": _("Sandbox"), "all": _("All")}),
        dates={"from": _("From (UTC)"), "to": _("To (UTC)")},
    )


def has_sandbox(providers: Sequence[Provider]) -> bool:
    """Whether a provider uses Onfido's sandbox, whose results are counted only if they are asked for."""
    return any(each.environment == SANDBOX for each in providers)


def periods_of(filters: Filters) -> Sequence[tuple[str, str, bool]]:
    """Return the tabs: text, address, whether it is the current one."""
    has_dates = filters.value("from") is not None or filters.value("to") is not None
    here = None if has_dates else filters.value("period") or DEFAULT_PERIOD
    cleared: dict[str, str | list[str] | None] = {"from": None, "to": None}
    return [(str(text), filters.url(**cleared, period=name), name == here) for name, text in PERIODS.items()]


def numbers_of(filters: Filters) -> Numbers:
    """Look up the figures of a period and of the one before; raise `InvalidQuery` for an invalid period."""
    lookup: StatisticsLookup = use_cases().statistics
    asked = {name: filters.value(name) for name in ("period", "from", "to")}
    if asked["from"] or asked["to"]:
        asked["period"] = None
    criteria = lookup.criteria(asked, filters.value("provider"), filters.value("environment"))
    statistics = lookup.get(g.tenant, criteria)
    before = lookup.get(g.tenant, _before(criteria))
    return Numbers(
        figures=list(_figures(statistics, before)),
        days=[
            (format_date(each.day, "d MMM"), [each.by_status.get(name, 0) for name in STATUSES])
            for each in statistics.days
        ],
        ended=[
            (
                name,
                statistics.ended.get(name, 0),
                100 * (Share(statistics.ended.get(name, 0), _total(statistics)).share or 0),
                kind,
            )
            for name, kind in zip(STATUSES, KINDS, strict=True)
        ],
        funnel=list(_funnel(statistics)),
        attributes=[_attribute(each) for each in in_order(statistics.claims, lambda claim: claim.uri)],
        statistics=statistics,
    )


def _before(criteria: StatisticsFilter) -> StatisticsFilter:
    return StatisticsFilter(criteria.period.previous, criteria.provider_id, criteria.environment)


def _total(statistics: Statistics) -> int:
    return sum(statistics.ended.values())


def _figures(now: Statistics, before: Statistics) -> Iterator[Figure]:
    shares = [Share(each.verified, each.started).share or 0.0 for each in now.days]
    through, earlier = now.got_through.share, before.got_through.share
    points = None if through is None or earlier is None else round(100 * (through - earlier))
    yield Figure(
        _("People who got through"),
        percent(through),
        _nothing()
        if points is None
        else _("as in the previous period")
        if points == 0
        else ngettext("%(sign)s%(num)s point", "%(sign)s%(num)s points", abs(points), sign=_sign(points)),
        _kind(points),
        shares,
        link("verifications.show_list"),
    )
    slowest = duration(float(now.times.p90)) if now.times.p90 is not None else None
    yield Figure(
        _("Median time to a result"),
        duration(None if now.times.median is None else float(now.times.median)),
        _("90 %% in %(time)s", time=slowest) if slowest else _nothing(),
        "muted",
        (),
        link("verifications.show_list", status=["approved", "declined", "review"]),
    )
    results, former = _total(now), _total(before)
    yield Figure(
        _("Results"),
        number(results),
        _("%(n)s in the previous period", n=number(former)),
        "muted",
        [float(sum(each.by_status.values())) for each in now.days],
        link("verifications.show_list"),
    )
    yield Figure(
        _("Attributes not compared"),
        percent(now.not_compared.share),
        _("of the approved"),
        "muted",
        (),
        link("verifications.show_list"),
    )
    dead = sum(now.dead_deliveries.values())
    yield Figure(
        _("Dead deliveries"),
        number(dead),
        _("in this period") if dead else _("none in this period"),
        "ink-bad" if dead else "muted",
        [float(each.dead_deliveries) for each in now.days],
        link("deliveries.show_list", state="dead"),
    )


def _nothing() -> str:
    return str(_("nothing to compare with"))


def _sign(points: int) -> str:
    return "+" if points > 0 else "-"


def _kind(points: int | None) -> str:
    return "muted" if not points else "ink-good" if points > 0 else "ink-bad"


def _funnel(statistics: Statistics) -> Iterator[Step]:
    texts = {
        "started": _("Started"),
        "run": _("At Onfido"),
        "captured": _("Photos sent"),
        "result": _("Result in"),
        "approved": _("Approved"),
        "all_verified": _("All attributes verified"),
    }
    stages = statistics.funnel
    for at, stage in enumerate(stages):
        lost = stages[at - 1].n - stage.n if at else 0
        share = Share(stage.n, stages[0].n).share or 0.0
        kind = "good" if stage.name in ("approved", "all_verified") else "run"
        yield Step(texts[stage.name], stage.n, share, kind, _lost(str(stage.name), lost) if lost > 0 else "")


def _lost(stage: str, n: int) -> str:
    count = number(n)
    texts = {
        "run": _("%(n)s were not started at Onfido", n=count),
        "captured": _("%(n)s left before they sent anything", n=count),
        "result": _("%(n)s were abandoned, ended in an error, or are under way", n=count),
        "approved": _("%(n)s were declined, or wait for a review", n=count),
        "all_verified": _("%(n)s with an attribute that differs or was not compared", n=count),
    }
    return str(texts[stage])


def _attribute(claim: ClaimNumbers) -> Attribute:
    of = max(claim.verified.of, 1)
    failed = sum(claim.results.get(name, 0) for name in FAILED)
    changed = sum(claim.results.get(name, 0) for name in CHANGED)
    rest = claim.verified.of - claim.verified.n - failed - changed
    parts = (("good", claim.verified.n), ("bad", failed), ("wait", changed), ("none", max(rest, 0)))
    return Attribute(claim.uri, [(kind, 100 * n / of) for kind, n in parts], claim.verified, claim.not_compared)
