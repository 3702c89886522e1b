"""The person's own sessions at the console, each with a button that ends it."""

from __future__ import annotations

from flask import g, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.console.ground import console_sessions, settings
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor

story = Story("sessions")

MOST = 50


@story.page(scope=None)
def show_list() -> str:
    """Show where the person is signed in."""
    page = console_sessions().search(g.tenant, user_id=g.principal.subject, limit=MOST)
    return render_template(
        "console/sessions.html",
        sessions=page.rows,
        lifetime=settings().console_session_lifetime,
        idle_time=settings().console_idle_time,
    )


@story.action("/<session_id>/end", scope=None)
def end(session_id: str) -> Response:
    """End one of the person's own sessions."""
    own = console_sessions().search(g.tenant, user_id=g.principal.subject, limit=MOST).rows
    if any(each.session_id == session_id for each in own) and console_sessions().end(g.tenant, session_id, actor()):
        notify(_("That browser is signed out."))
    return redirect(url_for(".show_list"))
