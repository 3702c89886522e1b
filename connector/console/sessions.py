"""The person's own sessions at the console, each with a button that ends it."""

from __future__ import annotations

from flask import g, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.console.filters import Filters
from connector.console.ground import console_sessions, settings
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor

story = Story("sessions")

PAGE = 25


@story.page(scope=None)
def show_list() -> str:
    """Show where the person is signed in."""
    filters = Filters()
    page = console_sessions().search(g.tenant, user_id=g.principal.subject, limit=PAGE, cursor=filters.cursor)
    return render_template(
        "console/sessions.html",
        sessions=page.rows,
        lifetime=settings().console_session_lifetime,
        idle_time=settings().console_idle_time,
        older_url=filters.page_url(page.next_cursor),
        newest_url=filters.url() if filters.cursor else "",
    )


@story.action("/<session_id>/end", scope=None)
def end(session_id: str) -> Response:
    """End one of the person's own sessions."""
    if console_sessions().end(g.tenant, session_id, actor(), user_id=g.principal.subject):
        notify(_("That browser is signed out."))
    return redirect(url_for(".show_list"))
