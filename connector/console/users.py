"""Users: the verified attributes of each, with the verification or correction that verified them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.api.middleware.shares import Lasting
from connector.console import corrections
from connector.console.confirm import confirm, is_typed
from connector.console.filters import Filters
from connector.console.formats import number
from connector.console.ground import use_cases
from connector.console.links import job_url, user_url
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.user_facts import facts_of
from connector.console.viewer import actor
from connector.domain.job_requests import record_of
from connector.domain.verifications.verification import MAX_REASON
from connector.services.jobs.jobs import Jobs
from connector.services.lookup.shown_values import ShownValues
from connector.services.lookup.user_list import UserList
from connector.services.lookup.user_status import UserStatuses
from connector.services.people.user_removal import Removable
from connector.services.people.users import Users

story = Story("users")
corrections.install(story)

SCOPE = "internal_idv_claim_view"
DELETE_SCOPE = "internal_idv_claim_delete"
VALUES_SCOPE = "internal_idv_verified_claims_view"
PAGE = 25


@story.page(scope=SCOPE)
def show_list() -> str:
    """Show the users."""
    filters = Filters(text={"prefix": _("Id begins with")})
    users, listed = _users(), use_cases().user_list
    page = users.page(g.tenant, limit=PAGE, cursor=filters.cursor, prefix=filters.value("prefix") or "")
    described: UserList = listed
    return render_template(
        "console/users/list.html",
        users=described.describe(g.tenant, page).rows,
        filters=filters,
        older_url=filters.page_url(page.next_cursor),
        newest_url=filters.url() if filters.cursor else "",
        is_embedded=g.tenant.directory.is_local,
    )


@story.page("/<user_id>", scope=SCOPE, lasting=Lasting.ONFIDO)
def show(user_id: str) -> str:
    """Show one user; the values are masked."""
    return _page(user_id, None)


@story.action("/<user_id>/values", scope=VALUES_SCOPE, lasting=Lasting.ONFIDO)
def show_values(user_id: str) -> str:
    """Show one user with the values; this is recorded in the audit trail."""
    shown: ShownValues = use_cases().shown_values
    return _page(user_id, shown.show(g.tenant, user_id, actor()))


@story.page("/<user_id>/unlock", scope=corrections.SCOPE)
def ask_unlock(user_id: str) -> str:
    """Ask before unlocking; only what is stored here counts, so the directory is not asked."""
    if not _users().is_known(g.tenant, user_id):
        raise _statuses().unknown_user(g.tenant, user_id)
    return confirm(
        _("Unlock attempts?"),
        " ".join((_("Earlier attempts no longer count against the limit."), *_attempts_left(user_id))),
        verb=_("Unlock"),
        action=url_for(".unlock", user_id=user_id),
        back=user_url(user_id),
        reason_label=_("Reason"),
        is_harmless=True,
    )


@story.action("/<user_id>/unlock", scope=corrections.SCOPE)
def unlock(user_id: str) -> Response:
    """Unlock a user's attempts."""
    reason = request.form.get("reason", "").strip()[:MAX_REASON]
    if not reason:
        notify(_("Nothing was done: a reason is required, for the audit trail."), kind="bad")
        return redirect(user_url(user_id))
    forgiven = _users().unlock(g.tenant, user_id, None, actor(), reason)
    notify(ngettext("%(num)s earlier attempt no longer counts.", "%(num)s earlier attempts no longer count.", forgiven))
    return redirect(user_url(user_id))


@story.action("/<user_id>/record", scope=VALUES_SCOPE)
def request_record(user_id: str) -> Response:
    """Request the user's record, and redirect to the job."""
    jobs: Jobs = use_cases().jobs
    return redirect(job_url(jobs.request(g.tenant, record_of(user_id), actor()).job_id))


@story.page("/<user_id>/remove", scope=DELETE_SCOPE)
def ask_remove(user_id: str) -> str:
    """Ask before removing."""
    return confirm(
        _("Remove %(user)s?", user=user_id),
        _of_removing(_users().preview_removal(g.tenant, user_id)),
        verb=_("Remove the user"),
        action=url_for(".remove", user_id=user_id),
        back=user_url(user_id),
        type_to_confirm=user_id,
    )


@story.action("/<user_id>/remove", scope=DELETE_SCOPE)
def remove(user_id: str) -> Response:
    """Remove a user if the id was typed."""
    if not is_typed(user_id):
        notify(_("Nothing was removed: the typed id does not match."), kind="bad")
        return redirect(user_url(user_id))
    deleted = _users().remove(g.tenant, user_id, actor())
    notify(
        ngettext(
            "Removed. %(num)s applicant is deleted at Onfido shortly.",
            "Removed. %(num)s applicants are deleted at Onfido shortly.",
            deleted,
        )
    )
    return redirect(url_for(".show_list"))


def _attempts_left(user_id: str) -> Iterator[str]:
    """Yield how many more verifications a user may start with each provider, now and once attempts are unlocked."""
    for provider, used in _statuses().attempts(g.tenant, user_id):
        if provider.is_enabled:
            most = provider.max_attempts
            yield ngettext(
                "%(user)s may then start %(num)s more verification with %(provider)s; now it is %(left)s.",
                "%(user)s may then start %(num)s more verifications with %(provider)s; now it is %(left)s.",
                most,
                user=user_id,
                provider=provider.name,
                left=number(max(0, most - used)),
            )


def _statuses() -> UserStatuses:
    statuses: UserStatuses = use_cases().user_statuses
    return statuses


def _of_removing(removable: Removable) -> str:
    """Return the consequences of a user's removal, here and at Onfido."""
    verifications = ngettext("%(num)s verification", "%(num)s verifications", removable.verifications)
    applicants = ngettext(
        "%(num)s applicant, with its documents and photos,",
        "%(num)s applicants, with their documents and photos,",
        removable.applicants,
    )
    if removable.is_more:
        verifications = _("%(n)s or more verifications", n=number(removable.verifications))
        applicants = _("%(n)s or more applicants, with their documents and photos,", n=number(removable.applicants))
    here = _("Deletes values, attributes, %(verifications)s and the bodies of events now.", verifications=verifications)
    there = [_("At Onfido, %(applicants)s will be deleted shortly.", applicants=applicants)]
    if not removable.applicants:
        there = [_("No applicant at Onfido is known.")]
    if removable.has_customer_data:
        there.append(_("Passkeys and biometric tokens that Onfido keeps under the user’s id are deleted with them."))
    kept = _(
        "Applicants of providers that were removed stay at Onfido. The audit trail keeps a record of the removal. "
        "This cannot be undone."
    )
    return " ".join((here, _("The user is signed out here."), *there, kept))


def _page(user_id: str, values: Mapping[str, str] | None) -> str:
    return render_template("console/users/user.html", user_id=user_id, values=values, **facts_of(user_id, values))


def _users() -> Users:
    users: Users = use_cases().users
    return users
