"""Actions on deliveries: resend one, resend all that became dead since a time, drop one."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from werkzeug.wrappers import Response

from connector.console.confirm import confirm
from connector.console.deliveries.pages import deliveries
from connector.console.formats import moment_of, time_tag
from connector.console.formats import number as number_in_words
from connector.console.ground import now, use_cases
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.job_requests import resending_since
from connector.services.application.deliveries import MOST_COUNTED, ResendPreview
from connector.services.jobs.jobs import Jobs

CHANGE = "internal_idvp_update"
PERIODS = (1, 6, 24, 24 * 7, 24 * 30)  # hours


def install(story: Story) -> None:
    """Add these actions to the story."""
    story.action("/<delivery_id>/resend", scope=CHANGE)(resend)
    story.page("/<delivery_id>/drop", scope=CHANGE)(ask_drop)
    story.action("/<delivery_id>/drop", scope=CHANGE)(drop)
    story.page("/dead", scope=CHANGE)(show_dead)
    story.page("/dead/resend", scope=CHANGE)(ask_resend_all)
    story.action("/dead/resend", scope=CHANGE)(resend_all)


def resend(delivery_id: str) -> Response:
    """Resend one delivery."""
    deliveries().retry(g.tenant, delivery_id, actor())
    notify(_("It is being sent again, with the same id."))
    return redirect(url_for(".show", delivery_id=delivery_id))


def ask_drop(delivery_id: str) -> str:
    """Ask before dropping a delivery."""
    deliveries().get(g.tenant, delivery_id)
    return confirm(
        _("Drop this delivery?"),
        _("It will never be sent. The verification is not changed. This cannot be undone."),
        verb=_("Drop"),
        action=url_for(".drop", delivery_id=delivery_id),
        back=url_for(".show", delivery_id=delivery_id),
    )


def drop(delivery_id: str) -> Response:
    """Drop a delivery."""
    deliveries().drop(g.tenant, delivery_id, actor())
    notify(_("The delivery was dropped."))
    return redirect(url_for(".show_list"))


def show_dead() -> str:
    """Show how many deliveries became dead within some periods."""
    counts = [(hours, now() - timedelta(hours=hours)) for hours in PERIODS]
    return render_template(
        "console/deliveries/dead.html",
        periods=[(_period(hours), since, deliveries().count_dead(g.tenant, since)) for hours, since in counts],
        most_counted=MOST_COUNTED,
    )


def ask_resend_all() -> str:
    """Ask before resending all deliveries that became dead since a time."""
    since = _since(request.args.get("since"))
    return confirm_resending(
        deliveries().preview_dead(g.tenant, since),
        _("Resend all dead deliveries?"),
        action=url_for(".resend_all"),
        back=url_for(".show_dead"),
        fields={"since": since.isoformat()},
    )


def confirm_resending(
    preview: ResendPreview, all_of_them: str, *, action: str, back: str, fields: dict[str, str]
) -> str:
    """Return the question before deliveries are resent; `all_of_them` is its title if their number is not known."""
    number, oldest = preview.number, preview.oldest_at
    notes = [] if number is not None else [_uncounted()]
    if oldest:
        notes.append(Markup("{} {}").format(_("The oldest was created:"), time_tag(oldest, "exact")))
    return confirm(
        all_of_them if number is None else ngettext("Resend %(num)s delivery?", "Resend %(num)s deliveries?", number),
        _("The applications may see an id twice. They are scheduled at a rate of at most 200 per second."),
        note=Markup(" ").join(notes),
        verb=_("Resend all") if number is None else _("Resend %(number)s", number=number_in_words(number)),
        action=action,
        back=back,
        fields=fields,
        is_harmless=True,
    )


def _uncounted() -> str:
    most = number_in_words(MOST_COUNTED)
    return str(_("Their number is not known: more than %(number)s deliveries would have to be read.", number=most))


def resend_all() -> Response:
    """Request a job that resends all deliveries that became dead since a time."""
    jobs: Jobs = use_cases().jobs
    jobs.request(g.tenant, resending_since(_since(request.form.get("since")), is_everything=False), actor())
    notify(_("They are being sent again, at most 200 per second. Jobs shows the progress."))
    return redirect(url_for(".show_list"))


def _since(text: str | None) -> datetime:
    """Read a time; a day ago if it cannot be read."""
    return moment_of(text) or now() - timedelta(days=1)


def _period(hours: int) -> str:
    if hours < 48:  # noqa: PLR2004  two days
        return str(ngettext("The last hour", "The last %(num)s hours", hours))
    return str(ngettext("The last day", "The last %(num)s days", hours // 24))
