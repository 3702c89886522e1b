"""The record of one user, for a data-subject request: everything that is stored, as JSON and as a page to read.

the user ──► each verification with its deliveries ──► the audit trail, page by page ──► Onfido, and retention
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.api.shapes.audit import AuditEntrySchema, audit_body
from connector.api.shapes.claim import claim_body
from connector.api.shapes.delivery import delivery_body
from connector.api.shapes.user_status import UserStatusSchema, status_body
from connector.api.shapes.verification import VerificationDetailsSchema, details_body
from connector.domain.audit.history import AuditFilter
from connector.domain.deliveries import DeliveryFilter
from connector.domain.frozen import frozen
from connector.domain.jobs import HTML, JSON, Job, JobFailed, Step
from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import Tenant, Tenants
from connector.domain.text import json_text
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import Verification, VerificationFilter
from connector.errors import Code, RequestError
from connector.exports import readable
from connector.services.application.deliveries import Deliveries
from connector.services.assurance import VerifiedClaims
from connector.services.jobs.steps import Work
from connector.services.lookup.audit import Audit
from connector.services.lookup.user_status import UserStatuses
from connector.services.lookup.verifications import ListedVerification, LiveTasks, VerificationLookup
from connector.services.people.claims import Claims
from connector.services.results.kept import KeptResults
from connector.services.values import UserValues
from connector.store.jobs import USER_REMOVED
from connector.store.people import user_search

VERIFICATIONS, HISTORY, END = "verifications", "history", "end"
PAGE = 200  # entries of the audit trail in one step
MOST_DELIVERIES = 200  # of one verification
MOST_APPLICANTS = 1000  # verifications whose applicants are named
_NOT_ASKED = LiveTasks(None, "Tasks are stored at Onfido only, and were not read.")


@frozen
class Sources:
    """The use cases with data about a user."""

    values: UserValues
    claims: Claims
    kept: KeptResults
    statuses: UserStatuses
    verified: VerifiedClaims
    lookup: VerificationLookup
    deliveries: Deliveries
    audit: Audit


@frozen
class Retention:
    """The retention of results, deliveries and guests, in days."""

    results: int
    deliveries: int
    guests: int


class UserRecord:
    """Writes a user's record, section by section."""

    def __init__(
        self, sources: Sources, tenants: Tenants, public_url: str, retention: Retention, clock: Callable[[], datetime]
    ) -> None:
        self._sources = sources
        self._tenants = tenants
        self._public_url = public_url
        self._retention = retention
        self._clock = clock

    def total(self, job: Job) -> int | None:
        """Return the number of verifications."""
        return self._sources.lookup.count(self._tenants.named(job.tenant), VerificationFilter(user_id=_user(job)))

    def prepare(self, job: Job) -> Work:
        """Read and write the next section, or the next part of one."""
        tenant, user_id = self._tenants.named(job.tenant), _user(job)
        section, cursor, is_first = job.position or ("", None, True)
        match section:
            case "":
                step = self._begin(tenant, user_id)
            case "verifications":
                step = self._verification(tenant, user_id, cursor, is_first=is_first)
            case "history":
                step = self._history(tenant, user_id, cursor, is_first=is_first)
            case _:
                step = self._end(tenant, user_id)

        def work(connection: Connection) -> Step:
            if not user_search.is_known(connection, tenant.name, user_id):
                raise JobFailed(USER_REMOVED)
            return step

        return work

    def _begin(self, tenant: Tenant, user_id: str) -> Step:
        sources = self._sources
        status = UserStatusSchema().dump(status_body(sources.statuses.get(tenant, user_id)))
        is_readable = sources.values.is_readable(tenant, user_id)
        values = (sources.values.read(tenant, user_id) or {}) if is_readable else {}
        claims = [claim_body(each, **sources.kept.read_of(each)) for each in sources.claims.all(tenant, user_id)]
        facts = {"userId": user_id, "tenant": tenant.name, "madeAt": timestamp(self._clock())}
        head = {
            "record": facts | {"madeBy": "onfido-idvp-connector", "directory": tenant.directory.kind},
            "values": dict(values),
            "claims": claims,
            "verifiedClaims": self._verified(tenant, user_id) if is_readable else None,
            "providers": status["providers"],
        }
        page = [readable.beginning(f"What is stored of {user_id}"), readable.section("This record", head["record"])]
        titles = {"values": "Values", "claims": "Claims", "verifiedClaims": "Verified, with the evidence"}
        titles |= {"providers": "By provider"}
        page += [readable.section(title, head[name]) for name, title in titles.items()]
        pieces = {JSON.name: f'{_members(head)},"verifications":[', HTML.name: "".join(page)}
        return Step([VERIFICATIONS, None, True], pieces=_also(pieces, html=readable.heading("Verifications")))

    def _verified(self, tenant: Tenant, user_id: str) -> Any:
        try:
            asserted = self._sources.verified.get(tenant, user_id, self._public_url + tenant.path)
        except RequestError as error:  # not in the directory, but known here
            if error.code is not Code.USER_NOT_FOUND:
                raise
            return None
        return asserted.get("verified_claims")

    def _verification(self, tenant: Tenant, user_id: str, cursor: str | None, *, is_first: bool) -> Step:
        criteria = VerificationFilter(user_id=user_id)
        page = self._sources.lookup.page(tenant, criteria, limit=1, cursor=cursor, is_rising=True)
        views = [self._view(tenant, each) for each in page.rows]
        pieces = {
            JSON.name: _joined(views, is_first=is_first),
            HTML.name: "".join(readable.article(f"{each['createdAt']}, {each['status']}", each) for each in views),
        }
        if page.next_cursor is not None:
            return Step([VERIFICATIONS, page.next_cursor, False], done=1, pieces=pieces)
        pieces = _also(pieces, '],"history":[', readable.heading("Requests by people that concern the user"))
        return Step([HISTORY, None, True], done=len(views), pieces=pieces)

    def _view(self, tenant: Tenant, listed: ListedVerification) -> dict[str, Any]:
        verification = listed.verification
        details = self._sources.lookup.get(tenant, verification.verification_id, verification.provider_id)
        criteria = DeliveryFilter(verification_id=verification.verification_id)
        sent = self._sources.deliveries.page(tenant, criteria, limit=MOST_DELIVERIES).rows
        view: dict[str, Any] = VerificationDetailsSchema(exclude=("tasks", "tasksUnavailable")).dump(
            details_body(details, _NOT_ASKED)
        )
        return view | {"deliveries": [delivery_body(row) for row in sent]}

    def _history(self, tenant: Tenant, user_id: str, cursor: str | None, *, is_first: bool) -> Step:
        page = self._sources.audit.page(tenant, AuditFilter(user_id=user_id), limit=PAGE, cursor=cursor)
        entries = AuditEntrySchema(many=True).dump(audit_body(page)["entries"])
        pieces = {
            JSON.name: _joined(entries, is_first=is_first),
            HTML.name: readable.table(entries) if entries else "",
        }
        if page.next_cursor is not None:
            return Step([HISTORY, page.next_cursor, False], pieces=pieces)
        return Step([END, None, False], pieces=_also(pieces, "],"))

    def _end(self, tenant: Tenant, user_id: str) -> Step:
        criteria = VerificationFilter(user_id=user_id)
        known = self._sources.lookup.page(tenant, criteria, limit=MOST_APPLICANTS).rows
        tail = {"atOnfido": _at_onfido(known), "retention": self._kept_until(user_id, known)}
        page = readable.section("At Onfido", tail["atOnfido"]) + readable.section(
            "How long it is kept", tail["retention"]
        )
        return Step(None, pieces={JSON.name: f"{_members(tail)[1:]}}}\n", HTML.name: page + readable.END})

    def _kept_until(self, user_id: str, known: Sequence[ListedVerification]) -> list[dict[str, str]]:
        results, deliveries = (f"{days} days" for days in (self._retention.results, self._retention.deliveries))
        guests = f"{self._retention.guests} days after the start, or " if is_guest(user_id) else ""
        fixed = {
            "values in the embedded directory": "until changed or removed",
            "claims, verifications, applicants' ids": f"{guests}until the user or the provider is removed",
            "output, reasons and document values of a run, bodies of events": f"{results} after it ended or arrived",
            "deliveries": f"{deliveries} after they were made",
            "refused starts": results,
            "requests of people, without values": "for good",
            "applicants and documents at Onfido": f"{guests}until the user is removed here, then Onfido's terms",
        }
        each = {f"output of {of.verification.verification_id}": self._output_until(of.verification) for of in known}
        return [{"what": what, "kept": kept} for what, kept in {**fixed, **each}.items()]

    def _output_until(self, verification: Verification) -> str:
        days = self._retention.results
        if verification.closed_at is None:
            return f"{days} days after it ends"
        return f"until {timestamp(verification.closed_at + timedelta(days=days))}"


def _at_onfido(known: Sequence[ListedVerification]) -> list[dict[str, Any]]:
    """Return the applicants that were created at Onfido, with the link to the dashboard of their latest run."""
    applicants: dict[str, dict[str, Any]] = {}
    for each in reversed([listed.verification for listed in known if listed.verification.applicant_id]):
        applicants[each.applicant_id or ""] = {
            "applicantId": each.applicant_id,
            "providerId": each.provider_id,
            "environment": each.environment,
            "latestRunId": each.run_id,
            "dashboardUrl": each.dashboard_url,
        }
    return list(applicants.values())


def _user(job: Job) -> str:
    if job.user_id is None:
        raise JobFailed(USER_REMOVED)
    return job.user_id


def _members(values: Mapping[str, Any]) -> str:
    """Return a JSON object without its closing brace."""
    return json_text(values)[:-1]


def _joined(views: Sequence[Any], *, is_first: bool) -> str:
    text = ",".join(json_text(each) for each in views)
    return text if is_first or not text else f",{text}"


def _also(pieces: Mapping[str, str], text: str = "", html: str = "") -> dict[str, str]:
    return {JSON.name: pieces[JSON.name] + text, HTML.name: pieces[HTML.name] + html}
