"""The pages and actions of the user's page."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from flask import Response, g, make_response, redirect, render_template, url_for
from flask_babel import format_timedelta
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from connector.api.middleware.shares import Lasting, begin
from connector.console import headers, refusals
from connector.console.ground import public_url, settings, use_cases
from connector.console.languages import onfido_language, speak_all
from connector.console.live import live_part
from connector.console.own_token import with_own_token
from connector.console.story import Story
from connector.console.verify.policy import SDK_PERMISSIONS, SDK_URL, logo_of, page_policy, sdk_policy
from connector.console.verify.problems import Problem, problem_of
from connector.console.verify.standing import CHECKING, WAITING, Standing, standing_of
from connector.console.viewer import actor
from connector.domain.people.user_status import ProviderStatus
from connector.domain.providers.colors import for_dark_ground
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_input import RunRequest
from connector.errors import Code, DirectoryError, OnfidoError, RequestError, TooManyRequests
from connector.services.starting.requests import Capture, Verifications

log = structlog.get_logger(__name__)

verify = Story("verify", "/verify")
verify.after_request(headers.protect)
refusals.install(verify)
speak_all(verify)


@verify.page(scope=None)
def show_first() -> BaseResponse | str:
    """Redirect to the page of the tenant's provider; if there are several, offer a choice."""
    offered = [each for each in use_cases().providers.all(g.tenant) if each.is_enabled]
    if len(offered) == 1:
        return redirect(url_for(".show", provider_id=offered[0].provider_id))
    return render_template("verify/choose.html", providers=offered)


@verify.page("/<provider_id>", scope=None, lasting=Lasting.ONFIDO)
def show(provider_id: str) -> Response:
    """Show what is verified, and what to do next."""
    return _page(_current_status(provider_id, asks=True))


@verify.page("/<provider_id>/state", scope=None, is_polled=True)
def show_state(provider_id: str) -> Response:
    """Return the part of the page that follows the result."""
    try:
        end = begin(Lasting.ONFIDO, g.principal.subject)
    except TooManyRequests:
        return Response(status=304)  # the page keeps what it has, and asks again
    try:
        status = _status(provider_id, asks=True)
    finally:
        end()
    standing = standing_of(status)
    return live_part(
        "verify/state.html", standing.version, is_final=not standing.is_live, **_shown(status.provider, standing)
    )


@verify.action("/<provider_id>/start", scope=None, lasting=Lasting.ONFIDO)
def start(provider_id: str) -> BaseResponse:
    """Start a verification, or continue the open one: at Onfido's pages, or with its Web SDK on a page here."""
    status = _current_status(provider_id)
    standing = standing_of(status)
    if not (standing.may_start or standing.state == WAITING):
        return _back(provider_id)
    try:
        capture = with_own_token(_address(provider_id), lambda token: _begin(status, standing, token))
    except DirectoryError:
        raise
    except (RequestError, OnfidoError, TooManyRequests) as error:
        log.warning("verify.not_started", provider_id=provider_id, code=getattr(error, "code", "HTTP-429"))
        problem = problem_of(error)
        return _back(provider_id) if problem is None else _page(status, problem)
    return _redirect_to_capture(status.provider, capture)


@verify.page("/<provider_id>/start", scope=None)
def show_start(provider_id: str) -> BaseResponse:
    """Redirect from the address of a form to the page: browsers go there when they reload or go back."""
    return _back(provider_id)


@verify.form("/<provider_id>/return", scope=None, lasting=Lasting.ONFIDO, is_shown_again=False)
def come_back(provider_id: str) -> BaseResponse:
    """Request the result of a user who returns from Onfido, and show the page."""
    status = _status(provider_id)
    if standing_of(status).is_live:
        _ask(status)
    return _back(provider_id)


@verify.page("/<provider_id>/accent.css", scope=None)
def show_accent(provider_id: str) -> Response:
    """Return the provider's accent colour as a stylesheet, because the policy forbids inline styles."""
    provider = _provider(provider_id)
    color = provider.accent_color
    style = (
        ""
        if color is None
        else (
            f":root {{ --c-accent: {color}; --c-accent-ink: #ffffff; }}\n"
            f'[data-bs-theme="dark"] {{ --c-accent: {for_dark_ground(color)}; --c-accent-ink: #14171c; }}\n'
        )
    )
    return Response(style, mimetype="text/css")


def _provider(provider_id: str) -> Provider:
    try:
        provider: Provider = use_cases().providers.get(g.tenant, provider_id)
    except RequestError as error:
        raise NotFound from error
    return provider


def _current_status(provider_id: str, *, asks: bool = False) -> ProviderStatus:
    """Return the user's status by the values in the directory, which may be readable with the user's token alone.

    While a run is open, what is known of it is sufficient.
    """
    status = _status(provider_id, asks=asks)
    if not g.tenant.directory.needs_the_user or standing_of(status).is_live:
        return status
    return with_own_token(_address(provider_id), lambda token: _own_status(provider_id, token))


def _status(provider_id: str, *, asks: bool = False) -> ProviderStatus:
    """Return the user's status; with `asks`, read it from Onfido while a check is open: a webhook may be lost."""
    status = _own_status(provider_id)
    if asks and standing_of(status).state == CHECKING and status.last_run and status.last_run.run_id:
        _ask(status)
        status = _own_status(provider_id)
    return status


def _own_status(provider_id: str, access_token: str | None = None) -> ProviderStatus:
    provider = _provider(provider_id)
    try:
        known = use_cases().user_statuses.get(g.tenant, g.principal.subject, access_token)
    except RequestError as error:
        if error.code is not Code.USER_NOT_FOUND:
            raise
        return ProviderStatus(provider, (), None)
    status: ProviderStatus = next(each for each in known.providers if each.provider.provider_id == provider_id)
    return status


def _ask(status: ProviderStatus) -> None:
    """Read the result from Onfido and apply it; if that fails, the page shows what is known."""
    uris = [claim.uri for claim in status.claims if claim.has_value]
    with suppress(OnfidoError, RequestError, TooManyRequests):
        _verifications().complete(g.tenant, g.principal.subject, status.provider.provider_id, uris)


def _begin(status: ProviderStatus, standing: Standing, access_token: str | None) -> Capture:
    """Start a verification, or return the way to continue the open one."""
    provider, uris = status.provider, [claim.uri for claim in status.claims if claim.has_value]
    verifications, options = _verifications(), _options(provider)
    try:
        return verifications.initiate(
            g.tenant,
            g.principal.subject,
            provider.provider_id,
            list(standing.uris) or uris,
            options,
            actor(),
            access_token,
            client_id=g.principal.application,
        )
    except RequestError as error:
        if error.code is not Code.VERIFICATION_OPEN:
            raise
    return verifications.resume(g.tenant, g.principal.subject, provider.provider_id, uris, options)


def _options(provider: Provider) -> RunRequest:
    """Return the options of a run: the return address if the provider allows this page, and the page's language."""
    here = f"{public_url()}{g.tenant.path}/verify/{provider.provider_id}/return"
    back = here if here in provider.studio.link.redirect_urls else None
    return RunRequest(
        completed_redirect_url=back,
        expired_redirect_url=back,
        language=provider.studio.link.language or onfido_language(),
    )


def _redirect_to_capture(provider: Provider, capture: Capture) -> BaseResponse:
    """Redirect to Onfido's pages, or open its Web SDK; a run that needs no input already has its result."""
    if capture.link_url is not None:
        return _written(render_template("verify/leaving.html", url=capture.link_url, **_brand(provider)), provider)
    if capture.sdk_token is None:
        return _back(provider.provider_id)
    verification = capture.verification
    page = render_template(
        "verify/capture.html",
        token=capture.sdk_token,
        run_id=verification.run_id,
        sdk_url=SDK_URL,
        **_brand(provider),
    )
    response = _written(page, provider)
    g.content_policy = sdk_policy(provider.image)
    g.permissions_policy = SDK_PERMISSIONS
    return response


def _page(status: ProviderStatus, problem: Problem | None = None) -> Response:
    standing = standing_of(status)
    page = render_template("verify/page.html", problem=problem, **_shown(status.provider, standing))
    response = _written(page, status.provider)
    if problem is not None:
        response.status_code = problem.status
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _written(page: str, provider: Provider) -> Response:
    g.content_policy = page_policy(provider.image)
    return make_response(page)


def _shown(provider: Provider, standing: Standing) -> dict[str, Any]:
    retention = timedelta(days=settings().event_retention_days)
    time_kept = format_timedelta(retention, granularity="day", threshold=math.inf)
    return {"standing": standing, "time_kept": time_kept, **_brand(provider)}


def _brand(provider: Provider) -> dict[str, Any]:
    return {"provider": provider, "logo": logo_of(provider.image)}


def _back(provider_id: str) -> BaseResponse:
    return redirect(_address(provider_id), 303)


def _address(provider_id: str) -> str:
    return url_for(".show", provider_id=provider_id)


def _verifications() -> Verifications:
    verifications: Verifications = use_cases().verifications
    return verifications
