"""Attributes of a provider: the claims, their fields at Onfido, and their source of verification.

A draft is carried in the form until it is saved. It can be tried against a run whose output is still stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from connector.console.descriptions import description_of
from connector.console.ground import now, use_cases
from connector.console.meanwhile import FIELD
from connector.console.notices import notify
from connector.console.providers import page, words
from connector.console.providers.rows import Row, change_rows, read_rows
from connector.console.story import Story, admit
from connector.console.words import State, attribute_state, run_state
from connector.domain.frozen import frozen
from connector.domain.providers.mapping import FIELD_GROUPS, MappingWarning, changed_claims, source_of, warnings_of
from connector.domain.providers.provider import Provider
from connector.domain.statistics.statistics import Period, Share
from connector.domain.statistics.statistics_period import ALL, read_period
from connector.domain.strict_json import parse_json
from connector.domain.verifications.dry_run import Draft
from connector.domain.verifications.judgement import Verdict
from connector.domain.verifications.verification import VerificationFilter
from connector.errors import InvalidField, RequestError
from connector.services.lookup.dry_runs import DryRun, DryRuns
from connector.services.lookup.remapping import MOST_COUNTED, Remapping
from connector.services.lookup.statistics import StatisticsFilter, StatisticsLookup
from connector.services.lookup.verifications import ListedVerification, VerificationLookup

COLUMNS = ("uri", "field")
RECENT_RUNS = 10
DAYS = 30
MOST_UNDONE = 1500  # characters of a mapping that the notice's cookie can hold
ENDED = ("approved", "declined", "review")


@frozen
class Line:
    """A claim of the draft as the table shows it."""

    uri: str
    field: str
    source: str
    verified: Share | None
    warnings: Sequence[MappingWarning]


@dataclass
class Editing:
    """The draft and its outcome."""

    rows: list[Row]
    error: str = ""
    dry_run: DryRun | None = None
    run_id: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def mapping(self) -> dict[str, str]:
        """The draft as a mapping, without incomplete rows."""
        return {row["uri"]: row["field"] for row in self.rows if row["uri"] and row["field"]}


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/attributes", scope=page.VIEW)(show_attributes)
    story.action("/<provider_id>/attributes", scope=page.UPDATE, is_shown_again=True)(edit_attributes)
    story.action("/<provider_id>/attributes/undo", scope=page.UPDATE)(undo_attributes)


def show_attributes(provider_id: str) -> str:
    """Show the mapping."""
    provider = page.find(provider_id)
    return _page(provider, Editing(_rows_of(provider.claims)))


def edit_attributes(provider_id: str) -> str | Response:
    """Change the draft, try it, or save it, depending on the button."""
    provider = page.find(provider_id)
    do = request.form.get("do", "save")
    rows = change_rows(read_rows(request.form, COLUMNS), do, COLUMNS)
    editing = Editing(rows, run_id=request.form.get("run", ""))
    if do == "try":
        _try(provider, editing)
    elif do == "save" and (saved := _save(provider, editing)):
        return saved
    return _page(provider, editing)


def undo_attributes(provider_id: str) -> Response:
    """Restore the mapping that a change has replaced; changes since then are kept."""
    provider = page.find(provider_id)
    page.change(provider, claims=_former())
    notify(_("The mapping is as it was before."))
    return redirect(url_for(".show_attributes", provider_id=provider_id))


def _former() -> dict[str, str]:
    """Return the mapping that the undo button carries."""
    try:
        return {str(uri): str(name) for uri, name in dict(parse_json(request.form["claims"])).items()}
    except (ValueError, TypeError) as error:
        raise BadRequest from error


def _save(provider: Provider, editing: Editing) -> Response | None:
    uris = [row["uri"] for row in editing.rows if row["uri"]]
    if len(set(uris)) < len(uris):
        editing.error = _("A claim is in the table twice: remove one of its rows.")
        return None
    try:
        page.change(provider, claims=editing.mapping)
    except InvalidField as error:
        editing.error = description_of(error)
        return None
    after = {"claims": editing.mapping}
    undo = {"claims": json.dumps(dict(provider.claims)), FIELD: json.dumps(after)}
    if sum(map(len, undo.values())) > MOST_UNDONE:
        undo = {}
    back = url_for(".undo_attributes", provider_id=provider.provider_id) if undo else ""
    notify(_("The mapping is saved. Verifications that start from now on use it."), undo_url=back, undo=undo)
    return redirect(url_for(".show_attributes", provider_id=provider.provider_id))


def _try(provider: Provider, editing: Editing) -> None:
    admit(page.RESULTS)
    dry_runs: DryRuns = use_cases().dry_runs
    draft = Draft(editing.mapping, provider.studio.output_claims)
    if not editing.run_id:
        editing.error = _("Choose a run to try the draft against.")
        return
    try:
        editing.dry_run = dry_runs.run(g.tenant, editing.run_id, draft, provider.provider_id)
    except (InvalidField, RequestError) as error:
        editing.error = description_of(error)


def _page(provider: Provider, editing: Editing) -> str:
    outputs = provider.studio.by_claim
    lines = _lines(provider, editing.rows)
    changed = changed_claims(provider.claims, editing.mapping)
    remapping: Remapping = use_cases().remapping
    stale = remapping.count(g.tenant, provider.provider_id, changed)
    whole = [each for each in warnings_of(editing.mapping, outputs) if each.uri is None]
    return page.show_tab(
        "console/providers/attributes.html",
        provider,
        "attributes",
        _sentence(lines),
        lines=lines,
        whole=whole,
        words=words,
        verdict_state=_verdict_state,
        run_state=run_state,
        editing=editing,
        is_draft=editing.mapping != dict(provider.claims) or len(editing.rows) != len(provider.claims),
        stale=stale,
        most=MOST_COUNTED,
        groups=FIELD_GROUPS,
        outputs=[each for each in provider.studio.output_claims if each.uri not in editing.mapping],
        runs=_runs(provider),
        days=DAYS,
    )


def _sentence(lines: Sequence[Line]) -> str:
    number = sum(1 for line in lines if line.source != "never" and line.uri)
    return str(ngettext("%(num)s attribute can be verified.", "%(num)s attributes can be verified.", number))


def _lines(provider: Provider, rows: Sequence[Row]) -> list[Line]:
    outputs, shares = provider.studio.by_claim, _shares(provider)
    mapping = {row["uri"]: row["field"] for row in rows if row["uri"] and row["field"]}
    warnings = list(warnings_of(mapping, outputs))
    return [
        Line(
            uri=row["uri"],
            field=row["field"],
            source=source_of(row["uri"], row["field"] or None, outputs),
            verified=shares.get(row["uri"]),
            warnings=[each for each in warnings if each.uri == row["uri"]],
        )
        for row in rows
    ]


def _shares(provider: Provider) -> Mapping[str, Share]:
    """Return how often each claim was verified in the last days, to those who may see results."""
    if not g.viewer.may(page.RESULTS):
        return {}
    statistics: StatisticsLookup = use_cases().statistics
    today = now().astimezone(UTC).date()
    period = {"period": None, "from": str(today - timedelta(days=DAYS - 1)), "to": str(today)}
    chosen: Period = read_period(period, now())
    numbers = statistics.get(g.tenant, StatisticsFilter(chosen, provider.provider_id, ALL))
    return {claim.uri: claim.verified for claim in numbers.claims}


def _runs(provider: Provider) -> Sequence[ListedVerification]:
    """Return the latest runs against which a draft can be tried."""
    if not g.viewer.may(page.RESULTS):
        return []
    lookup: VerificationLookup = use_cases().lookup
    criteria = VerificationFilter(provider_id=provider.provider_id, statuses=ENDED)
    return lookup.page(g.tenant, criteria, limit=RECENT_RUNS).rows


def _rows_of(claims: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"uri": uri, "field": name} for uri, name in claims.items()]


def _verdict_state(verdict: Verdict) -> State:
    return attribute_state(verdict.verification_status, is_verified=verdict.is_verified is True)
