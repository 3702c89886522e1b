"""The pages for browsers: the authorization endpoint, and the pages of one request until the user is sent back.

    /oauth2/authorize?request_uri=… ──► /oauth2/flows/{id}   consent: agree or leave
                                    ──► Onfido's capture page ──► /oauth2/flows/{id}   waits, then redirects

A request is bound by a cookie to the browser that opened it. Everything works without JavaScript.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, abort, current_app, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.api.middleware.shares import Lasting, begin
from connector.console import headers, refusals
from connector.console.ground import public_url
from connector.console.languages import onfido_language, prefer, speak_all
from connector.console.own_token import with_own_token
from connector.console.sign_in import sign_in_url
from connector.console.story import SignedOut
from connector.console.viewer import current_viewer, host_cookie, is_secure
from connector.domain.environment import SANDBOX
from connector.domain.openid.clients import Client
from connector.domain.openid.flow import REFUSED, Flow
from connector.errors import Code, ConnectorError, OnfidoError, RequestError
from connector.oidc.endpoints import server
from connector.oidc.parameters import read_pushed
from connector.oidc.parties import clients, issuer
from connector.oidc.redirects import with_same_query
from connector.oidc.server import AlreadyAnswered, Answer, ParsedRequest, flows
from connector.oidc.words import claim_words
from connector.services.openid.proving import Progress, Proving, Stage
from connector.services.providers.registry import Providers

log = structlog.get_logger(__name__)

blueprint = Blueprint("openid_pages", __name__, url_prefix="/oauth2", template_folder="templates")
blueprint.after_request(headers.protect)
refusals.install(blueprint)
speak_all(blueprint)

T = TypeVar("T")
SECRET_BYTES = 32
FOLLOW_SECONDS = 3  # between two checks for a result


@blueprint.before_request
def answer_without_effect() -> Response | None:
    """Answer HEAD, with which programs check links, without consuming the user's `request_uri`."""
    return make_response("") if request.method == "HEAD" else None


@blueprint.get("/authorize")
def authorize() -> Response:
    """Open a pushed request for this browser."""
    pushed = read_pushed(request.args)
    if pushed is None:
        return _refused(_("This request was not sent to this provider beforehand."), "the request was not pushed")
    browser = request.cookies.get(_cookie_name()) or secrets.token_urlsafe(SECRET_BYTES)
    flow = flows().open(g.tenant, *pushed, browser)
    if flow is None:
        return _refused(_("This request was used already, or it has expired."), "unknown, used or expired request_uri")
    response = redirect(url_for(".show", flow_id=flow.flow_id), 303)
    secure = is_secure()
    response.set_cookie(_cookie_name(), browser, secure=secure, httponly=True, samesite="Lax", path="/")
    return response


@blueprint.post("/authorize")
def authorize_by_form() -> Response:
    """Repeat a request that a form of the client's sent as GET, with which the browser sends its cookie."""
    pushed = read_pushed(request.form)
    if pushed is None:
        return _refused(_("This request was not sent to this provider beforehand."), "the request was not pushed")
    return redirect(url_for(".authorize", request_uri=pushed[0], client_id=pushed[1]), 303)


@blueprint.get("/flows/<flow_id>")
def show(flow_id: str) -> Response | str:
    """Show the progress of the request; once there is a result, redirect with it."""
    flow, client = _flow(flow_id)
    if flows().is_expired(flow):
        return _leave(flow)
    if flow.user_id is None and current_viewer() is None:
        return redirect(sign_in_url(url_for(".show", flow_id=flow_id)))
    with _lasting(flow):
        progress = _proving().follow(g.tenant, flow)
        if progress.stage is Stage.ENDED:
            return _answer(flow, client)
    return _page(flow, client, progress)


@blueprint.post("/flows/<flow_id>/start")
def start(flow_id: str) -> Response | str:
    """Start the verification, or continue it, and redirect to Onfido's page."""
    flow, client = _flow(flow_id)
    _check_form(flow)
    if flows().is_expired(flow):
        return _leave(flow)
    user_id = flow.user_id or _signed_in()
    page = public_url() + g.tenant.path + f"/oauth2/flows/{flow.flow_id}"
    try:
        with _lasting(flow):
            link = _with_token(
                flow,
                lambda token: _proving().start(g.tenant, client, flow, user_id, page, onfido_language(), token),
            )
            if link is None:
                return _answer(flows().find(g.tenant, flow_id, _browser()) or flow, client)
    except (RequestError, OnfidoError) as error:
        return _not_started(flow, client, error)
    return render_template("oidc/leaving.html", link=link)


@blueprint.post("/flows/<flow_id>/leave")
def leave(flow_id: str) -> Response:
    """Send the user back without a result."""
    flow, _client = _flow(flow_id)
    _check_form(flow)
    flows().refuse(flow)
    return _leave(flow)


@blueprint.post("/flows/<flow_id>/back")
def go_back(flow_id: str) -> Response:
    """Send the user back once more, with another code: the previous answer may not have arrived."""
    flow, client = _known_flow(flow_id)
    _check_form(flow)
    if not flow.leads_back:
        return make_response(_closed(flow, client))
    return _leave(flow) if flow.state == REFUSED else _respond(flow, client, flow.result)


def _flow(flow_id: str) -> tuple[Flow, Client]:
    """Return the flow that this browser has opened, with its client; end the request if it has been answered."""
    flow, client = _known_flow(flow_id)
    if not flow.is_under_way:
        abort(make_response(_closed(flow, client)))
    return flow, client


def _known_flow(flow_id: str) -> tuple[Flow, Client]:
    """Return the flow that this browser has opened, with its client; end the request if there is none."""
    flow = flows().find(g.tenant, flow_id, _browser())
    client = None if flow is None else clients().find(g.tenant, flow.client_id)
    if flow is None or client is None or not client.config.is_enabled:
        abort(404)
    prefer(flow.parameters.get("ui_locales"))
    return flow, client


def _answer(flow: Flow, client: Client) -> Response:
    """Send the user back with a code for the result."""
    result = _with_token(flow, lambda token: _proving().result(g.tenant, client, flow, issuer(), token))
    return _respond(flow, client, result)


def _with_token(flow: Flow, read: Callable[[str | None], T]) -> T:
    """Call `read` with the access token of the user whom the flow verifies, if the directory is read with it alone."""
    if flow.is_of_guest:
        return read(None)
    return with_own_token(url_for(".show", flow_id=flow.flow_id), read, flow.user_id)


def _respond(flow: Flow, client: Client, result: Mapping[str, Any]) -> Response:
    try:
        return _authorization_response(flow, Answer(flow, result))
    except AlreadyAnswered:
        return make_response(_closed(flows().find(g.tenant, flow.flow_id, _browser()) or flow, client))


def _leave(flow: Flow) -> Response:
    log.info("openid.left", client_id=flow.client_id, flow_id=flow.flow_id)
    return _authorization_response(flow, None)


def _authorization_response(flow: Flow, answer: Answer | None) -> Response:
    """Create the redirect to the client with a code or, without an answer, with `access_denied`."""
    parsed = ParsedRequest(flow.parameters)
    try:
        grant = server().get_authorization_grant(parsed)
        response: Response = server().create_authorization_response(parsed, answer, grant)
    except OAuth2Error as error:
        log.warning("openid.refused", client_id=flow.client_id, error=error.error)
        return _refused(_("The application that sent you is no longer registered here."), error.error)
    if not response.location:  # the redirect URI was removed from the client meanwhile
        return _refused(_("The application that sent you is no longer registered here."), "redirect_uri")
    response.location = with_same_query(flow.parameters["redirect_uri"], response.location)
    return response


def _page(flow: Flow, client: Client, progress: Progress) -> str:
    providers: Providers = current_app.extensions["services"].providers
    provider = providers.get(g.tenant, flow.provider_id)
    names = current_app.extensions["services"].openid_names
    g.content_policy = _policy(flow)
    return render_template(
        "oidc/flow.html",
        flow=flow,
        client=client,
        provider=provider,
        is_sandbox=provider.environment == SANDBOX,
        stage=progress.stage,
        claims=claim_words(sorted({names[uri] for uri in flow.uris if uri in names})),
        form_token=_form_token(),
        seconds=FOLLOW_SECONDS,
    )


def _not_started(flow: Flow, client: Client, error: ConnectorError) -> Response:
    """Explain that the verification cannot start now, with links to retry or to go back."""
    log.warning("openid.not_started", client_id=flow.client_id, flow_id=flow.flow_id, reason=error.summary)
    is_limit = isinstance(error, RequestError) and error.code is Code.ATTEMPT_LIMIT
    g.content_policy = _policy(flow)
    text = render_template(
        "oidc/not_started.html", flow=flow, client=client, is_limit=is_limit, form_token=_form_token()
    )
    return make_response(text, 429 if is_limit else 503)


def _closed(flow: Flow, client: Client) -> str:
    g.content_policy = _policy(flow)
    leads_back = flow.leads_back and not flows().is_expired(flow)
    return render_template(
        "oidc/closed.html", flow=flow, client=client, leads_back=leads_back, form_token=_form_token()
    )


def _refused(text: str, reason: str) -> Response:
    log.warning("openid.refused", path=request.path, reason=reason)
    return make_response(render_template("oidc/refused.html", text=text, choices=()), 400)


def _policy(flow: Flow) -> str:
    """Allow a form's redirect to the client, for a user who cancels."""
    target = urlsplit(flow.parameters["redirect_uri"])
    return headers.POLICY.replace("form-action 'self'", f"form-action 'self' {target.scheme}://{target.netloc}")


@contextmanager
def _lasting(flow: Flow) -> Iterator[None]:
    """Count a call that may wait for Onfido, so that these calls cannot occupy every thread."""
    end = begin(Lasting.ONFIDO, flow.user_id or flow.flow_id)
    try:
        yield
    finally:
        end()


def _signed_in() -> str:
    viewer = current_viewer()
    if viewer is None:
        raise SignedOut
    return viewer.principal.subject


def _check_form(flow: Flow) -> None:
    """Refuse a post that does not come from our own page."""
    if not hmac.compare_digest(request.form.get("token", ""), _form_token()):
        log.warning("openid.refused", path=request.path, reason="the form's token is missing or wrong")
        abort(400)


def _form_token() -> str:
    return hashlib.sha256(f"form {_browser()}".encode()).hexdigest()


def _browser() -> str:
    return request.cookies.get(_cookie_name(), "")


def _cookie_name() -> str:
    return host_cookie("openid-flow")


def _proving() -> Proving:
    known: Proving = current_app.extensions["services"].openid_proving
    return known
