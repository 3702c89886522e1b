"""Jobs, which continue when the tab is closed, with their progress."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from flask import Response as File
from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import to_user_timezone, to_utc
from werkzeug.wrappers import Response
from wtforms import DateTimeLocalField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from connector.api.attachments import attachment
from connector.api.middleware.shares import Lasting
from connector.console.audit_details import label_of, value_in_words
from connector.console.confirm import confirm
from connector.console.deliveries.actions import confirm_resending
from connector.console.deliveries.rows import kind_words
from connector.console.filters import Filters
from connector.console.formats import moment_of, time_tag
from connector.console.forms import Form
from connector.console.ground import now, provider_names, use_cases
from connector.console.links import job_url
from connector.console.live import live_part
from connector.console.notices import notify
from connector.console.story import Story, admit
from connector.console.viewer import actor
from connector.domain.audit.history import ENDPOINT
from connector.domain.job_requests import fetching_since, resending_since
from connector.domain.jobs import DEAD, EVERYTHING, USER_RECORD, Job, JobRequest
from connector.services.application.deliveries import Deliveries, ResendPreview
from connector.services.jobs.jobs import Jobs
from connector.services.lookup.object_names import ObjectNames
from connector.services.providers.registry import Providers

story = Story("jobs")

SCOPE = "internal_idv_claim_view"
VALUES_SCOPE = "internal_idv_verified_claims_view"
RESEND = "resend"  # the button that was pressed
RESEND_SCOPE, FETCH_SCOPE = "internal_idvp_update", "internal_idv_claim_update"
PAGE = 25


class MomentField(DateTimeLocalField):  # type: ignore[misc]  # WTForms is untyped
    """A time in the viewer's zone, within the calendar in UTC as well."""

    def __init__(self, label: object, **options: Any) -> None:
        super().__init__(label, [InputRequired(_l("must be a date and a time"))], **options)

    def pre_validate(self, form: Form) -> None:
        """Refuse a time that is before the first or after the last day in UTC."""
        try:
            _moment(self.data or now())
        except OverflowError as error:
            raise ValidationError(_("must be a date and a time")) from error


class ResendForm(Form):
    """Which deliveries to resend."""

    which = RadioField(
        _l("Which"),
        choices=[
            SelectChoice(DEAD, _l("Those that became dead since then")),
            SelectChoice(EVERYTHING, _l("Every notice since then, also those that were sent")),
        ],
        default=DEAD,
    )
    since = MomentField(_l("Since"))


class FetchForm(Form):
    """The provider whose runs are fetched."""

    provider = SelectField(_l("Provider"))
    since = MomentField(_l("Since"))


@story.page(scope=SCOPE)
def show_list() -> str:
    """Show the jobs."""
    filters = Filters()
    page = _jobs().page(g.tenant, limit=PAGE, cursor=filters.cursor)
    return render_template(
        "console/jobs/list.html",
        jobs=[(job, _jobs().state(job)) for job in page.rows],
        older_url=filters.page_url(page.next_cursor),
        newest_url=filters.url() if filters.cursor else "",
    )


@story.page("/<job_id>", scope=SCOPE)
def show(job_id: str) -> str:
    """Show one job."""
    job = _jobs().get(g.tenant, job_id)
    return render_template("console/jobs/job.html", **_shown(job))


@story.page("/<job_id>/state", scope=SCOPE, is_polled=True)
def show_state(job_id: str) -> File:
    """Show a job's progress."""
    job = _jobs().get(g.tenant, job_id)
    shown = _shown(job)
    return live_part("console/jobs/state.html", shown.pop("version"), is_final=not job.is_open, **shown)


@story.page("/<job_id>/result", scope=SCOPE, lasting=Lasting.DOWNLOAD)
def download(job_id: str) -> File:
    """Download a result; the audit trail records it."""
    if _jobs().get(g.tenant, job_id).kind == USER_RECORD:
        admit(VALUES_SCOPE)
    chosen, parts = _jobs().result(g.tenant, job_id, request.args.get("format"), actor())
    return attachment(parts, chosen.media_type, chosen.file_name)


@story.page("/<job_id>/cancel", scope=SCOPE)
def ask_cancel(job_id: str) -> str:
    """Ask before cancelling."""
    job = _jobs().get(g.tenant, job_id)
    return confirm(
        _("Cancel this job?"),
        _("It ends now. Completed steps are not undone; its result is deleted."),
        verb=_("Cancel the job"),
        action=url_for(".cancel", job_id=job.job_id),
        back=job_url(job.job_id),
    )


@story.action("/<job_id>/cancel", scope=SCOPE)
def cancel(job_id: str) -> Response:
    """Cancel a job; a job of another person requires a scope."""
    if _jobs().get(g.tenant, job_id).owner != actor():
        admit(RESEND_SCOPE)
    _jobs().cancel(g.tenant, job_id, actor())
    notify(_("The job was cancelled."))
    return redirect(job_url(job_id))


@story.form("/new/resend", scope=RESEND_SCOPE)
def resend() -> str | Response:
    """Request that deliveries are resent, after their number was shown."""
    form = ResendForm(since=_midnight())
    if request.method == "POST" and form.validate():
        since, is_everything = _moment(form.since.data), form.which.data == EVERYTHING
        if request.form.get("do") == RESEND:
            return _requested(resending_since(since, is_everything=is_everything))
        deliveries: Deliveries = use_cases().deliveries
        preview = deliveries.preview_resent(g.tenant, since, is_everything=is_everything)
        if preview.number != 0:
            return _ask_resend(preview, form)
        form.since.errors = [
            _("must be an earlier time: no such delivery exists since this one, except those that still wait")
        ]
    return render_template("console/jobs/resend.html", form=form)


def _ask_resend(preview: ResendPreview, form: ResendForm) -> str:
    return confirm_resending(
        preview,
        _("Resend all these deliveries?"),
        action=url_for(".resend"),
        back=url_for(".resend"),
        fields={"which": form.which.data, "since": form.since.data.isoformat(), "do": RESEND},
    )


@story.form("/new/fetch-runs", scope=FETCH_SCOPE)
def fetch_runs() -> str | Response:
    """Request that runs are fetched from Onfido."""
    providers: Providers = use_cases().providers
    form = FetchForm(since=_midnight())
    form.provider.choices = [SelectChoice(each.provider_id, each.name) for each in providers.all(g.tenant)]
    if request.method == "POST" and form.validate():
        return _requested(fetching_since(_moment(form.since.data), form.provider.data))
    return render_template("console/jobs/fetch_runs.html", form=form)


def _requested(asked: JobRequest) -> Response:
    return redirect(job_url(_jobs().request(g.tenant, asked, actor()).job_id))


def _shown(job: Job) -> dict[str, Any]:
    state = _jobs().state(job)
    is_own = job.owner == actor()
    return {
        "job": job,
        "state_name": state,
        "version": _version(job),
        "share": round(100 * job.done / job.total) if job.total else None,
        "may_cancel": job.is_open and (is_own or g.viewer.may(RESEND_SCOPE)),
        "may_download": state == "done" and job.formats and (job.kind != USER_RECORD or g.viewer.may(VALUES_SCOPE)),
        "values_scope": VALUES_SCOPE,
        "provider_name": provider_names().get(job.provider_id or ""),
        "parameters": _parameters(job),
    }


def _parameters(job: Job) -> dict[str, object]:
    """Return what was requested, in words, by its labels; the user and the provider are shown separately."""
    names: ObjectNames = use_cases().object_names
    endpoints = names.of(g.tenant, [(ENDPOINT, job.parameters.get("endpointId"))])

    def in_words(name: str, value: str) -> object:
        if name == "since":
            return time_tag(moment_of(value), "exact")
        if name == "kind":
            return kind_words(value)
        return endpoints.get((ENDPOINT, value), value) if name == "endpointId" else value_in_words(name, value)

    chosen = {name: value for name, value in job.parameters.items() if value and name != "userId"}
    return {label_of(name): in_words(name, str(value)) for name, value in chosen.items()}


def _version(job: Job) -> str:
    return f"{_jobs().state(job)}-{job.step}-{job.updated_at.timestamp():.0f}"


def _midnight() -> datetime:
    return datetime.combine(to_user_timezone(now()).date(), time())


def _moment(local: datetime) -> datetime:
    """Return a time that was entered in the viewer's time zone."""
    moment: datetime = to_utc(local)
    return moment.replace(tzinfo=UTC)


def _jobs() -> Jobs:
    jobs: Jobs = use_cases().jobs
    return jobs
