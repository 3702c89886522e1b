"""The administrator's open tasks, the most harmful first; each with one button that leads to the page for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from flask import g
from flask_babel import gettext as _
from flask_babel import ngettext

from connector.console.claim_names import claim_name
from connector.console.ground import now, use_cases
from connector.console.home.need import MOST_LISTED, Need, Needs, counted
from connector.console.home.parts import attempt, link
from connector.console.providers.words import warning
from connector.console.translations import say
from connector.domain.deliveries import DEAD, DeliveryFilter
from connector.domain.events import NO_SIGNATURE, NO_TOKEN, TOO_LARGE, WRONG_SIGNATURE, EventFilter
from connector.domain.messages import without_command
from connector.domain.providers.health import BAD, UNKNOWN
from connector.domain.providers.mapping import Flaw, warnings_of
from connector.domain.providers.readiness import CLAIMS, TOKEN
from connector.domain.statistics.statistics_period import ALL
from connector.domain.studio.workflow_run import AWAITING_CLIENT_INPUT, AWAITING_INPUT, PROCESSING
from connector.domain.verifications.verification import AWAITED_DECISION, VerificationFilter
from connector.services.application.deliveries import Deliveries
from connector.services.application.endpoints import Endpoints
from connector.services.key_rotation import KeyRotation
from connector.services.lookup.events import EventLookup
from connector.services.lookup.statistics import StatisticsLookup
from connector.services.lookup.verifications import VerificationLookup
from connector.services.providers.health import HealthRecords
from connector.services.providers.progress import SetupProgress
from connector.services.providers.registry import Providers

VIEW, VALUES, OPERATE = "internal_idvp_view", "internal_idv_claim_view", "internal_idv_operate"
LONG_OPEN, LONG_PARKED, RECENT = timedelta(days=7), timedelta(hours=1), timedelta(hours=24)
LONG_UNANSWERED = timedelta(hours=1)  # since its start, that a run waits for data of the application
LONG_FAILING = timedelta(minutes=5)  # a shorter outage, such as a restart, needs nobody
LEAST_APPROVED = 10  # runs, before an attribute that was never compared is listed
OPEN = (PROCESSING, AWAITING_INPUT, AWAITING_CLIENT_INPUT)


def find_needs() -> Needs:
    """Return the viewer's open tasks, without those that the viewer may not see."""
    needs = Needs()
    for scope, finder in _FINDERS:
        if g.viewer.may(scope):
            part = attempt(finder.__name__, lambda finder=finder: list(finder()))  # type: ignore[misc]
            needs.items.extend(part.value or ())
            needs.traces.extend([part.trace] if part.trace is not None else [])
    return needs


def _failing_providers() -> Iterator[Need]:
    records: HealthRecords = use_cases().health_records
    enabled = {each.provider_id for each in _providers().all(g.tenant) if each.is_enabled}
    for health in records.all(g.tenant):
        failed = [name for name in health.failed if name != CLAIMS]
        if health.provider_id not in enabled or health.known_state != BAD or not failed:
            continue
        check = health.check(TOKEN if TOKEN in failed else failed[0])
        detail = str(say(without_command(check.detail))) if check else ""
        if TOKEN in failed:
            text = _("Onfido refuses the token of “%(name)s”.", name=health.provider_name)
            yield Need("bad", "key", text, detail, _("Replace it"), _provider("secrets", health.provider_id))
        else:
            text = _("“%(name)s” does not work as it is set up.", name=health.provider_name)
            yield Need("bad", "plug", text, detail, _("Set up"), _provider("setup", health.provider_id))


def _silent_providers() -> Iterator[Need]:
    records: HealthRecords = use_cases().health_records
    for health in records.all(g.tenant):
        if health.state == UNKNOWN:
            text = _("Onfido did not answer when “%(name)s” was checked.", name=health.provider_name)
            detail = _("The last known state is shown. The check is repeated automatically.")
            yield Need("wait", "cloud-slash", text, detail, _("View"), _provider("setup", health.provider_id))


def _silent_webhooks() -> Iterator[Need]:
    progress: SetupProgress = use_cases().setup_progress
    for silent in progress.silent(g.tenant):
        text = _("Onfido does not post to “%(name)s”.", name=silent.provider_name)
        detail = _("Its last run has ended without an event. A proxy or firewall may block Onfido's posts.")
        yield Need("bad", "broadcast", text, detail, _("Set up"), _provider("setup", silent.provider_id))


def _refused_posts() -> Iterator[Need]:
    events: EventLookup = use_cases().event_lookup
    for posts in events.refused(g.tenant):
        if posts.last_at >= now() - RECENT:
            text = ngettext(
                "%(num)s post of Onfido's to “%(name)s” was refused.",
                "%(num)s posts of Onfido's to “%(name)s” were refused.",
                posts.number,
                name=posts.provider_name,
            )
            url = link("events.show_list", provider=posts.provider_id, _anchor="refused")
            yield Need("fault", "shield-x", text, _cause(posts.cause), _("View"), url)


def _dead() -> Iterator[Need]:
    deliveries: Deliveries = use_cases().deliveries
    page = deliveries.page(g.tenant, DeliveryFilter(states=(DEAD,)), limit=MOST_LISTED)
    if page.rows:
        count = counted(len(page.rows), is_more=page.next_cursor is not None)
        text = ngettext("%(n)s delivery is dead.", "%(n)s deliveries are dead.", len(page.rows), n=count)
        detail = _("Each was tried for about an hour. Once the receiver answers again, resend them.")
        yield Need("bad", "send-x", text, detail, _("View"), link("deliveries.show_list", state=DEAD))


def _failing_endpoints() -> Iterator[Need]:
    endpoints: Endpoints = use_cases().endpoints
    for endpoint in endpoints.all(g.tenant):
        if endpoint.is_failing and endpoint.failing_since and endpoint.failing_since <= now() - LONG_FAILING:
            text = _("“%(url)s” accepts no notices.", url=endpoint.config.url)
            detail = _("They wait for about an hour, and are sent by themselves once it answers again.")
            url = link("deliveries.show_endpoint", endpoint_id=endpoint.endpoint_id)
            yield Need("bad", "send-x", text, detail, _("View"), url)


def _reviews() -> Iterator[Need]:
    lookup: VerificationLookup = use_cases().lookup
    criteria = VerificationFilter(needs_review=True)
    if n := lookup.count(g.tenant, criteria, MOST_LISTED):
        count = counted(n, is_more=n >= MOST_LISTED)
        text = ngettext("%(n)s verification waits for a review.", "%(n)s verifications wait for a review.", n, n=count)
        oldest = lookup.page(g.tenant, criteria, limit=1, is_rising=True).rows
        detail = ngettext(
            "Its user is not verified until an administrator decides.",
            "Their users are not verified until an administrator decides.",
            n,
        )
        since = oldest[0].verification.created_at if oldest else None
        url = link("verifications.show_list", needsReview="true")
        yield Need("wait", "hourglass-split", text, detail, _("Review"), url, since)


def _decisions_at_onfido() -> Iterator[Need]:
    lookup: VerificationLookup = use_cases().lookup
    criteria = VerificationFilter(decision=AWAITED_DECISION)
    if n := lookup.count(g.tenant, criteria, MOST_LISTED):
        count = counted(n, is_more=n >= MOST_LISTED)
        text = ngettext(
            "%(n)s run waits for a manual decision at Onfido.",
            "%(n)s runs wait for a manual decision at Onfido.",
            n,
            n=count,
        )
        detail = _("It is made in Onfido’s dashboard, to which the page of each verification links.")
        url = link("verifications.show_list", decision=AWAITED_DECISION)
        yield Need("wait", "person-raised-hand", text, detail, _("View"), url)


def _flawed_mappings() -> Iterator[Need]:
    for provider in _providers().all(g.tenant):
        flaws = [each for each in warnings_of(provider.claims, provider.studio.by_claim) if provider.is_enabled]
        serious = [each for each in flaws if each.flaw is not Flaw.NEVER_VERIFIED]
        if not serious:
            continue
        is_address = all(each.flaw is Flaw.ADDRESS_INCOMPLETE for each in serious)
        text = (
            _("Addresses cannot be verified with “%(name)s”.", name=provider.name)
            if is_address
            else _("The mapping of “%(name)s” is not complete.", name=provider.name)
        )
        url = _provider("attributes", provider.provider_id)
        yield Need("bad", "slash-circle", text, warning(serious[0]), _("Map it"), url)


def _never_compared() -> Iterator[Need]:
    statistics: StatisticsLookup = use_cases().statistics
    criteria = statistics.criteria({"period": None, "from": None, "to": None}, None, ALL)
    for claim in statistics.get(g.tenant, criteria).claims:
        compared = claim.not_compared
        if compared.n == compared.of >= LEAST_APPROVED:
            text = _("“%(name)s” was never compared.", name=claim_name(claim.uri))
            detail = ngettext(
                "Onfido did not compare it in %(num)s approved run of the last 14 days.",
                "Onfido did not compare it in %(num)s approved runs of the last 14 days.",
                compared.of,
            )
            url = link("verifications.show_list", claim=claim.uri, result="not_compared")
            yield Need("wait", "dash-circle", text, detail, _("View"), url)


def _long_open() -> Iterator[Need]:
    lookup: VerificationLookup = use_cases().lookup
    before = now() - LONG_OPEN
    criteria = VerificationFilter(statuses=OPEN, created_before=before)
    if n := lookup.count(g.tenant, criteria, MOST_LISTED):
        count = counted(n, is_more=n >= MOST_LISTED)
        text = ngettext(
            "%(n)s run is open for more than a week.", "%(n)s runs are open for more than a week.", n, n=count
        )
        detail = _("Set a time-out for the workflow's tasks in Onfido Studio, so that abandoned runs end.")
        url = link("verifications.show_list", status=list(OPEN), to=f"{before:%Y-%m-%d}")
        yield Need("wait", "clock-history", text, detail, _("View"), url)


def _parked_events() -> Iterator[Need]:
    events: EventLookup = use_cases().event_lookup
    criteria = EventFilter(state="parked", before=now() - LONG_PARKED)
    page = events.page(g.tenant, criteria, limit=MOST_LISTED)
    if page.rows:
        text = ngettext(
            "%(n)s event waits for its run for more than an hour.",
            "%(n)s events wait for their runs for more than an hour.",
            len(page.rows),
            n=counted(len(page.rows), is_more=page.next_cursor is not None),
        )
        detail = _("Their runs are not known here: they may be another system's in the same Onfido account.")
        yield Need("wait", "inbox", text, detail, _("View"), link("events.show_list", state="parked"))


def _waiting_for_application() -> Iterator[Need]:
    lookup: VerificationLookup = use_cases().lookup
    criteria = VerificationFilter(statuses=(AWAITING_CLIENT_INPUT,), created_before=now() - LONG_UNANSWERED)
    if n := lookup.count(g.tenant, criteria, MOST_LISTED):
        text = ngettext(
            "%(n)s run waits for data of the application.",
            "%(n)s runs wait for data of the application.",
            n,
            n=counted(n, is_more=n >= MOST_LISTED),
        )
        detail = _("A task at Onfido continues only with it: check whether the notices of tasks arrive.")
        url = link("verifications.show_list", status=AWAITING_CLIENT_INPUT)
        yield Need("wait", "hourglass-split", text, detail, _("View"), url)


def _keys_to_rotate() -> Iterator[Need]:
    rotation: KeyRotation = use_cases().key_rotation
    if rotation.is_pending():
        text = _("Not everything is encrypted with the newest key.")
        detail = _("Run “connector rotate-keys”; then the former key can be removed.")
        yield Need("wait", "key", text, detail, _("View"), link("settings.show_list"))


def _providers() -> Providers:
    providers: Providers = use_cases().providers
    return providers


def provider_url(provider_id: str) -> str | None:
    """Return the address of a provider's first page; None if the page is not installed."""
    return link("providers.show_provider", provider_id=provider_id) or _provider("setup", provider_id)


def _provider(tab: str, provider_id: str) -> str | None:
    """Return the address of a provider's tab, or of another tab if that one is not installed."""
    names = (tab, "setup", "attributes")
    return next((url for name in names if (url := link(f"providers.show_{name}", provider_id=provider_id))), None)


def _cause(cause: str) -> str:
    texts = {
        NO_TOKEN: _("The provider has no webhook token yet."),
        NO_SIGNATURE: _("They had no signature: a proxy may have removed it."),
        WRONG_SIGNATURE: _("They were signed with a token other than the registered one."),
        TOO_LARGE: _("They were too large."),
    }
    return str(texts.get(cause, _("They could not be read.")))


_FINDERS: tuple[tuple[str, Callable[[], Iterator[Need]]], ...] = (
    (VIEW, _failing_providers),
    (VIEW, _silent_webhooks),
    (VALUES, _refused_posts),
    (VALUES, _dead),
    (VALUES, _failing_endpoints),
    (VIEW, _flawed_mappings),
    (VALUES, _reviews),
    (VALUES, _decisions_at_onfido),
    (VALUES, _waiting_for_application),
    (VALUES, _never_compared),
    (VALUES, _long_open),
    (VALUES, _parked_events),
    (VIEW, _silent_providers),
    (OPERATE, _keys_to_rotate),
)
