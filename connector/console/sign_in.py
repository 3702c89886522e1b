"""Signing in and out, with OpenID Connect at the tenant's issuer.

/console/sign-in ──► /console/sign-in/start ──► the issuer ──► /console/callback ──► the requested page
/console/sign-out          ends the session here; its page offers to sign out at the issuer as well
/console/backchannel       the issuer's notification that a person has signed out there
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from authlib.common.errors import AuthlibBaseError
from flask import Blueprint, Response, current_app, g, jsonify, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from joserfc.errors import JoseError
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from connector.access.back_channel import read_logout
from connector.access.discovery import FetchError, IssuerUnavailableError
from connector.access.openid_client import OpenIdClient, SignInRefused
from connector.access.refusals import TokenRefused
from connector.access.signed_in import read_person
from connector.api.middleware.origins import client_address
from connector.console.ground import console_sessions, public_url, settings, sign_in_record, turns
from connector.console.languages import prefer, requested, speak_all
from connector.console.own_token import is_kept_for
from connector.console.story import admit
from connector.console.viewer import current_viewer, is_secure, sign_out
from connector.console.viewer import sign_in as begin_session
from connector.domain.audit.history import CANCELLED, NO_ANSWER, NO_SIGN_OUT, NOT_ACCEPTED, NOT_BEGUN, OTHER_TENANT
from connector.errors import ConnectorError, TooManyRequests
from connector.http.client import ExchangeError
from connector.services.console.console_sessions import Person

log = structlog.get_logger(__name__)

blueprint = Blueprint("sign_in", __name__)
speak_all(blueprint)

NO_ISSUER = (FetchError, ExchangeError, IssuerUnavailableError)
NOT_SIGNED_IN = (AuthlibBaseError, JoseError, SignInRefused, TokenRefused, *NO_ISSUER, ValueError)


class SignInFailed(Exception):  # noqa: N818  it is a refusal, not a defect
    """A sign-in that failed: `text` is for the person, the reason is in the log; `next_url` was the page to show."""

    def __init__(self, text: str, next_url: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.next_url = next_url


@blueprint.before_request
def _hear() -> None:
    prefer(request.args.get("for_locales"))  # the languages of the OpenID request that requires the sign-in


@blueprint.get("/sign-in")
def show_sign_in() -> BaseResponse | str:
    """Redirect to the issuer, or ask which one if the tenant has several; `again`: also a person with a session."""
    next_url = safe_next(request.args.get("next"))
    viewer = current_viewer()
    if viewer is not None and "again" not in request.args:
        return redirect(next_url)
    offered = clients()
    issuer = viewer.principal.issuer if viewer is not None else None
    chosen = [at for at, each in enumerate(offered) if len(offered) == 1 or each.settings.issuer == issuer]
    if chosen and "stay" not in request.args:
        return redirect(_start_url(chosen[0], next_url))
    urls = [_start_url(at, next_url) for at in range(len(offered))]
    return render_template("console/sign_in.html", clients=list(zip(offered, urls, strict=True)), dev=settings().dev)


@blueprint.get("/sign-in/start")
def start() -> BaseResponse:
    """Begin a sign-in at an issuer of the tenant."""
    turns().count(client_address())
    client, next_url = _client_at(request.args.get("issuer", "0")), safe_next(request.args.get("next"))
    if client is None:
        raise BadRequest
    try:
        with turns().one():
            return redirect(client.begin(_callback_url(), next_url, str(get_locale())))
    except NOT_SIGNED_IN as error:
        raise SignInFailed(_failure(client, error), next_url) from error


@blueprint.get("/callback")
def complete() -> BaseResponse:
    """Complete a sign-in that comes back from the issuer."""
    turns().count(client_address())
    client, next_url = _begun()
    try:
        with turns().one():
            tokens = client.complete()
            person = read_person(tokens, client, current_app.extensions["issuers"], g.tenant)
    except NOT_SIGNED_IN as error:
        raise SignInFailed(_failure(client, error), next_url) from error
    session.clear()  # the token of forms, too, is a new one
    response = redirect(next_url)
    principal = person.principal
    begin_session(
        response,
        Person(
            principal.subject,
            person.name,
            principal.client_id,
            principal.issuer,
            principal.scopes,
            person.subject,
            person.issuer_session,
            person.token if is_kept_for(next_url) else None,
        ),
    )
    return response


@blueprint.post("/sign-out")
def end() -> BaseResponse:
    """End the session here."""
    admit(None)
    client = next((each for each in clients() if each.settings.issuer == g.principal.issuer), None)
    next_url = safe_next(request.form["next"]) if "next" in request.form else None
    at = clients().index(client) if client else None
    response = redirect(url_for(".show_signed_out", at=at, next=next_url))
    session.clear()
    sign_out(response)
    return response


@blueprint.get("/signed-out")
def show_signed_out() -> str:
    """Confirm the sign-out, and offer to sign out at the issuer as well."""
    issuer_url, next_url = _end_session_url(request.args.get("at")), safe_next(request.args.get("next"))
    return render_template("console/signed_out.html", issuer_url=issuer_url, next_url=next_url)


@blueprint.post("/backchannel")
def take_sign_out() -> Response:
    """End the sessions that an issuer reports as signed out.

    An issuer may report many at once, and reports each only once: only refused tokens are counted as tries.
    """
    text = request.form.get("logout_token", "")
    refused: list[tuple[OpenIdClient, TokenRefused]] = []
    for client in clients():
        try:
            signed_out = read_logout(text, client)
        except TokenRefused as error:
            refused.append((client, error))
            continue
        except IssuerUnavailableError:
            log.warning("console.sign_out_refused", check="keys", reason="the issuer's keys are not available")
            continue
        console_sessions().end_of_issuer(
            client.settings.issuer, subject=signed_out.subject, issuer_session=signed_out.issuer_session
        )
        return Response(status=200)
    turns().count(client_address())
    for client, refusal in [each for each in refused if each[1].check != "iss"] or refused[:1]:
        log.warning("console.sign_out_refused", check=refusal.check, reason=refusal.reason)
        sign_in_record().refuse(g.tenant, NO_SIGN_OUT, client.settings.issuer)
    response = jsonify(error="invalid_request")
    response.status_code = 400
    return response


def sign_in_url(next_url: str | None, **more: Any) -> str:
    """Return the address of the sign-in, after which a page is shown."""
    return url_for("console.sign_in.show_sign_in", next=next_url, for_locales=requested(), **more)


def _start_url(at: int, next_url: str) -> str:
    return url_for(".start", issuer=at, next=next_url, for_locales=requested())


def clients() -> list[OpenIdClient]:
    """Return the issuers of the request's tenant that sign people in to the console."""
    known: list[OpenIdClient] = current_app.extensions["console_clients"]
    return [each for each in known if each.rules.may_name(g.tenant)]


def _client_at(number: str | None) -> OpenIdClient | None:
    """Return one of the tenant's issuers by its number in an address; None if there is none."""
    return next((client for at, client in enumerate(clients()) if str(at) == number), None)


def safe_next(url: str | None) -> str:
    """Return the page to show after signing in; the console's first page if the address is not one of its own."""
    home, own = f"{request.script_root}/console", f"{request.script_root}/verify"
    if not url or not url.isprintable() or "\\" in url:
        return home
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a host that is no valid IPv6 address
        return home
    below = (f"{home}/", f"{own}/", f"{request.script_root}/oauth2/flows/")
    is_ours = parts.path in (home, own) or parts.path.startswith(below)
    if parts.scheme or parts.netloc or not is_ours or "/../" in f"{parts.path}/":
        return home
    return url


def _begun() -> tuple[OpenIdClient, str]:
    """Return the client of the sign-in that has returned, and the page it leads to."""
    for client in clients():
        if (next_url := client.next_url()) is not None:
            return client, safe_next(next_url)
    log.warning("console.sign_in_refused", reason="state: this browser has not begun it, or too long ago")
    sign_in_record().refuse(g.tenant, NOT_BEGUN)
    raise SignInFailed(_("This sign-in was started in another browser, or too long ago. Start again."))


def _failure(client: OpenIdClient, error: Exception) -> str:
    """Log why a sign-in failed, without the issuer's data, and return the message for the person."""
    code = getattr(error, "error", None)
    if isinstance(error, TokenRefused):
        reason = f"{error.check}: {error.reason}"
    elif isinstance(error, SignInRefused | FetchError | IssuerUnavailableError | ConnectorError):
        reason = str(error)
    else:
        reason = str(code) if isinstance(code, str) else type(error).__name__
    log.warning("console.sign_in_refused", issuer=client.settings.issuer, reason=reason[:300])
    sign_in_record().refuse(g.tenant, _cause(error, code), client.settings.issuer)
    if code == "access_denied":
        return str(_("The sign-in was cancelled, or your account may not sign in here."))
    if isinstance(error, NO_ISSUER):
        return str(_("The identity provider does not answer. Try again in a minute."))
    if isinstance(error, TokenRefused) and error.check == "tenant":
        return str(_("Your account belongs to a different organization."))
    return str(_("The identity provider’s answer could not be accepted. The log contains the reason."))


def _cause(error: Exception, code: object) -> str:
    if code == "access_denied":
        return CANCELLED
    if isinstance(error, NO_ISSUER):
        return NO_ANSWER
    return OTHER_TENANT if isinstance(error, TokenRefused) and error.check == "tenant" else NOT_ACCEPTED


def _callback_url() -> str:
    return f"{public_url()}{g.tenant.path}/console/callback"


def _end_session_url(at: str | None) -> str | None:
    """Return the issuer's address for signing out there; None if it has none, or does not answer.

    Anyone can open this page, so it takes a turn: it must not occupy more threads than sign-ins do.
    """
    client = _client_at(at)
    if client is None:
        return None
    try:
        with turns().one():
            endpoint = client.load_server_metadata().get("end_session_endpoint")
    except (*NO_ISSUER, TooManyRequests):
        return None
    if not isinstance(endpoint, str) or (is_secure() and not endpoint.startswith("https://")):
        return None
    back = f"{public_url()}{g.tenant.path}/console"
    query = urlencode({"client_id": client.client_id, "post_logout_redirect_uri": back})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
