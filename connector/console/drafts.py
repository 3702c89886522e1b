"""The input of a form is kept if the session has ended meanwhile.

    POST without a session ──► kept, encrypted, with the session that has ended ──► sign-in ──► /console/draft

There the form is shown again with its input if its view declares `is_shown_again`; otherwise its fields are
listed, and a button sends them. Secrets are never kept. A form is kept only if it came from a page of this browser's.
"""

from __future__ import annotations

import re
from inspect import unwrap

from flask import Response, current_app, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from connector.access.gate import REQUIRED_SCOPE
from connector.console.forms import SHOWN_AGAIN
from connector.console.ground import console_sessions
from connector.console.meanwhile import FIELD
from connector.console.notices import notify
from connector.console.story import Story, admit
from connector.console.viewer import cookie_name
from connector.services.console.console_sessions import Draft

story = Story("draft")

SECRET = re.compile(r"token|secret|password")
BUTTON = "do"  # the name of the buttons of forms that have several


@story.page(scope=None)
def show() -> BaseResponse | str:
    """Show the form that was sent after the session had ended."""
    draft = console_sessions().draft(g.viewer.session)
    if draft is None:
        return redirect(url_for("console.show_first"))
    return _form(draft) or _fields(draft)


@story.action("/discard", scope=None)
def discard() -> BaseResponse:
    """Forget the form."""
    console_sessions().forget_draft(g.viewer.session)
    return redirect(url_for("console.show_first"))


def keep() -> bool:
    """Keep the posted form until the person has signed in again; False if it cannot be kept."""
    secret = request.cookies.get(cookie_name())
    fields = tuple(each for each in request.form.items(multi=True) if not SECRET.search(each[0]))
    if secret is None or not any(name not in (FIELD, BUTTON) and value for name, value in fields):
        return False
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError:
        return False
    return console_sessions().keep_draft(g.tenant, secret, Draft(request.path, fields))


def _form(draft: Draft) -> Response | None:
    """Return the page of the form as it was sent, by its own view, which does nothing else; None if there is none."""
    try:
        rule, arguments = current_app.create_url_adapter(request).match(  # type: ignore[union-attr]
            draft.path, method="POST", return_rule=True
        )
    except HTTPException:
        return None
    view = current_app.view_functions[rule.endpoint]
    if not getattr(view, SHOWN_AGAIN, False):
        return None
    admit(getattr(view, REQUIRED_SCOPE))
    fields = [each for each in draft.fields if each[0] != BUTTON]
    request.url_rule, request.view_args = rule, dict(arguments)
    request.method, request.path = "POST", draft.path
    request.form, request.files = ImmutableMultiDict([*fields, (BUTTON, "show")]), ImmutableMultiDict()
    setattr(g, SHOWN_AGAIN, True)
    notify(_("Your session had ended, so that this is not saved yet. Check it, and save it."), kind="wait")
    response = make_response(unwrap(view)(**arguments))
    response.status_code = 200
    return response


def _fields(draft: Draft) -> str:
    """Return a page with the kept input, and a button that sends it."""
    shown = [(name, value) for name, value in draft.fields if name not in (FIELD, BUTTON) and value]
    return render_template("console/draft.html", draft=draft, shown_fields=shown)
