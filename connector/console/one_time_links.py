"""Signing in under --dev, without an issuer: a link that is valid once, for a few minutes."""

from __future__ import annotations

import structlog
from flask import Blueprint, g, redirect, request, session
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from connector.access import development
from connector.api.middleware.origins import client_address
from connector.console.ground import console_sessions, settings, sign_in_record, turns
from connector.console.languages import speak_all
from connector.console.sign_in import SignInFailed, safe_next
from connector.console.viewer import sign_in
from connector.domain.audit.history import LINK_USED
from connector.services.console.console_sessions import Person

log = structlog.get_logger(__name__)

blueprint = Blueprint("link", __name__)
speak_all(blueprint)


@blueprint.get("/link/<secret>")
def use(secret: str) -> BaseResponse:
    """Sign in with a one-time link."""
    if not settings().dev:
        raise NotFound
    turns().count(client_address())
    link = console_sessions().use_link(g.tenant, secret)
    if link is None:
        log.warning("console.sign_in_refused", reason="link: it was used, or has expired")
        sign_in_record().refuse(g.tenant, LINK_USED)
        raise SignInFailed(_("This link has already been used, or has expired. Create another: connector console link"))
    session.clear()
    response = redirect(safe_next(request.args.get("next")))
    person = Person(link.user_id, link.user_id, development.CLIENT_ID, development.IDENTIFIER, link.scopes)
    sign_in(response, person, is_by_link=True)
    return response
